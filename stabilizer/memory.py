"""How much memory the process holds: glibc keeps what is freed. With other C libraries, nothing."""

import ctypes
import sys
from contextlib import suppress

_CHOICES = {
    -8: 2,  # M_ARENA_MAX: threads share one heap, as each would keep what it has freed
    -3: 2 << 20,  # M_MMAP_THRESHOLD, bytes: what is larger is not put into the holes of a heap
    -1: 4 << 20,  # M_TRIM_THRESHOLD, bytes that may stay unused at the top of a heap
}
"""Parameters of malloc.h; the thresholds would else grow with what planning allocates and frees.

The main thread keeps a heap of its own: x264's output depends on what it finds in memory that it
does not clear, so the order in which threads run is not to decide that.
"""


def hold_little() -> None:
    """Choose how memory is kept; of use before there are threads."""
    for parameter, value in _CHOICES.items():
        _call("mallopt", parameter, value)


def give_back() -> None:
    """Let the system have what is unused amid a heap too: after planning that is most of it."""
    _call("malloc_trim", 0)


def _call(name: str, *numbers: int) -> None:
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            getattr(ctypes.CDLL(None), name)(*numbers)
