"""`write_report`: the folder of a comparison as one page that is worth looking at.

The page is one file: its style, its few lines of script and all charts stand in it, and it asks the network
for nothing. Without the script it reads as well; then tables do not sort. The same results give the same
bytes.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fasttok.colours import STYLE, to_html
from fasttok.evaluation.parity import lorenz
from fasttok.experiment import tables, vocabularies
from fasttok.experiment.charts import (
    MARKER_TEXTS,
    OTHER,
    Axis,
    Drawing,
    Series,
    draw_lines,
    draw_panels,
    find_hue,
)
from fasttok.experiment.definitions import DEFINITIONS
from fasttok.experiment.results import SPECIFICATION, Results
from fasttok.experiment.tables import BarChart, Compared, Premiums, Row, Value
from fasttok.saving import atomic_write
from fasttok.text.readers import PathLike
from fasttok.tokenizer import Tokenizer

REPORT = "report.html"
MANY = 12  # tokenizers
N_LONGEST = 6  # pieces that are shown of each vocabulary
HIGHER = {name: definition.more_is_better for name, definition in DEFINITIONS.items()}
FACTS = {
    "bytes_per_token": "bytes per token, the most",
    "fertility": "tokens per word, the fewest",
    "gini": "Gini coefficient, the most equal between languages",
}


def write_report(folder: PathLike, output: PathLike | None = None) -> str:
    """Write the report of a comparison: one self-contained HTML file.

    Parameters
    ----------
    folder : path
        What `fasttok.compare` has left.
    output : path, optional
        The file to write; by default ``report.html`` in the folder.

    Returns
    -------
    str
        Where it is.

    Raises
    ------
    ImportError
        If jinja2 or Matplotlib is not installed; they come with the extra ``report``.
    OSError
        If a file of the folder is missing, or the report cannot be written.
    ExperimentError
        If the comparison has not ended, or a file is damaged or of another run.

    Notes
    -----
    All tokenizers are opened, and of their vocabularies every two are compared: O(k² n) for k tokenizers with
    n pieces. The bytes depend on the results and on the version of Matplotlib.
    """
    path = os.path.join(os.fspath(folder), REPORT) if output is None else os.fspath(output)
    page = render_report(Results.load(folder))
    with atomic_write(path) as file:
        file.write(page.encode())
    return path


def render_report(results: Results) -> str:
    """The report as HTML; otherwise as `write_report`."""
    try:
        import jinja2
        import matplotlib  # noqa: F401 - asked for before there is anything to draw
    except ImportError as error:
        raise ImportError(
            "reports are made with jinja2 and Matplotlib: pip install 'fasttok[report]'"
        ) from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fasttok.experiment"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tokens"] = to_html
    environment.filters["hue"] = find_hue
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=1, ensure_ascii=False)
    report = Report(results)
    return environment.get_template("report.html").render(
        report=report, definitions=DEFINITIONS, tokens_style=STYLE, marker_texts=MARKER_TEXTS
    )


class Fact(NamedTuple):
    """A number to begin with, whose it is, and what it says."""

    number: str
    name: str
    text: str


@dataclass(frozen=True)
class Chart:
    """A drawing, the lines to name where there is no room to write beside them, and all of it in words."""

    drawing: Drawing
    legend: list[Series]
    alt: str


@dataclass(frozen=True)
class CorpusReport:
    """What is told of one test corpus; every part is None where there are no data for it."""

    name: str
    languages: Sequence[str]
    metrics: list[str]
    headline: dict[str, list[Value]]
    compression: Chart | None
    premiums: Premiums | None
    lorenz: Chart | None
    ranks: Chart | None
    documents: list[dict[str, Any]]

    @property
    def facts(self) -> list[Fact]:
        """The best values of the figures that most readers look for."""
        found = []
        for metric, text in FACTS.items():
            column = self.metrics.index(metric) if metric in self.metrics else None
            best = [
                (name, values[column])
                for name, values in self.headline.items()
                if column is not None and values[column].is_best
            ]
            if best:
                others = f" and {len(best) - 1} more" if len(best) > 1 else ""
                found.append(Fact(best[0][1].text, best[0][0] + others, text))
        return found


class Report:
    """Everything that the template asks for.

    Parameters
    ----------
    results : Results
        The comparison.
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        self.manifest = results.manifest
        self._tokenizers: dict[str, Tokenizer] = {
            name: results.tokenizer(name) for name in results.tokenizers
        }
        self.compared = tables.describe(self._tokenizers)
        self.by_name = {one.name: one for one in self.compared}
        self.drawn = tables.representatives(self.compared)
        self._curves = {(line["corpus"], line["tokenizer"]): line for line in results.curves}
        self.incapable = {
            corpus: tables.find_incapable(line for line in results.curves if line["corpus"] == corpus)
            for corpus in self.manifest["languages"]
        }

    @property
    def n_failed(self) -> int:
        """How many parts of the comparison failed."""
        return len(self.results.failures)

    @cached_property
    def corpora(self) -> list[CorpusReport]:
        """What is told of each test corpus."""
        return [
            self._tell(i, name, languages)
            for i, (name, languages) in enumerate(self.manifest["languages"].items())
        ]

    def _tell(self, i: int, corpus: str, languages: Sequence[str]) -> CorpusReport:
        rows = [row for row in self.results.rows if row["corpus"] == corpus]
        names = [one.name for one in self.compared if (corpus, one.name) in self._curves]
        incapable = self.incapable[corpus]
        metrics, headline = tables.headline(rows, names, HIGHER, incapable)
        premiums = tables.find_premiums(rows)
        return CorpusReport(
            name=corpus,
            languages=languages,
            metrics=metrics,
            headline=headline,
            compression=self._draw_compression(f"compression-{i}", rows),
            premiums=tables.compare_languages(rows, self._scripts(corpus), incapable),
            lorenz=self._draw_lorenz(f"lorenz-{i}", premiums) if premiums else None,
            ranks=self._draw_ranks(f"ranks-{i}", corpus),
            documents=self._collect_documents(corpus, names),
        )

    # Charts

    def _draw_compression(self, name: str, rows: Sequence[Row]) -> Chart | None:
        """Bytes a token against the size of the vocabulary, a line a family."""
        found = {
            row["tokenizer"]: row["value"]
            for row in rows
            if row["metric"] == "bytes_per_token" and not row["language"] and row["value"] is not None
        }
        families: dict[str, list[Compared]] = defaultdict(list)
        for one in self.compared:
            if one.name in found:
                families[one.family].append(one)
        series = [
            Series(
                family, ones[0].colour, [one.vocab_size for one in ones], [found[one.name] for one in ones]
            )
            for family, ones in families.items()
        ]
        if not series:
            return None
        sizes = sorted({one.vocab_size for ones in families.values() for one in ones})
        x = Axis("vocabulary size, ids (logarithmic)", is_log=True, ticks=_apart(sizes))
        said = [
            f"{line.label} from {line.ys[0]:.3g} at {line.xs[0]:,} to {line.ys[-1]:.3g} at {line.xs[-1]:,}"
            for line in series
        ]
        return _chart(draw_lines(name, series, x, Axis("Bytes per token"), markers=True), series, said)

    def _draw_lorenz(self, name: str, premiums: Sequence[Row]) -> Chart:
        values: dict[str, list[float]] = defaultdict(list)
        for row in premiums:
            values[row["tokenizer"]].append(row["value"])
        lines = []
        for one in self.drawn:
            if one.name in values:
                # Every language has the same sentences, so premiums are as good as tokens.
                ys = lorenz(np.array(values[one.name])).tolist()
                lines.append(Series(one.family, one.colour, np.linspace(0, 1, len(ys)).tolist(), ys))
        x = Axis("share of the languages, cheapest first", ticks=(0, 0.25, 0.5, 0.75, 1), limits=(0, 1))
        y = Axis("Share of all tokens", ticks=(0, 0.25, 0.5, 0.75, 1), limits=(0, 1))
        said = [
            f"{line.label}: half of the languages take {line.ys[len(line.ys) // 2]:.0%}" for line in lines
        ]
        return _chart(draw_lines(name, lines, x, y, diagonal="equal treatment", meets=True), lines, said)

    def _draw_ranks(self, name: str, corpus: str) -> Chart | None:
        lines = [
            Series(one.family, one.colour, curve["ranks"], curve["counts"])
            for one in self.drawn
            if (curve := self._curves.get((corpus, one.name))) and curve["ranks"]
        ]
        if not lines:
            return None
        x = Axis("rank of the piece (logarithmic)", is_log=True)
        y = Axis("Occurrences (logarithmic)", is_log=True)
        said = [f"{line.label} uses {line.xs[-1]:,} pieces" for line in lines]
        return _chart(draw_lines(name, lines, x, y, meets=True), lines, said)

    @cached_property
    def lengths(self) -> Drawing | None:
        """The lengths of the pieces of some vocabularies."""
        xs = list(range(1, vocabularies.LONGEST + 1))
        shares = {one: vocabularies.piece_lengths(self._pieces[one.name]) for one in self.drawn}
        panels = [Series(one.name, one.colour, xs, ys) for one, ys in shares.items() if 0 < max(ys) < 100]
        if not panels:
            return None
        x = Axis("characters", ticks=(1, 4, 8, 12, vocabularies.LONGEST))
        return draw_panels("lengths", panels, x, Axis("% of pieces"))

    # Tables

    def _scripts(self, corpus: str) -> dict[str, str]:
        """The script of each language of a test corpus."""
        scripts: dict[str, str] = {}
        for (name, _), curve in self._curves.items():
            if name == corpus:
                scripts |= curve["scripts"]
        return scripts

    @cached_property
    def _pieces(self) -> dict[str, set[bytes]]:
        return {one.name: vocabularies.pieces_of(self._tokenizers[one.name]) for one in self.compared}

    @cached_property
    def longest(self) -> dict[str, list[str]]:
        """The longest pieces of the vocabularies that are drawn."""
        return {
            one.name: vocabularies.longest_pieces(self._pieces[one.name], N_LONGEST) for one in self.drawn
        }

    @cached_property
    def overlaps(self) -> list[list[float]]:
        """For every two tokenizers, in the order of `compared`, how much their vocabularies share."""
        return vocabularies.overlaps([self._pieces[one.name] for one in self.compared])

    @cached_property
    def times(self) -> list[tuple[str, str, BarChart]]:
        """For training and encoding: what was measured, its unit, and the bars."""
        return tables.compare_times(row for row in self.results.timings if row["tokenizer"] in self.by_name)

    def _collect_documents(self, corpus: str, names: Sequence[str]) -> list[dict[str, Any]]:
        """Each document that is shown, with what every tokenizer makes of it."""
        shown: dict[tuple[int, str], dict[str, Any]] = {}
        for name in names:
            for document in self._curves.get((corpus, name), {}).get("documents", ()):
                cut = shown.setdefault((document["row"], document["language"]), {})
                cut[name] = document
        return [{"row": row, "language": language, "cuts": cuts} for (row, language), cuts in shown.items()]

    # Words

    @property
    def recipes(self) -> list[str]:
        """The recipes there are, the most common one first."""
        return list(
            dict.fromkeys(one.recipe for one in sorted(self.compared, key=lambda one: one.is_other_recipe))
        )

    @property
    def n_languages(self) -> int:
        """How many languages there are in all test corpora."""
        return len({name for names in self.manifest["languages"].values() for name in names if name})

    @property
    def has_grey(self) -> bool:
        """Whether there are more families than colours."""
        return any(one.colour == OTHER for one in self.compared)

    @property
    def has_intervals(self) -> bool:
        """Whether any figure has an interval."""
        return any(row["low"] is not None for row in self.results.rows)

    @property
    def has_incapable(self) -> bool:
        """Whether any tokenizer leaves too much unknown to be called best."""
        return any(self.incapable.values())

    @property
    def has_many(self) -> bool:
        """Whether there are so many tokenizers that not every sentence can stand open."""
        return len(self.compared) > MANY

    @property
    def drawn_note(self) -> str:
        """Who is drawn, where not everybody is."""
        if len(self.drawn) == len(self.compared):
            return ""
        of = f" of the {len(self.drawn)} largest families" if self.has_grey else " of each family"
        return f"Drawn is the largest vocabulary{of}: {', '.join(one.name for one in self.drawn)}."

    @cached_property
    def footnotes(self) -> dict[str, int]:
        """The numbers of the definitions of all figures that there are."""
        metrics = {metric for corpus in self.corpora for metric in corpus.metrics}
        return {metric: i for i, metric in enumerate((name for name in DEFINITIONS if name in metrics), 1)}

    @property
    def specification(self) -> str:
        """The file of the experiment."""
        return Path(self.results.folder, SPECIFICATION).read_text(encoding="utf-8")

    @property
    def threads(self) -> str:
        """How many threads took the times that are shown; several numbers if runs were continued."""
        numbers = sorted({timing["workers"] for timing in self.results.timings})
        return f"{' and '.join(map(str, numbers))} thread{'' if numbers == [1] else 's'}"

    @property
    def machine(self) -> str:
        """The machine in a few words."""
        machine = self.manifest["machine"]
        return f"{machine['processor']} with {machine['cores']} cores"

    @property
    def fingerprints(self) -> list[tuple[str, str]]:
        """What everything follows from, and what came of it: its name and its SHA-256."""
        texts = self.manifest["corpora"]
        named = [
            (f"text to {kind} {name}", found)
            for kind in ("train", "test")
            for name, found in texts[kind].items()
        ]
        return named + [(name, made["sha256"]) for name, made in self.manifest["tokenizers"].items()]


def _chart(drawing: Drawing, series: Sequence[Series], said: Sequence[str]) -> Chart:
    return Chart(drawing, [line for line in series if line.colour != OTHER], "; ".join(said) + ".")


def _apart(sizes: Sequence[int]) -> list[float]:
    """Marks for a logarithmic axis: the sizes themselves, but for those too near to the one before."""
    least = (sizes[-1] / sizes[0]) ** (1 / 8)
    marks: list[float] = []
    for size in sizes:
        if not marks or size >= least * marks[-1]:
            marks.append(size)
    return marks
