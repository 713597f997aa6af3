"""YAML files with the line of every key, so that an error can name it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from interface.errors import InterfaceError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_NUMBER = re.compile(r"^-?(0|[1-9][0-9]{0,17})$")


class RuleError(InterfaceError):
    """A mapping file says something that can't be: file, line, what and the nearest valid name."""

    exit_code = 2
    """A wrong mapping ends a command like wrong settings do."""


class Lines(dict[str, Any]):
    """A mapping of a file that remembers the line of each of its keys, and the file of those that came from elsewhere."""

    def __init__(self, given: Mapping[str, Any] | None = None, file: str = "", line: int = 1, **more: Any):
        super().__init__(given or {}, **more)
        self.file = file
        self.line = line
        """Where it begins."""
        self.lines: dict[str, int] = {}
        self.files: dict[str, str] = {}
        """Of keys that another file brought."""

    def place(self, key: str = "") -> str:
        """`FILE:LINE` of a key; of the whole where there is no such key."""
        return f"{self.files.get(key, self.file)}:{self.lines.get(key, self.line)}"

    def put(self, key: str, value: Any, line: int) -> None:
        """Set a key that stands on that line of the file."""
        self[key] = value
        self.lines[key] = line

    def changed_by(self, other: Lines, without: Iterable[str] = ()) -> Lines:
        """A copy in which the keys of `other` take the place of those here; none of `without` is kept."""
        dropped = set(without)
        kept = {key: value for key, value in self.items() if key not in dropped}
        found = Lines({**kept, **other}, other.file, other.line)
        found.lines = {**self.lines, **other.lines}
        found.files = {key: self.files.get(key, self.file) for key in kept if key not in other} | other.files
        return found


class _MarkedLoader(_Loader):  # type: ignore[misc]
    file_name = ""
    private = False

    def construct_lines(self, node: yaml.MappingNode) -> Lines:
        """The mapping, keys as text; a key that stands twice is an error."""
        found = Lines(file=self.file_name, line=node.start_mark.line + 1)
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            line = key_node.start_mark.line + 1
            if key is None:
                raise RuleError(f"{self.file_name}:{line}: a key must be plain text")
            if key in found:
                first, named = found.lines[key], "a key" if self.private else f"'{key}'"
                raise RuleError(
                    f"{self.file_name}:{line}: {named} stands twice (first on line {first}); keep one"
                )
            found.put(key, self.construct_object(value_node, deep=True), line)
        return found


def _construct(loader: _MarkedLoader, node: yaml.MappingNode) -> Lines:
    return loader.construct_lines(node)


def _number(_: _MarkedLoader, node: yaml.ScalarNode) -> int | str:
    """A whole number; what YAML would read otherwise than written (007, 12:30, 1_000) stays text: it is a code."""
    return int(node.value) if _PLAIN_NUMBER.match(node.value) else str(node.value)


def _as_written(_: _MarkedLoader, node: yaml.ScalarNode) -> str:
    """A code such as 250.00 or 2026-01-01: no number, no date."""
    return str(node.value)


_MarkedLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct)
_MarkedLoader.add_constructor("tag:yaml.org,2002:int", _number)
_MarkedLoader.add_constructor("tag:yaml.org,2002:float", _as_written)
_MarkedLoader.add_constructor("tag:yaml.org,2002:timestamp", _as_written)


def read_yaml(text: str, file_name: str, *, private: bool = False) -> Lines:
    """The file's top mapping. Raises RuleError with file and line; of a `private` file it quotes nothing."""
    loader = None
    try:
        loader = _MarkedLoader(text)
        loader.file_name, loader.private = file_name, private
        found = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        said = "" if private else f": {error.problem}"
        if any("\t" in _margin(found) for found in text.splitlines()[line - 1 : line]):
            said = ": a tab; lines are indented by blanks"
        raise RuleError(f"{file_name}:{line}: not YAML{said}") from None
    except yaml.reader.ReaderError as error:
        at = error.position if isinstance(error.position, int) else 0
        line = text.count("\n", 0, at) + 1
        raise RuleError(f"{file_name}:{line}: not YAML: {error.reason}") from None
    except (ValueError, RecursionError):
        raise RuleError(f"{file_name}:1: not YAML: a value in it can't be read") from None
    finally:
        if loader is not None:
            loader.dispose()
    if found is None:
        raise RuleError(f"{file_name}:1: nothing is in it; take the file away, or fill it")
    if not isinstance(found, Lines):
        raise RuleError(f"{file_name}:1: a mapping file is a list of 'key: value'")
    return found


def _margin(line: str) -> str:
    """What stands before the text of a line."""
    return line[: len(line) - len(line.lstrip())]


def read_text(entry: Traversable, file_name: str) -> str:
    """The text of a file, UTF-8 with or without BOM. Raises RuleError."""
    try:
        data = entry.read_bytes()
    except OSError as error:
        raise RuleError(f"{file_name}:1: cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RuleError(f"{file_name}:{line}: not UTF-8 text; save it as UTF-8") from None


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing when no known name is near."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if not near:
        by_lower = {entry.lower(): entry for entry in names}
        near = [by_lower[one] for one in difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)]
    return f"; did you mean '{near[0]}'?" if near else ""


def check_keys(found: Lines, allowed: Iterable[str], where: str) -> None:
    """Raise RuleError for the first key of `found` that is not allowed."""
    names = set(allowed)
    for key in found:
        if key not in names:
            raise RuleError(f"{found.place(key)}: {where}: unknown key '{key}'{nearest(key, sorted(names))}")
