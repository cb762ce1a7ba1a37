"""The rules of the named normalizers: which code points one after the other are rewritten to which.

They are those that sentencepiece has built in, made from Unicode's decompositions instead of copied, and
what makes them up is simple. A code point is rewritten to its normal form, NFKC. A sequence is rewritten
only if each of its code points is compatible with one, and these compose to a single character: then every
way of writing that character is a rule. So marks that stand in another order than Unicode's, or that are to
be composed across a third, stay as they are, which is where these normalizers differ from NFKC proper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.text.unicode.normal_forms import N_SYLLABLES, SYLLABLES, Unicode, syllables

LONGEST = 4  # code points of a key

SPACES = "\t\n\f\r\u061c\u1680\u200b\u200c\u200e\u200f\u2028\u2029\u2581\ufeff\ufffd"
CONTROLS = [*range(0x01, 0x09), 0x0B, *range(0x0E, 0x20), 0x7F, 0x8F, 0x9F]


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
    name : {"sp_nfkc", "nmt_nfkc", "sp_nfkc_cf", "nmt_nfkc_cf"}
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
    table = np.concatenate([np.array(decompositions, np.uint32), syllables()])
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
