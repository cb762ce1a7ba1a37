"""`MergeStep`: one merge of a training, with the names of its pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fasttok.models.merging.watching import SymbolMerge


@dataclass(frozen=True, slots=True)
class Candidate:
    """Pair of neighbouring pieces that could be merged, and its counts at that time.

    Attributes
    ----------
    left, right : bytes
        Pieces of the pair. A piece inside a word has the continuation prefix, if the model has one.
    piece : bytes
        Piece that the pair is merged to.
    count : int
        Number of occurrences of the pair. Overlapping ones count: ``aaa`` contains ``aa`` twice.
    left_count, right_count : int
        Number of occurrences of the two pieces.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
    >>> ft.trace(counts, vocab_size=257).steps[0].candidates[1]
    Candidate(left=b's', right=b't', piece=b'st', count=9, left_count=9, right_count=9)
    """

    left: bytes
    right: bytes
    piece: bytes
    count: int
    left_count: int
    right_count: int

    @property
    def score(self) -> float:
        """Score of the pair in WordPiece: `count`, divided by `left_count` and by `right_count`."""
        return self.count / (self.left_count * self.right_count)


@dataclass(frozen=True, slots=True)
class MergeStep:
    """One merge of a training: the pairs that came first in the order of merging, and its effect.

    Attributes
    ----------
    candidates : tuple of Candidate
        Best pairs before the merge, at most five, the best first. The first one is merged. Pairs that must
        not be merged, such as rare ones, are not candidates.
    n_words : int
        Number of distinct words that contain the merged pair. A word is a pretoken, or a part of one if the
        trainer splits pretokens further.
    n_tokens_before, n_tokens_after : int
        Number of tokens of the corpus before and after the merge. With ``compat="sentencepiece"``, only those
        of words of two or more characters.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
    >>> step = ft.trace(counts, vocab_size=257).steps[0]
    >>> step.candidates[0].piece, step.n_words, step.n_tokens_before, step.n_tokens_after
    (b'es', 2, 79, 70)
    """

    candidates: tuple[Candidate, ...]
    n_words: int
    n_tokens_before: int
    n_tokens_after: int


@dataclass
class MergeNamer:
    """Function for the `observer` of `learn_merges` that reports each merge with the names of the pieces.

    Parameters
    ----------
    observer : callable
        Function that is called with each `MergeStep`.
    names : list of bytes
        Name of each symbol of the alphabet.
    prefix : bytes
        Continuation prefix, which the name of a right part loses.
    """

    observer: Callable[[MergeStep], object]
    names: list[bytes] = field(repr=False)
    prefix: bytes = b""

    def __call__(self, merge: SymbolMerge) -> None:
        candidates = []
        for (left, right), counts in zip(merge.pairs.tolist(), merge.counts.tolist(), strict=True):
            a, b = self.names[left], self.names[right]
            candidates.append(Candidate(a, b, a + b.removeprefix(self.prefix), *counts))
        self.names.append(candidates[0].piece)
        self.observer(
            MergeStep(tuple(candidates), merge.n_words, merge.n_tokens_before, merge.n_tokens_after)
        )
