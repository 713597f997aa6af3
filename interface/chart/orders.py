"""A patient's pharmacy orders through their life: opened, changed, ended, replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interface.chart.joined_orders import join_named
from interface.chart.labels import unlabelled
from interface.chart.model import Chart, Order, change
from interface.chart.order_drugs import (
    NAME,
    PRODUCT,
    as_stated,
    given_out,
    is_of_before,
    is_of_other_drug,
    since_stated,
    with_product,
)
from interface.chart.order_facts import (
    DOSAGE,
    TOGETHER,
    complete,
    contradicts,
    filled,
    is_empty,
    is_of_the_drug,
    keep_original_date,
    leave_later_date,
    stated_at,
    stated_otherwise,
    take_code,
    take_date,
)
from interface.chart.order_numbers import KnownOrders, ids_of, same_drug, text_label
from interface.chart.order_states import (
    control_of,
    effect_of,
    end_parent,
    is_withheld,
    newer_of,
    replaced,
    with_state,
)
from interface.chart.update import goes_with, merge
from interface.rules.facts import Fact, Item, Leaf, LeftOut, text_of

if TYPE_CHECKING:
    from interface.rules.reading import Reading

# ---------------------------------------------------------------- taking


def take_orders(chart: Chart, reading: Reading, left_out: list[LeftOut]) -> None:
    """ORC with RXO, RXE, RXD: each order through its life; later messages change what they state and keep the rest."""
    if not reading.orders:
        return
    touched: set[int] = set()
    known = KnownOrders(chart.orders)
    # what opens nothing by itself comes last: it may add to an order that this message opens, and so it does the second
    # time as it does the first
    for item in sorted(reading.orders, key=lambda item: _opens_none(item, adds=reading.event.adds_to_orders)):
        ids = ids_of(item)
        taking = _Taking(known, reading, item, ids, left_out, touched)
        if ids:
            taking.take()
        else:
            taking.say_unknown()
    known.leave_dropped()


def take_confidential_orders(chart: Chart, reading: Reading, left_out: list[LeftOut]) -> None:
    """Of a message that comes too late for all else: an order that it calls confidential is so."""
    confidential = [item for item in reading.orders if text_of(item, "order.confidential") == "withhold"]
    if confidential:
        take_orders(chart, change(reading, orders=tuple(confidential)), left_out)


def _opens_none(item: Item, *, adds: bool) -> bool:
    """Whether an item opens no order that is not known (`_Taking._open`); `adds`: of a message that adds to orders."""
    effect = effect_of(item, adds=adds)[0]
    if adds and (effect == "end" or not text_label(item.get(NAME))):
        return True
    return not effect and control_of(item) is not None


_TWICE = "the message states the order twice, of one drug under one number: the last counts"


class _Taking:
    """One order of a message on its way into the chart."""

    def __init__(
        self,
        known: KnownOrders,
        reading: Reading,
        item: Item,
        ids: tuple[str, ...],
        left_out: list[LeftOut],
        touched: set[int],
    ):
        self.known = known
        self.reading = reading
        self.given = item.get("order.administered")
        if self.given is not None:
            item = {field: fact for field, fact in item.items() if field != "order.administered"}
        self.adds = reading.event.adds_to_orders
        self.effect, says = effect_of(item, adds=self.adds)
        self.dispensed = given_out(item) if self.adds else None
        self.item = item
        self.ids = ids
        self.left_out = left_out
        self.touched = touched
        self.rule = says.rule if says is not None else ""
        self.states = not self.adds and (self.effect == "open" or control_of(item) is None)
        """Whether it states the order anew; all else adds what was not known."""
        self.leaf: Leaf | None = None
        if says is not None and says.leaves:
            self.leaf = change(says.leaves[0], value=self.effect != "end")

    def take(self) -> None:
        """Take it in."""
        found = self.known.find(self.item, self.ids, self.touched)
        if len(found) > 1 and self.touched.isdisjoint(found):
            found = join_named(self.known, self.ids, found)
        if len(found) > 1 and not self._all_are_meant(found):
            if self.effect != "open" or not text_label(self.item.get(NAME)):
                self._leave_out("several orders have this number: which is meant can't be told")
                return
            found = []
        if not found:
            self._open()
        for index in found:
            self._change(index)
        if (parent := self._replaces()) is not None and parent.value is not None:
            end_parent(self.known, parent, self.ids)

    def say_unknown(self) -> None:
        """Say that what ends or opens an order tells not which: it has no number and names no drug."""
        if self.effect:
            self._leave_out("the order has no number and names no drug: which is meant can't be told")

    def _all_are_meant(self, found: list[int]) -> bool:
        """Whether the message ends, under the very number they share, all orders of that number, or those of a drug."""
        named, drug = set(self.ids), self.item.get(NAME)
        return self.effect == "end" and all(
            named & set(order.ids) and (drug is None or same_drug(drug, order.facts.get(NAME)))
            for order in map(self.known.__getitem__, found)
        )

    def _leave_out(self, why: str) -> None:
        name = self.item.get(NAME) or self.given
        leaf = name.leaves[-1] if name is not None and name.leaves else self.leaf
        source = leaf.source if leaf is not None else "ORC-1"
        self.left_out.append(LeftOut(source, text_label(name), why))

    # ------------------------------------------------------------ an order that is not known

    def _open(self) -> None:
        if self._is_withheld():
            self.known.add(self._withheld(self.ids, None))
            return
        control = control_of(self.item)
        if _opens_none(self.item, adds=self.adds):
            self._say_opens_none()
            return
        facts = self._of_the_order()
        if self.adds or (control is not None and control.value not in ("open", "replaces")):
            keep_original_date(facts)
        visit, account = goes_with(self.reading, None)
        order = Order(
            ids=self.ids,
            facts=facts,
            at=self.reading.at,
            ended=self.effect == "end",
            ended_leaf=self.leaf or self._drug_leaf(),
            ended_message=self.reading.control_id,
            visit=visit,
            ended_rule=self.rule,
            state_at=self.reading.at,
            account=account,
            unsaid=self.adds or not self.effect,
            added=not self.states,
            replaces=self._replaces(),
        )
        order = self._replaced_by_now(order)
        self.touched.add(self.known.add(with_product(order, self.dispensed)))

    def _of_the_order(self) -> dict[str, Fact]:
        """What is said of the order: of a dispense ORC-1 is not, nor is what it gave out."""
        facts = dict(self.item)
        if self.adds:
            facts.pop("order.control", None)
        if self.dispensed is not None:
            del facts[PRODUCT]
        return facts

    def _say_opens_none(self) -> None:
        """Say why an order that is not known is not opened."""
        control, named = control_of(self.item), text_label(self.item.get(NAME))
        if control is None or (self.adds and (self.effect == "end" or not named)):
            self._leave_out("the order is not known, and this message opens none")
            return
        source = control.leaves[0].source
        self.left_out.append(LeftOut(source, named, f"{source} opens nothing, and the order is not known"))

    def _replaces(self) -> Fact | None:
        """What a replacement order (RO) names in ORC-8; a dispense or administration ends none."""
        replaces = not self.adds and text_of(self.item, "order.control") == "replaces"
        return self.item.get("order.parent") if replaces else None

    def _drug_leaf(self) -> Leaf | None:
        """That there is an order says that it runs, where no field does."""
        name = self.item.get(NAME)
        if name is None or not name.leaves:
            return None
        self.rule = name.rule
        return Leaf("", True, name.leaves[0].source)

    # ------------------------------------------------------------ one that is

    def _change(self, index: int) -> None:
        reading, old = self.reading, self.known[index]
        if index in self.touched and self.states:
            self.left_out += [
                LeftOut(leaf.source, str(leaf.value), _TWICE)
                for leaf in stated_otherwise(old.facts, self.item, reading.control_id)
            ]
        self.touched.add(index)
        newer = reading.at >= old.at
        ids = tuple(dict.fromkeys((*old.ids, *self.ids)))
        if self._stays_withheld(old):
            self.known.put(index, self._withheld(ids, old))
            return
        released = is_withheld(old) or old.facts.keys() == {"order.confidential"}  # nothing was kept of it
        if released and _opens_none(self.item, adds=self.adds):
            self._say_opens_none()
            facts = dict(old.facts)
            if (said := self.item.get("order.confidential")) is not None:
                facts["order.confidential"] = said
            self.known.put(index, change(old, ids=ids, facts=facts, at=max(reading.at, old.at)))
            return
        first = self.states and old.added
        old = as_stated(old)
        before = self.item if first else self._first_told(old)
        if self.states and not first:
            old = since_stated(old, self.item.get(NAME), reading.at)
        since = stated_at(old) if self.states and not released else None
        visit, account = goes_with(self.reading, old, adds=not self.states, since=since)
        changed = change(
            old,
            ids=ids,
            facts=self._facts(old, newer) if before is None else filled(before, old.facts, added=True),
            added=old.added and not self.states,
            at=reading.at if newer else old.at,
            visit=visit,
            account=account,
            replaces=newer_of(self._replaces(), old.replaces),
        )
        if self.effect and not self.adds and (old.unsaid or reading.at >= old.state_since):
            changed = with_state(
                changed,
                ended=self.effect == "end",
                leaf=self.leaf,
                message=reading.control_id,
                rule=self.rule,
                at=reading.at,
            )
        elif released:  # by what has no ORC-1, or a dispense: it runs
            leaf = self._drug_leaf()
            changed = change(
                changed, ended=False, ended_leaf=leaf, ended_message=reading.control_id, ended_rule=self.rule
            )
        if len(ids) > len(old.ids):
            changed = self._replaced_by_now(changed)
        changed = with_product(changed, self.dispensed)
        if self.dispensed is not None and is_of_other_drug(changed, self.dispensed):
            self._say_forgotten(self.dispensed.product, named_since=True)
        self.known.put(index, changed)

    def _first_told(self, old: Order) -> Item | None:
        """What it says of an order that nothing has stated yet, where it names the drug before all that has named it."""
        at, item, known = self.reading.at, self._of_the_order(), old.facts.get(NAME)
        if self.states or not old.added or NAME not in item or known is None or known.at <= at:
            return None
        keep_original_date(item)
        return {f: fact for f, fact in item.items() if f not in old.facts or old.facts[f].at > at}

    def _facts(self, old: Order, newer: bool) -> dict[str, Fact]:
        """Only what opens or changes an order states it anew; all else adds what was not known."""
        facts = dict(old.facts)
        states = self.states
        if self.effect == "open" and states and not newer:
            leave_later_date(facts, self.reading.at)
        for field, fact in (self._stated(old, facts) if states else self._added(old)).items():
            known = facts.get(field)
            if field == "prescription.prescribedDate":
                take_date(facts, fact, opens=states and not newer)
            elif field == PRODUCT:
                take_code(facts, fact, states=states)
            elif states or field == "order.confidential":
                merge(facts, field, fact)
            elif is_empty(known) and not contradicts(old.facts, field):
                facts[field] = fact
            complete(facts, field, known, fact, added=not states)
        return facts

    def _stated(self, old: Order, facts: dict[str, Fact]) -> Item:
        """What this message states. What an order states as a whole goes out of `facts` before that, and so does
        what went with another drug; where a newer message has stated it, that of this one is left off.
        """
        at, item = self.reading.at, self.item
        stated, known = item.get(NAME), facts.get(NAME)
        same, named_since = same_drug(stated, known), known is not None and known.at > at
        gone: list[str] = []
        if is_of_before(old.name_since, at):
            item = {field: fact for field, fact in item.items() if field != NAME}  # nor its label
        if is_of_before(old.drug_since, at) or (same is False and named_since):
            item = {field: fact for field, fact in item.items() if not is_of_the_drug(field)}
        elif same is False:
            gone = [field for field in facts if is_of_the_drug(field)]
        elif is_of_before(old.name_since, at):
            item = self._without_product(item)
        elif same is None and text_label(stated) and text_label(known):
            self._say_forgotten(facts.get(PRODUCT), named_since=False)
            gone = [PRODUCT]
        for group in TOGETHER:
            stated_now = [item[field] for field in group if field in item]
            if not stated_now or (group is DOSAGE and all(fact.deleted for fact in stated_now)):
                continue  # what is only deleted contradicts nothing
            since = [facts[field] for field in group if field in facts and facts[field].at > at]
            if since and not (group is DOSAGE and all(fact.deleted for fact in since)):
                item = {field: fact for field, fact in item.items() if field not in group}
            else:
                gone += group
        for field in gone:
            if field in facts and facts[field].at <= at:
                del facts[field]
        if old.name_since[0]:
            self._forget_of_before(old, facts)
        return item

    def _forget_of_before(self, old: Order, facts: dict[str, Fact]) -> None:
        """What was told of the drug of before, when nothing had said yet that it was another."""
        name = facts.get(NAME)
        if name is not None and name.named is not None and is_of_before(old.name_since, name.named.at):
            facts[NAME] = unlabelled(name)
        for field in [name for name in facts if is_of_the_drug(name)]:
            product = field == PRODUCT
            if is_of_before(old.name_since if product else old.drug_since, facts[field].at):
                if product:
                    self._say_forgotten(facts[field], named_since=True)
                del facts[field]

    def _added(self, old: Order) -> Item:
        """What may be added: nothing of another drug, nor of that which it was before; no product under another name."""
        at, item, known = self.reading.at, self._of_the_order(), old.facts.get(NAME)
        stated = item.get(NAME)
        same = same_drug(stated, known)
        if same is False or is_of_before(old.drug_since, at):
            return {field: fact for field, fact in item.items() if not is_of_the_drug(field)}
        unsure = same is None and text_label(stated) and text_label(known)
        if is_of_before(old.name_since, at) or (unsure and not self.adds):
            return self._without_product(item)
        return item

    def _without_product(self, item: Item) -> Item:
        """Without the product, which may be another than that of the drug as the order names it now; said."""
        self._say_forgotten(item.get(PRODUCT), named_since=True)
        return {field: fact for field, fact in item.items() if field != PRODUCT}

    def _say_forgotten(self, code: Fact | None, *, named_since: bool) -> None:
        """Say that the product of an order goes with its old name, unless this message brings one."""
        if code is None or code.value is None or (not named_since and PRODUCT in self.item):
            return
        leaf, message = code.leaves[0], code.message
        source = leaf.source if message == self.reading.control_id else f"{message}:{leaf.source}"
        why = "the order names its drug otherwise now: it may be another product"
        self.left_out.append(LeftOut(source, str(leaf.value), why))

    # ------------------------------------------------------------ confidential

    def _is_withheld(self) -> bool:
        return text_of(self.item, "order.confidential") == "withhold"

    def _stays_withheld(self, old: Order) -> bool:
        """ORC-28 withholds an order until the sender says that it is not confidential."""
        said = old.facts.get("order.confidential")
        if self._is_withheld():
            return said is None or said.value != "usual" or said.at <= self.reading.at
        if said is None or not is_withheld(old):
            return False
        if text_of(self.item, "order.confidential") and self.reading.at >= said.at:
            return False
        self._leave_out("confidential: an earlier message withheld the order, and none has released it")
        return True

    def _withheld(self, ids: tuple[str, ...], old: Order | None) -> Order:
        """An order of which nothing is kept but its numbers, that it is withheld, and the visit and account it goes with."""
        said = old.facts.get("order.confidential") if old is not None and is_withheld(old) else None
        if self._is_withheld():
            own = self.item["order.confidential"]
            self._leave_out(f"confidential: {own.leaves[0].source}")
            said = own if said is None or own.at >= said.at else said
        facts = {"order.confidential": said} if said is not None else {}
        visit, account = goes_with(self.reading, old)
        at = self.reading.at if old is None else max(old.at, self.reading.at)
        replaces = newer_of(self._replaces(), old.replaces if old is not None else None)
        return Order(
            ids=ids,
            facts=facts,
            at=at,
            ended=True,
            visit=visit,
            account=account,
            unsaid=True,
            replaces=replaces,  # what it ends is ended, whatever is withheld of itself
        )

    # ------------------------------------------------------------ replaced

    def _replaced_by_now(self, order: Order) -> Order:
        """The order, which may have been replaced under the number that this message gives it."""
        since = "" if order.unsaid else order.state_since
        parent = self.known.replaced(order.ids, since)
        if parent is None or parent is order.replaces:
            return order
        return replaced(order, parent)
