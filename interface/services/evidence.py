"""Gathers evidence from the store: bodies are opened, counted and forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any

import orjson

from interface import __version__
from interface.chart.apart import key_of
from interface.chart.kept import kept_beside
from interface.evidence.completeness import Completeness, Sums, completeness
from interface.evidence.report import EVENTS, Listed, NamedPatient, Report, times_of
from interface.evidence.steps import Confirmed, Facts, Outcomes, Patients, Round, Traffic, steps
from interface.services.guarding import life_of
from interface.services.roster import read
from interface.settings import Settings, SettingsError
from interface.staging.imported import Imported
from interface.store.onboarding_views import WINDOW, EvidenceFilter, EvidenceRow
from interface.store.schema import BEFORE_PRODUCTION
from interface.store.store import Store

SAMPLE = 1000
"""Of how many requests of an environment the steps are judged: the newest."""
OPENED = 300
"""Of how many of those before production the bodies are opened: opening one takes as long as reading ten rows."""
NAMED = 5
"""Requests that a step names."""
LISTED = 1000
"""Requests that a report lists, at most: the newest. All others are counted."""


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
        found.append(completeness(_json(body), kept_beside(detail)))
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
    overdue = overdue_at(settings, now)
    return replace(
        facts,
        test_patients=patients_of(store),
        live=life.live,
        live_at=going.at if going is not None else life.since,
        live_by=going.who if going is not None else "",
        traffic={name: traffic_of(store, name, environment, zone, overdue) for name in names},
        round=Round(store.rounds.now().accepted),
        confirmed={
            step: Confirmed(said.at, said.who, said.note) for step, said in store.confirmations.all().items()
        },
    )


def overdue_at(settings: Settings, now: float) -> float:
    """What was taken in before then should have been heard of."""
    return now - settings.webhooks.expected_hours * 3600


def patients_of(store: Store) -> Patients:
    """How many test patients are imported, and for how many of them a request was delivered in staging."""
    keys = [key_of(one.mrn) for one in imported(store)]
    owners = store.patients.owners(keys)
    sent = store.onboarding.patients_delivered("staging", owners.values())
    return Patients(len(keys), sum(owner in sent for owner in owners.values()))


def imported(store: Store) -> list[Imported]:
    """The vendor's test patients as they are imported now, by number."""
    found = [read(row) for row in store.roster.all() if row.removed_at is None]
    return sorted(filter(None, found), key=lambda one: one.mrn)


def _has_key(settings: Settings) -> bool:
    """Whether the key can be read; it is not kept."""
    try:
        return bool(settings.api_key())
    except SettingsError:
        return False


def traffic_of(store: Store, environment: str, current: str, zone: tzinfo, overdue: float) -> Traffic:
    """The newest requests of an environment; what has no index is looked for at the end of the table that it should be at:
    what came before the `current` environment is old. `overdue`: as `Heard`.
    """
    where = EvidenceFilter(environment)
    if environment in BEFORE_PRODUCTION or environment == current:
        rows = [row for portion in store.onboarding.rows(where, SAMPLE) for row in portion][:SAMPLE]
    else:
        rows = list(reversed(store.onboarding.first_rows(where)))
    made = store.onboarding.count(environment) if environment in BEFORE_PRODUCTION else len(rows)
    delivered = [row for row in rows if row.state == "delivered"]
    sums = Sums()
    if environment in BEFORE_PRODUCTION:
        add_rows(store, sums, delivered[:OPENED], zone)
    heard = Heard(overdue)
    heard.add(delivered)
    states = Counter(row.state for row in rows)
    return Traffic(
        made=made,
        looked_at=len(rows),
        delivered=len(delivered),
        without_id=sum(row.correlation_id is None for row in delivered),
        waiting=states["waiting"] + states["sending"],
        held=states["held"],
        last_at=delivered[0].created_at if delivered else None,
        newest=tuple((row.id, row.correlation_id) for row in delivered if row.correlation_id)[:NAMED],
        sharing=sums.sharing,
        lacking=sums.lacking,
        missing=sums.missing.total(),
        outcomes=heard.outcomes(),
    )


class Heard:
    """What webhooks said of requests, added up."""

    def __init__(self, overdue: float) -> None:
        """`overdue`: what was taken in before then (POSIX seconds) and has had no webhook is unanswered."""
        self._overdue = overdue
        self._counts: Counter[str] = Counter()

    def add(self, rows: Iterable[EvidenceRow]) -> None:
        """Count some requests."""
        for row in rows:
            self._counts["found"] += row.found_at is not None
            self._counts["insufficient"] += row.insufficient_at is not None
            self._counts["delivered"] += row.delivered_at is not None
            self._counts["contradicting"] += None not in (row.insufficient_at, row.delivered_at)
            if row.awaited_since is not None:
                self._counts["unanswered" if row.awaited_since < self._overdue else "awaited"] += 1

    def outcomes(self) -> Outcomes:
        """All of them."""
        return Outcomes(**self._counts)


# ---------------------------------------------------------------- the report


def report_of(
    settings: Settings,
    store: Store,
    where: EvidenceFilter,
    now: datetime,
    *,
    shown: Callable[[int], None] = lambda _: None,
    most: int = LISTED,
) -> Report:
    """What the vendor asks to confirm of an environment's delivered requests. Raises StoreError.

    `where`: of the delivered ones; `now` is aware; `shown` is told how many more were read; `most` are listed.
    """
    environment = where.environment or settings.site.environment
    zone, where = settings.site.zone or UTC, replace(where, environment=environment, state="delivered")
    facts = facts_of(settings, store, now.timestamp())
    here = environment == settings.site.environment
    sums, heard = Sums(), Heard(overdue_at(settings, now.timestamp()))
    listed: list[Listed] = []
    for rows in store.onboarding.rows(where):
        found = of_rows(store, rows)
        for row, one in zip(rows, found, strict=True):
            sums.add(row.id, datetime.fromtimestamp(row.created_at, zone).date(), one)
        heard.add(rows)
        if room := most - len(listed):
            listed += map(_listed, rows[:room], found[:room])
        shown(len(rows))
    return Report(
        made_at=now,
        program=f"hl7-interface {__version__}",
        site=settings.site.name,
        environment=environment,
        url=facts.url if here else "",
        rehearsal=here and facts.loopback,
        since=where.since,
        until=where.until,
        steps=steps(facts),
        sums=sums,
        outcomes=heard.outcomes(),
        times=times_of(listed),
        listed=listed,
        more=sums.requests - len(listed),
        patients=named_patients(store) if environment == "staging" else (),
    )


def named_patients(store: Store) -> list[NamedPatient]:
    """The vendor's test patients, who are made up, as they were imported."""
    return [
        NamedPatient(one.mrn, ", ".join(part for part in (one.family, one.given) if part))
        for one in imported(store)
    ]


def _listed(row: EvidenceRow, found: Completeness | None) -> Listed:
    return Listed(
        row.id, row.taken_at, row.last_status, row.correlation_id, found, _after(row), row.documents
    )


def _after(row: EvidenceRow) -> dict[str, float]:
    """Seconds from the API's answer until we received the first webhook of each kind; 0 for one that came before it."""
    if row.taken_at is None:
        return {}
    heard = dict(zip(EVENTS, (row.found_at, row.insufficient_at, row.delivered_at), strict=True))
    return {event: max(0.0, at - row.taken_at) for event, at in heard.items() if at is not None}
