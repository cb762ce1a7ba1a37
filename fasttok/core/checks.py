"""Options of public functions, checked in the same words everywhere."""

from __future__ import annotations

import operator
from typing import Any

_LARGEST = 1 << 62  # what is larger means no limit; sums of two still fit int64


def checked_integer(name: str, value: Any) -> int:
    """An integer, which may be one of NumPy's.

    Raises
    ------
    TypeError
        If it is none.
    """
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {value}")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {value!r}") from None


def checked_size(name: str, value: Any, least: int) -> int:
    """An integer of at least `least`, and no larger than sums of lengths can be.

    Raises
    ------
    TypeError, ValueError
        If it is no integer, or too small.
    """
    number = checked_integer(name, value)
    if number < least:
        raise ValueError(f"{name} must be at least {least}, not {number}")
    return min(number, _LARGEST)


def checked_flag(name: str, value: Any) -> bool:
    """Return True or False, whichever it is.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return value


def checked_choice(name: str, value: Any, *choices: str) -> str:
    """A word that is one of the choices.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if value not in choices:
        *others, last = [f'"{choice}"' for choice in choices]
        raise ValueError(f"{name} must be {', '.join(others)} or {last}, not {value!r}")
    return choices[choices.index(value)]


def checked_text(name: str, value: Any) -> str:
    """A text that can be written in UTF-8.

    Raises
    ------
    TypeError, ValueError
        If it is no ``str``, or holds a lone surrogate.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} holds a lone surrogate at {error.start}") from None
    return value
