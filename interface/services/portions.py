"""What a person wants rebuilt, in portions that one command takes: whole families of patients, never half of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from interface.chart.decide import Engine
from interface.services.commands import also_known_as
from interface.store.patient_views import PatientViews
from interface.store.records import ReplayRow
from interface.store.work import Work

PATIENTS = 50
MESSAGES = 1000
_CHUNK = 200


@dataclass
class Group:
    """Patients whose charts hang together, or the one nobody knows yet, and what is asked of their messages."""

    patients: set[int] = field(default_factory=set)
    again: set[int] = field(default_factory=set)
    """Messages to decide anew."""
    aside: set[int] = field(default_factory=set)
    back: set[int] = field(default_factory=set)
    size: int = 0
    """Messages to be replayed."""


@dataclass(frozen=True)
class Portion:
    """What one command rebuilds."""

    groups: tuple[Group, ...]

    @property
    def patients(self) -> list[int]:
        """The patients that are known."""
        return sorted({id_ for group in self.groups for id_ in group.patients})

    @property
    def arguments(self) -> dict[str, Any]:
        """As the command `rebuild` takes them."""
        again = sorted({id_ for group in self.groups for id_ in group.again})
        found: dict[str, Any] = {
            "patients": self.patients,
            "set_aside": sorted({id_ for group in self.groups for id_ in group.aside}),
            "take_back": sorted({id_ for group in self.groups for id_ in group.back}),
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

    def messages(self, owners: Mapping[int, int | None], use: Callable[[Group], set[int]]) -> None:
        """Messages (id, and in whose chart each is), added to what `use` gives of their group."""
        known = {id_: owner for id_, owner in owners.items() if owner is not None}
        survivors = self._views.survivors(set(known.values()))
        for id_, owner in known.items():
            use(self._of(survivors[owner])).add(id_)
        for part in _parts(id_ for id_, owner in owners.items() if owner is None):
            self._unowned(part, use)

    def _unowned(self, ids: list[int], use: Callable[[Group], set[int]]) -> None:
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
            use(group).add(id_)
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
        return self._groups.setdefault(patient, Group({patient}))

    def count(self) -> tuple[int, int]:
        """How many charts there are to rebuild, and from how many messages."""
        ids = [id_ for id_ in self._groups if isinstance(id_, int)]
        for part in _parts(ids):
            families = {id_: self._views.family((id_,)) for id_ in part}
            numbers = self._views.count_messages({m for family in families.values() for m in family})
            for id_, family in families.items():
                self._groups[id_].size += sum(numbers.get(member, 0) for member in family)
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


def _parts(ids: Iterable[int]) -> Iterator[list[int]]:
    part: list[int] = []
    for id_ in ids:
        part.append(id_)
        if len(part) == _CHUNK:
            yield part
            part = []
    if part:
        yield part
