"""The loop over frames: reading, working and what is done with the results overlap in threads."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Condition
from typing import TypeVar

from gyro_data.checks import number

In = TypeVar("In")
Out = TypeVar("Out")

MOST_THREADS = 256

_AHEAD = 2  # results that wait beside those being made, so that no stage waits for a slow frame


def thread_count(threads: int | None = None) -> int:
    """Return how many threads are to work: `threads`, or by default one for two processors.

    The others are for the decoder and the encoder, which have threads of their own. Raises
    ValueError for what is no number of threads.
    """
    if threads is None:
        return max(1, processors() // 2)
    if number("threads", threads, minimum=1, maximum=MOST_THREADS) != int(threads):
        raise ValueError(f"threads: expected a whole number, got {threads}")
    return int(threads)


def overlapped(
    items: Iterable[In], work: Callable[[In], Out], *, threads: int
) -> Generator[Out, None, None]:
    """Yield work(item) for all items, in order, while the next ones are read and worked on.

    One thread reads the items, one after the other, and `threads` work on them, as long as no more
    than `threads` + 2 results are unfinished or wait. An exception of any stage is raised where its
    result is due, and an exception in the caller, Ctrl-C too, stops the others after the item they
    are at: close the generator (`contextlib.closing`) where the caller may fail. No thread is left
    behind.
    """
    source, end = iter(items), object()
    waiting: deque[Future[Out | object]] = deque()
    gate = _Gate()
    readers = ThreadPoolExecutor(1, thread_name_prefix="read")
    workers = ThreadPoolExecutor(threads, thread_name_prefix="work")

    def read() -> In | object:
        with gate:
            return next(source, end)

    def worked(item: Future[In | object]) -> Out | object:
        value = item.result()
        with gate:
            return end if value is end else work(value)  # type: ignore[arg-type]

    try:
        while True:
            while len(waiting) < threads + _AHEAD:
                waiting.append(workers.submit(worked, readers.submit(read)))
            result = waiting.popleft().result()
            if result is end:
                return
            yield result  # type: ignore[misc]
    finally:
        gate.close()
        for pool in (readers, workers):
            pool.shutdown(wait=False, cancel_futures=True)
        for pool in (readers, workers):
            pool.shutdown(wait=True)


class _Gate:
    """Lets threads work until it is closed, which waits for those inside.

    A pool does not know, and wait for, a thread during whose start Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._inside = 0
        self._closed = False

    def __enter__(self) -> None:
        with self._changed:
            if self._closed:
                raise CancelledError
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody in any more, and wait until nobody is inside."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._inside)


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
