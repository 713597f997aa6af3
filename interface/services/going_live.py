"""The switch to production, as a command: from then on requests go out; what was held until then is sent in its turn, or
dropped, as the person chose; what was only checked by the vendor is asked for anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from interface.chart.decide import Engine
from interface.chart.model import Chart
from interface.delivery.guards.life import PRODUCTION, GoingLive, Life
from interface.services.by_hand import CannotError, Waits
from interface.services.mending import readable_chart
from interface.services.plan import Plan
from interface.services.training import trained
from interface.store.environments import ENVIRONMENT
from interface.store.records.reading import Command, PatientRow
from interface.store.records.turn import CommandDone
from interface.store.store import Store

MOST_TESTED = 500
"""Requests of production tests that are asked for anew, at most: it is one transaction."""


class LiveStore(Protocol):
    """What is read from the store."""

    def seen(self, name: str) -> str | None:
        """What is remembered under a name."""

    def load_patients_by_id(self, ids: Iterable[int]) -> dict[int, PatientRow]:
        """The rows of these patients."""

    def request_owners(self, ids: Iterable[int]) -> dict[int, int]:
        """Patient ids by request id."""


def go_live(
    engine: Engine,
    store: LiveStore,
    command: Command,
    now: datetime,
    busy: Collection[int],
    new_request: Callable[[], int],
) -> Plan | Waits:
    """What the switch changes; Waits while a tested request's patient is in `busy`. Raises CannotError."""
    life = _life(engine, store)
    tested = sorted({int(entry) for entry in command.arguments.get("tested", ())})[:MOST_TESTED]
    owners = store.request_owners(tested)
    if not set(owners.values()).isdisjoint(busy):
        return Waits(frozenset(owners.values()))
    going = _going(command.arguments, now.timestamp(), new_request())
    plan = Plan(seen={ENVIRONMENT: life.switched(going).as_text()}, guards_changed=True)
    anew = _ask_anew(plan, engine, store, owners, now, new_request)
    plan.commands.append(CommandDone(command.id, "done", {"live": True, "asked_anew": anew}))
    return plan


def _life(engine: Engine, store: LiveStore) -> Life:
    environment = engine.policy.environment
    if environment != PRODUCTION:
        text = f'the daemon runs in environment "{environment}": set [site] environment = "production" and restart it'
        raise CannotError(text)
    text = store.seen(ENVIRONMENT) or ""
    life = Life.of_text(text) if text else None
    if life is None or life.environment != PRODUCTION:
        raise CannotError(NOT_THERE)
    if life.live:
        raise CannotError("it is live already")
    return life


def _going(arguments: dict[str, Any], at: float, below: int) -> GoingLive:
    try:
        from_day = str(arguments.get("from_day") or "")
        if from_day:
            date.fromisoformat(from_day)
        drop_below, seconds = int(arguments.get("drop_below") or 0), float(arguments.get("seconds") or 0.0)
    except (TypeError, ValueError):
        raise CannotError("what was asked can't be read: ask again") from None
    return GoingLive(at, str(arguments.get("who", ""))[:64], below, drop_below, from_day, max(0.0, seconds))


def _ask_anew(
    plan: Plan,
    engine: Engine,
    store: LiveStore,
    owners: dict[int, int],
    now: datetime,
    new_request: Callable[[], int],
) -> int:
    """Requests that the vendor has only checked: each is asked for anew where nothing newer was; gives how many."""
    charts: dict[int, Chart] = {}
    for id_, row in store.load_patients_by_id(owners.values()).items():
        chart = readable_chart(row)
        if chart is not None:
            charts[id_] = chart
    made = 0
    for owner, chart in charts.items():
        numbers = {request for request, whose in owners.items() if whose == owner}
        outcome = engine.ask_anew(chart, numbers, now=now, new_id=new_request)
        if outcome is not None:
            plan.take(outcome.chart, outcome.requests, owner, chart, None)
            made += len(outcome.requests)
    return made


NOT_THERE = "the store does not live in production yet: restart the daemon first"
"""What is open is not held for production before; nobody could say what the switch would do."""
_OURS = frozenset({"not-live", "production-test", "not-test-patient"})
"""With `incomplete:…`: reasons of the way here. Right after the start some requests still have theirs of before."""
_TIMED = frozenset({"not-live", "lead-time", "paced"})
MOST_DAYS = 3650
MOST_PER_MINUTE = 60_000
PER_MINUTE = 120
"""How many of the held requests go out in a minute, unless the person says otherwise."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to become of held requests."""

    older_than_days: int | None = None
    """Those that have been held for longer are dropped; None: none for that."""
    from_day: date | None = None
    """Those for appointments before this day are dropped; None: none for that."""
    per_minute: int = PER_MINUTE


@dataclass(slots=True)
class Preview:
    """What the switch will do, counted; no patient data."""

    life: Life
    held: int = 0
    sent: int = 0
    """In their turn, from now on."""
    timed: int = 0
    """When their time comes: N days before the visit."""
    too_old: int = 0
    too_soon: int = 0
    past: int = 0
    """Their appointment has passed: they expire."""
    stay: Counter[str] = field(default_factory=Counter)
    """Held still, by the reasons beside; one with several reasons counts for each."""
    staying: int = 0
    tested: list[int] = field(default_factory=list)
    """Only checked by the vendor so far: asked for anew."""
    trained: int = 0
    """Charts that took in messages of training, and keep what these said until they are rebuilt."""
    drop_below: int = 0

    seconds: float = 0.0
    """Over how long what is sent is spread."""


def preview(store: Store, choice: Choice, now: datetime) -> Preview:
    """What the switch would do now; nothing is changed. Raises StoreError, CannotError."""
    at, today = now.timestamp(), now.date()
    text = store.environments.remembered()
    life = Life.begin(PRODUCTION, at) if text is None else Life.of_text(text)
    if life.environment != PRODUCTION:
        raise CannotError(NOT_THERE)
    found = Preview(life)
    if choice.older_than_days is not None:
        found.drop_below = store.environments.first_since(at - choice.older_than_days * 86400.0)
    for row in store.environments.held():
        found.held += 1
        others = {code for code in row.codes if code not in _OURS and not code.startswith("incomplete:")}
        if row.appointment_date is not None and row.appointment_date < today:
            found.past += 1
        elif row.id < found.drop_below and "lead-time" not in others:
            found.too_old += 1
        elif choice.from_day and row.appointment_date and row.appointment_date < choice.from_day:
            found.too_soon += 1
        elif others - _TIMED:
            found.staying += 1
            found.stay.update(others)
        elif others:
            found.timed += 1
        else:
            found.sent += 1
    found.tested = store.environments.only_checked(today, MOST_TESTED)
    found.trained = trained(store)
    found.seconds = found.sent * 60.0 / choice.per_minute
    return found


def arguments_of(found: Preview, choice: Choice, who: str) -> dict[str, Any]:
    """The command that does what was shown."""
    return {
        "who": who,
        "tested": found.tested,
        "drop_below": found.drop_below,
        "from_day": choice.from_day.isoformat() if choice.from_day else "",
        "seconds": found.seconds,
    }
