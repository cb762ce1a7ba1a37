"""Batches of stored ids: order, resuming, ranks, masks and positions, all equal to naive versions."""

from __future__ import annotations

import itertools
import json
import pickle
import random

import numpy as np
import pytest

import fasttok as ft
from fasttok.tokens import batches as batches_module
from fasttok.tokens.order import shuffled
from tests import token_oracles as oracles
from tests.conftest import ROOT
from tests.test_token_windows import random_documents

SEEDS = (0, 1, 7, 2**63, 2**64 - 1)


# Order


def test_the_order_equals_the_oracle():
    rng = random.Random(2)
    for n in (1, 2, 3, 7, 255, 256, 257, 1000, 4096, 65537, 10**9, 2**40 + 1, 2**62):
        for seed, epoch in itertools.product(SEEDS, (0, 5, 2**64 - 1)):
            positions = [rng.randrange(n) for _ in range(8)]
            expected = [oracles.shuffled(n, position, seed, epoch) for position in positions]
            assert shuffled(n, np.array(positions), seed, epoch).tolist() == expected


def test_the_order_is_a_permutation():
    for n in (*range(1, 40), 255, 256, 257, 1023, 1024, 1025, 5000):
        for seed in (0, 7):
            assert sorted(shuffled(n, np.arange(n), seed, 3).tolist()) == list(range(n))
    assert shuffled(5, np.array([3, 0]), None).tolist() == [3, 0]
    assert shuffled(0, np.array([], np.int64), 7).tolist() == []


@pytest.mark.parametrize("n", [2, 3, 5, 24, 257])
def test_every_number_is_equally_likely_at_every_position(n):
    epochs = 200 * n if n < 100 else 4000
    orders = [shuffled(n, np.arange(n), 7, epoch) for epoch in range(epochs)]
    counts = np.zeros((n, n))
    for order in orders:
        counts[np.arange(n), order] += 1
    expected = epochs / n
    chi_square = ((counts - expected) ** 2 / expected).sum()
    freedom = (n - 1) ** 2
    assert abs(chi_square - freedom) < 5 * np.sqrt(2 * freedom)
    # Neighbours in an order are not neighbours before it more often than by chance.
    near = sum(int((np.diff(order) == 1).sum()) for order in orders)
    mean = epochs * (n - 1) / n
    assert abs(near - mean) < 5 * np.sqrt(mean)


def test_different_seeds_and_epochs_give_different_orders():
    orders = {
        tuple(shuffled(50, np.arange(50), seed, epoch)) for seed in (0, 1, 2**32) for epoch in range(50)
    }
    assert len(orders) == 150


def test_invalid_arguments_of_the_order():
    for positions in (np.array([3]), np.array([0, -1])):
        with pytest.raises(IndexError, match="does not exist: there are 3 items, counted from 0"):
            shuffled(3, positions, 7)
    with pytest.raises(ValueError, match="seed must be an integer from 0 to"):
        shuffled(3, np.array([0]), -1)
    with pytest.raises(TypeError, match="positions must be a 1-d ndarray of integers"):
        shuffled(3, [0], 7)


# Batches


def expected_batches(ids, offsets, size, context, stride, seed, epoch, options, rank, world_size, drop_last):
    """Return the lists (x, y) of all batches of a process, unpadded."""
    found = oracles.windows_of_documents(
        ids, offsets, context, stride, options["keep_last"], options["within_documents"]
    )
    order = list(range(len(found)))
    if seed is not None:
        order = [oracles.shuffled(len(found), position, seed, epoch) for position in order]
    return [[found[i] for i in part] for part in oracles.batches(order, size, rank, world_size, drop_last)]


def pad(rows, context, pad_id):
    return [[*row, *[pad_id] * (context - len(row))] for row in rows]


