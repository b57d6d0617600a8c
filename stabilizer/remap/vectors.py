"""Vectors for numba kernels: LLVM's vector values with Python's operators.

What numba compiles from loops is fast, but no loop becomes a byte shuffle or a multiply-add of
16-bit pairs. Here these are written down while an intrinsic is compiled. Everything but `take` is
plain LLVM that each processor's code generator knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

I8, I16, I32, I64, F32 = (
    ir.IntType(8),
    ir.IntType(16),
    ir.IntType(32),
    ir.IntType(64),
    ir.FloatType(),
)
REGISTER = 16
"""Bytes of what `take` shuffles at once."""

_X86, _ARM = "llvm.x86.ssse3.pshuf.b.128", "llvm.aarch64.neon.tbl1.v16i8"
_FLAGS = ("contract", "nsz")  # let a * b + c be one operation; NaN stays NaN


@dataclass(frozen=True, eq=False)
class Value:
    """A number, or a vector of numbers, of code that is being generated."""

    builder: Any
    ir: Any

    @property
    def type(self) -> Any:
        """LLVM's type."""
        return self.ir.type

    def new(self, value: Any) -> "Value":
        """Return another value of the same code."""
        return Value(self.builder, value)

    def constant(self, number: float | Sequence[float]) -> "Value":
        """Return a constant of this value's type; a sequence gives each lane its own."""
        if isinstance(self.type, ir.VectorType) and not isinstance(number, Sequence):
            number = [number] * self.type.count
        return self.new(ir.Constant(self.type, number))

    def _binary(self, other: "Value | float", of_floats: str, of_integers: str) -> "Value":
        right = other if isinstance(other, Value) else self.constant(other)
        if _is_float(self.type):
            operation = getattr(self.builder, of_floats)
            return self.new(operation(self.ir, right.ir, flags=_FLAGS))
        return self.new(getattr(self.builder, of_integers)(self.ir, right.ir))

    def __add__(self, other: "Value | float") -> "Value":
        return self._binary(other, "fadd", "add")

    def __sub__(self, other: "Value | float") -> "Value":
        return self._binary(other, "fsub", "sub")

    def __mul__(self, other: "Value | float") -> "Value":
        return self._binary(other, "fmul", "mul")

    def __radd__(self, other: float) -> "Value":
        return self + other

    def __rsub__(self, other: float) -> "Value":
        return self.constant(other) - self

    def __rmul__(self, other: float) -> "Value":
        return self * other

    def __and__(self, mask: int) -> "Value":
        return self.new(self.builder.and_(self.ir, self.constant(mask).ir))

    def __or__(self, other: "Value") -> "Value":
        return self.new(self.builder.or_(self.ir, other.ir))

    def __xor__(self, mask: int) -> "Value":
        return self.new(self.builder.xor(self.ir, self.constant(mask).ir))

    def __lshift__(self, bits: int) -> "Value":
        return self.new(self.builder.shl(self.ir, self.constant(bits).ir))

    def __rshift__(self, bits: int) -> "Value":
        return self.new(self.builder.ashr(self.ir, self.constant(bits).ir))

    def where_equal(self, number: int, then: "Value", otherwise: "Value") -> "Value":
        """Return lanes of `then` where this is `number`, else of `otherwise`."""
        same = self.builder.icmp_signed("==", self.ir, self.constant(number).ir)
        return self.new(self.builder.select(same, then.ir, otherwise.ir))

    def clipped(self, low: "Value", high: "Value") -> "Value":
        """Return the floats, limited to low..high."""
        select, less = self.builder.select, self.builder.fcmp_ordered
        raised = select(less("<", self.ir, low.ir), low.ir, self.ir)
        return self.new(select(less(">", raised, high.ir), high.ir, raised))

    def to_float(self) -> "Value":
        """Return the integers as float32."""
        return self.new(self.builder.sitofp(self.ir, _like(self.type, F32)))

    def to_integers(self, element: Any) -> "Value":
        """Return the floats without their fractions, as integers of a type up to 32 bits."""
        whole = self.builder.fptosi(self.ir, _like(self.type, I32))
        return self.new(self.builder.trunc(whole, _like(self.type, element)))

    def as_type(self, element: Any) -> "Value":
        """Return the same bits as elements of another type."""
        n = self.type.count * _bits(self.type.element) // _bits(element)
        return self.new(self.builder.bitcast(self.ir, ir.VectorType(element, n)))

    def lanes(self, chosen: Sequence[int]) -> "Value":
        """Return a vector of the chosen lanes."""
        undefined, order = ir.Constant(self.type, ir.Undefined), _order(chosen)
        return self.new(self.builder.shuffle_vector(self.ir, undefined, order))


