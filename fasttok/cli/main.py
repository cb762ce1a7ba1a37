"""The command line: ``fasttok train | encode | decode | count | inspect | show | compare | report …``."""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import fasttok as ft
from fasttok.display.colours import ColouredTokens, visible

SLICE = 1 << 16
VOCAB_SIZE = 32_000  # where a trainer must be told one, and nobody does
FAILED = 3  # the exit status of a comparison that has ended, but not for all tokenizers
DEMO = Path(ft.__file__).parent / "data" / "demo.toml"
COLOURS = ("cyan", "magenta", "green", "yellow")


class _Command(click.Command):
    """A command whose errors about the user's input, and warnings, are a line, and none of Python's."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("default", UserWarning)
                warnings.showwarning = lambda message, *_, **__: click.echo(f"Warning: {message}", err=True)
                return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: so do we
            raise SystemExit(0) from None
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""  # a full disk has none
            raise click.ClickException(f"{place}{error.strerror}") from error
        except (ft.FasttokError, ValueError, ImportError) as error:
            raise click.ClickException(str(error)) from error


class _Group(click.Group):
    command_class = _Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of the flow, not of the alphabet


@click.group(cls=_Group)
@click.version_option(ft.__version__)
def main() -> None:
    """Train subword tokenizers, turn text into ids and back.

    \b
    Start here:
      fasttok demo                                    compare five families, and look at the report
      fasttok train books/*.txt -o books.json         learn 32,000 pieces
      fasttok encode -t books.json < a.txt > a.ids    text to ids, a line a document
      fasttok decode -t books.json < a.ids            and back, byte for byte
      fasttok compare experiment.toml -o results/     train and measure many
    """


def corpus_options(command: Callable[..., None]) -> Callable[..., None]:
    """The arguments that say where text comes from."""
    for decorate in (
        click.option("--field", default="text", show_default=True,
                     help="Field of a .jsonl record, or .parquet column, that holds the text."),
        click.option("--document", type=click.Choice(["whole", "line", "paragraph"]), default="whole",
                     show_default=True,
                     help="What a document is: a whole file or record, a line, a paragraph."),
        click.option("--workers", type=click.IntRange(min=1), help="Number of threads; default: all CPUs."),
        click.argument("files", nargs=-1),
    ):  # fmt: skip
        command = decorate(command)
    return command


tokenizer_option = click.option(
    "-t", "--tokenizer", "path", required=True, type=click.Path(), help="The tokenizer's file."
)


allow_import_option = click.option(
    "--allow-import",
    metavar="PACKAGE",
    multiple=True,
    help="A package that the files may import, if they name metrics or components as package.module:name; "
    "repeatable. It is also looked for in the current folder.",
)


def _find_here(packages: tuple[str, ...]) -> tuple[str, ...]:
    """The packages; if there are any, modules of the current folder can be imported from here on."""
    if packages and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    return packages


def _open_corpus(files: tuple[str, ...], document: str, field: str) -> ft.Corpus:
    """The files as a corpus; standard input, as plain text, where none is given or the one given is -."""
    if "-" in files[:-1] or "-" in files[1:]:
        raise click.ClickException("- stands for standard input and cannot be mixed with files")
    if files and files != ("-",):
        return ft.Corpus.from_files(files, document=document, field=field)  # type: ignore[arg-type]
    if os.path.exists("/dev/stdin"):
        return ft.Corpus.from_files("/dev/stdin", document=document, field=field)  # type: ignore[arg-type]
    return ft.Corpus.from_texts([sys.stdin.buffer.read()], document=document)  # type: ignore[arg-type]


@main.command()
@corpus_options
@click.option("-o", "--output", required=True, type=click.Path(), help="Where to save the tokenizer.")
@click.option(
    "--model",
    type=click.Choice(["bpe", "unigram", "wordpiece", "character", "byte", "word"]),
    default="bpe",
    show_default=True,
    help="Byte-level BPE, Unigram, WordPiece, or single characters, bytes or words.",
)
@click.option(
    "--vocab-size",
    type=int,
    help="Ids in all: special tokens, bytes, pieces. 32,000 by default; WordPiece: 30,000; characters and "
    "words: all there are.",
)
@click.option(
    "--pretokenizer",
    "pretokenizers",
    multiple=True,
    help="gpt2 (the default), p50k, cl100k, o200k, llama3, qwen2, whitespace, punctuation, "
    "whitespace_split, bert, metaspace, script, sentencepiece, digits_single, digits_threes_left, "
    "digits_threes_right, none, or a regular expression. Repeat it for steps, each of which cuts the "
    "pretokens of the one before further.",
)
@click.option(
    "--normalizer",
    "normalizers",
    multiple=True,
    help="What rewrites text before it is cut: nfc, nfd, nfkc, nfkd, lowercase, strip_accents, strip, bert, "
    "or sentencepiece's identity, sp_nfkc, nmt_nfkc, sp_nfkc_cf, nmt_nfkc_cf; none by default. Repeat it for "
    "steps.",
)
@click.option(
    "--special-token", "special_tokens", multiple=True, help="A text with an id of its own; repeatable."
)
@click.option(
    "--unk", help="Unigram, WordPiece, characters, words: the special token that what is unknown becomes."
)
@click.option(
    "--min-frequency",
    type=int,
    help="BPE, WordPiece: do not merge pairs that occur less often. Characters, words: leave such out.",
)
@click.option(
    "--compat", type=click.Choice(["huggingface"]), help="BPE: give exactly the ids of that library."
)
@click.option(
    "--byte-fallback",
    type=bool,
    is_flag=True,
    default=None,
    help="Unigram, characters, words: write what is unknown in bytes.",
)
@click.option(
    "--method",
    type=click.Choice(["em", "mingram", "frequency", "likelihood", "greedy"]),
    help="Unigram: em (the default) or mingram; WordPiece: frequency (the default), likelihood or greedy.",
)
@click.option("--quiet", is_flag=True, help="Show no progress.")
def train(
    files: tuple[str, ...],
    output: str,
    document: str,
    field: str,
    workers: int | None,
    pretokenizers: tuple[str, ...],
    normalizers: tuple[str, ...],
    quiet: bool,
    **options: Any,
) -> None:
    """Learn a tokenizer from text, or from counts that `fasttok count` saved.

    FILES are text files, .jsonl files, either compressed (.gz, .xz, .zst), .parquet files, folders, quoted
    globs; or .npz files of counts, which are added. Without any, or with -, plain text comes from standard
    input.

    \b
    Examples:
      fasttok train books/ web.jsonl.gz -o mine.json --special-token "<|endoftext|>"
      zcat big.gz | fasttok train - -o mine.json --vocab-size 50000
      fasttok train books/ -o mine.json --pretokenizer digits_threes_right --pretokenizer gpt2
      fasttok train books/ -o mine.json --model unigram --pretokenizer sentencepiece --normalizer nmt_nfkc
      fasttok train books/ -o mine.json --model wordpiece --pretokenizer bert --normalizer bert
      fasttok train books/ -o mine.json --model word --vocab-size 50000 --unk "[UNK]"
    """
    from fasttok.models.registry import TRAINERS

    folder = os.path.dirname(os.path.abspath(output))
    if not os.path.isdir(folder):
        raise click.ClickException(f"{folder}: there is no such folder to write to")
    source: ft.Corpus | ft.PretokenCounts
    if files and all(file.endswith(".npz") for file in files):
        source = ft.PretokenCounts.mix((ft.PretokenCounts.load(file), 1) for file in files)
    else:
        source = _open_corpus(files, document, field)
    options = {name: value for name, value in options.items() if value is not None}
    known = {option.name: option for option in dataclasses.fields(TRAINERS.find(options["model"]))}
    for name in options.keys() - known.keys() - {"model"}:
        raise click.UsageError(f"--{name.replace('_', '-')} does not go with --model {options['model']}")
    if "vocab_size" in known and known["vocab_size"].default is dataclasses.MISSING:
        options.setdefault("vocab_size", VOCAB_SIZE)
    tok = ft.train(
        source,
        pretokenizer=pretokenizers or None,
        normalizer=normalizers or None,
        workers=workers,
        progress=not quiet,
        **options,
    )
    tok.save(output)
    click.echo(f"{output}: {tok}", err=True)


@main.command()
@tokenizer_option
@corpus_options
@click.option("--special", type=click.Choice(["none", "all", "raise"]), default="none", show_default=True,
              help="What the text of a special token becomes: plain ids, its own id, an error.")  # fmt: skip
@click.option("--show", type=click.Choice(["ids", "pieces", "count"]), default="ids", show_default=True,
              help="What to write of each document.")  # fmt: skip
@allow_import_option
def encode(
    path: str,
    files: tuple[str, ...],
    document: str,
    field: str,
    workers: int | None,
    special: Any,
    show: str,
    allow_import: tuple[str, ...],
) -> None:
    """Turn text into ids: a line of numbers a document, on standard output.

    \b
    Examples:
      echo "Hello world" | fasttok encode -t mine.json --show pieces
      fasttok encode -t cl100k_base.tiktoken --show count novels/*.txt
    """
    tok = ft.load(path, allow_import=_find_here(allow_import))
    for row in tok.encode_files(_open_corpus(files, document, field), special=special, workers=workers):
        if show == "count":
            click.echo(len(row))
        elif show == "ids":
            for start in range(0, len(row), SLICE):  # as text, ids take many times their room
                click.echo(" ".join(map(str, row[start : start + SLICE].tolist())), nl=False)
                click.echo(" " if start + SLICE < len(row) else "", nl=False)
            click.echo()
        else:
            pieces = tuple(visible(tok.id_to_piece(i)) for i in row.tolist())
            click.echo(_coloured(ColouredTokens(pieces)))


@main.command()
@tokenizer_option
@click.option("--document", type=click.Choice(["line"]), help="End every document with a line end.")
@click.argument("files", nargs=-1, type=click.File("r"))
@allow_import_option
def decode(path: str, document: str | None, files: tuple[Any, ...], allow_import: tuple[str, ...]) -> None:
    """Turn lines of ids, as `fasttok encode` writes them, back into text.

    \b
    Example:
      fasttok encode -t mine.json < a.txt | fasttok decode -t mine.json | cmp - a.txt
    """
    tok = ft.load(path, allow_import=_find_here(allow_import))
    for file in files or (sys.stdin,):
        for number, line in enumerate(file, 1):
            try:
                text = tok.decode_bytes([int(word) for word in line.split()])
            except ValueError:
                raise click.ClickException(f"{file.name}:{number}: not a line of ids") from None
            except IndexError as error:
                raise click.ClickException(f"{file.name}:{number}: {error}") from None
            sys.stdout.buffer.write(text + (b"\n" if document else b""))
    sys.stdout.buffer.flush()


@main.command()
@corpus_options
@click.option("-o", "--output", type=click.Path(), help="Where to save the counts (.npz).")
@click.option(
    "--pretokenizer",
    "pretokenizers",
    multiple=True,
    default=["gpt2"],
    show_default=True,
    help="As for train.",
)
@click.option("--normalizer", "normalizers", multiple=True, help="As for train.")
@click.option(
    "--split-special", multiple=True, help="A text to cut documents at and not to count; repeatable."
)
@click.option(
    "--top",
    default=10,
    type=click.IntRange(min=0),
    show_default=True,
    help="How many of the most frequent pretokens to show.",
)
def count(
    files: tuple[str, ...],
    output: str | None,
    document: str,
    field: str,
    workers: int | None,
    pretokenizers: tuple[str, ...],
    normalizers: tuple[str, ...],
    split_special: tuple[str, ...],
    top: int,
) -> None:
    """Count the pretokens of a corpus: the one pass over the text that training starts from.

    \b
    Example:
      fasttok count books/ -o books.counts.npz && fasttok train books.counts.npz -o mine.json
    """
    corpus = _open_corpus(files, document, field)
    counts = ft.count_pretokens(
        corpus,
        pretokenizers,
        normalizers or None,
        split_special=split_special,
        workers=workers,
        progress=sys.stderr.isatty(),
    )
    click.echo(counts)
    _show_counts(counts, top)
    if output:
        counts.save(output)


@main.command()
@click.argument("path", type=click.Path())
@click.option("--text", help="A text to show as the tokenizer cuts it.")
@click.option(
    "--top",
    default=10,
    type=click.IntRange(min=0),
    show_default=True,
    help="How many pieces of each kind to show.",
)
@allow_import_option
def inspect(path: str, text: str | None, top: int, allow_import: tuple[str, ...]) -> None:
    """Show what is in a tokenizer's file, or in counts that `fasttok count` saved."""
    if path.endswith(".npz"):
        counts = ft.PretokenCounts.load(path)
        click.echo(counts)
        click.echo(f"recipe        {counts.recipe.to_json()}\nfingerprint   {counts.fingerprint()}")
        _show_counts(counts, top)
        return
    tok = ft.load(path, allow_import=_find_here(allow_import))
    click.echo(tok)
    click.echo(f"lossless      {'yes' if tok.is_lossless else 'no'}")
    click.echo(f"model         {tok.model!r}")
    for token, i in tok.special_tokens.items():
        click.echo(f"special       {i} {token}")
    for key, value in tok.provenance.items():
        click.echo(f"{key:<13} {value}")
    _show_pieces(tok, top)
    if text is not None:
        ids = tok.encode(text, as_list=True)
        click.echo(f"\n{_coloured(tok.show(text))}\n{' '.join(map(str, ids))}\n{len(ids)} tokens")


@main.command()
@click.argument("text")
@click.option(
    "--with", "paths", multiple=True, required=True, type=click.Path(), help="A tokenizer's file; repeatable."
)
@allow_import_option
def show(text: str, paths: tuple[str, ...], allow_import: tuple[str, ...]) -> None:
    """Show how tokenizers cut a text: a line each, with the number of tokens.

    Tokens are in turning colours; with | between them where colours cannot be shown, or NO_COLOR is set. A
    space is a middle dot, a byte that is part of no character its number. What the tokenizer does not know is
    underlined and has no colour; without colours it stands in ⟦ ⟧.

    \b
    Example:
      fasttok show "unaffable naïve 12345 東京" --with bpe.json --with cl100k_base.tiktoken
    """
    packages = _find_here(allow_import)
    rows = [(path, ft.load(path, allow_import=packages).show(text)) for path in paths]
    width = max(map(len, paths))
    digits = max(len(str(len(tokens))) for _, tokens in rows)
    for path, tokens in rows:
        click.echo(f"{path:<{width}}  {len(tokens):>{digits}} tokens  {_coloured(tokens)}")


@main.command()
@click.argument("experiment", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="The folder for the results.")
@click.option("--workers", type=click.IntRange(min=1), help="Number of threads; default: all CPUs.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@allow_import_option
def compare(
    experiment: str, output: str, workers: int | None, quiet: bool, allow_import: tuple[str, ...]
) -> None:
    """Train and measure many tokenizers, as an experiment.toml says.

    What is in OUTPUT already is not worked out again, so that an interrupted run continues where it was. A
    tokenizer that fails does not keep the others from ending; the exit status is then 3.

    \b
    Example:
      fasttok compare experiment.toml -o results/ && fasttok verify results/
    """
    results = ft.compare(
        experiment, output, workers=workers, progress=not quiet, allow_import=_find_here(allow_import)
    )
    n = len(results.tokenizers)
    click.echo(f"{n:,} tokenizer{'s' * (n != 1)} and {len(results.rows):,} rows of figures are in {output}")
    for metric in results.unmeasured:
        needs = results.needs(metric) or "tokenizers that do not fail"
        click.echo(f"{metric} was not measured: it needs {needs}", err=True)
    for row in results.failures:
        where = f" on {row['corpus']}" if row["corpus"] else ""
        click.echo(f"{row['tokenizer']} failed{where}: {row['message']}", err=True)
    click.echo(f"Next: fasttok report {shlex.quote(output)}")
    if results.failures:
        raise SystemExit(FAILED)


@main.command()
@click.argument("results", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(), help="The file to write; report.html in the folder by default."
)
@allow_import_option
def report(results: str, output: str | None, allow_import: tuple[str, ...]) -> None:
    """Make a page of a folder of results: tables, charts and sentences cut by every tokenizer.

    The page is one HTML file that needs nothing else. Needs the extra "report".

    \b
    Example:
      fasttok compare experiment.toml -o results/ && fasttok report results/
    """
    click.echo(ft.write_report(results, output, allow_import=_find_here(allow_import)))


@main.command()
@click.argument("results", type=click.Path())
@click.option("--folder", type=click.Path(), help="What relative paths in the experiment start from.")
@click.option("--workers", type=click.IntRange(min=1), help="Number of threads; default: all CPUs.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@allow_import_option
def verify(
    results: str, folder: str | None, workers: int | None, quiet: bool, allow_import: tuple[str, ...]
) -> None:
    """Run the experiment of a folder of results again, and compare byte for byte.

    The exit status is 1 if anything differs.

    \b
    Example:
      fasttok verify results/ --folder where/its/text/is
    """
    differences = ft.verify(
        results,
        folder=folder,
        workers=workers,
        progress=not quiet,
        allow_import=_find_here(allow_import),
    )
    for difference in differences:
        click.echo(difference)
    if differences:
        raise SystemExit(1)
    click.echo(f"{results}: the same, byte for byte")


@main.command()
@click.option(
    "-o", "--output", default="fasttok-demo", show_default=True, type=click.Path(),
    help="The folder for the results.",
)  # fmt: skip
def demo(output: str) -> None:
    """Compare five families of tokenizers at two sizes, and make a report.

    They are trained on text that every Python has, the sources of its standard library, and measured on these
    and on sixty sentences in twenty languages.
    """
    click.echo("Five families at two sizes, trained on the sources of Python's standard library")
    results = ft.compare(DEMO, output, progress=sys.stderr.isatty())
    figures = {
        (row["tokenizer"], row["corpus"], row["metric"]): row["value"]
        for row in results.rows
        if not row["language"]
    }
    columns = {
        "bytes a token": ("python", "bytes_per_token"),
        "in 20 languages": ("parallel", "bytes_per_token"),
        "comes back": ("parallel", "lossless_rate"),
    }
    width = max(map(len, results.tokenizers))
    click.echo("  ".join(["", " " * width, *(f"{head:>15}" for head in columns)]))
    for name in results.tokenizers:
        numbers = [f"{figures[name, corpus, metric]:>15.2f}" for corpus, metric in columns.values()]
        click.echo("  ".join(["", f"{name:{width}}", *numbers]))
    for text in ("raise ValueError(f'unexpected {token!r}')", "naïve Zürich, 東京, 12345"):
        click.echo()
        for name in results.tokenizers:
            tokens = results.tokenizer(name).show(text)
            click.echo(f"  {name:{width}}  {len(tokens):>3} tokens  {_coloured(tokens)}")
    click.echo(f"\nThe report: {ft.write_report(output)}\nThe same again: fasttok verify {output}")


def _show_counts(counts: ft.PretokenCounts, top: int) -> None:
    for pretoken, n in counts.most_common(top):
        click.echo(f"{n:>12,}  {visible(pretoken)}")


def _show_pieces(tok: ft.Tokenizer, top: int) -> None:
    """Some of the pieces that were learned: those of merges, or where there are none, all but bytes."""
    pieces = tok.model.pieces.to_bytes()
    if hasattr(tok.model, "merge_ids"):
        learned = [pieces[i] for i in dict.fromkeys(tok.model.merge_ids.tolist())]
    else:
        byte_ids = getattr(tok.model, "byte_ids", None)
        of_bytes = set() if byte_ids is None else set(byte_ids.tolist())
        learned = [piece for i, piece in enumerate(pieces) if piece and i not in of_bytes]
    longest = sorted(learned, key=lambda piece: (-len(piece), piece))
    click.echo("first pieces  " + "  ".join(map(visible, learned[:top])))
    click.echo("last pieces   " + "  ".join(map(visible, learned[max(0, len(learned) - top) :])))
    click.echo("longest       " + "  ".join(map(visible, longest[:top])))


def _coloured(shown: ColouredTokens) -> str:
    """Tokens side by side in turning colours, with | between them where there are no colours."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return repr(shown)
    return "".join(
        click.style(token, underline=True)
        if i in shown.unknown
        else click.style(token, fg="black", bg=COLOURS[i % len(COLOURS)])
        for i, token in enumerate(shown.tokens)
    )
