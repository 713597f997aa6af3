"""The problems of a request: of each code what is known of it, in the lists of version 1 or the one of version 2."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from interface.chart.draft import Draft, Placed
from interface.chart.labels import LABEL
from interface.chart.model import Chart, Problem
from interface.chart.standing import Standing, by_code, first_date, standing
from interface.chart.stated_problems import with_label
from interface.rules.facts import Fact, LeftOut
from interface.rules.policy import Policy

if TYPE_CHECKING:
    from interface.rules.rulebook import Rulebook

_LISTS = {"ICD10": "activeIcd10Diagnoses", "ICD9": "activeIcd9Diagnoses", "SNOMED": "activeSnomedDiagnoses"}
_UNSEEN = "settings:mappings.visit_diagnosis_days"


class Known(msgspec.Struct, frozen=True, gc=False):
    """One code with all that is known of it today."""

    shown: Problem
    """The sighting that sources are taken from: the newest of those that are active, else of all; with the newest label."""
    standing: Standing
    date: Fact | None
    """The earliest."""


def known_problems(policy: Policy, chart: Chart, today: date) -> list[Known]:
    """Each code once, in the order in which the codes became known. It is active if one of its sightings is."""
    days = policy.visit_diagnosis_days
    return [_known(sightings, today, days) for sightings in by_code(chart)]


def _known(sightings: list[Problem], today: date, days: int) -> Known:
    if len(sightings) == 1:
        shown = sightings[0]
        return Known(shown, standing(shown, today, days), shown.date)
    standings = [(entry, standing(entry, today, days)) for entry in sightings]
    active = [pair for pair in standings if pair[1].active]
    shown, judged = max(active or standings, key=lambda pair: pair[0].at)
    for entry in sightings:
        shown = with_label(shown, entry)
    return Known(shown, judged, first_date(sightings) or shown.date)


def _source(draft: Draft, problem: Problem, part: str = ".code") -> str:
    """Where a part of the problem stands; what has no source of its own stands where the code does."""
    sources = {leaf.path: leaf.source for leaf in problem.leaves}
    return draft.source(sources.get(part, problem.leaves[0].source), problem.message)


def _put_texts(draft: Draft, where: str, problem: Problem) -> None:
    """The provenance of code and label."""
    leaves = tuple([leaf for leaf in problem.leaves if leaf.path in (".code", LABEL)])
    draft.placed.append(Placed(where, leaves, problem.rule, draft.earlier(problem.message)))
    if (named := problem.named) is not None:
        draft.placed.append(Placed(where, named.leaves, named.rule, draft.earlier(named.message)))


def _put_active(draft: Draft, where: str, judged: Standing) -> None:
    source = _UNSEEN if judged.aged else draft.source(judged.source, judged.message)
    draft.add(f"{where}.active", judged.active, source, judged.rule)


def _put_date(draft: Draft, where: str, entry: dict[str, Any], known: Known) -> None:
    if known.date is not None and known.date.value is not None:
        entry["date"] = known.date.value
        draft.leaves(f"{where}.date", known.date)


def lists_by_system(draft: Draft, book: Rulebook, problems: Sequence[Known]) -> None:  # noqa: ARG001 - as `diagnoses`
    """Version 1: the active problems, in a list for each of the three systems; the others are left out."""
    lists: dict[str, list[dict[str, Any]]] = {}
    for known in problems:
        shown = known.shown
        name = _LISTS.get(shown.system)
        if name is None:
            why = f"version 1 has no list for the coding system {shown.system}"
            draft.left_out.append(LeftOut(_source(draft, shown), shown.code, why))
            continue
        if not known.standing.active:
            draft.left_out.append(LeftOut(_source(draft, shown), shown.code, known.standing.why))
            continue
        entries = lists.setdefault(name, [])
        where = f"{name}[{len(entries)}]"
        entry: dict[str, Any] = {"code": shown.code, "displayName": shown.label}
        _put_texts(draft, where, shown)
        _put_date(draft, where, entry, known)
        entries.append(entry)
    for name in _LISTS.values():
        if name in lists:
            draft.request[name] = lists[name]


def diagnoses(draft: Draft, book: Rulebook, problems: Sequence[Known]) -> None:
    """Version 2: all problems, active or not, with the OID of their system.

    A system without a list in version 1 has its OID as its name.
    """
    oids = book.tables["diagnosis_oids"]
    entries: list[dict[str, Any]] = []
    for known in problems:
        shown = known.shown
        where = f"diagnoses[{len(entries)}]"
        entry: dict[str, Any] = {
            "code": shown.code,
            "codeSystem": str(oids.get(shown.system) or shown.system),
            "displayName": shown.label,
            "active": known.standing.active,
        }
        _put_texts(draft, where, shown)
        system = _source(draft, shown, ".codeSystem")
        draft.add(f"{where}.codeSystem", entry["codeSystem"], system, shown.rule)
        _put_active(draft, where, known.standing)
        _put_date(draft, where, entry, known)
        entries.append(entry)
    if entries:
        draft.request["diagnoses"] = entries
