"""The lines of keys in TOML text, however it is laid out."""

import tomllib
from typing import Any

import pytest

from interface.settings.locate import Path, index_lines

TEXT = '''\
# [not] = a table
top = 1
[site]
name = """
[[listener]]
port = "no"
"""
"quoted key" = 'x # no comment'
list = [ # here = 1
  "a]", 'b', # ]
  { inner = 1 },
]
a.b = 1
[[listener]]
port = 1
[[listener]]
  port = 2
  [[listener.sub]]
  x = 1
  [[listener.sub]]
  x = 2
[ "forward" ]
"ADT^A28" = "chart"
'ADT^A31'="chart"
empty = ""
triple = \'\'\'it\'s''\'\'\'
after = 1
'''

LINES: dict[Path, int] = {
    ("top",): 2,
    ("site",): 3,
    ("site", "name"): 4,
    ("site", "quoted key"): 8,
    ("site", "list"): 9,
    ("site", "a", "b"): 13,
    ("listener", 0, "port"): 15,
    ("listener", 1): 16,
    ("listener", 1, "port"): 17,
    ("listener", 1, "sub", 0, "x"): 19,
    ("listener", 1, "sub", 1, "x"): 21,
    ("forward", "ADT^A28"): 23,
    ("forward", "ADT^A31"): 24,
    ("forward", "empty"): 25,
    ("forward", "after"): 27,
}


@pytest.mark.parametrize(("path", "line"), LINES.items())
def test_every_key_is_found_at_its_line(path: Path, line: int) -> None:
    assert index_lines(TEXT).line(path) == line


def test_what_the_text_does_not_have_is_at_the_table_around_it() -> None:
    index = index_lines(TEXT)
    assert index.line(("site", "nothing")) == 3
    assert index.line(("listener", 0, "nothing")) == 14
    assert index.line(("nothing",)) is None


def paths(value: Any, path: Path = ()) -> list[Path]:
    if isinstance(value, dict):
        return [path, *(inner for key, item in value.items() for inner in paths(item, (*path, key)))]
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [inner for number, item in enumerate(value) for inner in paths(item, (*path, number))]
    return [path]


def test_the_index_has_all_that_tomllib_reads_and_nothing_else() -> None:
    read = tomllib.loads(TEXT)
    del read["site"]["list"]
    known = set(index_lines(TEXT).lines)
    tables = {("site", "a"), ("listener", 1, "sub"), ("site", "list")}
    assert set(paths(read)) - {()} - tables <= known
    assert known <= set(paths(read)) | tables


@pytest.mark.parametrize(
    "text", ["[", "a", "a =", '"', "[[", "a = [", "a = '''", "= 1", "[a", "\x00", 'a = "\\']
)
def test_text_that_is_no_toml_does_no_harm(text: str) -> None:
    index_lines(text)
