"""What an order states: which facts go together, which with its drug, and how those of two messages become one order's."""

from __future__ import annotations

from interface.chart.labels import labelled
from interface.chart.model import Order
from interface.chart.order_drugs import NAME, PRODUCT, is_ndc
from interface.chart.order_numbers import same_drug, text_label
from interface.chart.update import merge
from interface.rules.facts import Fact, Item, Leaf, value_of

# What an order states as a whole: a change that brings one of them leaves no old one beside it to contradict it.
DOSAGE: tuple[str, ...] = ("prescription.text", "prescription.timing", "prescription.dose")
TOGETHER = (("order.start", "order.stop", "order.duration"), DOSAGE)
_CODED = frozenset((NAME, PRODUCT, "medication.scheduleCode", "prescription.form", "prescription.route"))
_OF_ANY_DRUG = ("prescription.prescribedDate", "prescription.prescriber", "prescription.facility")
"""What an order keeps when it is changed to another drug."""


def is_of_the_drug(field: str) -> bool:
    """Whether a field of an order goes with its drug. (Its name is replaced, and does not go.)"""
    return (
        field == "medication.scheduleCode"
        or field in TOGETHER[0]
        or (field.startswith("prescription.") and field not in _OF_ANY_DRUG)
    )


def stated_at(order: Order) -> str:
    """When a message last stated the order; empty: nothing has, and what is known was only added."""
    control, name = order.facts.get("order.control"), order.facts.get(NAME)
    if control is not None and control.value not in ("open", "replaces"):
        control = None  # what ended the order, or asked
    stated = (fact.at for fact in (control, name) if fact is not None)
    return "" if order.added else max(stated, default="")


def stated_otherwise(known: Item, told: Item, message: str) -> list[Leaf]:
    """What that message has said of an order's dosage, and says otherwise in `told` (a dose that tapers off)."""
    if not any(field in told for field in DOSAGE):
        return []
    return [
        fact.leaves[0]
        for field in DOSAGE
        if (fact := known.get(field)) is not None
        and (fact.message == message and fact.leaves)
        and (field not in told or told[field].value != fact.value)
    ]


def filled(facts: Item, more: Item, *, added: bool) -> dict[str, Fact]:
    """What is stated of an order, with what else is known of it and contradicts nothing. `added`: that was only added."""
    found = dict(facts)
    known, other = facts.get(NAME), more.get(NAME)
    same = same_drug(other, known)
    unsure = same is None and text_label(other) and text_label(known)
    for field, fact in more.items():
        stated = found.get(field)
        if (same is False and is_of_the_drug(field)) or (unsure and field == PRODUCT):
            continue
        if field == "prescription.prescribedDate":
            take_date(found, fact, opens=True)
        elif field == PRODUCT:
            take_code(found, fact, states=False)
        elif field == "order.confidential":
            merge(found, field, fact)
        elif is_empty(found.get(field)) and not contradicts(facts, field):
            found[field] = fact
        complete(found, field, stated, fact, added=added)
    return found


def complete(facts: dict[str, Fact], field: str, known: Fact | None, fact: Fact, *, added: bool) -> None:
    """A coded fact of an order, with what the other of the two that met says more. `known`: what stood there before;
    `added`: `fact` only adds, and gives no label where one is stated.
    """
    if known is not None and field in _CODED:
        stands = facts[field]
        facts[field] = labelled(stands, fact, added=added) if stands is known else labelled(stands, known)


def contradicts(known: Item, field: str) -> bool:
    """Whether a fact would stand beside others of its group, which state the whole without it."""
    return any(not is_empty(known.get(other)) for group in TOGETHER if field in group for other in group)


def is_empty(fact: Fact | None) -> bool:
    """Whether nothing is known of a field, not even that it was deleted."""
    return fact is None or (fact.value is None and not fact.deleted)


def take_code(facts: dict[str, Fact], fact: Fact, *, states: bool) -> None:
    """The product: RxNorm is for where there is no NDC, of whichever message."""
    known = facts.get(PRODUCT)
    if known is not None and not is_empty(known):
        if known.value is not None and fact.value is not None and is_ndc(known) is not is_ndc(fact):
            facts[PRODUCT] = known if is_ndc(known) else fact
            return
        if not states:
            return
    merge(facts, PRODUCT, fact)


def _is_original(fact: Fact) -> bool:
    """Whether it is the original date by name (RXE-32), and not that of a message."""
    return any(leaf.source.startswith("RXE") for leaf in fact.leaves)


def keep_original_date(facts: dict[str, Fact]) -> None:
    """Of a message that did not prescribe it, an order has no date but the original one."""
    stated = facts.get("prescription.prescribedDate")
    if stated is not None and not _is_original(stated):
        del facts["prescription.prescribedDate"]


def leave_later_date(facts: dict[str, Fact], at: str) -> None:
    """The date of a message behind the one that opened the order is not that on which it was prescribed."""
    known = facts.get("prescription.prescribedDate")
    if known is not None and known.at > at and not _is_original(known):
        del facts["prescription.prescribedDate"]


def take_date(facts: dict[str, Fact], fact: Fact, *, opens: bool) -> None:
    """RXE-32, else the date of the message that opened the order; later actions don't move it."""
    known = facts.get("prescription.prescribedDate")
    if _is_original(fact):
        if known is None or not value_of(known) or not _is_original(known) or fact.at < known.at:
            facts["prescription.prescribedDate"] = fact
    elif opens and (known is None or (not _is_original(known) and fact.at < known.at)):
        facts["prescription.prescribedDate"] = fact
