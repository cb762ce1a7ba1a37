"""Whether tokens end where morphemes do.

Gold segmentations name morphemes in canonical form as often as not: "happily" is "happy" and "ly". Where that
is so nobody can say at which byte one ends, so only entries whose morphemes put together are the word are
scored, and their share belongs to every metric: it differs much between languages.
"""

from __future__ import annotations

import os
import re
from codecs import BOM_UTF8
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import CorpusError
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.totals import Quotient, Total, divide

_CONTINUED = " @@"  # what a morpheme that goes on with a word begins with


@dataclass(frozen=True, eq=False)
class Morphemes:
    """Words with the boundaries of their morphemes, as `read_morphemes` finds them.

    Attributes
    ----------
    text : Ragged of uint8
        One document: the words in the order of the file with a space between, as in running text, so that
        tokens that have the space before a word in them are what they are in text.
    words : ndarray of int64, shape (n, 2)
        Where each word begins and ends, in bytes of the text.
    boundaries : ndarray of int64, shape (b,)
        Where morphemes begin inside words, in bytes of the text; ascending.
    n_entries : int
        The words that the file has, with those that are left out as their morphemes are canonical.
    """

    text: Ragged
    words: NDArray[np.int64]
    boundaries: NDArray[np.int64]
    n_entries: int


class BoundaryCounts(NamedTuple):
    """Boundaries inside each word: ndarrays of int64, shape (n,).

    Attributes
    ----------
    gold, predicted, correct : ndarray of int64
        Boundaries between morphemes, between tokens, and those that are both.
    scored, hit : ndarray of int64
        1 where MorphScore scores the word, and where it is scored 1.
    """

    gold: NDArray[np.int64]
    predicted: NDArray[np.int64]
    correct: NDArray[np.int64]
    scored: NDArray[np.int64]
    hit: NDArray[np.int64]


def read_morphemes(path: str | os.PathLike[str]) -> Morphemes:
    r"""Read a file of segmentations, such as those of SIGMORPHON 2022.

    Parameters
    ----------
    path : path
        A file in UTF-8, with or without a byte order mark: a line has a word, or several with spaces between,
        a tab, and their morphemes with spaces between, those that go on with a word with ``@@`` before them.
        What follows another tab is not looked at.

    Returns
    -------
    Morphemes

    Raises
    ------
    OSError
        If the file cannot be read.
    CorpusError
        If it is not UTF-8, has no entries, or a line has no tab, or nothing on a side of it; with the line.

    Notes
    -----
    A word is an entry as often as it stands in the file. In a line with more or fewer words on one side than
    on the other no word is scored. O(n).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "words.tsv"
    >>> _ = path.write_text("walking\twalk @@ing\nhappily\thappy @@ly\nthe cats\tthe cat @@s\n")
    >>> morphemes = read_morphemes(path)
    >>> morphemes.text.to_bytes(), morphemes.boundaries.tolist(), morphemes.n_entries
    ([b'walking the cats'], [4, 15], 4)
    """
    name = os.fspath(path)
    words: list[bytes] = []
    lengths: list[list[int]] = []  # of the morphemes of each word
    n_entries = 0
    for number, line in enumerate(Path(path).read_bytes().removeprefix(BOM_UTF8).splitlines(), 1):
        try:
            fields = re.sub(" +", " ", line.decode()).split("\t")
        except UnicodeDecodeError:
            raise CorpusError("no UTF-8", name, number) from None
        surface, segmented, *_ = (*(field.strip(" ") for field in fields), "", "")
        if not surface or not segmented:
            raise CorpusError("no word, tab and morphemes", name, number)
        surfaces, segmentations = surface.split(" "), re.split(" (?!@@)", segmented)
        n_entries += len(surfaces)
        if len(surfaces) != len(segmentations):
            continue
        for word, segmentation in zip(surfaces, segmentations, strict=True):
            morphemes = segmentation.split(_CONTINUED)
            if "".join(morphemes) == word and all(morphemes):
                words.append(word.encode())
                lengths.append([len(morpheme.encode()) for morpheme in morphemes])
    if not n_entries:
        raise CorpusError("no entries", name)
    text = Ragged.from_bytes([b" ".join(words)])
    starts = lengths_to_offsets([len(word) + 1 for word in words])
    spans = np.stack([starts[:-1], starts[1:] - 1], axis=1)
    inside = [start + np.cumsum(parts[:-1]) for start, parts in zip(spans[:, 0], lengths, strict=True)]
    boundaries = np.concatenate([np.empty(0, np.int64), *inside]).astype(np.int64)
    return Morphemes(text, spans, boundaries, n_entries)


