"""Texts that probe a tokenizer, and findings about their tokens in plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fasttok.corpus.sample import parallel_sample

Span = tuple[int, int]  # start and end in bytes
Finding = Callable[["Tokenized"], str]

LANGUAGES = {
    "arb": "Arabic",
    "ben": "Bengali",
    "deu": "German",
    "ell": "Greek",
    "eng": "English",
    "fin": "Finnish",
    "fra": "French",
    "heb": "Hebrew",
    "hin": "Hindi",
    "jpn": "Japanese",
    "kat": "Georgian",
    "kor": "Korean",
    "pol": "Polish",
    "rus": "Russian",
    "spa": "Spanish",
    "tam": "Tamil",
    "tha": "Thai",
    "tur": "Turkish",
    "vie": "Vietnamese",
    "zho": "Chinese",
}
SENTENCE = 1  # line of the parallel sample, counted from 0: "Where is the nearest train station?"
_OPERATOR = re.compile(r"[^\w\s]+")
_RUN = re.compile(r"\s+")


class Tokenized(NamedTuple):
    """Text with its tokens.

    Attributes
    ----------
    text : str
        The text.
    spans : list of tuple of int
        Start and end of each token, in bytes of the text. Tokens with empty spans are left out, and so is
        the ▁ that a tokenizer adds at the start of a text.
    n_tokens : int
        Number of all tokens.
    """

    text: str
    spans: list[Span]
    n_tokens: int


@dataclass(frozen=True)
class Question:
    """Text of a probe, and the function that says what its tokens show.

    Attributes
    ----------
    probe : str
        Name of the probe.
    text : str
        The text.
    finding : callable
        Function of the text with its tokens.
    """

    probe: str
    text: str
    finding: Finding


def make_questions() -> list[Question]:
    """Return the questions of all probes, except those that need several texts."""
    digits = "1234567890"
    return [
        *(Question("numbers", digits[:n], describe_digits) for n in range(1, 11)),
        *(Question("numbers", text, describe_separators) for text in ("1,234,567", "1.234.567", "1 234 567")),
        *(
            Question("spelling", text, describe_letters)
            for text in ("strawberry", " strawberry", "Strawberry", "STRAWBERRY", "strawbery", "Mississippi")
        ),
        Question("code", "    return", describe_run),
        Question("code", "\treturn", describe_run),
        Question("code", "getUserNameFromDatabase", describe_words),
        Question("code", "get_user_name_from_database", describe_words),
        Question("code", "a += b == c != d <= e -> f && g", describe_operators),
        *(
            Question("white space", text, describe_run)
            for text in ("a  b", "a        b", "a\tb", "a\nb", "a\r\nb", "a\n\nb", "a\u00a0b", "a ")
        ),
        # A smile, a hand with a skin tone, a family joined by zero-width joiners, a flag, a keycap.
        *(
            Question("emoji", text, describe_emoji)
            for text in (
                "\U0001f600",
                "\U0001f44d\U0001f3fd",
                "\U0001f468\u200d\U0001f469\u200d\U0001f467",
                "\U0001f1e9\U0001f1ea",
                "1\ufe0f\u20e3",
            )
        ),
    ]


def read_sentences() -> dict[str, str]:
    """Return one sentence of the parallel sample by the name of its language, English first."""
    paths = parallel_sample()
    sentences = {
        name: paths[code].read_text(encoding="utf-8").splitlines()[SENTENCE]
        for code, name in LANGUAGES.items()
    }
    return {"English": sentences.pop("English")} | sentences


# Findings


def describe_digits(tokens: Tokenized) -> str:
    """Say how digits are grouped.

    Examples
    --------
    >>> describe_digits(Tokenized("12345", [(0, 3), (3, 5)], 2))
    'groups of 3, 2 digits, from the left'
    >>> describe_digits(Tokenized("12345", [(0, 2), (2, 5)], 2))
    'groups of 2, 3 digits, from the right'
    """
    sizes = [end - start for start, end in tokens.spans]
    if len(sizes) == 1:
        return "the digits are in one token"
    if set(sizes) == {1}:
        return "each digit is a token"
    first, last = sizes[0], sizes[-1]
    where = ""
    if set(sizes[:-1]) == {first} and last < first:
        where = ", from the left"
    elif set(sizes[1:]) == {last} and first < last:
        where = ", from the right"
    return f"groups of {', '.join(map(str, sizes))} digits{where}"


def describe_separators(tokens: Tokenized) -> str:
    """Say whether the separators of thousands are tokens of their own.

    Examples
    --------
    >>> describe_separators(Tokenized("1,234", [(0, 2), (2, 5)], 2))
    'no separator is a token of its own'
    """
    separators = [found.span() for found in re.finditer(r"\D", tokens.text)]
    n = sum(span in tokens.spans for span in separators)
    return f"{_count(n, len(separators), 'separator')} a token of its own"


def describe_letters(tokens: Tokenized) -> str:
    """Say how many letters of a word are hidden in tokens of several letters.

    Examples
    --------
    >>> describe_letters(Tokenized("lowest", [(0, 3), (3, 4), (4, 6)], 3))
    '5 of 6 letters are in tokens of several letters'
    """
    letters = [i for i, character in enumerate(tokens.text) if character.isalpha()]
    sizes = [sum(start <= i < end for i in letters) for start, end in tokens.spans]
    n_hidden = sum(size for size in sizes if size > 1)
    if sum(size > 0 for size in sizes) == 1:
        return f"the {len(letters)} letters are in one token"
    if not n_hidden:
        return "each letter is a token"
    return f"{n_hidden} of {len(letters)} letters are in tokens of several letters"


def describe_words(tokens: Tokenized) -> str:
    """Say at how many words of an identifier a token begins, with or without the underscore before it.

    Examples
    --------
    >>> describe_words(Tokenized("getName", [(0, 4), (4, 7)], 2))
    'a token begins at 1 of 2 words'
    >>> describe_words(Tokenized("get_name", [(0, 3), (3, 8)], 2))
    'a token begins at 2 of 2 words'
    """
    words = [found.span() for found in re.finditer(r"_?[A-Z]?[a-z]+", tokens.text)]
    starts = {start for start, _ in tokens.spans}
    n = sum(start in starts or (tokens.text[start] == "_" and start + 1 in starts) for start, _ in words)
    return f"a token begins at {n} of {len(words)} words"


def describe_operators(tokens: Tokenized) -> str:
    """Say how many operators are one token, with or without the space before them.

    Examples
    --------
    >>> describe_operators(Tokenized("a == b -> c", [(0, 1), (1, 4), (4, 6), (6, 8), (8, 9), (9, 11)], 6))
    '1 of 2 operators is one token'
    """
    operators = [found.span() for found in _OPERATOR.finditer(tokens.text)]
    n = sum(bool({(start, end), (start - 1, end)} & set(tokens.spans)) for start, end in operators)
    return f"{_count(n, len(operators), 'operator')} one token"


def describe_run(tokens: Tokenized) -> str:
    """Say how the white space of a text is split.

    Examples
    --------
    >>> describe_run(Tokenized("a  b", [(0, 1), (1, 2), (2, 4)], 3))
    'the white space is in 2 tokens, one of them shared'
    """
    [run] = [
        (len(tokens.text[: found.start()].encode()), len(tokens.text[: found.end()].encode()))
        for found in _RUN.finditer(tokens.text)
    ]
    inside = [span for span in tokens.spans if span[0] < run[1] and span[1] > run[0]]
    is_shared = any(start < run[0] or end > run[1] for start, end in inside)
    if not inside:
        return "the white space is in no token"
    if len(inside) == 1:
        return "the white space shares a token" if is_shared else "the white space is one token"
    return f"the white space is in {len(inside)} tokens" + ", one of them shared" * is_shared


def describe_emoji(tokens: Tokenized) -> str:
    """Say of how many characters and bytes the one symbol consists.

    Examples
    --------
    >>> describe_emoji(Tokenized("\\U0001f44d\\U0001f3fd", [(0, 4), (4, 8)], 2))
    'one symbol of 2 characters and 8 bytes, in 2 tokens'
    """
    n, n_bytes = len(tokens.text), len(tokens.text.encode())
    what = f"one symbol of {n} character{'s' * (n > 1)} and {n_bytes} bytes"
    return f"{what}, in {tokens.n_tokens} token{'s' * (tokens.n_tokens != 1)}"


def describe_indentation(counts: Sequence[int]) -> str:
    """Say how many tokens indentations of growing width take.

    Examples
    --------
    >>> describe_indentation([1, 1, 1]), describe_indentation([1, 2, 1, 2])
    ('always one token', 'tokens: 1 2 1 2')
    """
    if set(counts) in ({0}, {1}):
        return "always one token" if counts[0] else "never a token"
    return f"tokens: {' '.join(map(str, counts))}"


def _count(n: int, of: int, what: str) -> str:
    """Return a text such as "2 of 3 separators are", "no separator is" or "each separator is"."""
    if n in (0, of):
        return f"{'each' if n else 'no'} {what} is"
    return f"{n} of {of} {what}s {'is' if n == 1 else 'are'}"
