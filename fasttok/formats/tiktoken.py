"""Rank files of tiktoken: one line per piece, with its base64 encoding and its rank, which is its id.

A rank file contains neither the pattern of the pretokenizer nor the special tokens. For the files of OpenAI,
`load` knows both from the name of the file.
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

# Special tokens of OpenAI's files.
END, PREFIX, MIDDLE, SUFFIX = "<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"
# Pretokenizer and special tokens of the files of OpenAI by file name, as registered in tiktoken 0.14.
KNOWN_FILES: dict[str, tuple[str, dict[str, int]]] = {
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
    """Load a tokenizer from a tiktoken rank file.

    `fasttok.load` calls this function for files that it recognizes as rank files.

    Parameters
    ----------
    path : path
        The file.
    pretokenizer : str, sequence, dict or Pretokenizer, optional
        Pretokenizer; see `get_pretokenizer`. Required unless the file is named like one of OpenAI's files:
        ``r50k_base``, ``p50k_base``, ``cl100k_base`` or ``o200k_base``, with any extension.
    special_tokens : mapping of str to int, optional
        Ids of the special tokens; default: those of OpenAI's file with this name, or none.

    Returns
    -------
    Tokenizer

    Raises
    ------
    ModelFormatError
        If a line does not consist of a base64 piece and a rank, a piece or rank occurs twice, or one of the
        256 bytes is not a piece.
    ValueError
        If no pretokenizer is given and the name of the file is not one of those above, or the id of a special
        token is already the id of a piece.
    TypeError
        If `special_tokens` is not a mapping.

    Notes
    -----
    tiktoken has no list of merges. In each step, it merges the two neighbours whose concatenation is the
    piece of lowest rank. On the bytes of one piece alone, the last step merges two parts into the piece. The
    same two parts are merged wherever the piece arises in a longer text, because the bytes around it do not
    change the steps inside it. fasttok therefore converts the file to one merge per piece. A pretoken that is
    a piece is encoded as this piece, even if these steps would not produce it.

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
    stem = _stem_of(name)
    if pretokenizer is None and stem not in KNOWN_FILES:
        raise ValueError(
            f"{name}: a rank file does not contain its pretokenizer, and {stem!r} is not one of the known "
            f'files ({", ".join(KNOWN_FILES)}); pass pretokenizer="gpt2", "cl100k", '
            '"o200k", "llama3", "qwen2" or the regular expression of the model'
        )
    known = KNOWN_FILES.get(stem, ("", {}))
    if special_tokens is not None and not isinstance(special_tokens, Mapping):
        raise TypeError(
            f"special_tokens must be a mapping of str to ids, not {type(special_tokens).__name__}"
        )
    chosen = get_pretokenizer(known[0] if pretokenizer is None else pretokenizer)
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
    return Tokenizer(model, chosen, special, {"format": "tiktoken"})


def _stem_of(path: str) -> str:
    """Return the name of a file without its extensions, as in `KNOWN_FILES`."""
    return os.path.basename(path).split(".", 1)[0]


def _read_rows(path: str) -> list[bytes]:
    """Return the piece of each rank, in order; the piece of an unused rank is empty."""
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
            raise ModelFormatError("the piece is empty", path, place)
        if rank >= len(data):  # limits the memory for a damaged rank: a valid file has several bytes per rank
            raise ModelFormatError(f"rank {rank} exceeds the number of bytes of the file", path, place)
        if piece in ranks:
            raise ModelFormatError(f"piece {piece!r} occurs twice", path, place)
        ranks[piece] = rank
        largest = max(largest, rank)
    rows = [b""] * (largest + 1)
    for piece, rank in ranks.items():
        if rows[rank]:
            raise ModelFormatError(f"pieces {rows[rank]!r} and {piece!r} have the same rank {rank}", path)
        rows[rank] = piece
    return rows


