"""Unicode's normal forms (UAX #15), from the tables in `_decompositions.py`.

This straightforward implementation serves to build tables. `normalizers/_code_points.pyx` rewrites text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fasttok.text.unicode import _decompositions, _tokenizers_tables

# Hangul syllables: each consists of a leading consonant, a vowel and an optional trailing consonant.
SYLLABLES, LEADING, VOWELS, TRAILING = 0xAC00, 0x1100, 0x1161, 0x11A7
N_LEADING, N_VOWELS, N_TRAILING = 19, 21, 28  # TRAILING itself counts: it means no trailing consonant
N_SYLLABLES = N_LEADING * N_VOWELS * N_TRAILING


def _runs(table: str) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Yield the first and the last code point of every run of a table, and the value of the first."""
    for entry in table.split():
        run, _, target = entry.partition(":")
        first, _, last = run.partition("-")
        yield (
            int(first, 16),
            int(last or first, 16),
            tuple(int(part, 16) for part in target.split("+") if part),
        )


def _read(table: str, step: int = 1) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the code points of a table with their values. In a run, the value grows by `step`."""
    for first, last, start in _runs(table):
        yield first, start
        for i in range(1, last - first + 1):
            yield first + i, (start[0] + i * step,)


def _code_points(table: str) -> set[int]:
    """Return all code points of a table."""
    return {c for first, last, _ in _runs(table) for c in range(first, last + 1)}


class Unicode:
    """Unicode's tables, and the normal forms of short sequences of code points.

    Parameters
    ----------
    version : str or None
        Version of the tables: None for fasttok's own, or an entry of ``versions.VERSIONS``.
    """

    def __init__(self, version: str | None = None) -> None:
        self._is_older = version is not None

    @cached_property
    def _unknown(self) -> set[int]:
        """Code points that have no decomposition and no combining class in this version."""
        return _code_points(_tokenizers_tables.UNKNOWN) if self._is_older else set()

    def _corrected(self, code_points: set[int], differences: str) -> set[int]:
        return code_points ^ _code_points(differences) if self._is_older else code_points

    @cached_property
    def canonical(self) -> dict[int, tuple[int, ...]]:
        """The canonical decomposition of each code point in one step, without Hangul syllables."""
        return {c: parts for c, parts in _read(_decompositions.CANONICAL) if c not in self._unknown}

    @cached_property
    def compatible(self) -> dict[int, tuple[int, ...]]:
        """The canonical and compatibility decompositions in one step, without Hangul syllables."""
        more = {c: parts for c, parts in _read(_decompositions.COMPATIBLE) if c not in self._unknown}
        return self.canonical | more

    @cached_property
    def combining(self) -> dict[int, int]:
        """The canonical combining classes that are not 0."""
        table = _read(_decompositions.COMBINING, step=0)
        return {c: value for c, (value,) in table if c not in self._unknown}

    @cached_property
    def folded(self) -> dict[int, int]:
        """The simple case folding of each code point that has one."""
        return {c: value for c, (value,) in _read(_decompositions.FOLDED)}

    @cached_property
    def lower(self) -> dict[int, tuple[int, ...]]:
        """The full lower-case mapping of each code point that has one, without regard to context."""
        return dict(_read(_decompositions.LOWER))

    @cached_property
    def marks(self) -> set[int]:
        """The marks: category M."""
        return self._corrected(_code_points(_decompositions.MARKS), _tokenizers_tables.MARKS)

    @cached_property
    def nonspacing(self) -> set[int]:
        """The nonspacing marks: category Mn."""
        known = {c for c, (value,) in _read(_decompositions.MARKS, step=0) if value == 1}
        return self._corrected(known, _tokenizers_tables.NONSPACING)

    @cached_property
    def others(self) -> set[int]:
        """The control, format and private-use characters: categories Cc, Cf and Co."""
        return self._corrected(_code_points(_decompositions.OTHERS), _tokenizers_tables.OTHERS)

    @cached_property
    def composed(self) -> dict[tuple[int, int], int]:
        """The code point that each pair composes to, without Hangul syllables."""
        excluded = dict(_read(_decompositions.EXCLUDED))
        return {
            (parts[0], parts[1]): c
            for c, parts in self.canonical.items()
            if len(parts) == 2 and c not in excluded
        }

    def decompose(self, code_points: Iterable[int], table: dict[int, tuple[int, ...]]) -> list[int]:
        """Return the full decomposition: NFD with the table `canonical`, NFKD with `compatible`."""
        out: list[int] = []
        for c in code_points:
            if c in table:
                out += self.decompose(table[c], table)
            elif SYLLABLES <= c < SYLLABLES + N_SYLLABLES:
                rest, trailing = divmod(c - SYLLABLES, N_TRAILING)
                leading, vowel = divmod(rest, N_VOWELS)
                out += [LEADING + leading, VOWELS + vowel]
                if trailing:
                    out.append(TRAILING + trailing)
            else:
                out.append(c)
        start = 0
        for i, c in enumerate([*out, 0]):  # sort every run of marks by class
            if not self.combining.get(c):
                out[start:i] = sorted(out[start:i], key=lambda mark: self.combining.get(mark, 0))
                start = i + 1
        return out

    def compose(self, decomposed: list[int]) -> list[int]:
        """Return the composition of decomposed code points: NFC of an NFD, NFKC of an NFKD."""
        out: list[int] = []
        starter, last_class = -1, 0  # index of the last code point of class 0
        for c in decomposed:
            value = self.combining.get(c, 0)
            if starter >= 0 and (last_class < value or starter == len(out) - 1):
                pair = self._compose_pair(out[starter], c)
                if pair is not None:
                    out[starter] = pair
                    continue
            if not value:
                starter = len(out)
            last_class = value
            out.append(c)
        return out

    def _compose_pair(self, a: int, b: int) -> int | None:
        leading, vowel = a - LEADING, b - VOWELS
        if 0 <= leading < N_LEADING and 0 <= vowel < N_VOWELS:
            return SYLLABLES + (leading * N_VOWELS + vowel) * N_TRAILING
        syllable, trailing = a - SYLLABLES, b - TRAILING
        if 0 <= syllable < N_SYLLABLES and syllable % N_TRAILING == 0 and 0 < trailing < N_TRAILING:
            return a + trailing
        return self.composed.get((a, b))


def syllables() -> NDArray[np.uint32]:
    """Return the decompositions of all Hangul syllables, padded with 0: uint32[N_SYLLABLES, 4]."""
    syllable = np.arange(N_SYLLABLES)
    trailing = syllable % N_TRAILING
    leading, vowel = syllable // (N_TRAILING * N_VOWELS), syllable // N_TRAILING % N_VOWELS
    columns = [LEADING + leading, VOWELS + vowel, np.where(trailing, TRAILING + trailing, 0)]
    return np.stack([*columns, np.zeros_like(syllable)], axis=1).astype(np.uint32)
