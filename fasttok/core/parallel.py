"""Thread pool: apply a function to a stream of items, with results in order and errors passed on."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from itertools import chain, islice
from queue import SimpleQueue
from typing import Any, TypeVar

State = TypeVar("State")
Item = TypeVar("Item")
Result = TypeVar("Result")

_thread = threading.local()  # its attribute `stop` is the event that tells this thread to end its work


class Stopped(Exception):
    """Exception that ends the work of a thread after its caller has stopped; it never reaches the user."""


def end_if_stopped() -> None:
    """Raise `Stopped` in a thread that `map_ordered` is joining. Long-running work calls this often."""
    stop = getattr(_thread, "stop", None)
    if stop is not None and stop.is_set():
        raise Stopped


def import_whole(module: str) -> None:
    """Import a module in another thread, so that Ctrl-C cannot interrupt the import.

    Numba cannot be used in a process in which its import was interrupted.
    """
    with ThreadPoolExecutor(1) as pool:
        pool.submit(import_module, module).result()


def resolve_workers(workers: int | None) -> int:
    """Return the number of threads: `workers`, or by default one per CPU available to this process."""
    if workers is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise TypeError(f"workers must be an int or None, not {type(workers).__name__}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    return workers


def map_ordered(
    function: Callable[[State, Item], Result], items: Iterable[Item], states: Sequence[State]
) -> Generator[Result, None, None]:
    """Yield ``function(state, item)`` for every item, in the order of the items.

    There is one thread per state. A state is used for one item at a time, so it needs no lock. With a single
    state or a single item, everything runs in the calling thread. At most two items per thread are in
    progress, so the items need not fit in memory together.

    If `function` or the iteration over `items` raises an exception, each thread finishes its item, or stops
    at `end_if_stopped`, and is joined. A caller that may raise between two results must close the generator.
    """
    stream = iter(items)
    few = list(islice(stream, 2)) if len(states) > 1 else []
    if len(few) < 2:  # a single thread, or no second item
        for item in chain(few, stream):
            yield function(states[0], item)
        return

    stop = threading.Event()
    idle: SimpleQueue[State] = SimpleQueue()
    for state in states:
        idle.put(state)

    def run(item: Item) -> Result:
        _thread.stop = stop
        state = idle.get()
        try:
            return function(state, item)
        finally:
            idle.put(state)

    pool = ThreadPoolExecutor(len(states))
    pending: deque[Future[Result]] = deque()
    try:
        for item in chain(few, stream):
            pending.append(pool.submit(run, item))
            if len(pending) >= 2 * len(states):
                # Wait while the future is in `pending`: if the wait is interrupted, `_end` still joins it.
                pending[0].exception()
                yield pending.popleft().result()
        while pending:
            pending[0].exception()
            yield pending.popleft().result()
    finally:
        stop.set()
        _end(pool, pending)


def _end(pool: ThreadPoolExecutor, pending: Iterable[Future[Any]]) -> None:
    """Wait until all threads have ended, even if interrupted again, since callers reuse the states."""
    try:
        pool.shutdown(wait=False, cancel_futures=True)
        for future in pending:  # an interrupted join may report too early that a thread has ended
            if not future.cancelled():
                future.exception()
        pool.shutdown()
    except KeyboardInterrupt:
        _end(pool, pending)
        raise
