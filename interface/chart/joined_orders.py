"""Orders that become one: of two charts of one person, and those that a message says are the same."""

from __future__ import annotations

from itertools import combinations

from interface.chart.model import Chart, Order, change
from interface.chart.order_drugs import NAME, as_stated, since_stated, with_product
from interface.chart.order_facts import filled, stated_at
from interface.chart.order_numbers import KnownOrders, may_be_one, parent_of, same_drug, text_label
from interface.chart.order_states import end_parent, is_withheld, with_state


def absorb_orders(chart: Chart, entries: list[Order]) -> None:
    """The orders of another chart of the same person join: each with the one that a message of its numbers and drug would
    have found, and what has ended an order of its own number without naming a drug ends all of that number.
    """
    before, named = chart.orders, [entry for entry in entries if _is_named(entry)]
    nameless = [entry for entry in (*before, *entries) if not _is_named(entry)]
    chart.orders = [entry for entry in before if _is_named(entry)]
    known, touched = KnownOrders(chart.orders), set[int]()
    of_a_drug = {id(entry): _finds_its_drug(known, entry) for entry in named}
    for entry in (*sorted(named, key=lambda entry: not of_a_drug[id(entry)]), *nameless):
        found = known.find(entry.facts, entry.ids, touched)
        for place in found if entry.ended and not _is_named(entry) else found[:1]:
            known.put(place, joined(known[place], entry))
            touched.add(place)
        if not found:
            touched.add(known.add(entry))
    for own in (before, entries):
        _end_replaced(known, own)


def _is_named(order: Order) -> bool:
    return bool(text_label(order.facts.get(NAME)))


def _finds_its_drug(known: KnownOrders, order: Order) -> bool:
    """Whether one of the orders that it may be is of the same drug: these find each other first."""
    found = known.find(order.facts, order.ids, frozenset())
    return any(same_drug(order.facts.get(NAME), known[place].facts.get(NAME)) for place in found)


def _end_replaced(known: KnownOrders, orders: list[Order]) -> None:
    """What a replacement order (RO) of one chart names in ORC-8 ends where only the other chart had it."""
    replacing = [parent for order in orders if (parent := parent_of(order)) is not None and parent.value]
    told = KnownOrders(orders if replacing else [])
    for parent in replacing:
        if not told.find({}, tuple(parent.value), frozenset()):
            end_parent(known, parent)


def join_named(known: KnownOrders, ids: tuple[str, ...], found: list[int]) -> list[int]:
    """Make orders of one drug one, where a message names all the numbers that each of them was known by alone."""
    named, drug = set(ids), known[found[0]].facts.get(NAME)
    shared = [named & set(known[place].ids) for place in found]
    if (
        not all(shared)
        or sum(map(len, shared)) > len(set().union(*shared))
        or not all(same_drug(drug, known[place].facts.get(NAME)) for place in found[1:])
        or not all(may_be_one(known[one].ids, known[other].ids) for one, other in combinations(found, 2))
    ):
        return found
    first, *others = found
    for place in others:
        known.put(first, joined(known[first], known[place]))
        known.drop(place)
    return [first]


def joined(known: Order, order: Order) -> Order:
    """What is known of one order in two places."""
    withheld = [entry for entry in (known, order) if is_withheld(entry)]
    newer, older = (known, order) if known.at >= order.at else (order, known)
    said = older if newer.unsaid or older.state_since > newer.state_since else newer
    if said is older and not older.unsaid:  # a dispense since says nothing of the state
        newer = with_state(
            newer,
            ended=older.ended,
            leaf=older.ended_leaf,
            message=older.ended_message,
            rule=older.ended_rule,
            at=older.state_since,
        )
    if not withheld:
        more, base = sorted(map(as_stated, (older, newer)), key=stated_at)
        other = more.facts.get(NAME)
        if other is not None and not more.added:
            base = since_stated(base, other, other.at)
        both = change(
            newer,
            facts=filled(base.facts, more.facts, added=more.added),
            added=base.added,
            drug_since=base.drug_since,
            name_since=base.name_since,
            given=base.given,
            product=None,
            visit=base.visit or more.visit,
            account=base.account or more.account,
        )
        newer = with_product(both, more.given)
    taken = max(withheld, key=lambda entry: entry.at) if withheld else newer
    one: Order = change(taken, ids=tuple(dict.fromkeys((*taken.ids, *newer.ids, *older.ids))))
    return one
