"""FFmpeg's own programs: they make files, and judge what others made."""

import json
import subprocess
from pathlib import Path
from typing import Any


def ffmpeg(*arguments: Any, check: bool = True) -> str:
    """Run ffmpeg and return what it wrote to stdout; it must not fail if `check`."""
    command = ["ffmpeg", "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=check, capture_output=True, text=True).stdout


def ffprobe(path: Path, *arguments: str) -> Any:
    """Return what ffprobe says of a file."""
    command = ["ffprobe", "-v", "error", "-of", "json", *arguments, str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
