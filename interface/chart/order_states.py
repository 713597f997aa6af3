"""Whether an order runs, and what says so; whether it may be shown."""

from __future__ import annotations

from collections.abc import Iterable

from interface.chart.model import Order, change
from interface.chart.order_numbers import KnownOrders
from interface.rules.facts import Fact, Item, Leaf, text_of


def replaced(order: Order, parent: Fact) -> Order:
    """The order, ended by a replacement that names it. `parent`: the replacement's ORC-8.

    One that has ended keeps what said so first, but is not opened again by what is older than the replacement.
    """
    if order.ended:
        again: Order = change(order, state_at=parent.at, unsaid=False)
        return again
    leaf = change(parent.leaves[0], path="", value=False)
    return with_state(order, ended=True, leaf=leaf, message=parent.message, rule=parent.rule, at=parent.at)


def end_parent(known: KnownOrders, parent: Fact, own: Iterable[str] = ()) -> None:
    """A replacement order ends the one it names (`parent`: its ORC-8), unless something newer opened or ended that, or it is
    the order itself, of the numbers `own`.
    """
    for place in known.find({}, tuple(parent.value), frozenset()):
        order = known[place]
        newer = not order.unsaid and order.state_since > parent.at
        if not (newer or is_withheld(order) or not set(own).isdisjoint(order.ids)):
            known.put(place, replaced(order, parent))


def with_state(order: Order, *, ended: bool, leaf: Leaf | None, message: str, rule: str, at: str) -> Order:
    """The order, opened or ended by what says so: its place, message and rule, and when."""
    stated: Order = change(
        order,
        ended=ended,
        ended_leaf=leaf,
        ended_message=message,
        ended_rule=rule,
        state_at=at,
        unsaid=False,
    )
    return stated


def newer_of(one: Fact | None, other: Fact | None) -> Fact | None:
    """The one of two facts that was said last."""
    return other if one is None or (other is not None and other.at > one.at) else one


def is_withheld(order: Order) -> bool:
    """Whether an order is confidential (ORC-28): then it is not shown."""
    return text_of(order.facts, "order.confidential") == "withhold"


def control_of(item: Item) -> Fact | None:
    """What ORC-1 says; None when it is empty or deleted."""
    control = item.get("order.control")
    return control if control is not None and control.value is not None else None


def effect_of(item: Item, *, adds: bool) -> tuple[str, Fact | None]:
    """`end`, `open` or nothing, and the field that says so: what ends it, ORC-1 or ORC-5, counts.

    A dispense that is completed (`adds`) is no order that is.
    """
    status, control = item.get("order.status"), control_of(item)
    ends = ("end",) if adds else ("end", "completed")
    for fact in (control, status):
        if fact is not None and fact.value in ends:
            return "end", fact
    return ("open" if control is not None and control.value in ("open", "replaces") else ""), control
