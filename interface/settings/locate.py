"""Finding the line of a key in TOML text.

`tomllib` gives values without their places, and an error without a line is a search. This scanner only has to
be right about text that `tomllib` has accepted: it follows table headers and keys, and skips values (strings,
arrays over several lines, inline tables) without understanding them.
"""

import re
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

_KEY_PART = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*""")
_SKIP = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'  # multi-line: up to two quotes may stand before the closing three
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*",
    re.DOTALL,
)


@dataclass
class LineIndex:
    """Lines (1-based) of the tables and keys of one TOML text, by path: `("listener", 0, "port")`."""

    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int | None:
        """The line of `path`, or of the nearest table around it; None when nothing of it is in the text."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return None


def index_lines(text: str) -> LineIndex:
    """Index TOML `text` that `tomllib` accepts; for other text the answer is merely incomplete."""
    index = LineIndex()
    array_sizes: dict[Path, int] = {}
    table: Path = ()
    position, line = 0, 1
    while position < len(text):
        rest = text[position]
        if rest == "\n":
            position, line = position + 1, line + 1
            continue
        if rest.isspace():
            position += 1
            continue
        if rest == "#":
            position = _line_end(text, position)
            continue
        if rest == "[":
            is_array = text.startswith("[[", position)
            keys, position = _dotted(text, position + (2 if is_array else 1))
            table = _descend(keys, is_array, array_sizes)
            index.lines.setdefault(table, line)
            position = _line_end(text, position)
            continue
        keys, after = _dotted(text, position)
        if not keys or after >= len(text) or text[after] != "=":
            position = _line_end(text, position)
            continue
        path: Path = table
        for key in keys:
            path = (*path, key)
            index.lines.setdefault(path, line)
        end = _value_end(text, after + 1)
        line += text.count("\n", position, end)
        position = end
    return index


def _dotted(text: str, position: int) -> tuple[tuple[str, ...], int]:
    """The parts of a (dotted, perhaps quoted) key at `position`, and where it ends."""
    keys: list[str] = []
    while match := _KEY_PART.match(text, position):
        keys.append(next(group for group in match.groups() if group is not None))
        position = match.end()
        if not text.startswith(".", position):
            break
        position += 1
    return tuple(keys), position


def _descend(keys: tuple[str, ...], is_array: bool, array_sizes: dict[Path, int]) -> Path:
    """The path of a table header; a name on the way that is an array of tables means its last one."""
    path: Path = ()
    for number, key in enumerate(keys):
        path = (*path, key)
        if is_array and number == len(keys) - 1:
            array_sizes[path] = array_sizes.get(path, 0) + 1
        if path in array_sizes:
            path = (*path, array_sizes[path] - 1)
    return path


def _value_end(text: str, position: int) -> int:
    """Where the value that starts at `position` ends: the end of its last line."""
    depth = 0
    while position < len(text):
        if skip := _SKIP.match(text, position):
            position = skip.end()
            continue
        character = text[position]
        if character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
        elif character == "\n" and depth <= 0:
            return position
        position += 1
    return position


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end
