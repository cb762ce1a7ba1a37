"""Ids are the same when a cache is seeded with the pieces of the vocabulary."""

from __future__ import annotations

import random

import numpy as np
import pytest

import fasttok as ft
from fasttok import BPEModel
from fasttok.models._cache import PretokenCache

WORDS = [
    "token",
    "ization",
    "un",
    "believ",
    "able",
    "Straßen",
    "bahn",
    "東京",
    "0123",
    "____________________",
    " ",
]


def make_texts(n: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices([*WORDS, *"abcdefgh"], k=rng.randint(1, 9))) for _ in range(n)]


def encode_each(model: ft.models.base.Model, texts: list[bytes]) -> list[list[int]]:
    """Encode every text as a pretoken, each with a new cache, which is never seeded."""
    rows = []
    for text in texts:
        data = np.frombuffer(text, np.uint8)
        rows += model.encode_pretokens(data, np.array([0, len(text)]), PretokenCache(1 << 16)).to_list()
    return rows


@pytest.mark.parametrize("limit", [1 << 16, 1 << 17, 1 << 24])
@pytest.mark.parametrize("vocab_size", [300, 1500])
def test_ids_are_those_without_seeds(vocab_size, limit):
    corpus = ft.Corpus.from_texts(make_texts(3000, seed=1))
    model = ft.train(corpus, vocab_size=vocab_size, pretokenizer="none").model
    texts = [text.encode() for text in make_texts(2500, seed=2)]
    cache = PretokenCache(limit)
    rows = ft.Ragged.from_bytes(texts)
    n_met = []
    for _ in range(3):  # small caches are cleared and seeded again
        assert model.encode_pretokens(rows.values, rows.offsets, cache).to_list() == encode_each(model, texts)
        n_met.append(len(cache))
    if limit == 1 << 24:
        n_whole = int(np.count_nonzero(model.pieces.lengths))
        assert len(set(texts)) < n_met[0] <= len(set(texts)) + n_whole
        assert n_met[0] == n_met[2]
        assert cache.is_seeded


def test_small_texts_do_not_seed():
    model = ft.train(
        ft.Corpus.from_texts(make_texts(3000, seed=1)), vocab_size=1500, pretokenizer="none"
    ).model
    rows = ft.Ragged.from_bytes([b"qx", b"qy", b"qz"])
    cache = PretokenCache(1 << 24)
    model.encode_pretokens(rows.values, rows.offsets, cache)
    assert len(cache) == 3


def make_unreachable(n: int, alphabet: ft.Bytes | ft.Characters | None = None) -> BPEModel:
    """Return a model with `ignore_merges` whose pieces, except one, no merges make."""
    rng = random.Random(3)
    pieces = {bytes(rng.choices(b"abcdefgh", k=rng.randint(3, 22))) for _ in range(n)}
    characters = [bytes([i]) for i in range(128 if isinstance(alphabet, ft.Characters) else 256)]
    rows = [*characters, b"ab", *sorted(pieces)]
    return BPEModel(rows, [(97, 98)], alphabet=alphabet or ft.Bytes(), ignore_merges=True)


@pytest.mark.parametrize("alphabet", [ft.Bytes(), ft.Characters()])
@pytest.mark.parametrize("limit", [1 << 19, 1 << 20, 1 << 24])  # the smallest is seeded before it is too full
def test_pieces_that_no_merges_make(limit, alphabet):
    # Such a piece gets its id only by being looked up, which a seeded cache must do.
    model = make_unreachable(2000, alphabet)
    rng = random.Random(4)
    pieces = [piece for piece in model.pieces.to_bytes() if len(piece) > 2]
    others = [piece + letter for letter in (b"x", b"y") for piece in pieces]  # enough to seed the cache
    texts = [*others, *pieces, *rng.sample(pieces, len(pieces))]
    rows, cache = ft.Ragged.from_bytes(texts), PretokenCache(limit)
    ids = {piece: i for i, piece in enumerate(model.pieces.to_bytes())}
    for _ in range(3):
        found = model.encode_pretokens(rows.values, rows.offsets, cache).to_list()
        assert found == encode_each(model, texts)
        assert found[len(others) :] == [[ids[text]] for text in texts[len(others) :]]
        assert cache.is_seeded


def test_a_cleared_cache_is_no_longer_seeded():
    model = make_unreachable(200)
    pieces = model.pieces.to_bytes()[256:]
    others = [b"%d" % i for i in range(20_000)]  # more than fit
    cache = PretokenCache(1 << 17)
    few = ft.Ragged.from_bytes(pieces + others[:300])
    model.encode_pretokens(few.values, few.offsets, cache)
    assert cache.is_seeded
    rows = ft.Ragged.from_bytes(pieces + others + pieces)
    ids = model.encode_pretokens(rows.values, rows.offsets, cache).to_list()
    assert ids[: len(pieces)] == ids[-len(pieces) :] == [[256 + i] for i in range(len(pieces))]
