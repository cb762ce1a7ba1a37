"""Write the report of a comparison: one HTML page with tables, charts and example texts.

The page is a single file: styles, charts and a short script are embedded, and it makes no network requests.
Without the script, everything except the sorting of tables still works. The same results give the same bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from fasttok.core.checks import checked_names, checked_path
from fasttok.core.saving import atomic_write, check_writable
from fasttok.corpus.files import PathLike
from fasttok.counts.marks import name_shares
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
MANY = 12  # number of tokenizers above which most example texts are collapsed
N_LONGEST = 6  # number of longest pieces shown per vocabulary
# Definition of a word for each value of `words` in an experiment.
WORDS = {
    "whitespace": "a sequence of characters between white space, including adjacent punctuation",
    "dzongkha": "a syllable: a sequence of characters between tshegs, shads or white space",
    "unicode": "a segment between Unicode word boundaries (UAX #29) that contains a letter or a digit",
}
# Metrics whose best values open the report, with their description.
FACTS = {
    "bytes_per_token": "bytes per token: the highest (most compression)",
    "fertility": "tokens per word: the lowest",
    "gini": "Gini coefficient: the lowest (most equal languages)",
}


def write_report(
    folder: PathLike, output: PathLike | None = None, *, allow_import: Sequence[str] = ()
) -> str:
    """Write the report of a comparison: one self-contained HTML file.

    Parameters
    ----------
    folder : path
        Folder of results that `fasttok.compare` wrote.
    output : path, optional
        HTML file to write; default: ``report.html`` in the folder.
    allow_import : sequence of str
        Packages that the files of the tokenizers may import; see `Results.load`.

    Returns
    -------
    str
        Path of the written file.

    Raises
    ------
    ImportError
        If jinja2 or Matplotlib is not installed. The extra ``report`` installs both.
    OSError
        If a file of the folder is missing, or the report cannot be written.
    ValueError
        If the output is one of the results.
    ExperimentError
        If the comparison has not finished, or a file is damaged or belongs to another run.

    Notes
    -----
    All tokenizers are loaded, and every pair of vocabularies is compared: O(k² n) for k tokenizers with
    n pieces. The bytes of the report depend only on the results and the version of Matplotlib.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import fasttok as ft
    >>> folder = Path(tempfile.mkdtemp())
    >>> text = '''
    ... name = "bytes"
    ... [corpus.train]
    ... all = { sample = "parallel" }
    ... [corpus.test]
    ... parallel = { sample = "parallel" }
    ... [[tokenizer]]
    ... model = "byte"
    ... [metrics]
    ... use = "compression"
    ... words = "whitespace"
    ... '''
    >>> _ = (folder / "experiment.toml").write_text(text)
    >>> _ = ft.compare(folder / "experiment.toml", folder / "results")
    >>> Path(ft.write_report(folder / "results")).name
    'report.html'
    """
    folder = checked_path("folder", folder)
    path = os.path.join(folder, REPORT) if output is None else checked_path("output", output)
    packages = checked_names("allow_import", allow_import)
    check_packages()
    if os.path.isdir(folder):
        check_writable(path, (file for file in Path(folder).rglob("*") if file.name != REPORT))
    page = render_report(Results.load(folder, allow_import=packages))
    with atomic_write(path) as file:
        file.write(page.encode())
    return path


def check_packages() -> None:
    """Raise an error if a package that a report needs is not installed. Call it before long work.

    Raises
    ------
    ImportError
        If jinja2 or Matplotlib is not installed.
    """
    missing = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"cannot write a report: not installed: {', '.join(missing)}. Run: pip install jinja2 matplotlib"
        )


def render_report(results: Results) -> str:
    """Return the HTML page that `write_report` writes."""
    import jinja2

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
    """Best value of a metric, the tokenizer that has it, and a description of the metric."""

    number: str
    name: str
    text: str


@dataclass(frozen=True)
class CorpusReport:
    """Parts of the report on one test corpus; a chart is None if there are no data for it."""

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
        """Best values of the most important metrics."""
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
    """Content of a report, as the template reads it.

    Parameters
    ----------
    results : Results
        Results of the comparison.
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        self.manifest = results.manifest
        self._tokenizers: dict[str, Tokenizer] = {
            name: results.tokenizer(name) for name in results.tokenizers
        }
        self.compared = tables.describe(self._tokenizers)
        self.by_name = {one.name: one for one in self.compared}
        self.drawn = tables.choose_drawn(self.compared)
        self._curves = {(line["corpus"], line["tokenizer"]): line for line in results.curves}
        self.unranked = {
            corpus: tables.find_unranked(line for line in results.curves if line["corpus"] == corpus)
            for corpus in self.manifest["languages"]
        }

    @property
    def n_failed(self) -> int:
        """Number of failures."""
        return len(self.results.failures)

    @cached_property
    def corpora(self) -> list[CorpusReport]:
        """Reports on the test corpora."""
        return [
            self._report_corpus(i, name, tags)
            for i, (name, tags) in enumerate(self.manifest["languages"].items())
        ]

    def _report_corpus(self, i: int, corpus: str, tags: Sequence[str]) -> CorpusReport:
        rows = [row for row in self.results.rows if row["corpus"] == corpus]
        names = [one.name for one in self.compared if (corpus, one.name) in self._curves]
        unranked = self.unranked[corpus]
        curves = {name: self._curves[corpus, name] for name in names}
        better = {metric: known["better"] for metric, known in self.results.definitions.items()}
        metrics, headline = tables.headline(rows, names, better, unranked)
        premiums = languages.find_premiums(rows)
        return CorpusReport(
            name=corpus,
            languages=tags,
            metrics=metrics,
            headline=headline,
            compression=plots.draw_compression(f"compression-{i}", rows, self.compared, unranked),
            by_language=languages.tabulate(rows, names, self._shown_by_language),
            premiums=languages.compare_languages(rows, self._scripts(corpus), unranked),
            lorenz=plots.draw_lorenz(f"lorenz-{i}", premiums, self.drawn, unranked) if premiums else None,
            ranks=plots.draw_ranks(f"ranks-{i}", curves, self.drawn, unranked),
            documents=self._collect_documents(corpus, names),
        )

    @property
    def _shown_by_language(self) -> list[str]:
        """Metrics that are shown per language: some of those in fasttok, and all custom metrics."""
        return [*languages.SHOWN, *(name for name in self.results.definitions if name not in KNOWN)]

    @cached_property
    def lengths(self) -> Drawing | None:
        """Chart of the lengths of pieces, for the drawn tokenizers."""
        return plots.draw_lengths(self._pieces, self.drawn)

    def _scripts(self, corpus: str) -> dict[str, str]:
        """Return the script of each language of a test corpus."""
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
        """Longest pieces of the drawn tokenizers."""
        return {
            one.name: vocabularies.longest_pieces(self._pieces[one.name], N_LONGEST) for one in self.drawn
        }

    @cached_property
    def overlaps(self) -> list[list[float]]:
        """Overlap of every pair of vocabularies, in the order of `compared`."""
        return vocabularies.overlaps([self._pieces[one.name] for one in self.compared])

    @cached_property
    def times(self) -> list[tuple[str, str, BarChart]]:
        """Label, unit and bars for each stage with warm runs."""
        return tables.compare_times(row for row in self.results.timings if row["tokenizer"] in self.by_name)

    def _collect_documents(self, corpus: str, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the example documents, each with its tokens from every tokenizer."""
        shown: dict[tuple[int, str], dict[str, Any]] = {}
        for name in names:
            for document in self._curves.get((corpus, name), {}).get("documents", ()):
                splits = shown.setdefault((document["row"], document["language"]), {})
                splits[name] = document
        return [
            {"row": row, "language": language, "splits": splits} for (row, language), splits in shown.items()
        ]

    @property
    def recipes(self) -> list[str]:
        """Distinct recipes (normalizer and pretokenizer), the most common one first."""
        return list(
            dict.fromkeys(one.recipe for one in sorted(self.compared, key=lambda one: one.is_other_recipe))
        )

    @property
    def n_languages(self) -> int:
        """Number of distinct languages in all test corpora."""
        return len({name for names in self.manifest["languages"].values() for name in names if name})

    @property
    def has_grey(self) -> bool:
        """Whether there are more families than colours, so that some are grey."""
        return any(one.colour == OTHER for one in self.compared)

    @property
    def has_intervals(self) -> bool:
        """Whether any metric has an interval."""
        return any(row["low"] is not None for row in self.results.rows)

    @property
    def has_unranked(self) -> bool:
        """Whether any tokenizer has too many unknown tokens to be marked as best."""
        return any(self.unranked.values())

    @property
    def has_many(self) -> bool:
        """Whether there are so many tokenizers that most example texts are collapsed."""
        return len(self.compared) > MANY

    @property
    def drawn_note(self) -> str:
        """Sentence that names the drawn tokenizers; "" if all are drawn."""
        if len(self.drawn) == len(self.compared):
            return ""
        of = f" of the {len(self.drawn)} largest families" if self.has_grey else " of each family"
        return f"Only the largest vocabulary{of} is shown: {', '.join(one.name for one in self.drawn)}."

    @cached_property
    def footnotes(self) -> dict[str, int]:
        """Footnote number of each metric in the tables."""
        metrics = {metric for corpus in self.corpora for metric in corpus.metrics}
        defined = [name for name in self.results.definitions if name in metrics]
        return {metric: i for i, metric in enumerate(defined, 1)}

    @property
    def trained_on(self) -> dict[str, str]:
        """Size of the training text for each of its parts, such as languages."""
        sizes: dict[str, int] = {}
        for timing in self.results.timings:
            if timing["stage"] == "count":
                sizes[timing["corpus"]] = max(sizes.get(timing["corpus"], 0), timing["n_bytes"])
        return {language: f"{n / 1e6:,.{tables.decimals([n / 1e6])}f} MB" for language, n in sizes.items()}

    @property
    def words(self) -> str:
        """Definition of a word in this comparison."""
        return WORDS[self.manifest["words"]]

    def find_unspaced(self, corpus: str) -> list[str]:
        """Return the languages without spaces between words, if words are separated by white space."""
        if self.manifest["words"] != "whitespace":
            return []
        scripts = self._scripts(corpus)
        return sorted(tag for tag, script in scripts.items() if script in languages.UNSPACED)

    def unknown_shares(self, corpus: str) -> list[tuple[str, str]]:
        """Return the tokenizers with too much unknown text, and its share of the tokens and the text."""
        lines = [self._curves[corpus, name] for name in self.by_name if name in self.unranked[corpus]]
        return [(line["tokenizer"], _describe_unknown(line)) for line in lines]

    def separated_marks(self, corpus: str) -> list[tuple[str, str]]:
        """Return the tokenizers that separate combining marks from letters, with the shares of languages."""
        # Results of earlier versions do not have these shares.
        shares = {name: self._curves.get((corpus, name), {}).get("separated_marks") for name in self.by_name}
        return [(name, name_shares(found)) for name, found in shares.items() if found]

    @property
    def specification(self) -> str:
        """Text of the experiment file."""
        return Path(self.results.folder, SPECIFICATION).read_text(encoding="utf-8")

    @property
    def threads(self) -> str:
        """Number of threads that were used; several if a run was continued with another number."""
        numbers = sorted({timing["workers"] for timing in self.results.timings})
        return f"{' and '.join(map(str, numbers))} thread{'' if numbers == [1] else 's'}"

    @property
    def machine(self) -> str:
        """Processor and number of cores."""
        machine = self.manifest["machine"]
        return f"{machine['processor']} with {machine['cores']} cores"

    @property
    def fingerprints(self) -> list[tuple[str, str]]:
        """Names and SHA-256 hashes of the texts and tokenizers."""
        texts = self.manifest["corpora"]
        named = [
            (f"{label} text: {name}", found)
            for kind, label in (("train", "training"), ("test", "test"))
            for name, found in texts[kind].items()
        ]
        return named + [(name, made["sha256"]) for name, made in self.manifest["tokenizers"].items()]


def _describe_unknown(curve: dict[str, Any]) -> str:
    """Return the shares of unknown tokens, and of the bytes in them in the language with most of them."""
    tokens = f"{curve['n_unknown'] / curve['n_tokens']:.1%} of the tokens"
    share, language = tables.max_unknown_bytes(curve)
    return f"{tokens}, {share:.1%} of the text{f' in {language}' if language else ''}" if share else tokens
