"""Costs of a function call: time and memory."""

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
WARM_RUNS = 5  # number of warm runs of encoding and decoding, because short times vary much
STATES = ("cold", "warm")  # first run, which can include compiling and filling caches, and later runs
STATUS = Path("/proc/self/status")  # on Linux, contains the peak memory of the process
CLEAR = Path("/proc/self/clear_refs")  # on Linux, resets counters of the process
RESET_PEAK = "5"  # value to write to CLEAR to set the peak memory to the current memory


class Cost(NamedTuple):
    """Time and memory of a function call.

    Attributes
    ----------
    seconds : float
        Wall-clock time.
    memory : int or None
        Peak memory of the process during the call minus its memory before, in bytes; None except on Linux.
    """

    seconds: float
    memory: int | None


def measure_cost(work: Callable[[], Result], times: int = 1) -> tuple[Result, Cost]:
    """Call a function repeatedly; return its last result, the median time and the largest memory.

    Examples
    --------
    >>> total, cost = measure_cost(lambda: sum(range(10)), times=3)
    >>> total, cost.seconds > 0
    (45, True)
    """
    costs = [_measure_once(work)[1] for _ in range(times - 1)]  # frees each result before the next call
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
    """Return a row of the timings of `Results`."""
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
    """Time encoding and decoding of a test corpus: one cold run with empty caches, then several warm runs.

    Parameters
    ----------
    tok : Tokenizer
        Tokenizer that has not encoded anything yet.
    name : str
        Name of the tokenizer.
    corpus : TestCorpus
        Text to encode. It is encoded again, apart from the metrics, so that nothing else is timed.
    workers : int
        Number of threads.

    Returns
    -------
    list of dict
        Rows of the timings of `Results`.
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
    """Reset the peak memory; return the current memory in bytes, or None if the system cannot reset it."""
    _free_unused()
    try:
        CLEAR.write_text(RESET_PEAK)
    except OSError:
        return None
    return _read_peak()


def _free_unused() -> None:
    """Return freed memory to the system; otherwise the next call would reuse it and seem to need less."""
    trim = getattr(ctypes.pythonapi, "malloc_trim", None)  # only in glibc
    if trim is not None:
        trim(0)


def _read_peak() -> int:
    """Return the peak memory of the process in bytes."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])
