"""Thread pool: apply a function to a stream of items, with results in order and errors passed on."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from importlib import import_module
from itertools import chain
from typing import Any, Generic, TypeVar

from fasttok.core.checks import checked_integer, describe

State = TypeVar("State")
Item = TypeVar("Item")
Result = TypeVar("Result")

LONG_WAIT = 0.03  # seconds; readers of pipes wait at least 0.05 s before they pass on less than a chunk

MAX_WORKERS = 1 << 12  # more threads than any machine can use; each has buffers of its own

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
    number = checked_integer("workers", workers, "an int or None")
    if number < 1:
        raise ValueError(f"workers must be at least 1, not {describe(number)}")
    if number > MAX_WORKERS:
        raise ValueError(f"workers must be at most {MAX_WORKERS:,}, not {describe(workers)}")
    return number


def map_ordered(
    function: Callable[[State, Item], Result],
    items: Iterable[Item],
    workers: int,
    new_state: Callable[[], State],
) -> Generator[Result, None, None]:
    """Yield ``function(state, item)`` for every item, in the order of the items.

    At most `workers` threads work, the calling thread among them, and each has a state. A thread and its
    state, which `new_state` makes, are created only when an item finds all other threads busy. A state is
    used for one item at a time, so it needs no lock. With a single worker or a single item, everything runs
    in the calling thread. At most two items per worker are in progress, so the items need not fit in memory
    together.

    The calling thread iterates over `items`, and works when it would wait for a result. While it waits for an
    item, or works, it cannot yield results. Therefore, if it had to wait for the last item, as when another
    program writes the items to a pipe, it yields all results that are in progress before it asks for the next
    item.

    If `function` or the iteration over `items` raises an exception, each thread finishes its item or stops
    at `end_if_stopped`, before the exception is passed on. A caller must close the generator, since Ctrl-C
    can come between two results.
    """
    stream = _Stream(iter(items))
    idle: list[State] = []

    def run(item: Item) -> Result:
        try:
            state = idle.pop()
        except IndexError:
            state = new_state()
        try:
            return function(state, item)
        finally:
            idle.append(state)

    few: list[Item] = []
    for item in stream:
        few.append(item)
        if len(few) == 1 and (workers == 1 or stream.has_waited):
            yield run(few.pop())
        elif len(few) == 2:
            break
    if len(few) < 2:  # no second item
        for item in few:
            yield run(item)
        return

    pool = _Pool(workers - 1)
    pending: deque[_Task[Result]] = deque()
    try:
        for item in chain(few, stream):
            pending.append(_Task(pool, partial(run, item)))
            while len(pending) >= 2 * workers or (pending and stream.has_waited):
                yield _first_result(pending)
        while pending:
            yield _first_result(pending)
    finally:
        pool.end()


def map_all(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> list[Result]:
    """Return ``function(item)`` for every item, in the order of the items; see `map_ordered`."""
    with closing(map_ordered(lambda _, item: function(item), items, workers, lambda: None)) as results:
        return list(results)


class _Stream(Iterator[Item]):
    """Iterator that knows whether the last item had to be waited for.

    Time in which the thread itself computed the item does not count.

    Attributes
    ----------
    has_waited : bool
        Whether the wait for the last item was longer than `LONG_WAIT`.
    """

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self.has_waited = False

    def __next__(self) -> Item:
        start, busy = time.monotonic(), time.thread_time()
        item = next(self._items)
        self.has_waited = time.monotonic() - start - (time.thread_time() - busy) > LONG_WAIT
        return item


class _Task(Generic[Result]):
    """Call of a function in a thread of a pool, unless the calling thread comes first.

    Parameters
    ----------
    pool : _Pool
        The pool.
    function : callable
        Function without parameters.

    Attributes
    ----------
    future : Future
        The result, or the error, of the function.
    """

    def __init__(self, pool: _Pool, function: Callable[[], Result]) -> None:
        self._function = [function]
        self.future: Future[Result] = pool.submit(_call, self._function)

    def run_here(self) -> bool:
        """Call the function in this thread, unless another thread has begun; return whether it was called."""
        if not self.future.cancel():
            return False
        self.future = _called(self._function)
        return True

    def has_failed(self) -> bool:
        """Return whether the function has raised an error."""
        return self.future.done() and self.future.exception() is not None


def _call(function: list[Callable[[], Result]]) -> Result:
    """Call the function in a list, and remove it, so that its item is freed as soon as it has returned."""
    return function.pop()()


def _called(function: list[Callable[[], Result]]) -> Future[Result]:
    """Call the function in a list; return a future with its result or its error.

    The future is made after the call: an error refers to all variables at its place, and would otherwise keep
    itself alive.
    """
    try:
        result = _call(function)
    except Exception as error:
        return _finished(error=error)
    return _finished(result)


def _finished(result: Any = None, error: Exception | None = None) -> Future[Any]:
    future: Future[Any] = Future()
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
    return future


def _first_result(tasks: deque[_Task[Result]]) -> Result:
    """Remove the first task and return its result. Until it has one, run tasks that no thread has begun."""
    while not tasks[0].future.done():
        if not _run_next(tasks):
            break
    return tasks.popleft().future.result()


def _run_next(tasks: deque[_Task[Result]]) -> bool:
    """Run the first task that no thread has begun, but none after an error; return whether there is one."""
    for task in tasks:
        if task.has_failed():
            return False
        if task.run_here():
            return True
    return False


class _Pool:
    """Threads that run functions, none of which runs after `end`, whenever Ctrl-C comes.

    `ThreadPoolExecutor` alone does not promise that: it does not join a thread if the caller was interrupted
    while the thread started.

    Parameters
    ----------
    n_threads : int
        Number of threads, at most.
    """

    def __init__(self, n_threads: int) -> None:
        self._executor = ThreadPoolExecutor(n_threads)
        self._stop = threading.Event()
        self._n_running = 0
        self._has_changed = threading.Condition()  # for `_n_running`; `_stop` is set while it is locked

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Call a function in a thread, soon."""
        return self._executor.submit(self._run, function, *arguments)

    def _run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        with self._has_changed:
            if self._stop.is_set():
                raise Stopped
            self._n_running += 1
        _thread.stop = self._stop
        try:
            return function(*arguments)
        finally:
            with self._has_changed:
                self._n_running -= 1
                self._has_changed.notify()

    def end(self) -> None:
        """Stop the functions that run and wait for them, even if interrupted again. No other will run."""
        try:
            with self._has_changed:
                self._stop.set()
                self._has_changed.wait_for(lambda: not self._n_running)
            self._executor.shutdown(cancel_futures=True)
        except KeyboardInterrupt:
            self.end()
            raise


class BackgroundThread:
    """Thread that calls functions one after the other, such as those that write a file.

    After a function has raised an error, no other is called.

    Parameters
    ----------
    most : int
        Number of calls that may wait for the thread.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pool = _Pool(1)
        self._pending: deque[Future[None]] = deque()
        self._has_failed = False

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function soon. Its error is raised here later, or by `wait`."""
        self._pending.append(self._pool.submit(self._run, function, *arguments))
        self._wait(self._most)

    def _run(self, function: Callable[..., None], *arguments: Any) -> None:
        if self._has_failed:
            return
        try:
            function(*arguments)
        except BaseException:
            self._has_failed = True
            raise

    def wait(self) -> None:
        """Wait until all calls have ended."""
        self._wait(0)

    def _wait(self, most: int) -> None:
        while len(self._pending) > most:
            # Wait while the future is in `_pending`: if the wait is interrupted, `close` still waits for it.
            self._pending[0].exception()
            self._pending.popleft().result()

    def close(self) -> None:
        """End the thread after all calls, even if interrupted again."""
        try:
            for future in self._pending:
                future.exception()
            self._pool.end()
        except KeyboardInterrupt:
            self.close()
            raise
