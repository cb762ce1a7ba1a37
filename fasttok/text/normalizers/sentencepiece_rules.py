"""Sentencepiece's built-in normalization rules, derived from Unicode's tables.

Two kinds of rules make up "sp_nfkc", and the other named rules are based on it:

- A single code point is rewritten to its NFKC form.
- A sequence is rewritten to a single character if this character decomposes to code points that are, one by
  one, compatible with those of the sequence. So every spelling of a composed character has a rule.

There are no rules for marks in an order that is not canonical, or for a mark that composes across another
mark. These sequences stay as they are, which is the difference from NFKC.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.text.unicode.normal_forms import N_SYLLABLES, SYLLABLES, Unicode, syllables

LONGEST = 4  # maximum number of code points of a key

# Code points that the "nmt_" rules rewrite to a space, and those that they drop.
SPACES = "\t\n\f\r\u061c\u1680\u200b\u200c\u200e\u200f\u2028\u2029\u2581\ufeff\ufffd"
CONTROLS = [*range(0x01, 0x09), 0x0B, *range(0x0E, 0x20), 0x7F, 0x8F, 0x9F]


@dataclass(frozen=True, eq=False)
class Rules:
    """Rewrite rules: sequences of code points and their replacements.

    Parameters
    ----------
    keys : ndarray of uint32, shape (n, 4)
        Sequences in ascending order, padded with 0.
    values : ndarray of int64, shape (n,)
        Index of the replacement of each sequence.
    replacements : list of str
        Distinct replacements.
    """

    keys: NDArray[np.uint32]
    values: NDArray[np.int64]
    replacements: list[str]

    @classmethod
    def empty(cls) -> Rules:
        """Return no rules."""
        return cls(np.empty((0, LONGEST), np.uint32), np.empty(0, np.int64), [])


def _spellings(
    decomposed: NDArray[np.uint32], variants: dict[int, list[int]]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return all sequences that have one of the given decompositions, and the row of that decomposition.

    `decomposed` is uint32[n, 4], padded with 0. `variants` lists the code points that can replace each code
    point of a decomposition, including the code point itself. The result is uint32[m, 4], padded with 0, and
    int64[m].
    """
    spellings = [[0], *variants.values()]  # 0 is padding
    number = np.zeros(0x110000, np.int64)
    number[list(variants)] = np.arange(1, len(spellings))
    counts = np.array([len(spelling) for spelling in spellings])
    starts = np.cumsum(counts) - counts
    flat = np.array([c for spelling in spellings for c in spelling], np.uint32)
    numbers = number[decomposed]
    n_spellings = counts[numbers].prod(axis=1)
    rows = np.repeat(np.arange(len(decomposed)), n_spellings)
    which = np.arange(len(rows)) - np.repeat(np.cumsum(n_spellings) - n_spellings, n_spellings)
    sequences = np.empty((len(rows), LONGEST), np.uint32)
    for i in range(LONGEST):  # the digits of `which` in a mixed-radix system
        which, digit = np.divmod(which, counts[numbers[rows, i]])
        sequences[:, i] = flat[starts[numbers[rows, i]] + digit]
    return sequences, rows


def make_rules(name: str) -> Rules:
    """Return the rules of a named normalizer.

    Parameters
    ----------
    name : {"sp_nfkc", "nmt_nfkc", "sp_nfkc_cf", "nmt_nfkc_cf"}
        Name of the normalizer.
    """
    unicode = Unicode()
    single: dict[int, list[int]] = {}
    variants: dict[int, list[int]] = {}  # for each code point, those that decompose to it alone
    for c in unicode.compatible:
        decomposed = unicode.decompose([c], unicode.compatible)
        if len(decomposed) == 1:
            variants.setdefault(decomposed[0], []).append(c)
        normal = unicode.compose(decomposed)
        if normal != [c]:
            single[c] = normal
    composed = {
        c: unicode.decompose([c], unicode.compatible) for c in unicode.composed.values() if c not in single
    }
    targets = [*composed, *range(SYLLABLES, SYLLABLES + N_SYLLABLES)]
    decompositions = [[*parts, *[0] * (LONGEST - len(parts))] for parts in composed.values()]
    table = np.concatenate([np.array(decompositions, np.uint32), syllables()])
    for c in np.unique(table[table > 0]).tolist():
        variants.setdefault(c, []).append(c)
    sequences, rows = _spellings(table, variants)

    fold = unicode.folded if name.endswith("_cf") else {}
    for c in fold:
        single.setdefault(c, [c])
    replaced = {c: "".join(chr(fold.get(part, part)) for part in normal) for c, normal in single.items()}
    if name.startswith("nmt_"):
        replaced |= dict.fromkeys(map(ord, SPACES), " ") | dict.fromkeys(CONTROLS, "")
        del replaced[0xFF5E]  # the full-width tilde: Japanese uses it differently from the ASCII tilde
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
