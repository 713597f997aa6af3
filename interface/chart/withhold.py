"""What a site's withhold list (`withhold.csv`) keeps out of requests, and what was coded together with something
confidential. Looked at when a request is composed: the chart keeps all, so that a changed list counts at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from interface.chart.model import Chart, Order, Problem
from interface.rules.facts import Fact, LeftOut
from interface.rules.site import Site, Withheld

if TYPE_CHECKING:
    from interface.rules.reading import Reading
    from interface.rules.rulebook import Rulebook

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


def note_codings(chart: Chart, reading: Reading) -> None:
    """Remember which codes a message has for one diagnosis, in whatever systems."""
    items = [*reading.problems, *(item for found in reading.lists for item in found.problems)]
    known: set[tuple[str, ...]] | None = None
    for item in items:
        fact = item.get("problem.codings")
        if fact is None or not fact.value or len(fact.value) < 2:
            continue
        codes = tuple(dict.fromkeys(f"{coding['system']}|{coding['code']}" for coding in fact.value))
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
    since: dict[str, str] = {}
    for group in chart.coded_together:
        at = max((marks[code] for code in group if code in marks), default="")
        since.update((code, max(at, since.get(code, ""))) for code in group if at and code not in marks)
    kept = []
    told = set()
    for entry in chart.problems:
        code = entry.coding
        if code not in since or entry.gone or entry.released_at >= since[code]:
            kept.append(entry)
        elif code not in told:
            told.add(code)
            why = f"{CONFIDENTIAL}it was coded together with what a message withheld"
            left_out.append(LeftOut(source(entry.leaves[0].source, entry.message), entry.code, why))
    return kept if len(kept) < len(chart.problems) else chart.problems


def _problems(site: Site, chart: Chart, source: Source, left_out: list[LeftOut]) -> list[Problem]:
    """A code that is on the list, and the same diagnosis in another system: what was coded together goes together."""
    codes = {entry.coding for entry in chart.problems}.union(*chart.coded_together)
    listed = {code: row for code in codes if (row := site.withholds(*code.split("|", 1)))}
    if not listed:
        return chart.problems
    all_listed = dict(listed)
    for group in chart.coded_together:
        row = next((listed[code] for code in group if code in listed), None)
        if row is not None:
            all_listed.update((code, row) for code in group if code not in listed)
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
    """An order whose drug or product is on the list, and all others of the same drug."""
    keys = book.drug_keys

    def row_of(order: Order) -> Withheld | None:
        for name in ("medication.nameCode", "prescription.code"):
            value = _value(order.facts.get(name))
            if code := value.get("code"):
                named = str(value.get("codeSystemName", ""))
                system = keys.get(str(value.get("codeSystem", "")), keys.get(named, named.upper()))
                if found := book.site.withholds(system, str(code)):
                    return found
        return None

    drugs: dict[str, Withheld] = {}
    for order in orders:
        if found := row_of(order):
            drugs.setdefault(_drug(order), found)
    kept = []
    for order in orders:
        row = drugs.get(_drug(order))
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


def _drug(order: Order) -> str:
    """What tells one drug from another: its code with the system, else its name."""
    value = _value(order.facts.get("medication.nameCode"))
    if "code" in value:
        return f"{value.get('codeSystem') or value.get('codeSystemName', '')}|{value['code']}"
    return f"|{str(value.get('displayName', order.ids)).casefold()}"
