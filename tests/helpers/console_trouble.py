"""Pages that go wrong, for a door of a test."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import text

from interface.console.asked import Page, Shown
from interface.store.store import Store

FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


def slow(store: Store, *_: Any) -> None:
    """A query without an end."""
    with store.views._reading() as connection:
        connection.execute(text(FOREVER))


def broken(*_: Any) -> None:
    raise ValueError("Smith, 555-0142")


def spinning(*_: Any) -> None:
    """A page without an end that no store can interrupt."""
    while True:
        time.sleep(0.01)


def shown(*_: Any) -> Shown:
    return Shown("x", {"text": "", "number": ""})


PAGES = tuple(Page(f"/{read.__name__}", "error.html", read, shown) for read in (slow, broken, spinning))
