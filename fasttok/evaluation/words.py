"""Find the words of a text by one of several rules, and count their tokens.

No definition of a word fits all languages, so the rule must always be chosen explicitly. A word is
represented by its start and end in bytes of the text, as int64.
"""

from __future__ import annotations

import numpy as np
import regex
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice
from fasttok.core.ragged import Ragged
from fasttok.text.unicode._utf8 import decode_code_points

# Marks that end a syllable or a phrase in Tibetan script: tsheg, tsheg bstar, nyis tsheg, and the range from
# shad to gter tsheg.
_TIBETAN_MARKS = "\u0f0b\u0f0c\u0fd2\u0f0d-\u0f14"
_EXPRESSIONS = {
    "whitespace": r"\P{White_Space}+",
    "dzongkha": rf"[^\p{{White_Space}}{_TIBETAN_MARKS}]+",
    "unicode": r"(?sw)\b.+?\b",
}
WORDS = tuple(_EXPRESSIONS)


def count_characters(documents: Ragged) -> NDArray[np.int64]:
    """Count the code points of each document. A byte that is not valid UTF-8 counts as one code point.

    Parameters
    ----------
    documents : Ragged of uint8
        Text, one row per document.

    Returns
    -------
    ndarray of int64, shape (k,)
        Number of code points of each of k documents. O(n) in the number of bytes.

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.evaluation.words import count_characters
    >>> count_characters(ft.Ragged.from_bytes(["naïve".encode(), b""])).tolist()
    [5, 0]
    """
    return _decode(documents).lengths


def find_words(documents: Ragged, words: str) -> NDArray[np.int64]:
    r"""Return the span of each word.

    Parameters
    ----------
    documents : Ragged of uint8
        Text, one row per document. No word spans several documents.
    words : {"whitespace", "dzongkha", "unicode"}
        Rule that defines a word:

        - "whitespace": a maximal run of characters that are not white space (Unicode property White_Space).
          Punctuation belongs to the word next to it.
        - "dzongkha": a syllable, which is a maximal run of characters other than white space, tshegs and
          shads (U+0F0B to U+0F14 and U+0FD2). Written Dzongkha does not mark the boundaries of words of
          several syllables, so tokens per syllable is the usual metric.
        - "unicode": a segment between adjacent word boundaries of UAX #29 that contains a letter or number.
          No dictionary is used, so text in Han, Hiragana, Thai, Lao, Khmer and Myanmar script is split at
          every character or cluster; text in Katakana is not.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        Start and end of each word in bytes of ``documents.values``, in ascending order. No word is empty.

    Raises
    ------
    ValueError
        If the rule is unknown.

    Notes
    -----
    O(n) in the number of bytes. Word boundaries and properties are those of the ``regex`` module. A byte that
    is not valid UTF-8 is neither white space nor a letter.

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.evaluation.words import find_words
    >>> text = "It's naïve, no?"
    >>> documents = ft.Ragged.from_bytes([text.encode()])
    >>> for rule in ("whitespace", "unicode"):
    ...     [text.encode()[a:b].decode() for a, b in find_words(documents, rule)]
    ["It's", 'naïve,', 'no?']
    ["It's", 'naïve', 'no']
    """
    expression = regex.compile(_EXPRESSIONS[checked_choice("words", words, *WORDS)])
    is_word = regex.compile(r"[\p{L}\p{N}]").search if words == "unicode" else bool
    spans_in_code_points = []
    first = 0
    for document in documents.to_bytes():
        text = document.decode(errors="surrogateescape")
        found = [match.span() for match in expression.finditer(text) if is_word(match[0])]
        spans_in_code_points.append(np.array(found, np.int64).reshape(-1, 2) + first)
        first += len(text)
    code_points = _decode(documents).values
    n_bytes = 1 + (code_points >= 0x80) + (code_points >= 0x800) + (code_points >= 0x10000).astype(np.int64)
    n_bytes[(code_points >= 0xDC80) & (code_points <= 0xDCFF)] = 1  # bytes that are not valid UTF-8
    starts = np.append(0, np.cumsum(n_bytes)) + documents.offsets[0]
    spans: NDArray[np.int64] = starts[np.concatenate([np.empty((0, 2), np.int64), *spans_in_code_points])]
    return spans


def count_tokens_of_words(words: NDArray[np.int64], byte_spans: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the tokens of each word.

    Parameters
    ----------
    words : ndarray of int64, shape (n, 2)
        Spans of the words in bytes, ascending.
    byte_spans : ndarray of int64, shape (m, 2)
        Spans of the tokens in bytes of the same text, in any order. They may overlap.

    Returns
    -------
    ndarray of int64, shape (n,)
        Number of tokens that share a byte with each word. If a character has several tokens, all but the last
        can have an empty span. A token with an empty span belongs to the word that contains the byte after
        it.

    Notes
    -----
    `fasttok.measure` passes only tokens that can be part of a word; see
    `fasttok.evaluation.encoded.Encoded.is_text`. O(n log m) if spans ascend, else O((n + m) log m).

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.words import count_tokens_of_words
    >>> words, tokens = np.array([[0, 3], [4, 9]]), np.array([[0, 3], [3, 6], [6, 8], [8, 9]])
    >>> count_tokens_of_words(words, tokens)
    array([1, 3])
    """
    # A token that ends before a word also starts before its end, so starts and ends can be sorted separately.
    # A stable sort of ascending integers takes linear time.
    starts = np.sort(byte_spans[:, 0], kind="stable")
    ends = np.sort(np.maximum(byte_spans[:, 1], byte_spans[:, 0] + 1), kind="stable")
    begun = np.searchsorted(starts, words[:, 1], side="left")
    ended = np.searchsorted(ends, words[:, 0], side="right")
    return begun - ended


def count_by_document(documents: Ragged, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the given positions in each document.

    Parameters
    ----------
    documents : Ragged
        Text or ids of k documents, one row per document.
    places : ndarray of int64, shape (n,)
        Indices into ``documents.values``, in any order.

    Returns
    -------
    ndarray of int64, shape (k,)
        Number of indices that belong to each row. O(n log k).

    Examples
    --------
    >>> import numpy as np
    >>> import fasttok as ft
    >>> from fasttok.evaluation.words import count_by_document
    >>> count_by_document(ft.Ragged.from_bytes([b"abc", b"", b"de"]), np.array([0, 2, 3])).tolist()
    [2, 0, 1]
    """
    rows = np.searchsorted(documents.offsets, places, side="right") - 1
    return np.bincount(rows, minlength=len(documents))


def count_places(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the boundaries between two tokens, or between two characters, of each document.

    Parameters
    ----------
    lengths : ndarray of int64, shape (k,)
        Number of tokens, or of characters, of each document.

    Returns
    -------
    ndarray of int64, shape (k,)
        Length - 1, or 0 for an empty document.

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.words import count_places
    >>> count_places(np.array([3, 1, 0]))
    array([2, 0, 0])
    """
    return np.maximum(lengths - 1, 0)


def _decode(documents: Ragged) -> Ragged:
    """Return the code points of each document."""
    code_points = np.empty(len(documents.values), np.uint32)
    offsets = np.empty_like(documents.offsets)
    n = decode_code_points(documents.values, documents.offsets, code_points, offsets)
    return Ragged(code_points[:n], offsets)
