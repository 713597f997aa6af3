"""A dry run for people and as JSON: message by message, request by request, field by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from interface.chart.holds import release_of
from interface.cli.output import many
from interface.cli.screen import Cell, Screen
from interface.rules.facts import Reason
from interface.services.trial import OUTDATED

if TYPE_CHECKING:
    from interface.chart.difference import Difference
    from interface.services.trial import ChartChange, Found, MessageChange, RequestChanged, Told

STYLES = {
    "post": "green",
    "waiting": "green",
    "hold": "yellow",
    "held": "yellow",
    "cancel": "magenta",
    "reject": "red",
    "chart": "cyan",
}


@dataclass
class Totals:
    """The counts of a dry run."""

    charts: int = 0
    replayed: int = 0
    unchanged: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    """`hold → post` and the like."""
    requests: Counter[str] = field(default_factory=Counter)
    """By what happens to them, see `RequestChanged.kind`."""
    fields: Counter[str] = field(default_factory=Counter)
    """How many requests differ in a part (`patient.name`, `medications`)."""
    changed: Counter[str] = field(default_factory=Counter)
    """Charts: `changed`, `new`, `merged`."""
    failed: list[tuple[list[int], str]] = field(default_factory=list)

    def take(self, found: Found) -> None:
        """What a portion would change."""
        self.charts += found.patients
        self.replayed += found.replayed
        for message in found.messages:
            if message.changed:
                self.decisions[_step(message.before.decision, message.after.decision)] += 1
            else:
                self.unchanged += 1
        self.requests.update(change.kind for change in found.requests)
        for change in found.requests:
            self.fields.update(dict.fromkeys(_plain(entry.field) for entry in change.fields).keys())
        self.changed.update(change.kind for change in found.charts)

    def as_json(self) -> dict[str, Any]:
        """`summary` of the JSON answer."""
        return {
            "charts": {"rebuilt": self.charts, **self.changed},
            "messages": {
                "replayed": self.replayed,
                "unchanged": self.unchanged,
                "changed": self.decisions.total(),
                "decisions": dict(self.decisions),
            },
            "requests": dict(self.requests),
            "fields": dict(self.fields.most_common()),
            "failed": [{"patients": patients, "problem": why} for patients, why in self.failed],
        }

    def show(self, screen: Screen) -> None:
        """Print the counts."""
        changed = [f"{number} {kind}" for kind, number in self.changed.most_common()]
        screen.heading("dry run: nothing was changed")
        chart_text = f"{many(self.charts, 'chart')} from {many(self.replayed, 'message')}"
        screen.line(("rebuilt ", ""), (", ".join([chart_text, *changed]), ""))
        decided = self.unchanged + self.decisions.total()
        if decided:
            steps = [f"{number} {step}" for step, number in self.decisions.most_common()]
            steps += [f"{self.unchanged} unchanged"] if self.unchanged else []
            text = f"{many(decided, 'message')} again: {', '.join(steps)}"
            screen.line(("decided ", ""), (text, ""))
        kinds = [f"{number} {kind}" for kind, number in self.requests.most_common()]
        screen.line(("requests", ""), (", ".join(kinds) or "none changed", ""))
        if self.fields:
            fields = [f"{name} {number}" for name, number in self.fields.most_common()]
            screen.line(("parts   ", ""), (", ".join(fields), ""))
        for patients, why in self.failed:
            whose = f"patient {', '.join(map(str, patients))}: " if patients else ""
            screen.line(("failed  ", "red"), (whose + why, ""))


def print_found(screen: Screen, found: Found, *, all_messages: bool) -> None:
    """What a portion would change. `all_messages`: also those of which nothing else is decided."""
    for message in found.messages:
        if message.changed or all_messages:
            _print_message(screen, message)
    for change in found.requests:
        _print_request(screen, change)
    for chart in found.charts:
        _print_chart(screen, chart)


def as_json(found: Found) -> dict[str, list[dict[str, Any]]]:
    """A portion as the JSON answer has it."""
    return {
        "messages": [_message_json(message) for message in found.messages],
        "requests": [_request_json(change) for change in found.requests],
        "charts": [_chart_json(change) for change in found.charts],
    }


# ---------------------------------------------------------------- messages


def _print_message(screen: Screen, message: MessageChange) -> None:
    row = message.row
    decision = str(message.after.decision)
    step = _step(message.before.decision, decision) if message.changed else f"{decision} (unchanged)"
    screen.line(
        (f"message {row.id}", "bold"),
        (row.control_id, ""),
        (row.message_type, ""),
        (step, STYLES.get(decision, "") if message.changed else "dim"),
    )
    if not message.changed:
        return
    for name, told in (("before", message.before), ("after", message.after)):
        for reason in told.reasons:
            screen.line((f"{name}:", "dim"), (reason.text, ""), indent=2, sep=" ")
            if name == "after":
                _print_release(screen, told.decision, reason)


def _print_release(screen: Screen, decision: str | None, reason: Reason) -> None:
    release = release_of(reason.code, reason.text) if decision in ("hold", "held") else ""
    if release:
        screen.line(("released by:", "yellow"), (release, ""), indent=4, sep=" ")


def _message_json(message: MessageChange) -> dict[str, Any]:
    row = message.row
    return {
        "id": row.id,
        "control_id": row.control_id,
        "type": row.message_type,
        "patient_id": message.patient,
        "before": _told_json(message.before),
        "after": _told_json(message.after),
        "changed": message.changed,
    }


def _told_json(told: Told) -> dict[str, Any]:
    return {"decision": told.decision, "reasons": _reasons_json(told.reasons)}


def _reasons_json(reasons: Sequence[Reason]) -> list[dict[str, str]]:
    return [{"code": reason.code, "text": reason.text} for reason in reasons]


def _step(before: str | None, after: str | None) -> str:
    return f"{before or 'failed'} → {after or 'failed'}"


# ---------------------------------------------------------------- requests


def _print_request(screen: Screen, change: RequestChanged) -> None:
    name = f"request {change.id}" if change.id is not None else "new request"
    whose = f"patient {change.patient}" if change.patient is not None else "new patient"
    compared = f"compared with request {change.instead_of}" if change.instead_of is not None else ""
    screen.line(
        (name, "bold"),
        (change.kind, STYLES.get(change.after, "")),
        (whose, ""),
        (f"appointment {change.date}" if change.date else change.appointment, ""),
        (compared, "dim"),
    )
    if change.kind == OUTDATED:
        screen.line((f"it is {change.before}; the patient's next message asks anew", "dim"), indent=2)
    for reason in change.reasons:
        screen.line((reason.text, ""), indent=2)
        _print_release(screen, change.after, reason)
    _print_fields(screen, change.fields, whence=True)


def _print_fields(screen: Screen, fields: Sequence[Difference], *, whence: bool) -> None:
    if not fields:
        return
    rows = []
    for entry in fields:
        row: list[Cell] = [
            (entry.field, ""),
            (_value(entry.before), "red"),
            (_value(entry.after), "green"),
        ]
        rows.append([*row, (entry.source, "cyan"), (entry.rule, "dim")] if whence else row)
    columns = ("field", "before", "after", "source", "rule") if whence else ("field", "before", "after")
    screen.table(columns, rows, folded="after")
    screen.gap()


def _value(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _request_json(change: RequestChanged) -> dict[str, Any]:
    return {
        "id": change.id,
        "compared_with": change.instead_of,
        "patient_id": change.patient,
        "appointment": change.appointment,
        "appointment_date": change.date,
        "change": change.kind,
        "before": change.before,
        "after": change.after,
        "reasons": _reasons_json(change.reasons),
        "fields": [_difference_json(entry) for entry in change.fields],
    }


def _difference_json(entry: Difference) -> dict[str, Any]:
    return {
        "field": entry.field,
        "before": entry.before,
        "after": entry.after,
        "source": entry.source,
        "rule": entry.rule,
    }


def _plain(name: str) -> str:
    """The part of the request that a field is of: a list whole, else two names at most."""
    return ".".join(name.partition("[")[0].split(".")[:2])


# ---------------------------------------------------------------- charts


def _print_chart(screen: Screen, change: ChartChange) -> None:
    name = f"chart of patient {change.patient}" if change.patient is not None else "chart of a new patient"
    what = f"becomes part of patient {change.into}" if change.into is not None else ""
    comes = all(entry.before is None for entry in change.fields)
    if not change.fields and not what:
        what = "nothing is left of it"
    elif comes and not what:
        what = f"a chart of its own, {len(change.fields)} values (--json has them)"
    screen.line((name, "bold"), (", ".join(change.numbers), ""), (what, "yellow"))
    if not (comes and what):
        _print_fields(screen, change.fields, whence=False)


def _chart_json(change: ChartChange) -> dict[str, Any]:
    fields = [{"field": entry.field, "before": entry.before, "after": entry.after} for entry in change.fields]
    return {
        "patient_id": change.patient,
        "numbers": list(change.numbers),
        "into": change.into,
        "change": change.kind,
        "fields": fields,
    }
