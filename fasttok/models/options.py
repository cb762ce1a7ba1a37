"""Checks of options and counts that all trainers share."""

from __future__ import annotations

from typing import Any

from fasttok.core.checks import checked_callable, checked_flag, checked_instance
from fasttok.core.parallel import resolve_workers
from fasttok.counts.table import PretokenCounts


def describe_minimum(frequency: int | None) -> str:
    """Return " at least N times" for messages; an empty text if the minimum is None or 1."""
    return f" at least {frequency:,} times" if frequency is not None and frequency > 1 else ""


def check_arguments(counts: Any, workers: Any, progress: Any, observer: Any = None) -> None:
    """Check the arguments of `Trainer.train`.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If there are no pretokens to train on, or `workers` is out of range.
    """
    checked_instance("counts", counts, PretokenCounts, "PretokenCounts", "count_pretokens(corpus) makes them")
    resolve_workers(workers)
    checked_flag("progress", progress)
    if observer is not None:
        checked_callable("observer", observer)
    if len(counts) == 0:
        raise ValueError("there are no pretokens to train on: the corpus is empty")