def count_boundaries(morphemes: Morphemes, byte_spans: NDArray[np.int64]) -> BoundaryCounts:
    """Hold the boundaries of tokens against those of morphemes.

    Parameters
    ----------
    morphemes : Morphemes
        The words.
    byte_spans : ndarray of int64, shape (m, 2)
        Where the tokens of ``morphemes.text`` stand, ascending.

    Returns
    -------
    BoundaryCounts
        A boundary is a character inside a word, not its first, at which a token begins.

    Notes
    -----
    A token that begins inside a character is at no boundary, as no morpheme could begin there; where a
    library says only in which character it begins, it counts as beginning with that. O(m log n).

    Examples
    --------
    >>> import numpy as np
    >>> text = Ragged.from_bytes([b"walking cats"])
    >>> gold = Morphemes(text, np.array([[0, 7], [8, 12]]), np.array([4, 11]), 2)
    >>> counts = count_boundaries(gold, np.array([[0, 4], [4, 6], [6, 7], [7, 12]]))
    >>> counts.gold, counts.predicted, counts.correct
    (array([1, 1]), array([2, 0]), array([1, 0]))
    """
    begun = np.unique(byte_spans[:, 0])
    text = np.append(morphemes.text.values, np.uint8(0))  # a token may stand, empty, behind the last byte
    begun = begun[text[begun] & 0xC0 != 0x80]
    n_gold = _count_inside(morphemes.words, morphemes.boundaries)
    n_predicted = _count_inside(morphemes.words, begun)
    n_correct = _count_inside(morphemes.words, np.intersect1d(begun, morphemes.boundaries))
    is_scored = (n_gold > 0) & (n_predicted > 0)
    is_hit = is_scored & (n_correct > 0)
    return BoundaryCounts(n_gold, n_predicted, n_correct, is_scored.astype(np.int64), is_hit.astype(np.int64))


