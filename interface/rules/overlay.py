"""A site's overlay folder: which files it may hold, read with their lines. `layers` says what they change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from interface.rules.csvfiles import read_csv
from interface.rules.site_files import COLUMNS, Source, read_list
from interface.rules.source import Lines, RuleError, nearest, read_text, read_yaml
from interface.rules.tables import Table, make_table, name_of, read_table

MESSAGES = "messages.yaml"


@dataclass(frozen=True)
class Overlay:
    """What the folder holds, read and not yet checked against the shipped mapping."""

    label: str
    """The folder's name, as provenance shows it: `site-mappings`."""
    rules: tuple[Lines, ...] = ()
    """Each rule file's top mapping."""
    events: Lines | None = None
    tables: tuple[Table, ...] = ()
    replaced: frozenset[str] = frozenset()
    """Tables that take the shipped one's place whole."""
    lists: dict[str, Source] = field(default_factory=dict)

    def file_label(self, file: str) -> str:
        """A file as provenance shows it: `site-mappings/patient.yaml`."""
        return f"{self.label}/{file.rpartition('/')[2]}"


def read_overlay(folder: Path, shown: str) -> Overlay:
    """Read the folder; `shown` is how errors name it. Raises RuleError with file, line and the nearest valid name."""
    label = folder.name
    rules: list[Lines] = []
    events: Lines | None = None
    tables: dict[str, Table] = {}
    replaced: set[str] = set()
    lists: dict[str, Source] = {}
    for path, file in _files(folder, shown):
        text = read_text(path, file)
        name = name_of(file)
        in_tables = path.parent != folder
        if name in COLUMNS and (in_tables or file.endswith(".csv")):
            if name in lists:
                raise RuleError(f"{file}:1: the list {name} is there already, in another file; keep one")
            lists[name] = read_list(text, file, f"{label}/{path.name}")
        elif in_tables:
            if name in tables:
                raise RuleError(f"{file}:1: the table {name} is there already, in another file; keep one")
            tables[name], whole = _table(text, file, label)
            if whole:
                replaced.add(name)
        elif path.name == MESSAGES:
            events = read_yaml(text, file)
        else:
            rules.append(read_yaml(text, file))
    return Overlay(label, tuple(rules), events, tuple(tables.values()), frozenset(replaced), lists)


def _files(folder: Path, shown: str) -> Iterator[tuple[Path, str]]:
    """The files to read, in order of their names, each with the name errors give it."""
    lists = tuple(f"{name}.csv" for name in COLUMNS)
    for path in _entries(folder):
        file = f"{shown}/{path.name}"
        if path.is_dir():
            if path.name != "tables":
                raise RuleError(f"{file}:1: unknown folder{nearest(path.name, ('tables',))}")
            for inner in _entries(path):
                if inner.is_dir() or inner.suffix not in (".yaml", ".csv"):
                    raise RuleError(f"{file}/{inner.name}:1: a table is a .yaml or .csv file")
                _check_file(inner, f"{file}/{inner.name}")
                yield inner, f"{file}/{inner.name}"
            continue
        _check_file(path, file)
        if path.suffix == ".yaml" or path.name in lists:
            yield path, file
        else:
            hint = nearest(path.name, (*lists, "patient.yaml", "appointment.yaml", MESSAGES))
            if not hint and path.suffix == ".csv":
                hint = "; a code table belongs in tables/"
            raise RuleError(f"{file}:1: unknown file{hint or '; rules are .yaml files'}")


def _check_file(path: Path, file: str) -> None:
    """A pipe is not opened: that would wait for ever. What is not there is said where it is read."""
    if path.exists() and not path.is_file():
        raise RuleError(f"{file}:1: is no file that could be read")


def _entries(folder: Path) -> list[Path]:
    """What is in a folder; hidden files, an editor's leavings and a README are nobody's business."""
    try:
        found = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise RuleError(f"{folder}:1: cannot be read: {error.strerror}") from None
    return [
        path
        for path in found
        if not path.name.startswith((".", "~", "README")) and not path.name.endswith("~")
    ]


def _table(text: str, file: str, label: str) -> tuple[Table, bool]:
    """A table, and whether it takes the shipped one's place whole."""
    source = f"{label}/{file.rpartition('/')[2]}"
    if file.endswith(".csv"):
        return make_table(name_of(file), source, _csv_rows(text, file)), False
    found = read_yaml(text, file)
    whole = found.get("replace", False)
    if not isinstance(whole, bool):
        raise RuleError(f"{found.place('replace')}: replace: is true or false")
    return read_table(found, source), whole


def _csv_rows(text: str, file: str) -> Iterator[tuple[str, object, str]]:
    """`code,value`, or `code` and a column for each part of the rows' values.

    Where a part of the value is called `code` itself (routes, dose forms, schedules), the sender's stands in `sent`.
    """
    rows = read_csv(text, file)
    key, known = ("sent", "sent,code,name") if any("sent" in row for row in rows) else ("code", "code,value")
    for row in rows:
        if key not in row:
            known = f"the first row is the header: {known}"
            raise RuleError(f"{row.place()}: the column '{key}' is missing or empty; {known}")
        code = row.pop(key)
        if not row:
            raise RuleError(f"{row.place()}: '{code}' has no value")
        yield code, row["value"] if set(row) == {"value"} else dict(row), row.place()
