"""Co-occurrence of ids in windows: sums, documents, sources, threads, memory and errors."""

from __future__ import annotations

import numpy as np
import pytest

import fasttok as ft
from fasttok.vectors.words import counting
from tests import vector_oracles as naive

V = ft.vectors
WORDS = [f"w{i}" for i in range(40)]
TOK = ft.Tokenizer(ft.WordModel([*WORDS, "<unk>"], unk_id=40), "whitespace_split", {"<end>": 41})


def make_rows(seed=1, n=60, longest=30):
    """Return documents of random ids, small ones more often; some documents are empty."""
    rng = np.random.default_rng(seed)
    return [(40 * rng.random(rng.integers(0, longest)) ** 3).astype(int).tolist() for _ in range(n)]


def as_texts(rows):
    return [" ".join(WORDS[i] for i in row) for row in rows]


def as_dict(matrix):
    coo = matrix.tocoo()
    return dict(zip(zip(coo.row.tolist(), coo.col.tolist(), strict=True), coo.data.tolist(), strict=True))


def make_small_blocks(monkeypatch):
    monkeypatch.setattr(counting, "BLOCK", 7)
    monkeypatch.setattr(counting, "PART", 3)


@pytest.mark.parametrize("weighting", ["uniform", "harmonic"])
@pytest.mark.parametrize("window", [1, 2, 5, 16])
@pytest.mark.parametrize("is_small", [False, True])
def test_sums_match_the_oracle(monkeypatch, weighting, window, is_small):
    rows = make_rows()
    expected = naive.cooccurrence(rows, window, weighting == "harmonic")
    if is_small:
        make_small_blocks(monkeypatch)
    for source in (ft.Ragged.from_rows(rows), as_texts(rows)):
        co = V.cooccurrence(source, TOK, window, weighting=weighting, workers=2)
        assert as_dict(co.matrix) == {pair: float(x) for pair, x in expected.items()}
        assert co.matrix.dtype == np.float64
        assert co.matrix.shape == (42, 42)
        assert co.matrix.has_sorted_indices
        np.testing.assert_array_equal(co.counts, np.bincount(np.concatenate(rows).astype(int), minlength=42))
        assert (co.window, co.weighting) == (window, weighting)


def test_windows_longer_than_documents_end_at_their_borders():
    rows = [[0, 1], [2], [], [3, 4, 5]]
    co = V.cooccurrence(ft.Ragged.from_rows(rows), TOK, window=255)
    assert as_dict(co.matrix) == {
        (0, 1): 1, (1, 0): 1, (3, 4): 1, (4, 3): 1, (4, 5): 1, (5, 4): 1, (3, 5): 1, (5, 3): 1
    }  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 5, 11, 1000])
def test_long_documents_are_counted_in_parts(monkeypatch, size):
    """The parts of a stream may begin and end anywhere in a document."""
    monkeypatch.setattr(counting, "BLOCK", size)
    rows = make_rows(seed=3, n=12, longest=40)
    expected = naive.cooccurrence(rows, 4, True)
    rng = np.random.default_rng(size)

    def parts():
        for number, row in enumerate(rows):
            cuts = np.sort(rng.integers(0, len(row) + 1, rng.integers(0, 5)))
            pieces = np.split(np.array(row, np.uint32), cuts)
            for i, piece in enumerate(pieces):
                ids = ft.Ragged.from_arrays([piece])
                yield ft.EncodedPart(ids, number, i == 0, i < len(pieces) - 1)

    weights = np.array([0, 12, 6, 4, 3])
    found = counting.count_blocks(counting.join_parts(parts(), 4), 42, weights, 1)
    assert {pair: x / 12 for pair, x in as_dict(found.sums).items()} == {
        pair: float(x) for pair, x in expected.items()
    }
    assert found.counts.sum() == sum(map(len, rows))


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_the_number_of_threads_changes_nothing(monkeypatch, workers):
    monkeypatch.setattr(counting, "PART", 50)
    rows = ft.Ragged.from_rows(make_rows(n=200))
    one = V.cooccurrence(rows, TOK, 3, weighting="harmonic", workers=1)
    several = V.cooccurrence(rows, TOK, 3, weighting="harmonic", workers=workers)
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(one.matrix, name), getattr(several.matrix, name))


def test_stores_are_counted_without_their_separators(tmp_path, monkeypatch):
    make_small_blocks(monkeypatch)
    rows = make_rows(seed=5)
    expected = {pair: float(x) for pair, x in naive.cooccurrence(rows, 3, False).items()}
    corpus = ft.Corpus.from_texts(as_texts(rows))
    plain = TOK.encode_corpus(corpus, tmp_path / "plain.tokens")
    separated = TOK.encode_corpus(corpus, tmp_path / "separated.tokens", separator="<end>")
    for store in (plain, separated):
        assert as_dict(V.cooccurrence(store, TOK, 3).matrix) == expected
    assert V.cooccurrence(separated, TOK, 3).counts[41] == len(rows)
    assert as_dict(V.cooccurrence(corpus, TOK, 3).matrix) == expected


def test_large_ids_are_counted(tmp_path):
    tok = ft.Tokenizer(ft.WordModel([f"w{i}" for i in range(70_000)]), "whitespace_split")
    store = ft.TokenStore.from_arrays(tmp_path / "a.tokens", [[69_999, 5, 69_999]], vocab_size=70_000)
    assert store.dtype == np.uint32
    assert as_dict(V.cooccurrence(store, tok, 2).matrix) == {
        (69_999, 5): 2, (5, 69_999): 2, (69_999, 69_999): 2
    }  # fmt: skip


