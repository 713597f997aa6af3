"""The report for the vendor: what it asks to confirm, of one environment, without a value of any patient.

Only in staging it may name patients: the vendor's own test patients, as they were imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

from interface.evidence.completeness import Completeness, Sums, one_as_json
from interface.evidence.steps import Outcomes, Step

EVENTS = ("found", "insufficient", "delivered")
"""What webhooks say of a request: patient.found, patient.insufficientData, document.deliveryComplete."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One delivered request."""

    id: int
    sent_at: float | None
    """When the API took it, POSIX seconds."""
    status: int | None
    correlation_id: str | None
    found: Completeness | None
    after: dict[str, float]
    """By event: seconds from then until we received it."""
    documents: int = 0


@dataclass(frozen=True, slots=True)
class NamedPatient:
    """One of the vendor's test patients, who are made up."""

    mrn: str
    name: str


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    made_at: datetime
    program: str
    site: str
    environment: str
    url: str
    """Where requests of that environment go; empty: the settings are those of another."""
    rehearsal: bool
    """Requests go to this machine."""
    since: float | None
    until: float | None
    steps: Sequence[Step]
    sums: Sums
    """Of all delivered requests."""
    outcomes: Outcomes
    """What webhooks said of them."""
    times: dict[str, tuple[int, float, float]]
    """By event: how many, the median and the longest time, in seconds."""
    listed: Sequence[Listed]
    """The newest of them."""
    more: int
    """How many more there are."""
    patients: Sequence[NamedPatient] = ()
    """In staging."""


def times_of(listed: Iterable[Listed]) -> dict[str, tuple[int, float, float]]:
    """How long each event took after its request was taken."""
    found: dict[str, list[float]] = {}
    for entry in listed:
        for event, seconds in entry.after.items():
            found.setdefault(event, []).append(seconds)
    return {
        event: (len(found[event]), median(found[event]), max(found[event]))
        for event in EVENTS
        if event in found
    }


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON values, as `onboarding report --json` prints it and the page holds it."""
    return {
        "made_at": report.made_at.isoformat(timespec="seconds"),
        "program": report.program,
        "site": report.site,
        "environment": report.environment,
        "url": report.url,
        "rehearsal": report.rehearsal,
        "since": _utc(report.since),
        "until": _utc(report.until),
        "steps": [step_as_json(step) for step in report.steps],
        "completeness": report.sums.as_json(),
        "webhooks": _webhooks(report),
        "requests": [_listed(entry) for entry in report.listed],
        "more_requests": report.more,
        "test_patients": [{"mrn": patient.mrn, "name": patient.name} for patient in report.patients],
    }


def step_as_json(step: Step) -> dict[str, Any]:
    """A step as JSON answers have it."""
    data = dict(step.data)
    if "confirmed" in data:
        data["confirmed"] = {**data["confirmed"], "at": _utc(data["confirmed"]["at"])}
    if "since" in data:
        data["since"] = _utc(data["since"])
    return {
        "step": step.code,
        "what": step.what,
        "state": step.state,
        "done": step.done,
        "next": step.next,
        "evidence": list(step.evidence),
        "data": data,
    }


def _webhooks(report: Report) -> dict[str, Any]:
    return {
        **asdict(report.outcomes),
        "times": {
            event: {"requests": count, "median_seconds": round(middle, 1), "longest_seconds": round(most, 1)}
            for event, (count, middle, most) in report.times.items()
        },
    }


def _listed(entry: Listed) -> dict[str, Any]:
    told = one_as_json(entry.found)
    if told is not None:
        told.pop("filled")  # in sum above, and for each by `requests show`
    return {
        "id": entry.id,
        "sent_at": _utc(entry.sent_at),
        "status": entry.status,
        "correlation_id": entry.correlation_id,
        "completeness": told,
        "seconds_until": {event: round(seconds, 1) for event, seconds in entry.after.items()},
        "documents": entry.documents,
    }


def _utc(at: float | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
