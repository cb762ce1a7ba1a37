"""Failures of a single tokenizer or recipe, which do not stop the rest of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from fasttok.core.errors import CorpusError, ExperimentError

Result = TypeVar("Result")
CAUGHT = (ValueError, OverflowError, MemoryError)  # errors that become a `Failure`
FATAL = (CorpusError, ExperimentError)  # errors that end the run, such as unreadable text


class Failure(NamedTuple):
    """Type and message of an error."""

    error: str
    message: str


def attempt(work: Callable[[], Result]) -> Result | Failure:
    """Call a function; return its result, or a `Failure` if its error does not affect other work."""
    try:
        return work()
    except FATAL:
        raise
    except CAUGHT as error:
        kind = MemoryError if isinstance(error, MemoryError) else type(error)  # NumPy raises a subclass
        return Failure(kind.__name__, str(error) or "not enough memory")
