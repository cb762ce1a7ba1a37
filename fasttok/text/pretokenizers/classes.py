"""Pretokenizers that decide from the classes of neighbouring code points: `SplitPunctuation` and others."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_flag, checked_size
from fasttok.core.ragged import Ragged
from fasttok.text._spans import Spans
from fasttok.text.cuts import BLANK, CUTS, LETTER, NOTHING_KNOWN, NUMBER, OTHER, PUNCTUATION, SPACE, Cuts
from fasttok.text.pretokenizers._class_scan import ClassScanner, LengthScanner, SharedRunScanner
from fasttok.text.steps import ScanningPretokenizer
from fasttok.text.unicode import classes
from fasttok.text.unicode.versions import checked_version

Behavior = Literal["removed", "isolated", "contiguous", "merged_with_previous", "merged_with_next"]
BEHAVIORS = ("removed", "isolated", "contiguous", "merged_with_previous", "merged_with_next")
# The bits of an entry of a table, as in _class_scan.pyx.
KIND, ENDS, BEGINS = 0x3F, 0x40, 0x80


def make_table(matches: NDArray[np.bool_], behavior: str, invert: bool = False) -> NDArray[np.uint8]:
    """Return the table of a `ClassScanner` that splits text at single code points.

    Parameters
    ----------
    matches : ndarray of bool, shape (0x110000,)
        Whether text is split at each code point.
    behavior : str
        One of `BEHAVIORS`.
    invert : bool
        Whether the text between the matches takes the place of the matches, as in ``Split`` of Hugging Face
        ``tokenizers``.
    """
    match, between = {
        "removed": (0, 1),
        "isolated": (1 | BEGINS | ENDS, 1),
        "contiguous": (2, 1),
        "merged_with_previous": (1 | ENDS, 1),
        "merged_with_next": (1 | BEGINS, 1),
    }[behavior]
    if invert:
        match, between = {
            "removed": (1 | BEGINS | ENDS, 0),
            "merged_with_previous": (1 | BEGINS, 1),
            "merged_with_next": (1 | ENDS, 1),
        }.get(behavior, (match, between))
    return np.where(matches, np.uint8(match), np.uint8(between))


def find_cuts(table: NDArray[np.uint8]) -> Cuts:
    """Return the claims about the pretokenizer with this table, for each pair of kinds of code points.

    The first claim holds for a pair if it holds for all code points of these kinds.
    """
    kinds = _kinds_of_code_points()
    n_of = np.bincount(kinds.astype(np.int64) << 8 | table, minlength=6 << 8)
    found = [np.flatnonzero(row).astype(np.uint8) for row in n_of[: 6 << 8].reshape(6, 256)]
    always = np.array([[_always_split(a, b) for b in found] for a in found])
    return Cuts(always, np.ones((6, 6), np.bool_))


def _always_split(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> bool:
    a, b = before[:, None], after[None, :]
    return bool(((a ^ b) & KIND | a & ENDS | b & BEGINS | (a & KIND == 0)).all())


@lru_cache(maxsize=1)
def _kinds_of_code_points() -> NDArray[np.uint8]:
    """Return the kind of every code point, as in ``fasttok.text.cuts``; 6 for U+2581, which is never used."""
    bits = classes.class_of_code_points()
    order = ((classes.LETTER, LETTER), (classes.NUMBER, NUMBER), (classes.PUNCTUATION, PUNCTUATION))
    kinds = np.full(len(bits), OTHER, np.uint8)
    kinds[(bits & classes.SPACE) != 0] = SPACE
    kinds[ord(" ")] = BLANK
    for bit, kind in reversed(order):
        kinds[(bits & bit) != 0] = kind
    kinds[ord("▁")] = 6
    return kinds


class _TablePretokenizer(ScanningPretokenizer):
    """Base class of pretokenizers that run on a scanner with a table."""

    @property
    @abstractmethod
    def table(self) -> NDArray[np.uint8]:
        """An entry for each code point."""

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        return ClassScanner(self.table)

    @cached_property
    def cuts(self) -> Cuts:  # type: ignore[override]
        return find_cuts(self.table)

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        if not self.is_partition:
            raise ValueError(f"{self} drops text between pretokens, so its pretokens have no boundaries")
        return super().boundaries(documents)

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class SplitPunctuation(_TablePretokenizer):
    """Pretokenizer that splits text at punctuation, like ``Punctuation`` of Hugging Face ``tokenizers``.

    Punctuation consists of all characters of category P and the symbols of ASCII.

    Parameters
    ----------
    behavior : str
        Treatment of each punctuation character:

        - "removed": it is dropped.
        - "isolated": it is a pretoken.
        - "contiguous": a run of punctuation is a pretoken.
        - "merged_with_previous": it ends the pretoken before it.
        - "merged_with_next": it begins the pretoken after it.
    unicode : {None, "tokenizers-0.23"}
        Version of Unicode's tables. None is Unicode 17. "tokenizers-0.23" is the version of Hugging Face
        ``tokenizers`` 0.23.

    Raises
    ------
    ValueError
        If an option has another value.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.SplitPunctuation().split_text("Oh, no!!")
    [b'Oh', b',', b' no', b'!', b'!']
    >>> ft.SplitPunctuation("merged_with_previous").split_text("Oh, no!!")
    [b'Oh,', b' no!', b'!']
    """

    behavior: Behavior = "isolated"
    unicode: str | None = None
    name = "split_punctuation"

    def __post_init__(self) -> None:
        checked_choice("behavior", self.behavior, *BEHAVIORS)
        checked_version(self.unicode)

    @property
    def table(self) -> NDArray[np.uint8]:
        return make_table(classes.find_punctuation(self.unicode), self.behavior)

    @property
    def is_partition(self) -> bool:
        return self.behavior != "removed"


@dataclass(frozen=True)
class SplitDigits(_TablePretokenizer):
    """Pretokenizer that separates digits from other text, like ``Digits`` of Hugging Face ``tokenizers``.

    Digits are all characters of category N.

    Parameters
    ----------
    individual : bool
        Whether every digit is a pretoken; if False, every run of digits is.
    unicode : {None, "tokenizers-0.23"}
        Version of Unicode's tables. None is Unicode 17. "tokenizers-0.23" is the version of Hugging Face
        ``tokenizers`` 0.23.

    Raises
    ------
    TypeError
        If `individual` is not a bool.
    ValueError
        If `unicode` has another value.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.SplitDigits().split_text("in 2024")
    [b'in ', b'2024']
    >>> ft.SplitDigits(individual=True).split_text("in 2024")
    [b'in ', b'2', b'0', b'2', b'4']
    """

    individual: bool = False
    unicode: str | None = None
    name = "split_digits"

    def __post_init__(self) -> None:
        checked_flag("individual", self.individual)
        checked_version(self.unicode)

    @property
    def table(self) -> NDArray[np.uint8]:
        return make_table(classes.find_numbers(self.unicode), "isolated" if self.individual else "contiguous")


@dataclass(frozen=True)
class WordsAndSymbols(_TablePretokenizer):
    r"""Pretokenizer for ``\w+|[^\w\s]+``, like ``Whitespace`` of Hugging Face ``tokenizers``.

    The pretokens are runs of letters, digits, marks and underscores, and runs of other characters. White
    space is dropped.

    Parameters
    ----------
    unicode : {None, "tokenizers-0.23"}
        Version of Unicode's tables. Here, both values give the same result: in Unicode 17 and in Hugging Face
        ``tokenizers`` 0.23, ``\w`` and ``\s`` contain the same characters.

    Raises
    ------
    ValueError
        If `unicode` has another value.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.WordsAndSymbols().split_text("Yes, I do!?")
    [b'Yes', b',', b'I', b'do', b'!?']
    """

    unicode: str | None = None
    name = "words_and_symbols"

    def __post_init__(self) -> None:
        checked_version(self.unicode)

    @property
    def table(self) -> NDArray[np.uint8]:
        table = np.where(classes.find_words(), np.uint8(1), np.uint8(2))
        table[classes.find_spaces()] = 0
        return table

    @property
    def is_partition(self) -> bool:
        return False


@dataclass(frozen=True)
class SplitScripts(_TablePretokenizer):
    """Pretokenizer for runs of one script, like ``UnicodeScripts`` of Hugging Face ``tokenizers``.

    Hiragana, Katakana, Han and U+30FC, the long vowel mark, count as one script. Spaces belong to the run
    before them; spaces at the beginning of a text are dropped. All other characters have their Unicode
    script, which is Common for punctuation, most digits and other white space, and Inherited for most
    combining marks. `fasttok.get_pretokenizer` has "script", which follows sentencepiece instead.

    Parameters
    ----------
    unicode : {None, "tokenizers-0.23"}
        Version of Unicode's tables. None is Unicode 17; characters without a script count as Common.
        "tokenizers-0.23" is the version of Hugging Face ``tokenizers`` 0.23, which treats characters without
        a script like spaces.

    Raises
    ------
    ValueError
        If `unicode` has another value.

    Examples
    --------
    >>> import fasttok as ft
    >>> [pretoken.decode() for pretoken in ft.SplitScripts().split_text(" in 東京 タワー, OK")]
    ['in ', '東京 タワー', ', ', 'OK']
    """

    unicode: str | None = None
    name = "split_scripts"

    def __post_init__(self) -> None:
        checked_version(self.unicode)

    @property
    def table(self) -> NDArray[np.uint8]:
        return classes.find_scripts(self.unicode)

    @cached_property
    def scanner(self) -> Spans:
        return SharedRunScanner(self.table)

    @property
    def is_partition(self) -> bool:
        return False

    @property
    def cuts(self) -> Cuts:
        return CUTS[self.name] if self.unicode is None else NOTHING_KNOWN


@dataclass(frozen=True)
class SplitLength(ScanningPretokenizer):
    """Pretokenizer for pieces of the same number of characters, like ``FixedLength`` of ``tokenizers``.

    Parameters
    ----------
    length : int
        Number of characters (code points) of each pretoken. The last pretoken of a text may be shorter. A
        byte that is not UTF-8 counts as one character.

    Raises
    ------
    TypeError
        If `length` is not an integer.
    ValueError
        If `length` is less than 1.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.SplitLength(5).split_text("Hello world")
    [b'Hello', b' worl', b'd']
    """

    length: int
    name = "split_length"

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", checked_size("length", self.length, 1))

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        return LengthScanner(self.length)

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)
