"""Problems and medications that a site's own segments list (Z-segments, `each: ZPL` in its overlay).

A list belongs to the patient, not to a visit: its problems do not grow old. Where the rule says `snapshot: true` each
message has the whole list: a problem that is no longer on it is gone, a medication has ended. Segments without a code
are no list; one with HL7 null there is an empty one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from interface.chart.model import Chart, Order, Problem, change
from interface.chart.order_states import with_state
from interface.chart.orders import take_confidential_orders, take_orders
from interface.chart.problems import Before, take_confidential, take_out, take_problems
from interface.rules.facts import Leaf, LeftOut

if TYPE_CHECKING:
    from interface.rules.reading import Reading, SiteList


def take_lists(chart: Chart, reading: Reading, left_out: list[LeftOut], *, sends_ended: bool) -> None:
    """Every list of the message, each segment an entry of its own. `sends_ended`: see `take_problems`."""
    for found in reading.lists:
        whole = found.snapshot and _has_codes(found)
        late = whole and not _is_newest(chart, reading, found)
        if found.problems:
            before: Before = {}
            if whole and not late:
                before = take_out(chart, partial(_lists_problem, found))
            own = _of_no_visit(reading, found)
            take_problems(chart, own, left_out, before, late=late, sends_ended=sends_ended)
        elif late:
            take_confidential_orders(chart, change(reading, orders=found.orders), left_out)
        else:
            take_orders(chart, change(reading, orders=found.orders), left_out)
            if whole:
                _states_all(chart, reading, found)


def take_confidential_lists(chart: Chart, reading: Reading, left_out: list[LeftOut]) -> None:
    """Of a message that comes too late for all else: what its lists call confidential is so."""
    for found in reading.lists:
        take_confidential(chart, _of_no_visit(reading, found), left_out)
        take_confidential_orders(chart, change(reading, orders=found.orders), left_out)


def _of_no_visit(reading: Reading, found: SiteList) -> Reading:
    facts = {name: fact for name, fact in reading.facts.items() if name != "visit.number"}
    listed: Reading = change(reading, problems=found.problems, facts=facts)
    return listed


def _has_codes(found: SiteList) -> bool:
    """Whether a segment says which problem or drug it is about, or deletes that; engines fill in empty ones."""
    return any("problem.codings" in item for item in found.problems) or any(
        "medication.nameCode" in item for item in found.orders
    )


def _is_newest(chart: Chart, reading: Reading, found: SiteList) -> bool:
    """Whether no newer whole list of the segment is known; from now on this one is."""
    name = f"list {found.segment}"
    if reading.at < chart.snapshots.get(name, ""):
        return False
    chart.snapshots[name] = reading.at
    return True


def _lists_problem(found: SiteList, entry: Problem) -> bool:
    if entry.gone == "withheld":
        return False  # that it is confidential stays known
    return any(leaf.source.startswith(found.segment) for leaf in entry.leaves[:1])


def _lists_order(found: SiteList, order: Order) -> bool:
    name = order.facts.get("medication.nameCode")
    return name is not None and any(leaf.source.startswith(found.segment) for leaf in name.leaves[:1])


def _states_all(chart: Chart, reading: Reading, found: SiteList) -> None:
    """A whole list says of each of its orders whether the patient takes the drug: those that this message does not have
    have ended, those it has run, unless the message itself says that they do not.
    """
    for index, order in enumerate(chart.orders):
        if order.at > reading.at or not _lists_order(found, order):
            continue
        name = order.facts["medication.nameCode"]
        listed = name.message == reading.control_id
        if order.ended is not listed or (listed and _says_state(order, reading)):
            continue
        chart.orders[index] = with_state(
            change(order, at=reading.at),
            ended=not listed,
            leaf=Leaf("", listed, name.leaves[0].source if listed else found.segment),
            message=reading.control_id,
            rule=name.rule,
            at=reading.at,
        )


def _says_state(order: Order, reading: Reading) -> bool:
    """Whether a field of this message ended the order, or has it stay as it was (ORC-1 by a site's rule)."""
    control = order.facts.get("order.control")
    return order.ended_message == reading.control_id or (
        control is not None and control.value is not None and control.message == reading.control_id
    )