def test_batches_equal_naive_slicing(monkeypatch):
    rng = random.Random(3)
    n_checked = 0
    for _ in range(300):
        ids, offsets = random_documents(rng)
        size, context, stride = rng.randrange(1, 4), rng.randrange(1, 5), rng.choice((1, 2, 5))
        seed, epoch, world_size = rng.choice((None, 7)), rng.randrange(3), rng.randrange(1, 4)
        drop_last = rng.random() < 0.5
        options = {name: rng.random() < 0.5 for name in ("within_documents", "keep_last")}
        monkeypatch.setattr(batches_module, "BLOCK_BYTES", rng.choice((1, 100, 1 << 20)))
        array = np.array(ids, rng.choice((np.uint16, np.uint32, np.int32, np.int64)))
        dtype = rng.choice((None, np.int64, np.int32))
        for rank in range(world_size):
            common = size, context, stride, seed, epoch, options, rank, world_size, drop_last
            expected = expected_batches(ids, offsets, *common)

            def make(start=0, rank=rank):
                return ft.tokens.TokenBatches(
                    array,  # noqa: B023
                    size,  # noqa: B023
                    context,  # noqa: B023
                    stride,  # noqa: B023
                    seed=seed,  # noqa: B023
                    epoch=epoch,  # noqa: B023
                    start=start,
                    rank=rank,
                    world_size=world_size,  # noqa: B023
                    drop_last=drop_last,  # noqa: B023
                    offsets=np.array(offsets),  # noqa: B023
                    dtype=dtype,  # noqa: B023
                    pad_id=99,
                    **options,  # noqa: B023
                )

            if not expected:
                with pytest.raises(ft.TokenStoreError, match="windows are fewer|needs at least"):
                    make()
                continue
            batches = make()
            assert len(batches) == batches.n_batches == len(expected)
            start = rng.randrange(len(expected) + 1)
            states, seen = [], []
            for batch in batches:
                seen.append(batch)
                states.append(batches.state)
            assert len(batches) == 0
            for batch, pairs in zip(seen, expected, strict=True):
                for part, kept in zip(batch, zip(*pairs, strict=True) if pairs else ((), ()), strict=True):
                    assert part.tolist() == pad(kept, context, 99)
                    assert part.shape == (len(pairs), context)
                    assert part.dtype == (dtype or array.dtype)
                    assert part.flags.c_contiguous
                    assert part.flags.writeable
                assert batch.mask.tolist() == [[j < len(x) for j in range(context)] for x, _ in pairs]
            state = states[start - 1] if start else 0
            for again in (make(start), make(json.loads(json.dumps(state)) if start else 0)):
                rest = [batch.x.tolist() for batch in again]
                assert rest == [batch.x.tolist() for batch in seen[start:]]
            assert batches.batch(0).y.tolist() == seen[0].y.tolist()
            n_checked += 1
    assert n_checked > 150


