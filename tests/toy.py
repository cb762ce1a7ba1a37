"""Example components outside the package, as users write them; see docs/howto/add_a_pretokenizer.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fasttok as ft
from fasttok.text.rows import Rows


@dataclass(frozen=True)
class BeforeVowels(ft.Pretokenizer):
    """Split text before every vowel; the vowels must be ASCII."""

    vowels: str = "aeiou"

    def boundaries(self, documents: ft.Ragged) -> Iterator[NDArray[np.int64]]:
        first, last = documents.offsets[[0, -1]]
        letters = np.frombuffer(self.vowels.encode(), np.uint8)
        positions = np.flatnonzero(np.isin(documents.values[first:last], letters)) + first
        yield np.unique(np.concatenate([documents.offsets, positions]))


@dataclass(frozen=True)
class Rot13(ft.Normalizer):
    """Replace every ASCII letter by the letter 13 positions later in the alphabet."""

    def rewrite(self, rows: Rows) -> Rows:
        table = np.arange(256, dtype=np.uint8)
        for start in (ord("a"), ord("A")):
            table[start : start + 26] = np.roll(table[start : start + 26], -13)
        documents = ft.Ragged(table[rows.documents.values], rows.documents.offsets)
        starts = np.arange(len(documents.values))
        return rows.rewritten(
            documents, np.stack([starts, starts + 1], axis=1)
        )  # each byte comes from one byte


class PairModel(ft.Model):
    """Model with one id per known pair of bytes, and one id per byte for all other text."""

    def __init__(self, pairs: list[bytes]) -> None:
        self.pairs = pairs
        self.pieces = ft.Ragged.from_bytes([bytes([byte]) for byte in range(256)] + pairs)
        self._ids = {pair: 256 + i for i, pair in enumerate(pairs)}

    is_lossless = True

    def encode_pretoken(self, pretoken: bytes) -> list[int]:
        ids: list[int] = []
        i = 0
        while i < len(pretoken):
            pair = pretoken[i : i + 2]
            ids.append(self._ids.get(pair, pretoken[i]))
            i += 2 if pair in self._ids else 1
        return ids

    def to_dict(self) -> dict[str, Any]:
        return {"pairs": [list(pair) for pair in self.pairs]}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> PairModel:
        return cls([bytes(pair) for pair in fields["pairs"]])


@dataclass(frozen=True)
class PairTrainer(ft.Trainer):
    """Choose the most frequent pairs of bytes as pieces."""

    vocab_size: int

    def train(
        self, counts: ft.PretokenCounts, *, workers: int | None = None, progress: bool = False
    ) -> ft.Trained:
        found: Counter[bytes] = Counter()
        for pretoken, count in counts.to_dict().items():
            for i in range(len(pretoken) - 1):
                found[pretoken[i : i + 2]] += count
        best = sorted(found, key=lambda pair: (-found[pair], pair))
        return ft.Trained(PairModel(best[: self.vocab_size - 256]), {})


def count_vowel_tokens(cut: ft.Cut) -> NDArray[np.int64]:
    """Return, for each document, the number of tokens that contain a vowel."""
    encoded = cut.encoded
    has_vowel = np.array(
        [any(letter in b"aeiou" for letter in piece) for piece in encoded.tokenizer.pieces.to_bytes()]
    )
    return np.array([np.count_nonzero(has_vowel[row]) for row in encoded.ids], np.int64)


VOWEL_SHARE = ft.Metric(
    "vowel_share",
    of=(ft.Column("vowel_tokens", count_vowel_tokens), "tokens"),
    definition="Tokens with a vowel, divided by all tokens.",
)
