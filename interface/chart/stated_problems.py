"""One DG1 or PRB as a message states it, and how two statements of one problem become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from interface.chart.labels import other_label, without_label
from interface.chart.model import Problem, change
from interface.chart.standing import Coded, earliest_of
from interface.rules.facts import Fact, Item, Leaf, text_of, value_of

if TYPE_CHECKING:
    from interface.rules.reading import Reading

VISIT_LIST = "DG1"
"""The segment of a visit's diagnoses; every other is a problem list."""
_PLAIN = frozenset(("problem.codings", "problem.date"))


class Stated(msgspec.Struct, frozen=True, gc=False):
    """One DG1 or PRB as a message states it."""

    fact: Fact | None
    """Its codings; a Fact of no value: it has some, but none that can be sent."""
    item: Item
    listed: bool
    visit: str
    instance: str
    action: str
    at: str
    account: str
    plain: bool = False
    """Whether it is a visit's diagnosis of which nothing is said but code and date: nearly all are."""
    late: bool = False
    """Older than the whole list that is known: to what stands there it adds a date or label, and nothing else."""

    @classmethod
    def of(cls, item: Item, visit: str, account: str, reading: Reading) -> Stated:
        """What the message's facts (`item`) state, said at that visit and under that account."""
        listed = False
        for fact in item.values():
            if fact.leaves:
                listed = not fact.leaves[0].source.startswith(VISIT_LIST)
                break
        if not listed and item.keys() <= _PLAIN:
            return cls(item.get("problem.codings"), item, False, visit, "", "", reading.at, account, True)
        if listed and reading.event.deletes_problems and "problem.action" not in item:
            leaves = (Leaf("", "delete", "MSH-9.2"),)
            deleted = Fact("delete", leaves, reading.event.rule, reading.at, reading.control_id)
            item = {**item, "problem.action": deleted}
        return cls(
            item.get("problem.codings"),
            item,
            listed,
            "" if listed else visit,
            text_of(item, "problem.instance"),
            text_of(item, "problem.action"),
            reading.at,
            account,
        )

    @property
    def is_by_number(self) -> bool:
        """Whether it may say something of a diagnosis that its number alone names."""
        return bool(self.instance) and self.action in ("update", "delete")

    @property
    def codes(self) -> list[Coded]:
        """System and code of each coding."""
        found = self.fact.value if self.fact is not None and self.fact.value else ()
        return [(coding["system"], coding["code"]) for coding in found]

    @property
    def confidential(self) -> Fact | None:
        """The fact that says it must be withheld."""
        fact = self.item.get("problem.confidential")
        return fact if fact is not None and fact.value in (True, "withhold") else None

    @property
    def released(self) -> bool:
        """Whether the sender says that it is not, or no longer, confidential."""
        fact = self.item.get("problem.confidential")
        return fact is not None and fact.value in (False, "usual")

    def state(self, *values: str) -> Fact | None:
        """The fact of confirmation or life cycle that has one of these values."""
        facts = (self.item.get("problem.confirmation"), self.item.get("problem.lifeCycle"))
        return next((fact for fact in facts if fact is not None and fact.value in values), None)


def problems_of(stated: Stated, instance: str) -> list[Problem]:
    """A problem for each coding that can be sent."""
    fact = stated.fact
    if fact is None or fact.value is None:
        return []
    date = stated.item.get("problem.date")
    if not value_of(date):
        date = None
    found = []
    leaves = fact.leaves_by_entry()
    for index, coding in enumerate(fact.value):
        found.append(
            Problem(
                coding["system"],
                coding["code"],
                coding["label"],
                tuple(leaves.get(f"[{index}]", ())),
                fact.rule,
                fact.at,
                fact.message,
                stated.visit,
                date,
                listed=stated.listed,
                instance=instance,
                account=stated.account,
            )
        )
    return found


def unsent(stated: Stated) -> list[Problem]:
    """Where no coding can be sent: one for each that is known by its system all the same."""
    fact = stated.fact
    if fact is None or fact.value is not None:
        return []
    return [
        Problem(
            leaf.path,
            str(leaf.value),
            "",
            (Leaf(".code", leaf.value, leaf.source),),
            fact.rule,
            fact.at,
            fact.message,
            stated.visit,
            None,
            listed=stated.listed,
            account=stated.account,
        )
        for leaf in fact.ids
    ]


def dated(entry: Problem, *dates: Fact | None) -> Problem:
    """With the earliest of its date and these."""
    earliest = earliest_of(entry.date, *dates)
    return entry if earliest is entry.date else change(entry, date=earliest)


def with_label(entry: Problem, other: Problem) -> Problem:
    """With the label that another statement of the same code gives, where this one has none, or an older."""
    label = other_label(entry, other)
    if label is None:
        return entry
    named: Problem = change(entry, label=str(label.value), leaves=without_label(entry.leaves), named=label)
    return named


def joined(entry: Problem, other: Problem) -> Problem:
    """The newer of two statements of a problem, with what the older says more: a label, and the earlier date of those that
    no correction (`CO` in PRB-1) and no deletion has come behind.
    """
    if other.gone and not entry.gone:
        since: Problem = change(entry, dated_at=max(entry.dated_at, other.at))
        return since
    entry = with_label(entry, other)
    corrected = max(entry.dated_at, other.dated_at)
    if not corrected:
        return dated(entry, other.date)
    dates = [date for date in (entry.date, other.date) if date is not None and date.at >= corrected]
    since_corrected: Problem = change(entry, date=earliest_of(*dates), dated_at=corrected)
    return since_corrected


def with_state_of(entry: Problem, other: Problem) -> Problem:
    """The statement, with the state that another one says. Of the days on which it ends (PRB-9) the one said last counts,
    and so does what that other one was ended by.
    """
    own, day = entry.resolved, other.resolved
    ended = other.ended
    if own is not None and (day is None or day.at <= own.at):
        ended = None if ended == day else ended
        day = own
    stated: Problem = change(
        entry,
        ended=ended,
        resolved=day,
        active=ended is None,
        gone=other.gone,
        state_at=other.state_since,
    )
    return stated