def test_all_ranks_together_have_every_window_once():
    ids = np.arange(1001, dtype=np.uint16)
    for world_size, drop_last in itertools.product((1, 2, 3, 7), (False, True)):
        parts = [
            [
                *ft.tokens.TokenBatches(
                    ids, 4, 8, seed=7, rank=rank, world_size=world_size, drop_last=drop_last
                )
            ]
            for rank in range(world_size)
        ]
        assert len({len(part) for part in parts}) == 1
        starts = sorted(int(row[0]) for part in parts for batch in part for row in batch.x)
        assert (
            len(starts)
            == len(set(starts))
            == (125 // (4 * world_size) * 4 * world_size if drop_last else 125)
        )
        if not drop_last:
            assert starts == list(range(0, 1000, 8))


def test_a_run_continues_with_another_number_of_processes():
    ids = np.arange(2000, dtype=np.uint16)

    def rows(batch_size, world_size, **options):
        parts = [
            ft.tokens.TokenBatches(ids, batch_size, 5, seed=3, rank=rank, world_size=world_size, **options)
            for rank in range(world_size)
        ]
        steps = [np.concatenate([batch.x for batch in step]).tolist() for step in zip(*parts, strict=True)]
        return steps, parts[0]

    whole, _ = rows(8, 1, epoch=4)
    first = ft.tokens.TokenBatches(ids, 8, 5, seed=3, epoch=4)
    for _ in range(3):
        next(first)
    for batch_size, world_size in ((4, 2), (2, 4), (1, 8)):
        rest, _ = rows(batch_size, world_size, start=first.state)
        assert rest == whole[3:]


def test_a_state_of_other_batches_is_an_error():
    ids = np.arange(200, dtype=np.uint16)
    given = {"batch_size": 2, "context": 5, "stride": 5, "seed": 3}
    state = ft.tokens.TokenBatches(ids, **given, epoch=2, start=4).state
    assert state["batches"] == 4
    for change, message in (
        ({"seed": 4}, "start is the state of other batches: seed is 3 there, and 4 here"),
        ({"seed": None}, "seed is 3 there, and None here"),
        ({"context": 4}, "windows is 39 there|context is 5 there"),
        ({"batch_size": 3}, r"batch_size \* world_size is 2 there, and 3 here"),
        ({"stride": 4}, "other batches: windows is 39 there, and 49 here"),
        ({"epoch": 1}, "start is the state of epoch 2, but epoch=1 was given"),
    ):
        with pytest.raises(ValueError, match=message):
            ft.tokens.TokenBatches(ids, **given | change, start=state)
    assert ft.tokens.TokenBatches(ids, **given, start=state).epoch == 2
    for bad in ({}, {"batches": 3}, state | {"more": 1}):
        with pytest.raises(ValueError, match="start is not the state of batches: it must have the keys"):
            ft.tokens.TokenBatches(ids, **given, start=bad)
    for batches in (-1, 20, "3"):
        with pytest.raises((TypeError, ValueError), match="batches of start must be"):
            ft.tokens.TokenBatches(ids, **given, start=state | {"batches": batches})


def test_batches_are_independent_of_each_other_and_of_the_ids():
    ids = np.arange(100, dtype=np.uint16)
    seen = [*ft.tokens.TokenBatches(ids, 2, 3)]
    for batch in seen:
        batch.x[:] = 0
        assert batch.y.all()
    assert (ids == np.arange(100)).all()
    assert not np.shares_memory(seen[0].x, seen[1].x)


def test_positions_masks_and_lengths_of_documents_equal_the_oracle():
    rng = random.Random(4)
    for _ in range(400):
        ids, offsets = random_documents(rng)
        context, stride = rng.randrange(1, 12), rng.randrange(1, 6)
        if len(ids) < 2:
            continue
        windows = ft.tokens.TokenWindows(
            np.array(ids), context, stride, offsets=np.array(offsets), keep_last=True
        )
        chosen = np.array([rng.randrange(len(windows)) for _ in range(3)])
        batch = windows.take(chosen)
        starts, lengths = batch.starts.tolist(), batch.lengths.tolist()
        assert [ids[start : start + n] for start, n in zip(starts, lengths, strict=True)] == [
            windows[i][0].tolist() for i in chosen
        ]
        positions = oracles.position_ids(offsets, starts, lengths, context)
        assert batch.position_ids.tolist() == positions
        assert batch.cu_seqlens.tolist() == oracles.cu_seqlens(positions)
        assert batch.loss_mask().tolist() == batch.mask.tolist()
        expected = oracles.loss_mask(offsets, starts, lengths, context)
        assert batch.loss_mask(across_documents=False).tolist() == expected
    assert (batch.position_ids.dtype, batch.cu_seqlens.dtype) == (np.int64, np.int32)


def test_ids_without_documents_are_one_document():
    batch = ft.tokens.TokenWindows(np.arange(9), 4).take(np.array([1, 0]))
    assert batch.position_ids.tolist() == [[0, 1, 2, 3]] * 2
    assert batch.cu_seqlens.tolist() == [0, 4, 8]
    assert batch.loss_mask(across_documents=False).all()
    with pytest.raises(TypeError, match="across_documents must be True or False"):
        batch.loss_mask(across_documents=1)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, not 0"),
        ({"batch_size": 5}, ft.TokenStoreError, "4 windows are fewer than batch_size=5"),
        ({"seed": -1}, ValueError, "seed must be an integer from 0 to"),
        ({"epoch": 0.5}, ValueError, "epoch must be an integer from 0 to"),
        ({"start": 3}, ValueError, "start must be at most 2, the number of batches of an epoch, not 3"),
        ({"start": "3"}, TypeError, "start must be a number of batches or the state of batches, not str"),
        ({"start": True}, TypeError, "start must be a number of batches"),
        ({"rank": 1}, ValueError, "rank must be below world_size=1, not 1; ranks count from 0"),
        ({"rank": -1, "world_size": 2}, ValueError, "rank must be at least 0, not -1"),
        ({"world_size": 0}, ValueError, "world_size must be at least 1"),
        ({"world_size": 3}, ft.TokenStoreError, "in each of world_size=3 processes"),
        ({"drop_last": 0}, TypeError, "drop_last must be True or False, not 0"),
        ({"dtype": np.float32}, TypeError, "dtype must be uint16, uint32, int32 or int64"),
        ({"pad_id": -1}, ValueError, "pad_id -1 does not fit the type uint16"),
        (
            {"context": 10**30, "keep_last": True, "batch_size": 1},
            ValueError,
            "context .* is too large for 1",
        ),
    ],
)
def test_invalid_arguments(change, error, message):
    with pytest.raises(error, match=message):
        ft.tokens.TokenBatches(
            **{"source": np.arange(9, dtype=np.uint16), "batch_size": 2, "context": 2} | change
        )


