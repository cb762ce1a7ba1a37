"""Progress of long work: a log line before it starts, and a progress bar."""

from __future__ import annotations

import logging
import sys

from tqdm import tqdm


class Bar(tqdm):  # type: ignore[misc]
    """tqdm progress bar without tqdm's monitor thread, which would outlive the call and make forks unsafe."""

    monitor_interval = 0


def announce(message: str, show: bool) -> None:
    """Log a message, and also write it to the standard error stream if `show` is true."""
    logging.getLogger("fasttok").info(message)
    if show:
        Bar.write(message, file=sys.stderr)
