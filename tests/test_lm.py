"""N-gram language models: probabilities, counts, test texts, files."""

from __future__ import annotations

import json
import math
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fasttok as ft
from fasttok.lm import documents, levels
from fasttok.lm.levels import count_levels
from fasttok.lm.logarithms import compute_log2
from fasttok.lm.smoothing import find_discounts
from tests import lm_oracles

ENGLISH = ft.parallel_sample()["eng"].read_text("utf-8").splitlines()
ROWS = st.lists(st.lists(st.integers(0, 4), max_size=12), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def tok():
    return ft.train(ft.Corpus.from_texts(ENGLISH), vocab_size=300, special_tokens=["<s>"])


def random_documents(seed: int, n: int = 150, n_ids: int = 38) -> list[list[int]]:
    """Return documents whose ids have very different frequencies, so that all counts from 1 to 4 occur."""
    rng = np.random.default_rng(seed)
    return [(np.minimum(rng.zipf(1.4, size=rng.integers(0, 30)), n_ids) - 1).tolist() for _ in range(n)]


# By hand


def test_bigrams_by_hand():
    # Bigrams, each once: begin 0, 0 1, 1 0, 0 end. Symbols before 0: begin and 1; before 1: 0; before end: 0.
    # No bigram occurs twice, and no symbol follows three others, so the discounts are 0.5, 1 and 1.5.
    lm = ft.lm.NGram(order=2).fit([[0, 1, 0]], 2)
    unigrams = np.array([1 / 4 + 1 / 6, 1 / 8 + 1 / 6, 1 / 8 + 1 / 6])
    assert lm.discounts.tolist() == [[0.5, 1.0, 1.5]] * 2
    np.testing.assert_allclose(lm.probabilities([0]), [0.5 * 5 / 12, 1 / 4 + 7 / 48, 1 / 4 + 7 / 48])
    np.testing.assert_allclose(lm.probabilities([]), 0.5 * unigrams + [0.5, 0, 0])
    np.testing.assert_allclose(lm.probabilities([0, 1]), 0.5 * unigrams + [0.5, 0, 0])
    assert lm.n_ngrams == (3, 4)


def test_add_k_by_hand():
    lm = ft.lm.NGram(order=2, smoothing="add_k", k=0.5).fit([[0, 1, 0], [0]], 2)
    np.testing.assert_allclose(lm.probabilities([0]), [0.5 / 4.5, 1.5 / 4.5, 2.5 / 4.5])
    np.testing.assert_allclose(lm.probabilities([]), [2.5 / 3.5, 0.5 / 3.5, 0.5 / 3.5])
    one = ft.lm.NGram(order=1, smoothing="add_k").fit([[0, 1, 0], [0]], 2)
    np.testing.assert_allclose(one.probabilities([1, 1]), [4 / 9, 2 / 9, 3 / 9])


def test_discounts_by_hand():
    counts = np.repeat([1, 2, 3, 4, 7], [10, 4, 2, 1, 5])
    y = 10 / 18
    expected = (1 - 2 * y * 4 / 10, 2 - 3 * y * 2 / 4, 3 - 4 * y * 1 / 2)
    np.testing.assert_allclose(find_discounts(counts), expected)
    for few in ([], [0], [1, 1, 2], [2, 3, 4], [1, 3, 4], [1, 2] + [3] * 9):  # the last: D2 is below 0
        assert find_discounts(np.array(few, np.int64)) == (0.5, 1.0, 1.5)
    assert find_discounts(np.array([1, 2, 3] + [4] * 9)) == (0.5, 1.0, 1.5)  # D3 is below 0


# Equal to the oracle


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("seed", [1, 2])
def test_kneser_ney_equals_the_oracle(order, seed):
    train, test = random_documents(seed), random_documents(seed + 10, n=6, n_ids=40)
    lm = ft.lm.NGram(order=order).fit(train, 40)
    oracle = lm_oracles.KneserNey(train, order, 41, end=40)
    np.testing.assert_allclose(lm.discounts, list(oracle.discounts.values()), rtol=1e-12)
    assert order == 1 or lm.discounts[1, 0] != 0.5  # not only the fallback is tested
    expected = [lm_oracles.measure_bits(oracle, row) for row in test]
    np.testing.assert_allclose(lm.bits(test), expected, rtol=1e-12)
    n_symbols = sum(map(len, test)) + len(test)
    assert lm.perplexity(test) == pytest.approx(2 ** (sum(expected) / n_symbols), rel=1e-12)
    for row in test[:3]:
        single = [oracle.probability(symbol, row[:i]) for i, symbol in enumerate([*row, 40])]
        np.testing.assert_allclose(lm.log_probabilities(row), np.log(single), rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_add_k_equals_the_oracle(order):
    train, test = random_documents(3), random_documents(13, n=6, n_ids=40)
    lm = ft.lm.NGram(order=order, smoothing="add_k", k=0.1).fit(train, 40)
    oracle = lm_oracles.AddK(train, order, 41, 40, 0.1)
    np.testing.assert_allclose(
        lm.bits(test), [lm_oracles.measure_bits(oracle, row) for row in test], rtol=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(train=ROWS, test=ROWS, order=st.integers(1, 5), smoothing=st.sampled_from(["kneser_ney", "add_k"]))
def test_small_documents_equal_the_oracle(train, test, order, smoothing):
    lm = ft.lm.NGram(order, smoothing, 0.5 if smoothing == "add_k" else 1).fit(train, 5)
    if smoothing == "add_k":
        oracle = lm_oracles.AddK(train, order, 6, 5, 0.5)
    else:
        oracle = lm_oracles.KneserNey(train, order, 6, 5)
    np.testing.assert_allclose(
        lm.bits(test), [lm_oracles.measure_bits(oracle, row) for row in test], rtol=1e-12
    )


def test_counts_do_not_cross_documents():
    symbols = np.array([3, 0, 1, 2, 3, 0, 1, 2], np.uint32)  # begin, 0, 1, end, twice
    bigrams = count_levels(symbols, 3, 2)[1]
    grams = {
        divmod(key, 1 << 32): n for key, n in zip(bigrams.keys.tolist(), bigrams.counts.tolist(), strict=True)
    }
    assert grams == {(3, 0): 2, (0, 1): 2, (1, 2): 2}


def test_keys_that_do_not_fit_one_word(monkeypatch):
    rows = random_documents(6)
    packed = ft.lm.NGram(4).fit(rows, 40)
    monkeypatch.setattr(levels, "WORD_BITS", 1)
    sorted_by_keys = ft.lm.NGram(4).fit(rows, 40)
    assert packed.n_ngrams == sorted_by_keys.n_ngrams
    assert packed.bits(rows).tolist() == sorted_by_keys.bits(rows).tolist()
    large = ft.lm.NGram(4).fit(rows, (1 << 31) - 1)  # ids of 31 bits
    monkeypatch.undo()
    assert ft.lm.NGram(4).fit(rows, (1 << 31) - 1).bits(rows).tolist() == large.bits(rows).tolist()


# Sums


@pytest.mark.parametrize("smoothing", ["kneser_ney", "add_k"])
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_probabilities_sum_to_one(tok, order, smoothing):
    lm = ft.lm.NGram(order, smoothing).fit(ENGLISH, tok)
    rows = tok.encode_batch(ENGLISH).to_list()
    rng = np.random.default_rng(5)
    for _ in range(100):
        row = rows[rng.integers(len(rows))]
        history = row[: rng.integers(len(row) + 1)]  # known contexts, at the beginning and within
        if rng.random() < 0.3:
            history = rng.integers(0, tok.vocab_size, size=rng.integers(6)).tolist()  # mostly unknown
        chances = lm.probabilities(history)
        assert chances.shape == (tok.vocab_size + 1,)
        assert chances.min() > 0
        assert abs(chances.sum() - 1) < 1e-12


@pytest.mark.parametrize("smoothing", ["kneser_ney", "add_k"])
def test_log_probabilities_are_those_of_probabilities(tok, smoothing):
    lm = ft.lm.NGram(3, smoothing).fit(ENGLISH[:40], tok)
    for text in ENGLISH[38:44]:
        ids = tok.encode(text, as_list=True)
        expected = [lm.probabilities(ids[:i])[symbol] for i, symbol in enumerate([*ids, lm.end_id])]
        np.testing.assert_allclose(lm.log_probabilities(ids), np.log(expected), rtol=1e-13)


def test_cross_entropy_is_its_definition(tok):
    lm = ft.lm.NGram(2).fit(ENGLISH[:40], tok)
    test = ENGLISH[40:]
    logarithms = np.concatenate([lm.log_probabilities(ids) for ids in tok.encode_batch(test)])
    entropy = -np.mean(np.log2(np.exp(logarithms)))
    assert lm.cross_entropy(test, tok) == pytest.approx(entropy, rel=1e-12)
    assert lm.perplexity(test, tok) == pytest.approx(math.exp(-np.mean(logarithms)), rel=1e-12)
    n_bytes = sum(len(text.encode()) for text in test)
    expected = entropy * len(logarithms) / n_bytes
    assert lm.bits_per_byte(test, tok) == pytest.approx(expected, rel=1e-12)
    rows = tok.encode_batch(test)
    assert lm.bits_per_byte(rows, n_bytes=n_bytes) == lm.bits_per_byte(test, tok)
    assert math.isnan(lm.cross_entropy([]))


def test_logarithms():
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.random(1000), 2.0 ** rng.uniform(-1000, 1000, 1000), [1.0, 0.5, np.sqrt(0.5)]])
    np.testing.assert_allclose(compute_log2(x), np.log2(x), rtol=1e-15, atol=1e-16)


# Stores and texts


def test_sources_agree(tmp_path, tok):
    rows = tok.encode_batch(ENGLISH[:40])
    store = tok.encode_corpus(ft.Corpus.from_texts(ENGLISH[:40]), tmp_path / "a.tokens")
    test = ENGLISH[40:]
    test_store = tok.encode_corpus(ft.Corpus.from_texts(test), tmp_path / "b.tokens")
    for source, arguments in (
        (store, ()),
        (rows, (tok,)),
        (rows, (tok.vocab_size,)),
        (rows.to_list(), (tok,)),
        (ENGLISH[:40], (tok,)),
        (iter(ENGLISH[:40]), (tok,)),
        (dict(enumerate(ENGLISH[:40])).values(), (tok,)),
        (ft.Corpus.from_texts(ENGLISH[:40]), (tok,)),
        (np.array(ENGLISH[:40]), (tok,)),
    ):
        lm = ft.lm.NGram().fit(source, *arguments)
        found = [lm.bits(test, tok), lm.bits(test_store), lm.bits(tok.encode_batch(test))]
        for bits in found:
            assert bits.tolist() == found[0].tolist()
        if source is store:
            expected = found[0].tolist()
        assert found[0].tolist() == expected
        assert lm.bits_per_byte(test_store) == pytest.approx(lm.bits_per_byte(test, tok), rel=1e-15)


def test_separators_are_the_end_symbol(tmp_path, tok):
    corpora = ft.Corpus.from_texts(ENGLISH[:40]), ft.Corpus.from_texts(ENGLISH[40:])
    stores = [
        tok.encode_corpus(corpus, tmp_path / f"{i}.tokens", separator="<s>")
        for i, corpus in enumerate(corpora)
    ]
    lm = ft.lm.NGram().fit(stores[0])
    plain = ft.lm.NGram().fit(corpora[0], tok)
    assert lm.end_id == tok.piece_to_id("<s>")
    assert plain.end_id == tok.vocab_size
    assert len(lm.probabilities([])) == tok.vocab_size
    # Both predict the same symbols, but the uniform distribution has one more without a separator.
    assert lm.n_ngrams == plain.n_ngrams
    np.testing.assert_allclose(lm.bits(stores[1]), plain.bits(corpora[1], tok), rtol=1e-3)
    ids = tok.encode("low")
    with_end = lm.log_probabilities([*ids, lm.end_id])
    assert with_end.tolist() == lm.log_probabilities(ids).tolist()
    assert len(plain.log_probabilities(ids)) == len(ids) + 1
    with pytest.raises(ValueError, match=r"source ends documents with id \d+, but the training text did not"):
        plain.bits(stores[1])


def test_separators_equal_the_oracle(tmp_path):
    rows = [row + [0] * (i % 3) for i, row in enumerate(random_documents(4))]  # 0 is also within documents
    stores = [
        ft.TokenStore.from_arrays(tmp_path / f"{i}.tokens", part, vocab_size=40, separator_id=0)
        for i, part in enumerate((rows[:-20], rows[-20:]))
    ]
    train, test = (
        [row[:-1] if row[-1:] == [0] else row for row in part] for part in (rows[:-20], rows[-20:])
    )
    oracle = lm_oracles.KneserNey(train, 3, 40, end=0)
    expected = [lm_oracles.measure_bits(oracle, row) for row in test]
    np.testing.assert_allclose(ft.lm.NGram(3).fit(stores[0]).bits(stores[1]), expected, rtol=1e-12)


def test_wrapped_tokenizers(tok):
    wrapped = ft.wrap(tok.to_tiktoken())
    lm = ft.lm.NGram().fit(ENGLISH[:40], wrapped)
    assert lm.bits(ENGLISH[40:], wrapped).tolist() == lm.bits(ENGLISH[40:], tok).tolist()
    assert lm.vocab_size == tok.vocab_size


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_results_do_not_depend_on_chunks(monkeypatch, tok, chunk):
    rows = tok.encode_batch(ENGLISH)
    expected = ft.lm.NGram().fit(rows, tok).bits(rows).tolist()
    monkeypatch.setattr(documents, "CHUNK", chunk)
    assert ft.lm.NGram().fit(rows, tok).bits(rows).tolist() == expected


def test_other_tokenizers_are_refused(tok):
    lm = ft.lm.NGram().fit(ENGLISH, tok)
    other = ft.train(ft.Corpus.from_texts(ENGLISH[:9]), vocab_size=300, special_tokens=["<s>"])
    with pytest.raises(ValueError, match="source has ids of another tokenizer"):
        lm.bits(ENGLISH, other)
    with pytest.raises(
        ValueError, match="source has a vocabulary of 299 ids, but the model was fitted with 300"
    ):
        lm.bits(ENGLISH, ft.train(ft.Corpus.from_texts(ENGLISH), vocab_size=299))
    with pytest.raises(ValueError, match=r"n_bytes must be given"):
        lm.bits_per_byte(tok.encode_batch(ENGLISH))
    with pytest.raises(ValueError, match="source has no text"):
        lm.bits_per_byte([""], tok)


def test_errors_of_fit(tok):
    lm = ft.lm.NGram()
    assert repr(lm) == 'NGram(order=3, smoothing="kneser_ney": not fitted)'
    for call in (
        lambda: lm.bits([[1]]),
        lambda: lm.vocab_size,
        lambda: lm.sample(1, 1),
        lambda: lm.probabilities([]),
    ):
        with pytest.raises(ValueError, match="the model has not been fitted; call fit first"):
            call()
    with pytest.raises(ValueError, match="source must have at least one document"):
        lm.fit([], tok)
    with pytest.raises(TypeError, match="tok must be given for texts: the tokenizer that encodes"):
        lm.fit(ENGLISH)
    with pytest.raises(TypeError, match="tok must be given for rows of ids: their tokenizer, or the number"):
        lm.fit([[1]])
    with pytest.raises(IndexError, match="id 7 at position 1 of row 1 is outside the vocabulary of 7 ids"):
        lm.fit([[1], [2, 7]], 7)
    with pytest.raises(TypeError, match="source must be an iterable of texts, not one text"):
        lm.fit("low", tok)
    with pytest.raises(ValueError, match='smoothing must be "kneser_ney" for discounts'):
        _ = ft.lm.NGram(smoothing="add_k").fit([[1]], 2).discounts
    with pytest.raises(ValueError, match='k is only for smoothing="add_k"'):
        ft.lm.NGram(k=0.5)


# Samples


def test_samples_follow_the_probabilities():
    lm = ft.lm.NGram(order=2).fit([[0, 1], [0, 0, 1], [1], []], 2)
    first = np.zeros(3)
    for seed in range(2000):
        ids = lm.sample(seed, 1)
        first[ids[0] if len(ids) else lm.end_id] += 1
    np.testing.assert_allclose(first / 2000, lm.probabilities([]), atol=0.03)


def test_samples_are_seeded(tok):
    lm = ft.lm.NGram().fit(ENGLISH, tok)
    ids = lm.sample(7, 200)
    assert ids.dtype == np.uint32
    assert ids.tolist() == lm.sample(7, 200).tolist() != lm.sample(8, 200).tolist()
    assert lm.sample(7, 5).tolist() == ids[:5].tolist()
    assert lm.sample(7, 0).tolist() == []


# Files


@pytest.mark.parametrize("smoothing", ["kneser_ney", "add_k"])
def test_files(tmp_path, tok, smoothing):
    lm = ft.lm.NGram(4, smoothing, 0.25 if smoothing == "add_k" else 1).fit(ENGLISH[:40], tok)
    lm.save(tmp_path / "lm.npz")
    again = ft.lm.NGram.load(tmp_path / "lm.npz")
    assert repr(again) == repr(lm)
    assert again.bits(ENGLISH, tok).tolist() == lm.bits(ENGLISH, tok).tolist()
    other = ft.train(ft.Corpus.from_texts(ENGLISH[:9]), vocab_size=300, special_tokens=["<s>"])
    with pytest.raises(ValueError, match="another tokenizer"):
        again.bits(ENGLISH, other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keys2": np.array([1, 1], np.uint64), "counts2": np.array([1, 1])}, "keys2: must ascend"),
        ({"keys2": np.array([9 << 32], np.uint64), "counts2": np.array([1])}, "keys2: has a context"),
        ({"keys2": np.array([4], np.uint64), "counts2": np.array([1])}, "keys2: has a context or a symbol"),
        ({"keys2": np.array([1], np.uint64), "counts2": np.array([0])}, "counts2: must be above 0"),
        ({"keys2": np.array([1], np.uint64), "counts2": np.array([-1])}, "counts2: must be above 0"),
        ({"keys2": np.array([0], np.uint64), "counts2": np.array([1 << 62])}, "counts2: have a sum"),
        ({"keys2": np.array([1], np.int64)}, "keys2 and counts2: must be uint64"),
        ({"keys1": np.empty(0, np.uint64), "counts1": np.empty(0, np.int64)}, "keys1: must ascend"),
        ({"order": 6}, "keys3"),
        ({"order": True}, "order has the wrong type"),
        ({"order": 0}, "order must be from 1"),
        ({"smoothing": "none"}, "smoothing must be"),
        ({"k": 0}, "k must be above 0"),
        ({"vocab_size": 0}, "vocab_size or end_id is out of range"),
        ({"end_id": 5}, "vocab_size or end_id is out of range"),
        ({"fingerprint": 1}, "fingerprint must be a text"),
        ({"format": "other"}, "not fasttok.ngram version 1"),
        ({"more": 1}, "more"),
    ],
)
def test_damaged_files(tmp_path, changes, message):
    path = tmp_path / "lm.npz"
    ft.lm.NGram(2).fit([[0, 1, 0]], 2).save(path)
    with np.load(path) as arrays:
        content = dict(arrays)
    header = json.loads(str(content["header"]))
    for name, value in changes.items():
        if name[:4] in ("keys", "coun"):
            content[name] = value
        else:
            header[name] = value
    np.savez(path, **(content | {"header": np.array(json.dumps(header))}))
    with pytest.raises(ft.ModelFormatError, match=message):
        ft.lm.NGram.load(path)


def test_truncated_files(tmp_path):
    path = tmp_path / "lm.npz"
    ft.lm.NGram(2).fit([[0, 1, 0]], 2).save(path)
    data = path.read_bytes()
    assert zipfile.is_zipfile(path)
    for length in range(0, len(data) - 1, 101):
        path.write_bytes(data[:length])
        with pytest.raises(ft.ModelFormatError, match="not a file of an n-gram model"):
            ft.lm.NGram.load(path)
