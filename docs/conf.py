"""Sphinx: `make docs` builds the pages into docs/_build."""

import ast
import re
from pathlib import Path

import fasttok
from fasttok.evaluation import metric
from fasttok.evaluation.columns import COLUMNS
from fasttok.evaluation.metrics import totals
from fasttok.evaluation.metrics.registry import METRICS

project = "fasttok"
version = release = fasttok.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
myst_heading_anchors = 3

DOCS = Path(__file__).parent
PACKAGE = Path(fasttok.__file__).parent


def summary(path: Path) -> str:
    """Return the first sentence of a module's docstring."""
    text = path.read_text(encoding="utf-8")
    doc = ast.literal_eval(match[0]) if (match := re.match(r'[rR]?"""(?s:.*?)"""', text)) else ""
    return doc.strip().split("\n\n")[0].replace("\n", " ").replace("|", r"\|")


def write_modules() -> None:
    """Write modules.md: every module in the order of the packages, with the first line of its docstring."""
    order = re.search(r"^    (core text .* cli)$", (DOCS / "architecture.md").read_text(), re.M)[1]
    lines = ["# Modules", "", "Generated from their docstrings; packages are in the order of the flow."]
    for package in re.findall(r"\w+", order):
        paths = [*(PACKAGE / package).rglob("*.py"), *(PACKAGE / package).rglob("*.pyx")]
        paths = sorted(path for path in paths if path.stem != "__init__")
        if paths:
            lines += ["", f"## {package}", "", "| module | contents |", "|---|---|"]
        for path in paths:
            name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
            lines.append(f"| `{name}` | {summary(path)} |")
    (DOCS / "modules.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def describe_metric(one: metric.Metric) -> list[str]:
    """Return the lines of a metric on its page."""
    better = "neither more nor less is better" if one.better == "neither" else f"{one.better} is better"
    unit = f", in {one.unit}" if one.unit else ""
    of = ", ".join(f"`{total}`" for total in one.of)
    function = f"{one.function.__module__}.{one.function.__name__}"
    return [
        "",
        f"### {one.name}",
        "",
        f"**{one.label}**{unit}; {better}. {one.definition}",
        "",
        f"- Function of {of}; rests on `{one.rests_on}`: {{py:func}}`{function}`.",
        *([f"- Needs {one.needs}."] if one.needs else []),
        f"- Source: {one.source}.",
    ]


def write_metrics() -> None:
    """Write metrics.md: every metric as its value describes it, and the totals that metrics are made of."""
    lines = ["# Metrics", "", "Generated from the values that `fasttok.measure` and the report read."]
    lines += ["A heading names the group that a metric is asked for by, the one below it the row."]
    for group, metrics in METRICS.items():
        lines += ["", f"## {group}"]
        for one in metrics:
            lines += describe_metric(one)
    lines += ["", "## Totals", "", "What {py:class}`fasttok.Metric` can be a function of, beside a column of"]
    lines += ["its own, {py:class}`fasttok.Column`. Totals of counts per document are resampled."]
    columns = {name: column.definition for name, column in COLUMNS.items()}
    for head, known in (
        ("Sums of counts per document", columns),
        ("Of the pieces that a text uses, and of the vocabulary", totals.OF_PIECES),
        ("Of another tokenizer or language", totals.OF_OTHERS),
        ("Of morphemes, resampled by word", totals.OF_MORPHEMES),
    ):
        lines += ["", f"### {head}", "", "| total | contents |", "|---|---|"]
        lines += [f"| `{name}` | {text} |" for name, text in known.items()]
    (DOCS / "metrics.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


write_modules()
write_metrics()
