"""Run a command and print as JSON what it took: its exit status, wall and CPU s, largest memory.

`python benchmarks/taken.py COMMAND ARGUMENT …`. A process of its own, and small: what a command is
said to take of memory is at least what its parent had.
"""

import json
import os
import sys
import time


def taken(command: list[str]) -> dict[str, float]:
    """Return the exit status, "wall" and "cpu" (s), and "memory" (MB, the largest resident set)."""
    began = time.perf_counter()
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawnp(command[0], command, os.environ, file_actions=silent)
    _, status, usage = os.wait4(process, 0)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    return {
        "status": status,
        "wall": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss * unit / 1e6,
    }


if __name__ == "__main__":
    print(json.dumps(taken(sys.argv[1:])))
