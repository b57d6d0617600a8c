"""The content of a camera file, JSON or YAML, as plain lists, objects and numbers. Not trusted."""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from stabilizer.errors import StabilizerError
from stabilizer.new_files import AnyPath
from stabilizer.text_files import in_short, parse_json, read_text

_LARGEST_YAML = 1 << 16  # bytes; its parser takes some 10 µs for each
_DEEPEST = 20  # lists and objects in each other
_DIRECTIVE = re.compile(r"\A%YAML[^\n]*\n")  # OpenCV's is not YAML


def read_document(path: AnyPath) -> Any:
    """Return the content of a JSON or YAML file; of several YAML documents the first.

    Raises StabilizerError that names the file and what it is instead.
    """
    try:
        text = read_text(path).strip()
        if text[:1] in ("{", "["):
            return parse_json(text)
        if text[:1] == "<":
            raise ValueError("it is XML; save it as YAML or JSON")
        if len(text) > _LARGEST_YAML:
            raise ValueError(f"it is neither JSON nor YAML of up to {_LARGEST_YAML >> 10} kB")
        return _first_of_yaml(text)
    except OSError as error:
        raise StabilizerError(f"{path}: cannot read camera file: {error.strerror}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise StabilizerError(f"{path}: not a camera file: {_in_short(error)}") from error


def _in_short(error: Exception) -> str:
    """Return what is wrong in one line, and in which line of YAML."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{in_short(ValueError(error.problem))} in line {error.problem_mark.line + 1}"
    return in_short(error)


class _Loader(yaml.SafeLoader):
    """Plain YAML and OpenCV's matrices: no other tag, no alias, no merge key."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        # a few aliases of aliases stand for more than any memory holds
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, "an alias (*) is not taken, write the value out", mark
            )
        self.depth += 1
        if self.depth > _DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "it is nested too deeply", mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _opencv_matrix(loader: yaml.SafeLoader, node: yaml.Node) -> dict[Hashable, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise yaml.constructor.ConstructorError(
            None, None, "expected an opencv-matrix to be a mapping", node.start_mark
        )
    return {"type_id": "opencv-matrix", **loader.construct_mapping(node, deep=True)}


for _tag in ("opencv-matrix", "opencv-nd-matrix"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _opencv_matrix)


def _first_of_yaml(text: str) -> Any:
    loader = _Loader(_DIRECTIVE.sub("", text))
    try:
        return loader.get_data() if loader.check_data() else None  # type: ignore[no-untyped-call]
    finally:
        loader.dispose()
