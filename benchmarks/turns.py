"""Processes of several libraries that are alive at the same time and take turns.

A machine that is busy for a minute then slows down all of them. The result of every turn is checked before
its time counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ENOUGH_S = 15.0  # seconds of measured time after which a library takes no more turns
# Python of the libraries that need an environment of their own; made by `make .venv-pre`.
INTERPRETERS = {"tokenizers-pre": ROOT / ".venv-pre/bin/python"}


class Failed(Exception):
    """A process ended before it answered."""


class Process:
    """A process that prepares a task with a library and takes turns, see `benchmarks.measure`."""

    def __init__(
        self, task: str, library: str, arguments: list[str], python: Path | None = None, **environment: str
    ) -> None:
        python = python or INTERPRETERS.get(library, Path(sys.executable))
        if not python.exists():
            raise Failed(f"{python} does not exist; run make {python.relative_to(ROOT).parts[0]}")
        # Without stored bytecode, as some containers have it, a first run would compile all modules.
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed in `end`)
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.measure", task, library, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env=inherited | environment,
        )

    def wait(self) -> float | None:
        """Wait until the task is prepared; return the seconds that loading took, or None if not known."""
        load_s: float | None = self._answer()["load_s"]
        return load_s

    def turn(self, seconds: float) -> dict[str, Any]:
        """Run the work once, and again until `seconds` have passed; return the measurements."""
        assert self._process.stdin is not None  # noqa: S101 (for the type checker)
        with suppress(BrokenPipeError):  # of a process that has ended; `_answer` says why
            self._process.stdin.write(f"{seconds}\n")
            self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Tell the process that there are no more turns."""
        assert self._process.stdin is not None  # noqa: S101 (for the type checker)
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def end(self) -> None:
        """Wait for the end of the process after `close`."""
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 (for the type checker)
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        status = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        raise Failed(lines[-1][:120] if lines else f"exit status {status}")


@dataclass
class Measured:
    """Measurements of a library: the seconds of the turns of each process, and why it stopped if it did."""

    seconds: list[list[float]] = field(default_factory=list)
    load_s: float | None = None
    peak_mb: int = 0
    fault: str = ""
    outcome: str = ""

    @property
    def total_s(self) -> float:
        """Sum of all seconds."""
        return sum(map(sum, self.seconds))


def take_turns(
    libraries: Iterable[str],
    start: Callable[[str], Any],
    expected: Callable[[str], str],
    *,
    processes: int,
    turns: int,
    turn_s: float = 0.0,
    enough_s: float = ENOUGH_S,
    keep: Callable[[dict[str, Measured]], Iterable[str]] = list,
    load_alone: bool = True,
) -> dict[str, Measured]:
    """Measure libraries in turns.

    Parameters
    ----------
    libraries : iterable of str
        Names of the libraries.
    start : callable
        Function that starts a process with a library, such as `Process`.
    expected : callable
        Function that returns the outcome that a library must have.
    processes : int
        Number of processes per library, one after another.
    turns : int
        Number of turns of each process. The first turn is a single run.
    turn_s : float
        Least time of a later turn, in seconds.
    enough_s : float
        Seconds of measured time after which a library takes no more turns.
    keep : callable
        Function that, after the first process of each library, returns the libraries that get more.
    load_alone : bool
        Load one library after another and measure how long each takes, or all at the same time.

    Returns
    -------
    dict of str to Measured
        Measurements of each library. A library that fails, or whose outcome differs, has no times; its
        `fault` or `outcome` says why.
    """
    found = {library: Measured() for library in libraries}
    for k in range(processes):
        chosen = [
            library
            for library in _rotated([*(keep(found) if k else found)], k)
            if not found[library].fault and not found[library].outcome and found[library].total_s <= enough_s
        ]
        alive = _start(chosen, start, found, load_alone and k == 0)
        finished: list[Any] = []
        for turn in range(turns):
            for library in _rotated([*alive], turn):
                measured = found[library]
                if measured.total_s > enough_s:
                    continue
                try:
                    answer = alive[library].turn(turn_s if turn else 0.0)
                except Failed as error:
                    found[library] = Measured(fault=str(error))
                    finished.append(alive.pop(library))
                    continue
                if answer["outcome"] != expected(library):
                    found[library] = Measured(outcome=answer["outcome"])
                    finished.append(alive.pop(library))
                    continue
                measured.seconds[-1].append(answer["seconds"])
                measured.peak_mb = max(measured.peak_mb, answer["peak_mb"])
        _end([*finished, *alive.values()])
    return found


def _start(
    libraries: list[str], start: Callable[[str], Any], found: dict[str, Measured], alone: bool
) -> dict[str, Any]:
    """Start a process with each library, wait until all are ready, and return them."""
    started: dict[str, Any] = {}
    for library in libraries:
        try:
            started[library] = start(library)
            if alone:
                found[library].load_s = started[library].wait()
        except Failed as error:
            found[library] = Measured(fault=str(error))
            _end([started.pop(library)] if library in started else [])
    for library, process in [] if alone else [*started.items()]:
        try:
            process.wait()
        except Failed as error:
            found[library] = Measured(fault=str(error))
            _end([started.pop(library)])
    for library in started:
        found[library].seconds.append([])
    return started


def _end(processes: list[Any]) -> None:
    """Tell processes that there are no more turns, and wait until they end."""
    for process in processes:
        process.close()
    for process in processes:
        process.end()


def _rotated(names: list[str], k: int) -> list[str]:
    """Return the names with the first `k` at the end."""
    k %= len(names) or 1
    return names[k:] + names[:k]
