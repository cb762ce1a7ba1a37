"""Signals that end a command."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fasttok.core.saving import delete_temporary_files

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


class Ended(KeyboardInterrupt):
    """Exception with which a signal ends the command: temporary files are removed on its way.

    Attributes
    ----------
    status : int
        Exit status: 128 and the number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


@contextmanager
def ending_signals() -> Iterator[None]:
    """Within the block, let the first signal that ends a process raise `Ended`; the second ends it at once.

    A signal that is ignored, as by ``nohup`` or in the background of a script, remains ignored.
    """
    previous = {}
    try:
        for name in _ENDING:
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) in (
                signal.SIG_DFL,
                signal.default_int_handler,
            ):
                previous[number] = signal.signal(number, _end)
    except ValueError:  # not in the main thread, which alone receives signals
        pass
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    for name in _ENDING:
        other = getattr(signal, name, None)
        if other is not None and signal.getsignal(other) is _end:
            signal.signal(other, _end_at_once)
    raise Ended(number)


def _end_at_once(number: int, frame: FrameType | None) -> None:
    delete_temporary_files()
    os._exit(128 + number)
