"""`explain` for people: the decision, the request field by field with its sources, and what was left out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from interface.chart.outcome import Outcome
from interface.cli.output import heading, is_terminal, safe_text, table
from interface.rules import Reading

if TYPE_CHECKING:
    from interface.hl7.conformance import Finding

_COLOURS = {
    "post": "32;1",
    "hold": "33;1",
    "cancel": "35;1",
    "reject": "31;1",
    "chart": "36;1",
    "ignore": "2",
}


def print_explained(reading: Reading, outcome: Outcome, findings: Sequence[Finding] | None = None) -> None:
    """One message; with a section on conformance when it was asked for (`findings`)."""
    decision = outcome.decision
    if is_terminal(sys.stdout):
        decision = f"\x1b[{_COLOURS.get(decision, '1')}m{decision}\x1b[0m"
    print(
        f"{safe_text(reading.control_id or '(no control id)')}  {safe_text(reading.type or 'not HL7')}  {decision}"
    )
    for reason in outcome.reasons:
        print(f"  {safe_text(reason.text)}")
    for said in outcome.said:
        print(f"  note: {safe_text(said)}")
    if outcome.fields and outcome.decision in ("post", "hold"):
        heading("request" if outcome.decision == "post" else "request, as far as it could be composed")
        table(
            ("field", "value", "source", "rule"),
            [(f.field, _shown(f.value), f.source, f.rule) for f in outcome.fields],
        )
    if outcome.left_out:
        heading("left out")
        table(
            ("source", "value", "why"), [(entry.source, entry.value, entry.why) for entry in outcome.left_out]
        )
    if findings is not None:
        heading("conformance")
        if findings:
            table(("where", "what"), [(found.where, found.text) for found in findings])
        else:
            print("  nothing found")
    print()


def _shown(value: object) -> object:
    """A value as the request's JSON writes it; texts without quotes."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value
