"""docs/settings.md: every key. Defaults and limits are the models', the meaning is the comment that `init` writes."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import annotated_types
from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo

from interface.cli.template import Answers, render
from interface.settings import checks
from interface.settings.model import Settings
from interface.settings.secrets import check_reference
from interface.settings.sections import MESSAGE_TYPES, Decision
from pages.markdown import MADE, code, table

REFERENCE = "`env:NAME`, `file:PATH` or `credential:NAME`"
KEY = re.compile(r'(?:# )?(?P<key>[a-z_]+|"[A-Z^0-9]+") = (?P<value>.+)')
HEADING = re.compile(r"(?:# )?\[+(?P<section>[a-z_.]+)\]+")


class Said(NamedTuple):
    """What the commented settings file says of a key."""

    meaning: str
    value: str
    """As written there: the default, or an example."""


@dataclass(frozen=True)
class Row:
    """A key."""

    key: str
    default: str
    takes: str
    meaning: str


def said() -> dict[tuple[str, str], Said]:
    """Section and key to the comment over it in the commented settings file."""
    found: dict[tuple[str, str], Said] = {}
    section, comment = "", []
    for line in render(Answers()).splitlines():
        if heading := HEADING.fullmatch(line):
            section, comment = heading["section"], []
        elif key := KEY.fullmatch(line):
            found[section, key["key"]] = Said(" ".join(comment), key["value"])
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:])
        else:
            comment = []
    return found


def sections() -> Iterator[tuple[str, str, type[BaseModel]]]:
    """Each section: its name in the file, as it is written there, its model; those within it behind it."""
    for name, field in Settings.model_fields.items():
        (model,) = sections_in(field)
        section = field.alias or name
        yield section, f"[[{section}]]" if field.alias else f"[{section}]", model
        for within, part in model.model_fields.items():
            for inner in sections_in(part):
                written = f"{section}.{within}"
                many = get_origin(get_type_hints(model)[within]) is tuple
                yield written, f"[[{written}]]" if many else f"[{written}]", inner


def sections_in(field: FieldInfo) -> list[type[BaseModel]]:
    """The models of a field that is a section of its own."""
    return [kind for kind in _parts(field.annotation) if _is_model(kind)]


def rows(section: str, model: type[BaseModel]) -> list[Row]:
    """The keys of a section, in the order of the model."""
    texts = said()
    hints = get_type_hints(model, include_extras=True)
    made = []
    for attribute, field in model.model_fields.items():
        if sections_in(field):
            continue  # a section of its own
        name = attribute if field.alias in (None, MESSAGE_TYPES) else field.alias
        if field.alias == MESSAGE_TYPES:
            example = next(key for where, key in texts if where == section and key.startswith('"'))
            one = texts[section, example]
            takes = ", ".join(code(f'"{word}"') for word in get_args(Decision))
            made.append(Row(f"{code(example)} and its like", "", takes, one.meaning))
            continue
        made.append(Row(code(name), _default(field), _takes(hints[attribute]), texts[section, name].meaning))
    return made


def page() -> str:
    """The page of the settings."""
    parts = []
    for section, written, model in sections():
        entries = [(row.key, row.default, row.takes, _cell(row.meaning)) for row in rows(section, model)]
        about = (model.__doc__ or "").partition(": ")[2]
        parts.append(
            f"## {written}\n\n{about[:1].upper()}{about[1:]}\n\n"
            + table(("key", "default", "takes", "what it is"), entries)
        )
    listing = "\n\n".join(parts)
    return f"""{MADE}

# Settings

One TOML file. `hl7-interface init` writes it with a comment for each key: [an example](../deploy/interface.example.toml).
Every key may be left out. A key that is not listed here is an error, and so is a value of another kind:
every command says file, line and the nearest valid name, and ends with exit code 2.

| | |
| --- | --- |
| which file | `-c FILE`, else `$HL7_INTERFACE_SETTINGS`, `./hl7-interface.toml`, `/etc/hl7-interface/settings.toml` |
| relative paths | are relative to the settings file |
| secrets | are not in the file: `env:NAME` (a variable), `file:PATH`, `credential:NAME` (systemd) say where they are |
| what SIGHUP takes without a restart | [operating.md](operating.md#what-runs) |
| does it fit together? | `hl7-interface check` |

{listing}
"""


def _cell(text: str) -> str:
    text = re.sub(r"\(docs/([a-z-]+\.md)\)", r"([\1](\1))", text)
    return text.replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    if value is None or value == ():
        return "" if value is None else code("[]")
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, str):
        return code(f'"{value}"')
    return code(f"{value:g}" if isinstance(value, float) else str(value))


def _parts(hint: Any) -> Iterator[Any]:
    """A type, and those that it is made of."""
    yield hint
    for part in get_args(hint):
        yield from _parts(part)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


_WORDS = {
    checks.plain_text: "text",
    checks.filled_text: "text",
    checks.clean_text: f"text without {code(' '.join(checks.CLEAN_TEXT_FORBIDDEN))}",
    checks.mrn_root: "an OID",
    checks.short_name: "letters, digits, `-` `_` `.`",
    checks.charset: "a character set by table 0211, or as named in the wild",
    checks.base_url: f"`http://127.0.0.1:PORT` or `https://HOST.{checks.VENDOR_DOMAIN}`",
    checks.store_url: "`sqlite:///PATH` or `postgresql+psycopg://USER@HOST/DATABASE`",
    checks.password_reference: REFERENCE,
    checks.secret_reference: REFERENCE,
    check_reference: REFERENCE,
    checks.webhook_path: "a path",
    checks.direct_address: "a Direct address",
}
"""What a check takes, where its own sentence is not for this page."""
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _takes(hint: Any) -> str:
    """What a key takes, in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _takes(next(kind for kind in inner if kind is not type(None)))
    if origin is Literal:
        return ", ".join(code(f'"{word}"' if isinstance(word, str) else str(word)) for word in inner)
    if origin is tuple:
        return f"a list: {_takes(inner[0])}"
    if origin is Annotated:
        return _bounded(inner[0], [mark for part in inner[1:] for mark in _marks(part)])
    return _KINDS[hint]


def _marks(part: Any) -> Iterator[Any]:
    yield from part.metadata if isinstance(part, FieldInfo) else (part,)


def _bounded(kind: Any, marks: list[Any]) -> str:
    checked = [mark for mark in marks if isinstance(mark, AfterValidator)]
    if checked:
        check = checked[-1].func
        words = re.sub(r" \(contract: [^)]*\)", "", (check.__doc__ or "").partition("\n")[0]).rstrip(".")
        return _WORDS.get(check) or words[:1].lower() + words[1:]
    words = _takes(kind)
    limits = []
    for mark in marks:
        if isinstance(mark, annotated_types.Ge):
            limits.append(f"from {mark.ge:,}")
        elif isinstance(mark, annotated_types.Gt):
            limits.append(f"above {mark.gt:,}")
        elif isinstance(mark, annotated_types.Le):
            limits.append(f"to {mark.le:,}")
    return f"{words} {' '.join(limits)}" if limits else words
