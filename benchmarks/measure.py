"""Run one task of one library in this process and print what it took, as one line of JSON.

``python -m benchmarks.measure TASK LIBRARY REPEATS ARGUMENT...``: the first time is cold (the library is
imported, nothing else has run), the following ones are warm; a slow library has fewer of these, or none. A
library written ``=NAME`` is fasttok doing what NAME does, for comparison.
"""

from __future__ import annotations

import json
import resource
import sys
import time

from benchmarks.peers import REFERENCES, TASKS

ENOUGH_S = 15


def main() -> None:
    """Measure and print."""
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
        raise SystemExit(f"{library} gave {len(outcomes)} different results")
    print(json.dumps({"seconds": seconds, "peak_mb": round(peak / 1024), "outcome": outcomes.pop()}))


if __name__ == "__main__":
    main()
