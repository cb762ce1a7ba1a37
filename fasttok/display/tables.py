"""`Table`: rows of text, for terminals and for notebooks."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

MOST_WRITTEN = 60  # rows of a table of text; of a longer one, the first and the last 30 are written
MOST_LISTED = 200  # rows of a table in HTML


@dataclass(frozen=True)
class Table:
    """Table whose rows are made when they are needed. ``str`` aligns its columns for a terminal.

    Attributes
    ----------
    heads : sequence of str
        Heads of the columns.
    n : int
        Number of rows.
    row : callable
        Function that returns the cells of a row, given its number from 0.
    right : collection of str
        Heads of the columns that are aligned to the right.

    Examples
    --------
    >>> print(Table(["piece", "n"], 2, [["low", "5"], ["東京", "12"]].__getitem__, right=["n"]))
    piece   n
    low     5
    東京   12
    """

    heads: Sequence[str]
    n: int
    row: Callable[[int], Sequence[str]]
    right: Collection[str] = ()

    def __str__(self) -> str:
        half = MOST_WRITTEN // 2
        if self.n <= MOST_WRITTEN:
            rows = [self.heads, *map(self.row, range(self.n))]
        else:
            last = range(self.n - half, self.n)
            rows = [self.heads, *map(self.row, range(half)), ["…"] * len(self.heads), *map(self.row, last)]
        widths = [max(map(measure_width, column)) for column in zip(*rows, strict=True)]
        return "\n".join(self._align(cells, widths) for cells in rows)

    def _align(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        line = []
        for head, cell, width in zip(self.heads, cells, widths, strict=True):
            space = " " * (width - measure_width(cell))
            line.append(space + cell if head in self.right else cell + space)
        return "  ".join(line).rstrip()

    @property
    def listed(self) -> list[Sequence[str]]:
        """Rows of the table in HTML: the first 200."""
        return list(map(self.row, range(min(self.n, MOST_LISTED))))


def measure_width(text: str) -> int:
    r"""Return the number of columns that a text takes in a terminal.

    Examples
    --------
    >>> measure_width("low"), measure_width("東京"), measure_width("e\u0301")
    (3, 4, 1)
    """
    return sum(map(_width_of, text))


def _width_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
