"""Continued training: resuming, starting from arbitrary models, and the log message about memory."""

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


def make_tokenizer(pieces, merges, **options):
    """Make a tokenizer with ids in any order; merges need not produce all pieces."""
    table = np.array(merges, np.uint32).reshape(-1, 3)
    model = ft.BPEModel(ft.Ragged.from_bytes(pieces), table[:, :2], table[:, 2], **options)
    return ft.Tokenizer(model, ft.get_pretokenizer("o200k"))


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
    """Return the options that can be combined with a start."""
    return {name: value for name, value in options.items() if name not in ("byte_order", "special_ids")}


@pytest.mark.filterwarnings("ignore:the vocabulary has")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_resumed_training_equals_training_at_once(options):
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
def test_resumed_training_on_real_text(shared, options):
    counts = ft.count_pretokens(ft.Corpus.from_files(shared / "data/code/go.txt"))
    expected = ft.train(counts, vocab_size=6000, **options)
    start = ft.train(counts, vocab_size=2500, **options)
    tok = ft.train(counts, vocab_size=6000, start=start, **continued(options))
    assert tok.model.to_dict() == expected.model.to_dict()


def test_special_tokens_keep_their_ids_and_new_ones_come_last():
    counts = ft.PretokenCounts.from_dict(WORDS)
    start = ft.train(counts, vocab_size=259, special_tokens=["<a>"])
    tok = ft.train(counts, vocab_size=262, special_tokens=["<b>", "<a>"], start=start)
    assert [tok.id_to_piece(i) for i in range(256, 262)] == [b"es", b"est", b"<a>", b"lo", b"low", b"<b>"]
    assert tok.special_tokens == {"<a>": 258, "<b>": 261}
    assert tok.merges.tolist() == [[101, 115], [256, 116], [108, 111], [259, 119]]
    assert [tok.id_to_piece(i) for i in range(259)] == [start.id_to_piece(i) for i in range(259)]


def test_the_template_of_the_start_is_kept():
    counts = ft.PretokenCounts.from_dict(WORDS)
    start = ft.train(counts, vocab_size=258, special_tokens=["<a>"]).with_template("<a> $A")
    tok = ft.train(counts, vocab_size=260, start=start)
    assert tok.template == start.template
    assert tok.encode("q", add_special_tokens=True).tolist() == [257, ord("q")]


# Arbitrary starts


def random_start(rng):
    """Return pieces in random order, and merges; some pieces have no merge, others have several."""
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
def test_continuing_from_random_models_equals_the_oracle():
    rng = random.Random(71)
    n_unreachable = n_merges = 0
    for _ in range(250):
        pieces, merges = random_start(rng)
        words = random_words(rng, rng.choice([b"abc", b"aab", b"abcd"]))
        ignore_merges = rng.random() < 0.5
        options = {
            "min_frequency": rng.choice([1, 1, 3]),
            "max_piece_length": rng.choice([None, None, 4]),
            "tie_break": rng.choice(["ids", "shortest"]),
        }
        n_new = rng.choice([1, 5, 60])
        start = make_tokenizer(pieces, merges, ignore_merges=ignore_merges)
        counts = ft.PretokenCounts.from_dict(words)
        tok = ft.train(counts, vocab_size=len(pieces) + n_new, start=start, **options)
        minimum, longest, ties = options.values()
        arguments = words, pieces, merges, n_new, minimum, longest, ties == "shortest", ignore_merges
        expected = oracles.continue_merges(*arguments)
        assert rows_of(tok.model) == merges + expected
        assert tok.model.pieces.to_bytes()[: len(pieces)] == pieces
        assert len(set(filter(None, tok.model.pieces.to_bytes()))) == len(pieces) - 1 + len(expected)
        n_merges += len(expected)
        rows = start.model.pieces
        encoded = ft.BPEModel(rows, start.merges, start.model.merge_ids).encode_pretokens(
            rows.values, rows.offsets, PretokenCache(1 << 16)
        )
        n_unreachable += (encoded.lengths > 1).any()
    assert n_merges > 3000
    assert n_unreachable > 50


def test_pairs_that_are_already_a_piece_are_skipped():
    # No merge produces the piece "low". The pair (lo, w) is merged neither to it nor to a new piece.
    start = make_tokenizer([*BYTES, b"lo", b"low"], [(108, 111, 256)])
    counts = ft.PretokenCounts.from_dict({"lows": 9, "ab": 1})
    tok = ft.train(counts, vocab_size=260, start=start)
    assert [tok.id_to_piece(i) for i in (258, 259)] == [b"ws", b"lows"]
    assert tok.encode("lows low").tolist() == [259, 32, 256, 119]


