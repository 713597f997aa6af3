"""The medications of a request: each drug once, with the prescriptions of the orders that count."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec

from interface.chart.discharges import discharge_of
from interface.chart.draft import Draft
from interface.chart.labels import label_of, labelled
from interface.chart.model import Chart, Order
from interface.chart.order_states import is_withheld
from interface.rules.facts import Fact, LeftOut
from interface.rules.types.ndc import NDC, ndc11

_PRESCRIPTION = tuple(
    (name, f"prescription.{name}")
    for name in (
        "code",
        "form",
        "route",
        "prescribedDate",
        "prescriber",
        "facility",
        "initialFillQuantity",
        "numberOfRefillsAllowed",
    )
)
"""Fields of a MedicationRequest, and what an order has of each."""


_SCHEDULE = "medication.scheduleCode"


class Seen(msgspec.Struct, frozen=True, gc=False):
    """An order as it stands today, and what says so."""

    order: Order
    active: bool
    source: str
    rule: str


def compose_medications(draft: Draft, chart: Chart, today: date) -> None:
    """Each drug once: active if one of its orders runs, with those; else with the last that ended."""
    drugs: dict[tuple[str, str], list[Seen]] = {}
    for order in chart.orders:
        name = order.facts.get("medication.nameCode")
        if is_withheld(order):
            continue
        if name is None or name.value is None:
            if order.ended:
                continue  # the end of an order nobody told us of
            draft.left_out.append(LeftOut(_order_source(draft, order), "", "the order names no drug"))
            continue
        drugs.setdefault(_drug_key(name), []).append(order_state(draft, chart, order, today))
    medications: list[dict[str, Any]] = []
    for orders in drugs.values():
        taken = [seen for seen in orders if seen.active] or [max(orders, key=_when)]
        where = f"medications[{len(medications)}]"
        newest = max(taken, key=_when)
        active = taken[0].active
        medication: dict[str, Any] = {"active": active}
        draft.add(f"{where}.active", active, newest.source, newest.rule)
        facts = newest.order.facts
        name = facts["medication.nameCode"]
        if label_of(name) is None:
            for seen in orders:
                name = labelled(name, seen.order.facts["medication.nameCode"])
        draft.put(medication, "nameCode", f"{where}.nameCode", name)
        schedule = facts.get(_SCHEDULE)
        if schedule is None and len(taken) > 1:  # it is the drug's, whichever order says it
            said = [seen for seen in taken if _SCHEDULE in seen.order.facts]
            schedule = max(said, key=_when).order.facts[_SCHEDULE] if said else None
        draft.put(medication, "scheduleCode", f"{where}.scheduleCode", schedule)
        prescriptions: list[dict[str, Any]] = []
        for seen in taken:
            if prescription := _prescription(
                draft, f"{where}.medicationRequests[{len(prescriptions)}]", seen.order
            ):
                prescriptions.append(prescription)
        if prescriptions:
            medication["medicationRequests"] = prescriptions
        medications.append(medication)
    if medications:
        draft.request["medications"] = medications


def _when(seen: Seen) -> str:
    return seen.order.at


def _drug_key(name: Fact) -> tuple[str, str]:
    value = name.value
    system = value.get("codeSystem") or value.get("codeSystemName") or ""
    if "code" not in value:
        return "", value["displayName"].casefold()
    return system, ndc11(value["code"]) or value["code"] if system == NDC else value["code"]


def _order_source(draft: Draft, order: Order) -> str:
    leaf = order.ended_leaf
    return draft.source(leaf.source if leaf is not None else "ORC-1", order.ended_message)


def order_state(draft: Draft, chart: Chart, order: Order, today: date) -> Seen:
    """Whether the order runs today, and what says so."""
    rule = order.ended_rule or "medications.yaml#control"
    if order.ended:
        return Seen(order, False, _order_source(draft, order), rule)
    left = discharge_of(chart, order)
    if left is not None:
        return Seen(order, False, draft.source("EVN-1", left.message), left.rule)
    stop = order.facts.get("order.stop")
    if stop is not None and stop.value is not None:
        if str(stop.value) < today.isoformat():
            return Seen(order, False, draft.source(stop.leaves[0].source, stop.message), stop.rule)
    else:
        start, length = order.facts.get("order.start"), order.facts.get("order.duration")
        if start is not None and start.value is not None and length is not None and length.value is not None:
            end = date.fromisoformat(str(start.value)) + timedelta(days=int(length.value))
            if end < today:
                return Seen(order, False, draft.source(length.leaves[0].source, length.message), length.rule)
    return Seen(order, True, _order_source(draft, order), rule)


def _prescription(draft: Draft, where: str, order: Order) -> dict[str, Any]:
    """One MedicationRequest of the contract; empty when the order says nothing of it."""
    facts = order.facts
    found: dict[str, Any] = {}
    for name, field in _PRESCRIPTION:
        if (fact := facts.get(field)) is not None:
            draft.put(found, name, f"{where}.{name}", fact)
    timing = facts.get("prescription.timing")
    dosage: dict[str, Any] = {}
    draft.put(dosage, "text", f"{where}.dosageInstruction.text", facts.get("prescription.text"))
    if timing is not None and timing.value is not None:
        if "text" not in timing.value:
            found.update(timing.value)
            draft.leaves(where, timing)
        elif "text" not in dosage:
            dosage["text"] = timing.value["text"]
            draft.leaves(where, timing)
    for field in ("prescription.strength", "prescription.dose"):
        fact = facts.get(field)
        if fact is not None and fact.value is not None:
            dosage.update(fact.value)
            draft.leaves(f"{where}.dosageInstruction", fact)
    if dosage:
        found["dosageInstruction"] = dosage
    return found
