"""docs/benchmarks.md from the committed rows."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

HEAD = """# Benchmarks

Written by `python -m benchmarks page` from `benchmarks/results.jsonl`; do not edit. Each table is one run of
`python -m benchmarks`: every library in a process of its own, medians over processes, results compared
before times are reported. Machines differ and the same machine drifts, so read ratios, not seconds. *Cold* is
the first time in a process, with the library imported and machine code cached; *warm* is what follows, and is
not measured where once takes long. The result, merged pieces in their order, ids or bytes, is fasttok's for
every library listed; those that train on lines, or break ties in another order, are compared with fasttok
told to do so.

The texts: `english.txt` is 100 MB of novels, technical documentation and manual pages, nothing repeated.
`ntrex.txt` is NTREX-128, 25 MB: the same news in 128 languages. `gigabyte.txt` is `english.txt` ten times;
in the second to tenth copy one in 55 of the words of six or more letters ends in the last three letters of
another such word, which makes about as many new words as a text of that length would have.
"""
NOTES = {
    "hostile": "One process each. *Training* is 1,000 pieces from nothing but this text; *encoding* is with "
    "32,000 pieces learned from `english.txt`, and decoded it is the text again. The peak is the whole "
    "process's, with the text in it.",
    "memory": "{mb} MB of text, one process each.",
    "small": "Lists of int out; threads as the library chooses.",
    "offsets": "One thread. *Ids only* is what the same strings take without offsets.",
    "added": "{mb} MB of text on one thread. The tokens are 6 to 12 random letters, anywhere in a word.",
    "unigram": "{mb} MB of text, a document a line, normalised by `nmt_nfkc`. The pieces differ: compared "
    "is how many there are.",
    "segment": "{mb} MB of text; pieces and scores are what sentencepiece learned from its first 10 MB.",
    "wordpiece": "{mb} MB of text, a document a line, normalised and cut as for BERT. Pieces differ where "
    "counts are equal: compared is how many there are, up to 5 % fewer with `greedy`. fasttok alone is "
    "the method `frequency`, which is what tokenizers does.",
    "batch": "The first lines of the text that are not empty, with `[CLS]` and `[SEP]`; *padding* takes them "
    "to a matrix of at most 512 columns, with its mask, and the ids in it are the same.",
    "quality": "A tenth of the lines, by a hash of their content, is held out, without those that stand in "
    "the rest too; the models are trained on the rest, of as many pieces each (sentencepiece refuses more of "
    "Finnish, Khmer and Dzongkha). One scorer (`benchmarks/quality.py`) for both: probabilities are made to "
    "sum to 1, characters are the same. Nats are the negative log likelihood of a character over all "
    "segmentations; less is better.",
}
Row = dict[str, Any]
Column = tuple[str, Callable[[Row], float | None], str]  # heading, value, format


def some(n: str, noun: str) -> str:
    """A number of things."""
    return f"{int(n):,} {noun}" + "s" * (n != "1")


TITLES: dict[str, Callable[..., str]] = {
    "train": lambda text, pieces, threads: f"Training {text}, {pieces} pieces, {some(threads, 'thread')}",
    "memory": lambda text, pieces, threads: f"Memory to train on {text}, {pieces} pieces",
    "encode": lambda text, ranks, threads: f"Encoding {text} with {ranks}, {some(threads, 'thread')}",
    "decode": lambda text, ranks: f"Decoding the ids of {text} with {ranks}, 1 thread",
    "unigram": lambda text, pieces, threads: (
        f"Training Unigram, {text}, {pieces} ids, {some(threads, 'thread')}"
    ),
    "segment": lambda text, model, threads: f"Encoding with Unigram, {text}, {some(threads, 'thread')}",
    "wordpiece": lambda text, pieces, threads: (
        f"Training WordPiece, {text}, {pieces} ids, {some(threads, 'thread')}"
    ),
    "bert": lambda text, vocab, threads: f"Encoding with BERT's WordPiece, {text}, {some(threads, 'thread')}",
    "batch": lambda text, vocab, n: f"A batch of {some(n, 'text')} of {text}",
    "quality": lambda: "Unigram on held-out text",
    "small": lambda text, ranks, n, calls: f"Encoding {some(n, 'string')} of 50 characters with {ranks}",
    "offsets": lambda text, vocabulary, n, calls: (
        f"Ids and offsets of strings of {int(n):,} characters with {vocabulary}"
    ),
    "added": lambda text, ranks, n, what: (
        f"{some(n, 'added token')} beside {ranks}: {'opening the file' if what == 'load' else 'encoding'}"
    ),
    "hostile": lambda: "Hostile text: one pretoken",
    "startup": lambda: "Starting",
}


def seconds(kind: str) -> Callable[[Row], float | None]:
    """The median over processes of a row's cold or warm seconds."""
    return lambda row: statistics.median(row[kind]) if row.get(kind) else None


def milliseconds(kind: str) -> Callable[[Row], float | None]:
    """The same in milliseconds."""
    return lambda row: 1000 * statistics.median(row[kind]) if row.get(kind) else None


def rate(kind: str) -> Callable[[Row], float | None]:
    """Megabytes of text in a second."""
    return lambda row: row["mb"] / statistics.median(row[kind]) if row.get(kind) else None


