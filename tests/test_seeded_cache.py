"""Ids are the same when a cache is seeded with the pieces of the vocabulary, and when caches are joined."""

from __future__ import annotations

import random

import numpy as np
import pytest

import fasttok as ft
from fasttok import BPEModel
from fasttok.models._cache import PretokenCache, join

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


@pytest.mark.parametrize("limit", [1 << 16, 1 << 24])
@pytest.mark.parametrize("ignore_merges", [False, True])
def test_a_new_cache_of_an_encoder_has_the_pieces_if_they_fit(limit, ignore_merges):
    corpus = ft.Corpus.from_texts(make_texts(3000, seed=1))
    model = ft.train(corpus, vocab_size=1500, pretokenizer="none").model
    model = BPEModel(model.pieces, model.merges, merge_ids=model.merge_ids, ignore_merges=ignore_merges)
    cache = model.encoder.new_cache(limit)
    assert cache.is_seeded == (limit == 1 << 24)
    assert len(cache) == (len(set(model.pieces.to_bytes())) if cache.is_seeded else 0)
    assert cache.n_bytes <= limit
    texts = [*model.pieces.to_bytes(), *(text.encode() for text in make_texts(2500, seed=2))]
    rows = ft.Ragged.from_bytes(texts)
    assert model.encode_pretokens(rows.values, rows.offsets, cache).to_list() == encode_each(model, texts)
    if cache.is_seeded:
        assert len(cache) == len(set(texts))  # a piece is found, and not added again


def test_encoding_begins_with_the_pieces_in_the_cache():
    tok = ft.train(ft.Corpus.from_texts(make_texts(3000, seed=1)), vocab_size=1500, pretokenizer="none")
    tok.encode("a")
    (cache,) = tok._encoder._find_route("none").encoder._caches
    assert cache.is_seeded
    n = len(cache)
    tok.encode(tok.decode([1000]))
    assert len(cache) == n >= 1500


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


@pytest.mark.parametrize("limit", [1 << 16, 1 << 24])
def test_joined_caches_have_the_pretokens_of_all(limit):
    model = ft.train(
        ft.Corpus.from_texts(make_texts(3000, seed=1)), vocab_size=300, pretokenizer="none"
    ).model
    parts = [list(dict.fromkeys(text.encode() for text in make_texts(1500, seed=seed))) for seed in (3, 4, 5)]
    parts[2] = parts[2][:100]
    caches = [PretokenCache(1 << 24), PretokenCache(1 << 24), PretokenCache(limit)]
    for part, cache in zip(parts, caches, strict=True):
        rows = ft.Ragged.from_bytes(part)
        model.encode_pretokens(rows.values, rows.offsets, cache)
    n_own = len(caches[2])
    join(caches)
    n = len(caches[0])
    assert len(set(parts[0]) | set(parts[1]) | set(parts[2])) <= n  # there are also the pieces
    assert [len(cache) for cache in caches] == [n, n, n if limit == 1 << 24 else n_own]
    texts = [text for part in parts for text in part]
    rows = ft.Ragged.from_bytes(texts)
    expected = encode_each(model, texts)
    for cache in caches:
        assert cache.n_bytes <= limit or cache is not caches[2]
        assert model.encode_pretokens(rows.values, rows.offsets, cache).to_list() == expected
    assert len(caches[0]) == len(caches[1]) == n  # nothing was missing


def test_caches_that_are_too_small_for_a_copy_are_joined_without_the_largest():
    model = ft.train(
        ft.Corpus.from_texts(make_texts(3000, seed=1)), vocab_size=300, pretokenizer="none"
    ).model
    caches = [PretokenCache(1 << 24), PretokenCache(1 << 17), PretokenCache(1 << 17)]
    numbers = [range(10_000), range(10_000, 10_200), range(10_200, 10_400)]
    for cache, part in zip(caches, numbers, strict=True):
        rows = ft.Ragged.from_bytes([b"%d" % i for i in part])
        model.encode_pretokens(rows.values, rows.offsets, cache)
    n_pieces = len(caches[0]) - 10_000  # it has enough pretokens to be seeded
    assert len(caches[1]) == len(caches[2]) == 200
    join(caches)
    assert len(caches[0]) == 10_400 + n_pieces
    assert len(caches[1]) == len(caches[2]) == 400
    assert max(cache.n_bytes for cache in caches[1:]) <= 1 << 17


def test_caches_are_joined_again_if_many_pretokens_are_new():
    model = ft.train(
        ft.Corpus.from_texts(make_texts(3000, seed=1)), vocab_size=300, pretokenizer="none"
    ).model

    def encode(numbers: range, cache: PretokenCache) -> None:
        rows = ft.Ragged.from_bytes([b"%d" % i for i in numbers])
        model.encode_pretokens(rows.values, rows.offsets, cache)

    caches = [PretokenCache(1 << 24), PretokenCache(1 << 24)]
    encode(range(2000), caches[0])
    join(caches)
    n = len(caches[0])
    assert len(caches[1]) == n
    encode(range(2000, 2050), caches[1])
    join(caches)
    assert len(caches[0]) == n
    encode(range(2050, 3000), caches[1])
    join(caches)
    assert len(caches[0]) == len(caches[1]) == n + 1000


def test_empty_caches_can_be_joined():
    caches = [PretokenCache(1 << 16), PretokenCache(1 << 16)]
    join(caches)
    assert [len(cache) for cache in caches] == [0, 0]
