"""The rules of the named normalizers: which code points one after the other are rewritten to which.

They are those that sentencepiece has built in, made from Unicode's decompositions instead of copied, and
what makes them up is simple. A code point is rewritten to its normal form, NFKC. A sequence is rewritten
only if each of its code points is compatible with one, and these compose to a single character: then every
way of writing that character is a rule. So marks that stand in another order than Unicode's, or that are to
be composed across a third, stay as they are, which is where these normalizers differ from NFKC proper.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.text import _decompositions

# Hangul: a syllable is composed of a leading consonant, a vowel, and perhaps a trailing consonant.
SYLLABLES, LEADING, VOWELS, TRAILING = 0xAC00, 0x1100, 0x1161, 0x11A7
N_LEADING, N_VOWELS, N_TRAILING = 19, 21, 28  # "none" is the first trailing consonant
N_SYLLABLES = N_LEADING * N_VOWELS * N_TRAILING

LONGEST = 4  # code points of a key

SPACES = "\t\n\f\r\u061c\u1680\u200b\u200c\u200e\u200f\u2028\u2029\u2581\ufeff\ufffd"
CONTROLS = [*range(0x01, 0x09), 0x0B, *range(0x0E, 0x20), 0x7F, 0x8F, 0x9F]

NAMES = ("nfkc", "nmt_nfkc", "nfkc_cf", "nmt_nfkc_cf")


@dataclass(frozen=True, eq=False)
class Rules:
    """Sequences of code points and what each is rewritten to.

    Parameters
    ----------
    keys : ndarray of uint32, shape (n, 4)
        In ascending order, filled up with 0.
    values : ndarray of int64, shape (n,)
        The replacement of each.
    replacements : list of str
        Each once.
    """

    keys: NDArray[np.uint32]
    values: NDArray[np.int64]
    replacements: list[str]

    @classmethod
    def empty(cls) -> Rules:
        """No rules."""
        return cls(np.empty((0, LONGEST), np.uint32), np.empty(0, np.int64), [])


def _read(table: str, step: int = 1) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The entries of a table, run by run."""
    for entry in table.split():
        run, _, target = entry.partition(":")
        first, _, last = run.partition("-")
        start = tuple(int(part, 16) for part in target.split("+") if part)
        if not last:
            yield int(first, 16), start
        else:
            for i in range(int(last, 16) - int(first, 16) + 1):
                yield int(first, 16) + i, (start[0] + i * step,)


class Unicode:
    """Normal forms of short sequences of code points, in the one version of Unicode that is committed."""

    def __init__(self) -> None:
        self.canonical = dict(_read(_decompositions.CANONICAL))
        self.compatible = self.canonical | dict(_read(_decompositions.COMPATIBLE))
        self.combining = {c: value for c, (value,) in _read(_decompositions.COMBINING, step=0)}
        self.folded = {c: value for c, (value,) in _read(_decompositions.FOLDED)}
        excluded = dict(_read(_decompositions.EXCLUDED))
        self.composed = {
            (parts[0], parts[1]): c
            for c, parts in self.canonical.items()
            if len(parts) == 2 and c not in excluded
        }

    def decompose(self, code_points: Iterable[int], table: dict[int, tuple[int, ...]]) -> list[int]:
        """What they are decomposed to in full: NFKD with the compatible decompositions, NFD without."""
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
        for i, c in enumerate([*out, 0]):  # marks between two characters stand in the order of their classes
            if not self.combining.get(c):
                out[start:i] = sorted(out[start:i], key=lambda mark: self.combining.get(mark, 0))
                start = i + 1
        return out

    def compose(self, decomposed: list[int]) -> list[int]:
        """The composed form, NFC or NFKC, of what has been decomposed."""
        out: list[int] = []
        starter, last_class = -1, 0  # where the last character without a class stands
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


