"""How complete requests are: which fields of the contract are filled, and whether all that is known was shared.

Nothing of a value is kept: names of fields, counts, reasons, ids of ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from interface.contract.fields import fields, filled, version_of

PROBLEMS = ("activeIcd10Diagnoses", "activeIcd9Diagnoses", "activeSnomedDiagnoses", "diagnoses")
"""The lists of problems, of either version."""
KINDS = ("problems", "orders")
"""What a request's proof counts."""
MOST_NAMED = 20
"""Requests that are named because something is missing."""

Sharing = Literal["both", "problems", "medications", "none"]
SHARING: tuple[Sharing, ...] = ("both", "problems", "medications", "none")
"""What a request shares, which the vendor confirms in staging."""


@dataclass(frozen=True, slots=True)
class Share:
    """Of one kind: what was known when the request was composed, and how much of it went with it."""

    known: int = 0
    sent: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    """By the reasons of `interface.chart.reciprocity.REASONS`."""
    missing: int = 0
    """Left out for no reason: there must be none."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """One request."""

    version: int
    """Of the API."""
    filled: frozenset[str]
    """Names of fields."""
    problems: int
    medications: int
    shared: Mapping[str, Share] | None
    """The proof by kind; None: the request was composed before proofs were kept."""

    @property
    def sharing(self) -> Sharing:
        """Whether it has problems, medications, both or none."""
        if self.problems and self.medications:
            return "both"
        return "problems" if self.problems else "medications" if self.medications else "none"

    @property
    def missing(self) -> int:
        """What was known and left out for no reason."""
        return sum(share.missing for share in (self.shared or {}).values())

    @property
    def lacking(self) -> tuple[str, ...]:
        """Required fields that are not filled."""
        return tuple(one.name for one in fields(self.version) if one.required and one.name not in self.filled)


def completeness(request: Any, detail: Any) -> Completeness | None:
    """Of a stored request and its detail, both as JSON values; None: the request is none."""
    if not isinstance(request, dict):
        return None
    number = version_of(request)
    names = {one.name for one in fields(number)}
    known = detail.get("known") if isinstance(detail, dict) else None
    return Completeness(
        number,
        filled(request) & names,
        sum(_length(request.get(name)) for name in PROBLEMS),
        _length(request.get("medications")),
        {kind: _share(known.get(kind)) for kind in KINDS} if isinstance(known, dict) else None,
    )


def _length(entries: Any) -> int:
    return len(entries) if isinstance(entries, list) else 0


def _share(stored: Any) -> Share:
    found: dict[str, Any] = stored if isinstance(stored, dict) else {}
    return Share(
        int(found.get("known", 0)),
        int(found.get("sent", 0)),
        dict(found.get("left_out", {})),
        len(found.get("missing", ())),
    )


@dataclass(slots=True)
class Week:
    """The requests that were made in one week."""

    requests: int = 0
    filled: int = 0
    """Fields, over all of them."""
    sharing: Counter[str] = field(default_factory=Counter)

    @property
    def fields_each(self) -> float:
        """How many fields a request has filled, on average."""
        return self.filled / self.requests if self.requests else 0.0


@dataclass(slots=True)
class Sums:
    """Many requests together."""

    requests: int = 0
    unreadable: int = 0
    """Bodies that are gone or can't be opened: they count nowhere else."""
    fields: dict[int, Counter[str]] = field(default_factory=dict)
    """By version of the API: in how many requests each field is filled."""
    versions: Counter[int] = field(default_factory=Counter)
    sharing: Counter[str] = field(default_factory=Counter)
    weeks: dict[str, Week] = field(default_factory=dict)
    """By the week they were made in, `2026-W10`."""
    known: Counter[str] = field(default_factory=Counter)
    """By kind."""
    sent: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, Counter[str]] = field(
        default_factory=lambda: {kind: Counter[str]() for kind in KINDS}
    )
    """By kind and reason."""
    missing: Counter[str] = field(default_factory=Counter)
    missing_in: list[int] = field(default_factory=list)
    """Some requests from which something is missing."""
    unproven: int = 0
    """Requests that were composed before proofs were kept."""
    lacking: int = 0
    """Requests that lack a required field."""

    def add(self, number: int, made: date, found: Completeness | None) -> None:
        """Count one request: its id, the day on which it was made, and what it has."""
        self.requests += 1
        if found is None:
            self.unreadable += 1
            return
        self.versions[found.version] += 1
        self.fields.setdefault(found.version, Counter()).update(found.filled)
        self.sharing[found.sharing] += 1
        self.lacking += bool(found.lacking)
        week = self.weeks.setdefault(week_of(made), Week())
        week.requests += 1
        week.filled += len(found.filled)
        week.sharing[found.sharing] += 1
        if found.shared is None:
            self.unproven += 1
            return
        for kind, share in found.shared.items():
            self.known[kind] += share.known
            self.sent[kind] += share.sent
            self.left_out[kind].update(share.left_out)
            self.missing[kind] += share.missing
        if found.missing and len(self.missing_in) < MOST_NAMED:
            self.missing_in.append(number)

    @property
    def read(self) -> int:
        """How many requests were looked into."""
        return self.requests - self.unreadable

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "requests": self.requests,
            "unreadable": self.unreadable,
            "lacking": self.lacking,
            "sharing": {kind: self.sharing[kind] for kind in SHARING},
            "versions": [self._version_json(number) for number in sorted(self.versions)],
            "weeks": [
                {
                    "week": name,
                    "requests": week.requests,
                    "fields_each": round(week.fields_each, 1),
                    "sharing": {kind: week.sharing[kind] for kind in SHARING},
                }
                for name, week in sorted(self.weeks.items())
            ],
            "reciprocity": {
                **{
                    kind: {
                        "known": self.known[kind],
                        "sent": self.sent[kind],
                        "left_out": dict(sorted(self.left_out[kind].items())),
                        "missing": self.missing[kind],
                    }
                    for kind in KINDS
                },
                "missing_in": self.missing_in,
                "unproven": self.unproven,
            },
        }

    def _version_json(self, number: int) -> dict[str, Any]:
        counts = self.fields[number]
        return {
            "version": number,
            "requests": self.versions[number],
            "fields": [
                {"field": one.name, "required": one.required, "filled": counts[one.name]}
                for one in fields(number)
            ],
        }


def week_of(day: date) -> str:
    """The ISO week of a day, `2026-W10`."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def one_as_json(found: Completeness | None) -> dict[str, Any] | None:
    """One request's, as `requests show --json` prints it."""
    if found is None:
        return None
    known = fields(found.version)
    required = [one.name for one in known if one.required]
    shared = None
    if found.shared is not None:
        shared = {
            kind: {
                "known": share.known,
                "sent": share.sent,
                "left_out": dict(share.left_out),
                "missing": share.missing,
            }
            for kind, share in found.shared.items()
        }
    return {
        "version": found.version,
        "required": {"filled": len(required) - len(found.lacking), "of": len(required)},
        "optional": {
            "filled": len(found.filled - set(required)),
            "of": len(known) - len(required),
        },
        "lacking": list(found.lacking),
        "filled": [one.name for one in known if one.name in found.filled],
        "problems": found.problems,
        "medications": found.medications,
        "reciprocity": shared,
    }
