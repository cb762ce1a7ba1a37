"""Packing: rows, targets, masks and borders equal those of naive packings; nothing is lost or made up."""

from __future__ import annotations

import pickle
import random
from typing import Any

import numpy as np
import pytest

import fasttok as ft
from fasttok.tokens.order import shuffled
from fasttok.tokens.packing import REFILL
from tests import naive_packing as naive

METHODS = ("best_fit", "concatenate", "bos_best_fit")
BOS, PAD = 5000, 6000


def random_documents(seed: int, n: int, longest: int) -> list[list[int]]:
    """Return documents of distinct ids, some of them empty; most are short."""
    rng = random.Random(seed)
    sizes = [int(longest * rng.random() ** 3) for _ in range(n)]
    ids = iter(range(sum(sizes)))
    return [[next(ids) for _ in range(size)] for size in sizes]


def expected_rows(
    method: str, documents: list[list[int]], context: int, keep_last: bool, buffer_size: int
) -> tuple[list[list[int]], list[list[naive.Piece]], int]:
    """Return documents with their BOS, the rows and their length, as a naive packing makes them."""
    if method == "best_fit":
        return documents, naive.best_fit(documents, context), context
    if method == "concatenate":
        rows, length = naive.concatenate(documents, context), context
    else:
        documents = [[BOS, *document] for document in documents if document]
        rows, length = naive.bos_best_fit(documents, context, buffer_size, REFILL), context + 1
    if not keep_last and sum(end - begin for _, begin, end in rows[-1]) < length:
        rows = rows[:-1]
    return documents, rows, length


CASES = [
    (seed, n, longest, context, keep_last, buffer_size)
    for seed, (n, longest, context, keep_last, buffer_size) in enumerate(
        [
            (30, 12, 8, False, 1000),
            (30, 12, 8, True, 4),
            (30, 40, 8, False, 1),
            (400, 40, 16, True, 20),
            (400, 9, 33, False, 300),
            (5, 30, 1, False, 1000),
            (5, 30, 1, True, 2),
            (300, 20, 64, True, 10),
            (3, 30, 3, True, 1000),
            (600, 7, 7, False, 150),
        ]
    )
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("seed", "n", "longest", "context", "keep_last", "buffer_size"), CASES)
def test_rows_are_those_of_a_naive_packing(method, seed, n, longest, context, keep_last, buffer_size):
    given = random_documents(seed, n, longest)
    documents, rows, length = expected_rows(method, given, context, keep_last, buffer_size)
    is_bos, is_stream = method == "bos_best_fit", method == "concatenate"
    packed = ft.tokens.pack(
        ft.Ragged.from_rows(given),
        context,
        method,
        bos_id=BOS if is_bos else None,
        pad_id=PAD,
        keep_last=keep_last,
        buffer_size=buffer_size,
    )
    ids = [naive.ids_of(documents, row, length, PAD) for row in rows]
    assert packed.row_length == length
    assert packed.rows.tolist() == ids
    assert [row.tolist() for row in packed] == ids
    x, y = packed[:]
    assert x.tolist() == [row[:context] for row in ids]
    following = [naive.next_id(documents, row, length, is_stream) for row in rows]
    extended = [[*row, PAD if one is None else one] for row, one in zip(ids, following, strict=True)]
    assert y.tolist() == [row[1 : context + 1] for row in extended]

    assert packed.position_ids.tolist() == [naive.positions_of(row, length) for row in rows]
    assert packed[:].position_ids.tolist() == [naive.positions_of(row, context) for row in rows]
    assert packed.cu_seqlens.tolist() == naive.borders_of(rows, length)
    assert packed[:].cu_seqlens.tolist() == naive.borders_of(rows, context)

    home = {i: d for d, document in enumerate(given) for i in document}  # document of each id
    for across in (False, True):
        mask = packed.loss_mask(across_documents=across)
        for r, row in enumerate(rows):
            inner = [d for d, begin, end in row for _ in range(begin, end)]
            follower = [] if following[r] is None or is_bos else [home[following[r]]]
            places = [*inner, *follower] + [-1] * (length + 1)
            assert mask[r].tolist() == [
                places[j + 1] >= 0 and (across or places[j] == places[j + 1]) for j in range(context)
            ]
    assert (packed[:].loss_mask() == packed.loss_mask()).all()
    sizes = [sum(end - begin for _, begin, end in row) for row in rows]
    assert packed[:].mask.tolist() == [[j < size for j in range(context)] for size in sizes]

    n_kept = sum(end - begin for row in rows for _, begin, end in row)
    n_given = sum(map(len, documents))
    assert packed.n_ids == n_kept
    assert packed.n_cropped == n_given - n_kept
    assert packed.cropped == (n_given - n_kept) / n_given
    assert packed.utilization == n_kept / (len(rows) * length)
    whole = {d for row in rows for d, begin, end in row if end - begin == len(documents[d])}
    assert packed.n_cut == sum(len(document) > 0 for document in documents) - len(whole)


