"""Read JSON files, with errors that name the place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from fasttok.core.errors import ModelFormatError

T = TypeVar("T")


def read_object(path: str, parse_float: Callable[[str], float] | None = None) -> tuple[dict[str, Any], int]:
    """Return the JSON object in a file, and the size of the file in bytes.

    `parse_float` converts numbers with a fraction or an exponent; by default, Python's ``float``.

    Raises
    ------
    ModelFormatError
        If the file is not UTF-8, not JSON, or another value than an object.
    OSError
        If the file cannot be opened.
    """
    with open(path, "rb") as file:
        data = file.read()
    try:
        value = json.loads(data.decode(), parse_float=parse_float, parse_constant=_reject_constant)
    except UnicodeDecodeError as error:
        raise ModelFormatError("not UTF-8", path, f"byte {error.start}") from None
    except json.JSONDecodeError as error:
        is_cut = error.pos == len(error.doc) or error.msg.startswith("Unterminated")
        what = f"{error.msg} at column {error.colno}{'; the file may be cut off' if is_cut else ''}"
        raise ModelFormatError(f"not JSON ({what})", path, f"line {error.lineno}") from None
    except (RecursionError, ValueError) as error:  # nested too deeply, NaN, or a number with too many digits
        raise ModelFormatError(f"not JSON that fasttok can read ({error})", path) from None
    if not isinstance(value, dict):
        raise ModelFormatError(f"must be a JSON object, not {type(value).__name__}", path)
    return value, len(data)


def _reject_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def checked(value: Any, expected: type[T]) -> T:
    """Return a value of JSON after checking its type; True and False are not integers.

    Raises
    ------
    TypeError
        If the value has another type.
    """
    if type(value) is not expected:
        raise TypeError(f"must be {expected.__name__}, not {type(value).__name__}")
    return value
