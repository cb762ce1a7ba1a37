"""Commands for experiments: ``fasttok compare``, ``report``, ``verify`` and ``demo``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

import fasttok as ft
from fasttok.cli.common import (
    Command,
    add_current_folder,
    allow_import_option,
    coloured,
    quiet_option,
    workers_option,
)

FAILED = 3  # exit status of a comparison in which a tokenizer failed
DEMO = Path(ft.__file__).parent / "data" / "demo.toml"  # experiment of `fasttok demo`


@click.command(cls=Command)
@click.argument("experiment", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="Folder for the results.")
@workers_option
@quiet_option
@allow_import_option
def compare(
    experiment: str, output: str, workers: int | None, quiet: bool, allow_import: tuple[str, ...]
) -> None:
    """Train and measure the tokenizers of an experiment.

    EXPERIMENT is a .toml file that names texts, tokenizers and metrics. An interrupted run continues where it
    stopped: results that are already in the folder are kept. If a tokenizer fails, the others still run, and
    the exit status is 3.

    \b
    Examples:
      fasttok compare experiment.toml -o results/
      fasttok compare experiment.toml -o results/ && fasttok report results/
    """
    results = ft.compare(
        experiment, output, workers=workers, progress=not quiet, allow_import=add_current_folder(allow_import)
    )
    n = len(results.tokenizers)
    click.echo(f"Measured {n:,} tokenizer{'s' * (n != 1)}: {len(results.rows):,} rows in {output}")
    for metric in results.unmeasured:
        needs = results.needs(metric) or "tokenizers that do not fail"
        click.echo(f"Warning: {metric} was not measured: it needs {needs}", err=True)
    for row in results.failures:
        corpus = f" on {row['corpus']}" if row["corpus"] else ""
        click.echo(f"Error: {row['tokenizer']} failed{corpus}: {row['message']}", err=True)
    click.echo(f"Next: fasttok report {shlex.quote(output)}")
    if results.failures:
        raise SystemExit(FAILED)


@click.command(cls=Command)
@click.argument("results", type=click.Path())
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    show_default="report.html in RESULTS",
    help="HTML file to write.",
)
@allow_import_option
def report(results: str, output: str | None, allow_import: tuple[str, ...]) -> None:
    """Write an HTML report with tables and charts.

    RESULTS is a folder that `fasttok compare` wrote. The report is a single file that works offline. Requires
    jinja2 and Matplotlib: pip install jinja2 matplotlib

    \b
    Examples:
      fasttok report results/
      fasttok report results/ -o comparison.html
    """
    click.echo(ft.write_report(results, output, allow_import=add_current_folder(allow_import)))


@click.command(cls=Command)
@click.argument("results", type=click.Path())
@click.option(
    "--folder",
    type=click.Path(),
    show_default="folder of the experiment",
    help="Folder from which relative paths in the experiment start.",
)
@workers_option
@quiet_option
@allow_import_option
def verify(
    results: str, folder: str | None, workers: int | None, quiet: bool, allow_import: tuple[str, ...]
) -> None:
    """Run an experiment again and compare the results.

    RESULTS is a folder that `fasttok compare` wrote. Prints the first difference in each file, and the texts
    and versions that have changed. The exit status is 1 if there are differences. Timings are not compared.

    \b
    Examples:
      fasttok verify results/
      fasttok verify results/ --folder texts/
    """
    differences = ft.verify(
        results,
        folder=folder,
        workers=workers,
        progress=not quiet,
        allow_import=add_current_folder(allow_import),
    )
    for difference in differences:
        click.echo(difference)
    if differences:
        raise SystemExit(1)
    click.echo(f"{results}: verified, all results are the same byte for byte")


@click.command(cls=Command)
@click.option(
    "-o", "--output", default="fasttok-demo", show_default=True, type=click.Path(),
    help="Folder for the results.",
)  # fmt: skip
def demo(output: str) -> None:
    """Compare five model families and write a report.

    Trains BPE, WordPiece, Unigram, character and word tokenizers with 2,000 and 8,000 ids on the Python
    sources of the standard library. Measures them on the same sources and on 60 sentences in each of 20
    languages.

    \b
    Example:
      fasttok demo -o demo/
    """
    click.echo("Five model families, two sizes each, trained on the sources of Python's standard library")
    results = ft.compare(DEMO, output, progress=sys.stderr.isatty())
    values = {
        (row["tokenizer"], row["corpus"], row["metric"]): row["value"]
        for row in results.rows
        if not row["language"]
    }
    columns = {
        ("bytes/token,", "Python"): ("python", "bytes_per_token"),
        ("bytes/token,", "20 languages"): ("parallel", "bytes_per_token"),
        ("lossless share,", "20 languages"): ("parallel", "lossless_rate"),
    }
    width = max(map(len, results.tokenizers))
    for i in range(2):
        click.echo("  ".join(["", " " * width, *(f"{head[i]:>15}" for head in columns)]))
    for name in results.tokenizers:
        numbers = [f"{values[name, corpus, metric]:>15.2f}" for corpus, metric in columns.values()]
        click.echo("  ".join(["", f"{name:{width}}", *numbers]))
    click.echo("  Higher is better. Lossless share: share of the documents that decoding restores exactly.")
    click.echo("  If it is low, unknown text became one token, so the bytes per token are not comparable.")
    for text in ("raise ValueError(f'unexpected {token!r}')", "naïve Zürich, 東京, 12345"):
        click.echo()
        for name in results.tokenizers:
            tokens = results.tokenizer(name).show(text)
            click.echo(f"  {name:{width}}  {len(tokens):>3} tokens  {coloured(tokens)}")
    click.echo(f"\nReport: {ft.write_report(output)}\nTo run the comparison again: fasttok verify {output}")
