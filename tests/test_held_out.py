"""The metric bits_per_byte: halves of the documents, and what the bits mean."""

from __future__ import annotations

import numpy as np
import pytest

import fasttok as ft
from fasttok.evaluation.held_out import count_bits, split_documents

LINES = ft.parallel_sample()["eng"].read_text("utf-8").splitlines()


def measure(texts: list[str], tok) -> dict:
    corpus = ft.TestCorpus.from_corpora("texts", ft.Corpus.from_texts(texts), words="whitespace")
    [row] = ft.measure({"tok": tok}, corpus, "bits_per_byte", seed=7)
    return row


def test_halves_depend_on_the_content_only():
    texts = [line.encode() for line in LINES]
    halves = dict(zip(texts, split_documents(ft.Ragged.from_bytes(texts)).tolist(), strict=True))
    assert abs(sum(halves.values()) - len(halves) / 2) < 1
    mixed = [*texts[::-1], *texts[:7]]
    assert split_documents(ft.Ragged.from_bytes(mixed)).tolist() == [halves[text] for text in mixed]
    for same in ([], [b"a"], [b"a", b"a"]):
        assert split_documents(ft.Ragged.from_bytes(same)) is None


def test_the_model_has_not_seen_what_it_predicts():
    # Every document is twice in the text. A model that had seen the copies would need far fewer bits.
    tok = ft.train(ft.Corpus.from_texts(LINES), vocab_size=300)
    once, twice = measure(LINES, tok), measure(LINES * 2, tok)
    assert twice["value"] > 0.9 * once["value"]
    seen = ft.lm.NGram().fit(LINES, tok).bits_per_byte(LINES, tok)
    assert seen < 0.6 * once["value"]


def test_the_value_is_that_of_two_models():
    tok = ft.train(ft.Corpus.from_texts(LINES), vocab_size=300)
    is_second = split_documents(ft.Ragged.from_bytes([line.encode() for line in LINES]))
    halves = [[line for line, second in zip(LINES, is_second, strict=True) if second == i] for i in (0, 1)]
    bits = [ft.lm.NGram(3).fit(halves[1 - i], tok).bits(halves[i], tok).sum() for i in (0, 1)]
    row = measure(LINES, tok)
    n_bytes = sum(len(line.encode()) for line in LINES)
    assert row["value"] == pytest.approx(sum(bits) / n_bytes, rel=1e-6)  # bits are rounded to 1/1,024
    assert row["low"] < row["value"] < row["high"]
    assert (row["n"], row["unit"]) == (n_bytes, "bits/byte")


def test_one_document_has_no_value():
    tok = ft.Tokenizer(ft.ByteModel(), "gpt2")
    assert measure(["low lower", "low lower"], tok)["value"] is None
    assert measure(["low lower", "low"], tok)["value"] > 0


def test_units_are_parts_of_a_bit():
    # Equal ids in both halves: each model sees one document "0 end", so 0 after the beginning has the count
    # 1.
    documents = ft.Ragged.from_bytes([b"a", b"b"])
    n_units, n_bytes = count_bits(documents, ft.Ragged.from_rows([[0], [0]]), 1)
    # Discounts 0.5; unigrams 1/2, bigrams 1/2 + 1/2 * 1/2 = 3/4, trigrams of the end 1/2 + 1/2 * 3/4 = 7/8.
    expected = round(-1024 * np.log2(3 / 4 * 7 / 8))
    assert n_units.tolist() == [expected, expected]
    assert n_bytes.tolist() == [1, 1]


def test_wrapped_tokenizers_have_bits():
    tokenizers = pytest.importorskip("tokenizers")
    pieces = {"[UNK]": 0, "low": 1}
    theirs = tokenizers.Tokenizer(tokenizers.models.WordLevel(pieces, unk_token="[UNK]"))  # noqa: S106
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    assert measure(["low slow", "low low"], ft.wrap(theirs))["value"] > 0
