"""Proof that a request shares what is known: each problem and order that stands in the chart is in it, or why not is said.

The chart is held against the finished request. Nothing of the composing is asked again but what it noted as withheld, so a
mistake in composing shows here as `missing`.

Goal: nearly every request has all that is known, and to find that out must cost next to nothing (1 % of reading and
deciding a message). Plan: one pass over the chart and one over the request make sets to compare; only what the request
lacks is looked into. Cost: some 0.1 µs for each problem and order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from interface.chart.discharges import discharge_of
from interface.chart.draft import WITHHELD
from interface.chart.model import Chart, Order, Problem
from interface.chart.order_states import is_withheld
from interface.chart.withhold import CONFIDENTIAL, WITHHELD_BY
from interface.rules.facts import LeftOut, value_of
from interface.rules.policy import Policy
from interface.rules.types.ndc import NDC, ndc11

if TYPE_CHECKING:
    from interface.rules.rulebook import Rulebook

REASONS = {
    "confidential": "the sender says that it is confidential",
    "withheld": "the site's withhold list keeps it back",
    "not-test-data": "in staging: it is not of the test patient as imported",
    "no-list": "version 1 of the API has no list for its coding system",
    "no-drug": "the order names no drug",
    "not-seen": "a visit's diagnosis that nobody has named for as long as the settings let one count",
    "over": "over by its dates: resolved, stopped, or ended with the stay",
}
"""Why something that no message has ended is not in a request: stable codes, and what they mean."""

_NOTED = {CONFIDENTIAL: "confidential", WITHHELD_BY: "withheld", WITHHELD: "not-test-data"}
_LISTS = {"ICD10": "activeIcd10Diagnoses", "ICD9": "activeIcd9Diagnoses", "SNOMED": "activeSnomedDiagnoses"}

Coded = tuple[str, str]
"""System and code."""
_NO_DRUG = ("", "")


class Share(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What is known of one kind, and how much of it the request has: `known` is the sum of all else."""

    known: int = 0
    """Problems (each code once) and orders that no message has ended, and what is confidential."""
    sent: int = 0
    left_out: dict[str, int] = {}
    """How many are not in the request, by reason of `REASONS`."""
    missing: tuple[str, ...] = ()
    """What is not in the request and for no reason: there must be none. Codes and names (patient data)."""


class Ledger(msgspec.Struct, frozen=True, gc=False):
    """The proof of one request, made when it is composed: later the chart knows other things."""

    problems: Share
    orders: Share


_NOTHING = Share()


def ledger(
    book: Rulebook,
    policy: Policy,
    chart: Chart,
    request: Mapping[str, Any],
    left_out: Sequence[LeftOut],
    today: date,
) -> Ledger:
    """Hold a chart against the request that was composed from it. `left_out`: what the composing noted as left out."""
    problems = _problems(book, policy, chart, request, left_out, today) if chart.problems else _NOTHING
    orders = _orders(chart, request, left_out, today) if chart.orders else _NOTHING
    return Ledger(problems, orders)


def _share(known: int, why: Iterable[tuple[str, str]], confidential: int) -> Share:
    """`why`: of what is not sent the reason (empty: none), and what it is called."""
    left_out: Counter[str] = Counter({"confidential": confidential} if confidential else {})
    missing = []
    for reason, label in why:
        if reason:
            left_out[reason] += 1
        else:
            missing.append(label)
    known += confidential
    return Share(known, known - left_out.total() - len(missing), dict(left_out), tuple(missing))


_Noted = dict[str, tuple[int, str]]
"""Value to the reason for which the composing noted it first as withheld, and which note of all that is."""


def _noted(left_out: Sequence[LeftOut]) -> _Noted:
    found: _Noted = {}
    for number, entry in enumerate(left_out):
        for beginning, reason in _NOTED.items():
            if entry.why.startswith(beginning):
                found.setdefault(entry.value, (number, reason))
    return found


def _first(noted: _Noted, *values: str) -> str:
    """For which reason one of these was noted first; empty: none was."""
    return min((noted[value] for value in values if value in noted), default=(0, ""))[1]


# ---------------------------------------------------------------- problems


def _problems(
    book: Rulebook,
    policy: Policy,
    chart: Chart,
    request: Mapping[str, Any],
    left_out: Sequence[LeftOut],
    today: date,
) -> Share:
    if policy.api_version == 1 and _is_the_list(chart.problems, request):
        return Share(len(chart.problems), len(chart.problems))
    stated = {
        (entry.system, entry.code) for entry in chart.problems if entry.ended is None and not entry.gone
    }
    lacking = (
        stated - _listed(request) if policy.api_version == 1 else _not_called_active(book, stated, request)
    )
    known = len(stated)
    if not lacking and known == len(chart.problems):
        return Share(known, known)
    confidential = {(entry.system, entry.code) for entry in chart.problems if entry.gone == "withheld"}
    why = _why_not(policy, chart, lacking, left_out, today) if lacking else ()
    return _share(known, why, len(confidential - stated))


def _is_the_list(problems: Sequence[Problem], request: Mapping[str, Any]) -> bool:
    """Whether the request's list of ICD-10 is just what the chart has."""
    listed = request.get("activeIcd10Diagnoses", ())
    if len(listed) != len(problems):
        return False
    for problem, entry in zip(problems, listed, strict=True):
        if (
            problem.code != entry["code"]
            or problem.system != "ICD10"
            or problem.gone
            or problem.ended is not None
        ):
            return False
    return True


