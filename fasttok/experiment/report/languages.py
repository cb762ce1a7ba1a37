"""Compute the tables and charts of single languages: metrics and premiums."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from statistics import median

import numpy as np

from fasttok.evaluation.metrics.parity import gini
from fasttok.experiment.report.tables import BarChart, Row, Value, decimals, draw_bars, make_value

SHOWN = ("bytes_per_token", "fertility", "pcw", "nsl", "unk_rate")  # metrics shown per language
# Scripts that are written without spaces between words.
UNSPACED = ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan")


def tabulate(
    rows: Sequence[Row], names: Sequence[str], shown: Sequence[str] = SHOWN
) -> dict[str, dict[str, list[Value]]]:
    """Return the values of each tokenizer by metric and language; `rows` are of one test corpus."""
    found = {(row["metric"], row["language"], row["tokenizer"]): row for row in rows if row["language"]}
    languages = sorted({language for _, language, _ in found})
    tables: dict[str, dict[str, list[Value]]] = {}
    for metric in shown if len(languages) > 1 else ():
        column = [row["value"] for (name, *_), row in found.items() if name == metric]
        numbers = [value for value in column if value is not None]
        if numbers:
            n_digits = decimals(numbers)
            tables[metric] = {
                language: [make_value(found.get((metric, language, name)), n_digits) for name in names]
                for language in languages
            }
    return tables


@dataclass(frozen=True)
class Premiums:
    """Premiums: tokens per language relative to the baseline language.

    Attributes
    ----------
    bars : dict of str to BarChart
        Premiums of each tokenizer by language. The tokenizer with the most equal premiums is first;
        tokenizers with too many unknown tokens are last.
    scripts : list of (str, int)
        Scripts with their number of languages, most expensive first.
    by_script : dict of str to list of float or None
        Median premium of each tokenizer by script.
    largest : float
        Largest of these medians.
    """

    bars: dict[str, BarChart]
    scripts: list[tuple[str, int]]
    by_script: dict[str, list[float | None]]
    largest: float

    def tint(self, premium: float) -> float:
        """Return the colour strength of a premium, on a logarithmic scale.

        It is 0 for a premium of at most 1, and 1 for `largest`.
        """
        return (
            max(0.0, math.log(premium) / math.log(self.largest)) if self.largest > 1 and premium > 0 else 0.0
        )


def find_premiums(rows: Iterable[Row]) -> list[Row]:
    """Return the rows with the premium of a single language."""
    return [
        row for row in rows if row["metric"] == "premium" and row["language"] and row["value"] is not None
    ]


def compare_languages(rows: Sequence[Row], scripts: Mapping[str, str], unranked: Set[str]) -> Premiums | None:
    """Return the premiums in the rows of one test corpus; None if there are none."""
    premiums = find_premiums(rows)
    if not premiums:
        return None
    by_tokenizer: dict[str, list[Row]] = defaultdict(list)
    for row in premiums:
        by_tokenizer[row["tokenizer"]].append(row)
    unequal = {
        name: float(gini(np.array([row["value"] for row in found]))) for name, found in by_tokenizer.items()
    }
    order = sorted(by_tokenizer, key=lambda name: (name in unranked, unequal[name], name))
    names, by_script = premiums_by_script(premiums, scripts)
    return Premiums(
        bars={name: draw_bars(by_tokenizer[name], "language", scripts) for name in order},
        scripts=names,
        by_script={name: by_script[name] for name in order},
        largest=max(value for values in by_script.values() for value in values if value is not None),
    )


def premiums_by_script(
    rows: Sequence[Row], scripts: Mapping[str, str]
) -> tuple[list[tuple[str, int]], dict[str, list[float | None]]]:
    """Return the scripts with their number of languages, and the median premiums by tokenizer.

    The most expensive script is first.
    """
    languages: dict[str, set[str]] = {}
    values: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        script = scripts.get(row["language"], "unknown")
        languages.setdefault(script, set()).add(row["language"])
        values.setdefault((row["tokenizer"], script), []).append(row["value"])
    of_all = {
        script: median(v for key, found in values.items() if key[1] == script for v in found)
        for script in languages
    }
    order = sorted(languages, key=lambda script: (-of_all[script], script))
    names = dict.fromkeys(row["tokenizer"] for row in rows)
    table = {
        name: [median(values[name, s]) if (name, s) in values else None for s in order] for name in names
    }
    return [(script, len(languages[script])) for script in order], table
