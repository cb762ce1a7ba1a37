"""Generated pages of the documentation; `conf.py` writes them before Sphinx reads the folder.

The lists of metrics, commands and modules come from the code, so they are never out of date.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections import Counter
from collections.abc import Collection, Iterable
from functools import cached_property
from pathlib import Path
from types import FunctionType

import click

import fasttok as ft
from fasttok.cli.main import main
from fasttok.evaluation import metric
from fasttok.evaluation.columns import COLUMNS
from fasttok.evaluation.metrics import totals
from fasttok.evaluation.metrics.registry import METRICS

DOCS = Path(__file__).parent
REFERENCE = DOCS / "reference"
PACKAGE = Path(ft.__file__).parent
# Modules of metric functions, in the order of the page.
METRIC_MODULES = (
    "compression",
    "fertility",
    "parity",
    "distribution",
    "prediction",
    "vocabulary",
    "unreached",
    "morphology",
    "cost",
)


def make_pages() -> dict[Path, str]:
    """Return the text of every generated page by its path."""
    pages = {
        DOCS / "design/modules.md": list_modules(),
        REFERENCE / "metrics.md": list_metrics(),
        REFERENCE / "metric_functions.md": list_metric_functions(),
        REFERENCE / "command_line.md": list_commands(),
    }
    return {path: "\n".join(lines) + "\n" for path, lines in pages.items()}


def write_pages() -> None:
    """Write the generated pages that have changed."""
    for path, text in make_pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def list_modules() -> list[str]:
    """Return design/modules.md: every module with the first paragraph of its docstring, by package."""
    architecture = (DOCS / "design/architecture.md").read_text(encoding="utf-8")
    order = re.search(r"^    (core text .* cli)$", architecture, re.M)[1]
    lines = ["# Modules", "", "Generated from the docstrings. Packages are in the order in which text flows."]
    for package in re.findall(r"\w+", order):
        paths = [*(PACKAGE / package).rglob("*.py"), *(PACKAGE / package).rglob("*.pyx")]
        paths = sorted(path for path in paths if path.stem != "__init__")
        if paths:
            lines += ["", f"## {package}", "", "| module | contents |", "|---|---|"]
        for path in paths:
            name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
            lines.append(f"| `{name}` | {read_summary(path)} |")
    return lines


def read_summary(path: Path) -> str:
    """Return the first paragraph of a module's docstring, on one line."""
    text = path.read_text(encoding="utf-8")
    doc = ast.literal_eval(match[0]) if (match := re.match(r'[rR]?"""(?s:.*?)"""', text)) else ""
    return escape(doc.strip().split("\n\n")[0])


def list_metrics() -> list[str]:
    """Return reference/metrics.md: the definition of each metric, and the totals that metrics use."""
    lines = [
        "# Metrics",
        "",
        "Generated from the definitions that {py:func}`fasttok.measure` and the report use.",
        'Ask for a group by its name, for example `use = ["compression"]` in an experiment. Each metric of',
        "the group is a row of the result.",
    ]
    for group, metrics in METRICS.items():
        lines += ["", f"## {group}", "", "| metric | unit | better |", "|---|---|---|"]
        lines += [f"| [{one.name}](#{one.name}) | {one.unit or '–'} | {one.better} |" for one in metrics]
        for one in metrics:
            lines += describe_metric(one)
    lines += [
        "",
        "## Totals",
        "",
        "A {py:class}`fasttok.Metric` is a function of these totals and of columns that",
        "you define with {py:class}`fasttok.Column`. The bootstrap resamples sums over documents.",
    ]
    columns = {name: column.definition for name, column in COLUMNS.items()}
    for head, known in (
        ("Sums over documents", columns),
        ("Totals of the vocabulary and of the pieces in use", totals.PIECE_TOTALS),
        ("Totals of another tokenizer or language", totals.COMPARISON_TOTALS),
        ("Totals of morphemes, resampled by word", totals.MORPHEME_TOTALS),
    ):
        lines += ["", f"### {head}", "", "| total | contents |", "|---|---|"]
        lines += [f"| `{name}` | {text} |" for name, text in known.items()]
    return lines


def describe_metric(one: metric.Metric) -> list[str]:
    """Return the lines of a metric on its page."""
    better = "neither higher nor lower is better" if one.better == "neither" else f"{one.better} is better"
    unit = f", in {one.unit}" if one.unit else ""
    of = ", ".join(f"`{total}`" for total in one.of)
    function = f"{one.function.__module__}.{one.function.__name__}"
    return [
        "",
        f"### {one.name}",
        "",
        f"**{one.label}**{unit}; {better}. {one.definition}",
        "",
        f"- Function: {{py:func}}`{function}` of {of}.",
        *([f"- Needs {one.needs}."] if one.needs else []),
        f"- Source: {one.source}.",
    ]


def list_metric_functions() -> list[str]:
    """Return reference/metric_functions.md: the functions on arrays that define the metrics."""
    lines = [
        "# Metric functions",
        "",
        "Each metric is a function on arrays, and its docstring is the definition. The",
        "functions accept the ids of any library.",
    ]
    for module in METRIC_MODULES:
        name = f"fasttok.evaluation.metrics.{module}"
        lines += [
            "",
            f"## {module.capitalize()}",
            "",
            read_summary(PACKAGE / f"evaluation/metrics/{module}.py"),
            "",
            "```{eval-rst}",
            f".. currentmodule:: {name}",
            "",
            ".. autosummary::",
            "   :toctree: generated",
            "   :nosignatures:",
            "",
            *(f"   {function}" for function in list_functions(name)),
            "```",
        ]
    return lines


