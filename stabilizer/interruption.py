"""How the program ends: by itself, or by Ctrl-C, SIGTERM, SIGHUP with one line and code 130."""

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

INTERRUPTED = 130
_NOT_TOLD = 2
"""Exit code where the output could not be written."""

_AGAIN = 1.0
"""s between looks, once interrupted, whether that was heeded: libraries drop exceptions that befall
them in callbacks and while they are imported."""

_signals: list[int] = []
"""Those that came."""


def heed_signals() -> None:
    """Have signals raise KeyboardInterrupt, but for those that are to be ignored."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def was_interrupted() -> bool:
    """Tell if a signal came, whatever error Python made of it."""
    return bool(_signals)


def end_interrupted(left: str = "each output is complete or as it was before") -> NoReturn:
    """End the process at once: a thread may wait for a lock of an import that was interrupted."""
    say(f"stabilizer: error: interrupted; {left}")
    end(INTERRUPTED)


def end(code: int) -> NoReturn:
    """End the process at once: Python would take all apart that was imported, for 0.2 s.

    Output that cannot be written is told, and is exit code 2 where all else went well.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        say(f"stabilizer: error: output: {error.strerror}")
        code = code or _NOT_TOLD
    os._exit(code)


def say(line: str) -> None:
    """Write a line to stderr, unless nothing can be written there."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def _interrupt(number: int, _: object) -> None:
    _signals.append(number)
    sys.unraisablehook = lambda _: None  # what is raised where nobody can catch it is raised again
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, _raise_unless_raised)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
    _raise_unless_raised()


def _raise_unless_raised(*_: object) -> None:
    """Raise KeyboardInterrupt unless one is on its way up the stack, and cleans up."""
    error = sys.exception()
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    if error is None:
        raise KeyboardInterrupt
