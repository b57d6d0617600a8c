"""The program as a process of its own: `stabilizer`, or `python -m stabilizer`."""

import ctypes
import gc
import os
import sys
from contextlib import suppress

from stabilizer.interruption import end, end_interrupted, heed_signals, was_interrupted

_GARBAGE = 100_000
"""New objects before those are looked for that are garbage: imports make as many, of which none
is."""
_MALLOC = {
    -8: 1,  # M_ARENA_MAX: one place of memory for all threads, instead of what each has freed
    -3: 4 << 20,  # M_MMAP_THRESHOLD, bytes: what is larger is given back when it is freed
    -1: 16 << 20,  # M_TRIM_THRESHOLD, bytes: so much may be kept at the end
}
"""Choices of glibc's malloc.h, which would let what planning freed lie idle under the frames."""


def program() -> None:
    """Run the command line and end the process, also where a signal ends it."""
    heed_signals()
    if sys.platform == "linux":
        with suppress(AttributeError):  # other C libraries have no such choices
            for choice, value in _MALLOC.items():
                ctypes.CDLL(None).mallopt(choice, value)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed: what is written there is to go nowhere
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    gc.set_threshold(_GARBAGE)
    # matrices here are small: more threads of numpy's and scipy's would only cost their start
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        end(_exit_code())
    except KeyboardInterrupt:
        end_interrupted()
    except Exception:
        if not was_interrupted():
            raise
        end_interrupted()  # which Python makes another error of, where a class is being made


def _exit_code() -> int:
    from stabilizer.cli import main  # long enough to be interrupted

    try:
        main()
    except SystemExit as done:
        return int(done.code or 0)


if __name__ == "__main__":
    program()
