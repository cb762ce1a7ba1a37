"""What all trainers check: options that they have in common, and that there is something to learn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fasttok.counts.table import PretokenCounts


def as_texts(option: str, texts: Any) -> tuple[str, ...]:
    """Distinct texts that are not empty.

    Raises
    ------
    TypeError
        If it is no sequence of ``str``.
    ValueError
        If a text is empty, stands twice or holds a lone surrogate.
    """
    if isinstance(texts, (str, Mapping)):
        raise TypeError(f"{option} must be a sequence of str, not {type(texts).__name__}")
    checked: tuple[str, ...] = tuple(texts)
    for text in checked:
        if not isinstance(text, str):
            raise TypeError(f"a text of {option} must be a str, not {type(text).__name__}")
        if not text:
            raise ValueError(f"a text of {option} must not be empty")
        text.encode()
    if len(set(checked)) < len(checked):
        raise ValueError(f"{option} holds a text twice: {checked}")
    return checked


def check_not_empty(counts: PretokenCounts) -> None:
    """Refuse counts of nothing.

    Raises
    ------
    ValueError
        If there is no pretoken.
    """
    if len(counts) == 0:
        raise ValueError("there are no pretokens to train on: the corpus is empty")
