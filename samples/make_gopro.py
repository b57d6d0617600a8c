"""Make samples/gopro_karma.csv from the telemetry track of samples/gopro_karma.mp4.

    python samples/make_gopro.py

A HERO5 writes about one payload a second (GPMF: nested records of key, type, size, count); its gyro
samples have no times of their own. The sensor's clock is even, so all samples lie on the line
through the payloads' counts and times. Columns are the channels in the camera's order.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

HERE = Path(__file__).parent


def records(payload: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (key, value) of a GPMF payload and all its nested containers, depth first."""
    at = 0
    while at + 8 <= len(payload):
        key, kind, size, count = struct.unpack_from(">4scBH", payload, at)
        value = payload[at + 8 : at + 8 + size * count]
        if kind == b"\0":
            yield from records(value)
        else:
            yield key.decode("latin-1"), value
        at += 8 + -(-size * count // 4) * 4


def gyro_of(payload: bytes) -> np.ndarray:
    """Return the payload's samples (N, 3) rad/s."""
    scale = 1
    for key, value in records(payload):
        if key == "SCAL" and len(value) == 2:
            scale = int.from_bytes(value, "big")
        if key == "GYRO":
            return np.frombuffer(value, ">i2").reshape(-1, 3) / scale
    raise ValueError("no GYRO in the payload")


def main() -> None:
    """Read the track and write the log."""
    with av.open(str(HERE / "gopro_karma.mp4")) as video:
        (track,) = (s for s in video.streams.data if "GoPro MET" in s.metadata["handler_name"])
        packets = [p for p in video.demux(track) if p.size]
        gyro = [gyro_of(bytes(p)) for p in packets]
        starts = np.array([float(p.pts * p.time_base) for p in packets])
    first = np.concatenate([[0], np.cumsum([len(g) for g in gyro])[:-1]])
    step = np.polyfit(first, starts, 1)[0]
    samples = np.concatenate(gyro)
    t = np.arange(len(samples)) * step
    np.savetxt(
        HERE / "gopro_karma.csv",
        np.column_stack([t, samples]),
        fmt=["%.6f", "%.7f", "%.7f", "%.7f"],
        delimiter=",",
        header="t_s,gx_rad_s,gy_rad_s,gz_rad_s",
        comments="",
    )


if __name__ == "__main__":
    main()
