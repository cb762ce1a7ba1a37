"""Sampling of segmentations: against the oracle, against exact probabilities, and for reproducibility."""

from __future__ import annotations

import itertools
import json
import random

import numpy as np
import pytest

import fasttok as ft
from fasttok.corpus import corpus as corpus_module
from tests import hostile, oracles
from tests.frequencies import assert_frequencies
from tests.test_unigram import SHORT, ids_in, random_model, scores_of, tokenizer_of

ALPHAS = [0, 0.1, 0.5, 1, 3]


@pytest.fixture(scope="module")
def words():
    """Return a tokenizer with pieces of one to three characters and byte fallback."""
    pieces = [*"abcé東 ", "ab", "bc", "abc", "a b", " a", "東東", *(f"<0x{byte:02X}>" for byte in range(256))]
    scores = [-2.0] * 6 + [-3.0] * 6 + [-9.0] * 256
    model = ft.UnigramModel(pieces, scores, byte_fallback=True)
    return ft.Tokenizer(model, ft.get_pretokenizer("gpt2"), {"<|end|>": len(pieces)})


def oracle(model, text, sampling, document=0, start=0):
    """Return the expected ids of a pretoken that starts at byte `start` of a document."""
    state = oracles.dropout_state(sampling.seed, sampling.epoch, document, start)
    pieces = oracles.draw_segmentation(text, scores_of(model), model.unk_score, sampling.alpha, state)
    return oracles.ids_of_pieces(pieces, ids_in(model), model.unk_id)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_small_texts_match_the_oracle(alpha):
    rng = random.Random(90)
    texts = [text for text in SHORT if 0 < len(text) < 8]
    for seed in range(4):
        model = random_model(rng, "abc" if seed % 2 else "ab")
        sampling = ft.Sampling(alpha, seed, epoch=rng.randrange(1 << 64))
        rows = tokenizer_of(model).encode_batch(texts, sampling=sampling).to_list()
        assert rows == [oracle(model, text.encode(), sampling, i) for i, text in enumerate(texts)]


def test_hostile_pretokens_match_the_oracle(words):
    texts = [*hostile.texts(100, seed=91), *hostile.byte_strings(100, seed=92)]
    sampling = ft.Sampling(0.3, seed=5, epoch=1)
    rows = words.encode_batch(texts, sampling=sampling)
    by_piece = {piece: score for piece, score in scores_of(words.model).items() if b"<0x" not in piece}
    ids = {piece: i for piece, i in ids_in(words.model).items() if piece in by_piece}
    for document, (data, row) in enumerate(zip(ft.Corpus.from_texts(texts), rows, strict=True)):
        assert words.decode_bytes(row) == data
        start, expected = 0, []
        for pretoken in words.pretokenizer.split_text(data):
            state = oracles.dropout_state(5, 1, document, start)
            start += len(pretoken)
            if len(pretoken) > 30:
                expected = None
                break
            pieces = oracles.draw_segmentation(pretoken, by_piece, words.model.unk_score, 0.3, state)
            expected += oracles.ids_of_pieces(pieces, ids, None, words.model.byte_ids.tolist())
        assert expected is None or row.tolist() == expected


@pytest.mark.parametrize("alpha", [0, 0.2, 1])
def test_segmentations_have_the_right_frequencies(alpha):
    pieces, scores = ["", "a", "b", "ab", "ba", "aab", "abb", "bb"], [0, -2, -2, -3, -4, -4, -5, -3.5]
    model = ft.UnigramModel(pieces, scores, unk_id=0)
    text, n = "abaabbab", 20_000
    probabilities = oracles.chances_of_segmentations(text.encode(), scores_of(model), model.unk_score, alpha)
    ids = {
        tuple(oracles.ids_of_pieces(p, ids_in(model), 0)): probability
        for p, probability in probabilities.items()
    }
    assert len(ids) == len(probabilities) > 10
    tok = tokenizer_of(model)
    samples = {
        "documents": tok.encode_batch([text] * n, sampling=ft.Sampling(alpha, 1)).to_list(),
        "epochs": [tok.encode(text, sampling=ft.Sampling(alpha, 1, i), as_list=True) for i in range(n)],
        "seeds": [tok.encode(text, sampling=ft.Sampling(alpha, i), as_list=True) for i in range(n)],
    }
    for sample in samples.values():
        assert_frequencies(map(tuple, sample), ids, min_degrees=9)


def test_a_large_alpha_samples_a_best_segmentation():
    rng = random.Random(94)
    model = random_model(rng, "abé東", 20)
    tok = tokenizer_of(model)
    texts = ["".join(rng.choices("abé東", k=k)) for k in range(40)]
    scores = scores_of(model)
    for text, row in zip(texts, tok.encode_batch(texts, sampling=ft.Sampling(1e6, 1)), strict=True):
        best = tok.encode(text)
        drawn, taken = (
            sum(scores.get(bytes(model.pieces[i]), 0) for i in ids.tolist()) for ids in (row, best)
        )
        assert drawn == taken  # possibly another segmentation with the same score


@pytest.mark.parametrize("alpha", [0, 0.1, 5])
@pytest.mark.parametrize("unit", ["a", "ab", "東", "x"])
def test_long_pretokens(unit, alpha):
    model = ft.UnigramModel(["", "a", "b", "ab" * 8, "aa", "東"], [0, -1, -2, -5, -2, -3], unk_id=0)
    tok = tokenizer_of(model)
    text = unit * (1 << 18)
    ids = tok.encode(text, sampling=ft.Sampling(alpha, 3))
    assert tok.decode(ids) == ("<unk>" if unit == "x" else text)


