"""Tries, compared with dicts of their keys."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest

import fasttok as ft
from fasttok.core._trie import Trie, find_stray
from tests import hostile

SHORT = [bytes(word) for n in range(1, 7) for word in product(b"ab", repeat=n)]


def build(keys: dict[bytes, int]) -> Trie:
    """Build the trie of some keys and check its units."""
    rows = sorted(keys)
    trie = Trie.build(ft.Ragged.from_bytes(rows), np.array([keys[row] for row in rows], np.int32))
    assert len(trie.units) % 256 == 0
    assert trie.units.dtype == np.uint32
    assert find_stray(trie.units) == -1
    # A used unit is the root, a child or a value: at most one per prefix and one per key.
    nodes = {row[:i] for row in rows for i in range(len(row) + 1)} | {b""}
    assert np.count_nonzero(trie.units != 1 << 31) <= len(nodes) + len(rows)
    return trie


def build_shared(keys: dict[bytes, int]) -> Trie:
    rows = sorted(keys)
    return Trie.build(ft.Ragged.from_bytes(rows), np.array([keys[row] for row in rows], np.int32), share=True)


def find_prefixes(keys: dict[bytes, int], text: bytes) -> list[tuple[int, int]]:
    return [(n, keys[text[:n]]) for n in range(1, len(text) + 1) if text[:n] in keys]


def check_prefixes(keys: dict[bytes, int], texts: list[bytes]) -> None:
    trie = build(keys)
    for text in texts:
        assert trie.find_prefixes(text) == find_prefixes(keys, text), (keys, text)


def test_short_keys():
    rng = random.Random(1)
    for _ in range(100):
        keys = {key: rng.randrange(1 << 31) for key in rng.sample(SHORT, rng.randint(0, len(SHORT)))}
        check_prefixes(keys, SHORT)


def test_hostile_keys():
    rng = random.Random(2)
    for seed in range(20):
        texts = hostile.byte_strings(200, seed)
        parts = {text[: rng.randint(1, 12)].replace(b"\0", b"") for text in texts} - {b""}
        check_prefixes({key: i for i, key in enumerate(parts)}, [*texts, *parts, b"\0", b"a\0", b""])


def test_every_byte_after_every_byte():
    keys = {bytes(pair): i for i, pair in enumerate(product(range(1, 256), repeat=2))}
    check_prefixes(keys, [bytes(pair) + b"x" for pair in product(range(256), repeat=2)])


def test_random_texts():
    rng = np.random.default_rng(3)
    keys = {rng.integers(1, 256, n, np.uint8).tobytes(): n for n in range(1, 40) for _ in range(30)}
    trie = build(keys)
    for _ in range(20_000):
        text = rng.integers(0, 256, 8, np.uint8).tobytes()
        assert trie.find_prefixes(text) == find_prefixes(keys, text)


def test_long_key():
    key = bytes(i % 255 + 1 for i in range(1_000_000))
    trie = Trie.build(ft.Ragged.from_bytes([key]), np.array([5], np.int32))
    assert trie.find_prefixes(key + b"x") == [(1_000_000, 5)]
    assert len(trie.units) < 1_010_000


def test_large_offsets():
    rng = np.random.default_rng(4)
    table = np.unique(rng.integers(1, 256, (900_000, 4), np.uint8), axis=0)
    keys = ft.Ragged(table.ravel(), np.arange(0, table.size + 1, 4))
    trie = Trie.build(keys, np.arange(len(table), dtype=np.int32))
    assert len(trie.units) > 1 << 21
    assert find_stray(trie.units) == -1
    assert ((trie.units >> 31 == 0) & (trie.units >> 9 & 1 == 1)).any()  # offsets of more than 21 bits
    for i in range(0, len(table), 17):
        assert trie.find_prefixes(table[i].tobytes() + b"x") == [(4, i)]


@pytest.mark.parametrize("n", [256, 512])
def test_stray_units(n):
    units = np.full(n, 1 << 31, np.uint32)
    units[0] = 0
    assert find_stray(units) == -1
    units[5] = (n ^ 5) << 10
    assert find_stray(units) == 5
    units[5] = (n // 2 ^ 5) << 10
    assert find_stray(units) == -1
    units[3] = (n >> 8) << 10 | 1 << 9
    assert find_stray(units) == 3


def test_trie_from_units():
    units = build({b"ab": 1, b"b": 2}).units
    assert not units.flags.writeable
    assert Trie(units).find_prefixes(b"abc") == [(2, 1)]


def test_trie_with_shared_children():
    rng = random.Random(5)
    for n_values in (1, 2, 5):
        for _ in range(100):
            keys = {key: rng.randrange(n_values) for key in rng.sample(SHORT, rng.randint(0, len(SHORT)))}
            trie = build_shared(keys)
            assert find_stray(trie.units) == -1
            for text in SHORT:
                assert trie.find_prefixes(text) == find_prefixes(keys, text), (keys, text)
    for seed in range(20):
        texts = hostile.byte_strings(200, seed)
        parts = {text[: rng.randint(1, 12)].replace(b"\0", b"") for text in texts} - {b""}
        keys = {key: i % 3 for i, key in enumerate(sorted(parts))}
        trie = build_shared(keys)
        for text in [*texts, *parts, b"\0", b"a\0", b""]:
            assert trie.find_prefixes(text) == find_prefixes(keys, text), (keys, text)


def test_sharing_children_saves_units():
    keys = {bytes(word): word[3] for word in product(range(1, 20), repeat=4)}
    trie = build_shared(keys)
    assert trie.find_prefixes(bytes([3, 4, 5, 6, 7])) == [(4, 6)]
    assert len(trie.units) == 256
    assert len(build(keys).units) > 130_321
