"""One known log, written as anybody might write it: what readers are asked to understand."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

RATE = 200.0
N = 160
TICKS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
PER_RAD = {"rad/s": 1.0, "deg/s": 180 / np.pi}

SEPARATORS = {
    "comma": (",", "."),
    "comma blank": (", ", "."),
    "mixed blanks": (",   ", "."),
    "semicolon": (";", "."),
    "semicolon, decimal comma": (";", ","),
    "tab": ("\t", "."),
    "tab, decimal comma": ("\t", ","),
    "blanks": ("  ", "."),
    "bar": ("|", "."),
}
# Each style names t, x, y, z; {t} and {r} stand for the units of time and rate.
HEADERS = {
    "none": None,
    "short": ("t", "gx", "gy", "gz"),
    "units": ("t_{t}", "gx_{r_}", "gy_{r_}", "gz_{r_}"),
    "brackets": ("timestamp [{t}]", "gyroX [{r}]", "gyroY [{r}]", "gyroZ [{r}]"),
    "quoted": ('"Time ({t})"', '"Gyroscope x ({r})"', '"Gyroscope y ({r})"', '"Gyroscope z ({r})"'),
    "indexed": ("time", "gyro[0]", "gyro[1]", "gyro[2]"),
    "core motion": ("SamplingTime", "RotationRateX", "RotationRateY", "RotationRateZ"),
    "ros": ("time", "angular_velocity.x", "angular_velocity.y", "angular_velocity.z"),
    "bare": ("time", "x", "y", "z"),
    "loud": ("TIMESTAMP", "GYRO_X", "GYRO_Y", "GYRO_Z"),
    "flight": ("TimeStamp", "GyrX", "GyrY", "GyrZ"),
    "turns": ("time", "roll_rate", "pitch_rate", "yaw_rate"),
    "units row": ("time", "wx", "wy", "wz"),
}
ORDERS = {
    "txyz": "txyz",
    "xyzt": "xyzt",
    "zyxt": "zyxt",
    "tzyx": "tzyx",
    "two times": "tuxyz",
    "a temperature": "txyzk",
}
STARTS = {"at 0": 0.0, "since boot": 8123.25, "since 1970": 1_700_000_000.5}
PREAMBLES = {
    "none": "",
    "comments": '# logger 2\n# a lens of 24 mm, 5" long\n',
    "pairs": "device,Phone 3\nfirmware,1.2\nrange,2000\n",
    "quoted pairs": '"Product","Recorder"\n"note","slow, then quick"\n"gains","42,85,35,23"\n',
    "many pairs": "".join(f"setting_{i},{i * 7}\n" for i in range(150)),
    "colons": "Model: X100\nDate: 2024-03-01 12:00:00\n\n",
    "text": "Log of a walk\n\n",
}


@dataclass(frozen=True)
class Variant:
    """One way to write the log."""

    separator: str
    header: str
    order: str
    time_unit: str
    rate_unit: str
    start: str
    preamble: str
    motion: float
    """RMS of the motion, rad/s."""

    @property
    def t(self) -> np.ndarray:
        """(N,) s."""
        return STARTS[self.start] + np.arange(N) / RATE

    @property
    def gyro(self) -> np.ndarray:
        """(N, 3) rad/s: a shake of some hertz."""
        rng = np.random.default_rng(5)
        noise = rng.normal(size=(N + 8, 3))
        smooth = sum(noise[i : i + N] for i in range(8))
        return np.asarray(smooth * self.motion / np.sqrt(np.mean(np.sum(smooth**2, axis=1))))

    @property
    def states_time_unit(self) -> bool:
        return "{t" in str(HEADERS[self.header]) or self.header == "units row"

    @property
    def states_rate_unit(self) -> bool:
        return "{r" in str(HEADERS[self.header]) or self.header == "units row"

    def text(self) -> str:
        """Return the file."""
        separator, mark = SEPARATORS[self.separator]
        digits = {"s": 9, "ms": 6, "us": 3, "ns": 0}[self.time_unit]
        whole, rest = np.divmod(self.t, 1.0)
        stamps = [
            f"{(int(w) + 0) * TICKS[self.time_unit] + r * TICKS[self.time_unit]:.{digits}f}"
            if self.time_unit != "ns"
            else str(int(w) * 10**9 + round(r * 1e9))
            for w, r in zip(whole, rest, strict=True)
        ]
        rates = self.gyro * PER_RAD[self.rate_unit]
        cells = {"t": stamps, "k": [f"{31.5 + 0.01 * (i % 3):.2f}" for i in range(N)]}
        cells["u"] = [f"{i / RATE + 0.004:.6f}" for i in range(N)]
        cells |= {axis: [f"{v:.11f}" for v in rates[:, i]] for i, axis in enumerate("xyz")}
        lines = [
            separator.join(cells[c][i].replace(".", mark) for c in ORDERS[self.order])
            for i in range(N)
        ]
        return PREAMBLES[self.preamble] + "\n".join([*self._head(separator), *lines]) + "\n"

    def _head(self, separator: str) -> Iterator[str]:
        names = HEADERS[self.header]
        if names is None:
            return
        units = {"t": self.time_unit, "r": self.rate_unit, "r_": self.rate_unit.replace("/", "_")}
        label = dict(zip("txyz", (n.format(**units) for n in names), strict=True))
        label |= {"u": "elapsed", "k": "temperature"}
        if separator.isspace():
            label = {k: f'"{v.strip(chr(34))}"' if " " in v else v for k, v in label.items()}
        yield separator.join(label[c] for c in ORDERS[self.order])
        if self.header == "units row":
            row = {"t": units["t"], "u": "s", "k": "C", **dict.fromkeys("xyz", units["r"])}
            yield separator.join(row[c] for c in ORDERS[self.order])


def variants(count: int, seed: int = 3) -> list[Variant]:
    """Return some of all ways, every pair of choices among them many times over."""
    choices = [
        list(SEPARATORS),
        list(HEADERS),
        list(ORDERS),
        list(TICKS),
        list(PER_RAD),
        list(STARTS),
        list(PREAMBLES),
        [0.05, 0.5, 3.0],
    ]
    every = list(product(*choices))
    chosen = np.random.default_rng(seed).choice(len(every), count, replace=False)
    return [Variant(*every[i]) for i in chosen]
