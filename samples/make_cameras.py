"""Write samples/cameras/opencv.*: one calibration as OpenCV's own FileStorage writes it."""

from pathlib import Path

import cv2
import numpy as np

FOLDER = Path(__file__).parent / "cameras"
MATRIX = np.array([[985.5, 0.0, 641.2], [0.0, 984.9, 357.8], [0.0, 0.0, 1.0]])
COEFFS = np.array([[-0.281, 0.092, 0.0011, -0.0007, -0.012]])

for suffix in ("yml", "json"):
    storage = cv2.FileStorage(str(FOLDER / f"opencv.{suffix}"), cv2.FILE_STORAGE_WRITE)
    storage.write("image_width", 1280)
    storage.write("image_height", 720)
    storage.write("camera_matrix", MATRIX)
    storage.write("distortion_coefficients", COEFFS)
    storage.write("avg_reprojection_error", 0.21)
    storage.release()
