"""The resources of an appointment (AIS, AIG, AIP, AIL): what is there, and what S20 to S22 have left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    for an older list that comes late: `added` and `gone`, and when they did last (`gone_at`); of whatever was taken out,
    when that was (`out`), for an older message that names it as the clinician.
    """
    fact, known = reading.facts.get(_RESOURCES), facts.get(_RESOURCES)
    if fact is None:
        return
    before: dict[str, Any] = known.value if known is not None else {}
    there, names, gone_at = fact.value["there"], fact.value["gone"], before.get("gone_at", "")
    out = _out(before)
    out |= {name: max(fact.at, out.get(name, "")) for name in names}
    _take_provider_out(facts, out, fact.message)
    takes_out = reading.event.cancels_when_empty
    value = {"there": there, "gone": []}
    if known is not None and fact.at < known.at:  # something newer has listed what is there
        fact, value = known, dict(before)
    elif takes_out:
        value = {
            "there": resources_left(facts, reading.facts),
            "gone": [*before.get("gone", []), *names],
            "added": [name for name in (*before.get("added", []), *there) if name not in names],
            "gone_at": max(fact.at, gone_at),
        }
        fact = change(fact, at=known.at if known is not None else STATE_UNSAID)
    elif fact.at < gone_at:
        left = (name for name in there if name not in before["gone"])
        value = {**before, "there": list(dict.fromkeys((*left, *before.get("added", []))))}
    facts[_RESOURCES] = change(fact, value=value | ({"out": out} if out else {}))


def _out(before: dict[str, Any]) -> dict[str, str]:
    """What was taken out, and when; of charts of before that was written down, what S20 to S22 took, and when they did
    last.
    """
    return {**dict.fromkeys(before.get("gone", ()), before.get("gone_at", "")), **before.get("out", {})}


def _take_provider_out(facts: dict[str, Fact], out: dict[str, str], message: str) -> None:
    """The clinician goes, if he was taken out since he was named."""
    provider = facts.get(PROVIDER)
    if provider is None or provider.value is None:
        return
    at = max((out[name] for name in _known_by(provider) if name in out), default="")
    if at and provider.at <= at:
        facts[PROVIDER] = Fact(None, (), provider.rule, at, message, deleted=True)


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
