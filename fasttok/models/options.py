"""Checks of options and counts that all trainers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fasttok.counts.table import PretokenCounts


def as_texts(option: str, texts: Any) -> tuple[str, ...]:
    """Return `texts` as a tuple, after checking that they are distinct and not empty.

    Raises
    ------
    TypeError
        If `texts` is not a sequence of ``str``.
    ValueError
        If a text is empty, occurs twice or contains a lone surrogate.
    """
    if isinstance(texts, (str, Mapping)):
        raise TypeError(f"{option} must be a sequence of str, not {type(texts).__name__}")
    checked: tuple[str, ...] = tuple(texts)
    for text in checked:
        if not isinstance(text, str):
            raise TypeError(f"each item of {option} must be a str, not {type(text).__name__}")
        if not text:
            raise ValueError(f"the items of {option} must not be empty")
        text.encode()
    if len(set(checked)) < len(checked):
        raise ValueError(f"{option} contains a text twice: {checked}")
    return checked


def describe_minimum(frequency: int | None) -> str:
    """Return " at least N times" for messages; an empty text if the minimum is None or 1."""
    return f" at least {frequency:,} times" if frequency is not None and frequency > 1 else ""


def check_not_empty(counts: PretokenCounts) -> None:
    """Raise a ValueError if there are no pretokens to train on."""
    if len(counts) == 0:
        raise ValueError("there are no pretokens to train on: the corpus is empty")
