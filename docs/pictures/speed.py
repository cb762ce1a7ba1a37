"""Draw speed.svg, the chart of the README, from the newest rows of benchmarks/results.jsonl."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[2]
# Title of each panel, task and arguments of its benchmark rows, and the libraries shown.
PANELS = (
    ("Train BPE", "train", ["english.txt", "32000", "2"], ("fasttok", "gigabpe", "gigatoken", "tokenizers")),
    ("Train Unigram", "unigram", ["english.txt", "32000", "2"], ("fasttok", "sentencepiece")),
    (
        "Encode BPE",
        "encode",
        ["english.txt", "cl100k_base.tiktoken", "2"],
        ("fasttok", "gigatoken", "tiktoken"),
    ),
    ("Encode WordPiece", "bert", ["english.txt", "vocab.txt", "2"], ("fasttok", "tokie", "tokenizers")),
)
# Colours of the bars of fasttok and of other libraries.
OWN, OTHER = "#0b7285", "#adb5bd"


def find_rates(task: str, arguments: list[str], libraries: tuple[str, ...]) -> dict[str, float]:
    """Return the cold rate of each library in the newest run, in MB of text per second."""
    lines = (ROOT / "benchmarks/results.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["task"] == task and row["arguments"] == arguments]
    rates = {}
    for row in [row for row in rows if row["commit"] == rows[-1]["commit"]]:
        if row["library"] in libraries:
            rates[row["library"]] = row["mb"] / statistics.median(row["cold_s"])
    return {library: rates[library] for library in libraries}


def main() -> None:
    """Draw one panel of bars per task."""
    mpl.rcParams.update({"svg.hashsalt": "fasttok", "svg.fonttype": "none", "font.size": 9})
    mpl.rcParams["font.family"] = ["DejaVu Sans", "sans-serif"]
    figure, axes = plt.subplots(2, 2, figsize=(7.2, 3.2), layout="constrained")
    for axis, (title, task, arguments, libraries) in zip(axes.flat, PANELS, strict=True):
        rates = find_rates(task, arguments, libraries)
        bars = axis.barh(
            list(rates), list(rates.values()), color=[OWN, *[OTHER] * (len(rates) - 1)], height=0.7
        )
        axis.bar_label(
            bars, [f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}" for rate in rates.values()], padding=3
        )
        axis.invert_yaxis()
        axis.set_title(title, loc="left", fontweight="bold", fontsize=9)
        axis.set_xlim(0, 1.15 * max(rates.values()))
        axis.spines[:].set_visible(False)
        axis.tick_params(left=False, bottom=False, labelbottom=False)
    figure.supxlabel(
        "MB of English text per second, 2 threads, first run in a process (compiled code is cached). "
        "Longer is faster.",
        fontsize=8,
    )
    figure.patch.set_facecolor("white")
    figure.savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
