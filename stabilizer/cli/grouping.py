"""Options that belong together as one value: a command takes a dataclass, its user the fields."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with the fields of its dataclasses in the place of the dataclasses.

    A parameter `clock: Clock` becomes one keyword parameter for each field of Clock, with the
    field's annotation and default, which is what typer makes options of.
    """
    parameters = signature(command, eval_str=True).parameters
    groups: dict[str, type[Any]] = {
        name: p.annotation
        for name, p in parameters.items()
        if isinstance(p.annotation, type) and is_dataclass(p.annotation)
    }

    @wraps(command)
    def ungrouped(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    flat: list[Parameter] = []
    for name, parameter in parameters.items():
        one = {name: parameter}
        several = signature(groups[name], eval_str=True).parameters if name in groups else one
        flat += [p.replace(kind=Parameter.KEYWORD_ONLY) for p in several.values()]
    ungrouped.__signature__ = Signature(flat)  # type: ignore[attr-defined]
    return ungrouped
