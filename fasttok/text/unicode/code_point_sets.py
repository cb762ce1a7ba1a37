"""Sets of code points, and the properties and the case folding of the engine of ``tokenizers`` 0.23.

A set is an ascending array of code points at which membership changes; ``[48, 58]`` are the ASCII digits.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.text.unicode import _oniguruma

N_CODE_POINTS = 0x110000
CodePoints = NDArray[np.int64]
NOTHING: CodePoints = np.empty(0, np.int64)
EVERYTHING: CodePoints = np.zeros(1, np.int64)


def contains(points: CodePoints, code_points: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether a set contains each of the given code points."""
    found: NDArray[np.bool_] = (np.searchsorted(points, code_points, side="right") & 1).astype(np.bool_)
    return found


def to_mask(points: CodePoints) -> NDArray[np.bool_]:
    """Return whether a set contains each code point: bool[0x110000]."""
    changes = np.zeros(N_CODE_POINTS, np.bool_)
    changes[points[points < N_CODE_POINTS]] = True
    mask: NDArray[np.bool_] = np.logical_xor.accumulate(changes)
    return mask


def combine(rule: Callable[..., NDArray[np.bool_]], *sets: CodePoints) -> CodePoints:
    """Return the code points for which `rule` is true, given their membership in the sets."""
    bounds: CodePoints = np.unique(np.concatenate(sets))
    members = rule(*(contains(points, bounds) for points in sets))
    changes: CodePoints = bounds[np.diff(members, prepend=np.False_)]
    return changes


def union(*sets: CodePoints) -> CodePoints:
    """Return the code points that at least one of the sets contains."""
    return combine(lambda *members: np.logical_or.reduce(members), *sets) if sets else NOTHING


def complement(points: CodePoints) -> CodePoints:
    """Return the code points that a set does not contain."""
    return points[1:] if len(points) and points[0] == 0 else np.concatenate([EVERYTHING, points])


def interval(first: int, last: int) -> CodePoints:
    """Return the set of the code points from `first` to `last`."""
    return np.array([first, last + 1], np.int64)


def to_set(code_points: NDArray[np.int64]) -> CodePoints:
    """Return the set of the given code points."""
    edges, counts = np.unique(np.concatenate([code_points, code_points + 1]), return_counts=True)
    changes: CodePoints = edges[counts == 1]
    return changes


@lru_cache(maxsize=1)
def _sets() -> list[CodePoints]:
    return _unpack(_oniguruma.SETS)


@lru_cache(maxsize=1)
def _index_of_name() -> dict[str, int]:
    rows = _oniguruma.NAMES.split(" ")
    return {name: i for i, names in enumerate(rows) for name in names.split("|")}


def find_property(name: str) -> CodePoints | None:
    r"""Return the set of a property, such as ``\p{L}``, or of a POSIX bracket, such as ``[:alpha:]``.

    Upper and lower case, spaces, ``-`` and ``_`` make no difference. The result is None if the engine has no
    such property.

    Examples
    --------
    >>> find_property("[:digit:]")[:4].tolist()
    [48, 58, 1632, 1642]
    """
    index = _index_of_name().get(property_key(name))
    return None if index is None else _sets()[index]


def property_key(name: str) -> str:
    """Return the name of a property without the differences that the engine ignores."""
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


class _Folds(NamedTuple):
    members: NDArray[np.int64]  # code points with upper and lower case
    groups: NDArray[np.int64]  # group of each of them


@lru_cache(maxsize=1)
def _folds() -> _Folds:
    rows = _unpack(_oniguruma.FOLDS)
    return _Folds(np.concatenate(rows), np.repeat(np.arange(len(rows)), list(map(len, rows))))


def fold(points: CodePoints) -> CodePoints:
    """Return a set with all code points that are equal to its members without regard to case.

    Examples
    --------
    >>> fold(interval(ord("k"), ord("k"))).tolist()  # k, K and the Kelvin sign
    [75, 76, 107, 108, 8490, 8491]
    """
    members, groups = _folds()
    hit = np.unique(groups[contains(points, members)])
    return union(points, to_set(members[np.isin(groups, hit)]))


@lru_cache(maxsize=4096)
def fold_code_point(code_point: int) -> CodePoints:
    """Return the code points that are equal to one without regard to case; do not change the array."""
    return fold(interval(code_point, code_point))


@lru_cache(maxsize=1)
def _first_of_group() -> dict[int, int]:
    members, groups = _folds()
    _, firsts = np.unique(groups, return_index=True)
    return dict(zip(members.tolist(), members[firsts][groups].tolist(), strict=True))


def simple_fold(text: str) -> str:
    """Return a text in which code points that are equal without regard to case are the same.

    Examples
    --------
    >>> simple_fold("Straße") == simple_fold("STRAße") != simple_fold("STRASSE")
    True
    """
    return text.translate(_first_of_group())


@lru_cache(maxsize=1)
def full_folds() -> dict[str, str]:
    """Return the code points that match several others if case is ignored, such as ß, which matches "ss"."""
    return {word[0]: word[1:] for word in _oniguruma.FULL_FOLDS.split(" ")}


@lru_cache(maxsize=256)
def find_full_fold(text: str) -> str | None:
    """Return a code point of `full_folds` that matches a part of a text without regard to case, if any."""
    simple = simple_fold(text)
    return next((c for c, folding in full_folds().items() if simple_fold(folding) in simple), None)


def _unpack(packed: str) -> list[NDArray[np.int64]]:
    """Unpack lists of integers that ``tests/make_oniguruma.py`` packed."""
    data = np.frombuffer(zlib.decompress(base64.b85decode(packed)), np.uint8)
    ends = np.flatnonzero(data < 0x80)
    starts = np.concatenate([[0], ends[:-1] + 1])
    shifts = 7 * (np.arange(len(data)) - np.repeat(starts, ends - starts + 1))
    numbers = np.add.reduceat((data & 0x7F).astype(np.int64) << shifts, starts)
    rows, i = [], 0
    while i < len(numbers):
        n = int(numbers[i])
        rows.append(np.cumsum(numbers[i + 1 : i + 1 + n]))
        i += 1 + n
    return rows
