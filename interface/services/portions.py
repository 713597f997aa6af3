"""What a person wants rebuilt, in portions that one command takes: whole families of patients, never half of one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from interface.chart.decide import Engine
from interface.services.commands import also_known_as
from interface.store.patient_views import PatientViews
from interface.store.records.reading import ReplayRow
from interface.store.work import Work

_Entry = TypeVar("_Entry")

PATIENTS = 50
MESSAGES = 1000
_CHUNK = 200


Mark = Literal["again", "aside", "back"]
"""What is asked of a message: to be decided anew, left out of the charts, or taken back into them."""


@dataclass(slots=True)
class Group:
    """A patient with all whose charts are part of his, or one whom nobody knows yet. There may be a million of them."""

    patient: int | None = None
    size: int = 0
    """Messages to be replayed."""
    marks: dict[Mark, set[int]] | None = None
    """Messages of which something is asked."""

    def mark(self, message: int, mark: Mark) -> None:
        """Ask something of a message."""
        if self.marks is None:
            self.marks = {}
        self.marks.setdefault(mark, set()).add(message)

    def marked(self, mark: Mark) -> set[int]:
        """The messages of which this is asked."""
        return (self.marks or {}).get(mark, set())


@dataclass(frozen=True)
class Portion:
    """What one command rebuilds."""

    groups: tuple[Group, ...]

    @property
    def patients(self) -> list[int]:
        """The patients that are known."""
        return sorted(group.patient for group in self.groups if group.patient is not None)

    @property
    def arguments(self) -> dict[str, Any]:
        """As the command `rebuild` takes them."""

        def marked(mark: Mark) -> list[int]:
            return sorted({id_ for group in self.groups for id_ in group.marked(mark)})

        again = marked("again")
        found: dict[str, Any] = {
            "patients": self.patients,
            "set_aside": marked("aside"),
            "take_back": marked("back"),
        }
        return found | ({"messages": again, "again": True} if again else {})

    def halves(self) -> tuple[Portion, ...]:
        """The same in two parts; none for what can't be parted."""
        middle = len(self.groups) // 2
        return (Portion(self.groups[:middle]), Portion(self.groups[middle:])) if middle else ()


class Grouping:
    """Finds out which patients and messages belong together; holds ids only, however many there are."""

    def __init__(self, engine: Engine, views: PatientViews, work: Work) -> None:
        self._engine = engine
        self._views = views
        self._work = work
        self._groups: dict[int | str, Group] = {}

    def patients(self, ids: Iterable[int]) -> None:
        """Rebuild these patients' charts."""
        for part in _parts(ids):
            for survivor in self._views.survivors(part).values():
                self._of(survivor)

    def messages(self, rows: Iterable[tuple[int, int | None]], mark: Mark) -> None:
        """Ask something of messages (id, and in whose chart each is)."""
        for part in _parts(rows):
            survivors = self._views.survivors({owner for _, owner in part if owner is not None})
            for id_, owner in part:
                if owner is not None:
                    self._of(survivors[owner]).mark(id_, mark)
            self._unowned([id_ for id_, owner in part if owner is None], mark)

    def _unowned(self, ids: list[int], mark: Mark) -> None:
        """Messages in nobody's chart: they belong to whom they name by today's rules."""
        named = {row.id: self._named(row) for row in self._work.messages_of((), ids)}
        also = {key: also_known_as((key,), self._engine.policy) for key in named.values() if key}
        owners = self._views.owners({key for keys in also.values() for key in keys})
        survivors = self._views.survivors(set(owners.values()))
        for id_ in ids:
            key = named.get(id_, "")
            owner = next((owners[known] for known in sorted(also.get(key, ())) if known in owners), None)
            if owner is not None:
                group = self._of(survivors[owner])
            else:
                group = self._groups.setdefault(key or f"message {id_}", Group())
            group.mark(id_, mark)
            group.size += 1

    def _named(self, row: ReplayRow) -> str:
        if not row.readable:
            return ""
        try:
            reading = self._engine.read(row.raw, received_at=row.received_at, listener=row.listener)
        except Exception:  # the command will say so of this message
            return ""
        return next(iter(reading.keys), "")

    def _of(self, patient: int) -> Group:
        return self._groups.setdefault(patient, Group(patient))

    def count(self) -> tuple[int, int]:
        """How many charts there are to rebuild, and from how many messages."""
        known = [id_ for id_ in self._groups if isinstance(id_, int)]
        for part in _parts(known):
            numbers = self._views.count_messages(self._views.family(part))
            for member, survivor in self._views.survivors(numbers).items():  # a daemon may merge meanwhile
                self._of(survivor).size += numbers[member]
        groups = self._groups.values()
        return len(groups), sum(group.size for group in groups)

    def portions(self) -> Iterator[Portion]:
        """Every group once, so many together as one short transaction takes; `count` comes before."""
        together: list[Group] = []
        size = 0
        for group in self._groups.values():
            if together and (len(together) >= PATIENTS or size + group.size > MESSAGES):
                yield Portion(tuple(together))
                together, size = [], 0
            together.append(group)
            size += group.size
        if together:
            yield Portion(tuple(together))


def _parts(entries: Iterable[_Entry]) -> Iterator[list[_Entry]]:
    left = iter(entries)
    while part := list(itertools.islice(left, _CHUNK)):
        yield part
