"""The program as a process of its own: `stabilizer`, or `python -m stabilizer`."""

import gc
import os

from stabilizer.interruption import end, end_interrupted, heed_signals, was_interrupted

_GARBAGE = 100_000
"""New objects before those are looked for that are garbage: imports make as many, of which none
is."""


def program() -> None:
    """Run the command line until it ends or a signal ends it."""
    heed_signals()
    gc.set_threshold(_GARBAGE)
    # matrices here are small: more threads of numpy's and scipy's would only cost their start
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from stabilizer.cli import main  # long enough to be interrupted

        main()
    except KeyboardInterrupt:
        end_interrupted()
    except SystemExit as done:
        if not isinstance(done.code, int):
            raise
        end(done.code)
    except Exception:
        if not was_interrupted():
            raise
        end_interrupted()  # which Python makes another error of, where a class is being made


if __name__ == "__main__":
    program()
