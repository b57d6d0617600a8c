"""Make samples/walk.*: a room filmed with the real shake of a running phone.

    python samples/make_walk.py

The motion is a recorded gyro log (phone_gyro.csv, 205 Hz) and the frames have the recorded times
(phone_frame_times.txt, ns): only the pictures are rendered. A phone held in landscape feeds its
camera's axes with −y, −x and −z of its gyro: "yxz". A frame's recorded time is the start of its
first row; its presentation time refers to the middle row, half exposure and half readout later.
"""

from pathlib import Path

import numpy as np

from gyro_data import GyroLog, MapAxes, read
from stabilizer.camera import Camera
from stabilizer.simulate import from_log, simulate, write_log

HERE = Path(__file__).parent
FIRST_SAMPLE = 1639.497582  # s, when the log begins on the clock of the frame times
EXPOSURE, READOUT = 1.266029e-3, 15.980096e-3  # s, recorded beside the frame times


def main() -> None:
    """Write walk.mp4, walk.csv, walk.camera.json and walk.truth.json."""
    recorded = read(HERE / "phone_gyro.csv")
    first_row = np.loadtxt(HERE / "phone_frame_times.txt", usecols=0) * 1e-9 - FIRST_SAMPLE
    middle_row = first_row + (EXPOSURE + READOUT) / 2
    log = GyroLog(recorded.t - middle_row[0], recorded.gyro)  # on the video's clock
    camera = Camera.from_hfov(
        1280, 720, np.deg2rad(66), readout_time=READOUT, imu_orientation="yxz"
    )
    simulate(
        HERE / "walk",
        camera=camera,
        motion=from_log(MapAxes(camera.imu_orientation)(log), start=0.0),
        frame_times=middle_row - middle_row[0],
        crf=21,
        overwrite=True,
    )
    write_log(log, HERE / "walk.csv")  # the recorded samples themselves


if __name__ == "__main__":
    main()
