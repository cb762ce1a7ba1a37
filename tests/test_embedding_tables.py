"""Embedding tables: random numbers, look-up, changes, files and errors; counts of parameters."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

import fasttok as ft
from tests import vector_oracles as naive

V = ft.vectors
TOK = ft.Tokenizer(ft.WordModel(["low", " lower", " lowest"]), "gpt2", {"<s>": 9})
INTEGERS = [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]


def make_table(n=7, dim=3, padding_id=None):
    return V.EmbeddingTable(np.arange(1, n * dim + 1).reshape(n, dim) / 4, padding_id)


# Random numbers


@pytest.mark.parametrize("init", ["normal", "uniform", "xavier"])
@pytest.mark.parametrize("seed", [0, 7, (1 << 64) - 1])
def test_random_tables_match_the_oracle(init, seed):
    for n, dim, scale in ((1, 1, 1.0), (50, 3, 0.02), (3, 40, 2.5)):
        table = V.EmbeddingTable.random(n, dim, seed=seed, init=init, scale=scale)
        expected = np.array(naive.random_rows(n, dim, seed, 0, init, scale))
        assert table.weights.dtype == np.float32
        np.testing.assert_allclose(table.weights, expected, rtol=2e-7, atol=1e-30)


def test_default_scales_are_documented_ones():
    for init, scale in (("normal", 0.02), ("uniform", 0.05), ("xavier", 1)):
        default = V.EmbeddingTable.random(300, 100, seed=5, init=init)
        assert default == V.EmbeddingTable.random(300, 100, seed=5, init=init, scale=scale)
        bound = {"normal": None, "uniform": 0.05, "xavier": math.sqrt(6 / 400)}[init]
        deviation = 0.02 if bound is None else bound / math.sqrt(3)
        assert default.weights.std() == pytest.approx(deviation, rel=0.02)
        assert abs(default.weights.mean()) < deviation / 40
        if bound is not None:
            assert 0.999 * bound < np.abs(default.weights).max() <= np.float32(bound)


def test_the_normal_distribution_has_its_quantiles():
    numbers = np.sort(V.EmbeddingTable.random(2000, 500, seed=9, scale=1.0).weights.ravel())
    for z in (-4, -3, -2, -1, -0.25, 0, 0.25, 1, 2, 3, 4):
        expected = math.erfc(-z / math.sqrt(2)) / 2
        error = 4 * math.sqrt(expected * (1 - expected) / len(numbers))
        assert np.searchsorted(numbers, z) / len(numbers) == pytest.approx(expected, abs=error)


def test_rows_do_not_depend_on_the_number_of_ids():
    large = V.EmbeddingTable.random(90_000, 50, seed=3)
    for n in (1, 100, 89_999):
        small = V.EmbeddingTable.random(n, 50, seed=3)
        np.testing.assert_array_equal(small.weights, large.weights[:n])
    # More numbers than a kernel makes at a time: the next ones go on.
    i = 85_000 * 50
    expected = 0.02 * naive.NormalDist().inv_cdf(naive.uniform(3, 0, i))
    assert large.weights[85_000, 0] == pytest.approx(expected, rel=1e-6)


def test_seeds_and_padding_change_the_numbers_as_they_should():
    first = V.EmbeddingTable.random(TOK, dim=16, seed=7)
    assert first.weights.shape == (TOK.vocab_size, 16)
    assert first == V.EmbeddingTable.random(TOK, dim=16, seed=np.uint64(7))
    assert first != V.EmbeddingTable.random(TOK, dim=16, seed=8)
    padded = V.EmbeddingTable.random(TOK, dim=16, seed=7, padding_id=5)
    assert padded != first
    is_padding = np.arange(TOK.vocab_size) == 5
    assert not padded.weights[is_padding].any()
    np.testing.assert_array_equal(padded.weights[~is_padding], first.weights[~is_padding])


# Look-up


def test_look_up_is_the_product_of_one_hot_vectors_and_the_matrix():
    rng = np.random.default_rng(1)
    table = V.EmbeddingTable.random(12, 5, seed=1, padding_id=3)
    ids = rng.integers(0, 12, 40)
    expected = naive.one_hot_product(ids.tolist(), table.weights.tolist())
    for kind in INTEGERS:
        found = table(ids.astype(kind))
        assert found.dtype == np.float32
        assert found.tolist() == expected
    assert table(ids.tolist()).tolist() == expected
    assert table(ids[::-2]).tolist() == expected[::-2]
    for shape in ((8, 5), (2, 4, 5), (40, 1), (1, 1, 40)):
        assert table(ids.reshape(shape)).tolist() == np.reshape(expected, (*shape, 5)).tolist()
        assert table(ids.reshape(shape).tolist()).shape == (*shape, 5)


def test_single_ids_and_no_ids_have_rows_too():
    table = make_table()
    assert (
        table(2).tolist() == table(np.int16(2)).tolist() == table(np.array(2)).tolist() == [1.75, 2.0, 2.25]
    )
    assert table([]).shape == (0, 3)
    assert table(np.empty((4, 0), np.uint16)).shape == (4, 0, 3)
    assert table([[], []]).shape == (2, 0, 3)


def test_read_only_and_mapped_ids_are_looked_up(tmp_path):
    table = make_table()
    np.array([1, 0, 6], np.uint16).tofile(tmp_path / "ids.bin")
    mapped = np.memmap(tmp_path / "ids.bin", np.uint16, "r")
    assert table(mapped).tolist() == table([1, 0, 6]).tolist()


def test_batches_of_a_store_are_looked_up(tmp_path, shared):
    text = (shared / "data/prose/tinyshakespeare.txt").read_text("utf-8")
    symbols = {character: i for i, character in enumerate(sorted(set(text)))}
    ids = np.array([symbols[character] for character in text[:2000]])
    store = ft.TokenStore.from_arrays(tmp_path / "a.tokens", ids, vocab_size=len(symbols))
    table = V.EmbeddingTable.random(store, dim=256, seed=7)
    assert table.vocab_size == V.count_parameters(store, 256).tokens // 256 == 65
    x, y = next(store.batches(batch_size=8, context=4))
    vectors = table(x) + V.sinusoidal(4, 256)
    assert vectors.shape == (8, 4, 256)
    assert table(y)[3, 1].tolist() == table.weights[ids[3 * 4 + 1 + 1]].tolist()


def test_a_row_is_a_copy_and_the_weights_are_read_only():
    given = np.ones((2, 2), np.float32)
    table = V.EmbeddingTable(given)
    given[0] = 5
    table([0, 1])[:] = 9
    assert table.weights.tolist() == [[1, 1], [1, 1]]
    with pytest.raises(ValueError, match="read-only"):
        table.weights[0] = 3


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (7, IndexError, "ids: 7 is outside the vocabulary of 7 ids"),
        ([0, -1], IndexError, "ids: -1 at index 1"),
        ([[0, 1], [2, 10**6]], IndexError, "ids: 1000000 at index 1, 1 is outside"),
        ([10**30], IndexError, "more than 64 bits"),
        (np.array([1, 2**64 - 1], np.uint64), IndexError, "18446744073709551615 at index 1"),
        ([0.5], TypeError, "ids must be integers in an array of any shape"),
        (np.array([1.0]), TypeError, "float64"),
        ([True, 1], TypeError, "must be integers"),
        ([[1, 2], [True, 1]], TypeError, "must be integers"),
        (True, TypeError, "not bool"),
        ("12", TypeError, "not str"),
        ([[1], [2, 3]], TypeError, "rows of different lengths; pad them first"),
        (ft.Ragged.from_rows([[1], [2, 3]]), TypeError, "not a Ragged.*pad them first, or pass ids.values"),
        ({1, 2}, TypeError, "not set"),
        (iter([1]), TypeError, "not list_iterator"),
    ],
)
def test_wrong_ids_are_refused(ids, error, message):
    with pytest.raises(error, match=message):
        make_table()(ids)
    with pytest.raises(error, match=message):
        make_table().add(np.zeros(3), ids)


# Changes


@pytest.mark.parametrize("padding_id", [None, 2])
@pytest.mark.parametrize("shape", [(60,), (5, 12), (3, 4, 5)])
def test_changes_of_ids_are_added_one_by_one(padding_id, shape):
    rng = np.random.default_rng(2)
    ids = rng.integers(0, 7, shape).astype(np.uint16)
    change = rng.standard_normal((*shape, 3))
    table = make_table(padding_id=padding_id)
    expected = table.weights.astype(np.float64)
    for index in np.ndindex(shape):
        if ids[index] != padding_id:
            expected[ids[index]] += change[index]
    table.add(change, ids)
    np.testing.assert_allclose(table.weights, expected, rtol=1e-6)
    again = make_table(padding_id=padding_id)
    again.add(change.astype(np.float32), ids)
    np.testing.assert_allclose(again.weights, expected, rtol=1e-5)


def test_changes_of_the_whole_table_keep_the_padding():
    table = make_table(padding_id=6)
    before = table.weights.copy()
    view = table.weights
    table.add(np.full((7, 3), 2))
    assert (view[:6] == before[:6] + 2).all()
    assert not view[6].any()
    table.add(np.zeros((0, 3)), [])
    table.add([1, 1, 1], 0)
    assert (table.weights[0] == before[0] + 3).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1.0, 2.0],), ValueError, r"change must have the shape of the table, \(7, 3\), not \(2,\)"),
        ((np.ones(3), [1]), ValueError, r"shape of the rows of the ids, \(1, 3\), not \(3,\)"),
        (("a", [1]), TypeError, "change must be an array of numbers, not str"),
        (([["a", "b", "c"]], [1]), TypeError, "change must be an array of numbers"),
        (([[1, 2], [3]], [1]), TypeError, "rows of different lengths"),
    ],
)
def test_wrong_changes_are_refused_and_change_nothing(arguments, error, message):
    table = make_table()
    with pytest.raises(error, match=message):
        table.add(*arguments)
    assert table == make_table()


def test_threads_look_up_at_the_same_time():
    table = V.EmbeddingTable.random(500, 64, seed=4)
    ids = np.random.default_rng(6).integers(0, 500, (20, 400))
    found = [None] * len(ids)

    def look_up(i):
        found[i] = table(ids[i])

    threads = [threading.Thread(target=look_up, args=(i,)) for i in range(len(ids))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(np.array(found), table.weights[ids])


# Construction and files


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1.0, 2.0],), ValueError, r"weights must have the shape \(vocab_size, dim\), not \(2,\)"),
        ((np.empty((0, 3)),), ValueError, r"not \(0, 3\)"),
        (([[1.0, math.nan]],), ValueError, "weights must be finite, but row 0 has nan in column 1"),
        ((np.array([[1.0], [1e300]]),), ValueError, "row 1 has 1e.300"),
        (([[1j]],), TypeError, "weights must be an array of numbers"),
        (([[True]],), TypeError, "weights must be an array of numbers"),
        (("ab",), TypeError, "not str"),
        (([[1.0]], 1), IndexError, "padding_id 1 is outside the vocabulary of 1 ids"),
        (([[1.0]], -1), IndexError, "padding_id -1"),
        (([[1.0]], 0.0), TypeError, "padding_id must be an id or None"),
    ],
)
def test_wrong_tables_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        V.EmbeddingTable(*arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"tokenizer": "gpt2"}, TypeError, "tokenizer must be a Tokenizer.*or the number of ids, not 'gpt2'"),
        ({"tokenizer": 0}, ValueError, "tokenizer must be from 1"),
        ({"tokenizer": 10.0}, TypeError, "tokenizer must be"),
        ({"tokenizer": ft.Tokenizer}, TypeError, "tokenizer must be"),
        ({"dim": 0}, ValueError, "dim must be from 1"),
        ({"seed": None}, ValueError, "seed must be an integer"),
        ({"seed": -1}, ValueError, "seed must be an integer"),
        ({"init": "Normal"}, ValueError, 'init must be .*did you mean "normal"'),
        ({"scale": math.inf}, ValueError, "scale must be a finite number"),
        ({"padding_id": 10}, IndexError, "padding_id 10 is outside the vocabulary of 10 ids"),
    ],
)
def test_wrong_options_of_random_tables_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        V.EmbeddingTable.random(**({"tokenizer": 10, "dim": 4, "seed": 1} | arguments))


@pytest.mark.parametrize("padding_id", [None, 0, 6])
def test_saved_tables_are_loaded(tmp_path, padding_id):
    table = make_table(padding_id=padding_id)
    table.save(tmp_path / "a.npz")
    table.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded = V.EmbeddingTable.load(tmp_path / "a.npz")
    assert loaded == table
    assert loaded.padding_id == padding_id
    np.testing.assert_array_equal(np.load(tmp_path / "a.npz")["weights"], table.weights)
    loaded.add(np.ones(3), 1)
    assert loaded != table


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "table.npz"
    make_table(40).save(path)
    data = path.read_bytes()
    for cut in (0, 1, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(ft.ModelFormatError, match=r"table\.npz: not a file of an embedding table"):
            V.EmbeddingTable.load(path)
    header = '{"format": "fasttok.embedding_table", "version": 1, "padding_id": 3}'
    for arrays, message in (
        (
            {"header": np.array("{}"), "weights": np.ones((2, 2), np.float32)},
            "header: not fasttok.embedding_table",
        ),
        (
            {"header": np.array("[]"), "weights": np.ones((2, 2), np.float32)},
            "header: not fasttok.embedding_table",
        ),
        ({"header": np.array(header), "weights": np.ones((5, 2))}, "weights: must be float32, not float64"),
        ({"header": np.array(header), "weights": np.ones(5, np.float32)}, "weights must have the shape"),
        ({"header": np.array(header), "weights": np.ones((2, 2), np.float32)}, "padding_id 3 is outside"),
        ({"weights": np.ones((2, 2), np.float32)}, "not a file of an embedding table"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(ft.ModelFormatError, match=message):
            V.EmbeddingTable.load(path)
    with pytest.raises(FileNotFoundError):
        V.EmbeddingTable.load(tmp_path / "missing.npz")


# Counts of parameters


def test_parameters_of_bert():
    count = V.count_parameters(30_522, dim=768, positions=512, types=2)
    assert (count.tokens, count.positions, count.types, count.output) == (23_440_896, 393_216, 1_536, 0)
    assert count.total == 23_835_648


def test_parameters_of_gpt2_with_and_without_tied_output():
    assert V.count_parameters(50_257, 768, 1024).total == 38_597_376 + 786_432
    assert V.count_parameters(50_257, 768, 1024, tied=False).total == 2 * 38_597_376 + 786_432


def test_parameters_of_a_tokenizer():
    assert V.count_parameters(TOK, 64).total == TOK.vocab_size * 64
    assert V.count_parameters(V.EmbeddingTable.random(TOK, 4, seed=1), 64).tokens == TOK.vocab_size * 64


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("bert", 768), TypeError, "tokenizer must be a Tokenizer"),
        ((100, 0), ValueError, "dim must be from 1"),
        ((100, 8, -1), ValueError, "positions must be from 0"),
        ((100, 8, 1, 0.5), TypeError, "types must be an integer"),
    ],
)
def test_wrong_arguments_of_counts_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        V.count_parameters(*arguments)
