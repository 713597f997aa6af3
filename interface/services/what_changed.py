"""What a stored message changed in the charts: its patient's messages are replayed up to it, by the rules as they are now.

Reads only, in pages: nothing is written, and no read transaction stays open while messages are replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from interface.chart.decide import Engine
from interface.chart.replay import ChartChanged, Replay
from interface.rules.reading import Reading
from interface.services.commands import MOST_PATIENTS, also_known_as
from interface.services.logs import where
from interface.services.mending import MESSAGE
from interface.store.patient_views import PatientViews
from interface.store.records.lists import MessageSummary
from interface.store.records.reading import ReplayRow

MOST = 5000
"""Messages that are replayed for one, at most."""
PAGE = 200
KNOWN = "It changed nothing: no chart says anything else because of it."


@dataclass(frozen=True)
class WhatChanged:
    """The answer."""

    told: Literal["changed", "nothing", "unknown"]
    why: str = ""
    """Of `nothing` and `unknown` a sentence without patient data."""
    charts: tuple[ChartChanged, ...] = ()
    """Its own patient's first."""
    patients: tuple[int | None, ...] = ()
    """Of each chart in whose it is now; None: no number leads to it."""
    replayed: int = 0
    """Messages, with this one."""
    notes: tuple[str, ...] = ()
    """What was left out of the replaying, in sentences without patient data."""


class _CannotTellError(Exception):
    """Why it can't be told."""


class _NotAloneError(Exception):
    """A message leads to patients who were not looked at."""

    def __init__(self, patients: set[int]) -> None:
        super().__init__()
        self.patients = patients


def what_changed(
    engine: Engine,
    views: PatientViews,
    number: int,
    now: datetime,
    *,
    most: int = MOST,
    over: Callable[[], bool] = lambda: False,
) -> WhatChanged:
    """What message `number` changed. `over` says that there is no time left. Raises StoreError.

    `now` is the time by which decisions are made: a message is replayed as of its receipt, but never later.
    """
    row = views.messages_by_id((number,)).get(number)
    if row is None:
        return WhatChanged("unknown", "There is no such message, or it is no longer kept.")
    if why := _nothing(row):
        return WhatChanged("nothing", why)
    known = views.family((row.patient_id,)) if row.patient_id is not None else set()
    while True:
        if len(known) > MOST_PATIENTS:
            return WhatChanged("unknown", f"The charts of more than {MOST_PATIENTS} patients hang together.")
        try:
            return _Replaying(engine, views, number, now, most, over).run(known)
        except _CannotTellError as why_not:
            return WhatChanged("unknown", str(why_not))
        except _NotAloneError as more:
            known |= views.family(more.patients)


def is_link(row: MessageSummary) -> bool:
    """Whether it links or unlinks patients: it is in no chart, though whose it is can be told."""
    return any(reason.get("code") == "linked" for reason in row.reasons)


def _nothing(row: MessageSummary) -> str:
    """Why it changed nothing, as far as its row tells."""
    if row.state == "new":
        return "It is not decided yet."
    if row.decision is None:
        return "It changed nothing: it could not be decided."
    if row.set_aside:
        return "It changes nothing: a person left it out of the charts."
    if row.patient_id is not None:
        return ""
    if row.decision in ("ignore", "reject"):
        return "It changed nothing: nothing of it is taken into a chart."
    if is_link(row):
        return "It changed nothing: that patients are linked or unlinked is noted, and no more."
    return "It changed nothing: whose it is can't be told."


class _Replaying:
    """One attempt, for the patients that are known of so far."""

    def __init__(
        self,
        engine: Engine,
        views: PatientViews,
        number: int,
        now: datetime,
        most: int,
        over: Callable[[], bool],
    ) -> None:
        self._replay = Replay(engine)
        self._policy = engine.policy
        self._views = views
        self._number = number
        self._now = now
        self._most = most
        self._over = over
        self._keys: set[str] = set()
        self._left_out: list[int] = []
        self._undecided = 0
        self._replayed = 0

    def run(self, known: set[int]) -> WhatChanged:
        """Raises _CannotTellError, and _NotAloneError where more patients belong to it."""
        found: tuple[ChartChanged, ...] | None = None
        for page in self._pages(known):
            readings = [(row, self._read(row)) for row in page if self._counts(row)]
            self._look_for_others(known, {key for _, reading in readings for key in reading.keys})
            for row, reading in readings:
                at = min(row.received_at, self._now)
                try:
                    if row.id == self._number:
                        found = self._replay.last(reading, at)
                    else:
                        self._replay.take(reading, at)
                except Exception as broken:  # its text may hold patient data
                    raise _CannotTellError(_broken(row, broken)) from None
        if found is None:
            raise _CannotTellError("Its patient's chart was made anew meanwhile: ask again.")
        answer = WhatChanged("changed", "", found, self._owners(found), self._replayed, self._notes())
        return answer if found else replace(answer, told="nothing", why=KNOWN)

    def _owners(self, found: Sequence[ChartChanged]) -> tuple[int | None, ...]:
        keys = {chart.keys[0] for chart in found if not chart.without_number}
        owners = self._views.owners(keys)
        return tuple(None if chart.without_number else owners.get(chart.keys[0]) for chart in found)

    def _pages(self, known: set[int]) -> Iterator[list[ReplayRow]]:
        after = 0
        while page := self._views.to_replay(known, after=after, up_to=self._number, limit=PAGE):
            if self._over():
                raise _CannotTellError("It takes too long to work out here.")
            yield page
            after = page[-1].id

    def _counts(self, row: ReplayRow) -> bool:
        """Whether a message is in the charts."""
        if row.set_aside:
            self._left_out.append(row.id)
            return False
        if row.decision is None:
            self._undecided += 1
            return False
        return True

    def _read(self, row: ReplayRow) -> Reading:
        self._replayed += 1
        if self._replayed > self._most:
            raise _CannotTellError(
                f"More than {self._most:,} messages came before it: so many are not replayed for one."
            )
        which = "It" if row.id == self._number else f"Message {row.id}, which came before it,"
        if not row.kept:
            raise _CannotTellError(f"{which} is no longer kept.")
        if not row.readable:
            raise _CannotTellError(f"{which} is {MESSAGE}.")
        try:
            return self._replay.read(row.raw, row.received_at, row.listener)
        except Exception as broken:  # its text may hold patient data
            raise _CannotTellError(_broken(row, broken)) from None

    def _look_for_others(self, known: set[int], keys: set[str]) -> None:
        """Whether numbers that were not met before lead to patients who are not looked at: messages may move things."""
        new = keys - self._keys
        self._keys |= new
        if new:
            owners = set(self._views.owners(also_known_as(new, self._policy)).values())
            if others := owners - known:
                raise _NotAloneError(others)

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self._left_out:
            said = ", ".join(str(number) for number in self._left_out[:5])
            more = f" and {len(self._left_out) - 5} more" if len(self._left_out) > 5 else ""
            notes.append(f"Left out, as a person left them out of the charts: message {said}{more}.")
        if self._undecided:
            notes.append(f"Left out: {self._undecided} that could not be decided.")
        return tuple(notes)


def _broken(row: ReplayRow, broken: Exception) -> str:
    return f"The rules as they are now break on message {row.id}: {where(broken)}."
