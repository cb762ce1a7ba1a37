"""BPE-dropout: compared with the oracle and exact probabilities; dependence on seed, epoch and position."""

from __future__ import annotations

import itertools
import json
import random
from fractions import Fraction

import numpy as np
import pytest

import fasttok as ft
from fasttok.corpus import corpus as corpus_module
from tests import hostile, oracles
from tests.frequencies import assert_frequencies

END = "<|endoftext|>"
PROBABILITIES = [Fraction(1, 1 << 62), Fraction(1, 10), Fraction(1, 2), Fraction(15, 16)]


def train(words, vocab_size, pretokenizer="none", special=None):
    model, *_ = ft.BPETrainer(vocab_size=vocab_size).train(ft.PretokenCounts.from_dict(words))
    return ft.Tokenizer(model, ft.get_pretokenizer(pretokenizer), special)


def merges_of(model):
    rows = zip(map(tuple, model.merges.tolist()), model.merge_ids.tolist(), strict=True)
    return {pair: (rank, merged) for rank, (pair, merged) in enumerate(rows)}


def oracle(tok, data, dropout, seed, epoch=0, document=0, start=0):
    """Return the oracle's ids of a plain text that begins at byte `start` of its document."""
    merges, ids = merges_of(tok.model), []
    for pretoken in tok.pretokenizer.split_text(data):
        state = oracles.dropout_state(seed, epoch, document, start)
        word = [int(tok.model.byte_ids[b]) for b in pretoken]
        ids += oracles.encode_word_with_dropout(word, merges, Fraction(dropout), state)
        start += len(pretoken)
    return ids


# Results


def test_the_generator_is_splitmix64():
    state, drawn = 1234567, []
    for _ in range(5):
        state, number = oracles.splitmix(state)
        drawn.append(number)
    assert drawn[:3] == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert drawn[3:] == [4593380528125082431, 16408922859458223821]


@pytest.mark.parametrize("dropout", PROBABILITIES)
def test_all_small_texts_equal_the_oracle(dropout):
    tok = train({"aab": 5, "abba": 4, "aaaa": 3, "bab": 2}, 263)
    texts = ["".join(letters) for n in range(9) for letters in itertools.product("ab", repeat=n)]
    for seed in range(3):
        rows = tok.encode_batch(texts, sampling=ft.Dropout(dropout, seed=seed)).to_list()
        assert rows == [oracle(tok, t.encode(), dropout, seed, document=i) for i, t in enumerate(texts)]


def test_random_models_equal_the_oracle():
    rng = random.Random(56)
    for seed in range(40):
        words = {bytes(rng.choices(b"abc ", k=rng.randint(1, 12))): rng.randint(1, 6) for _ in range(30)}
        tok = train(words, 256 + rng.randint(1, 40))
        if seed % 2:  # shuffle, so that merges may rank before those of their parts
            order = rng.sample(range(len(tok.merges)), len(tok.merges))
            model = ft.BPEModel(tok.model.pieces, tok.merges[order], tok.model.merge_ids[order])
            tok = ft.Tokenizer(model, tok.pretokenizer)
        texts = [bytes(rng.choices(b"abcd", k=n)) for n in [*range(1, 80), 200, 300]]
        texts += [unit * n for unit in (b"a", b"ab") for n in (64, 65, 300)]
        dropout = rng.choice([0.01, 0.1, 0.5, 0.9, 1 / 3])
        epoch = rng.randrange(1 << 64)
        rows = tok.encode_batch(texts, sampling=ft.Dropout(dropout, seed=seed, epoch=epoch)).to_list()
        assert rows == [oracle(tok, t, dropout, seed, epoch, i) for i, t in enumerate(texts)]


@pytest.mark.parametrize("special", ["none", "all"])
def test_hostile_documents_equal_the_oracle(tok, special):
    texts = [*hostile.texts(200, seed=57), *hostile.byte_strings(200, seed=58), END, f"a{END}{END}b c"]
    rows = tok.encode_batch(texts, special=special, sampling=ft.Dropout(0.2, seed=9, epoch=3))
    assert tok.decode_bytes(rows.values) == b"".join(ft.Corpus.from_texts(texts))
    for document, data in enumerate(ft.Corpus.from_texts(texts)):
        ids, start = [], 0
        for segment in data.split(END.encode()) if special == "all" else [data]:
            ids += oracle(tok, segment, 0.2, 9, 3, document, start)
            start += len(segment) + len(END)
            ids.append(tok.special_tokens[END])
        assert rows[document].tolist() == ids[:-1]


