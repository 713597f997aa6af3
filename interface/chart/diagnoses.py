"""The problems of a request: of each code what is known of it, in the lists of version 1 or the one of version 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from interface.chart.draft import Draft, Provenance
from interface.chart.model import Chart, Problem
from interface.rules.facts import Fact, LeftOut
from interface.rules.policy import Policy
from interface.rules.rulebook import Rulebook

_LISTS = {"ICD10": "activeIcd10Diagnoses", "ICD9": "activeIcd9Diagnoses", "SNOMED": "activeSnomedDiagnoses"}
_UNSEEN = "settings:mappings.visit_diagnosis_days"


@dataclass(frozen=True)
class Known:
    """One code with all that is known of it today."""

    shown: Problem
    """The sighting that label and sources are taken from."""
    date: Fact | None
    """The earliest."""
    active: bool = True
    unseen_days: int = 0
    """It is not active because nobody has named it for so long; 0: because a message says so."""


def known_problems(policy: Policy, chart: Chart, today: date) -> list[Known]:
    """Each code once, in the order in which the codes became known. It is active if one of its sightings is."""
    days = policy.visit_diagnosis_days
    limit = (today - timedelta(days=days)).isoformat() if days else ""
    same: dict[tuple[str, str], list[Problem]] = {}
    for problem in chart.problems:
        same.setdefault((problem.system, problem.code), []).append(problem)
    return [_known(sightings, limit, days) for sightings in same.values()]


def _known(sightings: list[Problem], limit: str, days: int) -> Known:
    stated = [entry for entry in sightings if entry.active]
    active = [entry for entry in stated if entry.at[:10] >= limit]
    if active:
        return Known(active[0], _earliest(active))
    newest = max(sightings, key=lambda entry: entry.at)
    return Known(newest, _earliest(sightings), active=False, unseen_days=days if stated else 0)


def _earliest(sightings: list[Problem]) -> Fact | None:
    dates = [fact for entry in sightings if (fact := entry.date) is not None and fact.value is not None]
    return min(dates, key=lambda fact: str(fact.value), default=None)


def _source(draft: Draft, problem: Problem, part: str = ".code") -> str:
    """Where a part of the problem stands; what has no source of its own stands where the code does."""
    sources = {leaf.path: leaf.source for leaf in problem.leaves}
    return draft.source(sources.get(part, problem.leaves[0].source), problem.message)


def _leave_out_inactive(draft: Draft, known: Known) -> None:
    source, code, days = _source(draft, known.shown), known.shown.code, known.unseen_days
    if days:
        draft.left_out.append(LeftOut(source, code, f"not seen for {days} days: no longer active"))
    else:
        draft.left_out.append(LeftOut(source, code, "the message says that it is no longer active"))


def _put_texts(draft: Draft, where: str, problem: Problem) -> None:
    """The provenance of code and label."""
    for leaf in problem.leaves:
        if leaf.path in (".code", ".displayName"):
            source = draft.source(leaf.source, problem.message)
            draft.fields.append(Provenance(where + leaf.path, leaf.value, source, problem.rule))


def _put_date(draft: Draft, where: str, entry: dict[str, Any], known: Known) -> None:
    if known.date is not None:
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
        if not known.active:
            _leave_out_inactive(draft, known)
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
            "active": known.active,
        }
        _put_texts(draft, where, shown)
        system = _source(draft, shown, ".codeSystem")
        draft.fields.append(Provenance(f"{where}.codeSystem", entry["codeSystem"], system, shown.rule))
        stated = _UNSEEN if known.unseen_days else _source(draft, shown, ".active")
        draft.fields.append(Provenance(f"{where}.active", known.active, stated, shown.rule))
        _put_date(draft, where, entry, known)
        entries.append(entry)
    if entries:
        draft.request["diagnoses"] = entries