def list_functions(module: str) -> list[str]:
    """Return the names of the public functions that a module defines, in their order."""
    found = importlib.import_module(module)
    functions = inspect.getmembers(found, inspect.isfunction)
    own = [(inspect.getsourcelines(f)[1], name) for name, f in functions if f.__module__ == module]
    return [name for _, name in sorted(own) if not name.startswith("_")]


def list_commands() -> list[str]:
    """Return reference/command_line.md: every command with its help text and options."""
    lines = ["# Command line", "", "Generated from `fasttok COMMAND --help`; the how-to page"]
    lines += ["[on pipes](../howto/use_the_command_line_in_pipes.md) shows how commands combine."]
    with click.Context(main, info_name="fasttok", **main.context_settings) as root:
        lines += ["", "| command | purpose |", "|---|---|"]
        commands = {name: main.get_command(root, name) for name in main.list_commands(root)}
        lines += [f"| [`fasttok {name}`](#fasttok-{name}) | {escape(command.get_short_help_str(200))} |"
                  for name, command in commands.items()]  # fmt: skip
        lines += ["", *describe_help(main), "## Shared options", ""]
        lines += ["Options that several commands have, with the same meaning:", ""]
        rows = {name: list_options(command, root) for name, command in commands.items()}
        counted = Counter(row for found in rows.values() for row in found)
        meanings = Counter(name for name, _ in counted)
        shared = {row for row, n in counted.items() if n > 1 and meanings[row[0]] == 1}
        lines += tabulate(row for row in counted if row in shared)
        for name, command in commands.items():
            lines += describe_command(name, command, root, rows[name], shared)
            if isinstance(command, click.Group):
                lines += describe_group(name, command, root)
    return lines


def list_options(command: click.Command, root: click.Context) -> list[tuple[str, str]]:
    """Return the names and meaning of each option of a command; of the arguments, the help text tells."""
    with click.Context(command, parent=root) as context:
        rows = [one.get_help_record(context) for one in command.get_params(context)]
    return [row for row in rows if row and row[1]]


def tabulate(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return the lines of a table of options."""
    cells = [f"| `{escape(name)}` | {escape(escape_prose(meaning))} |" for name, meaning in rows]
    return ["| option | meaning |", "|---|---|", *cells]


def describe_help(command: click.Command) -> list[str]:
    """Return the paragraphs of a help text in Markdown; those that click does not wrap are code."""
    lines: list[str] = []
    for part in re.split(r"\n\s*\n", inspect.cleandoc(command.help or "")):
        text = part.removeprefix("\b").strip("\n")
        if text == part:
            lines += [escape_prose(" ".join(text.split())), ""]
        elif lines[-2:] == ["```", ""]:
            lines[-2:] = ["", text, "```", ""]
        else:
            lines += ["```text", text, "```", ""]
    return lines


def describe_command(
    name: str,
    command: click.Command,
    root: click.Context,
    rows: list[tuple[str, str]],
    shared: Collection[tuple[str, str]],
) -> list[str]:
    """Return the lines of a command on its page; the options in `shared` are only named."""
    with click.Context(command, info_name=name, parent=root) as context:
        usage = " ".join(command.get_usage(context).split()).removeprefix("Usage: ")
    purpose, *more = describe_help(command)
    table = tabulate(row for row in rows if row not in shared)
    names = ", ".join(f"`{escape(row[0].partition(' [')[0])}`" for row in rows if row in shared)
    return [
        *["", f"## fasttok {name}", "", f"`{usage}`: {purpose}", *more],
        *(table if rows else []),
        *([f"| [shared options](#shared-options) | {names} |"] if names else []),
    ]


def describe_group(name: str, group: click.Group, root: click.Context) -> list[str]:
    """Return the lines of the commands of a group, with all their options."""
    lines = []
    with click.Context(group, info_name=name, parent=root) as context:
        for inner, command in group.commands.items():
            found = describe_command(inner, command, context, list_options(command, context), ())
            lines += [f"### fasttok {name} {inner}" if line.startswith("## ") else line for line in found]
    return lines


def escape_prose(text: str) -> str:
    """Return plain text in which Markdown finds no escapes and no HTML."""
    return text.replace("\\", "\\\\").replace("<", "\\<")


def escape(text: str) -> str:
    """Return text that fits a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", r"\|")


def list_members(module: str, name: str) -> list[tuple[str, str]]:
    """Return the Sphinx directive and name of each public method and property of a class, in source order."""
    kinds = [kind for kind in getattr(importlib.import_module(module), name).__mro__ if is_own(kind)]
    members = {member: value for kind in reversed(kinds) for member, value in vars(kind).items()}
    directives = ((property, "autoproperty"), (cached_property, "autoproperty"))
    directives += ((classmethod, "automethod"), (staticmethod, "automethod"), (FunctionType, "automethod"))
    return [
        (directive, member)
        for member, value in members.items()
        for kind, directive in directives
        if isinstance(value, kind) and not member.startswith("_")
    ]


def is_own(kind: type) -> bool:
    """Return whether fasttok defines a class."""
    return kind.__module__.startswith("fasttok.")
