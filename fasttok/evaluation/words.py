"""What a word is, and how tokens cut words.

There is no such thing in all languages, so whoever counts words says which rule they followed. A word is a
span of the text, int64 positions of its first byte and behind its last.
"""

from __future__ import annotations

import numpy as np
import regex
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice
from fasttok.core.ragged import Ragged
from fasttok.text.unicode._utf8 import decode_code_points

# Marks that end a syllable in Tibetan script, or a phrase: tsheg, tsheg bstar, nyis tsheg, and the shad.
_TIBETAN_MARKS = "\u0f0b\u0f0c\u0fd2\u0f0d-\u0f14"
_EXPRESSIONS = {
    "whitespace": r"\P{White_Space}+",
    "dzongkha": rf"[^\p{{White_Space}}{_TIBETAN_MARKS}]+",
    "unicode": r"(?sw)\b.+?\b",
}
WORDS = tuple(_EXPRESSIONS)


def count_characters(documents: Ragged) -> NDArray[np.int64]:
    """The code points of each document, a byte that is not UTF-8 being one: int64 of shape (k,). O(n).

    Examples
    --------
    >>> import fasttok as ft
    >>> count_characters(ft.Ragged.from_bytes(["naïve".encode(), b""])).tolist()
    [5, 0]
    """
    return _decode(documents).lengths


def find_words(documents: Ragged, words: str) -> NDArray[np.int64]:
    r"""Where words stand.

    Parameters
    ----------
    documents : Ragged of uint8
        The text. No word goes from one document to the next.
    words : {"whitespace", "dzongkha", "unicode"}
        The rule:

        - "whitespace": runs of what is not white space (Unicode's White_Space), with the punctuation at them.
        - "dzongkha": syllables, runs of what is neither white space nor a tsheg or shad (U+0F0B to U+0F14 and
          U+0FD2). What is a word of several syllables no mark shows; tokens a syllable is the metric in use.
        - "unicode": what lies between the word boundaries of UAX #29 and holds a letter or number. Without a
          dictionary, as here, Han, Hiragana, Thai, Lao, Khmer and Myanmar are cut at every character or
          cluster; Katakana is not.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        Begin and end of each word in bytes of ``documents.values``; ascending, not empty.

    Raises
    ------
    ValueError
        If there is no such rule.

    Notes
    -----
    O(n). Word boundaries and properties are those of the ``regex`` module. A byte that is not UTF-8 is
    neither white space nor a letter.

    Examples
    --------
    >>> import fasttok as ft
    >>> text = "It's naïve, no?"
    >>> documents = ft.Ragged.from_bytes([text.encode()])
    >>> for rule in ("whitespace", "unicode"):
    ...     [text.encode()[a:b].decode() for a, b in find_words(documents, rule)]
    ["It's", 'naïve,', 'no?']
    ["It's", 'naïve', 'no']
    """
    expression = regex.compile(_EXPRESSIONS[checked_choice("words", words, *WORDS)])
    is_word = regex.compile(r"[\p{L}\p{N}]").search if words == "unicode" else bool
    places = []
    first = 0
    for document in documents.to_bytes():
        text = document.decode(errors="surrogateescape")
        found = [match.span() for match in expression.finditer(text) if is_word(match[0])]
        places.append(np.array(found, np.int64).reshape(-1, 2) + first)
        first += len(text)
    code_points = _decode(documents).values
    n_bytes = 1 + (code_points >= 0x80) + (code_points >= 0x800) + (code_points >= 0x10000).astype(np.int64)
    n_bytes[(code_points >= 0xDC80) & (code_points <= 0xDCFF)] = 1  # a byte that is not UTF-8
    starts = np.append(0, np.cumsum(n_bytes)) + documents.offsets[0]
    spans: NDArray[np.int64] = starts[np.concatenate([np.empty((0, 2), np.int64), *places])]
    return spans


def count_tokens_of_words(words: NDArray[np.int64], byte_spans: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many tokens each word has.

    Parameters
    ----------
    words, byte_spans : ndarray of int64, shape (n, 2) and (m, 2)
        Where words and tokens stand in the same text, both ascending.

    Returns
    -------
    ndarray of int64, shape (n,)
        The tokens that share a byte with each word. Of several tokens for one character all but the last may
        have an empty span; such a token belongs to the word whose byte it stands before.

    Notes
    -----
    `fasttok.evaluation.encoded.Encoded.is_text` says which tokens could be part of a word at all; those of
    `fasttok.evaluation.metrics.fertility.pcw` are. O(n log m).

    Examples
    --------
    >>> import numpy as np
    >>> words, tokens = np.array([[0, 3], [4, 9]]), np.array([[0, 3], [3, 6], [6, 8], [8, 9]])
    >>> count_tokens_of_words(words, tokens)
    array([1, 3])
    """
    starts, ends = byte_spans[:, 0], np.maximum(byte_spans[:, 1], byte_spans[:, 0] + 1)
    begun = np.searchsorted(starts, words[:, 1], side="left")
    ended = np.searchsorted(ends, words[:, 0], side="right")
    return begun - ended


def count_by_document(documents: Ragged, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many places lie in each document.

    Parameters
    ----------
    documents : Ragged
        Any rows, k of them.
    places : ndarray of int64, shape (n,)
        Places in ``documents.values``, in any order: of bytes of text, or of ids.

    Returns
    -------
    ndarray of int64, shape (k,)
        The places in each row. O(n log k).

    Examples
    --------
    >>> import fasttok as ft
    >>> count_by_document(ft.Ragged.from_bytes([b"abc", b"", b"de"]), np.array([0, 2, 3])).tolist()
    [2, 0, 1]
    """
    rows = np.searchsorted(documents.offsets, places, side="right") - 1
    return np.bincount(rows, minlength=len(documents))


def count_places(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places between the tokens, or the characters, of each document.

    Parameters
    ----------
    lengths : ndarray of int64, shape (k,)
        How many of them each document has.

    Returns
    -------
    ndarray of int64, shape (k,)
        One less, and 0 of an empty document.

    Examples
    --------
    >>> import numpy as np
    >>> count_places(np.array([3, 1, 0]))
    array([2, 0, 0])
    """
    return np.maximum(lengths - 1, 0)


def _decode(documents: Ragged) -> Ragged:
    code_points = np.empty(len(documents.values), np.uint32)
    offsets = np.empty_like(documents.offsets)
    n = decode_code_points(documents.values, documents.offsets, code_points, offsets)
    return Ragged(code_points[:n], offsets)