# Dependencies of samples


def test_samples_do_not_depend_on_batches_threads_or_lists(words, monkeypatch):
    texts = [*hostile.texts(200, 95), "", "abc" * 200, *hostile.byte_strings(200, 96), "a<|end|>b"]
    options = {"sampling": ft.Sampling(0.3, seed=7, epoch=2)}
    for special in ("none", "all"):
        expected = words.encode_batch(texts, special=special, **options)
        assert words.encode_batch(texts, special=special, as_list=True, **options) == expected.to_list()
        for workers, size in itertools.product((1, 2, 7), (10, 1000)):
            monkeypatch.setattr(corpus_module.Corpus.batches, "__defaults__", (None, size))
            assert words.encode_batch(iter(texts), workers=workers, special=special, **options) == expected
    for text in texts:
        ids = words.encode(text, **options)
        assert ids.dtype == np.uint32
        assert ids.tolist() == words.encode(text, as_list=True, **options)
        assert ids.tolist() == words.encode_batch([text, "more"], **options)[0].tolist()


def test_files_give_the_samples_of_their_documents(words, tmp_path, monkeypatch):
    texts = ["one\r\nabc bc " * 200, "", "<|end|> naïve 東東 abc\n" * 50]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    expected = words.encode_batch(texts, sampling=ft.Sampling(0.3, 7))
    for workers, size in itertools.product((1, 2), (1, 100, 1 << 22)):
        monkeypatch.setattr(corpus_module.Corpus.batches, "__defaults__", (None, size))
        assert words.encode_files(tmp_path, workers=workers, sampling=ft.Sampling(0.3, 7)) == expected


def test_samples_depend_on_document_seed_and_epoch(words):
    text = " abc" * 40
    rows = words.encode_batch([text] * 3, sampling=ft.Sampling(0.5, 0))
    outcomes = [rows[i].tolist() for i in range(3)]
    last = (1 << 64) - 1
    for options in ({"seed": 1}, {"seed": last}, {"epoch": 1}, {"epoch": last}):
        sampling = ft.Sampling(**{"alpha": 0.5, "seed": 0, **options})
        outcomes.append(words.encode(text, sampling=sampling).tolist())
    assert len(set(map(tuple, outcomes))) == len(outcomes)


def test_samples_do_not_depend_on_compat():
    rng = random.Random(97)
    model = random_model(rng, "ab ", 20)
    other = ft.UnigramModel(model.pieces, model.scores, unk_id=0, compat="sentencepiece")
    texts = ["".join(rng.choices("ab ", k=40)) for _ in range(20)]
    sampling = ft.Sampling(0.3, 1)
    rows = [tokenizer_of(m, "whitespace").encode_batch(texts, sampling=sampling) for m in (model, other)]
    assert rows[0] == rows[1]


# Invalid arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-0.1, 0), "alpha must be a finite number of at least 0, not -0.1"),
        ((float("nan"), 0), "alpha must be"),
        ((float("inf"), 0), "alpha must be"),
        ((0.1, -1), "seed must be an integer"),
        ((0.1, 1 << 64), "seed must be an integer"),
        ((0.1, True), "seed must be an integer"),
        ((0.1, 0, 1.0), "epoch must be an integer"),
    ],
)
def test_invalid_samplings(arguments, message):
    with pytest.raises(ValueError, match=message):
        ft.Sampling(*arguments)


def test_samplings_for_other_models_are_errors(words, tok):
    with pytest.raises(ValueError, match="kind 'bpe' does not support Sampling; it supports Dropout"):
        tok.encode("a", sampling=ft.Sampling(0.1, 1))
    with pytest.raises(ValueError, match="kind 'unigram' does not support Dropout; it supports Sampling"):
        words.encode("a", sampling=ft.Dropout(0.1, seed=1))
    for encode in (words.encode, lambda text, **options: words.encode_batch([text], **options)):
        with pytest.raises(TypeError, match="sampling must be a Dropout or a Sampling, not float"):
            encode("a", sampling=0.1)


def test_alpha_must_keep_sums_finite():
    tok = tokenizer_of(ft.UnigramModel(["a"], [-1e200]))
    with pytest.raises(ValueError, match=r"alpha 1e\+100 is too large"):
        tok.encode("a", sampling=ft.Sampling(1e100, 0))


def test_a_character_without_an_id_is_an_error():
    tok = tokenizer_of(ft.UnigramModel([*"ab "], [-1, -1, -1]), "whitespace")
    with pytest.raises(ft.UnknownCharacterError, match="cannot encode 'c'.* at byte 4 of document 1"):
        tok.encode_batch(["ab", "ab bcc"], sampling=ft.Sampling(0.1, 1))


def test_unknown_runs_are_fused(tmp_path, monkeypatch):
    tok = tokenizer_of(ft.UnigramModel(["", "a"], [0, -1], unk_id=0), "whitespace")
    text = "a x x x x x a"
    sampling = ft.Sampling(1.0, 3)
    assert tok.encode(text, sampling=sampling).tolist() == [1, 0, 1]
    assert tok.encode_batch([text, "x x", ""], sampling=sampling).to_list() == [[1, 0, 1], [0], []]
    (tmp_path / "text.txt").write_text(text)
    for n_bytes in range(1, len(text)):
        monkeypatch.setattr(ft.Corpus.batches, "__defaults__", (None, n_bytes))
        assert tok.encode_files(tmp_path / "text.txt", sampling=sampling).to_list() == [[1, 0, 1]]
