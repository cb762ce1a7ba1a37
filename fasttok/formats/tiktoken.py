"""Rank files of tiktoken: one line per piece, with its base64 encoding and its rank, which is its id.

A rank file contains neither the pattern of the pretokenizer nor the special tokens. For the files of OpenAI,
Llama 3 and Qwen, `load` knows both; see `fasttok.formats.encodings`.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from fasttok.core.checks import checked_choice
from fasttok.core.errors import ModelExportError, ModelFormatError, warn
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.core.saving import atomic_write
from fasttok.formats._ranks import parse_ranks
from fasttok.formats.base import SPARE_IDS, Format, Option, check_largest_id, check_plain, pieces_in_text
from fasttok.formats.encodings import ENCODINGS, encodings_of, find_encoding, hash_of
from fasttok.models.bpe._splits import split_pieces
from fasttok.models.bpe.alphabets import Bytes
from fasttok.models.bpe.model import BPEModel
from fasttok.models.units.byte import ByteModel
from fasttok.text.pretokenizers.registry import AnyPretokenizer, get_pretokenizer
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.tokenizer.vocabulary import as_added_tokens, check_added_tokens


def load(
    path: str | os.PathLike[str],
    pretokenizer: AnyPretokenizer | None = None,
    special_tokens: Mapping[str, int] | None = None,
    encoding: str | None = None,
) -> Tokenizer:
    """Load a tokenizer from a tiktoken rank file.

    `fasttok.load` calls this function for files that it recognizes as rank files.

    Parameters
    ----------
    path : path
        The file.
    pretokenizer : str, sequence, dict or Pretokenizer, optional
        Pretokenizer; see `get_pretokenizer`. Default: that of the encoding.
    special_tokens : mapping of str to int, optional
        Ids of the special tokens; default: those of the encoding, or none.
    encoding : str, optional
        Encoding whose pretokenizer and special tokens are the defaults: ``gpt2``, ``r50k_base``,
        ``p50k_base``, ``p50k_edit``, ``cl100k_base``, ``o200k_base``, ``o200k_harmony``, ``llama3`` or
        ``qwen``. Default: known from the content of the file; if the content is not known, or belongs to
        several encodings, from the name of the file without extensions.

    Returns
    -------
    Tokenizer

    Raises
    ------
    ModelFormatError
        If a line does not consist of a base64 piece and a rank, a piece or rank occurs twice, or one of the
        256 bytes is not a piece.
    ValueError
        If the encoding is not known and no pretokenizer is given, if the file is known to be that of another
        encoding, or if the id of a special token is already the id of a piece.
    TypeError
        If `special_tokens` is not a mapping.

    Notes
    -----
    tiktoken has no list of merges. In each step, it merges the two neighbours whose concatenation is the
    piece of lowest rank. On the bytes of one piece alone, the last step merges two parts into the piece. The
    same two parts are merged wherever the piece arises in a longer text, because the bytes around it do not
    change the steps inside it. fasttok therefore converts the file to one merge per piece. A pretoken that is
    a piece is encoded as this piece, even if these steps would not produce it.

    In tiktoken, the special tokens ``<|endofprompt|>`` and ``<|reserved_200018|>`` of o200k_harmony have the
    same id. fasttok only knows the first one. The file ``tokenizer.model`` of Llama 3 also belongs to Llama
    3.1 and later releases, which gave new names to some reserved special tokens. Qwen's own code applies NFC
    to a text before it encodes it; this tokenizer does not.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import fasttok as ft
    >>> path = pathlib.Path(tempfile.mkdtemp(), "low.tiktoken")
    >>> ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261).save(path, format="tiktoken")
    >>> tok = ft.load(path, pretokenizer="gpt2", special_tokens={"<|endoftext|>": 261})
    >>> tok.encode("low<|endoftext|>", special="all")
    array([257, 261], dtype=uint32)
    """
    name = os.fspath(path)
    if encoding is not None:
        checked_choice("encoding", encoding, *ENCODINGS)
    if special_tokens is not None and not isinstance(special_tokens, Mapping):
        raise TypeError(
            f"special_tokens must be a mapping of str to ids, not {type(special_tokens).__name__}"
        )
    data = _read(name)
    digest = hash_of(data)
    owners = encodings_of(digest)
    if encoding and owners and encoding not in owners:
        raise ValueError(f"{name} is the rank file of {' and '.join(owners)}, not of {encoding}")
    found = None if encoding else find_encoding(digest, _stem_of(name))
    encoding = encoding or found
    if encoding is None and pretokenizer is None:
        raise ValueError(
            f"{name}: a rank file does not contain its pretokenizer, and neither its content nor its name is "
            f"known; pass encoding= with one of {', '.join(ENCODINGS)}, or pretokenizer= with a name such as "
            '"gpt2" or the regular expression of the model'
        )
    known = ENCODINGS[encoding] if encoding else None
    if pretokenizer is None and known:
        pretokenizer = known.pretokenizer
    if special_tokens is None:
        special_tokens = known.special_tokens if known else {}
    chosen = get_pretokenizer(pretokenizer)  # type: ignore[arg-type]  # one of the two is given
    try:
        model = make_model(_parse(data, name))
    except ValueError as error:
        if isinstance(error, ModelFormatError):
            raise
        raise ModelFormatError(str(error), name) from None
    if found and digest != ENCODINGS[found].sha256:
        warn(
            f"{name}: has the name of the rank file of {found}, but is another or incomplete file; "
            f"if it is meant to be, pass encoding={found!r}"
        )
    provenance = {"format": "tiktoken"} | ({"encoding": encoding} if encoding else {})
    return Tokenizer(model, chosen, dict(special_tokens), provenance)


def make_model(pieces: Ragged) -> BPEModel:
    """Return the model that merges like tiktoken; the id and the rank of a piece are its row.

    Raises
    ------
    ValueError
        If a byte is missing, two rows are the same piece, or a piece is longer than 1,024 bytes.
    """
    splits = split_pieces(pieces.values, pieces.offsets)
    merged = np.flatnonzero(splits[:, 0] >= 0)
    return BPEModel(pieces, splits[merged].astype(np.uint32), merged.astype(np.uint32), ignore_merges=True)


def _stem_of(path: str) -> str:
    """Return the name of a file without its extensions, as in `ENCODINGS`."""
    return os.path.basename(path).split(".", 1)[0]


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _parse(data: bytes, path: str) -> Ragged:
    """Return the piece of each rank; the row of an unused rank is empty."""
    values, offsets, ranks, lines, bad = parse_ranks(np.frombuffer(data, np.uint8))
    if bad:
        raise ModelFormatError("not a base64 piece, a space and a rank", path, f"line {bad}")
    pieces = Ragged(values, offsets)
    # This limits the memory for a damaged rank: most files have several bytes per rank.
    if len(ranks) and int(ranks.max()) >= len(data) + SPARE_IDS:
        i = int(ranks.argmax())
        message = f"rank {ranks[i]} exceeds the number of bytes of the file"
        raise ModelFormatError(message, path, f"line {lines[i]}")
    n = int(ranks.max()) + 1 if len(ranks) else 0
    if np.array_equal(ranks, np.arange(n)):
        return pieces
    order = np.argsort(ranks, kind="stable")
    again = order[1:][np.diff(ranks[order]) == 0]
    if len(again):
        i = int(again.min())
        raise ModelFormatError(f"rank {ranks[i]} occurs twice", path, f"line {lines[i]}")
    lengths = np.zeros(n, np.int64)
    lengths[ranks] = pieces.lengths
    return Ragged(pieces.take(order).values, lengths_to_offsets(lengths))


def save(tokenizer: Tokenizer, path: str | os.PathLike[str]) -> None:
    """Write a tokenizer to a tiktoken rank file, completely or not at all.

    The file contains the pieces only. The pretokenizer and the special tokens must be passed to `load` again,
    or to ``tiktoken.Encoding``. The provenance is not written. `fasttok.Tokenizer.to_tiktoken` makes a
    ``tiktoken.Encoding`` without a file.

    Parameters
    ----------
    tokenizer : Tokenizer
        Tokenizer with a model of byte-level BPE or of bytes.
    path : path
        The file.

    Raises
    ------
    ModelExportError
        In one of these cases:

        - The model is neither byte-level BPE nor a `fasttok.ByteModel`.
        - The tokenizer has a component that tiktoken does not know: a normalizer, a pretokenizer that
          rewrites text, a decoder that changes the bytes of pieces, a template with special tokens, or added
          tokens that are not special or have flags.
        - tiktoken would merge differently: it would merge a piece from another pair, or the merges of the
          model are not in the order of the ids.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import fasttok as ft
    >>> path = pathlib.Path(tempfile.mkdtemp(), "low.tiktoken")
    >>> ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=258).save(path, format="tiktoken")
    >>> path.read_text().splitlines()[-2:]
    ['bG8= 256', 'bG93 257']
    """
    rows = enumerate(ranked_pieces(tokenizer).to_bytes())
    lines = [base64.b64encode(piece) + b" %d\n" % i for i, piece in rows if piece]
    data = b"".join(lines)
    check_largest_id("a rank file", tokenizer, int(lines[-1].split()[1]), len(data))
    with atomic_write(path) as file:
        file.write(data)


def ranked_pieces(tokenizer: Tokenizer, holder: str = "a rank file") -> Ragged:
    """Return the pieces of a tokenizer that tiktoken would merge alike; their rows are the ranks.

    Parameters
    ----------
    tokenizer : Tokenizer
        The tokenizer.
    holder : str
        Subject of the error messages.

    Raises
    ------
    ModelExportError
        If tiktoken cannot represent the tokenizer; see `save`.
    """
    model = tokenizer.model
    is_bytes = isinstance(model, ByteModel)
    if not is_bytes and not (isinstance(model, BPEModel) and isinstance(model.alphabet, Bytes)):
        raise ModelExportError(f"{holder} can only hold byte-level BPE, not a {model.kind} model")
    if isinstance(model, BPEModel) and model.merge_ranks is not None:
        raise ModelExportError(f"{holder} has no ranks of merges; it cannot hold merge_ranks")
    check_plain(holder, tokenizer)
    if tokenizer.pretokenizer.rewrites:
        raise ModelExportError(
            f"tiktoken cannot rewrite text, but the pretokenizer {tokenizer.pretokenizer} does"
        )
    pieces = pieces_in_text(tokenizer)
    missing = {bytes([byte]) for byte in range(256)}.difference(pieces.to_bytes())
    if missing:
        raise ModelExportError(
            f"{holder} must have a piece for each byte, but that of {min(missing)!r} is a special token"
        )
    if isinstance(model, BPEModel):
        _check_merges(model, pieces)
    return pieces


def _check_merges(model: BPEModel, pieces: Ragged) -> None:
    """Raise an error if tiktoken would not merge to these pieces as the model does, in the same order."""
    try:
        splits = split_pieces(pieces.values, pieces.offsets)
    except ValueError as error:
        raise ModelExportError(str(error)) from None
    if (np.diff(model.merge_ids.astype(np.int64)) <= 0).any():
        row = int(np.argmax(np.diff(model.merge_ids.astype(np.int64)) <= 0)) + 1
        raise ModelExportError(
            f"tiktoken merges in the order of ids, but merge {row} makes id {model.merge_ids[row]} after "
            f"id {model.merge_ids[row - 1]}"
        )
    of_model = np.full_like(splits, -1)
    of_model[model.merge_ids] = model.merges
    # tiktoken encodes every pretoken that is a piece as this piece. So does a model with ignore_merges; any
    # other model must have a merge for each piece.
    lengths = pieces.lengths
    unreached = np.zeros(len(lengths), bool) if model.ignore_merges else (lengths > 1) & (of_model[:, 0] < 0)
    wrong = np.flatnonzero((splits != of_model).any(axis=1) | unreached)
    if len(wrong):
        i = int(wrong[0])
        ours = [bytes(pieces[j]) for j in of_model[i].tolist() if j >= 0]
        theirs = [bytes(pieces[j]) for j in splits[i].tolist() if j >= 0]
        raise ModelExportError(
            f"tiktoken would merge other pairs for {len(wrong)} pieces. The first of them is "
            f"{bytes(pieces[i])!r} with id {i}: tiktoken would merge it from {theirs or 'no pair'}, "
            f"this tokenizer merges it from {ours or 'no pair'}"
        )


def _sniff(head: bytes, path: str) -> bool:
    first_line = head.lstrip().split(b"\n", 1)[0].split()
    return len(first_line) == 2 and first_line[1].isdigit()


def _parse_pretokenizer(value: Any, path: str) -> dict[str, Any]:
    return get_pretokenizer(value).config()


def _missing_pretokenizer(path: str, options: Mapping[str, Any]) -> str | None:
    if "encoding" in options or find_encoding(hash_of(_read(path)), _stem_of(path)):
        return None
    return "does not contain its pretokenizer"


def _parse_special_tokens(value: Any, path: str) -> Any:
    tokens = as_added_tokens(value)
    check_added_tokens(tokens)
    return value


def _parse_encoding(value: Any, path: str) -> str:
    return checked_choice("encoding", value, *ENCODINGS)


TIKTOKEN = Format(
    "tiktoken",
    "a tiktoken rank file",
    _sniff,
    load,
    save,
    {
        "pretokenizer": Option((str, list, dict), _parse_pretokenizer, _missing_pretokenizer),
        "special_tokens": Option(parse=_parse_special_tokens),
        "encoding": Option((str,), _parse_encoding),
    },
    is_general=True,
    names=("*.tiktoken",),
)
