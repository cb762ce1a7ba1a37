"""``python -m benchmarks``: fasttok beside the libraries installed with it, on the same text.

Every run is a process of its own; results are compared before times are reported; rows are appended to
benchmarks/results.jsonl, from which ``python -m benchmarks page`` writes docs/benchmarks.md.
"""

from __future__ import annotations

import json
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
from benchmarks import texts
from benchmarks.measure import ENOUGH_S
from benchmarks.peers import REFERENCES, TASKS
from benchmarks.peers.hostile import TEXTS as HOSTILE

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks/results.jsonl"
PACKAGES = (
    *("fasttok", "gigabpe", "gigatoken", "rustbpe", "sentencepiece", "tiktoken", "tokenizers", "tokie"),
    *("numpy", "numba", "scipy"),
)


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Measure everything, or what a command names."""
    if context.invoked_subcommand is None:
        for command in (
            *(train, encode, decode, small, offsets, added, unigram, segment, quality),
            *(wordpiece, bert, batch, hostile, memory, startup),
        ):
            context.invoke(command)
        context.invoke(page)


text_option = click.option(
    "--text", type=click.Path(exists=True), help="A UTF-8 file; by default 100 MB of English."
)
ranks_option = click.option("--ranks", multiple=True, default=("r50k_base",), show_default=True)
vocab_option = click.option("--vocab-size", default=32_000, show_default=True)
threads_option = click.option("--threads", default=2, show_default=True)
libraries_option = click.option("--library", "libraries", multiple=True, help="Only these; repeatable.")
repeats_option = click.option("--processes", default=3, show_default=True, help="Processes a library.")


@main.command()
@text_option
@vocab_option
@threads_option
@libraries_option
@repeats_option
def train(
    text: str | None, vocab_size: int, threads: int, libraries: tuple[str, ...], processes: int
) -> None:
    """Byte-level BPE from a text file: seconds from the file to the tokenizer."""
    run("train", libraries, processes, 5, [text or texts.english(), str(vocab_size), str(threads)])


@main.command()
@click.option(
    "--text",
    "paths",
    multiple=True,
    type=click.Path(exists=True),
    help="A UTF-8 file, repeatable; by default 100 MB of English and 25 MB in 128 languages.",
)
@click.option("--ranks", multiple=True, default=("r50k_base", "cl100k_base", "o200k_base"), show_default=True)
@click.option("--threads", multiple=True, default=(1, 2), show_default=True)
@libraries_option
@repeats_option
def encode(
    paths: tuple[str, ...],
    ranks: tuple[str, ...],
    threads: tuple[int, ...],
    libraries: tuple[str, ...],
    processes: int,
) -> None:
    """A text file to ids with a tiktoken vocabulary: seconds for the first pass and for the next."""
    for path in paths or (texts.english(), texts.ntrex()):
        for name in ranks:
            for n in threads:
                run("encode", libraries, processes, 4, [path, rank_file(name), str(n)])


@main.command()
@text_option
@ranks_option
@libraries_option
@repeats_option
def decode(text: str | None, ranks: tuple[str, ...], libraries: tuple[str, ...], processes: int) -> None:
    """The ids of a text file to its bytes, on one thread."""
    for name in ranks:
        run("decode", libraries, processes, 4, [text or texts.english(), rank_file(name)])


@main.command()
@text_option
@ranks_option
@libraries_option
@repeats_option
def small(text: str | None, ranks: tuple[str, ...], libraries: tuple[str, ...], processes: int) -> None:
    """Strings of 50 characters to lists of ids: one a call, and a thousand a call."""
    for name in ranks:
        for n_texts, n_calls in ((1, 20_000), (1000, 40)):
            arguments = [text or texts.english(), rank_file(name), str(n_texts), str(n_calls)]
            run("small", libraries, processes, 4, arguments)


@main.command()
@text_option
@libraries_option
@repeats_option
def offsets(text: str | None, libraries: tuple[str, ...], processes: int) -> None:
    """Strings of 50 characters and of a million, a call each, to ids with offsets, and to ids alone."""
    path = text or texts.english()
    for vocabulary in (rank_file("r50k_base"), texts.bert_vocabulary(), texts.sentencepiece_model(path)):
        for n_characters, n_calls in ((50, 20_000), (1_000_000, 5)):
            run("offsets", libraries, processes, 4, [path, vocabulary, str(n_characters), str(n_calls)])


@main.command()
@click.option("--tokens", default=400_000, show_default=True, help="How many added tokens.")
@libraries_option
@repeats_option
def added(tokens: int, libraries: tuple[str, ...], processes: int) -> None:
    """Many added tokens: opening the file, and encoding 10 MB; without them too, to show what they cost."""
    for n_tokens in (tokens, 0):
        for what in ("load", "encode"):
            arguments = [texts.english_start(), rank_file("r50k_base"), str(n_tokens), what]
            run("added", libraries, processes, 4, arguments)


@main.command()
@threads_option
@libraries_option
@repeats_option
def unigram(threads: int, libraries: tuple[str, ...], processes: int) -> None:
    """Unigram from the lines of English, Japanese and Khmer: seconds from the file to the tokenizer."""
    for path, vocab_size in (
        (texts.english(), 32_000),
        (texts.japanese(), 32_000),
        (texts.language("km"), 6_000),
        (texts.japanese(), 8_000),
    ):
        # tokenizers, which takes long, is measured on the last one only.
        chosen = libraries or tuple(
            name for name in TASKS["unigram"] if name != "tokenizers" or vocab_size == 8_000
        )
        run("unigram", chosen, processes, 3, [path, str(vocab_size), str(threads)])


@main.command()
@libraries_option
@repeats_option
def segment(libraries: tuple[str, ...], processes: int) -> None:
    """The lines of English, Japanese and Khmer to ids with a model of sentencepiece's, on one thread."""
    for path in (texts.english(), texts.japanese(), texts.language("km")):
        run("segment", libraries, processes, 4, [path, texts.sentencepiece_model(path), "1"])


