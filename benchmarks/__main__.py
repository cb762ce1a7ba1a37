"""``python -m benchmarks``: fasttok beside the libraries installed with it, on the same text.

Every run is a process of its own; results are compared before times are reported; rows are appended to
benchmarks/results.jsonl, from which ``python -m benchmarks page`` writes docs/benchmarks.md.
"""

from __future__ import annotations

import json
import lzma
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from benchmarks import page as page_module
from benchmarks.measure import ENOUGH_S
from benchmarks.peers import REFERENCES, TASKS

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
RESULTS = ROOT / "benchmarks/results.jsonl"


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Measure everything, or what a command names."""
    if context.invoked_subcommand is None:
        for command in (train, encode, startup):
            context.invoke(command)
        context.invoke(page)


libraries_option = click.option("--library", "libraries", multiple=True, help="Only these; repeatable.")
repeats_option = click.option("--processes", default=3, show_default=True, help="Processes a library.")


@main.command()
@click.option("--text", type=click.Path(exists=True), help="A UTF-8 file; by default 100 MB of English.")
@click.option("--vocab-size", default=32_000, show_default=True)
@click.option("--threads", default=2, show_default=True)
@libraries_option
@repeats_option
def train(
    text: str | None, vocab_size: int, threads: int, libraries: tuple[str, ...], processes: int
) -> None:
    """Byte-level BPE from a text file: seconds from the file to the tokenizer."""
    path = text or english()
    run("train", libraries, processes, 2, [path, str(vocab_size), str(threads)])


@main.command()
@click.option("--text", type=click.Path(exists=True), help="A UTF-8 file; by default 100 MB of English.")
@click.option("--ranks", multiple=True, default=("r50k_base", "cl100k_base"), show_default=True)
@click.option("--threads", multiple=True, default=(1, 2), show_default=True)
@libraries_option
@repeats_option
def encode(
    text: str | None,
    ranks: tuple[str, ...],
    threads: tuple[int, ...],
    libraries: tuple[str, ...],
    processes: int,
) -> None:
    """A text file to ids with a tiktoken vocabulary: seconds for the first pass and for the next."""
    path = text or english()
    for name in ranks:
        for n in threads:
            file = SHARED / f"tokenizers/tiktoken/{name}.tiktoken"
            run("encode", libraries, processes, 4, [path, str(file), str(n)])


@main.command()
@repeats_option
def startup(processes: int) -> None:
    """What starting costs: importing, and the first training ever, with an empty cache of machine code."""
    corpus = "ft.Corpus.from_texts(['the cat sat on the mat ' * 50])"
    training = f"import fasttok as ft; ft.train({corpus}, vocab_size=270)"
    commands = {
        "import numpy": "import numpy",
        "import fasttok, name everything for encoding": "import numpy, fasttok as ft; ft.Tokenizer; ft.load",
        "first training ever": training,
        "first training in a process": training,
    }
    for what, code in commands.items():
        seconds = []
        for _ in range(processes):
            with tempfile.TemporaryDirectory() as empty:
                cache = empty if "ever" in what else os.environ.get("NUMBA_CACHE_DIR", "")
                environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
                command = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
                done = subprocess.run(
                    [sys.executable, "-c", command],
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=True,
                )
                seconds.append(float(done.stdout))
        record({"task": "startup", "library": "fasttok", "arguments": [what], "cold_s": seconds})
        click.echo(f"{what:<50} {statistics.median(seconds):.3f} s")


@main.command()
def page() -> None:
    """Write docs/benchmarks.md from the committed rows."""
    (ROOT / "docs/benchmarks.md").write_text(page_module.render(RESULTS))


def run(task: str, libraries: tuple[str, ...], processes: int, repeats: int, arguments: list[str]) -> None:
    """Run a task with every library in turn, several times over, compare, then report and record."""
    size = os.path.getsize(arguments[0]) / 1e6
    shown = [os.path.basename(a) for a in arguments]
    click.echo(f"\n{task} {' '.join(shown)} ({size:.1f} MB)")
    found: dict[str, list[dict[str, Any]]] = {}
    expected: dict[str, str] = {}
    for library in libraries or TASKS[task]:
        reference = f"={library}" if library in REFERENCES[task] else "fasttok"
        expected[library] = measure(task, reference, 1, arguments)["outcome"]
    for _ in range(processes):
        for library in expected:
            if sum(sum(row["seconds"]) for row in found.get(library, [])) > ENOUGH_S:
                continue
            try:
                found.setdefault(library, []).append(measure(task, library, repeats, arguments))
            except subprocess.CalledProcessError as error:
                reason = (error.stderr.strip().splitlines() or ["?"])[-1]
                click.echo(f"  {library:<12} did not run: {reason[:90]}")
    for library, rows in found.items():
        if not rows:
            continue
        cold = [r["seconds"][0] for r in rows]
        warm = [statistics.median(r["seconds"][1:]) for r in rows]
        if {r["outcome"] for r in rows} != {expected[library]}:
            click.echo(f"  {library:<12} gives another result than fasttok: not compared")
            continue
        record(
            {
                "task": task,
                "library": library,
                "arguments": shown,
                "mb": round(size, 1),
                "cold_s": cold,
                "warm_s": warm,
                "peak_mb": max(r["peak_mb"] for r in rows),
            }
        )
        c, w = statistics.median(cold), statistics.median(warm)
        click.echo(
            f"  {library:<12} cold {c:8.3f} s {size / c:7.1f} MB/s   warm {w:8.3f} s {size / w:7.1f} MB/s   "
            f"peak {max(r['peak_mb'] for r in rows):5d} MB"
        )


def measure(task: str, library: str, repeats: int, arguments: list[str]) -> dict[str, Any]:
    """Run a task in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.measure", task, library, str(repeats), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def record(row: dict[str, Any]) -> None:
    """Append a row with what is needed to place it."""
    with open(RESULTS, "a") as file:
        file.write(json.dumps({**row, **context_of_run()}) + "\n")


def context_of_run() -> dict[str, Any]:
    """The commit, versions and machine."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    versions = {}
    for package in (
        "fasttok",
        "gigabpe",
        "gigatoken",
        "rustbpe",
        "tiktoken",
        "tokenizers",
        "tokie",
        "numpy",
        "numba",
    ):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    cpu = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), platform.processor())
    return {
        "date": date.today().isoformat(),
        "commit": subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip(),
        "python": platform.python_version(),
        "versions": versions,
        "machine": f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
    }


def english() -> str:
    """100 MB of English, unpacked once into a scratch folder; the standard library where there is none."""
    packed = SHARED / "data/prose/english.txt.xz"
    path = Path(tempfile.gettempdir()) / "fasttok-benchmarks" / "english.txt"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        if not packed.exists():
            raise click.ClickException("no English text beside the project; give a file with --text")
        with lzma.open(packed) as file:
            path.write_bytes(file.read())
    return str(path)


if __name__ == "__main__":
    main()