def microseconds(per: int) -> Callable[[Row], float | None]:
    """Of a call, whose number is the last argument, or of a string, whose number a call stands before it."""

    def value(row: Row) -> float:
        n, n_calls = map(int, row["arguments"][-2:])
        return statistics.median(row["warm_s"]) * 1e6 / (n_calls, n_calls * n)[per]

    return value


def change(key: str) -> Callable[[Row], float | None]:
    """By how many percent fasttok has more of something than sentencepiece."""
    return lambda row: 100 * (row["fasttok"][key] / row["sentencepiece"][key] - 1)


COLD: list[Column] = [("cold s", seconds("cold_s"), ".2f"), ("MB/s", rate("cold_s"), ".1f")]
WARM: list[Column] = [("warm s", seconds("warm_s"), ".2f"), ("MB/s", rate("warm_s"), ".1f")]
PEAK: list[Column] = [("peak MB", lambda row: row["peak_mb"], "d")]
COLUMNS: dict[str, list[Column]] = {
    "train": [*COLD, *WARM, *PEAK],
    "memory": [*COLD, *PEAK],
    "encode": [*COLD, *WARM, *PEAK],
    "decode": [*COLD, *WARM],
    "unigram": [*COLD, *WARM, *PEAK],
    "segment": [*COLD, *WARM, *PEAK],
    "wordpiece": [*COLD, *WARM, *PEAK],
    "bert": [*COLD, *WARM, *PEAK],
    "batch": [("cold ms", milliseconds("cold_s"), ".1f"), ("warm ms", milliseconds("warm_s"), ".1f")],
    "quality": [
        ("nats a character", lambda row: row["fasttok"]["nats"], ".4f"),
        ("sentencepiece's", lambda row: row["sentencepiece"]["nats"], ".4f"),
        ("%", change("nats"), "+.2f"),
        ("tokens", lambda row: row["fasttok"]["tokens"], ",d"),
        ("sentencepiece's", lambda row: row["sentencepiece"]["tokens"], ",d"),
        ("%", change("tokens"), "+.2f"),
    ],
    "small": [("µs a call", microseconds(0), ".1f"), ("µs a string", microseconds(1), ".2f")],
    "offsets": [("µs a call", microseconds(0), ",.1f")],
    "added": [*COLD, *WARM, *PEAK],
    "hostile": [("s", seconds("cold_s"), ".2f"), *PEAK],
    "startup": [("s", seconds("cold_s"), ".2f")],
}


def render(results: Path) -> str:
    """The page: for every task and arguments the rows of the newest run."""
    comparisons: dict[tuple[str, ...], dict[str, Row]] = {}
    lists: dict[str, dict[tuple[str, ...], Row]] = {"quality": {}, "hostile": {}, "startup": {}}
    for line in results.read_text().splitlines():
        row = json.loads(line)
        task = row["task"].split()[0]
        if task in lists:
            lists[task][(row["task"], *row["arguments"])] = row
        else:
            rows = comparisons.setdefault((task, *row["arguments"]), {})
            if any(other["commit"] != row["commit"] for other in rows.values()):
                rows.clear()  # a table is of one run
            rows[row["library"]] = row
    order = list(TITLES)
    ordered = sorted(comparisons.items(), key=lambda item: order.index(item[0][0]))
    parts = [comparison(list(rows.values())) for _, rows in ordered]
    parts += [list_of_runs(list(rows.values())) for rows in lists.values() if rows]
    return "\n".join([HEAD, *parts])


def comparison(rows: list[Row]) -> str:
    """One task with the same arguments by several libraries, fastest first."""
    task = rows[0]["task"]
    title = TITLES[task](*rows[0]["arguments"]).replace(".tiktoken", "")
    note = NOTES.get(task, "{mb} MB of text.").format(**rows[0])
    fastest_first = sorted(rows, key=lambda row: statistics.median(row["warm_s"] or row["cold_s"]))
    names = [
        f"{row['library']} | {row['versions'].get(row['library'].split(',')[0], '')}" for row in fastest_first
    ]
    return table(title, note, "library | version", names, fastest_first)


def list_of_runs(rows: list[Row]) -> str:
    """Several runs of one kind by fasttok, in the order in which they were made."""
    task, *_ = rows[0]["task"].split()
    names = [" | ".join([*row["arguments"], *row["task"].split()[1:]]) for row in rows]
    heading = {"hostile": "what | work", "quality": "text | pieces"}.get(task, "what")
    return table(TITLES[task](), NOTES.get(task, ""), heading, names, rows)


def table(title: str, note: str, heading: str, names: list[str], rows: list[Row]) -> str:
    """A heading, a note and a table with the columns of the task."""
    columns = COLUMNS[rows[0]["task"].split()[0]]
    lines = [
        f"## {title}\n",
        *([note + "\n"] if note else []),
        f"| {heading} | " + " | ".join(name for name, *_ in columns) + " |",
        "|---" * (heading.count("|") + 1) + "|---:" * len(columns) + "|",
    ]
    for name, row in zip(names, rows, strict=True):
        values = [(value(row), form) for _, value, form in columns]
        cells = ["–" if value is None else format(value, form) for value, form in values]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    newest = rows[-1]
    where = f"{newest['date']}, commit {newest['commit']}, {newest['machine']}, Python {newest['python']}."
    return "\n".join([*lines, "", where, ""])
