"""The production test: a request goes only when it was chosen, is complete, and has a slot or finds one free."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from interface.chart.guarding import Case, Ruling
from interface.chart.holds import hold
from interface.chart.reciprocity import Share
from interface.rules.facts import Reason

_NOT_ACTIVE = frozenset({"over", "not-seen"})
"""Reasons to leave out that say that it is not active: what else is left out is an exception."""
_NOT_CHOSEN = hold("production-test")

Reader = Callable[[Mapping[str, Any]], object]


@dataclass(frozen=True, slots=True)
class RoundNow:
    """The round as the guard needs it."""

    number: int
    slots: Mapping[int, bool] = field(default_factory=dict)
    """By request that has one: whether it went out, so that the API may have it."""
    free: int = 0


def _at(*path: str) -> Reader:
    def read(request: Mapping[str, Any]) -> object:
        found: Any = request
        for name in path:
            if isinstance(found, list | tuple):
                found = found[0] if found else None
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    return read


def _demanded(address: str) -> tuple[tuple[str, Reader], ...]:
    parts = tuple(
        (f"patient.{address}.{part}", _at("patient", address, part)) for part in ("lines", "city", "state")
    )
    return (("patient.gender", _at("patient", "gender")), *parts)


DEMANDED: Mapping[int, tuple[tuple[str, Reader], ...]] = {1: _demanded("address"), 2: _demanded("addresses")}
"""By version of the API: what a complete request has beyond what the contract itself demands, which is the clinician's NPI
and full name, the patient's number, full name, birth date and ZIP, and the date. A contact point is not among them: there
are patients without one, and senders that tell of none.
"""
_PROBLEMS = ("activeIcd10Diagnoses", "activeIcd9Diagnoses", "activeSnomedDiagnoses", "diagnoses")
PREFERRED: tuple[tuple[str, Reader], ...] = (
    ("problems", lambda request: any(request.get(name) for name in _PROBLEMS)),
    ("medications", _at("medications")),
    ("patient.contactPoints", _at("patient", "contactPoints")),
)
"""What a request need not have: those that have more of it are taken first."""


def lacking(request: Mapping[str, Any], api_version: int) -> tuple[str, ...]:
    """The demanded fields that a request has not; a gender that is not known is none."""
    return tuple(
        name for name, read in DEMANDED[api_version] if not (value := read(request)) or value == "UNKNOWN"
    )


def preferred(request: Mapping[str, Any]) -> tuple[str, ...]:
    """What is there of what makes a request fit for the test: the more the better."""
    return tuple(name for name, read in PREFERRED if read(request))


def exceptions(share: Share) -> dict[str, int]:
    """Of what is known active, how much is not in the request, by reason; `missing`: for none."""
    found = {why: count for why, count in share.left_out.items() if why not in _NOT_ACTIVE}
    return found | ({"missing": len(share.missing)} if share.missing else {})


@dataclass(frozen=True, slots=True)
class ProductionTestGuard:
    """The guard of the production test."""

    now: RoundNow

    def __call__(self, case: Case) -> Ruling:
        """What it says to a request."""
        asked = case.appointment.asked
        has_slot = asked is not None and asked.id in self.now.slots
        goes = has_slot or (asked is not None and asked.chosen == self.now.number and self.now.free > 0)
        another: tuple[Reason, ...] = ()
        if asked is not None and self.now.slots.get(asked.id):
            another = (_NOT_CHOSEN,)  # the API has, or may have, the one that was chosen
        holds = (*_incomplete(case), *(() if goes else (_NOT_CHOSEN,)))
        return Ruling(holds, another=another)


def _incomplete(case: Case) -> Iterator[Reason]:
    for name in lacking(case.request, case.api_version):
        yield hold(f"incomplete:{name}")
    known = case.known()
    for what, share in (("problems", known.problems), ("medications", known.orders)):
        if found := exceptions(share):
            counts = ", ".join(f"{why} {count}" for why, count in sorted(found.items()))
            why = hold(f"incomplete:{what}")
            yield Reason(why.code, f"{why.text}: {counts}")
