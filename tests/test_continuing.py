"""Continued training: resuming, starting from models of any origin, what is logged of its memory."""

from __future__ import annotations

import itertools
import json
import logging
import random

import numpy as np
import pytest

import fasttok as ft
from fasttok.models._cache import PretokenCache
from fasttok.models.merging import engine
from fasttok.models.merging.orders import Frequency
from tests import oracles

BYTES = [bytes([b]) for b in range(256)]
WORDS = {"low": 5, "lower": 2, "newest": 6, "widest": 3}


def random_words(rng, letters=b"abcd", n=25):
    return {bytes(rng.choices(letters, k=rng.randint(1, 9))): rng.randint(1, 6) for _ in range(n)}


def rows_of(model):
    return [
        (*pair, merged) for pair, merged in zip(model.merges.tolist(), model.merge_ids.tolist(), strict=True)
    ]


def tokenizer_of(pieces, merges, **options):
    """A tokenizer whose ids may stand in any order and whose pieces need not be made."""
    table = np.array(merges, np.uint32).reshape(-1, 3)
    model = ft.BPEModel(ft.Ragged.from_bytes(pieces), table[:, :2], table[:, 2], **options)
    return ft.Tokenizer(model, ft.get_pretokenizer("gpt2"))


# Resuming

OPTIONS = [
    {},
    {"tie_break": "shortest"},
    {"tie_break": "shortest", "byte_order": "gpt2"},
    {"byte_order": "gpt2"},
    {"special_ids": "first", "special_tokens": ["<a>", "<b>"]},
    {"compat": "huggingface"},
    {"compat": "huggingface", "special_tokens": ["<a>"], "min_frequency": 2},
    {"max_piece_length": 5},
    {"min_frequency": 3, "tie_break": "shortest", "max_piece_length": 3},
]


def continued(options):
    """The options that go with a start: what follows from it is left out."""
    return {name: value for name, value in options.items() if name not in ("byte_order", "special_ids")}


@pytest.mark.filterwarnings("ignore:the vocabulary has")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_resuming_is_training_at_once(options):
    rng = random.Random(70)
    first = 256 + len(options.get("special_tokens", ()))
    for _ in range(60):
        counts = ft.PretokenCounts.from_dict(random_words(rng))
        sizes = sorted(rng.sample(range(first, first + 80), 3))
        expected = ft.train(counts, vocab_size=sizes[-1], **options)
        tok = ft.train(counts, vocab_size=sizes[0], **options)
        for size in sizes[1:]:
            if tok.vocab_size < size:
                tok = ft.train(counts, vocab_size=size, start=tok, **continued(options))
        assert tok.model.to_dict() == expected.model.to_dict()
        assert tok.special_tokens == expected.special_tokens
        assert tok.fingerprint() == expected.fingerprint()


@pytest.mark.parametrize("options", OPTIONS[:4] + OPTIONS[5:6], ids=str)
def test_resuming_on_real_text(shared, options):
    counts = ft.count_pretokens(ft.Corpus.from_files(shared / "data/code/go.txt"))
    expected = ft.train(counts, vocab_size=6000, **options)
    start = ft.train(counts, vocab_size=2500, **options)
    tok = ft.train(counts, vocab_size=6000, start=start, **continued(options))
    assert tok.model.to_dict() == expected.model.to_dict()


def test_special_tokens_keep_their_ids_and_new_ones_stand_behind():
    counts = ft.PretokenCounts.from_dict(WORDS)
    start = ft.train(counts, vocab_size=259, special_tokens=["<a>"])
    tok = ft.train(counts, vocab_size=262, special_tokens=["<b>", "<a>"], start=start)
    assert [tok.id_to_piece(i) for i in range(256, 262)] == [b"es", b"est", b"<a>", b"lo", b"low", b"<b>"]
    assert tok.special_tokens == {"<a>": 258, "<b>": 261}
    assert tok.merges.tolist() == [[101, 115], [256, 116], [108, 111], [259, 119]]
    assert [tok.id_to_piece(i) for i in range(259)] == [start.id_to_piece(i) for i in range(259)]


def test_the_template_of_the_start_stays():
    counts = ft.PretokenCounts.from_dict(WORDS)
    start = ft.train(counts, vocab_size=258, special_tokens=["<a>"]).with_template("<a> $A")
    tok = ft.train(counts, vocab_size=260, start=start)
    assert tok.template == start.template
    assert tok.encode("q", add_special_tokens=True).tolist() == [257, ord("q")]


# Starts of any origin


