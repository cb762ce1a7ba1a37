"""Drawings of lattices of Unigram models, and of the table of the Viterbi algorithm."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fasttok.display.colours import escape
from fasttok.display.drawings import (
    BOX_HEIGHT,
    COLUMN,
    Box,
    Drawing,
    Line,
    Word,
    fit_width,
    join_labels,
    mark_combining,
)
from fasttok.display.rendering import render
from fasttok.display.tables import Table
from fasttok.models.unigram.lattice import Lattice, ViterbiTable

MOST_CHARACTERS = 80  # characters of a text that a drawing shows
_LEVEL = 40  # height of a level of arcs in pixels
_MARGIN = 12  # width of the margins
_STAR = "*"  # mark of the best segmentation in tables


# The table of the Viterbi algorithm


def write_table(table: ViterbiTable) -> str:
    """Return the table as text."""
    return str(_make_table(table))


def table_to_html(table: ViterbiTable) -> str | None:
    """Return the table as HTML; None if jinja2 is not installed."""
    return render("table.html", table=_make_table(table))


def _make_table(table: ViterbiTable) -> Table:
    def row(i: int) -> list[str]:
        start, end = int(table.starts[i]), int(table.positions[i])
        piece = escape(table.text[start:end]) if start >= 0 else ""
        mark = _STAR if table.is_on_best_path[i] else ""
        return [str(end), f"{table.best_scores[i]:.3f}", piece, str(start) if start >= 0 else "", mark]

    heads = ["position", "best score", "piece", "from", "best"]
    return Table(heads, len(table), row, right=["position", "best score", "from"])


# Lattices


class Arc(NamedTuple):
    """Arc of a lattice, with its numbers.

    Attributes
    ----------
    start, end : int
        Start and end in bytes.
    label : str
        Text of the arc in readable form.
    id : int
        Id; -1 for an unknown character.
    score, probability : float
        Score in nats, and marginal probability.
    is_best : bool
        Whether the arc is on the best path.
    """

    start: int
    end: int
    label: str
    id: int
    score: float
    probability: float
    is_best: bool


class View(NamedTuple):
    """Part of a lattice that is drawn.

    Attributes
    ----------
    text : bytes
        The text.
    positions : list of int
        Positions in bytes at which arcs start and end.
    n_positions : int
        Number of such positions in the whole text.
    arcs : list of Arc
        Arcs between the positions, in the order of the lattice.
    best : list of str
        Labels of the first arcs of the best path, at most one more than characters are drawn.
    best_probability : float
        Probability of the best path.
    """

    text: bytes
    positions: list[int]
    n_positions: int
    arcs: list[Arc]
    best: list[str]
    best_probability: float


def lattice_to_html(lattice: Lattice) -> str | None:
    """Return a drawing of a lattice with a table of its arcs; None if jinja2 is not installed."""
    view = _make_view(lattice)
    table = _list_arcs(view)
    summary = "Table of the arcs"
    return render("figure.html", drawing=_draw(view), is_file=False, summary=summary, table=table)


def lattice_to_svg(lattice: Lattice) -> str | None:
    """Return a drawing of a lattice as an SVG file; None if jinja2 is not installed."""
    return render("drawing.svg", drawing=_draw(_make_view(lattice)), is_file=True)


def _make_view(lattice: Lattice) -> View:
    table = lattice.table()
    best_arcs = table.arcs[table.is_on_best_path][1:]
    log_probability = float(table.best_scores[-1]) - lattice.log_likelihood()
    positions = table.positions[: MOST_CHARACTERS + 1].tolist()
    shown = np.flatnonzero(lattice.ends <= positions[-1])
    is_best = np.zeros(len(lattice), np.bool_)
    is_best[best_arcs] = True
    columns = (lattice.starts, lattice.ends, lattice.ids, lattice.scores, lattice.marginals(), is_best)
    arcs = [
        Arc(start, end, escape(lattice.text[start:end]), i, score, probability, best)
        for start, end, i, score, probability, best in zip(
            *(column[shown].tolist() for column in columns), strict=True
        )
    ]
    first = best_arcs[: MOST_CHARACTERS + 1]
    best_spans = zip(lattice.starts[first].tolist(), lattice.ends[first].tolist(), strict=True)
    best = [escape(lattice.text[start:end]) for start, end in best_spans]
    return View(lattice.text, positions, len(table), arcs, best, min(math.exp(log_probability), 1.0))


def _list_arcs(view: View) -> Table:
    def row(i: int) -> list[str]:
        arc = view.arcs[i]
        number = str(arc.id) if arc.id >= 0 else "unknown"
        numbers = [f"{arc.score:.3f}", format_probability(arc.probability)]
        return [arc.label, str(arc.start), str(arc.end), number, *numbers, _STAR if arc.is_best else ""]

    heads = ["piece", "start", "end", "id", "score", "probability", "best"]
    return Table(heads, len(view.arcs), row, right=["start", "end", "id", "score", "probability"])


def format_probability(probability: float) -> str:
    """Return a probability with two digits after the point.

    Examples
    --------
    >>> [format_probability(p) for p in (1 - 1e-15, 0.999, 0.5, 0.001)]
    ['1.00', '>0.99', '0.50', '<0.01']
    """
    if probability < 0.005:
        return "<0.01"
    # Sums of all segmentations are rounded, so that a certain arc can have a probability just below 1.
    return ">0.99" if 0.995 <= probability < 1 - 1e-9 else f"{probability:.2f}"


def _draw(view: View) -> Drawing:
    """Return the drawing of a lattice: the text at the bottom, and arcs over it, the longest at the top."""
    n = len(view.positions) - 1
    characters = [escape(view.text[view.positions[i] : view.positions[i + 1]]) for i in range(n)]
    xs = [float(_MARGIN)]
    for character in characters:
        xs.append(xs[-1] + max(COLUMN, fit_width(character) + 2))
    place_of = {position: place for place, position in enumerate(view.positions)}
    spans = [(place_of[arc.start], place_of[arc.end]) for arc in view.arcs]
    levels = choose_levels(spans)
    base = _MARGIN + BOX_HEIGHT / 2 + max(levels, default=0) * _LEVEL
    drawing = Drawing(_title(view), _describe(view), width=xs[-1] + _MARGIN, height=base + 46)
    in_order = sorted(range(len(spans)), key=lambda i: view.arcs[i].is_best)  # the best path over the others
    for i in in_order:
        arc, (start, end) = view.arcs[i], spans[i]
        x0, x1, y = xs[start], xs[end], base - levels[i] * _LEVEL
        # The curve is steep at its ends. Its highest point is at y: 3/4 of the way to its handles.
        top, inset = base - (base - y) / 0.75, min((x1 - x0) / 6, 12)
        handles = f"{x0 + inset:.1f} {top:.1f} {x1 - inset:.1f} {top:.1f}"
        path = f"M{x0:.1f} {base:.1f}C{handles} {x1:.1f} {base:.1f}"
        strength = 1 if arc.is_best else arc.probability
        drawing.lines.append(
            Line(path, 1 + 2 * strength, 0.3 + 0.7 * strength, "best" if arc.is_best else "")
        )
        small = format_probability(arc.probability)
        kinds = ["best"] * arc.is_best + ["unknown"] * (arc.id < 0)
        drawing.boxes.append(
            Box(
                (x0 + x1) / 2,
                y,
                fit_width(arc.label, small) - 2,
                mark_combining(arc.label),
                small,
                " ".join(kinds) or "plain",
                f"{arc.label}, bytes {arc.start} to {arc.end}, "
                f"{'unknown' if arc.id < 0 else f'id {arc.id}'}, score {arc.score:.3f}, "
                f"probability {small}",
            )
        )
    for place, x in enumerate(xs):
        drawing.dots.append((x, base))
        drawing.words.append(Word(x, base + 36, str(view.positions[place]), "small"))
    for place, character in enumerate(characters):
        x = (xs[place] + xs[place + 1]) / 2
        drawing.words.append(Word(x, base + 20, mark_combining(character), ""))
    return drawing


def choose_levels(spans: list[tuple[int, int]]) -> list[int]:
    """Return a level from 1 for each span, so that spans of a level do not overlap, and short ones are low.

    Takes O(a l n) for a spans on l levels over n places.

    Examples
    --------
    >>> choose_levels([(0, 1), (0, 3), (1, 2), (1, 3)])
    [1, 3, 1, 2]
    """
    taken: list[set[int]] = []  # places that are taken on each level
    levels = [0] * len(spans)
    for i in sorted(range(len(spans)), key=lambda i: (spans[i][1] - spans[i][0], spans[i])):
        places = range(*spans[i])
        free = (level for level, used in enumerate(taken) if used.isdisjoint(places))
        level = next(free, len(taken))
        if level == len(taken):
            taken.append(set())
        taken[level].update(places)
        levels[i] = level + 1
    return levels


def _title(view: View) -> str:
    n, n_all = len(view.positions) - 1, view.n_positions - 1
    part = f", the first {n} of {n_all:,} characters" if n < n_all else ""
    return f"Lattice of {escape(view.text[: view.positions[-1]])}{part}"


def _describe(view: View) -> str:
    n = len(view.best)
    shown = join_labels(view.best[:MOST_CHARACTERS]) + "|…" * (n > MOST_CHARACTERS)
    probability = format_probability(view.best_probability)
    return f"{_title(view)}. Best segmentation: {shown or 'none'}, with probability {probability}."
