"""Make docs/before_after.jpg: half a second of frames laid over each other, before and after.

    python samples/make_picture.py

What moves is blurred, what stands still is sharp.
"""

from pathlib import Path

import cv2
import numpy as np

from stabilizer import stabilize
from stabilizer.video import VideoReader, probe, to_rgb

HERE = Path(__file__).parent
START, END = 3.0, 3.5  # s


def overlay(video: Path) -> np.ndarray:
    """Return the mean of the frames from START to END as BGR."""
    colour = probe(video).colour
    with VideoReader(video, start=START, end=END) as reader:
        pictures = [to_rgb(frame, colour).astype(np.float64) for frame in reader]
    return np.mean(pictures, axis=0)[..., ::-1]


def main() -> None:
    """Stabilize the sample and write the picture."""
    walk, steady = HERE / "walk.mp4", HERE / "steady.mp4"
    stabilize(walk, HERE / "walk.csv", steady, camera=HERE / "walk.camera.json", overwrite=True)
    pair = np.hstack([overlay(walk), overlay(steady)])
    steady.unlink()
    pair = pair.round().astype(np.uint8)
    small = cv2.resize(pair, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    for x, word in ((0, "before"), (small.shape[1] // 2, "after")):
        cv2.rectangle(small, (x, 0), (x + 130, 44), (32, 32, 32), cv2.FILLED)
        cv2.putText(
            small, word, (x + 12, 32), cv2.FONT_HERSHEY_DUPLEX, 1.0, (255, 255, 255), 1, cv2.LINE_AA
        )
    picture = HERE.parent / "docs" / "before_after.jpg"
    picture.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(picture), small, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
