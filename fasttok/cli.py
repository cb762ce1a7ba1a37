"""The command line: ``fasttok train | encode | decode | count | inspect | demo``."""

from __future__ import annotations

import dataclasses
import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import fasttok as ft

SLICE = 1 << 16
VOCAB_SIZE = 32_000  # where a trainer must be told one, and nobody does
COLOURS = ("cyan", "magenta", "green", "yellow")


class _Command(click.Command):
    """A command whose errors about the user's input are one line, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: so do we
            raise SystemExit(0) from None
        except OSError as error:
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error
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
      fasttok demo                                    see it work, on Python's own sources
      fasttok train books/*.txt -o books.json         learn 32,000 pieces
      fasttok encode -t books.json < a.txt > a.ids    text to ids, a line a document
      fasttok decode -t books.json < a.ids            and back, byte for byte
    """


def corpus_options(command: Callable[..., None]) -> Callable[..., None]:
    """The arguments that say where text comes from."""
    for decorate in (
        click.option("--field", default="text", show_default=True,
                     help="Field of a .jsonl record, or .parquet column, that holds the text."),
        click.option("--document", type=click.Choice(["whole", "line", "paragraph"]), default="whole",
                     show_default=True,
                     help="What a document is: a whole file or record, a line, a paragraph."),
        click.option("--workers", type=click.IntRange(min=1), help="Threads; one a processor by default."),
        click.argument("files", nargs=-1),
    ):  # fmt: skip
        command = decorate(command)
    return command


tokenizer_option = click.option(
    "-t", "--tokenizer", "path", required=True, type=click.Path(), help="The tokenizer's file."
)


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
    from fasttok.training import TRAINERS

    folder = os.path.dirname(os.path.abspath(output))
    if not os.path.isdir(folder):
        raise click.ClickException(f"{folder}: there is no such folder to write to")
    source: ft.Corpus | ft.PretokenCounts
    if files and all(file.endswith(".npz") for file in files):
        source = ft.PretokenCounts.mix((ft.PretokenCounts.load(file), 1) for file in files)
    else:
        source = _open_corpus(files, document, field)
    options = {name: value for name, value in options.items() if value is not None}
    known = {option.name: option for option in dataclasses.fields(TRAINERS[options["model"]])}
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
def encode(
    path: str,
    files: tuple[str, ...],
    document: str,
    field: str,
    workers: int | None,
    special: Any,
    show: str,
) -> None:
    """Turn text into ids: a line of numbers a document, on standard output.

    \b
    Examples:
      echo "Hello world" | fasttok encode -t mine.json --show pieces
      fasttok encode -t cl100k_base.tiktoken --show count novels/*.txt
    """
    tok = ft.load(path)
    for row in tok.encode_files(_open_corpus(files, document, field), special=special, workers=workers):
        if show == "count":
            click.echo(len(row))
        elif show == "ids":
            for start in range(0, len(row), SLICE):  # as text, ids take many times their room
                click.echo(" ".join(map(str, row[start : start + SLICE].tolist())), nl=False)
                click.echo(" " if start + SLICE < len(row) else "", nl=False)
            click.echo()
        else:
            click.echo(_coloured(tok, row.tolist()))


@main.command()
@tokenizer_option
@click.option("--document", type=click.Choice(["line"]), help="End every document with a line end.")
@click.argument("files", nargs=-1, type=click.File("r"))
def decode(path: str, document: str | None, files: tuple[Any, ...]) -> None:
    """Turn lines of ids, as `fasttok encode` writes them, back into text.

    \b
    Example:
      fasttok encode -t mine.json < a.txt | fasttok decode -t mine.json | cmp - a.txt
    """
    tok = ft.load(path)
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
def inspect(path: str, text: str | None, top: int) -> None:
    """Show what is in a tokenizer's file, or in counts that `fasttok count` saved."""
    if path.endswith(".npz"):
        counts = ft.PretokenCounts.load(path)
        click.echo(counts)
        click.echo(f"recipe        {counts.recipe.to_json()}\nfingerprint   {counts.fingerprint()}")
        _show_counts(counts, top)
        return
    tok = ft.load(path)
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
        click.echo(f"\n{_coloured(tok, ids)}\n{' '.join(map(str, ids))}\n{len(ids)} tokens")


@main.command()
@click.option("--vocab-size", default=4_000, show_default=True)
def demo(vocab_size: int) -> None:
    """Train on text that every Python has, the standard library's sources, and show what was learned."""
    library = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(path for path in library.glob("*.py"))
    corpus = ft.Corpus.from_files(files)
    counts = ft.count_pretokens(corpus, pretokenizer="gpt2", progress=sys.stderr.isatty())
    n_bytes = sum(path.stat().st_size for path in files)
    click.echo(f"Read {len(files)} files of the standard library, {n_bytes / 1e6:.1f} MB: {counts}")
    tok = ft.train(counts, vocab_size=vocab_size, progress=sys.stderr.isatty())
    click.echo(f"Trained {tok}\n\nThe same counts, other sizes:\n\n  vocab_size  bytes per token")
    for size in sorted({512, 1_000, 2_000, vocab_size}):
        smaller = tok if size == vocab_size else ft.train(counts, vocab_size=size)
        click.echo(f"  {size:>10,}  {n_bytes / len(smaller.encode_files(corpus).values):>15.2f}")
    click.echo()
    _show_pieces(tok, 12)
    click.echo("\nText as it cuts it:\n")
    for text in (
        "def tokenize(self, text: str) -> list[int]:",
        "    raise ValueError(f'unexpected {token!r}')",
        "Tokenization decides what a language model can and cannot do.",
        "naïve Zürich, 東京, 12345 + 67890",
    ):
        ids = tok.encode(text)
        click.echo(f"  {len(ids):>3} tokens  {_coloured(tok, ids.tolist())}")
    rows = tok.encode_files(corpus)
    same = all(tok.decode_bytes(row) == text for row, text in zip(rows, corpus, strict=True))
    click.echo(f"\nDecoding gives {'every' if same else 'NOT every'} file back byte for byte.")
    if not same:
        raise click.ClickException("a file did not survive encoding and decoding")


def _show_counts(counts: ft.PretokenCounts, top: int) -> None:
    for pretoken, n in counts.most_common(top):
        click.echo(f"{n:>12,}  {_visible(pretoken)}")


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
    click.echo("first pieces  " + "  ".join(map(_visible, learned[:top])))
    click.echo("last pieces   " + "  ".join(map(_visible, learned[max(0, len(learned) - top) :])))
    click.echo("longest       " + "  ".join(map(_visible, longest[:top])))


def _visible(piece: bytes) -> str:
    """A piece as one visible word: spaces as a middle dot, what does not print escaped."""
    text = piece.decode(errors="backslashreplace")
    return "".join("·" if c == " " else c if c.isprintable() else repr(c)[1:-1] for c in text)


def _coloured(tok: ft.Tokenizer, ids: list[int]) -> str:
    """The pieces side by side in turning colours, with | between them where there are no colours."""
    has_colours = sys.stdout.isatty()
    pieces = [_visible(tok.id_to_piece(i)) for i in ids]
    if not has_colours:
        return "|".join(pieces)
    return "".join(click.style(p, fg="black", bg=COLOURS[i % len(COLOURS)]) for i, p in enumerate(pieces))
