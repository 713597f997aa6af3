"""What a site's withhold list (`withhold.csv`) keeps out of requests. Looked at when a request is composed: the chart
keeps all, so that a changed list counts at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interface.chart.model import Chart, Order, Problem
from interface.rules.facts import Fact, LeftOut
from interface.rules.rulebook import Rulebook
from interface.rules.site import Site, Withheld

Source = Callable[[str, str], str]
"""A path and the control id of the message that said it, as provenance shows it."""


def without_withheld(book: Rulebook, chart: Chart, source: Source, left_out: list[LeftOut]) -> Chart:
    """The chart without what the site withholds; each with its reason in `left_out`. The chart itself stays as it is."""
    if not book.site.withholds_any:
        return chart
    shown = chart.copy()
    shown.problems = _problems(book.site, chart.problems, source, left_out)
    shown.orders = _orders(book, chart.orders, source, left_out)
    return shown


def _why(row: Withheld) -> str:
    return f"withheld by {row.rule}" + (f": {row.reason}" if row.reason else "")


def _problems(site: Site, problems: list[Problem], source: Source, left_out: list[LeftOut]) -> list[Problem]:
    """A code that is on the list, and the same diagnosis in another system: what was coded together goes together."""
    listed = {key: row for entry in problems if (row := site.withholds(*(key := (entry.system, entry.code))))}
    if not listed:
        return problems
    together: dict[tuple[str, str], Withheld] = {}
    for entry in problems:
        if row := listed.get((entry.system, entry.code)):
            together.setdefault(_statement(entry), row)
    twins = dict(listed)
    for entry in problems:
        if row := together.get(_statement(entry)):
            twins.setdefault((entry.system, entry.code), row)
    kept = []
    told = set()
    for entry in problems:
        key = (entry.system, entry.code)
        found = twins.get(key)
        if found is None:
            kept.append(entry)
        elif key not in told:
            told.add(key)
            why = _why(found) if key in listed else f"{_why(found)}: it was coded together with that"
            left_out.append(LeftOut(source(entry.leaves[0].source, entry.message), entry.code, why))
    return kept


def _statement(entry: Problem) -> tuple[str, str]:
    """The field of the message that states a problem, perhaps in several systems."""
    return entry.message, entry.leaves[0].source.partition(".")[0]


def _orders(book: Rulebook, orders: list[Order], source: Source, left_out: list[LeftOut]) -> list[Order]:
    """An order whose drug or product is on the list, and all others of the same drug."""
    keys = {
        str(row["oid"]): str(row["key"])
        for row in book.tables["drug_systems"].rows.values()
        if isinstance(row, dict)
    }

    def row_of(order: Order) -> Withheld | None:
        for name in ("medication.nameCode", "prescription.code"):
            value = _value(order.facts.get(name))
            if code := value.get("code"):
                system = keys.get(value.get("codeSystem", ""), value.get("codeSystemName", ""))
                if found := book.site.withholds(str(system).upper(), str(code)):
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
