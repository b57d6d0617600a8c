"""The program as a process of its own: `stabilizer`, or `python -m stabilizer`."""

import gc
import os
import sys

from stabilizer.interruption import end, end_interrupted, heed_signals, was_interrupted
from stabilizer.memory import hold_little

_GARBAGE = 100_000
"""New objects before those are looked for that are garbage: imports make as many, of which none
is."""


def program() -> None:
    """Run the command line and end the process, also where a signal ends it."""
    heed_signals()
    hold_little()
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
