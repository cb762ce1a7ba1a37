"""What a piece of work costs: time and memory."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, TypeVar

from fasttok.core.ragged import Ragged
from fasttok.evaluation.sample import TestCorpus
from fasttok.tokenizer.tokenizer import Tokenizer

Result = TypeVar("Result")
WARM_RUNS = 5  # of encoding and decoding: a short time varies much
STATES = ("cold", "warm")  # the first time, which may have to compile and to fill caches, and again
STATUS = Path("/proc/self/status")  # of Linux
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # written there, the peak is what there is now


class Cost(NamedTuple):
    """What a piece of work cost.

    Attributes
    ----------
    seconds : float
        How long it took.
    memory : int or None
        The most bytes that the process had while it ran, less those it had before; None where the system
        does not tell, as all but Linux do not.
    """

    seconds: float
    memory: int | None


def measure_cost(work: Callable[[], Result], times: int = 1) -> tuple[Result, Cost]:
    """Do it as often as that, and say what it cost: the median of the times, the most memory.

    Examples
    --------
    >>> total, cost = measure_cost(lambda: sum(range(10)), times=3)
    >>> total, cost.seconds > 0
    (45, True)
    """
    costs = [_measure_once(work)[1] for _ in range(times - 1)]  # no result is kept while the next is made
    result, last = _measure_once(work)
    seconds, memory = zip(*costs, last, strict=True)
    return result, Cost(median(seconds), max((size for size in memory if size is not None), default=None))


def _measure_once(work: Callable[[], Result]) -> tuple[Result, Cost]:
    before = _reset_peak()
    began = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - began
    return result, Cost(seconds, None if before is None else max(0, _read_peak() - before))


def describe_cost(
    cost: Cost, stage: str, tokenizer: str, corpus: str, state: str, n_bytes: int, workers: int
) -> dict[str, Any]:
    """A row of the timings that `Results` has."""
    return {
        "stage": stage,
        "tokenizer": tokenizer,
        "corpus": corpus,
        "state": state,
        "workers": workers,
        "seconds": cost.seconds,
        "memory": cost.memory,
        "n_bytes": n_bytes,
    }


def time_coding(tok: Tokenizer, name: str, corpus: TestCorpus, workers: int) -> list[dict[str, Any]]:
    """Time encoding and decoding of a test corpus: once with empty caches, then several times with full ones.

    Parameters
    ----------
    tok : Tokenizer
        A tokenizer that has not encoded anything yet.
    name : str
        Its name.
    corpus : TestCorpus
        The text. It is encoded for the clock alone, which must not see anything else.
    workers : int
        Threads.

    Returns
    -------
    list of dict
        Rows of the timings that `Results` has.
    """
    texts = [text for language in corpus.languages for text in corpus.documents[language].to_bytes()]
    n_bytes = sum(map(len, texts))
    timings = []
    for state, times in zip(STATES, (1, WARM_RUNS), strict=True):
        ids, encoding = measure_cost(lambda: tok.encode_batch(texts, workers=workers), times)
        _, decoding = measure_cost(partial(_decode, tok, ids), times)
        for stage, cost in (("encode", encoding), ("decode", decoding)):
            timings.append(describe_cost(cost, stage, name, corpus.name, state, n_bytes, workers))
    return timings


def _decode(tok: Tokenizer, rows: Ragged) -> None:
    for row in rows:
        tok.decode_bytes(row)


def _reset_peak() -> int | None:
    """Forget the most memory there was; what there is now, or None if the system does not do that."""
    _give_back()
    try:
        CLEAR.write_text(RESET_PEAK)
    except OSError:
        return None
    return _read_peak()


def _give_back() -> None:
    """Let the system have what was freed; kept for the next work, it would hide what that takes."""
    trim = getattr(ctypes.pythonapi, "malloc_trim", None)  # of glibc
    if trim is not None:
        trim(0)


def _read_peak() -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])
