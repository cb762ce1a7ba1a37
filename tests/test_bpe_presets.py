"""Presets of `BPETrainer`, compared with the libraries and with oracles of their algorithms."""

from __future__ import annotations

import io
import random
import warnings

import numpy as np
import pytest

import fasttok as ft
from tests import oracles


def train(source, **options):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no other pair occurs")
        return ft.train(source, workers=1, **options)


def make_texts(rng, letters=" aab,'1\n"):
    """Return random texts with many ties and with runs of one letter."""
    return ["".join(rng.choices(letters, k=rng.randint(1, 40))) for _ in range(rng.randint(1, 6))]


def parts_of(tok):
    """Return the pieces of each merge."""
    pieces = [bytes(piece) for piece in tok.model.pieces]
    return [(pieces[left], pieces[right]) for left, right in tok.model.merges.tolist()]


# rustbpe


def merges_of_rustbpe(texts, vocab_size):
    rustbpe = pytest.importorskip("rustbpe")
    theirs = rustbpe.Tokenizer()
    theirs.train_from_iterator(iter(texts), vocab_size)
    return [bytes(piece) for piece, _ in theirs.get_mergeable_ranks()]


def test_rustbpe_on_small_corpora():
    rng = random.Random(1)
    for _ in range(100):
        texts = make_texts(rng, rng.choice([" aab,'1\n", "aaab ", " abcdé東"]))
        tok = train(ft.Corpus.from_texts(texts), compat="rustbpe", vocab_size=300)
        assert [bytes(piece) for piece in tok.model.pieces] == merges_of_rustbpe(texts, tok.vocab_size)


def test_rustbpe_on_real_text(shared):
    texts = (shared / "data/prose/tinyshakespeare.txt").read_text().split("\n\n")
    tok = ft.train(ft.Corpus.from_texts(texts), compat="rustbpe", vocab_size=3000)
    assert [bytes(piece) for piece in tok.model.pieces] == merges_of_rustbpe(texts, 3000)


# subword-nmt


def merges_of_subword_nmt(lines, n_merges, **options):
    learn_bpe = pytest.importorskip("subword_nmt.learn_bpe")
    out = io.StringIO()
    learn_bpe.learn_bpe(io.StringIO("\n".join(lines)), out, n_merges, **options)
    return [tuple(line.split(" ")) for line in out.getvalue().splitlines()[1:]]


@pytest.mark.parametrize("min_frequency", [None, 1, 3])
def test_subword_nmt_on_small_corpora(min_frequency):
    rng = random.Random(2)
    options = {} if min_frequency is None else {"min_frequency": min_frequency}
    for _ in range(40):
        letters = rng.choice(["  aab", "aaab ", " abcdé東", " a<b1~\U0001f600\uffee\n"])
        lines = make_texts(rng, letters)
        if max(map(len, " ".join(lines).split()), default=0) < 2:
            continue  # subword-nmt fails if there is no pair
        tok = train(ft.Corpus.from_texts(lines), compat="subword-nmt", vocab_size=60, **options)
        ours = [(left.decode(), right.decode()) for left, right in parts_of(tok)]
        assert ours == merges_of_subword_nmt(lines, len(ours), **options), lines
        if tok.vocab_size < 60:
            assert ours == merges_of_subword_nmt(lines, len(ours) + 5, **options), lines


def test_subword_nmt_on_real_text(shared):
    lines = (shared / "data/prose/tinyshakespeare.txt").read_text()[:250_000].splitlines()
    tok = ft.train(ft.Corpus.from_texts(lines), compat="subword-nmt", vocab_size=1000)
    ours = [(left.decode(), right.decode()) for left, right in parts_of(tok)]
    assert ours == merges_of_subword_nmt(lines, len(ours))


def test_max_piece_length_does_not_count_the_suffix():
    counts = ft.PretokenCounts.from_dict({"abc": 5, "ab": 4})
    tok = train(counts, compat="subword-nmt", vocab_size=20, max_piece_length=2)
    assert parts_of(tok) == [(b"b", b"c</w>"), (b"a", b"b</w>")]


# CS336


