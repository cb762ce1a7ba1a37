"""Outputs of commands: a file or standard output, checked before the work starts."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from fasttok.cli.shared.inputs import STDIN, STDIN_PATH
from fasttok.cli.shared.streams import DataOutput, check_stdout, refuse_redirection
from fasttok.core.saving import atomic_write, check_not_input, check_writable, find_descriptor

STDOUT = "-"
NO_FOLDER = "a folder of files cannot be written to standard output; name a folder"


def check_output(output: str | None, inputs: Iterable[str] = (), *, folder: bool = False) -> None:
    """Raise an error before any work if an output cannot be written or is one of the inputs.

    Parameters
    ----------
    output : str, optional
        File or folder; None and "-" are standard output.
    inputs : iterable of str
        Files that the command reads.
    folder : bool
        Whether the output is a folder.
    """
    files = list(_files_of(inputs))
    refuse_redirection(files)
    if output is None or output == STDOUT:
        if folder:
            raise click.UsageError(NO_FOLDER)
        check_stdout()
        return
    if is_seekable(output) and os.path.exists(output) and os.path.samestat(os.stat(output), os.fstat(1)):
        raise click.ClickException(f"cannot write {output}: standard output is redirected to the same file")
    try:
        check_writable(output, files, folder=folder)
    except FileNotFoundError as error:
        if error.filename == output:
            raise
        raise click.ClickException(
            f"cannot write {output}: the folder {error.filename} does not exist"
        ) from None
    if folder:
        from fasttok.formats.registry import files_of

        for file in files_of(output):  # these are replaced if the folder is that of a tokenizer
            check_not_input(file, files)


def _files_of(inputs: Iterable[str]) -> Iterator[str | int]:
    """Yield the inputs, the files in those that are folders, and the descriptor of standard input."""
    for name in inputs:
        yield 0 if name in (STDIN, STDIN_PATH) else name
        for folder, _, files in os.walk(name) if os.path.isdir(name) else ():
            yield from (os.path.join(folder, file) for file in files)


def refuse_terminal(what: str) -> None:
    """Raise an error if standard output is a terminal, which cannot show binary data."""
    if sys.stdout.isatty():
        raise click.UsageError(
            f"{what} cannot be shown in a terminal; redirect standard output or name a file"
        )


@contextmanager
def opened(output: str | None) -> Iterator[Any]:
    """Open a file that is written completely or not at all; "-" is standard output."""
    if output is None or output == STDOUT:
        file = DataOutput()
        yield file
        file.flush()
    else:
        with atomic_write(output) as saved_file:
            yield saved_file


def write_text(output: str | None, text: str) -> None:
    """Write a text that is complete; if the reader of standard output has closed it, that is no error."""
    if output is None or output == STDOUT:
        click.echo(text, nl=False)
    else:
        with atomic_write(output) as file:
            file.write(text.encode(errors="surrogateescape"))


@contextmanager
def saved(output: str, suffix: str = "") -> Iterator[str]:
    """Yield a path to save to; for "-", a temporary file that is then copied to standard output."""
    if output != STDOUT:
        yield output
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"output{suffix}")
        yield path
        with open(path, "rb") as file, opened(output) as target:
            shutil.copyfileobj(file, target)


def is_seekable(output: str) -> bool:
    """Return whether a file that may not exist yet is, or will be, a regular file; not a descriptor."""
    if output == STDOUT or find_descriptor(output) is not None:
        return False
    return not os.path.exists(output) or stat.S_ISREG(os.stat(output).st_mode)


def print_json(value: Any) -> None:
    """Print a value as one line of JSON on standard output."""
    click.echo(json.dumps(value))