@pytest.mark.parametrize("seed", range(8))
def test_best_fit_keeps_every_id_once_and_cuts_only_long_documents(seed):
    documents = random_documents(100 + seed, 200, 50)
    packed = ft.tokens.pack(ft.Ragged.from_rows(documents), 20, pad_id=PAD)
    assert sorted(packed.rows[packed.rows != PAD].tolist()) == list(range(sum(map(len, documents))))
    assert packed.cropped == 0.0
    assert packed.n_cut == sum(len(document) > 20 for document in documents)
    n_pieces = sum(-(-len(document) // 20) for document in documents)
    assert len(packed.cu_seqlens) == n_pieces + (packed.rows[:, -1] == PAD).sum() + 1


@pytest.mark.parametrize("seed", range(4))
def test_rows_of_bos_best_fit_are_full_and_begin_with_a_document(seed):
    documents = random_documents(200 + seed, 500, 30)
    packed = ft.tokens.pack(ft.Ragged.from_rows(documents), 24, "bos_best_fit", bos_id=BOS)
    assert (packed.rows[:, 0] == BOS).all()
    assert packed.utilization == 1.0
    firsts = {document[0] for document in documents if document}
    assert set(packed.rows[:, 1].tolist()) - {BOS} <= firsts


def stored(path: Any, documents: list[list[int]], **options: Any) -> ft.TokenStore:
    return ft.TokenStore.from_arrays(path, ft.Ragged.from_rows(documents), **options)


@pytest.mark.parametrize("vocab_size", [7001, 1 << 20])
@pytest.mark.parametrize("method", METHODS)
def test_packing_a_store_equals_packing_its_arrays(tmp_path, method, vocab_size):
    documents = random_documents(1, 100, 30)
    bos = BOS if method == "bos_best_fit" else None
    store = stored(tmp_path / "a.tokens", documents, vocab_size=vocab_size)
    packed = ft.tokens.pack(store, 16, method, bos_id=bos, pad_id=PAD)
    other = ft.tokens.pack(ft.Ragged.from_rows(documents), 16, method, bos_id=bos, pad_id=PAD)
    assert packed.rows.dtype == store.dtype
    assert packed.rows.tolist() == other.rows.tolist()
    again = packed.save(tmp_path / "rows.tokens")
    assert again.vocab_size == vocab_size
    assert again.ids.reshape(-1, packed.row_length).tolist() == packed.rows.tolist()
    assert [again.document(i).tolist() for i in range(len(again))] == packed.rows.tolist()


def test_the_separator_of_a_store_becomes_the_bos(tmp_path):
    documents = [[1, 2, 9], [9], [3, 9], [4, 5, 6, 7, 9], []]
    store = stored(tmp_path / "a.tokens", documents, vocab_size=10, separator_id=9)
    packed = ft.tokens.pack(store, 5, "bos_best_fit", keep_last=True)
    expected = naive.bos_best_fit([[9, 1, 2], [9], [9, 3], [9, 4, 5, 6, 7]], 5, 1000, 128)
    whole = [[9, 1, 2], [9], [9, 3], [9, 4, 5, 6, 7]]
    assert packed.rows.tolist() == [naive.ids_of(whole, row, 6, 0) for row in expected]


def test_documents_that_begin_with_the_bos_get_no_second_one():
    given = ft.Ragged.from_rows([[9, 1, 2], [9], [3], [9, 9, 4]])
    packed = ft.tokens.pack(given, 2, "bos_best_fit", bos_id=9)
    documents = [[9, 1, 2], [9], [9, 3], [9, 9, 4]]
    rows = naive.bos_best_fit(documents, 2, 1000, 128)
    assert packed.rows.tolist() == [naive.ids_of(documents, row, 3, 0) for row in rows]
    assert packed.n_ids + packed.n_cropped == 9


@pytest.mark.parametrize("method", METHODS)
def test_some_rows_equal_those_of_all(method):
    given = ft.Ragged.from_rows(random_documents(3, 200, 30))
    packed = ft.tokens.pack(given, 16, method, bos_id=BOS if method == "bos_best_fit" else None)
    every = packed[:]
    chosen = np.array([5, 0, 5, len(packed) - 1])
    for batch, rows in ((packed.take(chosen), chosen), (packed[3:1:-1], [3, 2]), (packed[:0], [])):
        assert batch.rows.tolist() == list(rows)
        assert batch.x.tolist() == [every.x[r].tolist() for r in rows]
        assert batch.y.tolist() == [every.y[r].tolist() for r in rows]
        assert batch.loss_mask().tolist() == [packed.loss_mask()[r].tolist() for r in rows]
        assert batch.position_ids.tolist() == [every.position_ids[r].tolist() for r in rows]
        starts = np.flatnonzero(batch.position_ids.reshape(-1) == 0)
        assert batch.cu_seqlens.tolist() == [*starts.tolist(), batch.x.size]
    assert packed[-1].tolist() == packed.rows[-1].tolist()


def test_ids_outside_the_rows_of_a_ragged_are_not_read():
    whole = ft.Ragged.from_rows([[1, 2], [3, 4, 5], [6, 7, 8], [9]])
    part = ft.Ragged(whole.values, whole.offsets[1:3])
    packed = ft.tokens.pack(part, 3, "concatenate")
    assert packed.rows.tolist() == [[3, 4, 5]]
    assert packed[:].y.tolist() == [[4, 5, 0]]


def test_rows_may_be_longer_than_two_byte_numbers_can_count():
    documents = ft.Ragged.from_rows([[1] * 70_000, [2]])
    packed = ft.tokens.pack(documents, 70_000)
    assert [np.count_nonzero(row) for row in packed] == [70_000, 1]


@pytest.mark.parametrize("method", METHODS)
def test_a_context_longer_than_the_corpus_is_an_error(method):
    documents = ft.Ragged.from_rows([[1, 2, 3], [], [4]])
    bos = 9 if method == "bos_best_fit" else None
    for context in (5, 1 << 40, 10**30):
        with pytest.raises(ValueError, match="context must be at most the number of ids, 4, not"):
            ft.tokens.pack(documents, context, method, bos_id=bos)
    with pytest.raises(ValueError, match="at most the number of ids, 0"):
        ft.tokens.pack(ft.Ragged.from_rows([]), 1, method, bos_id=bos)


def test_fewer_ids_than_a_row_with_its_last_target_are_an_error():
    documents = ft.Ragged.from_rows([[9, 1, 2]])
    with pytest.raises(ValueError, match="3 with the BOS, not 3; or pass keep_last=True"):
        ft.tokens.pack(documents, 3, "bos_best_fit", bos_id=9)
    packed = ft.tokens.pack(documents, 3, "bos_best_fit", bos_id=9, keep_last=True)
    assert packed.rows.tolist() == [[9, 1, 2, 0]]


def test_wrong_arguments_are_errors(tmp_path):
    documents = ft.Ragged.from_rows([[1, 2, 3], [4]])
    store = stored(tmp_path / "a.tokens", [[1, 2, 3], [4]], vocab_size=5)
    for call, message in (
        (lambda: ft.tokens.pack([[1, 2]], 2), "store must be a TokenStore or a Ragged, not list"),
        (lambda: ft.tokens.pack(documents, 0), "context must be at least 1"),
        (lambda: ft.tokens.pack(documents, 2.0), "context must be an integer"),
        (lambda: ft.tokens.pack(documents, 2, "first_fit"), 'method must be "best_fit", "concatenate" or'),
        (lambda: ft.tokens.pack(documents, 2, bos_id=1), 'bos_id must be None unless method is "bos_best'),
        (lambda: ft.tokens.pack(documents, 2, "bos_best_fit"), "bos_id must be given .* no separator"),
        (lambda: ft.tokens.pack(store, 2, "bos_best_fit", bos_id=5), "bos_id must be an id below 5, not 5"),
        (lambda: ft.tokens.pack(store, 2, pad_id=-1), "pad_id must be an id below 5, not -1"),
        (lambda: ft.tokens.pack(documents, 2, keep_last=1), "keep_last must be True or False"),
        (lambda: ft.tokens.pack(documents, 2, buffer_size=0), "buffer_size must be at least 1"),
        (
            lambda: ft.tokens.pack(ft.Ragged(np.ones(1), np.array([0, 1])), 1),
            "the ids of store must be integers",
        ),
        (
            lambda: ft.tokens.pack(ft.Ragged.from_rows([[1, -2]], np.int64), 1),
            "the ids of store must be from 0 to 2\\^32 - 1, but id 1 is -2",
        ),
        (lambda: ft.tokens.pack(documents, 2).save(tmp_path / "b"), "vocab_size must be given"),
        (lambda: ft.tokens.pack(documents, 2).take([0, 9]), "rows must be from 0 to 1, but item 1 is 9"),
        (lambda: ft.tokens.pack(documents, 2).take([-1]), "rows must be from 0 to 1, but item 0 is -1"),
        (lambda: ft.tokens.pack(documents, 2).take("ab"), "rows must be one row of integers"),
        (lambda: ft.tokens.pack(documents, 2)[2], "range"),
        (
            lambda: ft.tokens.pack(documents, 2).loss_mask(across_documents=1),
            "across_documents must be True or False",
        ),
    ):
        with pytest.raises((TypeError, ValueError, IndexError), match=message):
            call()
    assert not (tmp_path / "b").exists()


def test_batches_are_the_rows_in_a_seeded_order_and_go_on_from_a_state():
    packed = ft.tokens.pack(ft.Ragged.from_rows(random_documents(3, 200, 30)), 8)
    n = len(packed)
    every = packed[:]
    plain = [x.tolist() for x, _ in packed.batches(3, drop_last=False)]
    assert [row for x in plain for row in x] == every.x.tolist()
    assert len(list(packed.batches(3))) == n // 3
    batches = list(packed.batches(3, seed=5, dtype=np.int64, drop_last=False))
    rows = np.concatenate([batch.rows for batch in batches])
    assert rows.tolist() == shuffled(n, np.arange(n), 5).tolist()
    for batch in batches:
        assert batch.x.dtype == np.int64
        assert batch.x.tolist() == every.x[batch.rows].tolist()
        assert batch.y.tolist() == every.y[batch.rows].tolist()
        assert batch.loss_mask().tolist() == packed.loss_mask(batch.rows).tolist()
    other = [batch.rows.tolist() for batch in packed.batches(3, seed=5, epoch=1)]
    assert other != [batch.rows.tolist() for batch in packed.batches(3, seed=5)]
    run = packed.batches(3, seed=5)
    assert [next(run).rows.tolist() for _ in range(4)] == [batch.rows.tolist() for batch in batches[:4]]
    state = run.state
    again = packed.batches(3, seed=5, start=state)
    assert [batch.rows.tolist() for batch in again] == [batch.rows.tolist() for batch in run]
    ranks = [packed.batches(1, seed=5, rank=rank, world_size=3, start=state) for rank in range(3)]
    together = [[int(batch.rows[0]) for batch in step] for step in zip(*ranks, strict=True)]
    assert together == [batch.rows.tolist() for batch in batches[4 : n // 3]]
    unlike = ft.tokens.pack(ft.Ragged.from_rows([[1] * 4] * n), 4)
    with pytest.raises(ValueError, match="start is the state of other batches: context is 8 there, and 4"):
        unlike.batches(3, seed=5, start=state)
    with pytest.raises(ft.TokenStoreError, match=f"{n} rows are fewer than batch_size="):
        packed.batches(n + 1)


def test_pickling_keeps_rows_and_masks(tmp_path):
    documents = random_documents(1, 50, 5000)
    store = stored(tmp_path / "a.tokens", documents, vocab_size=1 << 20)
    for given in (store, ft.Ragged.from_rows(documents)):
        packed = ft.tokens.pack(given, 3000)
        data = pickle.dumps(packed)
        again = pickle.loads(data)  # noqa: S301
        assert again.rows.tolist() == packed.rows.tolist()
        assert again.loss_mask().tolist() == packed.loss_mask().tolist()
        assert (len(data) < 10_000) == (given is store)
