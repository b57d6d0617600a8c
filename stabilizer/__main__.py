"""The program as a process of its own: `stabilizer`, or `python -m stabilizer`."""

import gc
import signal
import sys
from typing import NoReturn

from stabilizer.cli import end_interrupted, main

_GARBAGE = 100_000
"""New objects before those are looked for that are garbage: imports make as many, of which none
is."""

_AGAIN = 1.0
"""s between looks, once interrupted, whether that was heeded: libraries drop exceptions that befall
them in callbacks and while they are imported."""

_interruptions: list[int] = []
"""The signals that came."""


def program() -> None:
    """Run the command line until it ends or a signal ends it."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    gc.set_threshold(_GARBAGE)
    try:
        main()
    except Exception:
        if not _interruptions:
            raise
        end_interrupted()  # which Python makes another error of, where a class is being made
    finally:
        gc.freeze()  # the process ends: to look for garbage in it would take longer than all else


def _interrupt(number: int, _: object) -> NoReturn:
    _interruptions.append(number)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, _interrupt_again)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
    raise KeyboardInterrupt


def _interrupt_again(*_: object) -> None:
    """Raise KeyboardInterrupt unless one is on its way up the stack, and cleans up."""
    error = sys.exception()
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    if error is None:
        raise KeyboardInterrupt


if __name__ == "__main__":
    program()
