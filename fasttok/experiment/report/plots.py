"""Which data of a comparison become which chart."""

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

QUARTERS = (0, 0.25, 0.5, 0.75, 1)


@dataclass(frozen=True)
class Chart:
    """A drawing, the lines to name where there is no room to write beside them, and all of it in words."""

    drawing: Drawing
    legend: list[Series]
    alt: str


def draw_compression(
    name: str, rows: Sequence[Row], compared: Iterable[Compared], incapable: Set[str]
) -> Chart | None:
    """Bytes a token against the size of the vocabulary, a line a family; None if they were not measured."""
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
            _marked(family, any(one.name in incapable for one in ones)),
            ones[0].colour,
            [one.vocab_size for one in ones],
            [found[one.name] for one in ones],
        )
        for family, ones in families.items()
    ]
    sizes = sorted({one.vocab_size for ones in families.values() for one in ones})
    x = Axis("vocabulary size, ids (logarithmic)", is_log=True, ticks=_apart(sizes))
    said = [
        f"{line.label} from {line.ys[0]:.3g} at {line.xs[0]:,} to {line.ys[-1]:.3g} at {line.xs[-1]:,}"
        for line in lines
    ]
    return _chart(draw_lines(name, lines, x, Axis("Bytes per token"), markers=True), lines, said)


def draw_lorenz(name: str, premiums: Sequence[Row], drawn: Iterable[Compared], incapable: Set[str]) -> Chart:
    """The share of all tokens that the cheapest languages take, a line for each tokenizer that is drawn."""
    values: dict[str, list[float]] = defaultdict(list)
    for row in premiums:
        values[row["tokenizer"]].append(row["value"])
    lines = []
    for one in drawn:
        if one.name in values:
            # Every language has the same sentences, so premiums are as good as tokens.
            ys = lorenz(np.array(values[one.name])).tolist()
            label = _marked(one.family, one.name in incapable)
            lines.append(Series(label, one.colour, np.linspace(0, 1, len(ys)).tolist(), ys))
    x = Axis("share of the languages, cheapest first", ticks=QUARTERS, limits=(0, 1))
    y = Axis("Share of all tokens", ticks=QUARTERS, limits=(0, 1))
    said = [f"{line.label}: half of the languages take {line.ys[len(line.ys) // 2]:.0%}" for line in lines]
    return _chart(draw_lines(name, lines, x, y, diagonal="equal treatment", meets=True), lines, said)


def draw_ranks(
    name: str, curves: Mapping[str, Mapping[str, Any]], drawn: Iterable[Compared], incapable: Set[str]
) -> Chart | None:
    """How often the pieces of each rank occur; None without curves, which are by tokenizer."""
    lines = [
        Series(_marked(one.family, one.name in incapable), one.colour, curve["ranks"], curve["counts"])
        for one in drawn
        if (curve := curves.get(one.name)) and curve["ranks"]
    ]
    if not lines:
        return None
    x = Axis("rank of the piece (logarithmic)", is_log=True)
    y = Axis("Occurrences (logarithmic)", is_log=True)
    said = [f"{line.label} uses {line.xs[-1]:,} pieces" for line in lines]
    return _chart(draw_lines(name, lines, x, y, meets=True), lines, said)


def draw_lengths(pieces: Mapping[str, Set[bytes]], drawn: Iterable[Compared]) -> Drawing | None:
    """How long the pieces of each vocabulary are; None if each has but one length."""
    xs = list(range(1, vocabularies.LONGEST + 1))
    shares = {one: vocabularies.piece_lengths(pieces[one.name]) for one in drawn}
    panels = [Series(one.name, one.colour, xs, ys) for one, ys in shares.items() if 0 < max(ys) < 100]
    if not panels:
        return None
    x = Axis("characters", ticks=(1, 4, 8, 12, vocabularies.LONGEST))
    return draw_panels("lengths", panels, x, Axis("% of pieces"))


def _marked(label: str, is_incapable: bool) -> str:
    return f"{label} ‡" if is_incapable else label


def _chart(drawing: Drawing, lines: Sequence[Series], said: Sequence[str]) -> Chart:
    return Chart(drawing, [line for line in lines if line.colour != OTHER], "; ".join(said) + ".")


def _apart(sizes: Sequence[int]) -> list[float]:
    """Marks for a logarithmic axis: the sizes themselves, but for those too near to the one before."""
    least = (sizes[-1] / sizes[0]) ** (1 / 8)
    marks: list[float] = []
    for size in sizes:
        if not marks or size >= least * marks[-1]:
            marks.append(size)
    return marks
