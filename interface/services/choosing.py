"""Commands of the production test: which requests it takes, who chooses them, and a new round."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Protocol

from interface.chart.decide import Engine
from interface.chart.model import Chart
from interface.services.by_hand import CannotError, Waits
from interface.services.mending import chart_text, readable_chart
from interface.services.plan import Plan
from interface.services.production_test import ids_of
from interface.store.records.reading import Command, PatientRow
from interface.store.records.slots import PRODUCTION_TEST, Round
from interface.store.records.turn import CommandDone, NewRound, Picking

NO_SLOT = "no slot is left"


class ChoosingStore(Protocol):
    """What is read from the store."""

    def load_patients_by_id(self, ids: Iterable[int]) -> dict[int, PatientRow]:
        """The rows of these patients."""

    def request_owners(self, ids: Iterable[int]) -> dict[int, int]:
        """Patient ids by request id."""

    def request_states(self, ids: Iterable[int]) -> dict[int, str]:
        """States by request id."""

    def test_round(self) -> tuple[Round, int]:
        """The round, and how many requests wait for one of its slots."""


def choose(
    engine: Engine,
    store: ChoosingStore,
    command: Command,
    now: datetime,
    busy: Collection[int],
    new_request: Callable[[], int],
) -> Plan | Waits:
    """Let the test take requests, and say who chooses from now on; Waits while one of the patients is in `busy`.

    One that can't be chosen is named in the answer with why. Raises CannotError.
    """
    _only_in_the_test(engine)
    try:
        wanted = ids_of(command.arguments.get("requests", ()))
    except (ValueError, TypeError):
        raise CannotError("what was asked can't be read: ask again") from None
    owners, states = store.request_owners(wanted), store.request_states(wanted)
    if not set(owners.values()).isdisjoint(busy):
        return Waits(frozenset(owners.values()))
    found, waiting = store.test_round()
    plan = Plan()
    by_hand = command.arguments.get("by_hand")
    if isinstance(by_hand, bool):
        plan.rounds.append(Picking(by_hand))
    charts = _charts(store, owners.values())
    before = dict(charts)
    refused: list[tuple[int, str]] = []
    room = len(found.free) - waiting
    for request in wanted:
        state = states.get(request)
        if state != "held":
            why = f"there is no request {request}" if state is None else f"it is {state}"
        elif room <= 0:
            why = NO_SLOT
        else:
            why = _choose(
                engine, plan, charts, before, owners[request], request, found.number, now, new_request
            )
        if why:
            refused.append((request, why))
        else:
            room -= 1
    result = {"requests": len(wanted), "done": len(wanted) - len(refused), "refused": refused}
    plan.commands.append(CommandDone(command.id, "done", result))
    return plan


def _charts(store: ChoosingStore, owners: Iterable[int]) -> dict[int, Chart]:
    charts = {}
    for id_, row in store.load_patients_by_id(set(owners)).items():
        found = readable_chart(row)
        if found is None:
            raise CannotError(chart_text(id_))
        charts[id_] = found
    return charts


def _choose(
    engine: Engine,
    plan: Plan,
    charts: dict[int, Chart],
    before: dict[int, Chart],
    owner: int,
    request: int,
    number: int,
    now: datetime,
    new_request: Callable[[], int],
) -> str:
    """Choose one; says why not, in words without patient data."""
    settling = engine.settling(charts[owner].copy(), now=now, trigger="", new_id=new_request)
    entries = settling.chart.appointments.values()
    entry = next((e for e in entries if e.asked is not None and e.asked.id == request), None)
    if entry is None:
        return "a newer request has taken its place"
    holds = settling.choose(entry, number)
    if holds:
        codes = [why.code for why in holds if why.code != PRODUCTION_TEST]
        return f"it is held for: {', '.join(codes)}" if codes else NO_SLOT
    if not any(change.id == request and change.state == "waiting" for change in settling.changes):
        return "its appointment has passed, or is none of ours any more"
    plan.take(settling.chart, settling.changes, owner, before[owner], None)
    charts[owner] = settling.chart
    return ""


def new_round(engine: Engine, command: Command) -> Plan:
    """Begin the test anew: ten slots. Raises CannotError."""
    _only_in_the_test(engine)
    who, why = (str(command.arguments.get(name, "")) for name in ("who", "why"))
    plan = Plan(guards_changed=True, rounds=[NewRound(who[:64], why)])
    plan.commands.append(CommandDone(command.id, "done", {}))
    return plan


def _only_in_the_test(engine: Engine) -> None:
    environment = engine.policy.environment
    if environment != PRODUCTION_TEST:
        raise CannotError(
            f'the daemon runs in environment "{environment}": set [site] environment = "production-test" and restart it'
        )
