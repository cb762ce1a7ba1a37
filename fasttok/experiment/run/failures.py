"""What fails alone: a tokenizer or a way of counting that cannot be had, while all others go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from fasttok.core.errors import CorpusError, ExperimentError

Result = TypeVar("Result")
CAUGHT = (ValueError, OverflowError, MemoryError)
FOR_ALL = (CorpusError, ExperimentError)  # text that cannot be read, a folder that changes: nothing goes on


class Failure(NamedTuple):
    """What went wrong: the type of the error, and what it says."""

    error: str
    message: str


def attempt(work: Callable[[], Result]) -> Result | Failure:
    """What the work gives, or what went wrong if that concerns nothing else."""
    try:
        return work()
    except FOR_ALL:
        raise
    except CAUGHT as error:
        kind = MemoryError if isinstance(error, MemoryError) else type(error)  # NumPy has one of its own
        return Failure(kind.__name__, str(error) or "there is not enough memory")
