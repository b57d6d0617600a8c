"""The innermost step of the fused kernel as instructions for numba: 16 warped samples at once.

Neighbouring output samples form a group that reads one window of 16 bytes in each source row. From
there every lane takes its own two neighbouring taps by a byte shuffle; a multiply-add weighs them
in integers, exactly, and the rows' sums are weighed in float32.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic

from stabilizer.remap.layout import CHUNK, LANES, WINDOW, Layout
from stabilizer.remap.vectors import (
    I8,
    I16,
    I32,
    I64,
    Value,
    joined,
    load,
    multiply_add,
    prefetch,
    spread,
    store,
    take,
)
from stabilizer.remap.weights import WEIGHTS

UNIT = 65536
"""Coordinates are whole numbers of 1/UNIT px."""
START_X, STEP_X, START_Y, STEP_Y, LEAST_X, LEAST_Y, SPREAD, ROOM = range(8)
"""Rows of the table of groups: coordinates and their steps from pixel to pixel; the whole px of the
least; the rows between least and largest, and the rows that follow those needed for no spread."""

_AHEAD = 4  # rows that are fetched before they are needed: a turned picture leaves row after row,
# which no processor foresees, and waiting took half of the time
_ONE = 16384  # what a weight of 1 is in integers
_TO_INTEGER = 1.5 * 2**23 / _ONE  # added to a float32 weight it leaves round(weight _ONE) in front
_SIGN = 32768  # moves 16-bit samples into the range of signed numbers


@dataclass(frozen=True)
class _Block:
    """The values that all rows of a block share."""

    layout: Layout
    across: list[Value]
    """<16 x i32>: weights of taps k and k + 1 as 16-bit halves."""
    index: list[Value]
    """<64 x i8>: where in its window each lane finds taps k and k + 1."""
    down: list[Value]
    """<16 x float>: weights of the rows."""
    below: Value
    """<16 x i32>: rows from the group's least to the lane's own."""
    origin: list[Value]
    """i64: bytes from a plane's start to each group's window in its first row."""
    processor: tuple[str, str]

    def row(self, start: Value) -> Value:
        """Return the 16 sums of a source row, times _ONE, as floats; `start` as i64."""
        layout, total = self.layout, None
        for first in range(0, layout.taps, CHUNK):
            skip = start + first * layout.pixel
            windows = [load(skip + at, I8, WINDOW) for at in self.origin]
            if layout.item == 2:
                windows = [(w.as_type(I16) ^ -_SIGN).as_type(I8) for w in windows]
            for k in range(first, min(first + CHUNK, layout.taps), 2):
                taps = self._taken(windows, self.index[(k - first) // 2])
                products = multiply_add(taps.as_type(I32), self.across[k // 2])
                total = products if total is None else total + products
        assert total is not None
        return total.to_float()

    def _taken(self, windows: Sequence[Value], index: Value) -> Value:
        registers = []
        for k in range(4 * LANES // WINDOW):
            window = windows[k * (WINDOW // 4) // self.layout.lanes]
            part = index.lanes(range(k * WINDOW, (k + 1) * WINDOW))
            registers.append(take(window, part, self.processor))
        return joined(registers)

    def row_weight(self, row: int) -> Value:
        """Return each lane's weight of a row, for groups of at most two neighbouring rows."""
        nothing = self.down[0].constant(0.0)
        padded = [nothing, *self.down, nothing]
        return self.below.where_equal(0, padded[row + 1], padded[row])

    def any_row_weight(self, row: Value) -> Value:
        """Return each lane's weight of a row; `row` as i32."""
        tap, weight = spread(row, LANES) - self.below, self.down[0].constant(0.0)
        for k, down in enumerate(self.down):
            weight = tap.where_equal(k, down, weight)
        return weight


@intrinsic
def level_block(
    typing_context: Any,
    layout: Any,
    sources: Any,
    targets: Any,
    offset: Any,
    line: Any,
    groups: Any,
    g: Any,
    peak: Any,
) -> Any:
    """Warp 16 samples of each plane, in groups that touch at most two neighbouring rows.

    sources, targets: addresses of planes, tuples. offset: bytes from a target to the samples that
    are written. line: bytes from source row to row. groups: the table. g: the first of its columns.
    peak: the largest sample.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        block = _prepared(context, builder, signature, arguments, layout.layout)
        line = Value(builder, arguments[4])
        for source, target in _planes(builder, arguments):
            for at in block.origin:
                prefetch(source + at + line * (layout.layout.taps + _AHEAD))
            total = block.down[0].constant(0.0)
            for row in range(layout.layout.taps + 1):
                total = total + block.row(source + line * row) * block.row_weight(row)
            _finish(total, Value(builder, arguments[7]), target, layout.layout)
        return context.get_dummy_value()

    return types.void(
        layout, sources, targets, *_REST, groups, types.int64, types.float32
    ), generate


@intrinsic
def steep_block(
    typing_context: Any,
    layout: Any,
    sources: Any,
    targets: Any,
    offset: Any,
    line: Any,
    groups: Any,
    g: Any,
    peak: Any,
    n_rows: Any,
) -> Any:
    """Warp 16 samples of each plane from `n_rows` source rows: as many as the groups touch."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        block = _prepared(context, builder, signature, arguments, layout.layout)
        line = Value(builder, arguments[4])
        for source, target in _planes(builder, arguments):
            total = cgutils.alloca_once_value(builder, block.down[0].constant(0.0).ir)
            with cgutils.for_range(builder, arguments[8]) as loop:
                row = line.new(loop.index)
                weight = block.any_row_weight(row.new(builder.trunc(row.ir, I32)))
                weighed = block.row(source + line * row) * weight
                builder.store((weighed.new(builder.load(total)) + weighed).ir, total)
            end = line.new(builder.load(total))
            _finish(end, Value(builder, arguments[7]), target, layout.layout)
        return context.get_dummy_value()

    rest = (*_REST, groups, types.int64, types.float32, types.int64)
    return types.void(layout, sources, targets, *rest), generate


