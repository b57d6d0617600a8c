"""What the label of a column says: quantity, axis and unit, from its words in any spelling."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

# Labels are compared as lower-case words: "gyroX [rad/s]" is "gyro x rad s" (see `words_of`).
TIME_UNIT_WORDS = {
    "s": r"s|secs?|seconds?",
    "ms": r"cts|(?:t|time|timestamp)?(?:ms|msecs?|millis?|milli ?seconds?)",  # GoPro's cts is in ms
    "us": r"(?:t|time|timestamp)?(?:us|usecs?|micros?|micro ?seconds?)",
    "ns": r"(?:t|time|timestamp)?(?:ns|nsecs?|nanos?|nano ?seconds?)",
}
RATE_UNIT_WORDS = {
    "rad/s": r"rad(?:ian)?s?(?: per)? ?s(?:ec|econd)?(?: 1)?|radps",
    "deg/s": r"deg(?:ree)?s?(?: per)? ?s(?:ec|econd)?(?: 1)?|dps|gyro adc [012]",  # Betaflight's
    "mdeg/s": r"m(?:illi)? ?deg(?:ree)?s?(?: per)? ?s(?:ec|econd)?|m(?:illi)? ?dps",
}
ACCEL_UNIT_WORDS = {"m/s^2": r"m s 2|m s2|m s s|ms2|mps2", "g": r"g|gs", "mg": r"mg|m g|milli g"}
ANGLE_UNIT_WORDS = {"rad": r"rad(?:ian)?s?", "deg": r"deg(?:ree)?s?"}

_T_UNIT = "|".join(TIME_UNIT_WORDS.values())
_RATE_UNIT = "|".join(RATE_UNIT_WORDS.values())
_ACCEL_UNIT = "|".join(ACCEL_UNIT_WORDS.values())
_ANGLE_UNIT = "|".join(ANGLE_UNIT_WORDS.values())
_GYRO = (
    r"(?:(?:imu|sensor|raw|body|motion|device)(?: \d)? )?"
    r"(?:g|w|as|w rs s|omega|gyr|gyro|gyros|gyroscope|gyro adc|gyro rotation|gyro raw|raw gyro"
    r"|(?:motion )?rotation rate|ang(?:ular)? ?(?:vel(?:ocity)?|rate|speed))"
)
_ACCEL = (
    r"(?:(?:imu|sensor|raw|body|device)(?: \d)? )?"
    r"(?:a|a rs s|acc|accel|accels|accelerometer|acceleration|acc raw|acc smooth"
    r"|(?:linear )?acceleration|total acceleration|acceleration including gravity)"
)
_AXIS = r"(?P<axis>[xyz0-3])"


def _sensor_axis(sensor: str, unit: str) -> re.Pattern[str]:
    """Match "sensor axis", with a unit in the middle or at the end, or a bare axis with a unit."""
    return re.compile(
        rf"(?P<sensor>{sensor})(?: (?:{unit}))? ?{_AXIS}(?: axis)?(?: (?:{unit}))?"
        rf"|(?P<bare>[xyz])(?: axis)? (?:{unit})"
    )


TIME = re.compile(
    r"(?:(?:sensor|sampling|sample|system|log|logging|unix|elapsed|boot|epoch|device|utc|gps) )?"
    r"(?:t|ts|times?|time ?stamps?|elapsed|epoch|uptime|date ?time)(?: (?:since|of) \w+)?(?: in)?"
    rf"(?: (?:{_T_UNIT}|txt|utc|iso|boot))?(?: (?:{_T_UNIT}))?|(?:{_T_UNIT})(?: elapsed)?"
)
GYRO = _sensor_axis(_GYRO, _RATE_UNIT)
ACCEL = _sensor_axis(_ACCEL, _ACCEL_UNIT)
NAMELESS = re.compile(r"(?P<sensor>)(?P<axis>)(?P<bare>[xyz])(?: axis)?")
NUMBERED = re.compile(r"(?P<sensor>v|values?|data|val)(?P<bare>)(?: ?(?P<axis>[0-3]))")
TURN_RATE = re.compile(
    rf"(?:gyro )?(?P<angle>roll|pitch|yaw) ?(?:rate|speed|vel(?:ocity)?)(?: (?:{_RATE_UNIT}))?"
    rf"|gyro (?P<gyro_angle>roll|pitch|yaw)(?: (?:{_RATE_UNIT}))?"
)
QUATERNION = re.compile(
    r"(?P<sensor>(?:(?:imu|attitude|motion|orientation|rotation|device|body|pose) ?)*"
    r"(?:q|quat|quaternion|orientation|rotation|q rs|attitude|game rotation|rotation vector))"
    r" ?(?P<axis>[wxyzijkr0-4])"
)
ANGLE = re.compile(
    r"(?:(?:imu|attitude|motion|orientation|euler|device|angle) )*"
    rf"(?P<angle>roll|pitch|yaw|azimuth|heading)(?: angle)?(?: (?:{_ANGLE_UNIT}))?"
)
OTHER_SENSOR = re.compile(
    r"\b(?:w|q[wxyz]|quat\w*|mag\w*|gravity|roll|pitch|yaw|azimuth|lat|lon|latitude|longitude|position"
    r"|name|topic)\b"
)
"""Beside such a column, x, y, z need not be rates: a quaternion, say."""
SELECTOR = re.compile(
    r"(?:sensor|reading|data|event|msg|message)? ?(?:type|name|sensor|source|kind|topic|id)"
)
"""The label of a column that tells which sensor a row is of."""

ALWAYS_RADIANS = re.compile(r"seconds elapsed|w rs s")
"""Sensor Logger's clock and the EuRoC data set's rates: names that nobody else writes."""

GYRO_FIRST = (r"gyr(?:o(?:scope)?)?", r"g", r"rotation rate|angular velocity|omega", r"4")
"""What the gyro's rows are called where each row names its sensor, the best first; 4: Android's."""
GYRO_UNCALIBRATED = (r"(?:gyro\w* ?)?uncal\w*|gyr\w*.*uncal\w*|raw gyr\w*", r"16")
ACCEL_ROWS = (r"acc(?:el(?:erometer|eration)?)?|total acceleration", r"a", r"1")
_SENSOR_PREFIX = r"(?:android|sensor|type|imu|raw|motion|device|core)"


def words_of(label: str) -> str:
    """Write a label as lower-case words: "gyroX [°/s]" as "gyro x deg s"."""
    text = unicodedata.normalize("NFKC", label).replace("μ", "u").replace("°", " deg ")
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).lower()
    return re.sub(r"[^a-z0-9]+", " ", text).strip()


def unit_of(label: str, words: Mapping[str, str]) -> str | None:
    """Return the unit that a column's label names, or None."""
    text = words_of(label)
    for unit, pattern in reversed(list(words.items())):  # "mdeg s" before "deg s"
        if re.search(rf"(?:^| )(?:{pattern})(?: |$)", text):
            return unit
    return None