@pytest.mark.parametrize("dropout", [Fraction(1, 10), Fraction(1, 2)])
def test_segmentations_have_the_exact_probabilities(dropout):
    tok = train({"lowest": 5, "low": 9, "west": 4}, 262)
    word, n = " lowest", 20_000
    chances = oracles.probabilities_with_dropout(tuple(word.encode()), merges_of(tok.model), dropout)
    assert sum(chances.values()) == 1
    assert len(chances) > 10
    samples = {
        "documents": tok.encode_batch([word] * n, sampling=ft.Dropout(dropout, seed=1)).to_list(),
        "epochs": [
            tok.encode(word, sampling=ft.Dropout(dropout, seed=1, epoch=i)).tolist() for i in range(n)
        ],
        "seeds": [tok.encode(word, sampling=ft.Dropout(dropout, seed=i), as_list=True) for i in range(n)],
    }
    words = ft.Tokenizer(tok.model, ft.get_pretokenizer("gpt2"))
    ids = words.encode(word * n, sampling=ft.Dropout(dropout, seed=1))
    ends = np.cumsum(words.model.pieces.lengths[ids])
    samples["positions"] = [row.tolist() for row in np.split(ids, np.flatnonzero(ends % len(word) == 0) + 1)]
    for sample in samples.values():
        rows = [tuple(row) for row in sample if len(row)]  # np.split adds an empty row after the last word
        assert len(rows) == n
        assert_frequencies(rows, chances, min_degrees=9)


def test_probabilities_zero_and_one(tok):
    texts = [*hostile.byte_strings(100, seed=59), b"a" * 5000]
    for dropout in (0, 0.0, Fraction(0)):
        assert tok.encode_batch(texts, sampling=ft.Dropout(dropout, seed=1)) == tok.encode_batch(texts)
    rows = tok.encode_batch(texts, sampling=ft.Dropout(1, seed=1))
    assert rows.to_list() == [[int(tok.model.byte_ids[b]) for b in data] for data in texts]
    # The smallest positive number has limit 1: only a draw of 0 skips a merge.
    assert tok.encode_batch(texts, sampling=ft.Dropout(5e-324, seed=1)) == tok.encode_batch(texts)


def test_dropout_overrides_ignore_merges():
    pieces = ft.Ragged.from_bytes([*(bytes([b]) for b in range(256)), b"bc", b"ab", b"abc"])
    merges, merged = [[98, 99], [97, 98], [257, 99]], [256, 257, 258]
    model = ft.BPEModel(pieces, np.array(merges), np.array(merged), ignore_merges=True)
    tok = ft.Tokenizer(model, ft.get_pretokenizer("none"))
    assert tok.encode("abc").tolist() == tok.encode("abc", sampling=ft.Dropout(0, seed=0)).tolist() == [258]
    seen = {tuple(tok.encode("abc", sampling=ft.Dropout(0.5, seed=seed)).tolist()) for seed in range(100)}
    assert seen == {(97, 98, 99), (97, 256), (257, 99), (258,)}
    assert tok.encode("abc", sampling=ft.Dropout(1e-9, seed=0)).tolist() == [97, 256]


@pytest.mark.parametrize("unit", ["a", "ab"])
def test_long_pretokens(unit):
    tok = train({unit * 64: 2}, 256 + 6 + len(unit) - 1)
    text = unit * (1 << 19)
    lengths = []
    for dropout in (0.001, 0.1, 0.9, 1):
        ids = tok.encode(text, sampling=ft.Dropout(dropout, seed=1))
        assert tok.decode(ids) == text
        lengths.append(len(ids))
    assert lengths == sorted(lengths)
    assert lengths[-1] == len(text)


# Dependence of the random numbers


def test_ids_do_not_depend_on_batches_threads_or_lists(tok, monkeypatch):
    texts = [*hostile.texts(200, seed=60), "", "x" * 500, *hostile.byte_strings(200, seed=61), f"a{END}b"]
    options = {"sampling": ft.Dropout(0.3, seed=7, epoch=2)}
    for special in ("none", "all"):
        expected = tok.encode_batch(texts, special=special, **options)
        assert tok.encode_batch(texts, special=special, as_list=True, **options) == expected.to_list()
        for workers, size in itertools.product((1, 2, 7), (10, 1000)):
            monkeypatch.setattr(corpus_module.Corpus.batches, "__defaults__", (None, size))
            assert tok.encode_batch(iter(texts), workers=workers, special=special, **options) == expected
    for text in texts:
        ids = tok.encode(text, **options)
        assert ids.dtype == np.uint32
        assert ids.tolist() == tok.encode(text, as_list=True, **options)
        assert ids.tolist() == tok.encode_batch([text, "more"], **options)[0].tolist()


