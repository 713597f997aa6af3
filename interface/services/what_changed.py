"""What a stored message changed in the charts: its patient's messages are replayed up to it, by the rules as they are now.

Reads only, in pages: nothing is written, and no read transaction stays open while messages are replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from interface.chart.decide import Engine
from interface.chart.model import Chart
from interface.chart.replay import ChartChanged, Replay
from interface.rules.policy import Policy
from interface.rules.reading import Reading
from interface.services.charts_shown import chart_of
from interface.services.commands import MOST_PATIENTS, also_known_as
from interface.services.logs import where
from interface.services.mending import MESSAGE
from interface.store.patient_views import PatientViews
from interface.store.records.lists import MessageSummary
from interface.store.records.reading import ReplayRow

MOST = 5000
"""Messages that are replayed for one, at most."""
PAGE = 200
_GONE = "Something moved between its patient and one of whom nothing is kept any more."
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
    """Of each chart in whose it is now; None: that can't be told."""
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
    together = _Together(views, engine.policy)
    known = {row.patient_id} if row.patient_id is not None else set()
    while True:
        try:
            known = together.with_all_of(known)
            return _Replaying(engine, views, number, now, most, over).run(known)
        except _CannotTellError as why_not:
            return WhatChanged("unknown", str(why_not))
        except _NotAloneError as more:
            known |= more.patients


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


class _Together:
    """Who must be looked at together: those who are one person by now, and those between whom something moved.

    What moved something is among the messages of one of them; their charts know of each other by their numbers.
    """

    def __init__(self, views: PatientViews, policy: Policy) -> None:
        self._views = views
        self._policy = policy
        self._charts: dict[int, Chart | None] = {}

    def with_all_of(self, patients: set[int]) -> set[int]:
        """These patients and all that hang together with them. Raises _CannotTellError."""
        known: set[int] = set()
        wanted = patients
        while wanted:
            known |= self._views.family(wanted)
            if len(known) > MOST_PATIENTS:
                raise _CannotTellError(f"The charts of more than {MOST_PATIENTS} patients hang together.")
            wanted = (self._led_to(known) | self._without_number(known)) - known
        return known

    def _led_to(self, patients: set[int]) -> set[int]:
        led_to = {key for chart in self._load(patients).values() for key in chart.led_to}
        owners = self._owners(led_to)
        if not all(owners.values()):
            raise _CannotTellError(_GONE)
        return set().union(*owners.values())

    def _without_number(self, patients: set[int]) -> set[int]:
        """Those whose last number one of these has now: no key leads to them."""
        if not any(chart.gained for chart in self._load(patients).values()):
            return set()
        charts = self._load(self._views.without_number())
        owners = self._owners({key for chart in charts.values() for key in chart.led_to})
        return {id_ for id_, chart in charts.items() if any(owners[key] & patients for key in chart.led_to)}

    def _owners(self, keys: Iterable[str]) -> dict[str, set[int]]:
        """Whose each of these is by now."""
        names = {key: also_known_as((key,), self._policy) for key in keys}
        owners = self._views.owners(name for those in names.values() for name in those)
        return {key: {owners[name] for name in those if name in owners} for key, those in names.items()}

    def _load(self, patients: Iterable[int]) -> dict[int, Chart]:
        """Their charts; of who has none of his own there is none. Raises _CannotTellError."""
        ids = set(patients)
        for row in self._views.by_id(ids - self._charts.keys()).values():
            chart = self._charts[row.id] = chart_of(row)
            if chart is None and row.merged_into is None:
                raise _CannotTellError(
                    f"The chart of patient {row.id} can't be read, and with it what moved from there: rebuild it."
                )
        return {id_: chart for id_ in ids if (chart := self._charts.get(id_)) is not None}


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
                        found = self._replay.last(reading, at, row.patient_id)
                    else:
                        self._replay.take(reading, at, row.patient_id)
                except Exception as broken:  # its text may hold patient data
                    raise _CannotTellError(_broken(row, broken)) from None
        if found is None:
            raise _CannotTellError("Its patient's chart was made anew meanwhile: ask again.")
        answer = WhatChanged("changed", "", found, self._owners(found), self._replayed, self._notes())
        return answer if found else replace(answer, told="nothing", why=KNOWN)

    def _owners(self, found: Sequence[ChartChanged]) -> tuple[int | None, ...]:
        """In whose chart each is now: the patient's for whom its messages were decided, unless only others' named it."""
        now = self._views.survivors(chart.whose for chart in found if chart.whose is not None)
        led = self._led(chart.keys[0] for chart in found if chart.whose is None)
        # one that was made anew since may have gone
        there = set(self._views.without_number()) if any(chart.without_number for chart in found) else set()
        owners = (led.get(chart.keys[0]) if chart.whose is None else now.get(chart.whose) for chart in found)
        return tuple(
            None if chart.without_number and owner not in there else owner
            for chart, owner in zip(found, owners, strict=True)
        )

    def _led(self, keys: Iterable[str]) -> dict[str, int]:
        """Whose these are now, and have always been."""
        owners = self._views.owners(keys)
        charts = {id_: chart_of(row) for id_, row in self._views.by_id(owners.values()).items()}
        return {
            key: id_
            for key, id_ in owners.items()
            if (chart := charts.get(id_)) is not None and key not in chart.gained
        }

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
