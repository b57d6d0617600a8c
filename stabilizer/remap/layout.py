"""What a fused kernel is compiled for: `Layout`, which numba takes for a type of its own."""

import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from numba.core import types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

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


class LayoutType(types.Type):
    """Numba's type of one layout: its numbers are constants for the compiler."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        super().__init__(name=f"{layout} {_revision():x}")


@cache
def _revision() -> int:
    """Return a checksum of this package's files: other sources are other types in numba's cache."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return zlib.crc32(b"".join(file.read_bytes() for file in files))


@typeof_impl.register(Layout)
def _typeof(layout: Layout, _: Any) -> LayoutType:
    return LayoutType(layout)


register_model(LayoutType)(models.OpaqueModel)


@unbox(LayoutType)
def _unbox(_kind: Any, _object: Any, compiler: Any) -> NativeValue:
    return NativeValue(compiler.context.get_dummy_value())


@infer_getattr
class _Numbers(AttributeTemplate):
    """Every number of a layout is known when code is compiled."""

    key = LayoutType

    def generic_resolve(self, _kind: LayoutType, _name: str) -> Any:
        return types.intp


@lower_getattr_generic(LayoutType)
def _number(context: Any, _builder: Any, kind: LayoutType, _value: Any, name: str) -> Any:
    return context.get_constant(types.intp, getattr(kind.layout, name))