def test_encode_files_equals_encode_batch(tok, tmp_path, monkeypatch):
    texts = ["one\r\ntwo lowest " * 200, "", f"{END} naïve 東京 newest\n" * 50]
    for name, text in zip("abc", texts, strict=True):
        (tmp_path / f"{name}.txt").write_text(text, newline="")
    (tmp_path / "d.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    options = {"sampling": ft.Dropout(0.3, seed=7, epoch=2)}
    for special in ("none", "all"):
        expected = tok.encode_batch(texts * 2, special=special, **options)
        for workers, size in itertools.product((1, 2, 7), (1, 100, 1 << 22)):
            monkeypatch.setattr(corpus_module.Corpus.batches, "__defaults__", (None, size))
            assert tok.encode_files(tmp_path, special=special, workers=workers, **options) == expected


def test_document_seed_and_epoch_change_the_ids():
    tok = train({"lowest": 5, "low": 9, "west": 4}, 262, "gpt2")
    text = " lowest" * 40
    rows = tok.encode_batch([text] * 3, sampling=ft.Dropout(0.5, seed=0))
    outcomes = [rows[i].tolist() for i in range(3)]
    outcomes += [
        tok.encode(text, sampling=ft.Dropout(0.5, seed=seed)).tolist() for seed in (1, 2, (1 << 64) - 1)
    ]
    outcomes += [
        tok.encode(text, sampling=ft.Dropout(0.5, seed=0, epoch=epoch)).tolist()
        for epoch in (1, (1 << 64) - 1)
    ]
    assert len(set(map(tuple, outcomes))) == len(outcomes)
    assert tok.encode(text, sampling=ft.Dropout(0.5, seed=0)).tolist() == outcomes[0]


def test_dropout_values():
    value = ft.Dropout(Fraction(1, 4), seed=7)
    assert value == ft.Dropout(0.25, 7, 0)
    assert hash(value) == hash(ft.Dropout(0.25, 7, 0))
    assert repr(ft.Dropout(0.25, seed=7, epoch=3)) == "Dropout(probability=0.25, seed=7, epoch=3)"
    limits = [ft.Dropout(p, 0).limit for p in (0, 5e-324, Fraction(1, 4), 1)]
    assert limits == [0, 1, 1 << 61, 1 << 63]
    for probability in (-0.1, 1.001, float("nan")):
        with pytest.raises(ValueError, match="probability must be from 0 to 1"):
            ft.Dropout(probability, 0)
    for seed, epoch in ((-1, 0), (1 << 64, 0), (True, 0), (0, 1.0)):
        with pytest.raises(ValueError, match=r"must be an integer from 0 to 2\^64 - 1"):
            ft.Dropout(0.1, seed, epoch)
    assert ft.BPEModel.can_sample == (ft.Dropout,)
    assert ft.UnigramModel.can_sample == (ft.Sampling,)
    assert ft.WordPieceModel.can_sample == ()


# Errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-0.1, 1), "probability must be from 0 to 1, not -0.1"),
        ((1.001, 1), "probability must be from 0 to 1, not 1.001"),
        ((float("nan"), 1), "probability must be from 0 to 1, not nan"),
        ((0.1, -1), r"seed must be an integer from 0 to 2\^64 - 1, not -1"),
        ((0.1, 1 << 64), "seed must be an integer"),
        ((0.1, 1.0), "seed must be an integer"),
        ((0.1, True), "seed must be an integer"),
        ((0.1, 1, -1), "epoch must be an integer"),
    ],
)
def test_invalid_values(arguments, message):
    with pytest.raises(ValueError, match=message):
        ft.Dropout(*arguments)


def test_a_model_that_cannot_sample(tok):
    class NoMerges(ft.BPEModel):
        can_sample = ()

    model = NoMerges(tok.model.pieces, tok.model.merges, tok.model.merge_ids)
    plain = ft.Tokenizer(model, tok.pretokenizer)
    assert plain.encode("a").tolist() == tok.encode("a").tolist()
    for encode in (plain.encode, lambda text, **options: plain.encode_batch([text], **options)):
        with pytest.raises(ValueError, match="kind 'bpe' does not support Dropout; it supports neither"):
            encode("a", sampling=ft.Dropout(0.1, seed=1))
