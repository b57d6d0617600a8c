"""GPMF payloads as cameras write them, for tests of what reads them."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

GOPRO_CLIP = Path(__file__).parents[1] / "samples" / "gopro_karma.mp4"


def record(key: str, kind: str, size: int, count: int, value: bytes) -> bytes:
    """Return one record, filled up to 4 bytes."""
    head = struct.pack(">4scBH", key.encode(), kind.encode("latin-1"), size, count)
    return head + value + b"\0" * (-len(value) % 4)


def container(key: str, *records: bytes) -> bytes:
    return record(key, "\0", 1, len(b"".join(records)), b"".join(records))


def text(key: str, value: str) -> bytes:
    return record(key, "c", len(value), 1, value.encode("latin-1"))


def numbers(key: str, kind: str, values: Sequence[float] | np.ndarray, channels: int = 1) -> bytes:
    dtype = {"s": ">i2", "L": ">u4", "J": ">u8", "f": ">f4"}[kind]
    data = np.asarray(values).astype(dtype)
    return record(key, kind, channels * data.itemsize, data.size // channels, data.tobytes())


def stream(key: str, counts: np.ndarray, scale: int, *fields: bytes) -> bytes:
    """Return the stream of a sensor with samples `counts (n, 3)`."""
    data = [numbers("SCAL", "s", [scale]), numbers(key, "s", counts, 3)]
    return container("STRM", *fields, *data)


def payload(*streams: bytes, name: str = "Camera") -> bytes:
    return container("DEVC", numbers("DVID", "L", [1]), text("DVNM", name), *streams)


def video_with(path: Path, payloads: Sequence[bytes], starts_ms: Sequence[int]) -> Path:
    """Write an MP4 with a telemetry track of these payloads; its kind is copied from a GoPro's."""
    with av.open(str(GOPRO_CLIP)) as old, av.open(str(path), "w", format="mp4") as new:
        kind = next(s for s in old.streams.data if "MET" in s.metadata.get("handler_name", ""))
        track = new.add_stream_from_template(kind)
        for data, start in zip(payloads, starts_ms, strict=True):
            packet = av.Packet(data)
            packet.pts = packet.dts = start
            packet.time_base = Fraction(1, 1000)
            packet.duration = 1000  # a last packet without one is left out
            packet.stream = track
            new.mux(packet)
    return path