def test_nothing_to_count():
    for source in ([], [""], ft.Ragged.from_rows([]), [WORDS[0]]):
        co = V.cooccurrence(source, TOK)
        assert co.matrix.nnz == 0
        assert co.ppmi().matrix.nnz == 0
        with pytest.raises(ValueError, match="there are no pairs to train on"):
            co.glove(dim=2, seed=1)
        with pytest.raises(ValueError, match="dim must be at most 0, the number of ids"):
            co.ppmi().svd(dim=2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["a"], "bert"), TypeError, "tokenizer must be a Tokenizer, not 'bert'"),
        (("w1 w2", TOK), TypeError, r"source must be a TokenStore.*not str; pass \[text\]"),
        (({"text": ["a"]}, TOK), TypeError, "source must be a TokenStore.*not dict"),
        ((7, TOK), TypeError, "source must be a TokenStore.*not int"),
        ((["a"], TOK, 0), ValueError, "window must be from 1"),
        ((["a"], TOK, 256), ValueError, "window must be at most 255 if weighting is 'uniform', not 256"),
        ((["a"], TOK, 2.0), TypeError, "window must be an integer"),
        ((ft.Ragged.from_rows([[1], [2, 42]]), TOK), IndexError, "id 42 at position 1 of row 1 is outside"),
    ],
)
def test_wrong_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        V.cooccurrence(*arguments)


def test_other_wrong_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match="window must be at most 16 if weighting is 'harmonic', not 17"):
        V.cooccurrence(["a"], TOK, 17, weighting="harmonic")
    with pytest.raises(ValueError, match='weighting must be "uniform" or "harmonic"'):
        V.cooccurrence(["a"], TOK, weighting="linear")
    store = ft.train(ft.Corpus.from_texts(["a b"]), model="byte").encode_corpus(
        ft.Corpus.from_texts(["a b"]), tmp_path / "a.tokens"
    )
    with pytest.raises(ValueError, match="tokenizer must be the one that has encoded the store"):
        V.cooccurrence(store, TOK)
    wrong = ft.TokenStore.from_arrays(tmp_path / "b.tokens", [[1, 2, 50]], vocab_size=60)
    with pytest.raises(ft.TokenStoreError, match="id 50 at position 2 is outside the vocabulary of 42 ids"):
        V.cooccurrence(wrong, TOK)


# Pointwise mutual information


@pytest.mark.parametrize("shift", [0, 0.7])
@pytest.mark.parametrize("smoothing", [1, 0.75, 0])
def test_ppmi_matches_the_oracle(shift, smoothing):
    rows = make_rows(seed=8)
    co = V.cooccurrence(ft.Ragged.from_rows(rows), TOK, 2, weighting="harmonic")
    found = as_dict(co.ppmi(shift=shift, context_smoothing=smoothing).matrix)
    expected = naive.ppmi(naive.cooccurrence(rows, 2, True), shift, smoothing)
    assert found.keys() == expected.keys()
    for pair, value in expected.items():
        assert found[pair] == pytest.approx(value, abs=1e-12)
    assert len(found) < co.matrix.nnz


@pytest.mark.parametrize("shift", [-0.1, float("nan"), "1", None])
def test_wrong_options_of_ppmi_are_refused(shift):
    co = V.cooccurrence(["w1 w2"], TOK)
    with pytest.raises((TypeError, ValueError), match="shift must be"):
        co.ppmi(shift=shift)
    with pytest.raises(ValueError, match="context_smoothing must be a finite number from 0 to 1"):
        co.ppmi(context_smoothing=1.5)


@pytest.mark.parametrize("shift", [0, 1])
def test_singular_vectors_match_a_dense_decomposition(shift):
    ppmi = V.cooccurrence(ft.Ragged.from_rows(make_rows(seed=9)), TOK, 3).ppmi(shift=shift)
    left, values, _ = np.linalg.svd(ppmi.matrix.toarray())
    weights = ppmi.svd(dim=10).table.weights
    for k in range(10):
        expected = left[:, k] * np.sqrt(values[k])
        expected *= np.sign(expected[np.abs(expected).argmax()])
        np.testing.assert_allclose(weights[:, k], expected, atol=1e-5)
        assert weights[np.abs(weights[:, k]).argmax(), k] > 0
    assert not weights[41].any()  # never occurs


def test_singular_vectors_of_many_ids_match_a_dense_decomposition():
    n = 601
    tok = ft.Tokenizer(ft.WordModel([f"w{i}" for i in range(n)]), "whitespace_split")
    rng = np.random.default_rng(4)
    # Eight topics of different sizes, which make large singular values that are easy to tell apart.
    rows = [rng.integers(t * t * 9, (t + 1) ** 2 * 9, 60).tolist() for t in range(8) for _ in range(60)]
    ppmi = V.cooccurrence(ft.Ragged.from_rows(rows), tok, 4).ppmi()
    vec, again = ppmi.svd(dim=5), ppmi.svd(dim=5)
    assert vec.table == again.table
    left, values, _ = np.linalg.svd(ppmi.matrix.toarray())
    for k in range(5):
        assert values[k] > values[k + 1] * 1.001
        cosine = abs(vec.table.weights[:, k] @ left[:, k]) / np.sqrt(values[k])
        assert cosine == pytest.approx(1, abs=1e-5)
        assert np.linalg.norm(vec.table.weights[:, k]) == pytest.approx(np.sqrt(values[k]), rel=1e-5)


def test_dim_is_at_most_the_number_of_ids():
    ppmi = V.cooccurrence(["w1 w2"], TOK).ppmi()
    assert ppmi.svd(dim=2).table.dim == 2
    with pytest.raises(ValueError, match="dim must be at most 2, the number of ids with a positive"):
        ppmi.svd(dim=3)
