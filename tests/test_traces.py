"""Traces of trainings: they come from the trainers, and agree with calculations by hand and with oracles."""

from __future__ import annotations

import html.parser
import math
import re
import sys
from dataclasses import dataclass

import numpy as np
import pytest

import fasttok as ft
from fasttok.display import rendering
from fasttok.traces import slider
from tests import oracles
from tests.conftest import ROOT

WORDS = {"low": 5, "lower": 2, "newest": 6, "widest": 3, "wilder": 2, "aaaa": 3, "naïve": 2, "東京": 2}
COUNTS = ft.PretokenCounts.from_dict(WORDS)
PAPER = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
CORPUS = ft.Corpus.from_texts(
    ["low lower lowest newest widest", "the naïve aaaa aaaaa 12 1234 東京 the 東京都", "low low <s>low new"]
)


# The example of Sennrich et al. (2016), section 3.2, by hand. With </w> at the end of each word:
#
#     l o w</w>  three times       l o w e r</w>       n e w e r</w>       w i d e r</w>
#
# These are 3 * 3 + 5 + 5 + 5 = 24 symbols. "l o" occurs 4 times; "o w</w>" and "e r</w>" 3 times. Of equally
# frequent pairs the one whose left piece is larger is merged first, so the runner-up is "o w</w>"; it is the
# next merge, as "lo w</w>", before "e r</w>". Then "w e" is left twice (lower, newer); it becomes "w er</w>".
# All other pairs occur once, and subword-nmt does not merge them.
BY_HAND = [
    # piece, count, runner-up and its count, words, tokens before, after
    (b"lo", 4, (b"o", b"w</w>", 3), 2, 24, 20),
    (b"low</w>", 3, (b"e", b"r</w>", 3), 1, 20, 17),
    (b"er</w>", 3, (b"w", b"e", 2), 3, 17, 14),
    (b"wer</w>", 2, None, 2, 14, 12),
]


@pytest.mark.filterwarnings("ignore:the vocabulary has 13 ids")
def test_an_example_by_hand():
    corpus = ft.Corpus.from_texts(["low low low lower newer wider"])
    t = ft.trace(corpus, vocab_size=99, compat="subword-nmt")
    found = []
    for step in t.steps:
        best, *others = step.candidates
        second = (others[0].left, others[0].right, others[0].count) if others else None
        found.append(
            (best.piece, best.count, second, step.n_words, step.n_tokens_before, step.n_tokens_after)
        )
    assert found == BY_HAND
    assert [row.tokens for row in t.replay("newer").rows] == [
        (b"n", b"e", b"w", b"e", b"r</w>"),
        (b"n", b"e", b"w", b"er</w>"),
        (b"n", b"e", b"wer</w>"),
    ]
    assert [row.step for row in t.replay("newer").rows] == [0, 3, 4]


