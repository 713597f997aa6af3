"""What a site's withhold list (`withhold.csv`) keeps out of requests, and what was coded together with something
confidential. Looked at when a request is composed: the chart keeps all, so that a changed list counts at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from interface.chart.model import Chart, Order, Problem
from interface.rules.facts import Fact, LeftOut
from interface.rules.site import Site, Withheld
from interface.rules.types.ndc import NDC, ndc11, ndc_candidates

if TYPE_CHECKING:
    from interface.rules.reading import Reading
    from interface.rules.rulebook import Rulebook

_Why = TypeVar("_Why")
Source = Callable[[str, str], str]
"""A path and the control id of the message that said it, as provenance shows it."""
WITHHELD_BY = "withheld by "
"""How the reason begins that is noted for what is withheld."""
CONFIDENTIAL = "confidential: "
"""How it begins for what the sender says is confidential under another code."""


def without_withheld(book: Rulebook, chart: Chart, source: Source, left_out: list[LeftOut]) -> Chart:
    """The chart without what the site withholds; each with its reason in `left_out`. The chart itself stays as it is."""
    told = without_confidential(chart, source, left_out) if chart.coded_together else chart.problems
    if not book.site.withholds_any and told is chart.problems:
        return chart
    shown = chart.copy()
    shown.problems = told
    if not book.site.withholds_any:
        return shown
    shown.problems = _problems(book.site, shown, source, left_out)
    shown.orders = _orders(book, chart.orders, source, left_out)
    return shown


def _why(row: Withheld) -> str:
    return f"{WITHHELD_BY}{row.rule}" + (f": {row.reason}" if row.reason else "")


def spread(marked: Mapping[str, _Why], groups: Iterable[Collection[str]]) -> dict[str, _Why]:
    """What is marked, and what hangs together with it, over however many groups: each goes with the first that led to it."""
    groups_of = _groups_of(groups)
    found = dict(marked)
    todo = list(marked)
    for key in todo:  # grows
        for group in groups_of.pop(key, ()):
            for other in group:
                if other not in found:
                    found[other] = found[key]
                    todo.append(other)
    return found


def _groups_of(groups: Iterable[Collection[str]]) -> dict[str, list[Collection[str]]]:
    found: dict[str, list[Collection[str]]] = {}
    for group in groups:
        for key in group:
            found.setdefault(key, []).append(group)
    return found


def note_codings(chart: Chart, reading: Reading) -> None:
    """Remember which codes a message has for one diagnosis, in whatever systems."""
    items = [*reading.problems, *(item for found in reading.lists for item in found.problems)]
    known: set[tuple[str, ...]] | None = None
    for item in items:
        fact = item.get("problem.codings")
        if fact is None or not fact.value or len(fact.value) + len(fact.ids) < 2:
            continue
        sent = [f"{coding['system']}|{coding['code']}" for coding in fact.value]
        codes = tuple(dict.fromkeys((*sent, *(f"{leaf.path}|{leaf.value}" for leaf in fact.ids))))
        if known is None:
            known = set(chart.coded_together)
        if len(codes) > 1 and codes not in known:
            known.add(codes)
            chart.coded_together.append(codes)


def without_confidential(chart: Chart, source: Source, left_out: list[LeftOut]) -> list[Problem]:
    """The problems without those whose diagnosis the sender calls confidential under another code, unless he has said since
    of this one that it is not: else the other code would tell.
    """
    marks: dict[str, str] = {}
    for entry in chart.problems:
        if entry.gone == "withheld":
            code = entry.coding
            marks[code] = max(entry.at, marks.get(code, ""))
    if not marks:
        return chart.problems
    released: dict[str, str] = {}
    for entry in chart.problems:
        if entry.released_at:
            released[entry.coding] = max(entry.released_at, released.get(entry.coding, ""))
    since = _withheld_since(marks, released, chart.coded_together)
    kept = []
    told = set()
    for entry in chart.problems:
        code = entry.coding
        if code not in since or entry.gone:
            kept.append(entry)
        elif code not in told:
            told.add(code)
            why = f"{CONFIDENTIAL}it was coded together with what a message withheld"
            left_out.append(LeftOut(source(entry.leaves[0].source, entry.message), entry.code, why))
    return kept if len(kept) < len(chart.problems) else chart.problems


def _withheld_since(
    marks: Mapping[str, str], released: Mapping[str, str], groups: Iterable[Collection[str]]
) -> dict[str, str]:
    """Since when what is not marked itself is withheld with what is, by its code; what was released since tells nothing of
    those behind it.
    """
    groups_of = _groups_of(groups)
    since: dict[str, str] = {}
    # the latest first
    for marked, at in sorted(marks.items(), key=lambda mark: mark[1], reverse=True):
        todo = [marked]
        for code in todo:  # grows
            for group in groups_of.get(code, ()):
                for other in group:
                    if other not in marks and other not in since and released.get(other, "") < at:
                        since[other] = at
                        todo.append(other)
    return since


def _problems(site: Site, chart: Chart, source: Source, left_out: list[LeftOut]) -> list[Problem]:
    """A code that is on the list, and the same diagnosis in another system: what was coded together goes together."""
    codes = {entry.coding for entry in chart.problems}.union(*chart.coded_together)
    listed = {code: row for code in codes if (row := site.withholds(*code.split("|", 1)))}
    if not listed:
        return chart.problems
    all_listed = spread(listed, chart.coded_together)
    kept = []
    told = set()
    for entry in chart.problems:
        code = entry.coding
        found = all_listed.get(code)
        if found is None:
            kept.append(entry)
        elif code not in told:
            told.add(code)
            why = _why(found) if code in listed else f"{_why(found)}: it was coded together with that"
            left_out.append(LeftOut(source(entry.leaves[0].source, entry.message), entry.code, why))
    return kept


def _orders(book: Rulebook, orders: list[Order], source: Source, left_out: list[LeftOut]) -> list[Order]:
    """An order whose drug or product is on the list, and all others of the same drug: by its code, product or name."""
    keys = book.drug_keys

    def row_of(order: Order) -> Withheld | None:
        for field in ("medication.nameCode", "prescription.code"):
            for named, code in _codes(order.facts.get(field)):
                system = keys.get(named, named.upper())
                for one in ndc_candidates(code) if system == "NDC" else (code,):
                    if found := book.site.withholds(system, one):
                        return found
        return None

    listed: dict[str, Withheld] = {}
    drugs = [_names(order) for order in orders]
    for order, names in zip(orders, drugs, strict=True):
        if found := row_of(order):
            listed.update((name, found) for name in names if name not in listed)
    if not listed:
        return orders
    all_listed = spread(listed, drugs)
    kept = []
    for order, names in zip(orders, drugs, strict=True):
        row = next((all_listed[name] for name in names if name in all_listed), None)
        if row is None:
            kept.append(order)
            continue
        name = order.facts.get("medication.nameCode")
        if name is not None and name.leaves:
            value = _value(name)
            shown = str(value.get("code") or value.get("displayName", ""))
            left_out.append(LeftOut(source(name.leaves[0].source, name.message), shown, _why(row)))
    return kept


def _value(fact: Fact | None) -> dict[str, Any]:
    return fact.value if fact is not None and isinstance(fact.value, dict) else {}


def _codes(fact: Fact | None) -> list[tuple[str, str]]:
    """OID or name of the system, and the code: as it is sent, and what it was coded as besides."""
    value = _value(fact)
    found = [(str(leaf.path), str(leaf.value)) for leaf in fact.ids] if fact is not None else []
    if code := value.get("code"):
        found.insert(0, (str(value.get("codeSystem") or value.get("codeSystemName", "")), str(code)))
    return found


def _names(order: Order) -> tuple[str, ...]:
    """What tells one drug from another: its code and product, each with its system, and its name; else the order alone."""
    found: list[str] = []
    for field in ("medication.nameCode", "prescription.code"):
        value = _value(order.facts.get(field))
        if code := value.get("code"):
            system = value.get("codeSystem") or value.get("codeSystemName", "")
            found.append(f"{system}|{(ndc11(code) if system == NDC else '') or code}")
    if name := _value(order.facts.get("medication.nameCode")).get("displayName"):
        found.append(f"|{str(name).casefold()}")
    return tuple(dict.fromkeys(found)) or (f"|{order.ids}",)
