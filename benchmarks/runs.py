"""Run a task with several libraries, and record rows in benchmarks/results.jsonl."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable
from datetime import date
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import click

from benchmarks import page
from benchmarks.peers import REFERENCES, TASKS
from benchmarks.texts import is_own
from benchmarks.turns import ENOUGH_S, ROOT, Failed, Measured, Process, take_turns
from fasttok.core.versions import describe_machine

RESULTS = ROOT / "benchmarks/results.jsonl"
# Packages whose versions are recorded with every row.
PACKAGES = (
    *("fasttok", "gigabpe", "gigatoken", "kitoken", "nanotoken", "rustbpe", "sentencepiece", "tiktoken"),
    *("tokenizers", "tokie", "numpy", "numba", "scipy"),
)


def run(
    task: str,
    libraries: tuple[str, ...],
    processes: int,
    repeats: int,
    arguments: list[str],
    *,
    shown_task: str | None = None,
    shown: list[str] | None = None,
    start: Callable[[str], Process] | None = None,
) -> None:
    """Run a task with every library in several processes, compare results, then print and record times.

    Times of a text of the user are not recorded.

    `shown_task` and `shown` are recorded instead of the task and its arguments. `start` starts a process with
    a library.
    """
    shown = shown or [a.split("/")[-2] if a.endswith("/tokenizer.json") else Path(a).name for a in arguments]
    click.echo(f"\n{shown_task or task} {' '.join(shown)}", err=True)

    @cache
    def outcome(reference: str) -> str:
        answer: str = measure(task, reference, 1, arguments)["outcome"]
        return answer

    def expected(library: str) -> str:
        return outcome(f"={library}" if library in REFERENCES.get(task, {}) else "fasttok")

    found = take_turns(
        libraries or TASKS[task],
        start or (lambda library: Process(task, library, arguments)),
        expected,
        processes=processes,
        turns=repeats,
    )
    n_bytes, rows = os.path.getsize(arguments[0]), []
    for library, measured in found.items():
        if measured.fault:
            click.echo(f"  Warning: {library} failed and is skipped: {measured.fault}", err=True)
        elif measured.outcome:
            click.echo(f"  Warning: {library} is skipped: its result differs from that of fasttok", err=True)
        else:
            rows.append(record(summary(shown_task or task, library, shown, n_bytes, measured), arguments[0]))
    if not rows:
        raise click.ClickException("no library gave a result")
    click.echo(page.comparison(rows))


def measure(task: str, library: str, repeats: int, arguments: list[str]) -> dict[str, Any]:
    """Run a task with one library in a new process; return its seconds, peak memory and outcome."""
    process = Process(task, library, arguments)
    process.wait()
    answers: list[dict[str, Any]] = []
    while len(answers) < repeats and sum(answer["seconds"] for answer in answers) <= ENOUGH_S:
        answers.append(process.turn(0))
    process.close()
    process.end()
    if len({answer["outcome"] for answer in answers}) > 1:
        raise Failed(f"{library} is not deterministic: {len(answers)} runs gave different results")
    return answers[-1] | {"seconds": [answer["seconds"] for answer in answers]}


def measure_alone(task: str, shown: str, n_bytes: int, repeats: int, arguments: list[str]) -> dict[str, Any]:
    """Measure a task that only fasttok has in one process; record and return the row."""
    measured = measure(task, "fasttok", repeats, arguments)
    one = Measured(seconds=[measured["seconds"]], peak_mb=measured["peak_mb"])
    return record(summary(task, "fasttok", [shown], n_bytes, one))


def summary(
    task: str, library: str, arguments: list[str], n_bytes: int, measured: Measured
) -> dict[str, Any]:
    """Return the row to record for one library."""
    later = [time for seconds in measured.seconds for time in seconds[1:]]
    return {
        "task": task,
        "library": library,
        "arguments": arguments,
        "mb": round(n_bytes / 1e6, 1),
        "cold_s": [seconds[0] for seconds in measured.seconds],
        "warm_s": [statistics.median(seconds[1:]) for seconds in measured.seconds if len(seconds) > 1],
        **({"least_s": min(later)} if later else {}),
        "peak_mb": measured.peak_mb,
    }


def record(row: dict[str, Any], text: str | None = None) -> dict[str, Any]:
    """Append a row with its date, commit, versions and machine to the results; return it.

    It is not appended if `text`, the path of the text, is a file of the user (see `is_own`).
    """
    row = {**row, **context_of_run()}
    if text is not None and is_own(text):
        return row
    with open(RESULTS, "a") as file:
        file.write(json.dumps(row) + "\n")
    return row


def commit() -> str:
    """Return the current commit, with "-dirty" if a tracked file except results.jsonl has changed since."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results.jsonl")
    return git("describe", "--always") + ("-dirty" if changed else "")


@cache
def find_versions() -> dict[str, str]:
    """Return the versions of the packages, and that of the pre-release of tokenizers."""
    installed = {one.metadata["Name"]: one.version for one in distributions()}
    versions = {package: installed[package] for package in PACKAGES if package in installed}
    folders = [str(path) for path in ROOT.glob(".venv-pre/lib/python*/site-packages")]
    for one in distributions(name="tokenizers", path=folders):
        versions["tokenizers-pre"] = one.version
    return versions


def context_of_run() -> dict[str, Any]:
    """Return the date, commit, versions and machine of this run."""
    machine = describe_machine()
    system = f"{platform.system()} {platform.machine()}"
    return {
        "date": date.today().isoformat(),
        "commit": commit(),
        "python": platform.python_version(),
        "versions": find_versions(),
        "machine": f"{machine['processor']}, {machine['cores']} cores, {system}",
    }