def _syllables() -> NDArray[np.uint32]:
    """The decompositions of all syllables of Hangul, a row each."""
    syllable = np.arange(N_SYLLABLES)
    trailing = syllable % N_TRAILING
    leading, vowel = syllable // (N_TRAILING * N_VOWELS), syllable // N_TRAILING % N_VOWELS
    columns = [LEADING + leading, VOWELS + vowel, np.where(trailing, TRAILING + trailing, 0)]
    return np.stack([*columns, np.zeros_like(syllable)], axis=1).astype(np.uint32)


def _ways_of_writing(
    decomposed: NDArray[np.uint32], variants: dict[int, list[int]]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """All sequences that have one of the given decompositions, and which one each has."""
    ways = [[0], *variants.values()]  # 0 fills up
    number = np.zeros(0x110000, np.int64)
    number[list(variants)] = np.arange(1, len(ways))
    counts = np.array([len(way) for way in ways])
    starts = np.cumsum(counts) - counts
    flat = np.array([c for way in ways for c in way], np.uint32)
    numbers = number[decomposed]
    n_ways = counts[numbers].prod(axis=1)
    rows = np.repeat(np.arange(len(decomposed)), n_ways)
    which = np.arange(len(rows)) - np.repeat(np.cumsum(n_ways) - n_ways, n_ways)
    sequences = np.empty((len(rows), LONGEST), np.uint32)
    for i in range(LONGEST):  # the digits of `which`, in a system with a base a place
        which, digit = np.divmod(which, counts[numbers[rows, i]])
        sequences[:, i] = flat[starts[numbers[rows, i]] + digit]
    return sequences, rows


def make_rules(name: str) -> Rules:
    """The rules of a normalizer.

    Parameters
    ----------
    name : {"nfkc", "nmt_nfkc", "nfkc_cf", "nmt_nfkc_cf"}
        Its name.
    """
    unicode = Unicode()
    single: dict[int, list[int]] = {}
    variants: dict[int, list[int]] = {}  # the code points that are compatible with one other
    for c in unicode.compatible:
        decomposed = unicode.decompose([c], unicode.compatible)
        if len(decomposed) == 1:
            variants.setdefault(decomposed[0], []).append(c)
        normal = unicode.compose(decomposed)
        if normal != [c]:
            single[c] = normal
    written = {
        c: unicode.decompose([c], unicode.compatible) for c in unicode.composed.values() if c not in single
    }
    targets = [*written, *range(SYLLABLES, SYLLABLES + N_SYLLABLES)]
    decompositions = [[*parts, *[0] * (LONGEST - len(parts))] for parts in written.values()]
    table = np.concatenate([np.array(decompositions, np.uint32), _syllables()])
    for c in np.unique(table[table > 0]).tolist():
        variants.setdefault(c, []).append(c)
    sequences, rows = _ways_of_writing(table, variants)

    fold = unicode.folded if name.endswith("_cf") else {}
    for c in fold:
        single.setdefault(c, [c])
    replaced = {c: "".join(chr(fold.get(part, part)) for part in normal) for c, normal in single.items()}
    if name.startswith("nmt_"):
        replaced |= dict.fromkeys(map(ord, SPACES), " ") | dict.fromkeys(CONTROLS, "")
        del replaced[0xFF5E]  # the full-width tilde, which Japanese uses otherwise than the narrow one
    texts = [chr(fold.get(c, c)) for c in targets]
    replacements = sorted({*replaced.values(), *texts})
    index = {text: i for i, text in enumerate(replacements)}
    keys = np.zeros((len(replaced) + len(rows), LONGEST), np.uint32)
    keys[: len(replaced), 0] = list(replaced)
    keys[len(replaced) :] = sequences
    values = np.concatenate(
        [
            np.array([index[text] for text in replaced.values()]),
            np.array([index[text] for text in texts])[rows],
        ]
    )
    order = np.lexsort(keys.T[::-1])
    return Rules(keys[order], values[order], replacements)
