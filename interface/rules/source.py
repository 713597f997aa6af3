"""YAML files with the line of every key, so that an error can name it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import yaml

from interface.errors import InterfaceError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class RuleError(InterfaceError):
    """A mapping file says something that can't be: file, line, what and the nearest valid name."""


class Lines(dict[str, Any]):
    """A YAML mapping that remembers the line of each of its keys."""

    lines: dict[str, int]


class _MarkedLoader(_Loader):  # type: ignore[misc]
    file_name = ""

    def construct_lines(self, node: yaml.MappingNode) -> Lines:
        """The mapping, keys as text; a key that stands twice is an error."""
        found = Lines()
        found.lines = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            line = key_node.start_mark.line + 1
            if key is None:
                raise RuleError(f"{self.file_name}:{line}: a key must be plain text")
            if key in found:
                first = found.lines[key]
                raise RuleError(
                    f"{self.file_name}:{line}: '{key}' stands twice (first on line {first}); keep one"
                )
            found[key] = self.construct_object(value_node, deep=True)
            found.lines[key] = line
        return found


def _construct(loader: _MarkedLoader, node: yaml.MappingNode) -> Lines:
    return loader.construct_lines(node)


_MarkedLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct)


def read_yaml(text: str, file_name: str) -> Lines:
    """The file's top mapping. Raises RuleError with file and line."""
    loader = _MarkedLoader(text)
    loader.file_name = file_name
    try:
        found = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RuleError(f"{file_name}:{line}: not YAML: {error.problem}") from None
    finally:
        loader.dispose()
    if not isinstance(found, Lines):
        raise RuleError(f"{file_name}:1: a mapping file is a list of 'key: value'")
    return found


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing when no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


def check_keys(found: Lines, allowed: Iterable[str], where: str, file_name: str) -> None:
    """Raise RuleError for the first key of `found` that is not allowed."""
    names = set(allowed)
    for key in found:
        if key not in names:
            raise RuleError(
                f"{file_name}:{found.lines[key]}: {where}: unknown key '{key}'{nearest(key, names)}"
            )
