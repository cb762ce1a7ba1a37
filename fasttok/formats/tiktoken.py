"""tiktoken's rank files: a line a piece, base64 and rank; the rank is the id.

The file holds neither the pattern nor the special tokens. Those of OpenAI's files are known here by the
name of the file.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from fasttok.core.errors import ModelExportError, ModelFormatError
from fasttok.core.ragged import Ragged
from fasttok.core.saving import atomic_write
from fasttok.formats.base import Format, Option
from fasttok.models.bpe._splits import split_pieces
from fasttok.models.bpe.alphabets import Bytes
from fasttok.models.bpe.model import BPEModel
from fasttok.text.pretokenizers.registry import AnyPretokenizer, get_pretokenizer
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.tokenizer.vocabulary import as_added_tokens, check_added_tokens

END, PREFIX, MIDDLE, SUFFIX = "<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"
# File name to pretokenizer and special tokens, as tiktoken 0.14 registers them.
KNOWN: dict[str, tuple[str, dict[str, int]]] = {
    "r50k_base": ("gpt2", {END: 50256}),
    "p50k_base": ("gpt2", {END: 50256}),
    "cl100k_base": (
        "cl100k",
        {END: 100257, PREFIX: 100258, MIDDLE: 100259, SUFFIX: 100260, "<|endofprompt|>": 100276},
    ),
    "o200k_base": ("o200k", {END: 199999, "<|endofprompt|>": 200018}),
}


def load(
    path: str | os.PathLike[str],
    pretokenizer: AnyPretokenizer | None = None,
    special_tokens: Mapping[str, int] | None = None,
) -> Tokenizer:
    """Read a tiktoken rank file.

    Parameters
    ----------
    path : path
        The file.
    pretokenizer : str, sequence, dict or Pretokenizer, optional
        What cuts text; needed where the name of the file does not tell.
    special_tokens : mapping of str to int, optional
        Instead of those that the name of the file tells; none if it does not.

    Raises
    ------
    ModelFormatError
        If a line is not a base64 piece and a rank, a piece or rank stands twice, or a byte is missing.
    ValueError
        If no pretokenizer is given and the name of the file is not known.

    Notes
    -----
    tiktoken merges two neighbours whenever their joined bytes are a piece, the piece of lowest rank
    first. A piece comes about in one way only: run by itself, the rule makes the same choices inside its
    bytes as it does in any text around them that leaves its ends alone. So the last merge of that run is
    the one pair that ever becomes the piece, and the file is read into merges, one a piece. A pretoken
    that is a piece is taken whole, also one that the rule would never put together.
    """
    name = os.fspath(path)
    stem = _stem_of(name)
    if pretokenizer is None and stem not in KNOWN:
        raise ValueError(
            f"{name}: a rank file does not hold its pattern, and {stem!r} is none of {', '.join(KNOWN)}; "
            'pass pretokenizer="gpt2", "cl100k" or a regular expression'
        )
    known = KNOWN.get(stem, ("", {}))
    if special_tokens is not None and not isinstance(special_tokens, Mapping):
        raise TypeError("special_tokens must map each text to its id")
    cutter = get_pretokenizer(known[0] if pretokenizer is None else pretokenizer)
    special = dict(known[1] if special_tokens is None else special_tokens)
    rows = _read_rows(name)
    pieces = Ragged.from_bytes(rows)
    try:
        splits = split_pieces(pieces.values, pieces.offsets)
        merged = np.flatnonzero(splits[:, 0] >= 0)
        model = BPEModel(
            pieces, splits[merged].astype(np.uint32), merged.astype(np.uint32), ignore_merges=True
        )
    except ValueError as error:
        raise ModelFormatError(str(error), name) from None
    return Tokenizer(model, cutter, special, {"format": "tiktoken"})


def _stem_of(path: str) -> str:
    """Return the name under which `KNOWN` has a file."""
    return os.path.basename(path).split(".", 1)[0]


def _read_rows(path: str) -> list[bytes]:
    """The pieces by rank, an empty one where a rank is left out."""
    with open(path, "rb") as file:
        data = file.read()
    ranks: dict[bytes, int] = {}
    largest = -1
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            encoded, digits = line.split()
            piece = base64.b64decode(encoded, validate=True)
            if not digits.isdigit() or len(digits) > 10:
                raise ValueError
        except (ValueError, binascii.Error):
            raise ModelFormatError("not a base64 piece, a space and a rank", path, place) from None
        rank = int(digits)
        if not piece:
            raise ModelFormatError("an empty piece", path, place)
        if rank >= len(data):  # a real file has many bytes for every rank
            raise ModelFormatError(f"rank {rank} is larger than the file", path, place)
        if piece in ranks:
            raise ModelFormatError(f"piece {piece!r} stands twice", path, place)
        ranks[piece] = rank
        largest = max(largest, rank)
    rows = [b""] * (largest + 1)
    for piece, rank in ranks.items():
        if rows[rank]:
            raise ModelFormatError(f"{rows[rank]!r} and {piece!r} have the same rank {rank}", path)
        rows[rank] = piece
    return rows


def save(tokenizer: Tokenizer, path: str | os.PathLike[str]) -> None:
    """Write a tiktoken rank file.

    The file holds the pieces and nothing else. Whoever reads it must know the pretokenizer and the special
    tokens: they are arguments of `load`, and of ``tiktoken.Encoding``. The provenance is not written.

    Parameters
    ----------
    tokenizer : Tokenizer
        A tokenizer of byte-level BPE.
    path : path
        The file; written whole or not at all.

    Raises
    ------
    ModelExportError
        If the model is not byte-level BPE; if the tokenizer has what no reader of the file can be told, a
        normalizer, a pretokenizer that rewrites text, a decoder of its own or a template; or if tiktoken's
        rule would not reproduce its merges: a piece that the rule puts together from another pair, or merges
        whose order is not that of the ids.
    """
    model = tokenizer.model
    if not isinstance(model, BPEModel) or not isinstance(model.alphabet, Bytes):
        raise ModelExportError(f"a rank file holds byte-level BPE, not {model.kind}")
    _check_pipeline(tokenizer)
    _check_merges(model)
    with atomic_write(path) as file:
        for i, piece in enumerate(model.pieces.to_bytes()):
            if piece:
                file.write(base64.b64encode(piece) + b" %d\n" % i)


def _check_pipeline(tokenizer: Tokenizer) -> None:
    if tokenizer.normalizer is not None:
        raise ModelExportError(
            f"a rank file holds no normalizer, but this tokenizer has one: {tokenizer.normalizer}"
        )
    if tokenizer.pretokenizer.rewrites:
        raise ModelExportError(
            f"tiktoken's pretokenizers only cut text, but {tokenizer.pretokenizer} rewrites it first"
        )
    if not tokenizer.has_plain_tokens:
        raise ModelExportError(
            "tiktoken has special tokens without flags only, but this tokenizer has other added tokens"
        )
    if tokenizer.given_decoder is not None:
        raise ModelExportError(
            f"a rank file holds no decoder, but this tokenizer was given one: {tokenizer.given_decoder}"
        )
    if tokenizer.template is not None:
        raise ModelExportError(f"a rank file holds no template, but there is one: {tokenizer.template}")


def _check_merges(model: BPEModel) -> None:
    """Refuse a model whose merges tiktoken's rule would not reproduce."""
    try:
        splits = split_pieces(model.pieces.values, model.pieces.offsets)
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
    # Taken whole, a piece needs no merge; otherwise one that tiktoken takes whole must come about by one.
    lengths = model.pieces.lengths
    unreached = np.zeros(len(lengths), bool) if model.ignore_merges else (lengths > 1) & (of_model[:, 0] < 0)
    wrong = np.flatnonzero((splits != of_model).any(axis=1) | unreached)
    if len(wrong):
        i = int(wrong[0])
        parts = [bytes(model.pieces[j]) for j in of_model[i].tolist()] if of_model[i, 0] >= 0 else "no merge"
        theirs = [bytes(model.pieces[j]) for j in splits[i].tolist()] if splits[i, 0] >= 0 else "no merge"
        raise ModelExportError(
            f"{len(wrong)} pieces would come about differently under tiktoken's rule; the first, id {i}, "
            f"{bytes(model.pieces[i])!r}, from {theirs} instead of {parts}"
        )


def _sniff(head: bytes, path: str) -> bool:
    first_line = head.lstrip().split(b"\n", 1)[0].split()
    return len(first_line) == 2 and first_line[1].isdigit()


def _parse_pretokenizer(value: Any, path: str) -> dict[str, Any]:
    return get_pretokenizer(value).config()


def _missing_pretokenizer(path: str) -> str | None:
    return None if _stem_of(path) in KNOWN else "does not hold its pattern"


def _parse_special_tokens(value: Any, path: str) -> Any:
    tokens = as_added_tokens(value)
    check_added_tokens(tokens, Ragged.from_bytes([]))
    largest = max(tokens.values(), default=0)
    if largest >= os.path.getsize(path):  # every id up to it would take memory
        raise ValueError(f"the id {largest} is larger than {os.path.basename(path)}")
    return value


TIKTOKEN = Format(
    "tiktoken",
    "a tiktoken rank file",
    _sniff,
    load,
    save,
    {
        "pretokenizer": Option((str, list, dict), _parse_pretokenizer, _missing_pretokenizer),
        "special_tokens": Option(parse=_parse_special_tokens),
    },
)
