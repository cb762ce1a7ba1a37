"""`TraceTable`: rows of a trace as text, as HTML and as a data frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from fasttok.core.versions import import_pandas
from fasttok.display.colours import STYLE, ColouredTokens, Shown, prepare
from fasttok.display.rendering import render
from fasttok.display.tables import MOST_LISTED, Table

Cell = str | int | float | bool | ColouredTokens | None


class DrawnRow(NamedTuple):
    """Row as a template draws it: texts or tokens, and the fraction of its width that is shaded."""

    cells: list[str | Shown]
    share: float | None


@dataclass(frozen=True, repr=False)
class TraceTable:
    """Table that prints as text, and that a notebook shows as HTML if jinja2 is installed.

    Attributes
    ----------
    title : str
        Title, shown above the table.
    columns : tuple of str
        Names of the columns.
    rows : tuple of tuple
        Cells of each row: str, int, float, bool, `fasttok.ColouredTokens` or None.
    note : str
        Text below the table.
    shares : tuple of float
        Fraction of the width of each row that is shaded in HTML, from 0 to 1; empty for no shades.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
    >>> ft.trace(counts, model="wordpiece", vocab_size=20).candidates(1)
    Step 1: ##e + ##s is merged
    left  right  piece  count  count of left  count of right    score
    ##e   ##s    ##es       9             17               9  0.05882
    ##s   ##t    ##st       9              9               9   0.1111
    ##w   ##e    ##we       8             13              17   0.0362
    l     ##o    lo         7              7               7   0.1429
    ##o   ##w    ##ow       7              7              13  0.07692
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    shares: tuple[float, ...] = ()

    def __repr__(self) -> str:
        table = Table(
            self.columns, len(self.rows), lambda i: list(map(write_cell, self.rows[i])), self.numbers
        )
        return "\n".join(part for part in (self.title, str(table), self.note) if part)

    def _repr_html_(self) -> str | None:
        return render("trace_table.html", style=STYLE, table=self)

    @property
    def numbers(self) -> list[str]:
        """Names of the columns that have numbers."""
        return [
            name
            for i, name in enumerate(self.columns)
            if any(isinstance(row[i], (int, float)) and not isinstance(row[i], bool) for row in self.rows)
        ]

    @property
    def drawn(self) -> list[DrawnRow]:
        """Rows in HTML: the first 200."""
        return [
            DrawnRow(
                [prepare(cell) if isinstance(cell, ColouredTokens) else write_cell(cell) for cell in row],
                self.shares[i] if self.shares else None,
            )
            for i, row in enumerate(self.rows[:MOST_LISTED])
        ]

    def to_pandas(self) -> Any:
        """Return the rows as a ``pandas.DataFrame``.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return make_frame({name: [row[i] for row in self.rows] for i, name in enumerate(self.columns)})


def write_cell(cell: Cell) -> str:
    """Return a cell as text: counts with commas, other numbers with four digits, "yes" or "no" for a bool."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, (int, float)):
        return f"{cell:,}" if isinstance(cell, int) else f"{cell:.4g}"
    return cell if isinstance(cell, str) else repr(cell)


def make_frame(columns: dict[str, Any]) -> Any:
    """Return columns as a ``pandas.DataFrame``.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    pd = import_pandas()
    return pd.DataFrame(columns)