@main.command()
def quality() -> None:
    """Likelihood and tokens of held-out text in five languages, beside sentencepiece."""
    from benchmarks.quality import compare

    paths = [
        texts.english(),
        texts.language("fi"),
        texts.japanese(),
        texts.language("km"),
        texts.language("dz"),
    ]
    rows = []
    for path in paths:
        for vocab_size in (8_000, 32_000):
            n_pieces, theirs, ours = compare(path, vocab_size)
            name = os.path.basename(path)
            row = {"task": "quality", "library": "fasttok", "arguments": [name, f"{n_pieces:,}"]}
            for library, score in (("sentencepiece", theirs), ("fasttok", ours)):
                row[library] = {"nats": score.nats_per_character, "tokens": score.n_tokens}
            rows.append(record(row))
    click.echo(page_module.list_of_runs(rows))


@main.command()
@text_option
@click.option("--vocab-size", default=30_000, show_default=True)
@threads_option
@libraries_option
@repeats_option
def wordpiece(
    text: str | None, vocab_size: int, threads: int, libraries: tuple[str, ...], processes: int
) -> None:
    """WordPiece from a text file, in three ways: seconds from the file to the tokenizer."""
    run("wordpiece", libraries, processes, 3, [text or texts.english(), str(vocab_size), str(threads)])


@main.command()
@click.option("--threads", multiple=True, default=(1, 2), show_default=True)
@libraries_option
@repeats_option
def bert(threads: tuple[int, ...], libraries: tuple[str, ...], processes: int) -> None:
    """English and 128 languages to ids with BERT's vocabulary."""
    for path in (texts.english(), texts.ntrex()):
        for n in threads:
            run("bert", libraries, processes, 3, [path, texts.bert_vocabulary(), str(n)])


@main.command()
@text_option
@libraries_option
@repeats_option
def batch(text: str | None, libraries: tuple[str, ...], processes: int) -> None:
    """10,000 texts to ids with BERT's vocabulary, and those to a matrix with its mask."""
    run("batch", libraries, processes, 20, [text or texts.english(), texts.bert_vocabulary(), "10000"])


@main.command()
@text_option
def hostile(text: str | None) -> None:
    """Single pretokens of 10 and 100 MB: training on each, and encoding it with a model of English."""
    import fasttok as ft

    model = str(texts.SCRATCH / "english.json")
    ft.train(ft.Corpus.from_files(text or texts.english()), vocab_size=32_000).save(model)
    rows = []
    for name, make in HOSTILE.items():
        for task, *arguments in (("hostile train", name), ("hostile encode", name, model)):
            try:
                measured = measure(task, "fasttok", 1, arguments)
            except subprocess.CalledProcessError as error:
                click.echo(f"  {task} {name} did not run: {last_line(error)}", err=True)
                continue
            rows.append(record(summary(task, "fasttok", [name], len(make()), [measured])))
    click.echo(page_module.list_of_runs(rows))


