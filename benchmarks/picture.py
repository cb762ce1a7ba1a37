"""Draw the picture of the sweep: the speed of fasttok by that of the fastest other library, in every cell."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks.cells import KINDS, Row, best_peer

COLOURS = {"cold_s": "#c2790b", "warm_s": "#0b7285"}  # readable on white, and apart for the colour-blind
OFFSETS = {"cold_s": 0.18, "warm_s": -0.18}
GREY = "#495057"


def ratios_of(rows: list[Row]) -> dict[str, dict[str, list[float]]]:
    """Return the ratios of all cells of each text, for first and later runs."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        of_text = found.setdefault(row["arguments"][0], {kind: [] for kind in KINDS})
        for kind in KINDS:
            best = best_peer(row, kind)
            if best:
                of_text[kind].append(best[1])
    return found


def draw(rows: list[Row], path: Path) -> None:
    """Draw one line of dots per text, and write them to an SVG file; without rows, write nothing.

    The picture is narrow, so that its letters can be read on a telephone. It has a white background, because
    pages with a dark one show it as it is.
    """
    found = ratios_of(rows)
    if not found:
        return
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style = {
        "svg.hashsalt": "fasttok",
        "svg.fonttype": "none",
        "font.size": 10,
        "font.family": ["DejaVu Sans", "sans-serif"],
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(4.6, 1.3 + 0.34 * len(found)), layout="constrained", facecolor="white")
        axis = figure.subplots()
        axis.axvline(1, color=GREY, linewidth=1.2, zorder=1)
        for y, of_text in enumerate(found.values()):
            for kind, colour in COLOURS.items():
                ratios, height = of_text[kind], y - OFFSETS[kind]
                axis.scatter(ratios, [height] * len(ratios), s=16, color=colour, alpha=0.45, linewidths=0)
                if ratios:
                    axis.scatter([statistics.median(ratios)], [height], s=70, marker="|", color=colour)
        axis.set_yticks(range(len(found)), [*found])
        axis.set_ylim(len(found) - 0.5, -0.5)
        every = [ratio for of_text in found.values() for ratios in of_text.values() for ratio in ratios]
        axis.set_xscale("log", base=2)
        low, high = min([0.7, *every]) / 1.1, max([2.0, *every]) * 1.1
        axis.set_xlim(low, high)
        ticks = [tick for tick in (0.125, 0.25, 0.5, 1, 2, 4, 8, 16) if low <= tick <= high]
        axis.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
        axis.minorticks_off()
        axis.grid(axis="x", color="#dee2e6", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(left=False)
        axis.set_title(
            "Encoding speed divided by that of the\nfastest other library with equal ids",
            loc="left",
            fontsize=11,
        )
        axis.set_xlabel("← slower  ·  1× is equal  ·  faster →")
        handles = [
            axis.scatter([], [], s=30, color=COLOURS[kind], label=f"{shown} run")
            for kind, shown in KINDS.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=10)
        figure.savefig(path, metadata={"Date": None})
