"""What the lists of messages and requests share: days, pages, addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from interface.console.asked import Asked
from interface.shown.fields import reason_text

ROWS = 50
"""Of a page."""


class Numbered(Protocol):
    """A row with an id."""

    @property
    def id(self) -> int:
        """The row's id."""


Row = TypeVar("Row", bound=Numbered)


@dataclass(frozen=True, slots=True)
class Listed(Generic[Row]):
    """The rows of a page, one more where there are more, and the listeners that there are."""

    rows: Sequence[Row]
    listeners: tuple[str, ...] = ()


def address_of(asked: Asked, path: str, filters: Iterable[str], **more: int) -> str:
    """The list's address with the filters that were asked for."""
    given = [(name, asked.query.sent(name)) for name in filters]
    query = urlencode([(name, value) for name, value in (*given, *more.items()) if value])
    return f"{path}?{query}" if query else path


def page_links(asked: Asked, path: str, filters: Iterable[str], rows: Sequence[Numbered]) -> dict[str, str]:
    """The addresses of the newest page and of the next older one; '' for none."""
    filters = tuple(filters)
    return {
        "newer": address_of(asked, path, filters) if asked.query.whole("before") else "",
        "older": address_of(asked, path, filters, before=rows[ROWS - 1].id) if len(rows) > ROWS else "",
    }


def patient_of(asked: Asked, path: str, filters: Iterable[str]) -> dict[str, Any] | None:
    """The patient whose rows alone are listed, and the address without him; None: all are."""
    number = asked.query.whole("patient")
    if number is None:
        return None
    all_ = address_of(asked, path, (name for name in filters if name != "patient"))
    chart = f"/patients/{number}" if asked.has("/patients/{id}") else ""
    other = "/requests" if path == "/messages" else "/messages"
    return {"id": number, "all": all_, "chart": chart, "other": f"{other}?patient={number}"}


def reason_of(reasons: Iterable[Mapping[str, Any]]) -> str:
    """Reasons in one line."""
    return "; ".join(said_of(reason) for reason in reasons)


def said_of(reason: Mapping[str, Any]) -> str:
    """One reason, its field by a human name, too."""
    return reason_text(str(reason.get("code") or ""), str(reason.get("text") or ""))
