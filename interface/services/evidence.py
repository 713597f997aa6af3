"""Gathers evidence from the store: bodies are opened, counted and forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any

import orjson

from interface.evidence.completeness import Completeness, Sums, completeness
from interface.evidence.steps import Confirmed, Facts, Outcomes, Traffic
from interface.services.guarding import life_of
from interface.settings import Settings, SettingsError
from interface.store.database import Store
from interface.store.onboarding_views import OUTCOMES, WINDOW, EvidenceFilter, EvidenceRow
from interface.store.schema import BEFORE_PRODUCTION

SAMPLE = 1000
"""Of how many requests of an environment the steps are judged: the newest."""
NAMED = 5
"""Requests that a step names."""


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
    found_of = [
        found
        for start in range(0, len(wanted), WINDOW)
        for found in of_rows(store, wanted[start : start + WINDOW])
    ]
    for row, found in zip(wanted, found_of, strict=True):
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


# ---------------------------------------------------------------- facts of the steps


def facts_of(settings: Settings, store: Store | None, now: float) -> Facts:
    """What the steps are judged by; None: there is no store yet. `now`: POSIX seconds. Raises StoreError."""
    zone, environment = settings.site.zone or UTC, settings.site.environment
    facts = Facts(
        environment,
        settings.post_url,
        settings.is_rehearsal,
        _has_key(settings),
        bool(settings.site.mrn_root),
        zone=zone,
    )
    if store is None:
        return facts
    life = life_of(store, environment, now)
    going = life.going
    names = ("sandbox", *BEFORE_PRODUCTION, "production")
    return replace(
        facts,
        live=life.live,
        live_at=going.at if going is not None else life.since,
        live_by=going.who if going is not None else "",
        traffic={name: traffic_of(store, name, environment, zone) for name in names},
        confirmed={
            step: Confirmed(said.at, said.who, said.note) for step, said in store.confirmations.all().items()
        },
    )


def _has_key(settings: Settings) -> bool:
    """Whether the key can be read; it is not kept."""
    try:
        return bool(settings.api_key())
    except SettingsError:
        return False


def traffic_of(store: Store, environment: str, current: str, zone: tzinfo) -> Traffic:
    """The newest requests of an environment; what has no index is looked for at the end of the table that it should be at:
    what came before the `current` environment is old.
    """
    where = EvidenceFilter(environment)
    if environment in BEFORE_PRODUCTION or environment == current:
        rows = [row for portion in store.onboarding.rows(where, SAMPLE) for row in portion][:SAMPLE]
    else:
        rows = list(reversed(store.onboarding.first_rows(where)))
    made = store.onboarding.count(environment) if environment in BEFORE_PRODUCTION else len(rows)
    delivered = [row for row in rows if row.state == "delivered"]
    sums = Sums()
    add_rows(store, sums, delivered, zone)
    states = Counter(row.state for row in rows)
    return Traffic(
        made=made,
        looked_at=len(rows),
        delivered=len(delivered),
        without_id=sum(row.correlation_id is None for row in delivered),
        waiting=states["waiting"] + states["sending"],
        held=states["held"],
        first_at=delivered[-1].changed_at if delivered else None,
        last_at=delivered[0].changed_at if delivered else None,
        newest=tuple((row.id, row.correlation_id) for row in delivered if row.correlation_id)[:NAMED],
        sharing=sums.sharing,
        lacking=sums.lacking,
        missing=sums.missing.total(),
        outcomes=outcomes_of(delivered),
    )


def outcomes_of(delivered: list[EvidenceRow]) -> Outcomes | None:
    """What webhooks said of these requests; None: they are not noted yet."""
    if not OUTCOMES:
        return None
    return Outcomes(
        sum(row.found_at is not None for row in delivered),
        sum(row.insufficient_at is not None for row in delivered),
        sum(row.delivered_at is not None for row in delivered),
        sum(not row.heard_of for row in delivered),
    )