def test_cs336_on_small_corpora():
    rng = random.Random(3)
    for _ in range(50):
        counts = ft.count_pretokens(
            ft.Corpus.from_texts(make_texts(rng, rng.choice(["ab ", "aé東 ", "aab1"])))
        )
        merges = oracles.learn_merges_of_bytes(counts.to_dict(), 40)
        tok = train(counts, compat="cs336", vocab_size=256 + 40)
        assert parts_of(tok) == merges


def test_cs336_on_real_text(shared):
    text = (shared / "data/prose/tinyshakespeare.txt").read_text()[:30_000]
    corpus = ft.Corpus.from_texts([text.replace("\n\n", "<|endoftext|>")])
    tok = ft.train(corpus, compat="cs336", vocab_size=500, special_tokens=["<|endoftext|>"])
    assert tok.special_tokens == {"<|endoftext|>": 0}
    assert tok.pretokenizer == ft.train(corpus, vocab_size=256, pretokenizer="gpt2").pretokenizer
    counts = ft.count_pretokens(corpus, "gpt2", split_special=["<|endoftext|>"])
    assert parts_of(tok) == oracles.learn_merges_of_bytes(counts.to_dict(), 243)


def test_the_example_of_the_course():
    words = {"low": 5, "lower": 2, "widest": 3, "newest": 6}
    tok = ft.train(ft.PretokenCounts.from_dict(words), compat="cs336", vocab_size=262)
    expected = [("s", "t"), ("e", "st"), ("o", "w"), ("l", "ow"), ("w", "est"), ("n", "e")]
    assert [(left.decode(), right.decode()) for left, right in parts_of(tok)] == expected


# Options


def test_largest_does_not_depend_on_the_order_of_bytes_and_continues():
    rng = random.Random(4)
    counts = ft.PretokenCounts.from_dict(
        {bytes(rng.choices(b"!\xc3\xa9 a", k=rng.randint(1, 9))): rng.randint(1, 4) for _ in range(40)}
    )
    by_value, by_gpt2 = (
        train(counts, vocab_size=290, tie_break="largest", byte_order=order) for order in ("value", "gpt2")
    )
    assert parts_of(by_value) == parts_of(by_gpt2)
    start = train(counts, vocab_size=270, tie_break="largest", byte_order="gpt2")
    assert parts_of(train(counts, vocab_size=290, tie_break="largest", start=start)) == parts_of(by_value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compat": "rustbpe", "units": "character"}, "units='character' contradicts compat='rustbpe'"),
        ({"compat": "cs336", "tie_break": "ids"}, "tie_break='ids' contradicts compat='cs336'"),
        ({"compat": "subword-nmt", "end_of_word_suffix": "@"}, "contradicts compat='subword-nmt'"),
        ({"compat": "subword-nmt", "byte_order": "value"}, 'byte_order requires units="byte"'),
        ({"compat": "minbpe"}, "compat must be .huggingface., .rustbpe., .subword-nmt."),
    ],
)
def test_options_that_contradict_a_preset(options, message):
    with pytest.raises(ValueError, match=message):
        ft.BPETrainer(vocab_size=300, **options)


def test_presets_fill_in_options_and_steps():
    trainer = ft.BPETrainer(vocab_size=300, compat="subword-nmt")
    assert (trainer.units, trainer.end_of_word_suffix, trainer.min_frequency) == ("character", "</w>", 2)
    assert trainer.byte_order is None
    trainer = ft.BPETrainer(vocab_size=300, compat="cs336")
    assert (trainer.tie_break, trainer.special_ids, trainer.byte_order) == ("largest", "first", "value")
    corpus = ft.Corpus.from_texts(["a b"])
    tok = train(corpus, compat="rustbpe", vocab_size=300, pretokenizer="gpt2")
    assert tok.pretokenizer == train(corpus, vocab_size=300, pretokenizer="gpt2").pretokenizer
    assert tok.provenance["trainer"]["min_frequency"] == 1
    tok = train(ft.Corpus.from_texts(["low lower"]), compat="subword-nmt", vocab_size=30)
    assert tok.decode(tok.encode("low lower")) == "low lower"
    assert np.all(tok.model.merges < tok.vocab_size)
