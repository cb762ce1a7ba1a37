"""Mixtures: exact shares at every moment, each window once per round, resumable, the same for all ranks."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fasttok as ft
from tests import naive_packing as naive

WEIGHTS = [
    [1],
    [0.7, 0.3],
    [1, 1, 1],
    [Fraction(1, 3), Fraction(2, 3)],
    [3, 0.5, 10, 0.01],
    [0.01, 0.02, 0.03, 50],
    [9_034_112_553, 112_345_678],
    [np.float64(0.1), np.int64(2)],
    [1] * 12,
]


def make_stores(folder: Path, sizes: list[int], **options: Any) -> list[ft.TokenStore]:
    """Return stores of distinct ids: those of store k are from 1000 k."""
    return [
        ft.TokenStore.from_arrays(
            folder / f"{k}.tokens", np.arange(size) + 1000 * k, vocab_size=1000 * len(sizes), **options
        )
        for k, size in enumerate(sizes)
    ]


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_every_store_has_its_exact_share_at_every_moment(weights):
    row = ft.Ragged.from_rows([[1, 2]])
    mixture = ft.tokens.mix([(ft.tokens.pack(row, 1), weight) for weight in weights])
    exact = [Fraction(str(weight)) for weight in weights]
    shares = [weight / sum(exact) for weight in exact]
    assert list(mixture.weights) == shares
    before = naive.share(0, exact)
    for n in range(300):
        after = naive.share(n + 1, exact)
        [store] = [i for i in range(len(weights)) if after[i] > before[i]]
        assert mixture.locate(n) == (store, before[store])
        assert all(
            abs(count - (n + 1) * w) <= max(1, len(exact)) / 2 for count, w in zip(after, shares, strict=True)
        )
        before = after
    far = 10**15 + 7
    counts = naive.share(far, exact)
    store, drawn = mixture.locate(far)
    assert counts[store] == drawn
    assert naive.share(far + 1, exact)[store] == drawn + 1


def test_rounds_take_each_window_once_and_in_different_orders(tmp_path):
    a, b = make_stores(tmp_path, [61, 31])
    batches = ft.tokens.mix({a: 2, b: 1}, seed=3).batches(batch_size=6, context=5)
    found: dict[int, list[int]] = {0: [], 1: []}
    for batch in islice(batches, 30):
        assert (batch.y == batch.x + 1).all()
        assert (batch.x // 1000 == batch.sources[:, None]).all()
        for row, source in zip(batch.x[:, 0].tolist(), batch.sources.tolist(), strict=True):
            found[source].append(row)
    for source, n in ((0, 12), (1, 6)):
        starts = [1000 * source + 5 * i for i in range(n)]
        rounds = [found[source][i : i + n] for i in range(0, len(found[source]) - n + 1, n)]
        assert len(rounds) == 10
        assert all(sorted(one) == starts for one in rounds)
        assert all(one != other for one, other in pairwise(rounds))


def test_without_a_seed_the_windows_come_in_their_order(tmp_path):
    a, b = make_stores(tmp_path, [9, 13])
    batches = ft.tokens.mix([(a, 1), (b, 1)]).batches(2, 4, n_batches=4)
    assert [x[:, 0].tolist() for x, _ in batches] == [[0, 1000], [4, 1004], [0, 1008], [4, 1000]]


def test_batches_go_on_from_a_number_or_a_state_and_are_shared_by_ranks(tmp_path):
    stores = make_stores(tmp_path, [61, 31, 11])
    mixture = ft.tokens.mix(dict(zip(stores, [5, 3, 1], strict=True)), seed=11)

    def rows(**options: Any) -> list[list[int]]:
        return [x[:, 0].tolist() for x, _ in mixture.batches(context=5, n_batches=12, **options)]

    every = rows(batch_size=6)
    assert rows(batch_size=6, start=5) == every[5:]
    batches = mixture.batches(6, 5, n_batches=12)
    assert [next(batches).x[:, 0].tolist() for _ in range(3)] == every[:3]
    state = batches.state
    assert rows(batch_size=6, start=state) == every[3:]
    assert [x[:, 0].tolist() for x, _ in batches] == every[3:]
    ranks = [rows(batch_size=2, rank=rank, world_size=3, start=state) for rank in range(3)]
    assert [[*a, *b, *c] for a, b, c in zip(*ranks, strict=True)] == every[3:]
    assert mixture.batches(6, 5).batch(7).x[:, 0].tolist() == every[7]
    other = ft.tokens.mix(dict(zip(stores, [5, 3, 2], strict=True)), seed=11)
    with pytest.raises(ValueError, match="start is the state of other batches: weights is list there, and"):
        other.batches(6, 5, start=state)
    with pytest.raises(ValueError, match="start is the state of other batches: context is 5 there, and 4"):
        mixture.batches(6, 4, start=state | {"windows": [len(s.ids) // 4 for s in stores]})
    with pytest.raises(ValueError, match="start is not the state of batches: it must have the keys"):
        mixture.batches(6, 5, start={"batches": 1})


def test_windows_may_overlap_and_be_within_documents(tmp_path):
    offsets = np.array([0, 7, 20])
    a = ft.TokenStore.from_arrays(tmp_path / "a.tokens", np.arange(20), offsets, vocab_size=99)
    batches = ft.tokens.mix({a: 1}).batches(3, 6, 2, within_documents=True, n_batches=2, dtype=np.int64)
    found = [x for x, _ in batches]
    assert [x.dtype for x in found] == [np.int64] * 2
    assert np.concatenate(found)[:, 0].tolist() == [0, 7, 9, 11, 13, 0]


def test_packed_rows_are_mixed_with_their_masks():
    a = ft.tokens.pack(ft.Ragged.from_rows([[1, 2, 3], [4, 5, 6, 7, 8], [9, 10]]), 4)
    b = ft.tokens.pack(ft.Ragged.from_rows([[11, 12, 13, 14, 15], [16]]), 4)
    [batch] = ft.tokens.mix([(a, 3), (b, 2)]).batches(5, n_batches=1)
    numbers = [[0, 1, 2], [0, 1]]
    taken = [0, 0]
    for i, source in enumerate(batch.sources.tolist()):
        one = (a, b)[source].take(np.array([numbers[source][taken[source]]]))
        taken[source] += 1
        assert batch.x[i].tolist() == one.x[0].tolist()
        assert batch.y[i].tolist() == one.y[0].tolist()
        assert batch.mask[i].tolist() == one.mask[0].tolist()
        assert batch.position_ids[i].tolist() == one.position_ids[0].tolist()
        for across in (False, True):
            expected = one.loss_mask(across_documents=across)[0].tolist()
            assert batch.loss_mask(across_documents=across)[i].tolist() == expected
    assert taken == [3, 2]
    assert batch.cu_seqlens.tolist() == [*np.flatnonzero(batch.position_ids.ravel() == 0).tolist(), 20]


def test_stores_of_different_types_give_the_wider_ids(tmp_path):
    a = ft.TokenStore.from_arrays(tmp_path / "a", np.full(9, 7), vocab_size=10)
    b = ft.TokenStore.from_arrays(tmp_path / "b", np.full(9, 1 << 20), vocab_size=1 << 21)
    [batch] = ft.tokens.mix([(a, 1), (b, 1)]).batches(2, 4, n_batches=1)
    assert batch.x.dtype == np.uint32
    assert batch.x[:, 0].tolist() == [7, 1 << 20]


def test_wrong_arguments_are_errors(tmp_path):
    a, b = make_stores(tmp_path, [20, 30])
    other = ft.TokenStore.from_arrays(tmp_path / "c", [[1]], vocab_size=10, tokenizer_fingerprint="x")
    third = ft.TokenStore.from_arrays(tmp_path / "d", [[1]], vocab_size=10, tokenizer_fingerprint="y")
    row = ft.Ragged.from_rows([[1, 2, 3]])
    one, two = ft.tokens.pack(row, 1), ft.tokens.pack(row, 2)
    mix = ft.tokens.mix
    for call, message in (
        (lambda: mix([]), "stores must have at least one store"),
        (lambda: mix("ab"), "stores must be a sequence of pairs of a store and a weight, not a single str"),
        (lambda: mix([a, b]), "stores must be pairs of a store and a weight, but item 0 is TokenStore"),
        (lambda: mix({a: 1, "b": 2}), "stores must be TokenStore or Packed objects, but store 1 is str"),
        (lambda: mix([(a, 1), (a, 2)]), "store 1 is given twice"),
        (lambda: mix({a: 1, one: 1}), "either all TokenStore or all Packed"),
        (lambda: mix({a: 0}), "weights above 0, but that of store 0 is 0; leave it out"),
        (lambda: mix({a: -0.5}), "weights above 0"),
        (lambda: mix({a: float("nan")}), "weights above 0"),
        (lambda: mix({a: float("inf")}), "weights above 0"),
        (lambda: mix({a: True}), "numbers as weights, but that of store 0 is True"),
        (lambda: mix({a: "1"}), "numbers as weights"),
        (lambda: mix({a: 1}, seed=-1), "seed must be an integer from 0"),
        (lambda: mix({other: 1, a: 1, third: 1}), "encoded by another tokenizer than .*c, so its ids"),
        (lambda: mix({a: 1}).batches(2), "context must be given for stores"),
        (lambda: mix({a: 1}).batches(0, 2), "batch_size must be at least 1"),
        (lambda: mix({a: 1, b: 1}).batches(1, 20), "0.tokens: a window of context=20 with its targets needs"),
        (lambda: mix({a: 1}).batches(1, 2, rank=1), "rank must be below world_size=1, not 1"),
        (lambda: mix({a: 1}).batches(1, 2, n_batches=1.5), "n_batches must be an integer"),
        (lambda: mix({a: 1}).batches(1, 2, dtype="float32"), "dtype must be uint16"),
        (lambda: mix({a: 1}).batches(1, 2, start=-1), "start must be at least 0"),
        (lambda: mix({one: 1, two: 1}).batches(1), "different contexts: 1, 2"),
        (lambda: mix({one: 1}).batches(1, 2), "context must be 1, that of the packed rows, not 2"),
        (lambda: mix({one: 1}).batches(1, stride=2), "stride and within_documents are for stores"),
        (lambda: mix({one: 1}).locate(-1), "n must be at least 0"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            call()


def test_a_batch_of_too_many_windows_is_refused():
    mixture = ft.tokens.mix([(ft.tokens.pack(ft.Ragged.from_rows([[1, 2, 3, 4]]), 2), 1)])
    with pytest.raises(
        ValueError, match=r"batch_size must be at most 16,777,216 for mixtures, not 16,777,217"
    ):
        mixture.batches(batch_size=(1 << 24) + 1)
