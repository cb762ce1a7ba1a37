"""Inputs of commands: texts, tokenizers, and packages in the current folder."""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from fasttok.cli.shared.messages import translate
from fasttok.cli.shared.options import READING
from fasttok.core.errors import FasttokError

if TYPE_CHECKING:
    import fasttok as ft

STDIN = "-"
STDIN_PATH = "/dev/stdin"
SHOWN = 5  # number of skipped files that are listed
_NPZ = re.compile(rb"PK\x03\x04(?s:.{26})[^\0]{0,99}\.npy")  # first bytes of a .npz file
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\"}


def add_current_folder(packages: tuple[str, ...]) -> tuple[str, ...]:
    """Return `packages`; if there are any, let Python also import modules from the current folder."""
    if packages and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    return packages


# Text


def open_corpus(files: Sequence[str], *, quiet: bool = False, **reading: Any) -> ft.Corpus:
    """Return the corpus of files, and say on standard error which files are skipped.

    Parameters
    ----------
    files : sequence of str
        Files, folders and globs. "-" is standard input, which is also the default.
    quiet : bool
        Whether not to mention skipped files.
    **reading
        Values of `fasttok.cli.shared.options.reading_options`.
    """
    import fasttok as ft

    paths = [STDIN_PATH if file == STDIN else file for file in files] or [STDIN_PATH]
    check_stdin(paths)
    given = {name: value for name, value in reading.items() if value is not None}
    if "separator" in given:
        given["separator"] = unescape(given["separator"])
        if "document" in given:
            raise click.UsageError("--document and --separator cannot be combined")
    if STDIN_PATH in paths and (sys.stdin is None or not os.path.exists(STDIN_PATH)):
        # Standard input is closed, or the system has no path for it, as Windows.
        if paths != [STDIN_PATH] or given.keys() - {"document", "separator", "format", "nulls", "errors"}:
            raise click.UsageError("standard input has no path here; name a file")
        places = {name: given[name] for name in ("document", "separator") if name in given}
        return ft.Corpus.from_texts([binary_stdin().read()], **places)
    corpus = ft.Corpus.from_files(paths, **given)
    if not quiet:
        skipped = corpus.skipped
        _say_skipped(skipped)
        # Records without text are known at the end.
        click.get_current_context().call_on_close(lambda: _say_skipped(corpus.skipped, skipped))
    return corpus


def refuse_reading_options(why: str, *more: str) -> None:
    """Raise an error if an option for reading text is given to a command that reads none.

    Parameters
    ----------
    why : str
        Reason, which follows the option in the message.
    *more : str
        Names of other options that have no effect without text.
    """
    context = click.get_current_context()
    for name in (*READING, *more):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} {why}")


def _say_skipped(skipped: Mapping[str, str], already: Collection[str] = ()) -> None:
    """Say which files are skipped, except those about which it was said already."""
    found = [(path, reason) for path, reason in skipped.items() if path not in already]
    for path, reason in found[:SHOWN]:
        name = STDIN if path == STDIN_PATH else click.format_filename(path)
        say(f"Skipped {name}: {reason}")
    if len(found) > SHOWN:
        say(f"Skipped {len(found) - SHOWN:,} more files")


def expand(name: str) -> list[str]:
    """Return the files of a name: those that match it, if it is a glob pattern and no file has this name."""
    from fasttok.corpus.files import find_files

    return find_files(name).files if glob.has_magic(name) and not os.path.lexists(name) else [name]


def contains_counts(path: str) -> bool:
    """Return whether a file is one of counts, by its name or, if it is a regular file, by its first bytes."""
    if path.lower().endswith(".npz"):
        return True
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return _NPZ.match(file.read(200)) is not None


def check_stdin(names: Iterable[str]) -> None:
    """Raise an error if standard input, which can be read only once, is several of the inputs.

    Parameters
    ----------
    names : iterable of str
        Tokenizers and texts of the command.
    """
    if sum(name in (STDIN, STDIN_PATH) for name in names) > 1:
        raise click.UsageError(
            "standard input (-), the default for FILES, can be given only once; name a file"
        )


