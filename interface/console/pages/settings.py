"""Settings and mapping as they are loaded, to be read; and the box in which a message is tried. Never a secret."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel

from interface.console.asked import Around, Asked, Page, Shown
from interface.errors import InterfaceError
from interface.settings import Settings
from interface.store.store import Store

_SECRET = frozenset(("key", "password", "secret", "webhook_secret"))
_SECRET_PATHS = frozenset(("webhook",))
"""Services that take messages for a chat know who may by the path."""
"""Names of settings that say where a secret is kept."""
_REFERENCE = re.compile(r"(?:env|file|credential):[^\r\n]{1,300}\Z")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
HIDDEN = "not shown"


@dataclass(frozen=True, slots=True)
class What:
    """The settings, and what the mapping says of itself."""

    settings: Settings
    changes: tuple[str, ...] = ()
    numbers: tuple[tuple[str, int], ...] = ()
    fault: str = ""
    """Why the mapping can't be read now; empty: it can."""


def read(store: Store, asked: Asked, around: Around) -> What:  # noqa: ARG001 - all pages are called alike
    """The settings of this process; the mapping as its files are now."""
    try:
        book = around.kept.engine().book
    except InterfaceError as error:
        return What(around.settings, fault=str(error))
    site = book.site
    counted = (
        ("message types", len(book.events)),
        ("rules", sum(map(len, book.scopes.values())) + len(book.settings)),
        ("rules for some senders", len(book.variants)),
        ("code tables", len(book.tables)),
        ("clinicians of the site", len(site.providers)),
        ("locations of the site", len(site.locations)),
        ("codes that are withheld", len(site.withheld) + len(site.withheld_prefixes)),
        ("numbers that opted out", len(site.opted_out)),
    )
    return What(around.settings, book.changes, counted)


def values(asked: Asked, what: What) -> Shown:
    """Each section as a table, and the form."""
    return Shown(
        "Settings",
        {
            "file": str(what.settings.file or ""),
            "sections": sections_of(what.settings),
            "changes": what.changes,
            "numbers": what.numbers,
            "fault": what.fault,
            "listeners": listeners_of(what.settings),
            "may_try": asked.viewer.may("analyst"),
        },
    )


def listeners_of(settings: Settings) -> list[str]:
    """Names, as a message that is tried may have come on."""
    return [listener.name for listener in settings.listeners]


def sections_of(settings: Settings) -> list[dict[str, Any]]:
    """All settings by section, each with whether the file says it."""
    found: list[dict[str, Any]] = []
    for name in type(settings).model_fields:
        part = getattr(settings, name)
        parts = part if isinstance(part, tuple) else (part,)
        for each in parts:
            title = f"[[listener]] {each.name}" if name == "listeners" else f"[{name}]"
            found.append({"title": title, "rows": _rows(each)})
    return found


def _rows(section: Any) -> list[dict[str, Any]]:
    rows = []
    for name in type(section).model_fields:
        given = name in section.model_fields_set and getattr(section, name) != ()
        rows.append(
            {
                "name": name,
                "value": setting_text(name, getattr(section, name)),
                "given": {"badge": "in the file", "level": "good"} if given else {"text": "default"},
            }
        )
    return rows


def setting_text(name: str, value: object) -> str:
    """A setting as it may be seen: of a secret where it is kept, of an address nothing that lets somebody in."""
    if value is None or value in ((), ""):
        return "–"
    if name in _SECRET:
        return str(value) if _REFERENCE.match(str(value)) else HIDDEN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, BaseModel):
        named = [
            (key, getattr(value, key)) for key in type(value).model_fields if key in value.model_fields_set
        ]
        return ", ".join(f"{key} = {setting_text(key, part)}" for key, part in named) or "–"
    if isinstance(value, tuple):
        if isinstance(value[0], BaseModel):
            return "; ".join(setting_text(name, part) for part in value)
        return ", ".join(_part(part) for part in value)
    return _address(str(value), path=name not in _SECRET_PATHS)


def _part(part: object) -> str:
    return (
        " = ".join(map(str, part)) if isinstance(part, Sequence) and not isinstance(part, str) else str(part)
    )


def _address(text: str, path: bool) -> str:
    """An address without a password, and without what stands behind a question mark; `path`: whether that may be seen."""
    if not _ADDRESS.match(text):
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return HIDDEN
    user, at, host = parts.netloc.rpartition("@")
    shown = f"{user.partition(':')[0]}@{host}" if at else host
    return urlunsplit((parts.scheme, shown, parts.path if path else "/…", "", ""))


PAGE = Page("/settings", "settings.html", read, values, entry="Settings")
