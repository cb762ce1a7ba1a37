"""Progress of a command on standard error, as its options ask for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fasttok.core.progress import progress_form


@contextmanager
def show_progress(progress: str, quiet: bool) -> Iterator[bool]:
    """Choose the form of progress inside the block, and yield whether the library is to show any.

    Without a choice ("auto"), a terminal shows bars. Elsewhere, as in a log file, there is at most one line
    in ten seconds.
    """
    if quiet or progress == "none":
        yield False
        return
    is_auto = progress == "auto"
    form = ("bar" if sys.stderr.isatty() else "lines") if is_auto else progress
    with progress_form(form, is_sparse=is_auto and form == "lines"):
        yield True
