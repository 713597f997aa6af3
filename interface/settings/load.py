"""Reading a settings file: TOML text to `Settings`, or one line for each fault."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from interface.settings.alert_sections import AlertFeed, AlertMail
from interface.settings.checks import nearest
from interface.settings.errors import Fault, SettingsError
from interface.settings.locate import Path as KeyPath
from interface.settings.locate import index_lines
from interface.settings.model import TABLES_WITHIN, Settings, where
from interface.settings.sections import MESSAGE_TYPE, MESSAGE_TYPES, Listener
from interface.settings.together import InconsistentError

MAX_FILE_BYTES = 4 * 1024 * 1024

JSON_LOG = re.compile(rb"""^\s*\[\s*log\s*\][^\[]*?^\s*format\s*=\s*["']json["']""", re.MULTILINE)

SECTIONS: dict[str, type[BaseModel]] = {
    field.alias or name: annotation if isinstance(annotation := field.annotation, type) else Listener
    for name, field in Settings.model_fields.items()
}
"""The sections by their names in the file."""
WITHIN: dict[str, dict[str, type[BaseModel]]] = {"alerts": {"smtp": AlertMail, "feed": AlertFeed}}
"""Sections within sections."""

KINDS = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number, without quotes",
    "float_type": "must be a number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "tuple_type": 'must be a list in brackets: ["…", "…"]',
    "finite_number": "must be a number, not inf or nan",
    "missing": "missing",
}
"""What pydantic calls a wrong type, in words of the file."""

LIMITS = {
    "greater_than_equal": ("ge", "must be {} or more"),
    "greater_than": ("gt", "must be more than {}"),
    "less_than_equal": ("le", "must be {} or less"),
    "less_than": ("lt", "must be less than {}"),
}


def load_settings(path: Path) -> Settings:
    """Read and check the settings file at `path`.

    Raises:
        SettingsError: the file cannot be read or used; one line for each fault, in the order of the file.

    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        hint = "; `hl7-interface init FILE` writes one" if isinstance(error, FileNotFoundError) else ""
        raise SettingsError(Fault(f"cannot be read: {error.strerror}{hint}", file=str(path))) from None
    if len(data) > MAX_FILE_BYTES:
        raise SettingsError(Fault("is no settings file: longer than 4 MiB", file=str(path)))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(Fault("is not UTF-8 text; save it as UTF-8", file=str(path), line=line)) from None
    return parse_settings(text, path)


def wants_json_log(path: Path) -> bool:
    """Whether the file asks for a log in JSON, however much else in it is wrong."""
    try:
        with path.open("rb") as file:
            return JSON_LOG.search(file.read(MAX_FILE_BYTES)) is not None
    except OSError:
        return False


def parse_settings(text: str, path: Path) -> Settings:
    """Check the TOML `text` of the file named `path` (it names faults and anchors relative paths)."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(_toml_fault(text, str(path), str(error))) from None
    lines = index_lines(text)
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        faults = [
            Fault(said, where(key), str(path), lines.line(key))
            for details in error.errors(include_url=False)
            for key, said in _explained(details, raw)
        ]
        raise SettingsError(sorted(faults, key=lambda fault: fault.line or 0)) from None
    settings.attach(path, lines)
    return settings


def _toml_fault(text: str, file: str, message: str) -> Fault:
    """A syntax error of TOML with its line, and a hint for the slips that are made most."""
    found = re.search(r" \(at line (\d+), column \d+\)$", message)
    said = re.sub(r" \(at [^()]*\)$", "", message)
    lines = text.splitlines() or [""]
    number = int(found.group(1)) if found else len(lines)
    line = lines[number - 1].strip() if number <= len(lines) else ""
    hint = ""
    if re.match(r"[A-Za-z0-9]{3}\^", line):
        hint = '; write a message type in quotes: "ADT^A28" = "chart"'
    elif said == "Invalid value":
        hint = "; text needs quotes, true and false are in lower case"
    elif said == "Cannot overwrite a value":
        hint = "; the key is there twice"
    elif said.startswith("Cannot declare") and line.startswith("["):
        hint = "; the section is there twice: put its keys together"
    elif "'\\\\'" in said or "escape" in said.lower():
        hint = "; write a backslash in single quotes: 'C:\\keys'"
    return Fault(f"not readable as TOML: {said}{hint}", file=file, line=number)


def _explained(details: ErrorDetails, raw: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """What pydantic found, as the key's path in the file and words of ours.

    The value itself is not repeated: it may be secret.
    """
    path = _path_in_file(details["loc"], raw)
    kind, context = details["type"], details.get("ctx", {})
    if kind == "value_error" and isinstance(inner := context["error"], InconsistentError):
        yield from inner.faults
    elif kind == "value_error":
        yield path, str(context["error"])
    elif kind == "extra_forbidden":
        yield path, _unknown(path)
    elif kind == "literal_error":
        yield path, _choice(str(context["expected"]), details["input"])
    elif kind in LIMITS:
        name, said = LIMITS[kind]
        yield path, said.format(f"{context[name]:g}" if isinstance(context[name], float) else context[name])
    elif kind in {"model_type", "model_attributes_type", "dict_type"}:
        own = path[:2] if path[:2] in TABLES_WITHIN else path[:1]
        yield path, f"must be a section of its own: {where(own)}"
    elif kind == "tuple_type" and path in (("listener",), ("alerts", "feed")):
        yield path, f"needs double brackets: [[{'.'.join(map(str, path))}]], once for each feed"
    else:
        yield path, KINDS.get(kind, details["msg"])


def _path_in_file(loc: tuple[int | str, ...], raw: dict[str, Any]) -> KeyPath:
    """pydantic's location as the file has it: there each message type of `[forward]` is a key."""
    if loc[:2] == ("forward", MESSAGE_TYPES) and len(loc) > 2:
        types = [key for key in raw["forward"] if MESSAGE_TYPE.fullmatch(key)]
        return ("forward", types[int(loc[2])])
    return tuple(loc)


def _choice(expected: str, given: Any) -> str:
    """One of a few words was expected: which, and the nearest."""
    choices = re.findall(r"'([^']*)'", expected)
    if not choices:  # numbers
        return f"must be {expected}, without quotes"
    near = nearest(given, choices) if isinstance(given, str) else None
    listed = ", ".join(f'"{choice}"' for choice in choices) if len(choices) <= 8 else "one of the API's names"
    return f"must be {'one of ' if len(choices) <= 8 else ''}{listed}" + (
        f'; did you mean "{near}"?' if near else ""
    )


def _known_keys(section: str, within: str = "") -> list[str]:
    fields = (WITHIN[section][within] if within else SECTIONS[section]).model_fields
    return [field.alias or name for name, field in fields.items() if field.alias != MESSAGE_TYPES]


def _unknown(path: KeyPath) -> str:
    """An unknown key or section: the nearest known name, the section the key belongs to, or all there are."""
    section, name = str(path[0]), str(path[-1])
    if len(path) == 1:
        near = nearest(section, SECTIONS)
        known = ", ".join(where((known,)) for known in SECTIONS)
        return (
            f"unknown section; did you mean {where((near,))}?"
            if near
            else f"unknown section; there are {known}"
        )
    names = [str(part) for part in path[1:-1] if isinstance(part, str)]
    keys = _known_keys(section, names[0] if names and path[:2] in TABLES_WITHIN else "")
    elsewhere = [where((other,)) for other in SECTIONS if name in _known_keys(other)]
    if near := nearest(name, keys):
        return f'unknown key; did you mean "{near}"?'
    if elsewhere:
        return f"unknown key; it belongs in {' or '.join(elsewhere)}"
    if section == "forward" and "^" in name:
        return f'unknown key; a message type is written as in "{_example_type(name)}"'
    return f"unknown key; there are {', '.join(keys)}"


def _example_type(name: str) -> str:
    tidy = "^".join(part.strip() for part in name.upper().split("^")[:2])
    return tidy if MESSAGE_TYPE.fullmatch(tidy) else "ADT^A28"
