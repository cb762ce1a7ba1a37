"""Draw the charts of a report from the results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from fasttok.evaluation.metrics.parity import lorenz
from fasttok.experiment.report import vocabularies
from fasttok.experiment.report.charts import OTHER, Axis, Drawing, Series, draw_lines, draw_panels
from fasttok.experiment.report.tables import Compared, Row

QUARTERS = (0, 0.25, 0.5, 0.75, 1)  # ticks of an axis of shares


@dataclass(frozen=True)
class Chart:
    """Drawing with its legend, which narrow pages show, and its alternative text."""

    drawing: Drawing
    legend: list[Series]
    alt: str


def draw_compression(
    name: str, rows: Sequence[Row], compared: Iterable[Compared], unranked: Set[str]
) -> Chart | None:
    """Draw bytes per token against vocabulary size, one line per family; None if they were not measured."""
    found = {
        row["tokenizer"]: row["value"]
        for row in rows
        if row["metric"] == "bytes_per_token" and not row["language"] and row["value"] is not None
    }
    families: dict[str, list[Compared]] = defaultdict(list)
    for one in compared:
        if one.name in found:
            families[one.family].append(one)
    if not families:
        return None
    lines = [
        Series(
            _marked(family, any(one.name in unranked for one in ones)),
            ones[0].colour,
            [one.vocab_size for one in ones],
            [found[one.name] for one in ones],
        )
        for family, ones in families.items()
    ]
    sizes = sorted({one.vocab_size for ones in families.values() for one in ones})
    x = Axis("Vocabulary size, ids (logarithmic scale)", is_log=True, ticks=_choose_ticks(sizes))
    described = [
        f"{line.label} from {line.ys[0]:.3g} at {line.xs[0]:,} ids to {line.ys[-1]:.3g} at {line.xs[-1]:,}"
        if len(line.xs) > 1
        else f"{line.label} {line.ys[0]:.3g} at {line.xs[0]:,} ids"
        for line in lines
    ]
    return _chart(draw_lines(name, lines, x, Axis("Bytes per token"), markers=True), lines, described)


def draw_lorenz(name: str, premiums: Sequence[Row], drawn: Iterable[Compared], unranked: Set[str]) -> Chart:
    """Draw the share of all tokens that the cheapest languages take, one line per tokenizer in `drawn`."""
    values: dict[str, list[float]] = defaultdict(list)
    for row in premiums:
        values[row["tokenizer"]].append(row["value"])
    lines = []
    for one in drawn:
        if one.name in values:
            # All languages have the same sentences, so premiums are proportional to numbers of tokens.
            ys = lorenz(np.array(values[one.name])).tolist()
            label = _marked(one.family, one.name in unranked)
            lines.append(Series(label, one.colour, np.linspace(0, 1, len(ys)).tolist(), ys))
    x = Axis("Share of the languages, cheapest first", ticks=QUARTERS, limits=(0, 1))
    y = Axis("Share of all tokens", ticks=QUARTERS, limits=(0, 1))
    described = [
        f"{line.label}: the cheapest half of the languages takes {line.ys[len(line.ys) // 2]:.0%}"
        for line in lines
    ]
    return _chart(draw_lines(name, lines, x, y, diagonal="equality", shared_end=True), lines, described)


def draw_ranks(
    name: str, curves: Mapping[str, Mapping[str, Any]], drawn: Iterable[Compared], unranked: Set[str]
) -> Chart | None:
    """Draw the occurrences of the piece of each rank; None without curves. `curves` are by tokenizer."""
    lines = [
        Series(_marked(one.family, one.name in unranked), one.colour, curve["ranks"], curve["counts"])
        for one in drawn
        if (curve := curves.get(one.name)) and curve["ranks"]
    ]
    if not lines:
        return None
    x = Axis("Rank of the piece (logarithmic scale)", is_log=True)
    y = Axis("Occurrences (logarithmic scale)", is_log=True)
    described = [f"{line.label} uses {line.xs[-1]:,} pieces" for line in lines]
    return _chart(draw_lines(name, lines, x, y, shared_end=True), lines, described)


def draw_lengths(pieces: Mapping[str, Set[bytes]], drawn: Iterable[Compared]) -> Drawing | None:
    """Draw the lengths of the pieces, one panel per vocabulary; None if no vocabulary has several lengths."""
    xs = list(range(1, vocabularies.LONGEST + 1))
    shares = {one: vocabularies.piece_lengths(pieces[one.name]) for one in drawn}
    panels = [Series(one.name, one.colour, xs, ys) for one, ys in shares.items() if 0 < max(ys) < 100]
    if not panels:
        return None
    x = Axis("Characters", ticks=(1, 4, 8, 12, vocabularies.LONGEST))
    return draw_panels("lengths", panels, x, Axis("% of pieces"))


def _marked(label: str, is_unranked: bool) -> str:
    return f"{label} ‡" if is_unranked else label


def _chart(drawing: Drawing, lines: Sequence[Series], described: Sequence[str]) -> Chart:
    return Chart(drawing, [line for line in lines if line.colour != OTHER], "; ".join(described) + ".")


def _choose_ticks(sizes: Sequence[int]) -> list[float]:
    """Return ticks for a logarithmic axis: the ascending sizes, except those too close to the tick before."""
    least_ratio = (sizes[-1] / sizes[0]) ** (1 / 8)
    ticks: list[float] = []
    for size in sizes:
        if not ticks or size >= least_ratio * ticks[-1]:
            ticks.append(size)
    return ticks