def random_start(rng):
    """Pieces in any order, some of which the merges never make, or by another pair."""
    pieces = [*BYTES, b""]
    rng.shuffle(pieces)
    ids = {piece: i for i, piece in enumerate(pieces)}
    merges = {}
    for _ in range(rng.randint(0, 25)):
        left, right = (rng.choice([p for p in ids if p and set(p) <= set(b"abc")]) for _ in range(2))
        joined = left + right
        if len(joined) > 6:
            continue
        if joined not in ids:
            ids[joined] = len(pieces)
            pieces.append(joined)
        if rng.random() < 0.7:
            merges.setdefault((ids[left], ids[right]), ids[joined])
    rows = [(*pair, merged) for pair, merged in merges.items()]
    rng.shuffle(rows)
    return pieces, rows


@pytest.mark.filterwarnings("ignore:the vocabulary has")
def test_any_start_is_the_oracles():
    rng = random.Random(71)
    n_passed_over = n_merges = 0
    for _ in range(250):
        pieces, merges = random_start(rng)
        words = random_words(rng, rng.choice([b"abc", b"aab", b"abcd"]))
        takes_whole = rng.random() < 0.5
        options = {
            "min_frequency": rng.choice([1, 1, 3]),
            "max_piece_length": rng.choice([None, None, 4]),
            "tie_break": rng.choice(["ids", "shortest"]),
        }
        n_new = rng.choice([1, 5, 60])
        start = tokenizer_of(pieces, merges, ignore_merges=takes_whole)
        counts = ft.PretokenCounts.from_dict(words)
        tok = ft.train(counts, vocab_size=len(pieces) + n_new, start=start, **options)
        minimum, longest, ties = options.values()
        arguments = words, pieces, merges, n_new, minimum, longest, ties == "shortest", takes_whole
        expected = oracles.continue_merges(*arguments)
        assert rows_of(tok.model) == merges + expected
        assert tok.model.pieces.to_bytes()[: len(pieces)] == pieces
        assert len(set(filter(None, tok.model.pieces.to_bytes()))) == len(pieces) - 1 + len(expected)
        n_merges += len(expected)
        rows = start.model.pieces
        encoded = ft.BPEModel(rows, start.merges, start.model.merge_ids).encode_pretokens(
            rows.values, rows.offsets, PretokenCache(1 << 16)
        )
        n_passed_over += (encoded.lengths > 1).any()
    assert n_merges > 3000
    assert n_passed_over > 50


def test_a_pair_that_is_a_piece_already_is_passed_over():
    # "low" is a piece that no merge makes: (lo, w) is not merged into it, nor made a second time.
    start = tokenizer_of([*BYTES, b"lo", b"low"], [(108, 111, 256)])
    counts = ft.PretokenCounts.from_dict({"lows": 9, "ab": 1})
    tok = ft.train(counts, vocab_size=260, start=start)
    assert [tok.id_to_piece(i) for i in (258, 259)] == [b"ws", b"lows"]
    assert tok.encode("lows low").tolist() == [259, 32, 256, 119]


def test_a_rank_file_is_continued(shared, tmp_path):
    start = ft.load(shared / "tokenizers/tiktoken/cl100k_base.tiktoken")
    corpus = ft.Corpus.from_files(shared / "data/languages/km.txt")
    n_ids = start.vocab_size
    tok = ft.train(corpus, vocab_size=n_ids + 500, special_tokens=["<|new|>"], start=start)
    assert tok.pretokenizer == start.pretokenizer
    assert tok.special_tokens == start.special_tokens | {"<|new|>": n_ids + 499}
    assert len(tok.merges) == len(start.merges) + 499
    [document] = corpus
    ids = tok.encode(document)
    assert len(ids) < 0.7 * len(start.encode(document))
    assert tok.decode_bytes(ids) == document
    assert tok.encode("Plain old English text").tolist() == start.encode("Plain old English text").tolist()
    # Every new piece comes about by the one merge under tiktoken's rule too.
    tok.save(tmp_path / "more.tiktoken", format="tiktoken")
    more = ft.load(tmp_path / "more.tiktoken", pretokenizer="cl100k", special_tokens=tok.special_tokens)
    assert more.encode(document).tolist() == ids.tolist()


def test_the_engine_with_strings_and_a_veto():
    # Symbols 0 to 2 stand for themselves, 3 for the string 0 1.
    words = [([3, 2, 3, 2], 5), ([0, 2], 7), ([1, 2, 0], 3)]
    rows, counts = ft.Ragged.from_rows([word for word, _ in words]), np.array([n for _, n in words])
    strings = ft.Ragged.from_rows([[0], [1], [2], [0, 1]])
    learn = engine.learn_merges
    assert learn(rows, counts, 4, 6, strings=strings).tolist() == [[3, 2], [0, 2]]
    assert learn(rows, counts, 4, 6, strings=strings, max_length=2).tolist() == [[0, 2], [1, 2]]
    veto = ft.Ragged.from_rows([[0, 2], [2, 0], [0, 1, 2], [1, 1, 1]])
    merges = learn(rows, counts, 4, 9, strings=strings, veto=veto)
    assert merges.tolist() == [[2, 3], [3, 4], [5, 2], [1, 2], [7, 0]]


