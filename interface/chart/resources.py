"""The resources of an appointment (AIS, AIG, AIP, AIL): what is there, and what S20 to S22 have left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interface.chart.model import STATE_UNSAID, Appointment, change
from interface.rules.facts import Fact, Item

if TYPE_CHECKING:
    from interface.rules.reading import Reading

PROVIDER = "upcomingAppointmentProvider"
_RESOURCES = "appointment.resources"


def is_empty(appointment: Appointment) -> bool:
    """Whether its resources are known, and all of them were taken out."""
    fact = appointment.facts.get(_RESOURCES)
    return fact is not None and not fact.value["there"]


def lists_since(appointment: Appointment | None, at: str) -> bool:
    """Whether something newer has listed the appointment's resources."""
    known = appointment.facts.get(_RESOURCES) if appointment is not None else None
    return known is not None and at < known.at


def resources_left(known: Item, facts: Item) -> list[str]:
    """What is left of an appointment's resources after a message that takes some out (S20 to S22)."""
    before, now = known.get(_RESOURCES), facts.get(_RESOURCES)
    there = [
        *(before.value["there"] if before is not None else ()),
        *(now.value["there"] if now is not None else ()),
    ]
    gone = now.value["gone"] if now is not None else ()
    return [name for name in dict.fromkeys(there) if name not in gone]


def take_resources(facts: dict[str, Fact], reading: Reading) -> None:
    """The resources that a message lists, or what S20 to S22 leave of them; with a clinician his part as provider goes.

    The time of the fact is that of the last list (`STATE_UNSAID`: none has come). What S20 to S22 have said since is kept
    for an older list that comes late: `added` and `gone`, and when they did last (`gone_at`).
    """
    fact, known = reading.facts.get(_RESOURCES), facts.get(_RESOURCES)
    if fact is None:
        return
    before = known.value if known is not None else {}
    there, names, gone_at = fact.value["there"], fact.value["gone"], before.get("gone_at", "")
    takes_out = reading.event.cancels_when_empty
    behind = before.get("gone", []) if not takes_out and fact.at < gone_at else []
    gone = {*names, *behind}
    out_at = gone_at if behind else fact.at
    provider = facts.get(PROVIDER)
    is_there = provider is not None and provider.value is not None and provider.at <= out_at
    if provider is not None and is_there and not gone.isdisjoint(_known_by(provider)):
        facts[PROVIDER] = Fact(None, (), provider.rule, out_at, fact.message, deleted=True)
    if known is not None and fact.at < known.at:
        return  # something newer has listed what is there
    value = {"there": there, "gone": []}
    if takes_out:
        value = {
            "there": resources_left(facts, reading.facts),
            "gone": [*before.get("gone", []), *names],
            "added": [name for name in (*before.get("added", []), *there) if name not in names],
            "gone_at": max(fact.at, gone_at),
        }
        fact = change(fact, at=known.at if known is not None else STATE_UNSAID)
    elif fact.at < gone_at:
        listed = dict.fromkeys((*(name for name in there if name not in behind), *before.get("added", [])))
        value = {**before, "there": list(listed)}
    facts[_RESOURCES] = change(fact, value=value)


def _known_by(provider: Fact) -> set[str]:
    """What a clinician is called among the resources: by the NPI, or by an id of the sender, of which the site's table may
    know the NPI. In AIG a room may have the same id.
    """
    npi = provider.value.get("npi")
    found = {f"AIP:{npi}", f"AIG:{npi}"} if npi else set()
    for leaf in provider.ids:
        found.add(f"AIP:{leaf.value}")
        if leaf.source.startswith("AIG"):
            found.add(f"AIG:{leaf.value}")
    return found


def emptied_at(facts: dict[str, Fact]) -> str:
    """When S20 to S22 took the last resource out; empty: some are left, or were never taken out."""
    fact = facts.get(_RESOURCES)
    return fact.value.get("gone_at", "") if fact is not None and not fact.value["there"] else ""
