"""What shows how a long work goes: a line before it, and a bar."""

from __future__ import annotations

import logging
import sys

from tqdm import tqdm


class Bar(tqdm):  # type: ignore[misc]
    """tqdm's bar without tqdm's thread, which would go on after the call and might be met by a fork."""

    monitor_interval = 0


def announce(message: str, show: bool) -> None:
    """Log what is about to be done, and write it to the standard error stream if it is to be shown."""
    logging.getLogger("fasttok").info(message)
    if show:
        Bar.write(message, file=sys.stderr)
