"""Morphology metrics: agreement of token boundaries with morpheme boundaries.

Gold segmentations often contain morphemes in canonical form: "happily" is "happy" + "ly". Such a word has no
byte at which its first morpheme ends. Therefore only aligned words are used, which are words that equal their
concatenated morphemes. The share of aligned words differs much between languages, so report
`morpheme_coverage` with the other metrics.
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

_CONTINUED = " @@"  # separator before a morpheme that continues a word


@dataclass(frozen=True, eq=False)
class Morphemes:
    """Words with the positions of their morpheme boundaries, as `read_morphemes` returns them.

    Attributes
    ----------
    text : Ragged of uint8
        One document: the aligned words in file order, separated by spaces. The spaces let tokenizers encode
        the words as in running text.
    words : ndarray of int64, shape (n, 2)
        Start and end of each aligned word, in bytes of the text.
    boundaries : ndarray of int64, shape (b,)
        Starts of morphemes inside words, in bytes of the text, ascending.
    n_entries : int
        Number of all words of the file, including words that are not aligned, for example because their
        morphemes are in canonical form.

    Examples
    --------
    >>> import numpy as np
    >>> import fasttok as ft
    >>> from fasttok.evaluation.metrics.morphology import Morphemes
    >>> text = ft.Ragged.from_bytes([b"walking cats"])
    >>> morphemes = Morphemes(text, np.array([[0, 7], [8, 12]]), np.array([4, 11]), n_entries=3)
    >>> [text.to_bytes()[0][start:stop] for start, stop in morphemes.words]
    [b'walking', b'cats']
    """

    text: Ragged
    words: NDArray[np.int64]
    boundaries: NDArray[np.int64]
    n_entries: int


class BoundaryCounts(NamedTuple):
    """Counts of boundaries inside each of n words, as `count_boundaries` returns them.

    Attributes
    ----------
    gold : ndarray of int64, shape (n,)
        Number of morpheme boundaries.
    predicted : ndarray of int64, shape (n,)
        Number of token boundaries.
    correct : ndarray of int64, shape (n,)
        Number of boundaries that are both morpheme and token boundaries.
    scored : ndarray of int64, shape (n,)
        1 for words with a morpheme boundary and a token boundary, which `morph_score` scores; 0 for others.
    hit : ndarray of int64, shape (n,)
        1 for scored words in which a morpheme boundary is also a token boundary, 0 for others.

    Examples
    --------
    The sum over all words gives the totals that the metrics need:

    >>> import numpy as np
    >>> from fasttok.evaluation.metrics.morphology import BoundaryCounts
    >>> counts = BoundaryCounts(*np.array([[1, 2], [1, 1], [1, 0], [1, 1], [1, 0]]))
    >>> int(counts.gold.sum()), int(counts.correct.sum())
    (3, 1)
    """

    gold: NDArray[np.int64]
    predicted: NDArray[np.int64]
    correct: NDArray[np.int64]
    scored: NDArray[np.int64]
    hit: NDArray[np.int64]


def read_morphemes(path: str | os.PathLike[str]) -> Morphemes:
    r"""Read a file of gold segmentations, such as those of SIGMORPHON 2022.

    Parameters
    ----------
    path : path
        UTF-8 file with tab-separated columns. The first column contains one or more words, and the second
        column contains their morphemes, each separated by spaces. Morphemes that continue a word start with
        ``@@``. Further columns and a byte order mark are ignored.

    Returns
    -------
    Morphemes
        Words and their morpheme boundaries.

    Raises
    ------
    OSError
        If the file cannot be read.
    CorpusError
        If the file is not UTF-8 or has no entries, or if the first or second column of a line is empty or
        missing. The error gives the number of the line.

    Notes
    -----
    Repeated words count as separate entries. If the two columns of a line have different numbers of words,
    none of the words of the line is aligned. O(n).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from fasttok.evaluation.metrics.morphology import read_morphemes
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "words.tsv"
    >>> _ = path.write_text("walking\twalk @@ing\nhappily\thappy @@ly\nthe cats\tthe cat @@s\n")
    >>> morphemes = read_morphemes(path)
    >>> morphemes.text.to_bytes(), morphemes.boundaries.tolist(), morphemes.n_entries
    ([b'walking the cats'], [4, 15], 4)
    """
    name = os.fspath(path)
    words: list[bytes] = []
    lengths: list[list[int]] = []  # of the morphemes of each word, in bytes
    n_entries = 0
    for number, line in enumerate(Path(path).read_bytes().removeprefix(BOM_UTF8).splitlines(), 1):
        try:
            fields = re.sub(" +", " ", line.decode()).split("\t")
        except UnicodeDecodeError:
            raise CorpusError("not UTF-8", name, number) from None
        surface, segmented, *_ = (*(field.strip(" ") for field in fields), "", "")
        if not surface or not segmented:
            raise CorpusError("expected a word, a tab and its morphemes", name, number)
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
        raise CorpusError("the file has no entries", name)
    text = Ragged.from_bytes([b" ".join(words)])
    starts = lengths_to_offsets([len(word) + 1 for word in words])
    spans = np.stack([starts[:-1], starts[1:] - 1], axis=1)
    inside = [start + np.cumsum(parts[:-1]) for start, parts in zip(spans[:, 0], lengths, strict=True)]
    boundaries = np.concatenate([np.empty(0, np.int64), *inside]).astype(np.int64)
    return Morphemes(text, spans, boundaries, n_entries)


def count_boundaries(morphemes: Morphemes, byte_spans: NDArray[np.int64]) -> BoundaryCounts:
    """Count the token and morpheme boundaries inside each word.

    Parameters
    ----------
    morphemes : Morphemes
        Words and their morpheme boundaries.
    byte_spans : ndarray of int64, shape (m, 2)
        Spans of the tokens of ``morphemes.text`` in bytes, in any order. They may overlap.

    Returns
    -------
    BoundaryCounts
        Counts per word.

    Notes
    -----
    A token boundary is the position of a character of a word, other than its first character, at which a
    token starts. A token that starts inside a character has no boundary, because no morpheme can start there.
    Some libraries report only the character in which a token starts; such a token is taken to start at the
    first byte of that character. O(m log n).

    Examples
    --------
    >>> import numpy as np
    >>> import fasttok as ft
    >>> from fasttok.evaluation.metrics.morphology import Morphemes, count_boundaries
    >>> text = ft.Ragged.from_bytes([b"walking cats"])
    >>> gold = Morphemes(text, np.array([[0, 7], [8, 12]]), np.array([4, 11]), 2)
    >>> counts = count_boundaries(gold, np.array([[0, 4], [4, 6], [6, 7], [7, 12]]))
    >>> counts.gold, counts.predicted, counts.correct
    (array([1, 1]), array([2, 0]), array([1, 0]))
    """
    begun = np.unique(byte_spans[:, 0])
    text = np.append(morphemes.text.values, np.uint8(0))  # an empty token may start after the last byte
    begun = begun[text[begun] & 0xC0 != 0x80]
    n_gold = _count_inside(morphemes.words, morphemes.boundaries)
    n_predicted = _count_inside(morphemes.words, begun)
    n_correct = _count_inside(morphemes.words, np.intersect1d(begun, morphemes.boundaries))
    is_scored = (n_gold > 0) & (n_predicted > 0)
    is_hit = is_scored & (n_correct > 0)
    return BoundaryCounts(n_gold, n_predicted, n_correct, is_scored.astype(np.int64), is_hit.astype(np.int64))


def _count_inside(words: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the positions inside each word, its start excluded; `positions` must be in ascending order."""
    before = np.searchsorted(positions, words[:, 0], side="right")
    return np.searchsorted(positions, words[:, 1], side="left") - before


