"""Checks of options: the same error messages in all public functions."""

from __future__ import annotations

import operator
from typing import Any

# Larger sizes are reduced to this value, which limits nothing in practice. Adding the size of real data to it
# does not overflow int64.
_LARGEST = 1 << 62


def checked_integer(name: str, value: Any) -> int:
    """Return the value as an ``int``; NumPy integers are accepted.

    Raises
    ------
    TypeError
        If the value is not an integer, or is a ``bool``.
    """
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {value}")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {value!r}") from None


def checked_size(name: str, value: Any, least: int) -> int:
    """Return the value as an ``int`` of at least `least`, reduced to 2^62 if it is larger.

    Raises
    ------
    TypeError, ValueError
        If the value is not an integer, or is below `least`.
    """
    number = checked_integer(name, value)
    if number < least:
        raise ValueError(f"{name} must be at least {least}, not {number}")
    return min(number, _LARGEST)


def checked_flag(name: str, value: Any) -> bool:
    """Return the value if it is True or False.

    Raises
    ------
    TypeError
        If the value is not a ``bool``.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return value


def checked_choice(name: str, value: Any, *choices: str) -> str:
    """Return the value if it is one of the choices.

    Raises
    ------
    ValueError
        If the value is not one of the choices.
    """
    if value not in choices:
        *others, last = [f'"{choice}"' for choice in choices]
        raise ValueError(f"{name} must be {', '.join(others)} or {last}, not {value!r}")
    return choices[choices.index(value)]


def checked_text(name: str, value: Any) -> str:
    """Return the value if it is a ``str`` that can be encoded in UTF-8.

    Raises
    ------
    TypeError, ValueError
        If the value is not a ``str``, or contains a lone surrogate.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} contains a lone surrogate at position {error.start}") from None
    return value
