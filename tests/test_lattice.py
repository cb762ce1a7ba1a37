"""Lattices against exhaustive search in small texts, exact probabilities, and closed forms in long texts."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

import fasttok as ft
from tests import hostile, oracles
from tests.frequencies import assert_frequencies
from tests.test_unigram import SHORT, random_model, scores_of, tokenizer_of

ALPHAS = [0, 0.3, 1, 2.5]


def scored_paths(lattice, n=1 << 20):
    """Return the score and the pieces, as bytes, of the `n` best segmentations."""
    found = lattice.nbest(n)
    return [
        (path.score, tuple(piece.encode(errors="surrogateescape") for piece in path.pieces)) for path in found
    ]


def arcs_of(pieces):
    """Return the spans of the pieces of a segmentation."""
    ends = np.cumsum([len(piece) for piece in pieces]).tolist()
    return {(end - len(piece), end) for end, piece in zip(ends, pieces, strict=True)}


def small_lattices():
    rng = random.Random(100)
    for seed in range(25):
        model = random_model(rng, rng.choice(["ab", "a", "abc"]), rng.randint(1, 14))
        for text in SHORT if seed < 3 else rng.sample(SHORT, 40):
            paths = oracles.segmentations(text.encode(), scores_of(model), model.unk_score)
            yield model, model.lattice(text), text.encode(), paths


def test_nbest_is_a_prefix_of_all_segmentations():
    n_ties = 0
    for _model, lattice, _text, paths in small_lattices():
        assert scored_paths(lattice) == paths
        for n in (1, 2, 7):
            assert scored_paths(lattice, n) == paths[:n]
        assert lattice.viterbi() == lattice.nbest(1)[0]
        n_ties += len({score for score, _ in paths}) < len(paths)
    assert n_ties > 1000


def test_nbest_is_sorted_for_scores_with_rounding():
    rng = random.Random(101)
    for _ in range(60):
        pieces = sorted({"".join(rng.choices("ab", k=rng.randint(1, 5))) for _ in range(12)} | {"a", "b"})
        scores = [-rng.choice([0.1, 0.2, 0.3, 0.7, rng.random()]) for _ in pieces]
        model = ft.UnigramModel(pieces, scores)
        text = "".join(rng.choices("ab", k=9))
        paths = oracles.segmentations(text.encode(), scores_of(model), model.unk_score)
        found = scored_paths(model.lattice(text))
        assert [score for score, _ in found] == [score for score, _ in paths]
        assert sorted(found) == sorted(paths)


def test_arcs_are_all_matches_of_pieces():
    for model, lattice, text, paths in small_lattices():
        assert lattice.text == text
        expected = sorted(set().union(*(arcs_of(pieces) for _, pieces in paths)))
        assert sorted(zip(lattice.starts.tolist(), lattice.ends.tolist(), strict=True)) == expected
        assert len(lattice) == len(expected)
        for start, end, i, score in zip(
            lattice.starts, lattice.ends, lattice.ids, lattice.scores, strict=True
        ):
            piece = text[start:end]
            assert score == scores_of(model).get(piece, model.unk_score)
            assert piece == bytes(model.pieces[i]) if i >= 0 else piece not in scores_of(model)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_sums_over_all_segmentations(alpha):
    for model, lattice, text, paths in small_lattices():
        probabilities = oracles.chances_of_segmentations(text, scores_of(model), model.unk_score, alpha)
        marginals = dict.fromkeys(zip(lattice.starts.tolist(), lattice.ends.tolist(), strict=True), 0.0)
        for pieces, probability in probabilities.items():
            for arc in arcs_of(pieces):
                marginals[arc] += probability
        assert lattice.marginals(alpha).tolist() == pytest.approx(
            list(marginals.values()), rel=1e-9, abs=1e-300
        )
        entropy = -math.fsum(
            probability * math.log(probability) for probability in probabilities.values() if probability
        )
        assert lattice.entropy(alpha) == pytest.approx(entropy, rel=1e-9, abs=1e-12)
        likelihood = math.log(math.fsum(math.exp(score) for score, _ in paths))
        assert lattice.log_likelihood() == pytest.approx(likelihood, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("alpha", [0, 0.2, 1])
def test_samples_have_the_right_frequencies(alpha):
    model = ft.UnigramModel(
        ["a", "b", "ab", "ba", "aab", "abb", "bb"], [-2, -2, -3, -4, -4, -5, -3.5], unk_id=9
    )
    lattice, n = model.lattice("abaaxbbab"), 20_000
    probabilities = oracles.chances_of_segmentations(lattice.text, scores_of(model), model.unk_score, alpha)
    samples = lattice.sample(n, alpha=alpha, seed=3)
    assert_frequencies(
        (tuple(p.encode() for p in path.pieces) for path in samples), probabilities, min_degrees=9
    )
    assert lattice.sample(100, alpha=alpha, seed=3) == samples[:100]
    assert lattice.sample(100, alpha=alpha, seed=4) != samples[:100]
    known = {path.pieces: path for path in lattice.nbest(1000)}
    assert all(known[path.pieces] == path for path in samples[:200])


def test_hostile_texts():
    rng = random.Random(102)
    parts = sorted({p for text in hostile.texts(60, 103) for p in (text[:1], text[1:4], text[4:9]) if p})
    parts = [part for part in parts if "\0" not in part]
    model = ft.UnigramModel(["", *parts], [0, *(-rng.random() * 20 for _ in parts)], unk_id=0)
    tok = tokenizer_of(model)
    for text in [*hostile.texts(150, 104), *hostile.byte_strings(150, 105)]:
        lattice = model.lattice(text)
        best = lattice.viterbi()
        assert list(best.ids) == tok.encode(text).tolist()
        for path in [best, *lattice.nbest(5), *lattice.sample(5, alpha=0.3, seed=1)]:
            assert "".join(path.pieces).encode(errors="surrogateescape") == lattice.text
        covered = np.zeros(len(lattice.text) + 1)
        np.add.at(covered, lattice.starts, lattice.marginals())
        np.add.at(covered, lattice.ends, -lattice.marginals())
        assert np.cumsum(covered)[:-1] == pytest.approx(np.ones(len(lattice.text)))


def test_ids_of_unknown_characters():
    model = ft.UnigramModel(["", "a"], [0, -1], unk_id=0)
    assert model.lattice("axya").viterbi() == ft.Segmentation((1, 0, 1), ("a", "x", "y", "a"), -24.0)
    assert model.lattice("axya").ids.tolist() == [1, -1, -1, 1]
    pieces = [*(f"<0x{byte:02X}>" for byte in range(256)), "a"]
    model = ft.UnigramModel(pieces, [-1] * 257, byte_fallback=True)
    assert model.lattice(b"a\xc3\xa9\xff").viterbi().ids == (256, 0xC3, 0xA9, 0xFF)
    assert model.lattice(b"a\xc3\xa9\xff").viterbi().pieces == ("a", "é", "\udcff")
    with pytest.raises(ft.UnknownCharacterError, match="cannot encode 'x'.* at byte 1 of document 0"):
        ft.UnigramModel(["a"], [-1]).lattice("axa").nbest(1)


@pytest.mark.parametrize("text", ["", b""])
def test_the_empty_text(text):
    lattice = ft.UnigramModel(["a"], [-1]).lattice(text)
    empty = ft.Segmentation((), (), 0.0)
    assert lattice.viterbi() == empty
    assert lattice.nbest(3) == [empty]
    assert lattice.sample(2, seed=1) == [empty, empty]
    assert len(lattice) == len(lattice.marginals()) == lattice.log_likelihood() == lattice.entropy() == 0


# Long texts


def test_long_texts():
    n = 200_000
    model = ft.UnigramModel(["a", "aa"], [math.log(0.6), math.log(0.4)])
    lattice = model.lattice("a" * n)
    # The likelihood is f(n) = 0.6 f(n - 1) + 0.4 f(n - 2) with f(0) = 1, or (1 + 0.4 (-0.4)^n) / 1.4.
    assert lattice.log_likelihood() == pytest.approx(-math.log(1.4), rel=1e-9)
    # In the middle, a piece "a" starts at a position with probability 0.6 / 1.4, and "aa" with 0.4 / 1.4.
    middle = lattice.marginals()[n - 100 : n + 100].reshape(-1, 2)
    assert middle == pytest.approx(np.array([[0.6, 0.4]] * 100) / 1.4, rel=1e-9)
    # Pieces start at n / 1.4 positions on average, and each start adds the entropy of one choice.
    choice = -0.6 * math.log(0.6) - 0.4 * math.log(0.4)
    assert lattice.entropy() == pytest.approx(n / 1.4 * choice, rel=1e-5)
    assert [len(path.ids) for path in lattice.nbest(3)] == [n // 2, n // 2 + 1, n // 2 + 1]
    [path] = lattice.sample(1, seed=1)
    assert len(path.ids) == pytest.approx(n / 1.4, rel=0.01)


def test_nbest_of_many_segmentations():
    model = ft.UnigramModel(["a", "aa", "aaa"], [-1, -1.75, -3])
    scores = [path.score for path in model.lattice("a" * 200).nbest(20_000)]
    assert len(scores) == 20_000
    assert scores == sorted(scores, reverse=True)
    assert len({path.pieces for path in model.lattice("a" * 60).nbest(5000)}) == 5000


# Invalid arguments


def test_bad_arguments():
    lattice = ft.UnigramModel(["a"], [-1e200]).lattice("aa")
    with pytest.raises(ValueError, match="n must be at least 1, not 0"):
        lattice.nbest(0)
    with pytest.raises(ValueError, match="n must be at least 0, not -1"):
        lattice.sample(-1, seed=0)
    with pytest.raises(ValueError, match="seed must be an integer"):
        lattice.sample(1, seed=-1)
    for call in (lattice.marginals, lattice.entropy, lambda alpha: lattice.sample(1, alpha=alpha, seed=0)):
        with pytest.raises(ValueError, match="alpha must be a finite number of at least 0"):
            call(-1.0)
        with pytest.raises(ValueError, match=r"alpha 1e\+100 is too large"):
            call(1e100)
    with pytest.raises(ft.TextError):
        ft.UnigramModel(["a"], [-1]).lattice("a\ud800")


def test_lattices_are_immutable():
    lattice = ft.UnigramModel(["a"], [-1]).lattice("aa")
    for array in (lattice.starts, lattice.ends, lattice.ids, lattice.scores):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    assert repr(lattice) == "Lattice(2 bytes, 2 arcs)"
