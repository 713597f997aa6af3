"""Gathers evidence from the store: bodies are opened, counted and forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from typing import Any

import orjson

from interface.evidence.completeness import Completeness, Sums, completeness
from interface.store.database import Store
from interface.store.onboarding_views import EvidenceFilter, EvidenceRow


def sums_of(
    store: Store,
    where: EvidenceFilter,
    zone: tzinfo | None = None,
    *,
    most: int | None = None,
    shown: Callable[[int], None] = lambda _: None,
) -> Sums:
    """Add up all requests that a filter takes. `zone`: whose weeks; `shown` is told how many more were read.

    Raises StoreError.
    """
    sums = Sums()
    for rows in store.onboarding.rows(where, most):
        add_rows(store, sums, rows, zone)
        shown(len(rows))
    return sums


def add_rows(store: Store, sums: Sums, rows: Iterable[EvidenceRow], zone: tzinfo | None) -> None:
    """Add up some requests."""
    wanted = list(rows)
    for row, found in zip(wanted, of_rows(store, wanted), strict=True):
        sums.add(row.id, datetime.fromtimestamp(row.created_at, zone or UTC).date(), found)


def of_rows(store: Store, rows: list[EvidenceRow]) -> list[Completeness | None]:
    """How complete each of these requests is; None: its body is gone or can't be opened."""
    opened = store.onboarding.opened([row.id for row in rows]) if rows else {}
    found = []
    for row in rows:
        body, detail = opened.get(row.id, (None, None))
        found.append(completeness(_json(body), _json(detail)))
    return found


def _json(data: bytes | None) -> Any:
    try:
        return None if data is None else orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