def boundary_precision(n_correct: Total, n_predicted: Total) -> Quotient:
    """Return the share of token boundaries inside words that are morpheme boundaries.

    Parameters
    ----------
    n_correct : int or ndarray
        Number of boundaries that are both token and morpheme boundaries.
    n_predicted : int or ndarray
        Number of token boundaries inside words.

    Returns
    -------
    float or ndarray of float64
        Share from 0 to 1. NaN if no token begins inside a word.

    Notes
    -----
    Counts are summed over all aligned words, so each boundary has the same weight. Virpioja et al. (2011),
    "Empirical Comparison of Evaluation Methods for Unsupervised Learning of Morphology", average over words
    instead. Words of one token have no token boundary and do not count. This includes words that become a
    single unknown token.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.morphology import boundary_precision
    >>> boundary_precision(30, 120)
    0.25
    """
    return divide(n_correct, n_predicted)


BOUNDARY_PRECISION = Metric(
    "boundary_precision",
    ("correct", "predicted"),
    boundary_precision,
    label="Boundary precision",
    definition="Token boundaries inside words that are also morpheme boundaries, divided by all token "
    "boundaries inside words.",
    source="after Virpioja et al. 2011, who average over words instead",
    better="more",
)


def boundary_recall(n_correct: Total, n_gold: Total) -> Quotient:
    """Return the share of morpheme boundaries at which a token begins.

    Parameters
    ----------
    n_correct : int or ndarray
        Number of boundaries that are both token and morpheme boundaries.
    n_gold : int or ndarray
        Number of morpheme boundaries, including those in words of one token.

    Returns
    -------
    float or ndarray of float64
        Share from 0 to 1. NaN if there are no morpheme boundaries.

    Notes
    -----
    Each boundary has the same weight. The recall rises with the number of tokens: it is 1 if every character
    is a token.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.morphology import boundary_recall
    >>> boundary_recall(30, 60)
    0.5
    """
    return divide(n_correct, n_gold)


