"""Since when an order is of its drug, and which product of it: as it is stated, or the NDC that was given out since.

What was given out is kept beside what is stated: what comes late may say that the order was of another drug then.
"""

from __future__ import annotations

from interface.chart.labels import labelled
from interface.chart.model import Given, Order, Since, change
from interface.chart.order_numbers import same_drug, text_label
from interface.rules.facts import Fact, Item
from interface.rules.types.ndc import NDC

NAME, PRODUCT = "medication.nameCode", "prescription.code"


def stated_again(since: Since, last: str, at: str, *, another: bool) -> Since:
    """When something is stated once more: as what it was last stated as, at `last`, or as another."""
    before, first = since[0], since[1] or last
    if at == last and not another:
        return since  # the same message again
    if at >= last:
        return (last, at) if another else (before, first)
    if at <= before:
        return since
    if another:
        return at, first if first > at else last
    return before, min(first, at)


def is_of_before(since: Since, at: str) -> bool:
    """Whether a message of that time tells of what it was before."""
    return bool(since[0]) and at < since[1]


def since_stated(order: Order, named: Fact | None, at: str) -> Order:
    """The order, since its drug is named once more; `named`: as what."""
    known = order.facts.get(NAME)
    if known is None or not text_label(known) or not text_label(named):
        return order
    same = same_drug(named, known)
    drug = stated_again(order.drug_since, known.at, at, another=same is False)
    name = stated_again(order.name_since, known.at, at, another=not same)
    if (drug, name) == (order.drug_since, order.name_since):
        return order
    again: Order = change(order, drug_since=drug, name_since=name)
    return again


# ---------------------------------------------------------------- its product


def is_ndc(fact: Fact | None) -> bool:
    """Whether a product is told by its NDC."""
    return fact is not None and fact.value is not None and fact.value.get("codeSystem") == NDC


def given_out(item: Item) -> Given | None:
    """What a dispense gave out: its NDC; None: it names none."""
    product = item.get(PRODUCT)
    return Given(product, item.get(NAME)) if product is not None and is_ndc(product) else None


def as_stated(order: Order) -> Order:
    """The order with its product as it is stated."""
    if order.given is None:
        return order
    facts = {field: fact for field, fact in order.facts.items() if field != PRODUCT}
    if order.product is not None:
        facts[PRODUCT] = order.product
    stated: Order = change(order, facts=facts, product=None)
    return stated


def with_product(order: Order, given: Given | None) -> Order:
    """The order as it is stated, with the product that was given out, by now or before, where that is the newer and of the
    drug that the order names.
    """
    known = order.given
    if known is None or (given is not None and given.product.at >= known.product.at):
        known = given
    if known is None:
        return order
    stated, name = order.facts.get(PRODUCT), order.facts.get(NAME)
    facts = dict(order.facts)
    if name is not None:
        facts[NAME] = labelled(name, known.name, added=True)
    newer = stated is not None and stated.at > known.product.at and (is_ndc(stated) or stated.deleted)
    if not newer and not is_of_other_drug(order, known):
        facts[PRODUCT] = labelled(known.product, stated)
    dispensed: Order = change(order, facts=facts, given=known, product=stated)
    return dispensed


def is_of_other_drug(order: Order, given: Given) -> bool:
    """Whether it was given out when the order was of another drug, or bore another name."""
    at, name = given.product.at, order.facts.get(NAME)
    if is_of_before(order.name_since, at):
        return True
    since = order.drug_since[1] or (name.at if name is not None else "")
    return at < since and same_drug(given.name, name) is False
