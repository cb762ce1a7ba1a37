"""Windows of stored ids: equal to naive slicing, views without copies, errors before any work."""

from __future__ import annotations

import itertools
import pickle
import random

import numpy as np
import pytest

import fasttok as ft
from tests import token_oracles as oracles

DTYPES = (np.uint16, np.uint32, np.int32, np.int64)


def random_documents(rng):
    """Return ids and the offsets of documents, some of which are empty or short."""
    lengths = [rng.choice((0, 1, 2, 3, 5, 8, 13)) for _ in range(rng.randrange(1, 8))]
    offsets = [0, *itertools.accumulate(lengths)]
    return [rng.randrange(1000) for _ in range(offsets[-1])], offsets


def to_lists(windows):
    return [(x.tolist(), y.tolist()) for x, y in windows]


def test_windows_equal_naive_slicing():
    rng = random.Random(1)
    n_errors = 0
    for _ in range(600):
        ids, offsets = random_documents(rng)
        context, stride = rng.randrange(1, 7), rng.choice((None, 1, 2, 3, 5, 9))
        keep_last, within = rng.random() < 0.5, rng.random() < 0.5
        options = {"within_documents": within, "keep_last": keep_last}
        args = np.array(ids, rng.choice(DTYPES)), context, stride
        expected = oracles.windows_of_documents(ids, offsets, context, stride or context, keep_last, within)
        if not expected:
            with pytest.raises(ft.TokenStoreError, match="needs at least"):
                ft.tokens.TokenWindows(*args, offsets=np.array(offsets), **options)
            n_errors += 1
            continue
        windows = ft.tokens.TokenWindows(*args, offsets=np.array(offsets), **options)
        assert len(windows) == len(expected)
        assert to_lists(windows) == expected
        assert to_lists([windows[i - len(windows)] for i in range(len(windows))]) == expected
        if not within and not keep_last:
            assert len(windows) == -(-(len(ids) - context) // (stride or context))
        chosen = [rng.randrange(len(expected)) for _ in range(rng.randrange(5))]
        batch = windows.take(np.array(chosen, np.int64), pad_id=7)
        for array, part in zip(batch, (0, 1), strict=True):
            rows = [expected[i][part] for i in chosen]
            assert array.tolist() == [[*row, *[7] * (context - len(row))] for row in rows]
            assert array.shape == (len(chosen), context)
        assert batch.mask.tolist() == [[j < len(expected[i][0]) for j in range(context)] for i in chosen]
        picked = slice(
            *(rng.choice((None, rng.randrange(-9, 9))) for _ in range(2)), rng.choice((None, 1, 2, -1, -3))
        )
        x, y = windows[picked]
        padded = [[[*row, *[0] * (context - len(row))] for row in pair] for pair in expected[picked]]
        assert [x.tolist(), y.tolist()] == [[pair[k] for pair in padded] for k in (0, 1)]
    assert 50 < n_errors < 400


def test_windows_are_views():
    ids = np.arange(100, dtype=np.uint16)
    windows = ft.tokens.TokenWindows(ids, 8, 3)
    for x, y in (windows[5], windows[-1], windows[:], windows[2:20:4], windows[::-2]):
        assert np.shares_memory(x, ids)
        assert np.shares_memory(y, ids)
        assert (y == x + 1).all()
        assert x.dtype == np.uint16
    ids[15] = 999
    assert windows[5][0][0] == 999
    x, _ = windows[:]
    with pytest.raises(ValueError, match="read-only"):
        x[0, 0] = 1


def test_the_last_window_is_kept_only_if_it_has_targets_of_its_own():
    for n, context, stride, starts in (
        (9, 4, 4, [0, 4]),
        (10, 4, 4, [0, 4, 8]),
        (10, 4, 2, [0, 2, 4, 6]),
        (9, 4, 2, [0, 2, 4]),
        (9, 2, 8, [0]),
        (10, 2, 8, [0, 8]),
        (2, 50, 50, [0]),
    ):
        windows = ft.tokens.TokenWindows(np.arange(n), context, stride, keep_last=True)
        assert [int(x[0]) for x, _ in windows] == starts


def test_ids_of_a_store_and_of_arrays_have_the_same_windows(tmp_path):
    rows = [[1, 2, 3, 4, 5, 6], [], [7, 8], [9, 10, 11, 12]]
    store = ft.TokenStore.from_arrays(tmp_path / "a.tokens", rows, vocab_size=13)
    for within, keep in itertools.product((False, True), repeat=2):
        windows = store.windows(3, 2, within_documents=within, keep_last=keep)
        other = ft.tokens.TokenWindows(
            store.ids, 3, 2, offsets=store.offsets, within_documents=within, keep_last=keep
        )
        expected = oracles.windows_of_documents(
            [*itertools.chain(*rows)], store.offsets.tolist(), 3, 2, keep, within
        )
        assert to_lists(windows) == to_lists(other) == expected
        assert np.shares_memory(windows[0][0], store.ids)
        again = pickle.loads(pickle.dumps(windows))  # noqa: S301
        assert to_lists(again) == expected
        assert len(pickle.dumps(windows)) < 1000
    assert repr(store.windows(3)) == "TokenWindows(3 windows of 3 uint16 ids)"


def test_a_context_longer_than_the_ids_is_an_error(tmp_path):
    store = ft.TokenStore.from_arrays(tmp_path / "a.tokens", [[1, 2, 3], [4, 5]], vocab_size=6)
    assert len(store.windows(4)) == 1
    for context in (5, 6, 10**30):
        with pytest.raises(
            ft.TokenStoreError, match=r"a\.tokens: a window of context=.* there are 5\. Choose"
        ):
            store.windows(context)
        with pytest.raises(ft.TokenStoreError, match="context"):
            store.batches(1, context)
        assert len(store.windows(context, keep_last=True)) == 1
    with pytest.raises(ft.TokenStoreError, match="at least 4 ids, and the longest document has 3"):
        store.windows(3, within_documents=True)
    for n in (0, 1):
        with pytest.raises(ft.TokenStoreError, match="a window with its targets needs at least 2 ids"):
            ft.tokens.TokenWindows(np.arange(n), 3, keep_last=True)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"context": 0}, ValueError, "context must be at least 1, not 0"),
        ({"context": 2.0}, TypeError, "context must be an integer, not 2.0"),
        ({"stride": 0}, ValueError, "stride must be at least 1, not 0"),
        ({"stride": "3"}, TypeError, "stride must be an integer, not '3'"),
        ({"keep_last": 1}, TypeError, "keep_last must be True or False, not 1"),
        ({"within_documents": None}, TypeError, "within_documents must be True or False"),
        ({"source": [1, 2, 3]}, TypeError, "source must be a TokenStore or an ndarray of ids, not list"),
        ({"source": np.arange(9.0)}, TypeError, "an array of float64 and shape"),
        ({"source": np.zeros((2, 9), np.int64)}, TypeError, r"shape \(2, 9\)"),
        ({"source": np.arange(9, dtype=">u2")}, TypeError, "source must be a 1-d array of uint16"),
        ({"offsets": [0, 9]}, TypeError, "offsets must be a 1-d ndarray of int64, not list"),
        ({"offsets": np.array([0, 5, 4, 9])}, ValueError, "offsets must begin with 0, end with 9"),
        ({"offsets": np.array([1, 9])}, ValueError, "offsets must begin with 0"),
        ({"offsets": np.array([0, 8])}, ValueError, "offsets must begin with 0, end with 9"),
        ({"within_documents": True}, TypeError, "offsets, the boundaries of the documents, are needed"),
    ],
)
def test_invalid_arguments(change, error, message):
    with pytest.raises(error, match=message):
        ft.tokens.TokenWindows(**{"source": np.arange(9), "context": 2} | change)