def _count_inside(words: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the ascending places lie inside each word."""
    before = np.searchsorted(places, words[:, 0], side="right")
    return np.searchsorted(places, words[:, 1], side="left") - before


def boundary_precision(n_correct: Total, n_predicted: Total) -> Quotient:
    """The share of token boundaries inside words that are boundaries of morphemes.

    Parameters
    ----------
    n_correct : int or ndarray
        The numerator: boundaries of both.
    n_predicted : int or ndarray
        The denominator: boundaries of tokens inside words.

    Returns
    -------
    float or ndarray of float64
        From 0 to 1; NaN where no token begins inside a word.

    Notes
    -----
    Summed over all words, so each boundary weighs the same. Words of one token do not enter, and a word that
    became one unknown token is such. Only words whose morphemes put together are the word are counted; see
    `Morphemes`, in whose text every word but the first has a space before it.

    Examples
    --------
    >>> boundary_precision(30, 120)
    0.25
    """
    return divide(n_correct, n_predicted)


BOUNDARY_PRECISION = Metric(
    "boundary_precision",
    ("correct", "predicted"),
    boundary_precision,
    label="Boundary precision",
    definition="Cuts inside words that are boundaries of morphemes, divided by all cuts inside words.",
    source="as Virpioja et al. 2011 describe it",
    better="more",
)


def boundary_recall(n_correct: Total, n_gold: Total) -> Quotient:
    """The share of boundaries of morphemes at which a token begins.

    Parameters
    ----------
    n_correct : int or ndarray
        The numerator: boundaries of both.
    n_gold : int or ndarray
        The denominator: boundaries of morphemes, those inside words of one token too, also of one unknown
        token.

    Returns
    -------
    float or ndarray of float64
        From 0 to 1; NaN without such boundaries.

    Notes
    -----
    Each boundary weighs the same, as in `boundary_precision`. It rises with the number of tokens: single
    characters have all.

    Examples
    --------
    >>> boundary_recall(30, 60)
    0.5
    """
    return divide(n_correct, n_gold)


BOUNDARY_RECALL = Metric(
    "boundary_recall",
    ("correct", "gold"),
    boundary_recall,
    label="Boundary recall",
    definition="Boundaries of morphemes inside words that are cuts, divided by all such boundaries.",
    source="as Virpioja et al. 2011 describe it",
    better="more",
)


def boundary_f1(n_correct: Total, n_predicted: Total, n_gold: Total) -> Quotient:
    """The harmonic mean of `boundary_precision` and `boundary_recall`.

    Parameters
    ----------
    n_correct, n_predicted, n_gold : int or ndarray
        Boundaries of both, of tokens inside words, and of morphemes. The numerator is twice the first, the
        denominator the sum of the others.

    Returns
    -------
    float or ndarray of float64
        From 0 to 1; NaN without boundaries.

    Examples
    --------
    >>> boundary_f1(30, 120, 60)
    0.3333333333333333
    """
    return divide(2 * n_correct, n_predicted + n_gold)


BOUNDARY_F1 = Metric(
    "boundary_f1",
    ("correct", "predicted", "gold"),
    boundary_f1,
    label="Boundary F1",
    definition="The harmonic mean of boundary precision and recall.",
    source="as Virpioja et al. 2011 describe it",
    better="more",
)


def morph_score(n_hit: Total, n_scored: Total) -> Quotient:
    """MorphScore, version 1: the share of words cut at a boundary of morphemes, of those that are cut.

    Parameters
    ----------
    n_hit : int or ndarray
        The numerator: scored words at one of whose boundaries of morphemes a token begins.
    n_scored : int or ndarray
        The denominator: words that have such a boundary and more than one token.

    Returns
    -------
    float or ndarray of float64
        From 0 to 1; NaN where no word is scored.

    Notes
    -----
    Every word weighs the same. After Arnett and Bergen (2025), "Why do language models perform worse for
    morphologically complex languages?", COLING, whose words have one boundary each; of several, one is enough
    here. Words of one token are left out, those of one unknown token too, so a large vocabulary is scored on
    rare words only.

    Examples
    --------
    >>> morph_score(40, 100)
    0.4
    """
    return divide(n_hit, n_scored)


MORPH_SCORE = Metric(
    "morph_score",
    ("hit", "scored"),
    morph_score,
    label="MorphScore",
    definition="Words with a cut at a boundary of morphemes, divided by the words of two or more tokens that "
    "have such a boundary.",
    source="Arnett and Bergen 2025, arXiv 2411.14198",
    better="more",
)


def morpheme_coverage(n_aligned: Total, n_entries: Total) -> Quotient:
    """The share of a gold segmentation that is scored at all.

    Parameters
    ----------
    n_aligned : int or ndarray
        The numerator: words whose morphemes put together are the word.
    n_entries : int or ndarray
        The denominator: all words of the file.

    Returns
    -------
    float or ndarray of float64
        From 0 to 1; NaN without words.

    Notes
    -----
    Every word of the file weighs the same. It is a metric of the file, not of the tokenizer, and says how far
    to trust the others: where it is low, most words are written otherwise than their morphemes.

    Examples
    --------
    >>> morpheme_coverage(3, 4)
    0.75
    """
    return divide(n_aligned, n_entries)


MORPHEME_COVERAGE = Metric(
    "morpheme_coverage",
    ("aligned_entries", "entries"),
    morpheme_coverage,
    label="Words scored",
    definition="Words whose morphemes join to the word as written, divided by all words of the list.",
    source="fasttok's own",
)