def spread(number: Value, n: int) -> Value:
    """Return a vector of `n` times the number."""
    one = ir.Constant(ir.VectorType(number.type, 1), ir.Undefined)
    filled = number.builder.insert_element(one, number.ir, ir.Constant(I32, 0))
    return number.new(filled).lanes([0] * n)


def joined(vectors: Sequence[Value]) -> Value:
    """Return 2^k vectors of one type as one vector."""
    while len(vectors) > 1:
        order = _order(range(2 * vectors[0].type.count))
        vectors = [
            a.new(a.builder.shuffle_vector(a.ir, b.ir, order))
            for a, b in zip(vectors[::2], vectors[1::2], strict=True)
        ]
    return vectors[0]


def load(address: Value, element: Any, n: int | None = None) -> Value:
    """Return what is at an address (a 64-bit number), which needs no alignment."""
    kind = element if n is None else ir.VectorType(element, n)
    pointer = address.builder.inttoptr(address.ir, kind.as_pointer())
    loaded = address.builder.load(pointer)
    loaded.align = 1
    return address.new(loaded)


def store(vector: Value, address: Value) -> None:
    """Write a vector to an address, which needs no alignment."""
    pointer = address.builder.inttoptr(address.ir, vector.type.as_pointer())
    vector.builder.store(vector.ir, pointer).align = 1


def prefetch(address: Value) -> None:
    """Ask for what is at an address to be fetched; it does no harm if nothing is there."""
    pointer = address.builder.inttoptr(address.ir, I8.as_pointer())
    to_be_read_soon = [ir.Constant(I32, k) for k in (0, 3, 1)]
    _call(address.builder, "llvm.prefetch.p0", ir.VoidType(), [pointer, *to_be_read_soon])


def multiply_add(pairs: Value, factors: Value) -> Value:
    """Return a0 b0 + a1 b1 of signed 16-bit halves a, b of each 32-bit lane: x86's pmaddwd."""
    n = pairs.type.count
    wide = ir.VectorType(I32, 2 * n)
    a, b = (v.new(v.builder.sext(v.as_type(I16).ir, wide)) for v in (pairs, factors))
    products = a * b
    return products.lanes(range(0, 2 * n, 2)) + products.lanes(range(1, 2 * n, 2))


def take(window: Value, index: Value, processor: tuple[str, str]) -> Value:
    """Return bytes of a window <16 x i8> by their index; where that is 128 or more: 0.

    `processor` are LLVM's triple and features. Processors without a byte shuffle take one by one.
    """
    triple, features = processor
    if triple.startswith(("x86_64", "i686")) and "+ssse3" in features:
        return window.new(_call(window.builder, _X86, window.type, [window.ir, index.ir]))
    if triple.startswith(("aarch64", "arm64")):
        return window.new(_call(window.builder, _ARM, window.type, [window.ir, index.ir]))
    builder, taken = window.builder, window.constant(0).ir
    for lane in (ir.Constant(I32, k) for k in range(REGISTER)):
        i = builder.extract_element(index.ir, lane)
        byte = builder.extract_element(window.ir, builder.and_(i, ir.Constant(I8, REGISTER - 1)))
        seen = builder.select(
            builder.icmp_signed("<", i, ir.Constant(I8, 0)), ir.Constant(I8, 0), byte
        )
        taken = builder.insert_element(taken, seen, lane)
    return window.new(taken)


def _call(builder: Any, name: str, result: Any, arguments: Sequence[Any]) -> Any:
    """Call what LLVM knows by its name."""
    function = builder.module.globals.get(name)
    if function is None:
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        function = ir.Function(builder.module, kind, name)
    return builder.call(function, arguments)


def _is_float(kind: Any) -> bool:
    return isinstance(getattr(kind, "element", kind), (ir.FloatType, ir.DoubleType))


def _bits(element: Any) -> int:
    return 32 if isinstance(element, ir.FloatType) else int(element.width)


def _like(kind: Any, element: Any) -> Any:
    return ir.VectorType(element, kind.count) if isinstance(kind, ir.VectorType) else element


def _order(lanes: Sequence[int]) -> Any:
    return ir.Constant(ir.VectorType(I32, len(lanes)), list(lanes))