def save(tokenizer: Tokenizer, path: str | os.PathLike[str]) -> None:
    """Write a tokenizer to a tiktoken rank file, completely or not at all.

    The file contains the pieces only. The pretokenizer and the special tokens must be passed to `load` again,
    or to ``tiktoken.Encoding``. The provenance is not written.

    Parameters
    ----------
    tokenizer : Tokenizer
        Tokenizer with a model of byte-level BPE.
    path : path
        The file.

    Raises
    ------
    ModelExportError
        In one of these cases:

        - The model is not byte-level BPE.
        - The tokenizer has a component that tiktoken does not know: a normalizer, a pretokenizer that
          rewrites text, a given decoder, a template, or added tokens that are not special or have flags.
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
    model = tokenizer.model
    if not isinstance(model, BPEModel) or not isinstance(model.alphabet, Bytes):
        raise ModelExportError(f"a rank file can only hold byte-level BPE, not a {model.kind} model")
    _check_pipeline(tokenizer)
    _check_merges(model)
    with atomic_write(path) as file:
        for i, piece in enumerate(model.pieces.to_bytes()):
            if piece:
                file.write(base64.b64encode(piece) + b" %d\n" % i)


def _check_pipeline(tokenizer: Tokenizer) -> None:
    if tokenizer.normalizer is not None:
        raise ModelExportError(
            f"a rank file cannot hold a normalizer, but the tokenizer has {tokenizer.normalizer}"
        )
    if tokenizer.pretokenizer.rewrites:
        raise ModelExportError(
            f"tiktoken cannot rewrite text, but the pretokenizer {tokenizer.pretokenizer} does"
        )
    if not tokenizer.has_plain_tokens:
        raise ModelExportError(
            "tiktoken supports only special tokens without flags, but the tokenizer has other added tokens"
        )
    if tokenizer.given_decoder is not None:
        raise ModelExportError(
            f"a rank file cannot hold a decoder, but the tokenizer was given {tokenizer.given_decoder}"
        )
    if tokenizer.template is not None:
        raise ModelExportError(
            f"a rank file cannot hold a template, but the tokenizer has {tokenizer.template}"
        )


def _check_merges(model: BPEModel) -> None:
    """Raise an error if tiktoken would not make the same merges in the same order as the model."""
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
    # tiktoken encodes every pretoken that is a piece as this piece. So does a model with ignore_merges; any
    # other model must have a merge for each piece.
    lengths = model.pieces.lengths
    unreached = np.zeros(len(lengths), bool) if model.ignore_merges else (lengths > 1) & (of_model[:, 0] < 0)
    wrong = np.flatnonzero((splits != of_model).any(axis=1) | unreached)
    if len(wrong):
        i = int(wrong[0])
        ours = [bytes(model.pieces[j]) for j in of_model[i].tolist() if j >= 0]
        theirs = [bytes(model.pieces[j]) for j in splits[i].tolist() if j >= 0]
        raise ModelExportError(
            f"tiktoken would merge other pairs for {len(wrong)} pieces. The first of them is "
            f"{bytes(model.pieces[i])!r} with id {i}: tiktoken would merge it from {theirs or 'no pair'}, "
            f"this tokenizer merges it from {ours or 'no pair'}"
        )


def _sniff(head: bytes, path: str) -> bool:
    first_line = head.lstrip().split(b"\n", 1)[0].split()
    return len(first_line) == 2 and first_line[1].isdigit()


def _parse_pretokenizer(value: Any, path: str) -> dict[str, Any]:
    return get_pretokenizer(value).config()


def _missing_pretokenizer(path: str) -> str | None:
    return None if _stem_of(path) in KNOWN_FILES else "does not contain its pretokenizer"


def _parse_special_tokens(value: Any, path: str) -> Any:
    tokens = as_added_tokens(value)
    check_added_tokens(tokens, Ragged.from_bytes([]))
    largest = max(tokens.values(), default=0)
    if largest >= os.path.getsize(path):  # memory grows with the largest id, so a wrong id must not be huge
        raise ValueError(f"the id {largest} exceeds the number of bytes of {os.path.basename(path)}")
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