BOUNDARY_RECALL = Metric(
    "boundary_recall",
    ("correct", "gold"),
    boundary_recall,
    label="Boundary recall",
    definition="Morpheme boundaries inside words that are also token boundaries, divided by all morpheme "
    "boundaries inside words.",
    source="after Virpioja et al. 2011, who average over words instead",
    better="more",
)


def boundary_f1(n_correct: Total, n_predicted: Total, n_gold: Total) -> Quotient:
    """Return the harmonic mean of `boundary_precision` and `boundary_recall`.

    Parameters
    ----------
    n_correct : int or ndarray
        Number of boundaries that are both token and morpheme boundaries.
    n_predicted : int or ndarray
        Number of token boundaries inside words.
    n_gold : int or ndarray
        Number of morpheme boundaries.

    Returns
    -------
    float or ndarray of float64
        ``2 n_correct / (n_predicted + n_gold)``, from 0 to 1. NaN if there are no boundaries.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.morphology import boundary_f1
    >>> boundary_f1(30, 120, 60)
    0.3333333333333333
    """
    return divide(2 * n_correct, n_predicted + n_gold)


BOUNDARY_F1 = Metric(
    "boundary_f1",
    ("correct", "predicted", "gold"),
    boundary_f1,
    label="Boundary F1",
    definition="Harmonic mean of boundary precision and boundary recall.",
    source="after Virpioja et al. 2011, who average over words instead",
    better="more",
)


def morph_score(n_hit: Total, n_scored: Total) -> Quotient:
    """Return MorphScore, version 1: the share of split words in which a token begins at a morpheme boundary.

    Parameters
    ----------
    n_hit : int or ndarray
        Number of scored words in which a token begins at a morpheme boundary.
    n_scored : int or ndarray
        Number of scored words: words with a morpheme boundary and more than one token.

    Returns
    -------
    float or ndarray of float64
        Share from 0 to 1. NaN if no word is scored.

    Notes
    -----
    Every word has the same weight. After Arnett and Bergen (2025), "Why do language models perform worse for
    morphologically complex languages?", COLING, whose words have one morpheme boundary each. If a word has
    several boundaries, one correct boundary is enough here. Words of one token are not scored, so a large
    vocabulary is scored mainly on rare words.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.morphology import morph_score
    >>> morph_score(40, 100)
    0.4
    """
    return divide(n_hit, n_scored)


MORPH_SCORE = Metric(
    "morph_score",
    ("hit", "scored"),
    morph_score,
    label="MorphScore",
    definition="Words in which a token begins at a morpheme boundary, divided by all words that have a "
    "morpheme boundary and two or more tokens.",
    source="Arnett and Bergen 2025, arXiv 2411.14198",
    better="more",
)


def morpheme_coverage(n_aligned: Total, n_entries: Total) -> Quotient:
    """Return the share of aligned words: words of a gold segmentation that equal their morphemes.

    Parameters
    ----------
    n_aligned : int or ndarray
        Number of words that equal their concatenated morphemes.
    n_entries : int or ndarray
        Number of all words of the file.

    Returns
    -------
    float or ndarray of float64
        Share from 0 to 1. NaN if there are no words.

    Notes
    -----
    Every word of the file has the same weight. The coverage depends on the file, not on the tokenizer. If it
    is low, the other morphology metrics describe a minority of the words.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.morphology import morpheme_coverage
    >>> morpheme_coverage(3, 4)
    0.75
    """
    return divide(n_aligned, n_entries)


MORPHEME_COVERAGE = Metric(
    "morpheme_coverage",
    ("aligned_entries", "entries"),
    morpheme_coverage,
    label="Words scored",
    definition="Words that equal their concatenated morphemes, and can therefore be scored, divided by all "
    "words of the list.",
    source="fasttok",
)