def test_continuing_from_a_rank_file(shared, tmp_path):
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
    # Under tiktoken's rule, every new piece is also the result of exactly one merge.
    tok.save(tmp_path / "more.tiktoken", format="tiktoken")
    more = ft.load(tmp_path / "more.tiktoken", pretokenizer="cl100k", special_tokens=tok.special_tokens)
    assert more.encode(document).tolist() == ids.tolist()


def test_learn_merges_with_strings_and_a_veto():
    # The strings of symbols 0 to 2 are the symbols themselves; that of 3 is (0, 1).
    words = [([3, 2, 3, 2], 5), ([0, 2], 7), ([1, 2, 0], 3)]
    rows, counts = ft.Ragged.from_rows([word for word, _ in words]), np.array([n for _, n in words])
    strings = ft.Ragged.from_rows([[0], [1], [2], [0, 1]])
    learn = engine.learn_merges
    assert learn(rows, counts, 4, 6, strings=strings).tolist() == [[3, 2], [0, 2]]
    assert learn(rows, counts, 4, 6, strings=strings, max_length=2).tolist() == [[0, 2], [1, 2]]
    veto = ft.Ragged.from_rows([[0, 2], [2, 0], [0, 1, 2], [1, 1, 1]])
    merges = learn(rows, counts, 4, 9, strings=strings, veto=veto)
    assert merges.tolist() == [[2, 3], [3, 4], [5, 2], [1, 2], [7, 0]]


def test_all_vetoes_of_two_letters():
    words = [([0, 1, 0, 0, 1], 2), ([1, 1, 0, 1], 3), ([0, 0, 0], 1)]
    rows, counts = ft.Ragged.from_rows([word for word, _ in words]), np.array([n for _, n in words])
    strings = [s for n in (2, 3) for s in itertools.product([0, 1], repeat=n)]
    for n in range(5):
        for veto in itertools.combinations(strings, n):
            ours = engine.learn_merges(rows, counts, 2, 20, veto=ft.Ragged.from_rows(veto))
            theirs = oracles.learn_merges(words, 2, 20, veto=list(veto))
            assert [(*pair, 2 + i) for i, pair in enumerate(ours.tolist())] == theirs


# Errors, provenance and messages


def test_counts_of_a_different_pretokenizer_are_an_error():
    start = ft.train(ft.PretokenCounts.from_dict(WORDS), vocab_size=258)
    counts = ft.PretokenCounts.from_dict(WORDS, pretokenizer="cl100k")
    with pytest.raises(ft.RecipeError, match=r"\{'name': 'cl100k'\}, but the start has \{'name': 'o200k'\}"):
        ft.train(counts, vocab_size=300, start=start)


def test_invalid_starts():
    counts = ft.PretokenCounts.from_dict(WORDS)
    start = ft.train(counts, vocab_size=259, special_tokens=["<a>"])
    for size in (256, 259):
        with pytest.raises(
            ValueError, match=r"at least 260 \(the start has 259 ids, and 0 special tokens are new"
        ):
            ft.train(counts, vocab_size=size, special_tokens=["<a>"], start=start)
    with pytest.raises(ValueError, match="at least 261 .* and 2 special tokens are new"):
        ft.train(counts, vocab_size=260, special_tokens=["<b>", "<c>"], start=start)
    for thing in ("start.json", start.model, 5):
        with pytest.raises(TypeError, match="start must be a Tokenizer with byte-level BPE"):
            ft.train(counts, vocab_size=300, start=thing)
    for option in ({"byte_order": "value"}, {"special_ids": "first"}):
        with pytest.raises(ValueError, match="cannot be combined with start, which determines it"):
            ft.train(counts, vocab_size=300, start=start, **option)


def test_provenance_contains_the_fingerprint_of_the_start(tmp_path):
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


def test_training_announces_its_memory(caplog, capsys):
    counts = ft.PretokenCounts.from_dict(WORDS)
    with caplog.at_level(logging.INFO, logger="fasttok"):
        ft.train(counts, vocab_size=258)
    message = "training on 4 distinct pretokens with 20 symbols; this takes about 0 MB of memory"
    assert caplog.messages[0] == message
    assert capsys.readouterr().err == ""
    ft.train(counts, vocab_size=258, progress=True)
    assert capsys.readouterr().err.startswith(message + "\n")
    more, less = (engine.estimate_bytes(n, 30_000, Frequency()) for n in (2_000_000, 900_000))
    assert more > 2 * less
