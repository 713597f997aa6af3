"""A patient's problems: what visits and the problem list say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from interface.chart.known_problems import RECODED, KnownProblems, Placed, same_entry
from interface.chart.labels import label_of
from interface.chart.model import STATE_UNSAID, Chart, Problem, change
from interface.chart.standing import Coded
from interface.chart.stated_problems import (
    VISIT_LIST,
    Stated,
    dated,
    joined,
    problems_of,
    unsent,
    with_label,
    with_state_of,
)
from interface.chart.update import visit_of
from interface.rules.facts import Fact, Leaf, LeftOut, text_of

if TYPE_CHECKING:
    from interface.rules.reading import Reading

Before = dict[Coded, Problem]
"""What was known of each code of a list that is stated anew."""


def take_problems(
    chart: Chart,
    reading: Reading,
    left_out: list[LeftOut],
    before: Before | None = None,
    *,
    late: bool = False,
    sends_ended: bool = False,
) -> None:
    """DG1: without action codes those of an ADT replace what the same visit said before; else they only add.

    Problems of a list (PRB) change one by one, each by its action code. `before`: what was known of a site's whole list that
    is stated anew; `late`: a newer one is known. `sends_ended`: the request has those that have ended, too; else they are
    said to be left out.
    """
    if not reading.problems:
        return
    visit, stated = _stated(reading)
    diagnoses = [entry for entry in stated if not entry.listed and entry.fact is not None]
    if late or (visit and diagnoses and reading.at < chart.snapshots.get(visit, "")):
        stated = [change(entry, late=True) if late or not entry.listed else entry for entry in stated]
    elif (
        reading.type.startswith("ADT")
        and visit
        and diagnoses
        and not any(entry.action for entry in diagnoses)
    ):
        chart.snapshots[visit] = reading.at
        before = take_out(chart, lambda entry: _is_of_list(entry, visit, reading.at))
    _take_stated(chart, stated, left_out, before or {}, sends_ended=sends_ended)


def take_confidential(chart: Chart, reading: Reading, left_out: list[LeftOut]) -> None:
    """Of a message that comes too late for all else: what it calls confidential is so."""
    if confidential := [entry for entry in _stated(reading)[1] if entry.confidential is not None]:
        _take_stated(chart, confidential, left_out, {})


def _stated(reading: Reading) -> tuple[str, list[Stated]]:
    """The visit of a message, and what it states of problems."""
    visit, account = visit_of(reading), text_of(reading.facts, "visit.account")
    return visit, [Stated.of(item, visit, account, reading) for item in reading.problems]


def _take_stated(
    chart: Chart, stated: list[Stated], left_out: list[LeftOut], before: Before, *, sends_ended: bool = False
) -> None:
    numbers = [entry.instance for entry in stated if entry.instance]
    used = Counter(numbers) if numbers else None
    known = KnownProblems(chart.problems)
    for entry in stated:
        if entry.plain:
            _take_plain(known, entry, left_out, before, sends_ended)
        elif entry.fact is not None or entry.listed or entry.is_by_number:
            alone = used is None or used[entry.instance] == 1
            _Taking(known, entry, left_out, before, sends_ended).take(alone=alone)
    chart.problems = known.entries()


def _is_of_list(entry: Problem, visit: str, at: str) -> bool:
    """Whether a visit's list replaces it. What was deleted stays so against what no visit said and comes late."""
    return not entry.listed and entry.visit == visit and not entry.gone and entry.at <= at


def take_out(chart: Chart, goes: Callable[[Problem], bool]) -> Before:
    """Take the entries of a list out of the chart; what was known of each code, for those that come again."""
    before: Before = {}
    kept = []
    for problem in chart.problems:
        if not goes(problem):
            kept.append(problem)
        elif not problem.gone:
            key = (problem.system, problem.code)
            before[key] = _as_before(problem, before[key]) if key in before else problem
    chart.problems = kept
    return before


def _as_before(entry: Problem, before: Problem) -> Problem:
    """A diagnosis that comes again with its list: with the earliest date, and the label that it has lost."""
    return with_label(dated(entry, before.date), before)