def test_the_scores_of_the_course_of_hugging_face():
    # ##g occurs 20 times, ##s 5 times and the pair of both 5 times: 5 / (20 * 5).
    # ##u occurs 36 times; the score of (x, ##u) is 1/36 for every x.
    counts = ft.PretokenCounts.from_dict({"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5})
    t = ft.trace(counts, model="wordpiece", method="likelihood", vocab_size=13)
    best, second, *_ = t.steps[0].candidates
    assert (best.left, best.right, best.piece, best.score) == (b"##g", b"##s", b"##gs", 1 / 20)
    assert (best.count, best.left_count, best.right_count) == (5, 20, 5)
    assert second.right == b"##u"
    assert math.isclose(second.score, 1 / 36)
    assert t.by_score


MERGING = {
    "bytes": {"vocab_size": 290},
    "largest": {"vocab_size": 275, "tie_break": "largest", "special_tokens": ["<s>"]},
    "shortest": {"vocab_size": 275, "tie_break": "shortest", "byte_order": "gpt2", "special_ids": "first"},
    "characters": {"vocab_size": 45, "units": "character", "end_of_word_suffix": "</w>"},
    "short": {"vocab_size": 270, "max_piece_length": 3, "min_frequency": 2},
    "huggingface": {"vocab_size": 270, "compat": "huggingface"},
    "sentencepiece": {"vocab_size": 38, "compat": "sentencepiece", "user_defined": ["ew"]},
    "automatic": {
        **{"vocab_size": 300, "compat": "sentencepiece", "byte_fallback": True},
        "character_coverage": "auto",
    },
    "rustbpe": {"vocab_size": 270, "compat": "rustbpe"},
    "subword-nmt": {"vocab_size": 40, "compat": "subword-nmt"},
    "cs336": {"vocab_size": 270, "compat": "cs336", "special_tokens": ["<s>"]},
    "continued": {"vocab_size": 280, "start": ft.train(CORPUS, vocab_size=262, special_tokens=["<s>"])},
    "wordpiece": {"model": "wordpiece", "vocab_size": 70},
    "likelihood": {"model": "wordpiece", "vocab_size": 60, "method": "likelihood", "min_frequency": 1},
    "no prefix": {"model": "wordpiece", "vocab_size": 40, "continuing_subword_prefix": ""},
    "forbidden": {"model": "wordpiece", "vocab_size": 60, "special_tokens": ["lo", "##st", "aa"]},
}
UNIGRAM = {
    "loss": {"vocab_size": 40, "seed_size": 60},
    "final": {"vocab_size": 40, "pruning": "final", "n_sub_iterations": 2},
    "sparse": {"vocab_size": 40, "pruning": "sparse"},
    "likely": {"vocab_size": 40, "token_cost": 0, "user_defined": ["ow"]},
    "bpe": {"vocab_size": 40, "initial_pieces": "bpe"},
    "mingram": {"vocab_size": 40, "method": "mingram"},
    "automatic": {"vocab_size": 300, "character_coverage": "auto"},
}
TEMPLATES = ROOT / "fasttok/display/templates"
few = pytest.mark.filterwarnings("ignore:the vocabulary has:UserWarning")


def tokens_of(tokenizer, word):
    return tuple(tokenizer.id_to_piece(i) for i in tokenizer.encode(word).tolist())


@few
@pytest.mark.parametrize("name", MERGING)
def test_merges_are_those_of_the_model(name):
    t = ft.trace(CORPUS, **MERGING[name])
    assert t.tokenizer == ft.train(CORPUS, **MERGING[name])
    assert t.tokenizer.provenance == ft.train(CORPUS, **MERGING[name]).provenance
    merged = [step.candidates[0].piece for step in t.steps]
    assert len(merged) > 3
    pieces = t.tokenizer.model.pieces.to_bytes()
    first = pieces.index(merged[0])
    assert pieces[first : first + len(merged)] == merged
    is_bpe = "model" not in MERGING[name]
    prefix = b"" if is_bpe else t.tokenizer.model.continuing_subword_prefix.encode()
    for step in t.steps:
        assert all(one.piece == one.left + one.right.removeprefix(prefix) for one in step.candidates)
        assert step.n_tokens_before - step.n_tokens_after <= step.candidates[0].count
    afters = [step.n_tokens_after for step in t.steps]
    assert [step.n_tokens_before for step in t.steps[1:]] == afters[:-1]
    if is_bpe and MERGING[name].get("compat") != "sentencepiece":
        counted = ft.train(CORPUS, **MERGING[name], piece_counts=True)
        assert afters[-1] == counted.piece_counts.sum()


@few
@pytest.mark.parametrize("name", MERGING)
def test_words_end_as_the_tokens_of_the_model(name):
    t = ft.trace(CORPUS, **MERGING[name])
    for word in ("lowest", "newer", "the lower aaaaa 1234", "##lo low", "東京都"):
        replay = t.replay(word)
        assert [row.step for row in replay.rows] == sorted({row.step for row in replay.rows})
        if "model" not in MERGING[name] and "#" not in word:  # an unknown character
            assert replay.rows[-1].tokens == tokens_of(t.tokenizer, word)
        for row in replay.rows[1:]:
            assert t.steps[row.step - 1].candidates[0].piece in row.tokens


def test_words_of_wordpiece_show_the_tokens_of_the_model():
    # The longest piece is not the result of the merges: that of ##e and ##s comes before that of w and ##e.
    counts = ft.PretokenCounts.from_dict({"we": 4, "wes": 1, "tes": 9, "es": 1})
    t = ft.trace(counts, model="wordpiece", vocab_size=11)
    assert t.replay("wes").rows[-1].tokens == (b"w", b"##es")
    assert repr(t.replay("wes")).endswith("from the left: we|##s")


@few
@pytest.mark.parametrize("name", UNIGRAM)
@pytest.mark.parametrize("workers", [1, 2])
def test_pieces_are_those_of_the_model(name, workers):
    t = ft.trace(CORPUS, model="unigram", workers=workers, **UNIGRAM[name])
    trained = ft.train(CORPUS, model="unigram", workers=1, **UNIGRAM[name])
    assert t.tokenizer == trained
    steps = [step for step in t.steps if isinstance(step, ft.EMStep)]
    model = trained.model
    reserved = {b"", *(model.pieces[i].tobytes() for i in model.user_defined)}
    pieces = {piece for piece in model.pieces.to_bytes() if piece not in reserved}
    pieces -= {b"<0x%02X>" % byte for byte in range(256)}
    assert {steps[-1].names[i].tobytes() for i in steps[-1].pieces} == pieces
    left = set(range(len(steps[0].names)))  # every piece that goes is dropped by a step or pruned, once
    for step in t.steps:
        assert left == set(step.pieces.tolist())
        gone = step.dropped if isinstance(step, ft.EMStep) else step.pieces[~step.is_kept]
        left -= set(gone.tolist())
    rounds = trained.provenance["rounds"]
    assert len(rounds) == len(t)
    if name != "mingram":
        last = [step for step in t.steps if isinstance(step, ft.EMStep) and step.round == len(t)][-1]
        expected = rounds[-1]["log_likelihood_per_character"]
        assert math.isclose(last.log_likelihood / last.n_characters, expected)
    for word in ("lowest", "newer the 1234", "aaaaa", "naïve東"):
        replay = t.replay(word)
        assert len(replay) == len(t) + 1
        if name != "automatic" and "東" not in word:
            assert replay.rows[-1].tokens == tokens_of(trained, word)
        assert {b"".join(row.tokens) for row in replay.rows} == {b"".join(tokens_of_text(trained, word))}


def tokens_of_text(tokenizer, word):
    return tokenizer.pretokenizer.split_text(word)


def test_steps_of_em_agree_with_the_oracle():
    words = {word: n for word, n in WORDS.items() if word.isascii()}
    words |= {"lowest": 2, "new": 3, "newer": 2, "wide": 4, "widen": 2, "west": 4, "towel": 2}
    options = {"vocab_size": 15, "seed_size": 60, "shrinking_factor": 0.85}
    t = ft.trace(ft.PretokenCounts.from_dict(words), model="unigram", **options)
    assert len(t) > 3
    seen = set()
    for i, step in enumerate(t.steps):
        names = [step.names[j].tobytes().decode() for j in step.pieces]
        if isinstance(step, ft.EMStep):
            probabilities = dict(zip(names, step.probabilities.tolist(), strict=True))
            expected, log_likelihood = oracles.expected_pieces(words, probabilities)
            assert math.isclose(step.log_likelihood, log_likelihood, rel_tol=1e-9)
            assert step.objective == -step.log_likelihood / sum(words.values())
            dropped = [step.names[j].tobytes().decode() for j in step.dropped]
            if step.round < len(t):
                assert dropped == [name for name in names if len(name) > 1 and expected[name] < 0.5]
            continue
        # The scores after an EM step are those before the next one, if both have the same pieces.
        frame = t.pieces_to_pandas(step.round)
        reasons = dict(zip(frame.piece, frame.reason, strict=True))
        if step.criterion == "loss":
            scores = scores_after(t.steps[i - 1], words)
            found = oracles.best_pieces(words, scores)
            assert step.occurrences.tolist() == [found[name] for name in names]
            losses = [
                math.inf if len(name) == 1 else oracles.loss_without(name, found, scores, token_cost=1)
                for name in names
            ]
            np.testing.assert_allclose(step.importance, losses)
            for name, loss in zip(names, losses, strict=True):
                if loss == -math.inf:
                    kind = "in no best" if found[name] == 0 else "other segmentation is better"
                    assert reasons[name].startswith(kind)
        for name in names:
            assert (reasons[name] == "single character") == (len(name) == 1)
        seen |= set(reasons.values())
        kept, pruned = step.importance[step.is_kept], step.importance[~step.is_kept]
        assert kept.min() >= pruned.max(initial=-math.inf) or step.criterion != "loss"
    assert {
        "single character",
        "loss above the limit",
        "loss below the limit",
        "in no best segmentation",
    } <= seen


def scores_after(step, words):
    """Return the scores after an EM step with the sparse prior, computed from the expected counts."""
    from scipy.special import digamma

    names = [step.names[j].tobytes().decode() for j in step.pieces]
    expected, _ = oracles.expected_pieces(words, dict(zip(names, step.probabilities.tolist(), strict=True)))
    kept = {name: max(n, 0.5) for name, n in expected.items() if len(name) == 1 or n >= 0.5}
    total = sum(expected[name] for name in kept)
    return {name: float(digamma(n) - digamma(total)) for name, n in kept.items()}


@pytest.mark.parametrize(
    ("model", "options"),
    [("byte", {}), ("character", {}), ("word", {"vocab_size": 9}), ("wordpiece", {"method": "greedy"})],
)
def test_families_without_steps_are_refused(model, options):
    with pytest.raises(ValueError, match=f'model: "{model}".*has no merges and no rounds'):
        ft.trace(COUNTS, model=model, **options)
    with pytest.raises(ValueError, match="has no merges"):
        ft.train(COUNTS, model=model, observer=print, **options)


def test_greedy_trainers_refuse_observers():
    with pytest.raises(ValueError, match='observer requires method="frequency"'):
        ft.WordPieceTrainer(method="greedy", vocab_size=60).train(COUNTS, observer=print)


@dataclass(frozen=True)
class Traced(ft.Trainer):
    vocab_size: int
    more: tuple[str, ...] = ()
    has_steps = True

    def train(self, counts, *, workers=None, progress=False, observer=None):
        trained = ft.BPETrainer(self.vocab_size).train(counts, observer=observer)
        for step in self.more if observer else ():
            observer(step)
        return trained


def test_custom_trainers():
    t = ft.trace(PAPER, Traced, vocab_size=258)
    assert [step.candidates[0].piece for step in t.steps] == [b"es", b"est"]
    with pytest.raises(TypeError, match="some of its steps are MergeStep, str"):
        ft.trace(PAPER, Traced, vocab_size=258, more=["one"])


def test_an_error_of_an_observer_ends_the_training():
    def fail(step):
        raise KeyError("own error")

    for model in ("bpe", "wordpiece", "unigram"):
        with pytest.raises(KeyError, match="own error"):
            ft.train(COUNTS, model, vocab_size=300 if model == "bpe" else 60, observer=fail)


@few
def test_trainings_without_a_merge():
    t = ft.trace(COUNTS, vocab_size=256)
    assert (len(t), repr(t), len(t.to_pandas())) == (0, "0 merges", 0)
    assert "<script" not in t._repr_html_()
    assert [row.tokens for row in t.replay("ab").rows] == [(b"a", b"b")]
    with pytest.raises(ValueError, match="step must be from 1 to 0"):
        t.candidates(1)


@few
def test_data_frames():
    t = ft.trace(PAPER, vocab_size=300, min_frequency=2)
    frame = t.to_pandas()
    assert frame.piece.tolist()[:2] == ["es", "est"]
    assert frame["count"].tolist() == [step.candidates[0].count for step in t.steps]
    assert frame.runner_up_count.isna().sum() == sum(len(step.candidates) == 1 for step in t.steps) > 0
    assert "score" not in frame
    scored = ft.trace(COUNTS, model="wordpiece", vocab_size=60).to_pandas()
    np.testing.assert_allclose(scored.score, scored["count"] / scored.left_count / scored.right_count)
    table = t.candidates(1).to_pandas()
    assert table.columns.tolist() == ["left", "right", "piece", "count", "count of left", "count of right"]
    t = ft.trace(COUNTS, model="unigram", vocab_size=30)
    frame = t.to_pandas()
    assert frame.n_pieces[1:].tolist() == frame.n_pieces_after[:-1].tolist()
    assert (frame.n_pieces - frame.n_dropped - frame.n_pruned).tolist() == frame.n_pieces_after.tolist()
    assert len(t.pieces_to_pandas(1)) == frame.n_pieces[0]


# HTML


class Elements(html.parser.HTMLParser):
    """Elements and visible text of a page; end tags must fit."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts, self.scripts, self.attributes = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("input", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.scripts if "script" in self.open else self.texts).append(data)


HOSTILE = [
    "<script>alert(1)</script>",
    '"onload="x',
    "&lt;b&gt;",
    "שלום",
    "e\u0301\u0301",
    "\u202eabc",
    "</bdi>",
]


@few
@pytest.mark.parametrize(
    "options",
    [
        {"vocab_size": 90, "compat": "subword-nmt", "min_frequency": 1},
        {"vocab_size": 90, "model": "wordpiece"},
        {"vocab_size": 60, "model": "unigram"},
    ],
)
def test_hostile_pieces_are_escaped(options):
    t = ft.trace(ft.Corpus.from_texts([" ".join(HOSTILE * 3)]), **options, pretokenizer="whitespace_split")
    pages = [t._repr_html_(), *(t.replay(word)._repr_html_() for word in HOSTILE)]
    if isinstance(t, ft.MergeTrace):
        pages.append(t.candidates(len(t))._repr_html_())
    [script] = re.findall("<script>(.*?)</script>", (TEMPLATES / "trace.html").read_text(), re.S)
    scripts = [script]
    for page in pages:
        elements = Elements(page)
        assert elements.tags.count("script") <= 1
        assert elements.scripts in ([], scripts)
        assert not {"b", "img"} & set(elements.tags)
        assert {name for name, _ in elements.attributes} <= {
            *("class", "style", "dir", "scope", "hidden", "type", "min", "max", "value", "step"),
            *("tabindex", "aria-live", "class"),
        }
        assert "http" not in page
        assert "\u202e" not in page
        assert "alert(1)" not in "".join(elements.scripts)
    assert "scr" in "".join(Elements(pages[0]).texts)


def test_pages_have_a_slider_over_the_steps():
    t = ft.trace(PAPER, vocab_size=266)
    elements = Elements(t._repr_html_())
    assert ("max", "9") in elements.attributes
    assert elements.tags.count("section") == 10
    assert "\n1. e + s → es\n" in "".join(elements.texts)
    assert "9 occurrences in 2 distinct words. Tokens: 79 before, 70 after, 88.6% of those at the start." in (
        elements.texts
    )


def test_notebooks_show_text_if_jinja2_is_missing(monkeypatch):
    rendering._make_environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    t = ft.trace(PAPER, vocab_size=258)
    unigram = ft.trace(PAPER, model="unigram", vocab_size=15)
    for shown in (t, t.candidates(1), t.replay("low"), unigram, unigram.pruning(1), unigram.replay("low")):
        assert shown._repr_html_() is None
        assert len(repr(shown).splitlines()) > 2


def test_long_traces_show_fewer_and_fewer_steps():
    for n in (0, 1, 200):
        assert slider.choose_steps(n) == list(range(n))
    for n in (201, 1000, 500_000):
        shown = slider.choose_steps(n)
        assert len(shown) <= 200
        assert shown[:100] == list(range(100))
        assert shown[-1] == n - 1
        assert shown == sorted(set(shown))
