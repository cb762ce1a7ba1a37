"""Measure cells, each a text, a vocabulary, a way to encode and a number of threads, with libraries in turns.

The ids of every turn are compared with those of the library that the vocabulary was made for, before its time
counts. A row has the shortest times of all libraries of one cell.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks import texts
from benchmarks.cells import KINDS, Row, describe_cell
from benchmarks.peers.encode import VOCABULARIES, libraries_for
from benchmarks.runs import record
from benchmarks.turns import Failed, Measured, Process, take_turns

# A library that is slower than the fastest other one by this factor gets one process per text and vocabulary.
WITHIN = 1.5


@dataclass(frozen=True)
class Effort:
    """Processes per library, turns per process, seconds of a turn, seconds after which a library stops."""

    processes: int
    turns: int
    turn_s: float
    enough_s: float


QUICK = Effort(processes=1, turns=5, turn_s=0.02, enough_s=1.0)
SWEEP = Effort(processes=3, turns=6, turn_s=0.05, enough_s=1.2)
LARGE = Effort(processes=5, turns=4, turn_s=0.0, enough_s=6.0)  # for texts of 100 MB


def sweep(
    task: str,
    named: Iterable[tuple[str, str]],
    vocabularies: Iterable[str],
    threads: Iterable[int],
    libraries: tuple[str, ...],
    effort: Effort,
    *,
    within: float = WITHIN,
) -> list[Row]:
    """Measure and record all cells of the named texts; return their rows."""
    rows, loaded = [], set()
    for name, text in named:
        for vocabulary in vocabularies:
            readable = libraries_for(vocabulary)
            chosen = tuple(one for one in readable if not libraries or one in libraries)
            at_once, one_by_one = VOCABULARIES[vocabulary].paths
            expected = ids_of(text, vocabulary)
            for path, n in [*((at_once, n) for n in threads), (one_by_one, 1)]:
                arguments = [text, vocabulary, path, str(n), expected]

                def start(library: str, arguments: list[str] = arguments) -> Process:
                    return Process("encode", library, arguments)

                found = measure_cell(chosen, start, effort, within, load_alone=vocabulary not in loaded)
                loaded.add(vocabulary)
                row = {
                    "task": task,
                    "arguments": [name, vocabulary, path, str(n)],
                    "mb": round(os.path.getsize(text) / 1e6, 2),
                    "libraries": summarize(found),
                }
                rows.append(record(row, text))
                click.echo(describe_cell(row), err=True)
                chosen = near(found, within)
    return rows


def measure_cell(
    libraries: tuple[str, ...],
    start: Callable[[str], Any],
    effort: Effort,
    within: float = WITHIN,
    load_alone: bool = True,
) -> dict[str, Measured]:
    """Measure one cell: a first process of each library, and more of those that are not much slower."""
    return take_turns(
        libraries,
        start,
        lambda library: "0",  # no id differs
        processes=effort.processes,
        turns=effort.turns,
        turn_s=effort.turn_s,
        enough_s=effort.enough_s,
        keep=partial(near, within=within),
        load_alone=load_alone,
    )


def near(found: dict[str, Measured], within: float = WITHIN) -> tuple[str, ...]:
    """Return fasttok, and the libraries that take at most `within` times as long as the fastest other one.

    It is enough to be as near as that in the first turn or in later ones.
    """
    kept = {"fasttok"}
    for kind in KINDS:
        times = {name: cell[kind] for name, cell in summarize(found).items() if cell.get(kind)}
        times.pop("fasttok", None)
        kept |= {name for name, time in times.items() if time <= within * min(times.values())}
    return tuple(name for name in found if name in kept)


def summarize(found: dict[str, Measured]) -> dict[str, dict[str, Any]]:
    """Return the shortest times of each library; without them, the number of ids that differ or the fault."""
    return {library: dict(_summarize(measured)) for library, measured in found.items()}


def _summarize(measured: Measured) -> Iterator[tuple[str, Any]]:
    if measured.fault:
        yield "fault", measured.fault
    elif measured.outcome:
        yield "differences", int(measured.outcome)
    else:
        later = [time for seconds in measured.seconds for time in seconds[1:]]
        if measured.load_s is not None:
            yield "load_s", round(measured.load_s, 3)
        yield "cold_s", round(min(seconds[0] for seconds in measured.seconds), 6)
        if later:
            yield "warm_s", round(min(later), 6)
        yield "peak_mb", measured.peak_mb


def ids_of(text: str, vocabulary: str) -> str:
    """Return the path of the ids that every library must give; they are computed once.

    Raises
    ------
    click.ClickException
        If the library that computes them fails, or is not installed.
    """
    with open(text, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:12]
    path = texts.SCRATCH / f"ids-{vocabulary}-{digest}.npy"
    if not path.exists():
        part = path.with_suffix(".part")
        reference = VOCABULARIES[vocabulary].reference
        process = Process("expect", reference, [text, vocabulary, str(part)])
        try:
            process.wait()
            process.turn(0)
        except Failed as error:
            raise click.ClickException(
                f"{reference}, with whose ids all others are compared, failed: {error}. "
                "`make .venv/bench .venv-pre` installs the other libraries."
            ) from None
        finally:
            process.close()
            process.end()
        part.rename(path)
    return str(path)


def name_texts(given: tuple[str, ...], n_bytes: int) -> list[tuple[str, str]]:
    """Return names and paths of texts: those of languages, and of files; by default of all languages."""
    return [
        (name, texts.in_language(name, n_bytes)) if name in texts.languages() else (Path(name).name, name)
        for name in given or texts.languages()
    ]
