"""`write_report`: the folder of a comparison as one page that is worth looking at.

The page is one file: its style, its few lines of script and all charts stand in it, and it asks the network
for nothing. Without the script it reads as well; then tables do not sort. The same results give the same
bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from fasttok.core.saving import atomic_write
from fasttok.corpus.readers import PathLike
from fasttok.display.colours import STYLE, to_html
from fasttok.evaluation.metrics.registry import KNOWN
from fasttok.experiment.report import languages, plots, tables, vocabularies
from fasttok.experiment.report.charts import MARKER_TEXTS, OTHER, Drawing, find_hue
from fasttok.experiment.report.languages import Premiums
from fasttok.experiment.report.plots import Chart
from fasttok.experiment.report.tables import BarChart, Value
from fasttok.experiment.run.results import SPECIFICATION, Results
from fasttok.tokenizer.tokenizer import Tokenizer

REPORT = "report.html"
MANY = 12  # tokenizers
N_LONGEST = 6  # pieces that are shown of each vocabulary
WORDS = {
    "whitespace": "what stands between white space, with the punctuation at it",
    "dzongkha": "what stands between tshegs, shads and white space, a syllable",
    "unicode": "what lies between the word boundaries of Unicode (UAX #29) and holds a letter or a digit",
}
FACTS = {
    "bytes_per_token": "bytes per token, the most",
    "fertility": "tokens per word, the fewest",
    "gini": "Gini coefficient, the most equal between languages",
}


def write_report(
    folder: PathLike, output: PathLike | None = None, *, allow_import: Sequence[str] = ()
) -> str:
    """Write the report of a comparison: one self-contained HTML file.

    Parameters
    ----------
    folder : path
        What `fasttok.compare` has left.
    output : path, optional
        The file to write; by default ``report.html`` in the folder.
    allow_import : sequence of str
        Packages that the files of the tokenizers may import; see `Results.load`.

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
    page = render_report(Results.load(folder, allow_import=allow_import))
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
        loader=jinja2.PackageLoader("fasttok.experiment.report"),
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
        report=report, definitions=results.definitions, tokens_style=STYLE, marker_texts=MARKER_TEXTS
    )


class Fact(NamedTuple):
    """A number to begin with, whose it is, and what it says."""

    number: str
    name: str
    text: str


@dataclass(frozen=True)
class CorpusReport:
    """What is told of one test corpus; every part is None where there are no data for it."""

    name: str
    languages: Sequence[str]
    metrics: list[str]
    headline: dict[str, list[Value]]
    compression: Chart | None
    by_language: dict[str, dict[str, list[Value]]]
    premiums: Premiums | None
    lorenz: Chart | None
    ranks: Chart | None
    documents: list[dict[str, Any]]

    @property
    def facts(self) -> list[Fact]:
        """The best values of the metrics that most readers look for."""
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
            self._tell(i, name, tags) for i, (name, tags) in enumerate(self.manifest["languages"].items())
        ]

    def _tell(self, i: int, corpus: str, tags: Sequence[str]) -> CorpusReport:
        rows = [row for row in self.results.rows if row["corpus"] == corpus]
        names = [one.name for one in self.compared if (corpus, one.name) in self._curves]
        incapable = self.incapable[corpus]
        curves = {name: self._curves[corpus, name] for name in names}
        better = {metric: known["better"] for metric, known in self.results.definitions.items()}
        metrics, headline = tables.headline(rows, names, better, incapable)
        premiums = languages.find_premiums(rows)
        return CorpusReport(
            name=corpus,
            languages=tags,
            metrics=metrics,
            headline=headline,
            compression=plots.draw_compression(f"compression-{i}", rows, self.compared, incapable),
            by_language=languages.tabulate(rows, names, self._shown_by_language),
            premiums=languages.compare_languages(rows, self._scripts(corpus), incapable),
            lorenz=plots.draw_lorenz(f"lorenz-{i}", premiums, self.drawn, incapable) if premiums else None,
            ranks=plots.draw_ranks(f"ranks-{i}", curves, self.drawn, incapable),
            documents=self._collect_documents(corpus, names),
        )

    @property
    def _shown_by_language(self) -> list[str]:
        """The metrics whose values in each language are shown: some of those of fasttok, and all others."""
        return [*languages.SHOWN, *(name for name in self.results.definitions if name not in KNOWN)]

    @cached_property
    def lengths(self) -> Drawing | None:
        """The lengths of the pieces of some vocabularies."""
        return plots.draw_lengths(self._pieces, self.drawn)

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
        """For each stage that was run twice: what was measured, its unit, and the bars."""
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
        """Whether any metric has an interval."""
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
        """The numbers of the definitions of all metrics that there are."""
        metrics = {metric for corpus in self.corpora for metric in corpus.metrics}
        defined = [name for name in self.results.definitions if name in metrics]
        return {metric: i for i, metric in enumerate(defined, 1)}

    @property
    def trained_on(self) -> dict[str, str]:
        """The languages of the training text, and how much of each was counted."""
        sizes: dict[str, int] = {}
        for timing in self.results.timings:
            if timing["stage"] == "count":
                sizes[timing["corpus"]] = max(sizes.get(timing["corpus"], 0), timing["n_bytes"])
        return {language: f"{n / 1e6:,.{tables.decimals([n / 1e6])}f} MB" for language, n in sizes.items()}

    @property
    def words(self) -> str:
        """What a word is, in words."""
        return WORDS[self.manifest["words"]]

    def find_unspaced(self, corpus: str) -> list[str]:
        """The languages in which white space is asked for words and does not tell."""
        if self.manifest["words"] != "whitespace":
            return []
        scripts = self._scripts(corpus)
        return sorted(tag for tag, script in scripts.items() if script in languages.UNSPACED)

    def unknown(self, corpus: str) -> list[tuple[str, str]]:
        """The tokenizers that leave too much unknown, and how much."""
        lines = [self._curves[corpus, name] for name in self.by_name if name in self.incapable[corpus]]
        return [(line["tokenizer"], f"{line['n_unknown'] / line['n_tokens']:.1%}") for line in lines]

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
