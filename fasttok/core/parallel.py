"""Threads: the same function over a stream of items, results in order, errors passed on."""

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

_own = threading.local()  # stop: the event that tells this thread's work to end, if somebody waits for it


class Stopped(Exception):
    """Ends the work of a thread whose caller has given up. Nobody sees it."""


def end_if_stopped() -> None:
    """Raise `Stopped` in a thread of `map_ordered` that is being joined; work that takes long asks often."""
    stop = getattr(_own, "stop", None)
    if stop is not None and stop.is_set():
        raise Stopped


def import_whole(module: str) -> None:
    """Import a module in another thread, where Ctrl-C cannot strike: Numba is of no use half imported."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(import_module, module).result()


def resolve_workers(workers: int | None) -> int:
    """The number of threads to use: `workers`, or one per CPU this process may run on."""
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

    One thread works for each state and a state serves one item at a time, so what it holds needs no
    lock. With a single state or item everything runs in the calling thread. At most two items a thread are
    under way, so a stream longer than memory is no trouble. When anything raises, here or in the
    function, the threads finish the item they hold, or end at `end_if_stopped`, and are joined. A caller
    that may raise between two results closes the generator.
    """
    stream = iter(items)
    few = list(islice(stream, 2)) if len(states) > 1 else []
    if len(few) < 2:  # a single thread, or nothing for a second one to do
        for item in chain(few, stream):
            yield function(states[0], item)
        return

    stop = threading.Event()
    idle: SimpleQueue[State] = SimpleQueue()
    for state in states:
        idle.put(state)

    def run(item: Item) -> Result:
        _own.stop = stop
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
                pending[0].exception()  # waits; what is waited for stays in the list until it is done
                yield pending.popleft().result()
        while pending:
            pending[0].exception()
            yield pending.popleft().result()
    finally:
        stop.set()
        _end(pool, pending)


def _end(pool: ThreadPoolExecutor, pending: Iterable[Future[Any]]) -> None:
    """Wait until no thread works any more, also through further interrupts: the states are used again."""
    try:
        pool.shutdown(wait=False, cancel_futures=True)
        for future in pending:  # an interrupted join may say too early that a thread has ended
            if not future.cancelled():
                future.exception()
        pool.shutdown()
    except KeyboardInterrupt:
        _end(pool, pending)
        raise
