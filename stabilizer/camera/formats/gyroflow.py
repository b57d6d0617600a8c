"""Gyroflow's lens profiles: a calibrated mode and the modes of the camera that follow from it.

The matrix is in pixels of `calib_dimension`, after the picture was stretched by
`input_*_stretch`; both are undone here, so that a mode is in pixels of the video as it is stored.
The principal point is the picture's centre unless the profile is `asymmetrical`; `crop` divides
the focal length. `output_dimension` is a wish for the result and is not needed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from stabilizer.camera.file import CameraFile, CameraMode
from stabilizer.camera.model import Camera, ReadoutDirection
from stabilizer.camera.values import Content, intrinsics, numbers, part, real, required, text, whole
from stabilizer.lens import Lens, make_lens

NAME = "Gyroflow lens profile"

_MOST_SETTINGS = 1000
_UNTOLD_STRETCH = 0.01  # what is not more is none
_STANDARD_COEFFS = 12
_SAME_SCALE = 0.001
_DIRECTIONS = {direction.replace("_", ""): direction for direction in ReadoutDirection}
_OVERRIDES = (
    "frame_readout_time",
    "frame_readout_direction",
    "fps",
    "crop",
    "digital_lens",
    "input_horizontal_stretch",
    "input_vertical_stretch",
    "identifier",
    "interpolations",
)
"""Keys of a compatible setting that replace those of the profile."""


def recognises(content: dict[str, Any]) -> bool:
    """Whether it has a calibration and the size it is for."""
    return "fisheye_params" in content or "calib_dimension" in content


def read(path: str, content: dict[str, Any]) -> CameraFile:
    """Return the calibrated mode and the compatible ones."""
    lens, K = _lens(content), _matrix(content)
    modes = tuple(_mode(settings, lens, K) for settings in _every_mode(content))
    title = text(content, "name") or " ".join(
        filter(None, (text(content, key) for key in ("camera_brand", "camera_model", "lens_model")))
    )
    facts = {key: text(content, key) for key in ("calibrated_by", "note") if text(content, key)}
    error = part(content, "fisheye_params").get("RMS_error")
    if error:
        facts["calibration_error_px"] = f"{real('RMS_error', error):.2f}"
    return CameraFile(path, NAME, modes, title, facts)


def _every_mode(content: Content) -> Iterator[Mapping[str, Any]]:
    """Yield the profile and what its compatible settings make of it."""
    profile = dict(content)
    calibrated = part(content, "calib_dimension")
    width, height = (whole(f"calib_dimension {k}", required(calibrated, k)) for k in ("w", "h"))
    profile |= {"width": width, "height": height, "scale": 1.0}
    yield profile
    settings = content.get("compatible_settings") or []
    if not isinstance(settings, list) or len(settings) > _MOST_SETTINGS:
        raise ValueError(f"compatible_settings: expected a list of at most {_MOST_SETTINGS}")
    for setting in settings:
        if not isinstance(setting, dict):
            raise TypeError(f"compatible_settings: expected objects, got {setting!r:.60}")
        changed = {key: setting[key] for key in _OVERRIDES if key in setting}
        sized = _sized(setting, width, height) if setting.get("width") else {}
        if setting.get("distortion_coeffs") is not None:
            changed["own_lens"] = _lens(content, setting["distortion_coeffs"])
        yield profile | changed | sized


def _sized(setting: Content, width: int, height: int) -> dict[str, Any]:
    """Return the size of a setting, and the scale of its picture against the calibrated one.

    Another aspect ratio means a crop of the sensor: the scale is 1.
    """
    w = whole("compatible_settings width", setting["width"])
    h = whole("compatible_settings height", required(setting, "height"))
    same = abs(w / width - h / height) < _SAME_SCALE
    return {"width": w, "height": h, "scale": w / width if same else 1.0}


def _mode(settings: Content, lens: Lens, K: dict[str, float]) -> CameraMode:
    """Return one mode, in pixels of its video."""
    name, rate = text(settings, "identifier"), settings.get("fps")
    rate = real("fps", rate, minimum=0, maximum=1e5) if rate else None
    stretch = [_stretch(settings, f"input_{way}_stretch") for way in ("horizontal", "vertical")]
    calibrated = settings["width"], settings["height"]
    width, height = (max(2, round(s / k)) for s, k in zip(calibrated, stretch, strict=True))
    refusal = _refusal(settings)
    if refusal:
        return CameraMode(width, height, name, refusal=refusal, frame_rate=rate or None)
    scale_x, scale_y = width / calibrated[0], height / calibrated[1]
    crop = settings.get("crop")
    focal = settings["scale"] / (real("crop", crop, above=0) if crop else 1.0)
    fields = _readout(settings)
    dx, dy = _off_centre(settings, K)
    camera = Camera(
        width,
        height,
        K["fx"] * focal * scale_x,
        K["fy"] * focal * scale_y,
        (width - 1) / 2 + dx * settings["scale"] * scale_x,
        (height - 1) / 2 + dy * settings["scale"] * scale_y,
        lens=settings.get("own_lens", lens),
        **fields,
    )
    given = frozenset({"width", "height", "fx", "fy", "cx", "cy", "lens", "coeffs", *fields})
    return CameraMode(width, height, name, camera, "", given, rate or None)


def _off_centre(settings: Content, K: dict[str, float]) -> tuple[float, float]:
    """Return how far the principal point is from the centre, px as calibrated."""
    if not settings.get("asymmetrical"):
        return 0.0, 0.0
    calibrated = part(settings, "calib_dimension")
    w, h = (whole(f"calib_dimension {k}", calibrated[k]) for k in ("w", "h"))
    return K["cx"] - (w - 1) / 2, K["cy"] - (h - 1) / 2


def _refusal(settings: Content) -> str:
    digital = text(settings, "digital_lens")
    if digital:
        return (
            f"the digital lens {digital} bends the picture after the optical one, which is not "
            "undone; film in a mode without it (wide or linear)"
        )
    if settings.get("interpolations"):
        return (
            "the lens changes while it films (interpolations), which is not followed; take the "
            "profile of one focal length"
        )
    return ""


def _matrix(content: Content) -> dict[str, float]:
    params = part(content, "fisheye_params")
    return intrinsics("camera_matrix", required(params, "camera_matrix"))


def _lens(content: Content, coeffs: Any = None) -> Lens:
    if content.get("use_opencv_standard") and not content.get("use_opencv_fisheye"):
        raise ValueError("use_opencv_standard: expected a fisheye calibration, got another")
    params = part(content, "fisheye_params")
    coeffs = required(params, "distortion_coeffs") if coeffs is None else coeffs
    found = numbers("distortion_coeffs", coeffs, most=24)
    while len(found) > 4 and found[-1] == 0:
        found.pop()
    model = text(content, "distortion_model") or "opencv_fisheye"
    if model == "opencv_fisheye":
        return make_lens("fisheye", (*found, *[0.0] * (4 - len(found))))
    if model == "opencv_standard":
        return make_lens("opencv", (*found, *[0.0] * (_STANDARD_COEFFS - len(found))))
    raise ValueError(
        f"distortion_model: expected opencv_fisheye or opencv_standard, got {model!r:.60}"
    )


def _readout(settings: Content) -> dict[str, Any]:
    """Return readout_time and readout_direction where the profile tells them."""
    if settings.get("global_shutter"):
        return {"readout_time": 0.0}
    time_ms = real("frame_readout_time", settings.get("frame_readout_time") or 0)
    if time_ms == 0:
        return {}
    told = settings.get("frame_readout_direction")
    if told is None:
        forwards, backwards = ReadoutDirection.TOP_TO_BOTTOM, ReadoutDirection.BOTTOM_TO_TOP
        direction = forwards if time_ms > 0 else backwards
    else:
        direction = _direction(str(told))
        if time_ms < 0 and direction != ReadoutDirection.BOTTOM_TO_TOP:
            raise ValueError(
                f"frame_readout_time: expected no negative time beside {told!r:.60}, "
                f"got {time_ms:g}"
            )
    return {"readout_time": abs(time_ms) / 1e3, "readout_direction": direction}


def _direction(told: str) -> ReadoutDirection:
    try:
        return _DIRECTIONS[told.replace("_", "").lower()]
    except KeyError:
        raise ValueError(
            f"frame_readout_direction: expected TopToBottom or another, got {told!r:.60}"
        ) from None


def _stretch(settings: Content, name: str) -> float:
    stretch = real(name, settings.get(name) or 1.0, maximum=100)
    return stretch if stretch > _UNTOLD_STRETCH else 1.0
