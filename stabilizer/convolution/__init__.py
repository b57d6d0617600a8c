"""Convolution of images, and the kernels for it."""

from stabilizer.convolution.images import Convolution, Mode, convolve, separable
from stabilizer.convolution.kernels import box, gaussian, sharpen
from stabilizer.convolution.opencv import BORDERS, Border, Image

__all__ = [
    "BORDERS",
    "Border",
    "Convolution",
    "Image",
    "Mode",
    "box",
    "convolve",
    "gaussian",
    "separable",
    "sharpen",
]
