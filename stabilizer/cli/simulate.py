"""`stabilizer simulate`: a clip with known truth."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from stabilizer.cli.options import CameraOptions, SyncOptions, TalkOptions
from stabilizer.cli.show import heed, progress_bar, tell
from stabilizer.cli.values import described_camera, parsed_numbers


def simulate(
    stem: Annotated[
        str, typer.Argument(help="Files are STEM.mp4, .csv, .camera.json, .truth.json.")
    ],
    from_camera: CameraOptions,
    sync: SyncOptions,
    talk: TalkOptions,
    motion: Annotated[
        str, typer.Option(help="stand, walk, run, or a gyro log to follow.")
    ] = "walk",
    duration: Annotated[float, typer.Option(help="s")] = 10.0,
    fps: Annotated[float, typer.Option(help="Frames per second.")] = 30.0,
    size: Annotated[str, typer.Option(help="Picture size, px: WIDTHxHEIGHT.")] = "1280x720",
    gyro_rate: Annotated[float, typer.Option(help="Samples per second of the log.")] = 400.0,
    noise: Annotated[float, typer.Option(help="White noise of the gyro, rad/s rms.")] = 0.0,
    gap: Annotated[
        list[str] | None,
        typer.Option(help="A hole in the log from A to B s of video time: A,B; repeatable."),
    ] = None,
    room_size: Annotated[
        float | None,
        typer.Option(help="Walk through a room with walls this far from its centre, m."),
    ] = None,
    movers: Annotated[int, typer.Option(help="Things that cross the view on their own.")] = 0,
    picture_noise: Annotated[float, typer.Option(help="White noise, grey levels rms.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of motion, noise and movers.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files.")] = False,
) -> None:
    """Make a clip with known truth: a room filmed by a shaking rolling-shutter camera."""
    from stabilizer import simulate as simulation
    from stabilizer.simulate.movers import crossing

    heed(talk)
    moves = _motion(motion, seed)
    with progress_bar("rendering") as progress:
        clip = simulation.simulate(
            stem,
            camera=described_camera(_with_defaults(from_camera), _even_sides(size)),
            motion=moves,
            movers=crossing(movers, seed),
            **_walked(moves, duration, room_size),
            duration=duration,
            fps=fps,
            gyro_rate=gyro_rate,
            delay=sync.delay or 0.0,
            clock_skew=sync.clock_skew or 0.0,
            drift=parsed_numbers("drift", sync.drift or "0,0,0", 3),
            noise=noise,
            gaps=[parsed_numbers("gap", g, 2) for g in gap or ()],
            picture_noise=picture_noise,
            seed=seed,
            overwrite=overwrite,
            progress=progress,
        )
    for path in (clip.video, clip.gyro, clip.camera_file, clip.truth):
        tell(str(path))


def _even_sides(size: str) -> tuple[int, int]:
    width, height = parsed_numbers("size", size, 2, separator="x")
    if width % 2 or height % 2:
        raise ValueError(f"size: expected even numbers of pixels, got {size!r}")
    return int(width), int(height)


def _with_defaults(options: CameraOptions) -> CameraOptions:
    """Return the options, those of a usual phone where nothing is told."""
    if options.camera is not None:
        return options
    if options.focal is None and options.hfov is None:
        options = replace(options, hfov=65.0)
    return options if options.readout is not None else replace(options, readout=0.02)


def _motion(name: str, seed: int) -> Any:
    """Return the motion of a gait or of a gyro log."""
    from stabilizer.simulate import GAITS, Handheld, from_log

    if name in GAITS:
        return Handheld(name, seed)
    if not Path(name).exists():
        known = ", ".join(GAITS)
        raise ValueError(f"motion: expected one of {known} or a gyro log's path, got {name!r}")
    import gyro_data

    return from_log(gyro_data.read(name))


def _walked(motion: Any, duration: float, room_size: float | None) -> dict[str, Any]:
    """Return the options of a walk whose middle is that of the room; none without its size."""
    from stabilizer.simulate.walk import Walk

    if room_size is None:
        return {}
    start = (0.0, 0.0, -Walk.speed * duration / 2)
    return {"position": Walk(motion, start=start), "room_size": room_size}
