"""Print how steady a video is, from its pixels: `python benchmarks/score.py VIDEO [REFERENCE]`.

With a reference, such as the video before stabilization, also its numbers and reference / video.
Where the package is not installed: `python -m benchmarks.score` from the repository's root.
"""

import argparse
from dataclasses import asdict

from stabilizer.flow import to_8_bit
from stabilizer.quality import Steadiness, measure
from stabilizer.video.pyav import VideoReader, probe

_FULL_RANGE = 2


def measure_file(path: str) -> Steadiness:
    """Decode a whole video and measure it."""
    info = probe(path)
    full_range = info.colour["range"] == _FULL_RANGE or info.pixel_format.startswith("yuvj")
    with VideoReader(path) as frames:
        luma = (to_8_bit(frame.planes[0], frame.pixel_format.bits) for frame in frames)
        return measure(luma, info.frame_times, full_range=full_range)


def numbers(steadiness: Steadiness) -> dict[str, float]:
    """Return the fields by name, one row for each band."""
    rows = asdict(steadiness)
    bands = rows.pop("jitter_bands_px")
    names = ("jitter_1_to_3_hz_px", "jitter_3_to_8_hz_px", "jitter_above_8_hz_px")
    return rows | dict(zip(names, bands, strict=True))


def main() -> None:
    """Measure one or two videos and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video")
    parser.add_argument("reference", nargs="?")
    args = parser.parse_args()
    video = numbers(measure_file(args.video))
    reference = numbers(measure_file(args.reference)) if args.reference else {}
    print(f"{'':24}{'video':>12}" + (f"{'reference':>12}{'ratio':>10}" if reference else ""))
    for name, value in video.items():
        line = f"{name:24}{value:12.5g}"
        if reference:
            ratio = f"{reference[name] / value:10.3g}" if value else f"{'-':>10}"
            line += f"{reference[name]:12.5g}{ratio}"
        print(line)


if __name__ == "__main__":
    main()
