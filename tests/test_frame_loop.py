"""The overlapping loop: order, bounds, and its end by whatever fails first."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from stabilizer.frame_loop import overlapped, thread_count


def counted(n: int, taken: list[int]) -> Iterator[int]:
    for k in range(n):
        taken.append(k)
        yield k


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("n", [0, 1, 3, 50])
def test_results_come_in_order(n, threads) -> None:
    def slow_at_first(k: int) -> int:
        time.sleep(0.002 if k % 3 == 0 else 0)
        return k * k

    assert list(overlapped(range(n), slow_at_first, threads=threads)) == [k * k for k in range(n)]


def test_none_is_a_result_like_others() -> None:
    assert list(overlapped([1, None, 2], lambda item: item, threads=2)) == [1, None, 2]


def test_no_more_is_read_than_is_needed() -> None:
    taken: list[int] = []
    with closing(overlapped(counted(1000, taken), lambda k: k, threads=3)) as results:
        for k in results:
            time.sleep(0.001)
            assert len(taken) <= k + 1 + 3 + 2
            if k == 50:
                break
    assert len(taken) < 60


def test_stages_overlap() -> None:
    """Reader, two workers and the caller wait for each other: one by one none would go on."""
    everybody = threading.Barrier(4, timeout=10)

    def items() -> Iterator[int]:
        for k in range(6):
            if k == 3:
                everybody.wait()
            yield k

    def work(k: int) -> int:
        if k in (1, 2):
            everybody.wait()
        return k

    seen = []
    for k in overlapped(items(), work, threads=2):
        seen.append(k)
        if k == 0:
            everybody.wait()
    assert seen == [0, 1, 2, 3, 4, 5]


class Broken(Exception):
    pass


def test_a_reader_that_fails_does_so_after_the_frames_before() -> None:
    def failing() -> Iterator[int]:
        yield from range(5)
        raise Broken("at 5")

    seen = []
    with pytest.raises(Broken, match="at 5") as error:
        for k in overlapped(failing(), lambda k: k, threads=2):
            seen.append(k)
    assert seen == [0, 1, 2, 3, 4]
    assert "failing" in [entry.name for entry in error.traceback]


def test_a_worker_that_fails_stops_the_reader_and_shows_where() -> None:
    taken: list[int] = []

    def failing(k: int) -> int:
        if k == 7:
            raise Broken("at 7")
        return k

    seen = []
    with pytest.raises(Broken, match="at 7") as error:
        for k in overlapped(counted(1000, taken), failing, threads=2):
            seen.append(k)
    assert seen == list(range(7))
    assert "failing" in [entry.name for entry in error.traceback]
    assert len(taken) <= 7 + 1 + 2 + 2


@pytest.mark.parametrize("error", [Broken, KeyboardInterrupt])
def test_a_caller_that_fails_stops_all_at_once(error) -> None:
    taken: list[int] = []

    def slow(k: int) -> int:
        time.sleep(0.02)
        return k

    results = overlapped(counted(1000, taken), slow, threads=2)
    with pytest.raises(error), closing(results):
        for k in results:
            if k == 3:
                began = time.monotonic()
                raise error
    assert time.monotonic() - began < 1
    assert len(taken) <= 3 + 1 + 2 + 2


def test_an_interruption_while_a_thread_starts_leaves_none_at_work(monkeypatch) -> None:
    """Its pool never hears of the thread."""
    start, at_work = threading.Thread.start, threading.Event()

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        if thread.name.startswith("read"):
            at_work.wait(10)
            raise KeyboardInterrupt

    def slow_items() -> Iterator[int]:
        at_work.set()
        time.sleep(0.1)
        over.append(True)
        yield 1

    over: list[bool] = []
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(overlapped(slow_items(), lambda k: k, threads=1))
    assert over == [True]
    for thread in threading.enumerate():
        if thread.name.startswith("read"):
            thread.join(10)


def test_the_number_of_threads_is_checked() -> None:
    assert thread_count(3) == 3
    assert 1 <= thread_count() <= 128
    for wrong in (0, -1, 257, 1.5):
        with pytest.raises(ValueError, match="threads: expected a"):
            thread_count(wrong)
    with pytest.raises(TypeError, match="threads: expected a number"):
        thread_count("2")
