"""Small logs of all formats and conventions, from which fuzzed ones are made."""

import numpy as np

from tests.log_writer import variants

_T = 3.0 + np.arange(60) / 200.0
_GYRO = np.stack([np.sin(9 * _T), np.cos(7 * _T), 0.3 * np.sin(15 * _T)], axis=1)
_ACCEL = np.stack([np.sin(5 * _T), 9.7 + 0 * _T, np.cos(4 * _T)], axis=1)


def _rows(*columns: np.ndarray, separator: str = ",") -> list[str]:
    return [separator.join(f"{v:.6f}" for v in row) for row in np.column_stack(columns)]


def seeds() -> dict[str, bytes]:
    """Return logs by file name."""
    texts = {f"variant{i}.csv": _shortened(v.text()) for i, v in enumerate(variants(24, seed=8))}
    gyro, accel = _rows(_T, _GYRO), _rows(_T + 0.001, _ACCEL)
    both = [line for g, a in zip(gyro, accel, strict=True) for line in (f"gyro,{g}", f"acc,{a}")]
    texts["long.csv"] = "\n".join(["sensor,time,x,y,z", *both])
    texts["bare_long.csv"] = "\n".join(both)
    texts["all.csv"] = "\n".join(["t,gx,gy,gz,ax,ay,az", *_rows(_T, _GYRO, _ACCEL)])
    half = [f"{g},,," if i % 2 else g.replace(",", ",,,,", 1) for i, g in enumerate(gyro)]
    texts["interleaved.csv"] = "\n".join(["t,gx,gy,gz,ax,ay,az", *half])
    quat = np.stack([np.sin(_T / 2), 0 * _T, 0 * _T, np.cos(_T / 2)], axis=1)
    texts["quat.csv"] = "\n".join(["time,qx,qy,qz,qw", *_rows(_T, quat)])
    stamps = [f"2024-03-01T12:00:{t:09.6f}Z,{r}" for t, r in zip(_T, _rows(_GYRO), strict=True)]
    texts["iso.csv"] = "\n".join(["time,gx,gy,gz", *stamps])
    clock = [f"12:00:{t:06.3f};{r}" for t, r in zip(_T, _rows(_GYRO, separator=";"), strict=True)]
    texts["clock.txt"] = "\n".join(["time;gx;gy;gz", *clock]).replace(".", ",")
    coarse = [f"{int(t * 1000) // 7},{r}" for t, r in zip(_T * 20, _rows(_GYRO), strict=True)]
    texts["coarse.csv"] = "\n".join(["ms,gx,gy,gz", *coarse])
    counts = [f"{i},{x:.0f},{y:.0f},{z:.0f}" for i, (x, y, z) in enumerate(900 * _GYRO)]
    head = "GYROFLOW IMU LOG\nversion,1.3\nid,a\norientation,YxZ\nframe_readout_time,15.2\n"
    texts["log.gcsv"] = f"{head}tscale,0.001\ngscale,0.0012\nt,gx,gy,gz\n" + "\n".join(counts)
    texts["angles.csv"] = "\n".join(["time,roll,pitch,yaw", *_rows(_T, 40 * _GYRO)])
    logs = {name: text.encode() for name, text in texts.items()}
    return logs | {
        "wide.csv": texts["all.csv"].encode("utf-16"),
        "flight.bbl": b"H Product:Blackbox flight data recorder by Nicholas Sherlock\nH I\0\1\2\3",
        "noise.bin": np.random.default_rng(0).integers(0, 256, 4000, dtype=np.uint8).tobytes(),
    }


def _shortened(text: str) -> str:
    """Return a text with some 60 rows less."""
    lines = text.splitlines()
    return "\n".join(lines[:-100])
