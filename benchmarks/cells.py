"""Tables of cells, in which libraries took turns: ratios of their shortest times to those of fasttok."""

from __future__ import annotations

import statistics
from typing import Any

Row = dict[str, Any]  # a line of results.jsonl with the times of all libraries of a cell
KINDS = {"cold_s": "first", "warm_s": "warm"}


def best_peer(row: Row, kind: str) -> tuple[str, float] | None:
    """Return the fastest other library in a cell, and its time divided by that of fasttok.

    Return None if fasttok or all others have no time of this kind.
    """
    times = {name: cell[kind] for name, cell in row["libraries"].items() if cell.get(kind)}
    own = times.pop("fasttok", None)
    if not own or not times:
        return None
    name = min(times, key=lambda name: times[name])
    return name, times[name] / own


def label(path: str, threads: str) -> str:
    """Return a way to encode and a number of threads as tables show them."""
    return f"{path}, {threads} thread{'s' * (threads != '1')}"


def describe_cell(row: Row) -> str:
    """Return a line with the times of a cell."""
    name, vocabulary, path, threads = row["arguments"]
    parts = [f"{name} {vocabulary}, {label(path, threads)}:"]
    for kind, shown in KINDS.items():
        found = best_peer(row, kind)
        if found:
            parts.append(f"{shown} {found[1]:.2f} × {found[0]}")
    parts += [
        f"{library}: {_fault(cell)}" for library, cell in row["libraries"].items() if "cold_s" not in cell
    ]
    return "  ".join(parts)


def table_of_rates(rows: list[Row]) -> str:
    """Return a table of MB/s with a column per library, and the ratio of fasttok to the best other one."""
    libraries = list(dict.fromkeys(name for row in rows for name in row["libraries"]))
    lines = [
        "| text | vocabulary | | | " + " | ".join(libraries) + " | × best other |",
        "|---|---|---|---|" + "---:|" * (len(libraries) + 1),
    ]
    for kind, shown in KINDS.items():
        for row in rows:
            name, vocabulary, path, threads = row["arguments"]
            cells = [name, vocabulary, label(path, threads), shown]
            for library in libraries:
                cells.append(_rate(row, library, kind))
            found = best_peer(row, kind)
            cells.append(f"{found[1]:.2f}" if found else "–")
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def table_of_ratios(rows: list[Row]) -> str:
    """Return a table of the ratios of fasttok to the best other library, a line per text and vocabulary."""
    columns = list(dict.fromkeys((_way(row), threads) for row in rows for *_, threads in [row["arguments"]]))
    headings = [f"{shown}, {label(*column)}" for column in columns for shown in KINDS.values()]
    lines = [
        "| text | MB | vocabulary | " + " | ".join(headings) + " |",
        "|---|---:|---|" + "---|" * len(headings),
    ]
    by_line: dict[tuple[str, str], dict[tuple[str, str], Row]] = {}
    for row in rows:
        name, vocabulary, _, threads = row["arguments"]
        by_line.setdefault((name, vocabulary), {})[_way(row), threads] = row
    for (name, vocabulary), cells in by_line.items():
        shown = [name, f"{next(iter(cells.values()))['mb']:.1f}", vocabulary]
        for column in columns:
            for kind in KINDS:
                found = best_peer(cells[column], kind) if column in cells else None
                shown.append(f"{found[1]:.2f} {found[0]}" if found else "–")
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines)


def table_of_libraries(rows: list[Row]) -> str:
    """Return a table with a line per library: ratios, time to load, peak memory, cells with other ids."""
    lines = [
        "| library | cells | first: fasttok is × | least | warm: fasttok is × | least "
        "| load s | peak MB | other ids |",
        "|---|" + "---:|" * 8,
    ]
    for library in dict.fromkeys(name for row in rows for name in row["libraries"]):
        cells = [row["libraries"][library] for row in rows if library in row["libraries"]]
        timed = [cell for cell in cells if "cold_s" in cell]
        loads = [cell["load_s"] for cell in timed if "load_s" in cell]
        shown = [library, f"{len(timed):,}"]
        for kind in KINDS:
            times = [
                (row["libraries"].get(library, {}).get(kind), row["libraries"].get("fasttok", {}).get(kind))
                for row in rows
            ]
            ratios = [theirs / own for theirs, own in times if theirs and own]
            is_other = ratios and library != "fasttok"
            shown += [f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f}"] if is_other else ["–", "–"]
        shown += [
            f"{statistics.median(loads):.2f}" if loads else "–",
            f"{max([cell['peak_mb'] for cell in timed])}" if timed else "–",
            f"{sum('differences' in cell for cell in cells):,}",
        ]
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines)


def tables_of_sweep(rows: list[Row]) -> str:
    """Return the tables of libraries, of ratios, and of cells without a time."""
    parts = [table_of_libraries(rows), table_of_ratios(rows)]
    faults = [
        f"- {', '.join([*row['arguments'][:2], label(*row['arguments'][2:])])}: {library}: {_fault(cell)}"
        for row in rows
        for library, cell in row["libraries"].items()
        if "cold_s" not in cell
    ]
    if faults:
        parts.append("Cells without a time:\n\n" + "\n".join(faults))
    return "\n\n".join(parts)


def _way(row: Row) -> str:
    """Return the way to encode of a cell; files and batches share a column."""
    path: str = row["arguments"][2]
    return "documents" if path == "documents" else "file or batch"


def _rate(row: Row, library: str, kind: str) -> str:
    """Return the MB/s of a library in a cell, the number of ids that differ, or –."""
    cell = row["libraries"].get(library, {})
    if cell.get(kind):
        return f"{row['mb'] / cell[kind]:.0f}"
    return _fault(cell) if "differences" in cell else "–"


def _fault(cell: dict[str, Any]) -> str:
    """Return why a library has no time."""
    n = cell.get("differences")
    if n is None:
        return str(cell.get("fault", "–"))
    return f"{n:,} ids differ" if n < 1000 else f"{n:,} or more ids differ"
