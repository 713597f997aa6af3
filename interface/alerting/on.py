"""What is on, for who shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from interface.alerting.book import Book
from interface.alerting.kinds import BY_CODE, KINDS, Level

_ORDER = [kind.code for kind in KINDS]


@dataclass(frozen=True, slots=True)
class On:
    """An alert that is on."""

    code: str
    scope: str
    level: Level
    title: str
    text: str
    todo: str
    since: float
    """POSIX seconds."""


def on_of(books: Iterable[Book]) -> tuple[On, ...]:
    """All that is on in some books, the worst first."""
    found = [
        On(code, scope, kind.level, kind.title, standing.text, kind.todo, standing.since)
        for book in books
        for (code, scope), standing in book.alerts.on.items()
        if (kind := BY_CODE[code])
    ]
    return tuple(sorted(found, key=lambda one: (one.level, _ORDER.index(one.code), one.scope)))
