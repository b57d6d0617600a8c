"""`stabilizer stabilize`: a shaky video and its gyro log in, a steady video out."""

import time
from pathlib import Path
from typing import Annotated

import typer

from stabilizer.cli.options import (
    CameraOptions,
    DryRun,
    Log,
    Overwrite,
    PictureOptions,
    PlanOptions,
    SpanOptions,
    SyncOptions,
    TableOptions,
    Video,
)
from stabilizer.cli.show import progress_bar, summary
from stabilizer.cli.values import chosen_smoother, described_camera, parsed_number, parsed_numbers

Output = Annotated[
    Path, typer.Option("--output", "-o", help="The steady video.", show_default=False)
]


def stabilize(
    video: Video,
    log: Log,
    output: Output,
    from_camera: CameraOptions,
    sync: SyncOptions,
    table: TableOptions,
    planned: PlanOptions,
    pictures: PictureOptions,
    span: SpanOptions,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Stabilize VIDEO by its gyro LOG.

    stabilizer stabilize walk.mp4 walk.csv --camera walk.camera.json -o steady.mp4
    """
    import gyro_data
    from stabilizer import pipeline
    from stabilizer.filters import parse_filter
    from stabilizer.video import check_output, probe

    began = time.perf_counter()
    inputs = [path for path in (video, log, from_camera.camera) if path is not None]
    check_output(output, inputs=inputs, overwrite=overwrite)
    smoother = chosen_smoother(planned)
    filters = [parse_filter(spec) for spec in pictures.image_filter or ()]
    info = probe(video)
    size, pixel_aspect = (info.width, info.height), float(info.sample_aspect_ratio)
    with progress_bar("rendering") as progress:
        plan = pipeline.stabilize(
            info,
            gyro_data.read(
                log, time_unit=table.time_unit, rate_unit=table.rate_unit, columns=table.columns
            ),
            output,
            camera=described_camera(from_camera, size, pixel_aspect=pixel_aspect),
            delay=sync.delay,
            clock_skew=sync.clock_skew,
            drift=parsed_numbers("drift", sync.drift, 3),
            smoother=smoother,
            zoom=None if planned.zoom == "auto" else parsed_number("zoom", planned.zoom),
            max_zoom=planned.max_zoom,
            interpolation=planned.interpolation,
            filters=filters,
            crf=pictures.crf,
            preset=pictures.preset,
            start=span.start,
            end=span.end,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=progress,
        )
    seconds = time.perf_counter() - began
    done = "not written (dry run)" if dry_run else f"written in {seconds:.1f} s"
    print(f"{output}: {done}, {summary(plan, planned.max_zoom)}")