def _listed(request: Mapping[str, Any]) -> set[Coded]:
    """What a request of version 1 has in the lists of active problems."""
    return {(system, entry["code"]) for system, name in _LISTS.items() for entry in request.get(name, ())}


def _not_called_active(book: Rulebook, stated: set[Coded], request: Mapping[str, Any]) -> set[Coded]:
    """What a request of version 2 has not among its diagnoses, or not as active."""
    oids = book.tables["diagnosis_oids"]
    sent = {(entry["codeSystem"], entry["code"]) for entry in request.get("diagnoses", ()) if entry["active"]}
    # a system without a list in version 1 has its OID as its name
    return {(system, code) for system, code in stated if (str(oids.get(system) or system), code) not in sent}


def _why_not(
    policy: Policy, chart: Chart, lacking: set[Coded], left_out: Sequence[LeftOut], today: date
) -> Iterator[tuple[str, str]]:
    """Why each problem that is stated is not in the request (empty: for no reason), and what it is called."""
    over: dict[Coded, list[str]] = {coded: [] for coded in sorted(lacking)}
    for problem in chart.problems:
        coded = (problem.system, problem.code)
        if coded in over and not problem.gone and problem.ended is None:
            over[coded].append(_problem_over(problem, today, policy.visit_diagnosis_days))
    noted = _noted(left_out)
    for coded, reasons in over.items():
        system, code = coded
        if all(reasons):
            why = reasons[0]
        else:
            why = _first(noted, code)
            if not why and policy.api_version == 1 and system not in _LISTS:
                why = "no-list"
        yield why, "|".join(coded)


def _problem_over(problem: Problem, today: date, days: int) -> str:
    if problem.is_over(today.isoformat()):
        return "over"
    if days and not problem.listed:
        return "not-seen" if problem.at[:10] < (today - timedelta(days=days)).isoformat() else ""
    return ""


# ---------------------------------------------------------------- orders


def _orders(chart: Chart, request: Mapping[str, Any], left_out: Sequence[LeftOut], today: date) -> Share:
    if _are_the_medications(chart.orders, request):
        return Share(len(chart.orders), len(chart.orders))
    stated: dict[Coded, list[Order]] = {}
    confidential = known = 0
    for order in chart.orders:
        if order.ended:
            confidential += "order.confidential" in order.facts and is_withheld(order)
            continue
        known += 1
        name = order.facts.get("medication.nameCode")
        drug = _NO_DRUG if name is None or name.value is None else _drug(name.value)
        stated.setdefault(drug, []).append(order)
    prescriptions: dict[Coded, int] = {}
    if stated:
        for entry in request.get("medications", ()):
            if entry["active"]:
                prescriptions[_drug(entry["nameCode"])] = len(entry.get("medicationRequests", ()))
    lacking = [
        (drug, orders) for drug, orders in stated.items() if prescriptions.get(drug, -1) != len(orders)
    ]
    if not lacking and not confidential:
        return Share(known, known)
    noted = _noted(left_out) if lacking else {}
    why = (
        pair
        for drug, orders in lacking
        for pair in _not_sent(chart, orders, prescriptions.get(drug), noted, today)
    )
    return _share(known, why, confidential)


def _are_the_medications(orders: Sequence[Order], request: Mapping[str, Any]) -> bool:
    """Whether the request's medications are just the orders, each with its prescription."""
    medications = request.get("medications", ())
    if len(medications) != len(orders):
        return False
    for order, entry in zip(orders, medications, strict=True):
        name = order.facts.get("medication.nameCode")
        if order.ended or name is None or name.value != entry["nameCode"]:
            return False
        if not entry["active"] or len(entry.get("medicationRequests", ())) != 1:
            return False
    return True


def _drug(name: Mapping[str, Any]) -> Coded:
    """What tells one drug from another."""
    code = name.get("code")
    if code is None:
        return "", name["displayName"].casefold()
    system = name.get("codeSystem") or name.get("codeSystemName") or ""
    return system, ndc11(code) or code if system == NDC else code


def _not_sent(
    chart: Chart, orders: Sequence[Order], room: int | None, noted: _Noted, today: date
) -> Iterator[tuple[str, str]]:
    """Of one drug's orders those that the request has not, each with the reason (empty: none) and the drug's name.

    Each order that says more than a name has a prescription of its own: `room` is how many there are; None: the drug is
    not there.
    """
    for order in orders:
        name = order.facts.get("medication.nameCode")
        called = name.value if name is not None and name.value is not None else {}
        label = str(called.get("displayName") or called.get("code") or "")
        if not called:
            yield "no-drug", label
        elif _order_over(chart, order, today):
            yield "over", label
        elif room is None:
            yield _first(noted, str(called.get("code", label)), label), label
        elif _prescribes(order):
            room -= 1
            if room < 0:
                yield "", label


def _prescribes(order: Order) -> bool:
    """Whether an order says more than which drug it is."""
    return any(field.startswith("prescription.") and fact.value for field, fact in order.facts.items())


def _order_over(chart: Chart, order: Order, today: date) -> bool:
    """Whether an order that no message has ended is over by then."""
    if discharge_of(chart, order) is not None:
        return True
    stop, start, length = (
        value_of(order.facts.get(f"order.{part}")) for part in ("stop", "start", "duration")
    )
    if stop:
        return stop < today.isoformat()
    return bool(start and length) and date.fromisoformat(start) + timedelta(days=int(length)) < today