def _take_plain(
    known: KnownProblems, stated: Stated, left_out: list[LeftOut], before: Before, sends_ended: bool
) -> None:
    """A visit's diagnosis of which nothing is said but code and date; what is new of it is taken without a further look
    (2 us each).
    """
    for entry in problems_of(stated, ""):
        if known.knows(entry.code):
            _Taking(known, stated, left_out, before, sends_ended).place(entry)
        elif not stated.late:
            again = before.get((entry.system, entry.code))
            known.add(entry if again is None else _as_before(entry, again))


class _Taking:
    """One stated problem on its way into the chart."""

    def __init__(
        self,
        known: KnownProblems,
        stated: Stated,
        left_out: list[LeftOut],
        before: Before,
        sends_ended: bool,
    ):
        self.known = known
        self.stated = stated
        self.left_out = left_out
        self.before = before
        self.sends_ended = sends_ended
        self.instance = ""

    def take(self, *, alone: bool) -> None:
        """Take it in. `alone`: no other of the message bears the same instance number."""
        stated = self.stated
        if stated.action == "unknown":
            if stated.fact is not None:
                self._leave_out(stated.fact, "its action code is not known, and may mean anything")
            return
        self.instance = stated.instance if alone else ""
        for entry in self._entries():
            self.place(entry)
        if stated.confidential is not None or stated.released:
            for entry in unsent(stated):
                self._mark_unsent(entry)

    # ------------------------------------------------------------ what is stated

    def _entries(self) -> list[Problem]:
        stated = self.stated
        if stated.fact is not None and stated.fact.value is not None:
            return problems_of(stated, self.instance)
        if not self.instance or not (stated.listed or stated.is_by_number):
            return []
        # no code that could be sent: what is known by the same number takes in what is said of it
        return [
            change(
                known,
                at=stated.at,
                ended=None,
                resolved=None,
                active=True,
                state_at="",
                named=label_of(known),
            )
            for _, known in self.known.of_instance(self.instance)
            if known.at <= stated.at and not known.gone and self._is_of_the_same(known)
        ]

    def _is_of_the_same(self, known: Problem) -> bool:
        """Whether a number means the same there: the problem list has numbers of its own, and so has each visit."""
        if known.listed or self.stated.listed:
            return known.listed == self.stated.listed
        return not self.stated.visit or known.visit in (self.stated.visit, "")

    def _say_ended(self, told: Problem, ended: Fact) -> None:
        if not self.sends_ended:
            self._leave_out(told, f"no longer active: {_said(ended)}")

    def _leave_out(self, told: Fact | Problem, why: str) -> None:
        """Say so of its codes, and of which message they are where it is an earlier one."""
        own = next(iter(self.stated.item.values())).message
        before = f"{told.message}:" if told.message not in ("", own) else ""
        self.left_out += [
            LeftOut(f"{before}{leaf.source}", str(leaf.value), why)
            for leaf in told.leaves
            if leaf.path.endswith(".code")
        ]

    # ------------------------------------------------------------ into the chart

    def place(self, entry: Problem) -> None:
        """Take in one coding of it, or what is known by its number."""
        stated, known = self.stated, self.known
        if (confidential := stated.confidential) is not None:
            if known.is_released(entry):
                return
            self._leave_out(entry, f"confidential: {_said(confidential)}")
            self._withhold(entry, confidential, entry.visit)
            self._forget_other_codes(entry)
            for other in self._newer_of_the_number(entry):  # coded anew by what came before
                if not other.gone and other.released_at <= entry.at:
                    self._withhold(change(other, at=entry.at), confidential, entry.visit)
            return
        removed = stated.item["problem.action"] if stated.action == "delete" else stated.state("removed")
        if removed is not None:
            self._leave_out(entry, f"deleted: {_said(removed)}")
            for one in (entry, *self._other_codes(entry)):  # whichever code its end names
                self._end(change(one, at=entry.at, gone="removed", ended=removed, active=False))
            self._tell_newer(change(entry, gone="removed", ended=removed, active=False))
            return
        if self._is_withheld(entry):
            self._leave_out(entry, "confidential: an earlier message withheld it, and none has released it")
            return
        if newer := self._coded_otherwise_since(entry):
            self._leave_out(entry, "a newer message has coded this problem otherwise")
            late = self._with_state(entry, None)
            if newer.gone == "removed":
                known.end(change(entry, at=newer.at, gone=newer.gone, ended=newer.ended, active=False))
            elif late.ended is not None:
                known.end(change(late, gone=RECODED))
            self._tell_newer(late)
            return
        same = known.same(entry)
        if stated.late:
            if same is not None and not same.gone:
                known.put(joined(same, entry))
            return
        if same is not None and same.at > entry.at:
            self._place_older(entry, same)
            return
        released = entry.at if stated.released else ""
        if same is not None:
            released = max(released, same.released_at)
            if same.instance and not stated.instance:
                entry = change(entry, instance=same.instance)  # by it the sender may code it anew
        if released:
            entry = change(entry, released_at=released)
        entry = self._with_state(entry, same)
        self._forget_other_codes(entry)
        if entry.ended is not None:
            if entry.gone:
                self._leave_out(entry, f"deleted: {_said(entry.ended)}")
            else:
                self._say_ended(entry, entry.ended)
            known.end(entry)
            return
        known.put(known.as_ended_since(entry))

    def _place_older(self, entry: Problem, same: Problem) -> None:
        """Something newer is known: the date counts, and the state, where the newer said nothing of it."""
        stated = self._with_state(entry, None)
        day, newer_day = stated.resolved, same.resolved is not None and same.resolved.at > entry.at
        outdated = newer_day and stated.ended is not None and stated.ended == day
        if entry.at >= same.state_since and stated.state_at != STATE_UNSAID and not outdated:
            if stated.ended is not None:
                self._say_ended(entry, stated.ended)
                self._end(stated)
                return
            if newer_day:
                day = same.resolved
            same = change(same, ended=None, active=True, gone="", resolved=day, state_at=entry.at)
        elif entry.at >= same.state_since and day is not None and not newer_day:
            same = change(same, resolved=day)
        if not same.gone:
            self.known.put(joined(same, self._corrected(entry)))

    def _tell_newer(self, late: Problem) -> None:
        """The state of a problem of the list counts for the code that it has by now, too, of whose state nothing newer was
        said.
        """
        if late.ended is None and late.state_at == STATE_UNSAID:
            return
        for other in self._newer_of_the_number(late):
            if other.gone == "withheld" or other.state_since > late.at or same_entry(other, late):
                continue
            if late.ended is not None:
                self._end(with_state_of(change(other, at=late.at), late))
            elif not other.gone:
                self.known.put(with_state_of(other, late))

    def _end(self, end: Problem) -> None:
        """End what is known by then; a newer statement, too, that says nothing of the state."""
        same = self.known.same(end)
        if same is not None and same.at > end.at >= same.state_since:
            self.known.put(joined(with_state_of(same, end), end))
        self.known.end(end)

    def _with_state(self, entry: Problem, known: Problem | None) -> Problem:
        """What is said of its state; where nothing is, a listed problem keeps the state it had.

        A day to come on which it ends, or none (HL7 null), says nothing of its state: it takes the place of another day.
        """
        stated = self.stated
        resolved = stated.item.get("problem.resolved")
        inactive = stated.state("inactive")
        over = resolved is not None and change(entry, resolved=resolved).is_over(entry.at[:10])
        says = over or inactive is not None or stated.state("active") is not None
        if stated.listed and not says and stated.action != "add":
            entry = change(entry, state_at=STATE_UNSAID, resolved=resolved)
            stays = known if known is not None else self._stated_of_number(entry)
            if stays is not None:
                entry = with_state_of(entry, stays)
        elif inactive is not None:
            entry = change(entry, ended=inactive, active=False)
        if resolved is not None:
            entry = change(entry, resolved=resolved)
            if entry.ended is None and over:
                entry = change(entry, ended=resolved, active=False)
        before = self.before.get((entry.system, entry.code))
        if before is not None:
            entry = _as_before(entry, before)
        corrected = self._corrected(entry)
        if known is None or (corrected is not entry and known.gone):
            return corrected
        return joined(entry, known) if corrected is entry else with_label(corrected, known)

    def _corrected(self, entry: Problem) -> Problem:
        """Marked, where its date corrects all that was stated before."""
        if self.stated.action != "correct" or entry.date is None:
            return entry
        marked: Problem = change(entry, dated_at=entry.at)
        return marked

    def _withhold(self, entry: Problem, confidential: Fact, visit: str) -> None:
        """Nothing of its code is shown any more. `visit`: whose message said that it is confidential."""
        mark = change(entry, visit="", listed=True, gone="withheld", ended=confidential)
        self.known.end(change(mark, withheld_in=visit))
        self.known.drop_shown(entry)

    def _mark_unsent(self, entry: Problem) -> None:
        """Only whether it is confidential counts of it: so is what it is coded together with."""
        if self.stated.confidential is not None:
            self.place(entry)
            return
        for place, mark in self.known.withheld(entry):
            if mark.at <= entry.at:
                self.known.drop(place)

    def _is_withheld(self, entry: Problem) -> bool:
        """Whether something withholds the problem, also under the code that it had before; a sender who says that it is not
        confidential releases it, unless the same message says that it is.
        """
        coded = self.known.withheld(entry)
        numbered = [mark for mark in self._marks(entry) if mark[1].at <= entry.at and mark not in coded]
        left = []
        for place, mark in (*coded, *numbered):
            said_here = mark.message == entry.message and mark.at == entry.at
            if self.stated.released and mark.at <= entry.at and not said_here:
                self.known.drop(place)
            else:
                left.append(mark)
        if left and not self.known.withheld(entry) and left[0].ended is not None:
            self._withhold(change(entry, at=left[0].at), left[0].ended, left[0].withheld_in)
        return bool(left)

    def _marks(self, entry: Problem) -> list[Placed]:
        """What withholds the problem by its number."""
        if not entry.instance or not (entry.listed or self.stated.action == "update"):
            return []
        return [
            (place, other)
            for place, other in self.known.of_instance(entry.instance)
            if other.gone == "withheld"
            and any(leaf.source.startswith(VISIT_LIST) is not entry.listed for leaf in other.leaves[:1])
            and (entry.listed or not entry.visit or other.withheld_in in (entry.visit, ""))
        ]

    def _coded_otherwise_since(self, entry: Problem) -> Problem | None:
        """What is known of a problem of the list that has another code by now: this one, which comes late, has gone."""
        newer = self._newer_of_the_number(entry)
        if not newer or (entry.system, entry.code) in [(one.system, one.code) for one in newer]:
            return None
        return max(newer, key=lambda one: one.at)

    def _newer_of_the_number(self, entry: Problem) -> list[Problem]:
        """What is known since of a problem of the list by its number."""
        if not entry.instance or not entry.listed:
            return []
        marks = self._marks(entry)
        return [
            other
            for place, other in self.known.of_instance(entry.instance)
            if other.listed and other.at > entry.at and (other.gone != "withheld" or (place, other) in marks)
        ]

    def _forget_other_codes(self, entry: Problem) -> None:
        """The same problem under another code: it was coded anew."""
        for place, other in self._others(entry):
            if other.at <= entry.at and not other.gone:  # a deletion stays, against what is older
                self.known.recode(place)

    def _other_codes(self, entry: Problem) -> list[Problem]:
        """What is known by then of the same problem under other codes."""
        return [other for _, other in self._others(entry) if other.at <= entry.at and not other.gone]

    def _stated_of_number(self, entry: Problem) -> Problem | None:
        """What says the state of the problem by its number: what is not ended, else the newest."""
        if not self.instance:
            return None
        others = [
            other
            for _, other in self.known.of_instance(self.instance)
            if other.listed and other.gone != "withheld" and other.at <= entry.at
        ]
        running = [other for other in others if other.ended is None]
        if running:
            return max(running, key=lambda other: other.state_since)
        return max(others, key=lambda other: other.at, default=None)

    def _others(self, entry: Problem) -> list[Placed]:
        """Entries of the same number under codes that this message does not state."""
        if not self.instance or not (entry.listed or self.stated.action == "update"):
            return []  # a visit's diagnoses are often numbered anew: only an update names the one before
        codes = set(self.stated.codes) or {(entry.system, entry.code)}
        return [
            (place, other)
            for place, other in self.known.of_instance(self.instance)
            if other.gone != "withheld"
            and other.listed == entry.listed
            and (other.system, other.code) not in codes
        ]


def _said(fact: Fact) -> str:
    leaf = fact.leaves[0] if fact.leaves else Leaf("", "", fact.rule)
    return f"{leaf.source} is Y" if fact.value is True else f"{leaf.source} says so"
