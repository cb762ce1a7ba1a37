"""Progress of long work on standard error: a bar, lines, or lines of JSON. It never ends the work.

Standard error can be missing, closed, a pipe without a reader, or a file on a full disk. Then progress is
not shown, and no error is raised.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import TracebackType
from typing import Any

LINE_SECONDS = 10.0  # least time between two lines
JSON_SECONDS = 1.0  # least time between two lines of JSON about the same work


class _Stderr:
    """Standard error of this moment, as a file whose methods raise no error."""

    def write(self, text: str) -> None:
        """Write the text if possible."""
        stream = sys.stderr
        if stream is None:
            return
        is_replaced = stream is not sys.__stderr__
        try:
            if is_replaced:
                stream.write(text)
                stream.flush()
                return
            # Python would try again, at the end of the process, to write what remains in a buffer after an
            # error, and would end with the status 120.
            stream.flush()
            data = text.encode(stream.encoding, "backslashreplace")
            while data:
                data = data[os.write(stream.fileno(), data) :]
        except (OSError, ValueError):  # ValueError if it is closed
            pass

    def flush(self) -> None:
        """Do nothing, since `write` leaves nothing in a buffer."""

    def fileno(self) -> int:
        """Return the descriptor, for the width of a terminal."""
        return sys.stderr.fileno()

    @property
    def encoding(self) -> str:
        """Return the encoding, which decides about the characters of the bar."""
        return getattr(sys.stderr, "encoding", None) or "utf-8"


_STDERR = _Stderr()


@cache
def _tqdm() -> Any:
    """Return tqdm's class of progress bars, which is slow to import.

    It has no monitor thread, which would outlive the call and make forks unsafe.
    """
    from tqdm import tqdm

    return type("TerminalBar", (tqdm,), {"monitor_interval": 0})


class _Form:
    """Form in which progress is shown.

    Parameters
    ----------
    name : {"bar", "lines", "json"}
        Form.
    is_sparse : bool, default False
        Whether there is at most one line in `LINE_SECONDS`, and none in the first, whatever it is about.
    """

    def __init__(self, name: str, is_sparse: bool = False) -> None:
        self.name = name
        self._is_sparse = is_sparse
        self._last = time.monotonic()

    def is_due(self) -> bool:
        """Return whether it is time for another line."""
        return time.monotonic() - self._last >= LINE_SECONDS

    def show_line(self, line: str) -> None:
        """Write a line, unless lines are sparse and it is too early."""
        if not self._is_sparse or self.is_due():
            self._last = time.monotonic()
            _STDERR.write(f"{line}\n")


_forms = [_Form("bar")]  # of nested blocks of `progress_form`; the last one counts


@contextmanager
def progress_form(name: str, *, is_sparse: bool = False) -> Iterator[None]:
    """Choose how all work within the block shows progress.

    Parameters
    ----------
    name : {"bar", "lines", "json"}
        A bar; a line of text now and then; or lines of JSON, for programs that show progress themselves.
    is_sparse : bool, default False
        Whether lines of text are shown at most every 10 seconds, so that short work shows none.

    Examples
    --------
    >>> with progress_form("json"):
    ...     announce("counting English", show=False)
    """
    _forms.append(_Form(name, is_sparse))
    try:
        yield
    finally:
        _forms.pop()


class Bar:
    """Progress of one piece of work; a context manager.

    In the form "json" each line is an object with the keys ``event`` ("progress", or "end" for the last one),
    ``task``, ``n``, ``total`` (null if unknown), ``unit``, ``seconds``, and the metrics of `set_postfix`.

    Parameters
    ----------
    desc : str
        Name of the work.
    unit : str
        Name of what is counted.
    total : int, optional
        Number of units of the whole work.
    unit_scale : bool, default False
        Whether to write large numbers with prefixes, such as 1.2M.
    disable : bool, default False
        Whether to show nothing.

    Attributes
    ----------
    n : int
        Number of units that are done.
    """

    def __init__(
        self,
        desc: str,
        *,
        unit: str,
        total: int | None = None,
        unit_scale: bool = False,
        disable: bool = False,
    ) -> None:
        self.n = 0
        self._desc, self._unit, self._total, self._is_scaled = desc, unit, total, unit_scale
        self._form = None if disable else _forms[-1]
        self._metrics: dict[str, Any] = {}
        self._start = self._last = time.monotonic()
        self._bar: Any = None
        if self._form is not None and self._form.name == "bar":
            self._bar = _tqdm()(
                desc=desc, unit=unit, total=total, unit_scale=unit_scale, file=_STDERR, dynamic_ncols=True
            )

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif kind is None:
            self._show("end")

    def update(self, n: int = 1) -> None:
        """Count `n` more units."""
        self.n += n
        if self._bar is not None:
            self._bar.update(n)
        elif self._form is not None:
            now = time.monotonic()
            if now - self._last >= JSON_SECONDS if self._form.name == "json" else self._form.is_due():
                self._last = now
                self._show("progress")

    def set_postfix(self, **metrics: Any) -> None:
        """Set metrics that are shown with the next update."""
        self._metrics = metrics
        if self._bar is not None:
            self._bar.set_postfix({name: _shown(value) for name, value in metrics.items()})

    def _show(self, event: str) -> None:
        if self._form is None:
            return
        seconds = time.monotonic() - self._start
        if self._form.name == "json":
            counted = {"n": self.n, "total": self._total, "unit": self._unit, "seconds": round(seconds, 3)}
            _write_json({"event": event, "task": self._desc, **counted, **self._metrics})
            return
        unit = self._unit if self._is_scaled else f" {self._unit if self.n == 1 else _plural(self._unit)}"
        of = "" if self._total is None else f" of {self._number(self._total)}"
        metrics = "".join(f", {name} {_shown(value)}" for name, value in self._metrics.items())
        self._form.show_line(f"{self._desc}: {self._number(self.n)}{of}{unit} in {seconds:.0f} s{metrics}")

    def _number(self, n: int) -> str:
        return str(_tqdm().format_sizeof(n)) if self._is_scaled else f"{n:,}"


def announce(message: str, show: bool) -> None:
    """Log a message, and also show it on standard error if `show` is true.

    In the form "json", it is an object with the keys ``event`` ("message") and ``text``.
    """
    logging.getLogger("fasttok").info(message)
    if show:
        _show_text("message", message, message)


def notify(message: str) -> None:
    """Log a warning; if no handler of ``logging`` takes it, show it on standard error."""
    logger = logging.getLogger("fasttok")
    if logger.hasHandlers():
        logger.warning(message)
    else:  # not by the handler of last resort, whose failure would change the status of the process
        _show_text("message", message, message)


def show_warning(message: str) -> None:
    """Show a warning on standard error. In the form "json", the ``event`` is "warning"."""
    _show_text("warning", message, f"Warning: {message}")


def _show_text(event: str, text: str, line: str) -> None:
    form = _forms[-1]
    if form.name == "json":
        _write_json({"event": event, "text": text})
    elif form.name == "bar" or event == "warning":
        with _tqdm().external_write_mode(file=_STDERR):  # clears the bars and shows them again
            _STDERR.write(f"{line}\n")
    else:
        form.show_line(line)


def _write_json(value: dict[str, Any]) -> None:
    _STDERR.write(json.dumps(value) + "\n")


def _shown(metric: Any) -> str:
    return f"{metric:.4f}" if isinstance(metric, float) else str(metric)


def _plural(unit: str) -> str:
    return f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"
