"""Test patients before anything is sent: their own messages through the site's mapping and staging's guard, in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from interface.chart.decide import Engine
from interface.chart.outcome import Outcome
from interface.chart.registry import Registry
from interface.delivery.guards.staging import StagingGuard, drug_of, problems_of
from interface.staging.imported import Coding, Imported, Roster, same
from interface.staging.messages import Sending, messages_of


def lacks(engine: Engine, patient: Imported, sending: Sending, now: datetime) -> Iterator[str]:
    """What would keep his request, or something of it, from going out: fields and places, never a value."""
    outcome = rehearse(engine, patient, sending, now)
    if outcome.decision == "hold":
        codes = [reason.code for reason in outcome.reasons]
        if "not-test-patient" in codes:
            yield "this site's mapping reads him as another than the file names: nothing of his will leave"
        yield from (f"his request will be held: {code}" for code in codes if code != "not-test-patient")
    elif outcome.decision != "post":
        yield f"nothing will be requested for him: {', '.join(reason.code for reason in outcome.reasons)}"
    request = outcome.request or {}
    yield from _missing("problem", [p.coding for p in patient.problems], problems_of(request))
    drugs = [entry.codings for entry in patient.medications]
    there = [drug_of(entry) for entry in request.get("medications", ())]
    for number, codings in enumerate(drugs, start=1):
        if not any(same(one, other) for one in codings for other in there):
            yield f"medication {number} of {len(drugs)} does not reach the request by this site's mapping"


def rehearse(engine: Engine, patient: Imported, sending: Sending, now: datetime) -> Outcome:
    """What his last message comes to when all of them are taken in staging."""
    roster, charts, ids = Roster([patient]), Registry(), itertools.count(1)
    policy = replace(engine.policy, environment="staging")
    core = replace(engine, policy=policy, guard=StagingGuard(roster), apart=roster.apart)
    for made in messages_of(patient, sending):
        reading = core.read(made.raw, received_at=now)
        outcome = core.decide(reading, charts.find(reading.keys), now=now, new_id=ids.__next__)
        charts.keep(reading, outcome)
    return outcome


def _missing(what: str, wanted: list[Coding], there: Iterable[Coding]) -> Iterator[str]:
    found = list(there)
    for number, one in enumerate(wanted, start=1):
        if not any(same(one, other) for other in found):
            yield f"{what} {number} of {len(wanted)} does not reach the request by this site's mapping"
