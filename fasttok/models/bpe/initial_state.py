"""Initial state of merging: pretokens as bytes, as characters, or as ids of an earlier training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import RecipeError
from fasttok.core.ragged import Ragged
from fasttok.counts.table import PretokenCounts
from fasttok.models._cache import PretokenCache
from fasttok.models.bpe._encode import BPEEncoder
from fasttok.models.bpe.model import BPEModel
from fasttok.models.merging.orders import Joins

CACHE_BYTES = 1 << 20  # size of the cache; small, because the pretokens of the counts are all distinct


class Start(Protocol):
    """Attributes of a tokenizer that continued training reads."""

    @property
    def model(self) -> Any: ...
    @property
    def pretokenizer(self) -> Any: ...
    @property
    def normalizer(self) -> Any: ...
    @property
    def special_tokens(self) -> dict[str, int]: ...
    @property
    def vocab_size(self) -> int: ...
    def fingerprint(self) -> str: ...


@dataclass(frozen=True, eq=False)
class InitialState:
    """Pretokens before the first merge, and the vocabulary so far.

    Attributes
    ----------
    words : Ragged of uint32
        Symbols of each pretoken, numbered from 0. Of equally frequent pairs, the one with the smaller symbols
        is merged first.
    ids : ndarray of uint32
        Id of each symbol.
    pieces : list of bytes
        Piece of each id; empty for special tokens and unused ids. The first new piece gets the next id.
    strings, veto : Ragged of uint32, optional
        Parameters of `learn_merges` with the same names. The strings may contain the end-of-word suffix.
    counts : ndarray of int64, optional
        Number of occurrences of each word; default: the counts of the pretokens.
    joins : Joins, optional
        Pairs that may be merged.
    """

    words: Ragged
    ids: NDArray[np.uint32]
    pieces: list[bytes]
    strings: Ragged | None = None
    veto: Ragged | None = None
    counts: NDArray[np.int64] | None = None
    joins: Joins | None = None


def start_from_bytes(
    counts: PretokenCounts, byte_of_symbol: NDArray[np.uint8], n_reserved: int, *, by_value: bool = False
) -> InitialState:
    """Start from single bytes in the given order; their ids begin at `n_reserved`.

    The strings of the symbols are those of the bytes' positions in that order or, with `by_value`, the bytes.
    """
    text = counts.text
    symbol_of_byte = np.argsort(byte_of_symbol).astype(np.uint32)
    return InitialState(
        Ragged(symbol_of_byte[text.values], text.offsets),
        np.arange(n_reserved, n_reserved + 256, dtype=np.uint32),
        [b""] * n_reserved + [bytes([byte]) for byte in byte_of_symbol.tolist()],
        Ragged(byte_of_symbol.astype(np.uint32), np.arange(257)) if by_value else None,
    )


def start_from_characters(
    counts: PretokenCounts, suffix: str, n_reserved: int, *, by_value: bool = False
) -> InitialState:
    """Start from the characters that occur, sorted by code point; their ids begin at `n_reserved`.

    With a suffix, the last character of a pretoken is a separate symbol. It is sorted directly after the same
    character elsewhere. With `by_value`, the strings of the symbols are their code points with those of the
    suffix.
    """
    characters = counts.code_points << np.uint32(1)
    if suffix:
        characters[counts.offsets[1:] - 1] |= np.uint32(1)
    alphabet, symbols = np.unique(characters, return_inverse=True)
    names = [
        chr(character >> 1).encode(errors="surrogateescape") + suffix.encode() * (character & 1)
        for character in alphabet.tolist()
    ]
    strings = None
    if by_value:
        end = [ord(character) for character in suffix]
        strings = Ragged.from_rows([[c >> 1, *(end if c & 1 else ())] for c in alphabet.tolist()])
    return InitialState(
        Ragged(symbols.astype(np.uint32), counts.offsets),
        np.arange(n_reserved, n_reserved + len(alphabet), dtype=np.uint32),
        [b""] * n_reserved + names,
        strings,
        joins=Joins(np.ones(len(alphabet), np.int64)) if by_value else None,
    )


def start_from_tokenizer(counts: PretokenCounts, start: Start, *, by_value: bool = False) -> InitialState:
    """Start from the ids that a tokenizer gives the pretokens; new ids begin after its own.

    Symbols are the ids that occur, in ascending order. The strings of the symbols consist of bytes, which are
    numbered in the order of the bytes' ids or, with `by_value`, by their values.

    Raises
    ------
    RecipeError
        If the counts were made with a different pretokenizer or normalizer than those of the tokenizer.
    """
    for name in ("pretokenizer", "normalizer"):
        step = getattr(start, name)
        theirs, ours = getattr(counts.recipe, name), step and step.config()
        if theirs != ours:
            raise RecipeError(
                f"the counts were made with the {name} {theirs}, but the start has {ours}: count the corpus "
                f"again with the {name} of the start"
            )
    special = start.special_tokens.values()
    # Plain text does not become a special token.
    model = cast("BPEModel", start.model.without_pieces(special))
    byte_ids = cast("NDArray[np.uint32]", model.byte_ids)  # not None: the trainer accepts only byte-level BPE
    text = counts.text
    encoded = model.encode_pretokens(text.values, text.offsets, PretokenCache(CACHE_BYTES))
    ids, symbols = np.unique(encoded.values, return_inverse=True)
    rank_of_byte = (np.arange(256) if by_value else np.argsort(np.argsort(byte_ids))).astype(np.uint32)
    pieces = model.pieces.to_bytes()
    strings = model.pieces.take(ids)
    return InitialState(
        Ragged(symbols.astype(np.uint32), encoded.offsets),
        ids,
        pieces + [b""] * (start.vocab_size - len(pieces)),
        Ragged(rank_of_byte[strings.values], strings.offsets),
        _unreachable_pieces(model, byte_ids, rank_of_byte),
    )


def _unreachable_pieces(
    model: BPEModel, byte_ids: NDArray[np.uint32], rank_of_byte: NDArray[np.uint32]
) -> Ragged:
    """Return the pieces that the model's merges do not produce from the piece's own bytes.

    A new merge cannot produce any other piece of the model: neighbours that together have the bytes of such a
    piece have already been merged into it.
    """
    encoder = BPEEncoder(byte_ids, model.merges, model.merge_ids, None)
    is_reachable = encoder.is_reachable(model.pieces.values, model.pieces.offsets)
    is_reachable[list(model._excluded)] = 0
    unreachable = model.pieces.take(np.flatnonzero((is_reachable == 0) & (model.pieces.lengths > 0)))
    return Ragged(rank_of_byte[unreachable.values], unreachable.offsets)
