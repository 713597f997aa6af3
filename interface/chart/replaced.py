"""SIU^S13 that books under a new number: where a site's rule says so (`appointment.replaces`), the old one ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interface.chart.model import change
from interface.chart.settle import Settling
from interface.rules.facts import Reason, place_of, text_of

if TYPE_CHECKING:
    from interface.rules.reading import Reading

_RESCHEDULED = "SIU^S13"


def end_replaced(settling: Settling, reading: Reading, key: str) -> tuple[Reason, ...]:
    """Cancel the appointment that SCH-24 or SCH-23 names as the one before (HL7 v2, chapter 10: parent appointment).

    What is said of it in the message that names it; nothing where no such appointment is booked.
    """
    number = text_of(reading.facts, "appointment.replaces")
    if reading.type != _RESCHEDULED or not number:
        return ()
    said: tuple[Reason, ...] = ()
    for old in list(settling.chart.appointments.values()):
        named = f"A:{number}" == old.key or text_of(old.facts, "appointment.placer") == number
        if not named or old.key == key or old.status == "cancelled" or old.status_since > reading.at:
            continue
        settling.chart.appointments[old.key] = change(
            old, status="cancelled", at=max(old.at, reading.at), status_at=reading.at
        )
        reason = Reason("replaced", f"{reading.type} books it anew under another number")
        settling.close(settling.chart.appointments[old.key], "withdrawn", reason)
        where = place_of(reading.facts, "appointment.replaces")
        rule = reading.facts["appointment.replaces"].rule
        said = (Reason("replaces", f"the appointment in {where} is cancelled: it is booked anew ({rule})"),)
    return said
