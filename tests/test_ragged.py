"""`Ragged`, compared with lists of lists."""

from __future__ import annotations

import random

import numpy as np
import pytest

import fasttok as ft


def random_rows(rng):
    return [[rng.randrange(1 << 32) for _ in range(rng.randint(0, 5))] for _ in range(rng.randint(0, 6))]


def test_agrees_with_lists_of_lists():
    rng = random.Random(37)
    for _ in range(300):
        rows = random_rows(rng)
        ragged = ft.Ragged.from_rows(rows)
        assert ragged.to_list() == rows == [row.tolist() for row in ragged]
        assert ragged.lengths.tolist() == [len(row) for row in rows]
        for i in range(-len(rows), len(rows)):
            assert ragged[i].tolist() == rows[i]
        start, stop = rng.randint(-8, 8), rng.randint(-8, 8)
        for step in (1, 2, -1):
            assert ragged[start:stop:step].to_list() == rows[start:stop:step]
        chosen = [rng.randrange(len(rows)) for _ in range(5)] if rows else []
        assert ragged.take(np.array(chosen, np.int64)).to_list() == [rows[i] for i in chosen]
        others = random_rows(rng)
        assert (ragged == ft.Ragged.from_rows(others)) == (rows == others)


def test_bytes():
    rows = [b"ab", b"", b"\xff\x00"]
    assert ft.Ragged.from_bytes(rows).to_bytes() == rows
    assert repr(ft.Ragged.from_bytes(rows)) == "Ragged(3 rows, 4 uint8)"


def test_rows_are_views():
    ragged = ft.Ragged.from_rows([[1, 2], [3]])
    assert np.shares_memory(ragged[0], ragged.values)
    assert np.shares_memory(ragged[1:].values, ragged.values)


def test_out_of_range():
    ragged = ft.Ragged.from_rows([[1], [2]])
    for i in (2, -3):
        with pytest.raises(IndexError):
            ragged[i]
    for rows in ([2], [-1], [0, 1 << 40]):
        with pytest.raises(IndexError, match="does not exist: the Ragged has 2 rows"):
            ragged.take(np.array(rows))
    with pytest.raises(TypeError, match="rows must be integers, not bool"):
        ragged.take(np.array([True, False]))
    with pytest.raises(OverflowError):
        ft.Ragged.from_rows([[-1]])
    with pytest.raises(TypeError):
        hash(ragged)


@pytest.mark.parametrize("offsets", [[0, 3], [-1, 1], [0, 2, 1], [[0, 1]], [0.0, 1.0], []])
def test_invalid_offsets(offsets):
    with pytest.raises(ValueError, match="offset"):
        ft.Ragged(np.zeros(2, np.uint8), np.array(offsets))
