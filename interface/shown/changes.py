"""What a message changed, in words for people: used by the console and the command line."""

from __future__ import annotations

from interface.chart.changes import Change
from interface.chart.replay import BY_ITSELF
from interface.rules.facts import Scalar
from interface.shown.fields import name_of
from interface.shown.sources import source_of

RULES_OF_NOW = "By the rules as they are now; what was in the chart then is not kept."
STATES = frozenset(("problem.state", "order.state", "appointment.status"))
"""Fields whose values are words of ours, and nothing of the patient."""


def value_text(value: Scalar | None) -> str:
    """A value; '' for none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def field_text(change: Change, field: str) -> str:
    """A field's name beside what happened: in a row of a problem `code`, not `problem: code`."""
    return name_of(field).removeprefix(f"{change.part}: ")


def whence_text(source: str, control_id: str, message_type: str) -> str:
    """A source; of this message the place alone, and of what no field says the message's type."""
    own = source_of(source)
    if source == BY_ITSELF:
        return f"{BY_ITSELF} ({message_type})"
    return own.place if own.place and own.control_id == control_id else source
