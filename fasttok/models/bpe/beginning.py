"""What merging begins with: bytes, characters, or what an earlier training made of the pretokens."""

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

CACHE_BYTES = 1 << 20  # of little use: no pretoken stands in the counts twice


class Start(Protocol):
    """What training needs of the tokenizer that it continues."""

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
class Beginning:
    """The pretokens as merging finds them, and the vocabulary so far.

    Attributes
    ----------
    words : Ragged of uint32
        The pretokens in symbols, which count from 0 in the order that ties go by.
    ids : ndarray of uint32
        The id of each symbol.
    pieces : list of bytes
        By id; empty where an id is a special token's, or nobody's. The first new piece has the next id.
    strings, veto : Ragged of uint32, optional
        What `learn_merges` takes.
    """

    words: Ragged
    ids: NDArray[np.uint32]
    pieces: list[bytes]
    strings: Ragged | None = None
    veto: Ragged | None = None


def begin_with_bytes(counts: PretokenCounts, byte_of_symbol: NDArray[np.uint8], n_reserved: int) -> Beginning:
    """Begin with single bytes, in the given order, behind `n_reserved` ids."""
    text = counts.text
    symbol_of_byte = np.argsort(byte_of_symbol).astype(np.uint32)
    return Beginning(
        Ragged(symbol_of_byte[text.values], text.offsets),
        np.arange(n_reserved, n_reserved + 256, dtype=np.uint32),
        [b""] * n_reserved + [bytes([byte]) for byte in byte_of_symbol.tolist()],
    )


def begin_with_characters(counts: PretokenCounts, suffix: str, n_reserved: int) -> Beginning:
    """Begin with the characters that occur, by code point, behind `n_reserved` ids.

    With a suffix, the last character of a pretoken is a symbol of its own, which comes after the same
    character elsewhere.
    """
    characters = counts.code_points << np.uint32(1)
    if suffix:
        characters[counts.offsets[1:] - 1] |= np.uint32(1)
    alphabet, symbols = np.unique(characters, return_inverse=True)
    names = [
        chr(character >> 1).encode(errors="surrogateescape") + suffix.encode() * (character & 1)
        for character in alphabet.tolist()
    ]
    return Beginning(
        Ragged(symbols.astype(np.uint32), counts.offsets),
        np.arange(n_reserved, n_reserved + len(alphabet), dtype=np.uint32),
        [b""] * n_reserved + names,
    )


def begin_with_start(counts: PretokenCounts, start: Start) -> Beginning:
    """Begin with what a tokenizer makes of the pretokens, behind all of its ids.

    Symbols are the ids that occur, in their order; what they stand for is in bytes, numbered as their ids
    are ordered.

    Raises
    ------
    RecipeError
        If the counts were made with another pretokenizer or normalizer.
    """
    for name in ("pretokenizer", "normalizer"):
        step = getattr(start, name)
        theirs, ours = getattr(counts.recipe, name), step and step.config()
        if theirs != ours:
            raise RecipeError(
                f"the counts were made with the {name} {theirs}, but the start has {ours}; count the "
                f"corpus with {name}=start.{name}"
            )
    model: BPEModel = start.model
    byte_ids = cast("NDArray[np.uint32]", model.byte_ids)  # of bytes, as the trainer has checked
    text = counts.text
    encoded = model.encode_pretokens(text.values, text.offsets, PretokenCache(CACHE_BYTES))
    ids, symbols = np.unique(encoded.values, return_inverse=True)
    rank_of_byte = np.argsort(np.argsort(byte_ids)).astype(np.uint32)
    pieces = model.pieces.to_bytes()
    strings = model.pieces.take(ids)
    return Beginning(
        Ragged(symbols.astype(np.uint32), encoded.offsets),
        ids,
        pieces + [b""] * (start.vocab_size - len(pieces)),
        Ragged(rank_of_byte[strings.values], strings.offsets),
        _never_made(model, byte_ids, rank_of_byte),
    )


def _never_made(model: BPEModel, byte_ids: NDArray[np.uint32], rank_of_byte: NDArray[np.uint32]) -> Ragged:
    """The pieces that the merges do not make of their own bytes.

    A merge behind the model's cannot join to any other piece: where neighbours joined are the bytes of a
    piece that is made, they would be that piece already.
    """
    encoder = BPEEncoder(byte_ids, model.merges, model.merge_ids, None)
    is_made = encoder.come_out_whole(model.pieces.values, model.pieces.offsets)
    never = model.pieces.take(np.flatnonzero((is_made == 0) & (model.pieces.lengths > 0)))
    return Ragged(rank_of_byte[never.values], never.offsets)
