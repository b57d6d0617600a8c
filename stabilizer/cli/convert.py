"""`stabilizer convert`: a gyro log of any format, or that of a video, in another format."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from stabilizer.cli.options import ImuOrientation, Overwrite, TableOptions, TalkOptions
from stabilizer.cli.planning import read_log
from stabilizer.cli.show import heed, tell

LOG = logging.getLogger(__name__)


def convert(
    log: Annotated[
        Path, typer.Argument(help="A gyro log, or a video that carries one.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The new log: .gcsv, .csv or .parquet."),
    ],
    table: TableOptions,
    talk: TalkOptions,
    imu_orientation: ImuOrientation = None,
    overwrite: Overwrite = False,
) -> None:
    """Write LOG as .gcsv, .csv or .parquet.

    stabilizer convert Gyroscope.csv -o walk.gcsv --imu-orientation android-landscape
    """
    from gyro_data.writers import WRITERS, write
    from stabilizer.new_files import check_new_file, complete_or_absent
    from stabilizer.orientations import letters_of

    heed(talk)
    check_new_file(output, suffixes=WRITERS, inputs=[log], overwrite=overwrite)
    letters = letters_of(imu_orientation)
    samples = read_log(log, table)
    if output.suffix.lower() == ".gcsv" and not (letters or samples.hints.get("imu_orientation")):
        LOG.warning("%s: its axes are not known, and not stated; give --imu-orientation", log)
    with complete_or_absent(output) as partial:
        write(samples, partial, imu_orientation=letters)
    accel = "with" if samples.accel is not None else "without"
    tell(
        f"{output}: written, {len(samples.t)} samples in {samples.duration:.3f} s at "
        f"{samples.sample_rate:.5g} Hz, {accel} accelerations"
    )
