"""HTML of a trace: one panel per step, with a slider over the steps.

The page makes no requests. Without its script, for example in a notebook that is not trusted, all panels are
shown below each other in a box that scrolls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fasttok.display.colours import STYLE
from fasttok.display.rendering import render
from fasttok.traces.tables import TraceTable

FIRST_STEPS = 100  # steps at the start that are always shown
MOST_STEPS = 200  # maximum number of steps that are shown


class Panel(NamedTuple):
    """Description of one step: parts of its heading from left to right, sentences, table."""

    heading: tuple[str, ...]
    text: str
    table: TraceTable | None


def draw_steps(title: str, what: str, n: int, make_panel: Callable[[int], Panel]) -> str | None:
    """Return the HTML of a trace; None if jinja2 is not installed.

    Parameters
    ----------
    title : str
        Title of the trace.
    what : str
        Name of a step, such as "merge".
    n : int
        Number of steps.
    make_panel : callable
        Function that returns the panel of a step, counted from 0.
    """
    shown = choose_steps(n)
    note = ""
    if len(shown) < n:
        note = (
            f"The first {FIRST_STEPS} of {n:,} {what}s are shown, and {len(shown) - FIRST_STEPS} later ones "
            "at growing distances; to_pandas() has all."
        )
    panels = [make_panel(i) for i in shown]
    return render("trace.html", style=STYLE, title=title, what=what.capitalize(), panels=panels, note=note)


def choose_steps(n: int) -> list[int]:
    """Return the steps that are shown of `n`, counted from 0: the first ones, then fewer and fewer."""
    if n <= MOST_STEPS:
        return list(range(n))
    later = np.geomspace(FIRST_STEPS, n, MOST_STEPS - FIRST_STEPS + 1).round().astype(np.int64) - 1
    chosen: list[int] = np.unique(np.concatenate([np.arange(FIRST_STEPS), later])).tolist()
    return chosen
