"""Compatibility with files written by fasttok 0.1.0: same ids, same text, and identical files when saved."""

from __future__ import annotations

import json

import pytest

import fasttok as ft
from tests.conftest import ROOT

FOLDER = ROOT / "tests/data/version1"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
TOKENIZERS = [name for name in EXPECTED if not name.endswith(".npz")]
COUNTS = [name for name in EXPECTED if name.endswith(".npz")]


def attempt(function):
    """Return the result of a function, or the name of the exception that it raises."""
    try:
        return function()
    except ft.FasttokError as error:
        return {"error": type(error).__name__}


def spans_of_today(name, raw, spans):
    """Return spans of version 0.1.0 with the changes that the changelog lists."""
    if name == "rules":  # text of `Prepend` has the span of the first byte; it was empty
        return [[0, 1] if span == [0, 0] else span for span in spans]
    if name in ("bpe-cl100k-nfc", "unigram-huggingface"):  # a composed character has that of the first one
        return [[a, b - 2] if raw[a:b].endswith("e\u0301".encode()) else [a, b] for a, b in spans]
    return spans


@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokenizer(name, tmp_path):
    tok, expected = ft.load(FOLDER / f"{name}.json"), EXPECTED[name]
    assert tok.fingerprint() == expected["fingerprint"]
    assert (tok.is_lossless, tok.vocab_size) == (expected["is_lossless"], expected["vocab_size"])
    for row in expected["rows"]:
        text = row["text"] if isinstance(row["text"], str) else bytes.fromhex(row["text"]["hex"])
        assert attempt(lambda t=text: tok.encode(t).tolist()) == row["none"]
        ids = attempt(lambda t=text: tok.encode(t, special="all").tolist())
        assert ids == row["all"]
        spans = attempt(lambda t=text: tok.encode_with_offsets(t, special="all").byte_spans.tolist())
        raw = text.encode() if isinstance(text, str) else text
        before = row["offsets"]
        assert spans == (spans_of_today(name, raw, before) if isinstance(before, list) else before)
        if isinstance(ids, list):
            assert tok.decode(ids) == row["decoded"]
            assert tok.decode(ids, skip_special_tokens=True, clean_up=False) == row["skipped"]
        if "framed" in row:
            assert tok.encode(text, add_special_tokens=True).tolist() == row["framed"]
    tok.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (FOLDER / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", [n for n in TOKENIZERS if {"dropout", "sampling"} & EXPECTED[n].keys()])
def test_sampling(name):
    tok, expected = ft.load(FOLDER / f"{name}.json"), EXPECTED[name]
    texts = [row["text"] for row in expected["rows"][:9]]
    cases = [(text, epoch) for text in texts for epoch in (0, 2)]
    for (text, epoch), ids in zip(cases, expected.get("dropout", []), strict=False):
        assert tok.encode(text, sampling=ft.Dropout(0.3, seed=7, epoch=epoch)).tolist() == ids
    for (text, epoch), ids in zip(cases, expected.get("sampling", []), strict=False):
        sample = ft.Sampling(0.3, seed=7, epoch=epoch)
        assert attempt(lambda t=text, s=sample: tok.encode(t, sampling=s).tolist()) == ids


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name, tmp_path):
    counts, expected = ft.PretokenCounts.load(FOLDER / name), EXPECTED[name]
    assert counts.fingerprint() == expected["fingerprint"]
    assert (len(counts), counts.total) == (expected["n"], expected["total"])
    counts.save(tmp_path / name)
    assert ft.PretokenCounts.load(tmp_path / name) == counts
    assert ft.train(counts, vocab_size=260).pretokenizer.config() == counts.recipe.pretokenizer
