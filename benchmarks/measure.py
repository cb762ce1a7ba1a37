"""Run one task with one library in this process, in turns.

Usage: ``python -m benchmarks.measure TASK LIBRARY ARGUMENT...``.

The process prepares the task and prints a line of JSON. For each line that it then reads, a number of
seconds, it runs the work at least once and until that time has passed, and prints its measurements as a line
of JSON. The first run is cold: the library is imported, but has not run yet. All later runs are warm. The
library ``=NAME`` is fasttok with the same settings as library NAME, for comparing results.

The task ``cold TASK`` is a task whose preparation is part of its first run.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.peers import REFERENCES, TASKS


def main() -> None:
    """Prepare the task of the command line, and take a turn for each line of the input."""
    task, library, *given = sys.argv[1:]
    arguments = [int(a) if a.isdigit() else a for a in given]
    cold = task.startswith("cold ")
    task = task.removeprefix("cold ")
    prepare = REFERENCES[task][library[1:]] if library.startswith("=") else TASKS[task][library]
    start = time.perf_counter()
    work, compare, *load_s = prepare(*arguments)
    prepared = time.perf_counter() - start if cold else 0.0
    print(json.dumps({"load_s": load_s[0] if load_s else None}), flush=True)
    for line in sys.stdin:
        print(json.dumps(take_turn(work, compare, float(line), prepared)), flush=True)
        prepared = 0.0


def take_turn(
    work: Callable[[], Any], compare: Callable[[Any], str], seconds: float, prepared: float = 0.0
) -> dict[str, Any]:
    """Run work once, and again until `seconds` have passed; return its shortest time, memory and outcome.

    `prepared` is added to the time. The outcome is that of the last run.
    """
    taken: list[float] = []
    result = None
    while not taken or sum(taken) < seconds:
        del result
        start = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - start)
    return {
        "seconds": prepared + min(taken),
        "peak_mb": peak_mb(),
        "outcome": compare(result),
    }


def peak_mb() -> int:
    """Return the peak memory of this process in MiB.

    On Linux, `getrusage` includes the memory that the parent had when it started this process.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    peak = int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1024)


if __name__ == "__main__":
    main()
