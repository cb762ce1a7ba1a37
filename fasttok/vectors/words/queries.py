"""Words of queries as ids, and `Neighbours`: the words that a query has found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_word
from fasttok.core.errors import UnknownCharacterError
from fasttok.tokenizer.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False, repr=False)
class Neighbours:
    """Words that are nearest to a query, the nearest first; `WordVectors` makes it.

    Iteration yields pairs of a word and its score.

    Attributes
    ----------
    queries : dict of str to tuple of int
        Words of the query, and the ids whose vectors were averaged for each of them.
    words : tuple of str
        Pieces that were found, as in `WordVectors.words`.
    ids : ndarray of int64, shape (k,)
        Their ids.
    scores : ndarray of float64, shape (k,)
        Their scores.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["a b c d"]), model="word", pretokenizer="whitespace_split")
    >>> vec = ft.vectors.cooccurrence(["a c", "b c", "c d", "a d", "b d"], tok).ppmi().svd(dim=2)
    >>> vec.nearest("a", k=2)
    a: id 0
      1.000  b
      0.081  c
    >>> dict(vec.nearest("a", k=1))
    {'b': 1.0}
    """

    queries: Mapping[str, tuple[int, ...]]
    words: tuple[str, ...]
    ids: NDArray[np.int64]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[tuple[str, float]]:
        return zip(self.words, self.scores.tolist(), strict=True)

    def __repr__(self) -> str:
        lines = [
            f"{word}: {'id' if len(ids) == 1 else 'mean of the ids'} {', '.join(map(str, ids))}"
            for word, ids in self.queries.items()
        ]
        return "\n".join([*lines, *(f"{score:7.3f}  {quote(word)}" for word, score in self)])


def quote(word: str) -> str:
    """Return a word in one line: in quotes if it begins or ends with white space or does not print.

    Examples
    --------
    >>> print(quote("low"), quote(" low"), quote("a\\n"))
    low ' low' 'a\\n'
    """
    return word if word and word.isprintable() and word == word.strip() else repr(word)


def find_ids(tokenizer: Tokenizer, name: str, word: Any) -> tuple[int, ...]:
    """Return the ids of a word in a text; see `WordVectors.find_ids`. `name` is the name of the argument."""
    text = checked_word(name, word)
    inner, first = _encode(tokenizer, f" {text}"), _encode(tokenizer, text)
    while len(inner) > 1 and _is_space(tokenizer, inner[0]):
        inner = inner[1:]
    unk_id = tokenizer.unk_id
    found = first if not inner or (unk_id in inner and first and unk_id not in first) else inner
    known = tuple(i for i in found if i != unk_id)
    if not known:
        raise ValueError(f"{name} must be a word that the tokenizer knows, not {word!r}")
    return known


def _encode(tokenizer: Tokenizer, text: str) -> list[int]:
    try:
        return tokenizer.encode(text, as_list=True)
    except UnknownCharacterError:
        return []


def _is_space(tokenizer: Tokenizer, i: int) -> bool:
    """Return whether an id is white space only, also in the form ▁ of sentencepiece."""
    return not tokenizer.id_to_piece(i).decode(errors="replace").replace("▁", " ").strip()
