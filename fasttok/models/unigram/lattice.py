"""`Lattice`: all segmentations of a text under a Unigram model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_seed, checked_size
from fasttok.core.errors import UnknownCharacterError
from fasttok.core.ragged import read_only
from fasttok.core.versions import import_pandas
from fasttok.models.sampling import checked_alpha
from fasttok.models.unigram import _lattice, _nbest
from fasttok.models.unigram._elementary import exp
from fasttok.models.unigram._viterbi import UnigramEncoder

_MOST = 1 << 40  # segmentations; more do not fit in memory


@dataclass(frozen=True)
class Segmentation:
    """Segmentation of a text into pieces.

    Attributes
    ----------
    ids : tuple of int
        Ids that encoding would write. Unknown characters have the ids of their bytes, or one unknown token
        per run.
    pieces : tuple of str
        Pieces; an unknown character counts as one piece. A byte 0xNN that is not UTF-8 is written as U+DCNN.
    score : float
        Sum of the scores of the pieces, added from left to right.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.UnigramModel(["", "a", "aa"], [0, -2, -3], unk_id=0).lattice("aaaxy").viterbi()
    Segmentation(ids=(1, 2, 0), pieces=('a', 'aa', 'x', 'y'), score=-31.0)
    """

    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    score: float


@dataclass(frozen=True, eq=False, repr=False)
class ViterbiTable:
    """Table of the Viterbi algorithm with its back-pointers; made by `Lattice.table`.

    A row is a position of the text at which arcs end. It has the best score of the text up to there, and the
    last arc of the segmentation with this score. The best segmentation is read backwards from the last row:
    each arc leads to the row of its start. The ``repr`` is a table in which a star marks these rows.

    Attributes
    ----------
    text : bytes
        Text in UTF-8.
    positions : ndarray of int64, shape (p,)
        Positions in bytes, from 0 to the length of the text.
    best_scores : ndarray of float64, shape (p,)
        Highest score of a segmentation of the text up to each position, in nats.
    arcs : ndarray of int64, shape (p,)
        Index of the last arc of this segmentation in the arrays of the lattice; -1 for position 0.
    starts : ndarray of int64, shape (p,)
        Start of this arc in bytes: the back-pointer; -1 for position 0.
    ids : ndarray of int64, shape (p,)
        Id of this arc; -1 for position 0 and for an unknown character.
    is_on_best_path : ndarray of bool, shape (p,)
        Whether the best segmentation of the whole text goes through each position.

    Examples
    --------
    >>> import fasttok as ft
    >>> model = ft.UnigramModel([*"abc", "ab", "bc"], [-2, -2, -2, -3, -3.5])
    >>> model.lattice("abc").table()
    position  best score  piece  from  best
    0              0.000               *
    1             -2.000  a      0
    2             -3.000  ab     0     *
    3             -5.000  c      2     *
    """

    text: bytes
    positions: NDArray[np.int64]
    best_scores: NDArray[np.float64]
    arcs: NDArray[np.int64]
    starts: NDArray[np.int64]
    ids: NDArray[np.int64]
    is_on_best_path: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        from fasttok.display.lattices import write_table

        return write_table(self)

    def _repr_html_(self) -> str | None:
        from fasttok.display.lattices import table_to_html

        return table_to_html(self)

    @property
    def pieces(self) -> list[str]:
        """Text of the arc of each row; "" for position 0. A byte 0xNN that is not UTF-8 is U+DCNN."""
        spans = zip(np.maximum(self.starts, 0).tolist(), self.positions.tolist(), strict=True)
        return [self.text[start:end].decode(errors="surrogateescape") for start, end in spans]

    def to_pandas(self) -> Any:
        """Return the table as a ``pandas.DataFrame`` with one row per position.

        The columns are "position", "best_score", "piece", "start", "id" and "is_on_best_path".

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> import fasttok as ft
        >>> table = ft.UnigramModel(["a", "aa"], [-2, -3]).lattice("aa").table()
        >>> table.to_pandas()["best_score"].tolist()
        [0.0, -2.0, -3.0]
        """
        pd = import_pandas()
        return pd.DataFrame(
            {
                "position": self.positions,
                "best_score": self.best_scores,
                "piece": self.pieces,
                "start": self.starts,
                "id": self.ids,
                "is_on_best_path": self.is_on_best_path,
            }
        )


class Lattice:
    """Lattice of all segmentations of a text. Immutable; made by `UnigramModel.lattice`.

    The text is one pretoken. An arc is a piece that matches the text at some position, or a character that is
    not a piece. A segmentation is a path of arcs from the start of the text to its end. Its score is the sum
    of the scores of its arcs, in double precision. Its probability is exp(score), divided by the sum of
    exp(score) over all segmentations.

    A notebook draws the lattice if jinja2 is installed: an arc is thicker if its probability is higher, and
    the best segmentation is highlighted. A drawing shows at most the first 80 characters. ``_repr_svg_``
    returns the drawing as a file that stands alone.

    Attributes
    ----------
    text : bytes
        Text in UTF-8.
    starts, ends : ndarray of int64, shape (a,)
        Start and end of each arc in the text, in bytes. Arcs are sorted by start, then by end; an unknown
        character comes after all pieces with the same start.
    ids : ndarray of int64, shape (a,)
        Id of each arc; -1 for an unknown character.
    scores : ndarray of float64, shape (a,)
        Score of each arc.

    Notes
    -----
    The lattice is described by Kudo (2018), section 3. Every method takes O(a) time and memory, except
    `nbest` and `sample`, which take up to O(a) per segmentation. `nbest` uses the recursive enumeration of
    Jiménez and Marzal (1999). Sums over segmentations are computed as logarithms, so texts can be of any
    length.

    Examples
    --------
    >>> import fasttok as ft
    >>> model = ft.UnigramModel([*"abc", "ab", "bc"], [-2, -2, -2, -3, -3.5])
    >>> lattice = model.lattice("abc")
    >>> lattice.viterbi()
    Segmentation(ids=(3, 2), pieces=('ab', 'c'), score=-5.0)
    >>> [(found.pieces, found.score) for found in lattice.nbest(5)]
    [(('ab', 'c'), -5.0), (('a', 'bc'), -5.5), (('a', 'b', 'c'), -6.0)]
    >>> [(int(id), round(float(p), 3)) for id, p in zip(lattice.ids, lattice.marginals())]
    [(0, 0.494), (3, 0.506), (1, 0.186), (4, 0.307), (2, 0.693)]
    >>> round(lattice.log_likelihood(), 3), round(lattice.entropy(), 3)
    (-4.32, 1.02)
    """

    def __init__(self, encoder: UnigramEncoder, text: bytes) -> None:
        self.text = text
        self._encoder = encoder
        self._bytes = np.frombuffer(text, np.uint8)
        starts, ends, pieces, scores = _lattice.list_arcs(encoder, self._bytes)
        self._pieces = pieces  # ids, or minus the number of bytes for an unknown character
        self.starts, self.ends, self.scores = map(read_only, (starts, ends, scores))
        self.ids = read_only(np.maximum(pieces, -1))

    def __len__(self) -> int:
        return len(self.starts)

    def __repr__(self) -> str:
        return f"Lattice({len(self.text):,} bytes, {len(self):,} arcs)"

    def _repr_html_(self) -> str | None:
        from fasttok.display.lattices import lattice_to_html

        return lattice_to_html(self)

    def _repr_svg_(self) -> str | None:
        from fasttok.display.lattices import lattice_to_svg

        return lattice_to_svg(self)

    def viterbi(self) -> Segmentation:
        """Return the segmentation with the highest score, in double precision.

        Ties go to the segmentation whose last piece starts earliest, then to the one whose second-last piece
        starts earliest, and so on. Encoding gives the same segmentation, with two exceptions: models with
        ``fewest_pieces=True`` encode by the fewest pieces, and near ties are decided by sums in single
        precision (see `UnigramModel`).

        Raises
        ------
        UnknownCharacterError
            If the segmentation contains a character that has no id, as in encoding.
        """
        return self.nbest(1)[0]

    def table(self) -> ViterbiTable:
        """Return the table of the Viterbi algorithm: the best score and the back-pointer of each position.

        Scores are added from left to right in double precision. Of several arcs with the best score, the one
        that starts earliest is chosen. So the table gives the segmentation that `viterbi` returns.

        Returns
        -------
        ViterbiTable
            One row per position at which an arc ends, and one for the start of the text.

        Notes
        -----
        The algorithm is that of Viterbi (1967), section V, for the lattice of Kudo (2018). It takes O(a) time
        and memory for a arcs.

        Examples
        --------
        >>> import fasttok as ft
        >>> table = ft.UnigramModel(["a", "aa"], [-2, -3]).lattice("aaa").table()
        >>> table.best_scores.tolist(), table.starts.tolist()
        ([0.0, -2.0, -3.0, -5.0], [-1, 0, 0, 1])
        """
        best, arcs = _lattice.find_back_pointers(self.starts, self.ends, self.scores, len(self.text))
        on_path, position = [0], len(self.text)
        while position > 0:
            on_path.append(position)
            position = int(self.starts[arcs[position]])
        positions = np.append(0, np.flatnonzero(arcs >= 0))
        best, arcs = best[positions], arcs[positions]
        starts, ids = (np.append(-1, column[arcs[1:]]) for column in (self.starts, self.ids))
        columns = (positions, best, arcs, starts, ids, np.isin(positions, on_path))
        return ViterbiTable(self.text, *map(read_only, columns))

    def nbest(self, n: int) -> list[Segmentation]:
        """Return the `n` segmentations with the highest scores, the best first.

        All are different. Segmentations with equal scores are sorted by the start of their last piece, then
        by the start of their second-last piece, and so on.

        Parameters
        ----------
        n : int
            Number of segmentations; all are returned if there are fewer.

        Raises
        ------
        ValueError
            If `n` is not positive.
        UnknownCharacterError
            If one of the segmentations contains a character that has no id.
        """
        n = min(checked_size("n", n, least=1), _MOST)
        found = _lattice.find_best(self.starts, self.ends, self.scores, len(self.text), n)
        return [self._segmentation(arcs) for arcs in found]

    def sample(self, n: int, *, alpha: float = 1.0, seed: int) -> list[Segmentation]:
        """Sample segmentations independently of each other.

        Parameters
        ----------
        n : int
            Number of segmentations.
        alpha : float
            Exponent of the probabilities, as in `Sampling`.
        seed : int
            Seed of the random numbers, from 0 to 2^64 - 1. With the same seed, a smaller `n` gives a prefix
            of the same list.

        Raises
        ------
        TypeError
            If `alpha` is not a number.
        ValueError
            If an argument is out of range.
        UnknownCharacterError
            If one of the segmentations contains a character that has no id.

        Examples
        --------
        >>> import fasttok as ft
        >>> lattice = ft.UnigramModel(["a", "aa"], [-2, -3]).lattice("aaa")
        >>> [found.pieces for found in lattice.sample(3, seed=1)]
        [('aa', 'a'), ('a', 'aa'), ('aa', 'a')]
        """
        n = checked_size("n", n, least=0)
        if n > _MOST:
            raise ValueError(f"n must be at most {_MOST:,}, not {n:,}")
        seed = checked_seed("seed", seed)
        weights = self._weights(alpha)
        backward = _lattice.sum_backward(self.starts, self.ends, weights, len(self.text))
        drawn = _lattice.sample_arcs(self.starts, self.ends, weights, backward, n, seed)
        return [self._segmentation(arcs) for arcs in drawn]

    def marginals(self, alpha: float = 1.0) -> NDArray[np.float64]:
        """Return the marginal probability of every arc: the probability that a segmentation contains it.

        Parameters
        ----------
        alpha : float
            Exponent of the probabilities of segmentations, as in `Sampling`.

        Returns
        -------
        ndarray of float64, shape (a,)
            Probability of each arc.

        Raises
        ------
        TypeError
            If `alpha` is not a number.
        ValueError
            If `alpha` is out of range.
        """
        weights, n = self._weights(alpha), len(self.text)
        forward = _lattice.sum_forward(self.starts, self.ends, weights, n)
        backward = _lattice.sum_backward(self.starts, self.ends, weights, n)
        logarithms = forward[self.starts] + weights + backward[self.ends] - forward[n]
        return exp(np.minimum(logarithms, 0))

    def log_likelihood(self) -> float:
        """Return the log probability of the text in nats: log of the sum of exp(score) over segmentations."""
        return float(_lattice.sum_forward(self.starts, self.ends, self.scores, len(self.text))[-1])

    def entropy(self, alpha: float = 1.0) -> float:
        """Return the entropy of the distribution over segmentations, in nats.

        Parameters
        ----------
        alpha : float
            Exponent of the probabilities of segmentations, as in `Sampling`.

        Raises
        ------
        TypeError
            If `alpha` is not a number.
        ValueError
            If `alpha` is out of range.
        """
        weights = self._weights(alpha)
        forward = _lattice.sum_forward(self.starts, self.ends, weights, len(self.text))
        return _lattice.sum_entropy(self.starts, self.ends, weights, forward)

    def _segmentation(self, arcs: NDArray[np.int64]) -> Segmentation:
        ids = _lattice.ids_of_arcs(self._encoder, self._bytes, self._pieces[arcs])
        spans = zip(self.starts[arcs].tolist(), self.ends[arcs].tolist(), strict=True)
        pieces = [self.text[start:end].decode(errors="surrogateescape") for start, end in spans]
        sums = np.cumsum(self.scores[arcs])  # adds from left to right; np.sum adds in another order
        return Segmentation(tuple(ids.tolist()), tuple(pieces), float(sums[-1]) if len(sums) else 0.0)

    def _weights(self, alpha: float) -> NDArray[np.float64]:
        """Return the scores times `alpha`; raise ValueError if `alpha` is out of range."""
        return checked_alpha(alpha, float(np.abs(self.scores).max(initial=0))) * self.scores


def find_nbest_of_row(
    encoder: UnigramEncoder, scores: NDArray[np.float32], row: bytes, n: int
) -> list[tuple[NDArray[np.uint32], float]]:
    """Return the ids and scores of the `n` best segmentations of a row, in the order of sentencepiece.

    `scores` has the score of each id.
    """
    if not row:
        return [(np.empty(0, np.uint32), 0.0)]
    text = np.frombuffer(row, np.uint8)
    starts, ends, pieces, arc_scores = _lattice.list_arcs(encoder, text)
    is_known = pieces >= 0
    rounded = arc_scores.astype(np.float32)
    rounded[is_known] = scores[pieces[is_known]]
    return [
        (_lattice.ids_of_arcs(encoder, text, pieces[arcs]), score)
        for arcs, score in _nbest.find_nbest(starts, ends, rounded, len(row), min(n, _MOST))
    ]


def find_nbest_of_pretokens(
    encoder: UnigramEncoder, row: bytes, pretokens: NDArray[np.int64], n: int, unk_id: int | None
) -> list[tuple[NDArray[np.uint32], float]]:
    """Return the ids and scores of the `n` best segmentations of the pretokens of a row.

    Parameters
    ----------
    encoder : UnigramEncoder
        Encoder of pretokens.
    row : bytes
        Text of the row.
    pretokens : ndarray of int64, shape (k, 2)
        Begin and end of each pretoken in the row.
    n : int
        Number of segmentations.
    unk_id : int, optional
        Unknown token, if runs of it are fused across pretokens.

    Raises
    ------
    UnknownCharacterError
        If a character has no id; the position is that in the row.
    """
    texts = [np.frombuffer(row[begin:end], np.uint8) for begin, end in pretokens.tolist()]
    offsets = np.append(0, np.cumsum([len(text) for text in texts], dtype=np.int64))
    listed = [_lattice.list_arcs(encoder, text) for text in texts]
    n_arcs = np.append(0, np.cumsum([len(arcs[0]) for arcs in listed], dtype=np.int64))
    if not texts:
        return [(np.empty(0, np.uint32), 0.0)]
    starts, ends = (
        np.concatenate([arcs[i] + offset for arcs, offset in zip(listed, offsets, strict=False)])
        for i in (0, 1)
    )
    scores = np.concatenate([arcs[3] for arcs in listed])
    found = []
    for path in _lattice.find_best(starts, ends, scores, int(offsets[-1]), min(n, _MOST)):
        parts = np.split(path, np.searchsorted(path, n_arcs[1:-1]))
        rows = []
        for i, arcs in enumerate(parts):
            try:
                rows.append(_lattice.ids_of_arcs(encoder, texts[i], listed[i][2][arcs - n_arcs[i]]))
            except UnknownCharacterError as error:
                raise UnknownCharacterError(error.character, int(pretokens[i, 0]) + error.position) from None
        ids = np.concatenate(rows)
        if unk_id is not None:
            ids = ids[~((ids == unk_id) & (np.append(unk_id + 1, ids[:-1]) == unk_id))]
        found.append((ids, float(np.cumsum(scores[path])[-1])))
    return found
