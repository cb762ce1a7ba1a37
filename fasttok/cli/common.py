"""Command classes, options and helpers that several commands share."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

import click

import fasttok as ft
from fasttok.display.colours import ColouredTokens, visible

COLOURS = ("cyan", "magenta", "green", "yellow")  # backgrounds of successive tokens in a terminal


class Command(click.Command):
    """Command that reports warnings and expected errors as single lines on stderr, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("default", UserWarning)
                warnings.showwarning = lambda message, *_, **__: click.echo(f"Warning: {message}", err=True)
                return super().invoke(ctx)
        except BrokenPipeError:
            # The reader has closed the pipe. Python would fail again when it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None
        except OSError as error:
            file = f"{error.filename}: " if error.filename else ""  # None if, for example, the disk is full
            raise click.ClickException(f"{file}{error.strerror}") from error
        except (ft.FasttokError, ValueError, ImportError) as error:
            raise click.ClickException(str(error)) from error


class Group(click.Group):
    """Group of commands, listed in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order in which they were added."""
        return list(self.commands)


def corpus_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the argument FILES and the options for reading a corpus."""
    for decorate in (
        click.argument("files", nargs=-1),
        workers_option,
        click.option("--field", default="text", show_default=True,
                     help="Name of the .jsonl field or .parquet column that contains the text."),
        click.option("--document", type=click.Choice(["whole", "line", "paragraph"]), default="whole",
                     show_default=True,
                     help="Unit of text that is one document: whole file or record, line, or paragraph."),
    ):  # fmt: skip
        command = decorate(command)
    return command


workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="all CPUs",
    help="Number of threads.",
)
quiet_option = click.option("--quiet", is_flag=True, help="Do not show progress.")
tokenizer_option = click.option(
    "-t", "--tokenizer", "path", required=True, type=click.Path(), help="Tokenizer file."
)
normalizer_option = click.option(
    "--normalizer",
    "normalizers",
    multiple=True,
    metavar="NAME",
    help="Normalizer, applied before the pretokenizer: nfc, nfd, nfkc, nfkd, lowercase, strip_accents, "
    "strip, bert, or one of sentencepiece: identity, sp_nfkc, nmt_nfkc, sp_nfkc_cf, nmt_nfkc_cf. Repeat to "
    "chain several.  [default: none]",
)
allow_import_option = click.option(
    "--allow-import",
    metavar="PACKAGE",
    multiple=True,
    help="Package from which custom components or metrics may be imported. It can be in the current folder. "
    "Repeatable.",
)


def add_current_folder(packages: tuple[str, ...]) -> tuple[str, ...]:
    """Return `packages`; if there are any, let Python also import modules from the current folder."""
    if packages and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    return packages


def open_corpus(files: tuple[str, ...], document: str, field: str) -> ft.Corpus:
    """Return the corpus of `files`. Without files, or for "-", it is the plain text on standard input."""
    if "-" in files[:-1] or "-" in files[1:]:
        raise click.ClickException("- means standard input and cannot be mixed with files")
    if files and files != ("-",):
        return ft.Corpus.from_files(files, document=document, field=field)  # type: ignore[arg-type]
    if os.path.exists("/dev/stdin"):
        return ft.Corpus.from_files("/dev/stdin", document=document, field=field)  # type: ignore[arg-type]
    return ft.Corpus.from_texts([sys.stdin.buffer.read()], document=document)  # type: ignore[arg-type]


def print_counts(counts: ft.PretokenCounts, top: int) -> None:
    """Print the `top` most frequent pretokens."""
    for pretoken, n in counts.most_common(top):
        click.echo(f"{n:>12,}  {visible(pretoken)}")


def coloured(shown: ColouredTokens) -> str:
    """Return tokens in alternating colours, or separated by | if stdout shows no colours."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return repr(shown)
    return "".join(
        click.style(token, underline=True)
        if i in shown.unknown
        else click.style(token, fg="black", bg=COLOURS[i % len(COLOURS)])
        for i, token in enumerate(shown.tokens)
    )
