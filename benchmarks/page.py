"""docs/benchmarks.md from the committed rows."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

HEAD = """# Benchmarks

Written by `python -m benchmarks page` from `benchmarks/results.jsonl`; do not edit. Each table is one run of
`python -m benchmarks`: every library in a process of its own, medians over processes, results compared
before times are reported. Machines differ and the same machine drifts, so read ratios, not seconds. *Cold* is
the first time in a process, with the library imported and machine code cached; *warm* is what follows.
The result, merged pieces in their order or ids, is fasttok's for every library listed; those that train on
lines, or break ties in another order, are compared with fasttok told to do so.
"""


def render(results: Path) -> str:
    """The page: for every task and arguments the rows of the newest run."""
    newest: dict[tuple[str, ...], dict[str, dict[str, Any]]] = {}
    for line in results.read_text().splitlines():
        row = json.loads(line)
        newest.setdefault((row["task"], *row["arguments"]), {})[row["library"]] = row
    parts = [HEAD]
    startup = [rows["fasttok"] for (task, *_), rows in newest.items() if task == "startup"]
    for (task, *arguments), rows in newest.items():
        if task != "startup":
            parts.append(table(task, arguments, rows))
    if startup:
        parts.append("## Starting\n\n| what | s |\n|---|---:|")
        parts[-1] += "".join(
            f"\n| {row['arguments'][0]} | {statistics.median(row['cold_s']):.2f} |" for row in startup
        )
        parts[-1] += "\n\n" + place(startup[-1])
    return "\n".join(parts)


def table(task: str, arguments: list[str], rows: dict[str, dict[str, Any]]) -> str:
    """One comparison, fastest first."""
    some = next(iter(rows.values()))
    titles = {
        "train": "Training {0}, {1} pieces, {2} threads",
        "encode": "Encoding {0} with {1}, {2} threads",
    }
    title = titles[task]
    title = title.format(*arguments).replace("1 threads", "1 thread").replace(".tiktoken", "")
    lines = [
        f"## {title}\n",
        f"{some['mb']} MB of text.\n",
        "| library | version | cold s | MB/s | warm s | MB/s | peak MB |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for library, row in sorted(rows.items(), key=lambda item: statistics.median(item[1]["warm_s"])):
        cold, warm = statistics.median(row["cold_s"]), statistics.median(row["warm_s"])
        lines.append(
            f"| {library} | {row['versions'].get(library, '')} "
            f"| {cold:.2f} | {row['mb'] / cold:.1f} | {warm:.2f} "
            f"| {row['mb'] / warm:.1f} | {row['peak_mb']} |"
        )
    return "\n".join([*lines, "", place(some)])


def place(row: dict[str, Any]) -> str:
    """Where and when a run was made."""
    return f"{row['date']}, commit {row['commit']}, {row['machine']}, Python {row['python']}.\n"
