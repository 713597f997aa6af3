"""What an appointment is known by in a chart: the filler's number (SCH-2), else the placer's (SCH-1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from interface.chart.model import Appointment, Chart, change
from interface.chart.update import named_by_placer
from interface.rules.facts import text_of

if TYPE_CHECKING:
    from interface.rules.reading import Reading


def appointment_key(chart: Chart, reading: Reading) -> str:
    """The key of the appointment a message names; empty when it names none.

    A message or a chart may name it by its placer alone: then the placer decides, where it leads to one appointment. One
    that was known so takes the filler's number as soon as a message gives it.
    """
    number, placer = text_of(reading.facts, "appointment.id"), text_of(reading.facts, "appointment.placer")
    if not number:
        return ""
    key, alone = f"A:{number}", named_by_placer(reading)
    same = chart.appointments.get(key)
    if same is not None and (not alone or text_of(same.facts, "appointment.placer") in ("", placer)):
        return key
    known = [
        entry for entry in _of_placer(chart.appointments.values(), placer, key) if alone or entry.by_placer
    ]
    if len(known) != 1:
        return key if same is None else f"A:SCH-1 {number}"  # another appointment's filler has that number
    if not alone:
        _give_number(chart, known[0], key)
        return key
    return known[0].key


def known_twice(chart: Chart, reading: Reading, key: str) -> Appointment | None:
    """The other entry of an appointment that was told by its filler's number and by its placer's, each alone, until this
    message names both. Where several appointments have the placer's number none is.
    """
    if len(chart.appointments) < 2 or key not in chart.appointments:
        return None
    placer = text_of(reading.facts, "appointment.placer")
    if named_by_placer(reading):
        return None
    others = [entry for entry in _of_placer(chart.appointments.values(), placer, key) if entry.key != key]
    return others[0] if len(others) == 1 and others[0].by_placer else None


def name_alike(one: Chart, other: Chart) -> None:
    """Of two charts that become one: what one of them knows by its placer's number alone is named as the other names it.

    Where several appointments have that placer's number it stays as it is.
    """
    for here, there in ((one, other), (other, one)):
        for entry in [entry for entry in here.appointments.values() if entry.by_placer]:
            both = (*here.appointments.values(), *there.appointments.values())
            found = _of_placer(both, text_of(entry.facts, "appointment.placer"), entry.key)
            keys = {known.key for known in found if not known.by_placer}
            if len(keys) == 1 and keys.isdisjoint(here.appointments):
                _give_number(here, entry, *keys)


def _of_placer(entries: Iterable[Appointment], placer: str, key: str) -> list[Appointment]:
    """Those that have a placer's number, and the occurrence (SCH-3) of `key`; none where it is empty."""
    return [
        entry
        for entry in entries
        if placer
        and text_of(entry.facts, "appointment.placer") == placer
        and _occurrence(entry.key) == _occurrence(key)
    ]


def _give_number(chart: Chart, entry: Appointment, key: str) -> None:
    """What was known by its placer's number alone is known by the filler's from now on."""
    del chart.appointments[entry.key]
    chart.appointments[key] = change(entry, key=key, by_placer=False)


def _occurrence(key: str) -> str:
    """SCH-3 in an appointment's key; empty when it has none."""
    return key.rpartition("#")[2] if "#" in key else ""
