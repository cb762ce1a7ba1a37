"""Counts of the pieces over the training data."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import fasttok as ft
from fasttok.tokenizer import piece_counts
from fasttok.tokenizer.piece_counts import count_pieces
from tests import hostile

TEXTS = ["to be or not to be, that is the question", "whether 't is nobler", "été 日本 été"] * 4
KINDS = {
    "bpe": {"vocab_size": 290},
    "bpe characters": {"model": "bpe", "vocab_size": 40, "units": "character"},
    "unigram": {"vocab_size": 60, "character_coverage": 0.9, "special_tokens": ["<s>"]},
    "unigram bytes": {"model": "unigram", "vocab_size": 320, "byte_fallback": True},
    "wordpiece": {"vocab_size": 50},
    "character": {"min_frequency": 5, "unk": "<unk>"},
    "byte": {},
    "word": {"min_frequency": 5, "unk": "<unk>"},
}


def naive_counts(tok, counts):
    """Encode one pretoken at a time; with the pretokenizer "none", a text is a pretoken."""
    alone = ft.Tokenizer(tok.model, "none", tok.added_tokens)
    found: Counter[int] = Counter()
    for pretoken, count in counts.to_dict().items():
        for i in alone.encode(pretoken):
            found[int(i)] += count
    return [found[i] for i in range(tok.vocab_size)]


@pytest.mark.filterwarnings("ignore:the vocabulary has")
@pytest.mark.filterwarnings("ignore:the model cannot encode")
@pytest.mark.parametrize("kind", KINDS)
def test_piece_counts_agree_with_encoding(tmp_path, kind):
    options = {"model": kind} | KINDS[kind]
    corpus = ft.Corpus.from_texts(TEXTS)
    tok = ft.train(corpus, piece_counts=True, **options)
    counts = ft.count_pretokens(corpus)
    assert tok.piece_counts.dtype == np.int64
    assert tok.piece_counts.tolist() == naive_counts(tok, counts)
    assert ft.train(counts, workers=2, piece_counts=True, **options).piece_counts.tolist() == (
        tok.piece_counts.tolist()
    )
    if not tok.model.fuse_unk:
        assert (
            tok.piece_counts.tolist()
            == np.bincount(np.concatenate(tok.encode_batch(TEXTS)), minlength=tok.vocab_size).tolist()
        )
    tok.save(tmp_path / "tok.json")
    loaded = ft.load(tmp_path / "tok.json")
    assert loaded == tok
    assert np.array_equal(loaded.piece_counts, tok.piece_counts)
    without = ft.train(corpus, **options)
    assert without.piece_counts is None
    assert "piece_counts" not in without.provenance
    assert without.fingerprint() == tok.fingerprint()


def test_pretokens_that_cannot_be_encoded_are_not_counted(monkeypatch):
    texts = [text for text in hostile.texts(300, seed=8) if text]
    counts = ft.PretokenCounts.from_dict({text: i % 7 + 1 for i, text in enumerate(dict.fromkeys(texts))})
    model = ft.CharacterModel([chr(i) for i in range(0x20, 0x7F)])
    expected: Counter[str] = Counter()
    for pretoken, count in counts.to_dict().items():
        if all(0x20 <= byte < 0x7F for byte in pretoken):
            for byte in pretoken:
                expected[byte - 0x20] += count
    assert len(expected) > 20
    for batch in (1, 3, 64, 1 << 12):
        monkeypatch.setattr(piece_counts, "BATCH", batch)
        assert count_pieces(model, counts, 95).tolist() == [expected[i] for i in range(95)]


def test_large_counts_are_exact():
    model = ft.CharacterModel(["a", "b"])
    large = (1 << 62) - 1
    counts = ft.PretokenCounts.from_dict({"a": large, "ba": large, "bb": 1})
    assert count_pieces(model, counts, 2).tolist() == [2 * large, large + 2]
    most = ft.PretokenCounts.from_dict({"a": (1 << 63) - 1})
    assert count_pieces(model, most, 3).tolist() == [(1 << 63) - 1, 0, 0]
    for wrong in ({"b": (1 << 63) - 1, "bc": 1, "ab": 1}, {"bbbbb": (1 << 63) - 1}):
        with pytest.raises(OverflowError, match="the count of id 1 exceeds 2.63 - 1"):
            count_pieces(model, ft.PretokenCounts.from_dict(wrong), 2)
    assert count_pieces(model, ft.PretokenCounts.from_dict({}), 2).tolist() == [0, 0]


def test_text_never_counts_for_a_special_token():
    counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "<s>": 3}, "whitespace_split")
    with pytest.warns(UserWarning, match="special token"):
        tok = ft.train(counts, "word", special_tokens=["<s>"], unk="<unk>", piece_counts=True)
    assert tok.piece_counts[tok.piece_to_id("<s>")] == 0
    assert tok.piece_counts.sum() == 10


def test_other_provenances():
    model = ft.CharacterModel(["a", "b"])
    tok = ft.Tokenizer(model, "none", {"<s>": 3}, {"piece_counts": [4, 5]})
    assert tok.piece_counts.tolist() == [4, 5, 0, 0]
    for wrong in ("x", [1, 2, 3, 4, 5], [1, -1], [1.0], [True], [1 << 63], {"a": 1}):
        tok = ft.Tokenizer(model, "none", {"<s>": 3}, {"piece_counts": wrong})
        with pytest.raises(ValueError, match="piece_counts.* must be a list of at most 4 integers"):
            _ = tok.piece_counts