def test_invalid_numbers_of_windows():
    windows = ft.tokens.TokenWindows(np.arange(9, dtype=np.uint16), 2)
    for i in (4, -5, 10**30):
        with pytest.raises(IndexError, match=r"window .* does not exist: there are 4 windows"):
            windows[i]
    for key in ("1", 1.0, None, True):
        with pytest.raises(TypeError, match="the index must be an integer or a slice"):
            windows[key]
    for bad in (-1, 4):
        with pytest.raises(IndexError, match=f"window {bad} does not exist: there are 4 windows"):
            windows.take(np.array([0, bad]))
    for numbers in ([0], np.array([0.5]), np.array([[0]]), None):
        with pytest.raises(TypeError, match="numbers must be a 1-d ndarray of integers"):
            windows.take(numbers)
    for dtype in (np.float32, "qzxv", object, np.int8):
        with pytest.raises(TypeError, match="dtype must be uint16, uint32, int32 or int64"):
            windows.take(np.array([0]), dtype=dtype)
    with pytest.raises(ValueError, match="pad_id 65536 does not fit the type uint16"):
        windows.take(np.array([0]), pad_id=65536)
    with pytest.raises(TypeError, match="dtype must be uint32, int32 or int64 for ids of uint32, not uint16"):
        ft.tokens.TokenWindows(np.arange(9, dtype=np.uint32), 2).take(np.array([0]), dtype=np.uint16)
