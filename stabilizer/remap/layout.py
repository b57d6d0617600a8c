"""What a fused kernel is compiled for."""

from dataclasses import dataclass

LANES = 16
"""Samples that are warped at once."""
WINDOW = 16
"""Bytes of a source row that neighbouring output samples share."""
CHUNK = 4
"""Taps that are taken from one window; wider kernels have windows side by side."""


@dataclass(frozen=True)
class Layout:
    """Kernel and samples."""

    taps: int
    """Of the kernel along each axis."""
    item: int
    """Bytes of a sample."""
    components: int
    """Interleaved samples of a pixel."""
    lanes: int
    """Samples of a group, which share a window."""
    planes: int
    """Of one size, which are warped together."""

    @property
    def lead(self) -> int:
        """Taps before the one at, or next before, the point."""
        return self.taps // 2 - 1

    @property
    def pixel(self) -> int:
        """Bytes of a pixel."""
        return self.item * self.components

    @property
    def pixels(self) -> int:
        """Pixels of a group."""
        return self.lanes // self.components

    @property
    def groups(self) -> int:
        """Groups that are warped at once."""
        return LANES // self.lanes

    @property
    def reach(self) -> int:
        """Columns from the least to the largest point of a group that fit into its window."""
        return WINDOW // self.pixel - min(self.taps, CHUNK)

    @property
    def columns(self) -> int:
        """Columns that the windows of a group span."""
        return WINDOW // self.pixel + max(self.taps - CHUNK, 0)