def is_time(label: str) -> bool:
    """Tell whether a label names a time."""
    return TIME.fullmatch(words_of(label)) is not None


def is_other_sensor(label: str) -> bool:
    """Tell whether a label is of a sensor beside which x, y, z need not be rates."""
    return OTHER_SENSOR.search(words_of(label)) is not None and not is_time(label)


def is_selector(label: str) -> bool:
    """Tell whether a label is that of a column which tells the sensor of a row."""
    return SELECTOR.fullmatch(words_of(label)) is not None


def triples(labels: Sequence[str], pattern: re.Pattern[str]) -> list[tuple[int, int, int]]:
    """Return the columns of x, y, z of every sensor that `pattern` finds complete."""
    sensors: dict[str, dict[str, int]] = {}
    for i, label in enumerate(labels):
        if found := pattern.fullmatch(words_of(label)):
            axes = sensors.setdefault(found["sensor"] or "", {})
            axes.setdefault(found["axis"] or found["bare"], i)
    return [
        (axes[x], axes[y], axes[z])
        for axes in sensors.values()
        for x, y, z in ("xyz", "012", "123")
        if set(axes) == {x, y, z}
    ]


def turn_rates(labels: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return the columns of the rates of roll, pitch and yaw, which turn about x, y and z."""
    return _roll_pitch_yaw(labels, TURN_RATE)


def quaternions(labels: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Return the columns of w, x, y, z of every quaternion; only letters tell the order."""
    found: dict[str, dict[str, int]] = {}
    for i, label in enumerate(labels):
        if match := QUATERNION.fullmatch(words_of(label)):
            axis = match["axis"].translate(str.maketrans("ijkr", "xyzw"))
            found.setdefault(match["sensor"], {}).setdefault(axis, i)
    return [tuple(q[a] for a in "wxyz") for q in found.values() if set("wxyz") <= set(q)]  # type: ignore[misc]


def numbered_quaternions(labels: Sequence[str]) -> bool:
    """Tell whether there is a quaternion whose components have numbers instead of letters."""
    matches = [QUATERNION.fullmatch(words_of(label)) for label in labels]
    return len({m["axis"] for m in matches if m and m["axis"].isdecimal()}) >= 4


def angles(labels: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return the columns of roll, pitch and yaw."""
    return _roll_pitch_yaw(labels, ANGLE)


def _roll_pitch_yaw(labels: Sequence[str], pattern: re.Pattern[str]) -> list[tuple[int, int, int]]:
    """Return the columns of all three; they are the only named groups of `pattern`."""
    found: dict[str, int] = {}
    for i, label in enumerate(labels):
        if match := pattern.fullmatch(words_of(label)):
            name = match[match.lastgroup or 0]
            found.setdefault("yaw" if name in ("azimuth", "heading") else name, i)
    return [(found["roll"], found["pitch"], found["yaw"])] if len(found) == 3 else []


def sensor_rows(values: Sequence[str], *ranked: Sequence[str]) -> str | None:
    """Return the first of the `values` that names a sensor, by patterns from the best on."""
    for pattern in (p for patterns in ranked for p in patterns):
        for value in values:
            text = re.sub(rf"^(?:{_SENSOR_PREFIX} )+", "", words_of(value))
            if re.fullmatch(rf"(?:{pattern})(?: sensor| data| imu)?", text):
                return value
    return None