def test_every_veto_of_two_letters():
    words = [([0, 1, 0, 0, 1], 2), ([1, 1, 0, 1], 3), ([0, 0, 0], 1)]
    rows, counts = ft.Ragged.from_rows([word for word, _ in words]), np.array([n for _, n in words])
    strings = [s for n in (2, 3) for s in itertools.product([0, 1], repeat=n)]
    for n in range(5):
        for veto in itertools.combinations(strings, n):
            ours = engine.learn_merges(rows, counts, 2, 20, veto=ft.Ragged.from_rows(veto))
            theirs = oracles.learn_merges(words, 2, 20, veto=list(veto))
            assert [(*pair, 2 + i) for i, pair in enumerate(ours.tolist())] == theirs


# Errors, provenance, and what it says


def test_counts_of_another_pretokenizer():
    start = ft.train(ft.PretokenCounts.from_dict(WORDS), vocab_size=258)
    counts = ft.PretokenCounts.from_dict(WORDS, pretokenizer="cl100k")
    with pytest.raises(ft.RecipeError, match=r"\{'name': 'cl100k'\}, but the start has \{'name': 'gpt2'\}"):
        ft.train(counts, vocab_size=300, start=start)


def test_bad_starts():
    counts = ft.PretokenCounts.from_dict(WORDS)
    start = ft.train(counts, vocab_size=259, special_tokens=["<a>"])
    for size in (256, 259):
        with pytest.raises(ValueError, match=r"at least 260 \(above the 259 ids of the start, with 0 new"):
            ft.train(counts, vocab_size=size, special_tokens=["<a>"], start=start)
    with pytest.raises(ValueError, match="at least 261 .* with 2 new special tokens"):
        ft.train(counts, vocab_size=260, special_tokens=["<b>", "<c>"], start=start)
    for thing in ("start.json", start.model, 5):
        with pytest.raises(TypeError, match="start must be a Tokenizer of byte-level BPE"):
            ft.train(counts, vocab_size=300, start=thing)
    for option in ({"byte_order": "value"}, {"special_ids": "first"}):
        with pytest.raises(ValueError, match="contradicts start, from which it follows"):
            ft.train(counts, vocab_size=300, start=start, **option)


def test_provenance_names_the_start(tmp_path):
    counts = ft.PretokenCounts.from_dict(WORDS)
    start = ft.train(counts, vocab_size=258)
    start.save(tmp_path / "start.json")
    start.provenance["more"] = 1
    assert start.fingerprint() == ft.load(tmp_path / "start.json").fingerprint()
    tok = ft.train(counts, vocab_size=260, start=start)
    assert tok.provenance["trainer"]["start"] == start.fingerprint()
    assert tok.provenance["trainer"]["byte_order"] is None
    assert ft.train(counts, vocab_size=260).provenance["trainer"]["start"] is None
    assert json.dumps(tok.provenance)
    trainer = ft.BPETrainer(vocab_size=260, start=start)
    assert "start=Tokenizer(bpe, vocab_size=258" in repr(trainer)
    assert trainer == ft.BPETrainer(vocab_size=260, start=start)
    assert len({trainer, ft.BPETrainer(vocab_size=260, start=start), ft.BPETrainer(vocab_size=260)}) == 2
    others = [
        ft.train(counts, vocab_size=257),
        ft.train(counts, vocab_size=259, special_tokens=["<a>"]),
        ft.train(ft.PretokenCounts.from_dict(WORDS, pretokenizer="cl100k"), vocab_size=258),
    ]
    assert len({start.fingerprint(), *(other.fingerprint() for other in others)}) == 4


def test_training_says_how_much_memory_it_takes(caplog, capsys):
    counts = ft.PretokenCounts.from_dict(WORDS)
    with caplog.at_level(logging.INFO, logger="fasttok"):
        ft.train(counts, vocab_size=258)
    said = "training on 4 distinct pretokens, 20 symbols: takes about 0 MB of memory"
    assert caplog.messages[0] == said
    assert capsys.readouterr().err == ""
    ft.train(counts, vocab_size=258, progress=True)
    assert capsys.readouterr().err.startswith(said + "\n")
    more, less = (engine.estimate_bytes(n, 30_000, Frequency()) for n in (2_000_000, 900_000))
    assert more > 2 * less
