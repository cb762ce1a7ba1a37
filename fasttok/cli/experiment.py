"""Commands for experiments: ``fasttok compare``, ``report``, ``verify`` and ``demo``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from fasttok.cli.command import Command
from fasttok.cli.shared.colours import coloured
from fasttok.cli.shared.inputs import add_current_folder, say
from fasttok.cli.shared.options import (
    allow_import_option,
    json_option,
    progress_options,
    quiet_option,
    workers_option,
)
from fasttok.cli.shared.outputs import STDOUT, check_output, print_json, saved
from fasttok.cli.shared.progress import show_progress
from fasttok.cli.shared.streams import print_summary, refuse_redirection

FAILED = 3  # exit status of a comparison in which a tokenizer failed
DEMO = Path(__file__).parents[1] / "data" / "demo.toml"  # experiment of `fasttok demo`


@click.command(cls=Command)
@click.argument("experiment", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="Folder for the results.")
@json_option
@workers_option
@progress_options
@allow_import_option
def compare(
    experiment: str,
    output: str,
    as_json: bool,
    workers: int | None,
    progress: str,
    quiet: bool,
    allow_import: tuple[str, ...],
) -> None:
    """Train and measure the tokenizers of an experiment.

    EXPERIMENT is a .toml file that names texts, tokenizers and metrics. An interrupted run continues where it
    stopped: results that are already in the folder are kept. If a tokenizer fails, the others still run, and
    the exit status is 3.

    --json prints one object with the keys output, tokenizers (names), n_rows, unmeasured (metric and what it
    needs) and failures, as in failures.jsonl. The rows are in metrics.jsonl.

    \b
    Examples:
      fasttok compare experiment.toml -o results/
      fasttok compare experiment.toml -o results/ && fasttok report results/
    """
    import fasttok as ft
    from fasttok.experiment.run.folder import read_files

    check_output(output, [experiment], folder=True)
    specification = ft.Experiment.load(experiment, allow_import=add_current_folder(allow_import))
    refuse_redirection(path for path, _ in read_files(specification))
    with show_progress(progress, quiet) as shown:
        results = ft.compare(specification, output, workers=workers, progress=shown)
    unmeasured = {name: results.needs(name) or "tokenizers that do not fail" for name in results.unmeasured}
    if as_json:
        print_json(
            {
                "output": output,
                "tokenizers": list(results.tokenizers),
                "n_rows": len(results.rows),
                "unmeasured": unmeasured,
                "failures": results.failures,
            }
        )
    elif not quiet:
        n = len(results.tokenizers)
        print_summary(f"Measured {n:,} tokenizer{'s' * (n != 1)}: {len(results.rows):,} rows in {output}")
    for metric, needs in unmeasured.items():
        say(f"{metric} was not measured: it needs {needs}", "warning")
    for row in results.failures:
        corpus = f" on {row['corpus']}" if row["corpus"] else ""
        say(f"{row['tokenizer']} failed{corpus}: {row['message']}", "error")
    if not (as_json or quiet):
        print_summary(f"Next: fasttok report {shlex.quote(output)}")
    if results.failures:
        raise SystemExit(FAILED)


@click.command(cls=Command)
@click.argument("results", type=click.Path())
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    show_default="report.html in RESULTS",
    help="HTML file to write; - is standard output.",
)
@quiet_option
@allow_import_option
def report(results: str, output: str | None, quiet: bool, allow_import: tuple[str, ...]) -> None:
    """Write an HTML report with tables and charts.

    RESULTS is a folder that `fasttok compare` wrote. The report is a single file that works offline. Requires
    jinja2 and Matplotlib: pip install jinja2 matplotlib

    \b
    Examples:
      fasttok report results/
      fasttok report results/ -o comparison.html
    """
    import fasttok as ft

    packages = add_current_folder(allow_import)
    refuse_redirection(Path(results).rglob("*"))
    if output == STDOUT:
        with saved(output, ".html") as path:
            ft.write_report(results, path, allow_import=packages)
        return
    path = ft.write_report(results, output, allow_import=packages)
    if not quiet:
        print_summary(path)


@click.command(cls=Command)
@click.argument("results", type=click.Path())
@click.option(
    "--folder",
    type=click.Path(),
    show_default="folder of the experiment",
    help="Folder from which relative paths in the experiment start.",
)
@json_option
@workers_option
@progress_options
@allow_import_option
def verify(
    results: str,
    folder: str | None,
    as_json: bool,
    workers: int | None,
    progress: str,
    quiet: bool,
    allow_import: tuple[str, ...],
) -> None:
    """Run an experiment again and compare the results.

    RESULTS is a folder that `fasttok compare` wrote. Prints the first difference in each file, and the texts
    and versions that have changed. The exit status is 1 if there are differences. Timings are not compared.

    --json prints one object: {"results": RESULTS, "same": true or false, "differences": [TEXT, ...]}.

    \b
    Examples:
      fasttok verify results/
      fasttok verify results/ --folder texts/
    """
    import fasttok as ft

    refuse_redirection(Path(results).rglob("*"))
    with show_progress(progress, quiet) as shown:
        differences = ft.verify(
            results,
            folder=folder,
            workers=workers,
            progress=shown,
            allow_import=add_current_folder(allow_import),
        )
    if as_json:
        print_json({"results": results, "same": not differences, "differences": differences})
    for difference in [] if as_json else differences:
        click.echo(difference)
    if differences:
        raise SystemExit(1)
    if not as_json:
        print_summary(f"{results}: verified, all results are the same byte for byte")


@click.command(cls=Command)
@click.option(
    "-o", "--output", default="fasttok-demo", show_default=True, type=click.Path(),
    help="Folder for the results.",
)  # fmt: skip
@workers_option
@progress_options
def demo(output: str, workers: int | None, progress: str, quiet: bool) -> None:
    """Compare five model families and write a report.

    Trains BPE, WordPiece, Unigram, character and word tokenizers with 2,000 and 8,000 ids on the Python
    sources of the standard library. Measures them on the same sources and on 60 sentences in each of 20
    languages.

    \b
    Example:
      fasttok demo -o demo/
    """
    import fasttok as ft
    from fasttok.experiment.report.report import check_packages

    check_packages()
    check_output(output, folder=True)
    print_summary("Five model families, two sizes each, trained on the sources of Python's standard library")
    with show_progress(progress, quiet) as shown:
        results = ft.compare(DEMO, output, workers=workers, progress=shown)
    path = ft.write_report(output)
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
        print_summary("  ".join(["", " " * width, *(f"{head[i]:>15}" for head in columns)]))
    for name in results.tokenizers:
        numbers = [f"{values[name, corpus, metric]:>15.2f}" for corpus, metric in columns.values()]
        print_summary("  ".join(["", f"{name:{width}}", *numbers]))
    print_summary(
        "  Higher is better. Lossless share: share of the documents that decoding restores exactly."
    )
    print_summary("  If it is low, unknown text became one token, so the bytes per token are not comparable.")
    for text in ("raise ValueError(f'unexpected {token!r}')", "naïve Zürich, 東京, 12345"):
        print_summary("")
        for name in results.tokenizers:
            tokens = results.tokenizer(name).show(text)
            print_summary(f"  {name:{width}}  {len(tokens):>3} tokens  {coloured(tokens)}")
    print_summary(f"\nReport: {path}\nTo run the comparison again: fasttok verify {output}")