@main.command()
@click.option("--text", type=click.Path(exists=True), help="A UTF-8 file; by default 1 GB.")
@vocab_option
@threads_option
@libraries_option
def memory(text: str | None, vocab_size: int, threads: int, libraries: tuple[str, ...]) -> None:
    """The most memory that training on a large file takes; one process a library."""
    run("memory", libraries, 1, 1, [text or texts.gigabyte(), str(vocab_size), str(threads)])


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
    rows = []
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
        rows.append(record({"task": "startup", "library": "fasttok", "arguments": [what], "cold_s": seconds}))
    click.echo(page_module.list_of_runs(rows))


@main.command()
def page() -> None:
    """Write docs/benchmarks.md from the committed rows."""
    (ROOT / "docs/benchmarks.md").write_text(page_module.render(RESULTS))


def rank_file(name: str) -> str:
    """The path of a rank file of tiktoken's."""
    return str(texts.SHARED / f"tokenizers/tiktoken/{name}.tiktoken")


def run(task: str, libraries: tuple[str, ...], processes: int, repeats: int, arguments: list[str]) -> None:
    """Run a task with every library in turn, several times over, compare, then report and record."""
    shown = [os.path.basename(a) for a in arguments]
    click.echo(f"\n{task} {' '.join(shown)}", err=True)
    outcomes: dict[str, str] = {}  # of fasttok, by what it is told to do
    found: dict[str, list[dict[str, Any]]] = {library: [] for library in libraries or TASKS[task]}
    for _ in range(processes):
        for library, rows in list(found.items()):
            if sum(sum(row["seconds"]) for row in rows) > ENOUGH_S:
                continue
            reference = f"={library}" if library in REFERENCES.get(task, {}) else "fasttok"
            if reference not in outcomes:
                outcomes[reference] = measure(task, reference, 1, arguments)["outcome"]
            try:
                rows.append(measure(task, library, repeats, arguments))
            except subprocess.CalledProcessError as error:
                click.echo(f"  {library} did not run: {last_line(error)}", err=True)
                del found[library]
                continue
            if rows[-1]["outcome"] != outcomes[reference]:
                click.echo(f"  {library} gives another result than fasttok: not compared", err=True)
                del found[library]
    n_bytes = os.path.getsize(arguments[0])
    recorded = [record(summary(task, library, shown, n_bytes, rows)) for library, rows in found.items()]
    if recorded:
        click.echo(page_module.comparison(recorded))


def measure(task: str, library: str, repeats: int, arguments: list[str]) -> dict[str, Any]:
    """Run a task in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.measure", task, library, str(repeats), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def last_line(error: subprocess.CalledProcessError) -> str:
    """What a process said last, or how it ended."""
    said: list[str] = error.stderr.strip().splitlines()
    return said[-1][:90] if said else f"exit status {error.returncode}"


def summary(
    task: str, library: str, arguments: list[str], n_bytes: int, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """What is recorded of the processes of one library."""
    return {
        "task": task,
        "library": library,
        "arguments": arguments,
        "mb": round(n_bytes / 1e6, 1),
        "cold_s": [row["seconds"][0] for row in rows],
        "warm_s": [statistics.median(row["seconds"][1:]) for row in rows if len(row["seconds"]) > 1],
        "peak_mb": max(row["peak_mb"] for row in rows),
    }


def record(row: dict[str, Any]) -> dict[str, Any]:
    """Append a row with what is needed to place it; return it."""
    row = {**row, **context_of_run()}
    with open(RESULTS, "a") as file:
        file.write(json.dumps(row) + "\n")
    return row


def commit() -> str:
    """The commit, marked if anything has changed since; rows that were added do not count."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results.jsonl")
    return git("describe", "--always") + ("-dirty" if changed else "")


def context_of_run() -> dict[str, Any]:
    """The commit, versions and machine."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    cpu = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), platform.processor())
    return {
        "date": date.today().isoformat(),
        "commit": commit(),
        "python": platform.python_version(),
        "versions": versions,
        "machine": f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
    }


if __name__ == "__main__":
    main()