def test_numbers_of_batches():
    batches = ft.tokens.TokenBatches(np.arange(9), 2, 2, start=1)
    assert (len(batches), batches.n_batches) == (1, 2)
    for i in (-1, 2):
        with pytest.raises(IndexError, match=f"i: there is no batch {i}: an epoch has 2"):
            batches.batch(i)
    next(batches)
    with pytest.raises(StopIteration):
        next(batches)
    assert repr(batches) == "TokenBatches(0 of 2 batches of 2 x 2 int64 ids)"


def test_batches_of_a_store(tmp_path):
    rows = [[1, 2, 3, 4, 5, 6], [], [7, 8], [9, 10, 11, 12]]
    store = ft.TokenStore.from_arrays(tmp_path / "a.tokens", rows, vocab_size=13)
    options = {"seed": 7, "epoch": 1, "keep_last": True, "within_documents": True, "drop_last": False}
    batches = store.batches(2, 3, **options)
    other = ft.tokens.TokenBatches(store.ids, 2, 3, offsets=store.offsets, **options)
    assert [(b.x.tolist(), b.y.tolist()) for b in batches] == [(b.x.tolist(), b.y.tolist()) for b in other]
    half = store.batches(1, 3, 2, seed=7)
    next(half)
    again = pickle.loads(pickle.dumps(half))  # noqa: S301
    assert [b.x.tolist() for b in again] == [b.x.tolist() for b in half]
    assert len(pickle.dumps(store.batches(1, 3, 2, seed=7))) < 2000


def test_characters_as_in_a_course():
    """Split a text of characters in two parts, and compare with the loop of the course."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tok = ft.train(ft.Corpus.from_texts([text]), model="character")
    ids = tok.encode(text)
    assert len(ids) == len(text)
    n = int(0.9 * len(ids))
    for part in (ids[:n], ids[n:]):
        data = part.tolist()
        batches = ft.tokens.TokenBatches(part, batch_size=8, context=4, dtype=np.int64)
        for b, (x, y) in enumerate(batches):
            assert (x.shape, y.shape) == ((8, 4), (8, 4))
            for row in range(8):
                start = (b * 8 + row) * 4
                assert x[row].tolist() == data[start : start + 4]
                assert y[row].tolist() == data[start + 1 : start + 5]
        assert b + 1 == (len(data) - 1) // 32
