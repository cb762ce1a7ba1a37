"""Threads: the same function over a stream of items, results in order, errors passed on."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from queue import SimpleQueue
from typing import TypeVar

State = TypeVar("State")
Item = TypeVar("Item")
Result = TypeVar("Result")


def resolve_workers(workers: int | None) -> int:
    """The number of threads to use: `workers`, or one a processor this process may run on."""
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
) -> Iterator[Result]:
    """Yield ``function(state, item)`` for every item, in the order of the items.

    One thread works for each state and a state serves one item at a time, so what it holds needs no
    lock. With a single state or item everything runs in the calling thread. At most two items a thread are
    under way, so a stream longer than memory is no trouble. When anything raises, here or in the
    caller, the threads finish the item they hold and are joined.
    """
    stream = iter(items)
    few = list(islice(stream, 2)) if len(states) > 1 else []
    if len(few) < 2:  # a single thread, or nothing for a second one to do
        for item in chain(few, stream):
            yield function(states[0], item)
        return

    idle: SimpleQueue[State] = SimpleQueue()
    for state in states:
        idle.put(state)

    def run(item: Item) -> Result:
        state = idle.get()
        try:
            return function(state, item)
        finally:
            idle.put(state)

    pool = ThreadPoolExecutor(len(states))
    try:
        pending: deque[Future[Result]] = deque()
        for item in chain(few, stream):
            pending.append(pool.submit(run, item))
            if len(pending) >= 2 * len(states):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
