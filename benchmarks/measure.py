"""Run one task with one library in this process and print its measurements as one line of JSON.

Usage: ``python -m benchmarks.measure TASK LIBRARY REPEATS ARGUMENT...``. The first run is cold (the library
is imported, but has not run yet), the following runs are warm. A slow library has fewer warm runs, or none.
The library ``=NAME`` is fasttok with the same settings as library NAME, for comparing results.
"""

from __future__ import annotations

import json
import resource
import sys
import time

from benchmarks.peers import REFERENCES, TASKS

ENOUGH_S = 15  # seconds of measured time after which a task is not repeated


def main() -> None:
    """Run the task of the command line and print its measurements."""
    task, library, repeats, *arguments = sys.argv[1:]
    prepare = REFERENCES[task][library[1:]] if library.startswith("=") else TASKS[task][library]
    work, compare = prepare(*[int(a) if a.isdigit() else a for a in arguments])
    seconds, outcomes = [], set()
    for _ in range(int(repeats)):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        outcomes.add(compare(result))
        del result
        if sum(seconds) > ENOUGH_S:
            break
    if len(outcomes) != 1:
        raise SystemExit(
            f"{library} is not deterministic: {len(seconds)} runs gave {len(outcomes)} different results"
        )
    print(json.dumps({"seconds": seconds, "peak_mb": round(peak / 1024), "outcome": outcomes.pop()}))


if __name__ == "__main__":
    main()
