"""`Layout` as a type of numba's: its numbers are constants for the compiler."""

from typing import Any

from numba.core import types
from numba.core.imputils import lower_constant
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
)

from stabilizer.remap.layout import Layout


class LayoutType(types.Type):
    """The type of one layout."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        super().__init__(name=str(layout))


register_model(LayoutType)(models.OpaqueModel)


@typeof_impl.register(Layout)
def _typeof(layout: Layout, _: Any) -> LayoutType:
    return LayoutType(layout)


@lower_constant(LayoutType)
def _constant(context: Any, _builder: Any, _kind: LayoutType, _value: Any) -> Any:
    return context.get_dummy_value()


@infer_getattr
class _Numbers(AttributeTemplate):
    """Every number of a layout is known when code is compiled."""

    key = LayoutType

    def generic_resolve(self, _kind: LayoutType, _name: str) -> Any:
        return types.intp


@lower_getattr_generic(LayoutType)
def _number(context: Any, _builder: Any, kind: LayoutType, _value: Any, name: str) -> Any:
    return context.get_constant(types.intp, getattr(kind.layout, name))