def allow_rereading(files: Sequence[str]) -> None:
    """Make it possible to read standard input several times, by copying it to a temporary file.

    `STDIN_PATH` is then that file.
    """
    is_read = not files or STDIN in files or STDIN_PATH in files
    if not is_read or sys.stdin is None or not os.path.exists(STDIN_PATH):
        return
    source = sys.stdin.buffer
    if source.seekable():
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(source, copy)
        copy.seek(0)
        os.dup2(copy.fileno(), source.fileno())


def unescape(text: str) -> str:
    r"""Return a text with the escapes \n, \t, \r, \0 and \\ replaced."""

    def replace(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise click.UsageError(f"unknown escape {match[0]} in --separator; write \\\\ for a backslash")
        return _ESCAPES[match[1]]

    return re.sub(r"\\(.?)", replace, text, flags=re.DOTALL)


# Tokenizers


def open_tokenizer(path: str, allow_import: tuple[str, ...] = (), **opening: Any) -> ft.Tokenizer:
    """Load one tokenizer; see `open_tokenizers`."""
    return open_tokenizers([path], allow_import, **opening)[0]


def open_tokenizers(
    paths: Sequence[str],
    allow_import: tuple[str, ...] = (),
    *,
    rank_encoding: str | None = None,
    pretokenizer: str | None = None,
) -> list[ft.Tokenizer]:
    """Load tokenizers; the options for rank files apply to the rank files among them.

    Parameters
    ----------
    paths : sequence of str
        Files and folders; "-" is standard input.
    allow_import : tuple of str
        Values of --allow-import.
    rank_encoding, pretokenizer : str, optional
        Values of the options for tiktoken rank files.

    Raises
    ------
    click.UsageError
        If an option for rank files is given, but none of the files is one.
    """
    import fasttok as ft
    from fasttok.formats.registry import find_format

    packages = add_current_folder(allow_import)
    given = {"encoding": rank_encoding, "pretokenizer": pretokenizer}
    options = {name: value for name, value in given.items() if value is not None}
    tokenizers, used = [], False
    for path in paths:
        with tokenizer_path(path) as file:
            format = find_format(file) if options else None
            takes = format is not None and format.options.keys() >= options.keys()
            used |= takes
            tokenizers.append(ft.load(file, allow_import=packages, **(options if takes else {})))
    if options and not used:
        flags = " and ".join(_FLAGS[name] for name in options)
        verb = "is" if len(options) == 1 else "are"
        raise click.UsageError(f"{flags} {verb} for tiktoken rank files, but {', '.join(paths)} is not one")
    return tokenizers


_FLAGS = {"encoding": "--rank-encoding", "pretokenizer": "--pretokenizer"}


@contextmanager
def tokenizer_path(path: str) -> Iterator[str]:
    """Return a path that loaders can open repeatedly; "-" and other pipes are copied to a temporary file."""
    if path != STDIN and (not os.path.exists(path) or os.path.isdir(path) or os.path.isfile(path)):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "stdin")
        try:
            with open(name, "wb") as copy, ExitStack() as opened:
                pipe = binary_stdin() if path == STDIN else opened.enter_context(open(path, "rb"))
                shutil.copyfileobj(pipe, copy)
        except OSError as error:
            error.filename = error.filename or name
            raise
        try:
            yield name
        except FasttokError as error:  # its message names the temporary file
            shown = "standard input" if path == STDIN else path
            raise click.ClickException(translate(str(error).replace(name, shown))) from error


def binary_stdin() -> Any:
    """Return standard input as a binary file.

    Raises
    ------
    click.UsageError
        If standard input is closed.
    """
    if sys.stdin is None:
        raise click.UsageError("standard input is closed; name a file")
    return sys.stdin.buffer


# Remarks


def say(message: str, event: str = "message") -> None:
    """Print a remark on standard error: a line, or, with --progress json, an object.

    Parameters
    ----------
    message : str
        The remark.
    event : {"message", "warning", "error"}
        Kind of remark. A line begins with it, unless it is "message".
    """
    context = click.get_current_context(silent=True)
    if context is not None and context.params.get("progress") == "json":
        line = json.dumps({"event": event, "text": message})
    else:
        line = message if event == "message" else f"{event.capitalize()}: {message}"
    click.echo(line, err=True)
