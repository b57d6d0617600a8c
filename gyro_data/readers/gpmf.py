"""GoPro's metadata format: nested records of key, type, size and count, to sensors' readings.

One payload in; per sensor its samples scaled to SI units in the camera's own axes X left, Y back,
Z up, whatever order the model writes them in.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gyro_data.axes import axes_matrix
from gyro_data.checks import Floats

CONTAINER = "\0"
_NUMBERS = {
    "b": ">i1",
    "B": ">u1",
    "s": ">i2",
    "S": ">u2",
    "l": ">i4",
    "L": ">u4",
    "j": ">i8",
    "J": ">u8",
    "f": ">f4",
    "d": ">f8",
}
_DEEPEST = 8
CHANNELS_OF: Mapping[str, str] = {"HERO6": "YxZ", "HERO7 SILVER": "XZy"}
"""ORIN of models that do not write it, where it is not that of all others."""
USUAL_CHANNELS = "ZXY"


class BadPayload(ValueError):
    """What GPMF cannot be: a record that ends after its container, a scale of 0, …"""


@dataclass(frozen=True)
class Record:
    """One record: `count` values of `size` bytes each."""

    key: str
    kind: str
    size: int
    value: bytes

    def numbers(self) -> Floats:
        """Return the values (count, size / bytes of a number)."""
        if self.kind not in _NUMBERS:
            raise BadPayload(f"{self.key}: type {self.kind!r} is no number")
        dtype = np.dtype(_NUMBERS[self.kind])
        if not self.size or self.size % dtype.itemsize:
            raise BadPayload(f"{self.key}: {self.size} bytes are no whole numbers")
        flat = np.frombuffer(self.value, dtype)
        return flat.reshape(-1, self.size // dtype.itemsize).astype(np.float64)

    def text(self) -> str:
        """Return the value as text."""
        return self.value.decode("latin-1").rstrip("\0 ")


@dataclass(frozen=True, eq=False)
class Sensor:
    """What one payload has of one sensor."""

    samples: Floats
    """(n, 3) in SI units about X left, Y back, Z up."""
    total: int | None
    """Samples of the stream so far, these included; None where the camera does not count."""
    stamp: float | None
    """s on the camera's own clock when the samples begin; None where it does not say."""
    axes: str
    """What told the axes."""


def records(payload: bytes) -> Iterator[Record]:
    """Yield the records of a payload or a container, as far as they are whole."""
    at = 0
    while at + 8 <= len(payload):
        key, kind, size, count = struct.unpack_from(">4scBH", payload, at)
        if key == b"\0\0\0\0":  # what is left is filling
            return
        length = size * count
        if at + 8 + length > len(payload):
            raise BadPayload(f"{key.decode('latin-1')}: ends beyond its container")
        value = payload[at + 8 : at + 8 + length]
        yield Record(key.decode("latin-1"), kind.decode("latin-1"), size, value)
        at += 8 + -(-length // 4) * 4


def first_value(payload: bytes, key: str, depth: int = 0) -> Record | None:
    """Return the first record of that key, depth first."""
    for record in records(payload):
        if record.key == key:
            return record
        if record.kind == CONTAINER and depth < _DEEPEST:
            found = first_value(record.value, key, depth + 1)
            if found is not None:
                return found
    return None


def sensor(payload: bytes, key: str, model: str, depth: int = 0) -> Sensor | None:
    """Return the readings of the first stream of that key (GYRO, ACCL) in a payload."""
    every = list(records(payload))
    fields = {r.key: r for r in every}
    if key in fields and fields[key].kind != CONTAINER:
        return _sensor(fields, key, model)
    for record in every:
        if record.kind == CONTAINER and depth < _DEEPEST:
            found = sensor(record.value, key, model, depth + 1)
            if found is not None:
                return found
    return None


def _sensor(fields: Mapping[str, Record], key: str, model: str) -> Sensor:
    raw = fields[key].numbers()
    if raw.shape[1] != 3:
        raise BadPayload(f"{key}: {raw.shape[1]} channels, expected 3")
    scale = fields["SCAL"].numbers().ravel() if "SCAL" in fields else np.ones(1)
    if scale.size not in (1, 3) or not np.isfinite(scale).all() or (scale == 0).any():
        raise BadPayload(f"{key}: scale {scale.tolist()}")
    matrix, told = channel_axes(
        orin=fields["ORIN"].text() if "ORIN" in fields else None,
        orio=fields["ORIO"].text() if "ORIO" in fields else None,
        mtrx=fields["MTRX"].numbers().ravel() if "MTRX" in fields else None,
        model=model,
    )
    total, microseconds, milliseconds = (_last(fields, k) for k in ("TSMP", "STMP", "TICK"))
    stamp = None if milliseconds is None else milliseconds / 1e3
    if microseconds is not None:
        stamp = microseconds / 1e6
    samples = raw / scale @ matrix.T
    if not np.isfinite(samples).all():
        raise BadPayload(f"{key}: numbers that are not finite")
    return Sensor(samples, None if total is None else int(total), stamp, told)


def _last(fields: Mapping[str, Record], key: str) -> float | None:
    """Return the last number of a field, None without it."""
    numbers = fields[key].numbers().ravel() if key in fields else np.empty(0)
    return float(numbers[-1]) if numbers.size and np.isfinite(numbers[-1]) else None


def channel_axes(
    *, orin: str | None, orio: str | None, mtrx: Floats | None, model: str
) -> tuple[Floats, str]:
    """Return M (3, 3) with v_XYZ = M @ channels, and what told it.

    Letter i of `orin` is the axis that channel i is of, lower case negated; `orio` names likewise
    what `mtrx`, row by row, makes of the channels.
    """
    if mtrx is not None and mtrx.size >= 9 and orio:
        matrix = np.round(mtrx[:9].reshape(3, 3), 6)
        if np.abs(matrix @ matrix.T - np.eye(3)).max() > 0.01:
            raise BadPayload(f"MTRX: {matrix.ravel().tolist()} turns nothing")
        return _letters(orio).T @ matrix, f"MTRX to {orio}"
    if orin:
        return _letters(orin).T, f"ORIN {orin}"
    name = next((name for name in CHANNELS_OF if name in model.upper()), None)
    channels = CHANNELS_OF[name] if name else USUAL_CHANNELS
    return _letters(channels).T, f"channels {channels}, as {name or 'HERO5'} writes them"


def _letters(letters: str) -> Floats:
    """Return the matrix whose row i picks, or negates, the axis of letter i."""
    try:
        return axes_matrix(letters)
    except ValueError as error:
        raise BadPayload(f"axes {letters!r}") from error