@intrinsic
def tap_weights(typing_context: Any, layout: Any, t: Any) -> Any:
    """Return the weights at t as a tuple of float64."""
    taps = layout.layout.taps

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        weights = WEIGHTS[taps](Value(builder, arguments[1]))
        return context.make_tuple(builder, signature.return_type, [w.ir for w in weights])

    return types.UniTuple(types.float64, taps)(layout, types.float64), generate


@intrinsic
def addresses(typing_context: Any, layout: Any, numbers: Any, first: Any) -> Any:
    """Return the numbers of the planes, from the first on, as a tuple."""
    n = layout.layout.planes

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = (
            Value(builder, builder.ptrtoint(arguments[1], I64)) + Value(builder, arguments[2]) * 8
        )
        found = [load(start + 8 * k, I64).ir for k in range(n)]
        return context.make_tuple(builder, signature.return_type, found)

    return types.UniTuple(types.int64, n)(layout, numbers, types.int64), generate


@intrinsic
def samples_at(typing_context: Any, layout: Any, address: Any) -> Any:
    """Return a pointer to the samples at an address."""
    kind = types.uint8 if layout.layout.item == 1 else types.uint16

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[1], context.get_value_type(signature.return_type))

    return types.CPointer(kind)(layout, types.int64), generate


_REST = (types.int64, types.int64)  # offset and line


def _planes(builder: Any, arguments: Any) -> list[tuple[Value, Value]]:
    sources, targets = (cgutils.unpack_tuple(builder, arguments[k]) for k in (1, 2))
    return [
        (Value(builder, source), Value(builder, target) + Value(builder, arguments[3]))
        for source, target in zip(sources, targets, strict=True)
    ]


def _prepared(context: Any, builder: Any, signature: Any, arguments: Any, layout: Layout) -> _Block:
    """Find the lanes' coordinates, and from them all that does not depend on the row."""
    table = context.make_array(signature.args[5])(context, builder, arguments[5])
    pitch = builder.extract_value(table.strides, 0)
    first = Value(builder, builder.ptrtoint(table.data, I64)) + Value(builder, arguments[6]) * 4

    def of_groups(row: int) -> list[Value]:
        """Return one number of each group in the block."""
        start = first + Value(builder, pitch) * row
        return [load(start + 4 * k, I32) for k in range(LANES // layout.lanes)]

    def in_lanes(row: int) -> Value:
        return joined([spread(number, layout.lanes) for number in of_groups(row)])

    pixel = [lane % layout.lanes // layout.components for lane in range(LANES)]
    x, y = (
        in_lanes(start) + in_lanes(step) * in_lanes(start).constant(pixel)
        for start, step in ((START_X, STEP_X), (START_Y, STEP_Y))
    )
    weights = WEIGHTS[layout.taps]
    across, down = (weights((v & (UNIT - 1)).to_float() * (1 / UNIT)) for v in (x, y))
    line = Value(builder, arguments[4])
    origin = [
        line * (_wide(row) + -layout.lead) + (_wide(column) + -layout.lead) * layout.pixel
        for column, row in zip(of_groups(LEAST_X), of_groups(LEAST_Y), strict=True)
    ]
    return _Block(
        layout,
        _in_pairs(across, layout.lead),
        _indices((x >> 16) - in_lanes(LEAST_X), layout),
        down,
        (y >> 16) - in_lanes(LEAST_Y),
        origin,
        context.codegen().magic_tuple()[::2],
    )


def _in_pairs(weights: Sequence[Value], lead: int) -> list[Value]:
    """Return the weights as 16-bit integers, two in a lane, whose sum is exactly _ONE."""
    integers = [(weight + _TO_INTEGER).as_type(I32) for weight in weights]
    rest = integers[0].constant(_ONE)
    for k, weight in enumerate(integers):
        if k != lead:
            rest = rest - weight
    integers[lead] = rest  # what is above 16 bits does not matter
    return [(a & 0xFFFF) | (b << 16) for a, b in zip(integers[::2], integers[1::2], strict=True)]


def _indices(column: Value, layout: Layout) -> list[Value]:
    """Return for each pair of taps in a chunk where its four bytes are, by lane."""
    to_bytes = 0x01010101 if layout.item == 2 else 0x00010001
    start = column * (layout.pixel * to_bytes)
    indices = []
    for k in range(0, min(layout.taps, CHUNK), 2):
        places = []
        for lane in range(LANES):
            one = k * layout.pixel + lane % layout.components * layout.item
            two = one + layout.pixel
            high = (one + 1, two + 1) if layout.item == 2 else (128, 128)  # 128 gives 0
            places.append(int.from_bytes((one, high[0], two, high[1]), "little"))
        indices.append((start + start.constant(places)).as_type(I8))
    return indices


def _wide(number: Value) -> Value:
    return number.new(number.builder.sext(number.ir, I64))


def _finish(total: Value, peak: Value, target: Value, layout: Layout) -> None:
    """Round, saturate and store the 16 samples."""
    value = total * (1 / _ONE) + (0.5 + _SIGN * (layout.item == 2))
    limited = value.clipped(value.constant(0.0), spread(peak, LANES))
    store(limited.to_integers(I16 if layout.item == 2 else I8), target)
