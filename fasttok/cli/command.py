"""Classes of the commands: errors and warnings as single lines, interrupts, and the exit status."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import click

from fasttok.cli.shared.messages import translate
from fasttok.cli.shared.signals import Ended, ending_signals
from fasttok.cli.shared.streams import ReaderClosed, discard_stdout, flush_stdout, guarded_streams
from fasttok.core.errors import FasttokError
from fasttok.core.progress import show_warning

# Errors that are reported in one line, without a traceback.
EXPECTED = (OSError, FasttokError, ValueError, ImportError, EOFError, MemoryError)


class Command(click.Command):
    """Command that reports warnings and expected errors as single lines on stderr, without a traceback.

    Attributes
    ----------
    error_status : int
        Exit status after an error.
    """

    error_status = 1

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and write all of standard output before its exit status is decided."""
        with _errors_as_messages(self.error_status), _warnings_as_messages():
            try:
                value = super().invoke(ctx)
            except (SystemExit, click.exceptions.Exit):
                flush_stdout()
                raise
            except Exception:
                with suppress(OSError):  # the first error is reported
                    flush_stdout()
                raise
            flush_stdout()
            return value


class Group(click.Group):
    """Group of commands, listed in the order in which they were added, and the end of the process."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order in which they were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a signal that ends it raises ``SystemExit``."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            _end_interrupted(error)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line and end the process with the status of the command."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        if "_FASTTOK_COMPLETE" in os.environ:
            from fasttok.cli.shared.completion import add_completion

            add_completion()
        with guarded_streams(), ending_signals(), _errors_as_messages(1):
            try:
                value = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
                flush_stdout()  # of texts such as --help
            except ReaderClosed:
                value = 0
            except click.Abort as error:
                _end_interrupted(error.__cause__)
            except click.UsageError as error:
                error.show()
                value = error.exit_code
        sys.exit(value if isinstance(value, int) else 0)


def _end_interrupted(error: BaseException | None) -> NoReturn:
    discard_stdout()  # its reader may be slow
    status = error.status if isinstance(error, Ended) else 130
    if status == 130:
        click.echo("Interrupted", err=True)
    raise SystemExit(status) from None


@contextmanager
def _errors_as_messages(status: int) -> Iterator[None]:
    """Print errors on standard error and end the command with the given exit status."""
    try:
        yield
    except (click.UsageError, click.Abort, click.exceptions.Exit, ReaderClosed):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            file = f"{error.filename}: " if error.filename else ""  # None if, for example, a disk is full
            message = f"{file}{error.strerror}"
        elif isinstance(error, click.ClickException):
            message = error.format_message()
        elif isinstance(error, EXPECTED):
            message = translate(str(error)) or type(error).__name__
        else:  # a fault of fasttok
            message = "".join(traceback.format_exception(error))
        click.echo(f"Error: {message}", err=True)
        raise SystemExit(status) from error


@contextmanager
def _warnings_as_messages() -> Iterator[None]:
    def show(message: Warning | str, *_: object, **__: object) -> None:
        show_warning(translate(str(message)))

    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = show
        yield
