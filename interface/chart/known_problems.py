"""A chart's problems by code and by number while something is taken in, so that each is compared with its like alone.

Goal: 300 diagnoses in one message cost 300 times what one does, also if all have one code or one number. Plan: entries keep
their places in a list, dicts lead to the places of a code and of a sender's number; what goes leaves its place empty.
Cost: making it takes one pass over the chart's problems, and so does the list that the chart gets in the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from interface.chart.model import Problem, change

Placed = tuple[int, Problem]
"""An entry and its place."""
RECODED = "recoded"
_APART = frozenset(("withheld", RECODED))
"""Why an entry is gone that goes on saying something of its code: nothing that is stated takes its place."""


class KnownProblems:
    """The problems of one chart. `entries` is what the chart keeps."""

    __slots__ = ("_by_code", "_by_instance", "_ended", "_known", "_marked", "_places", "_released")

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._places: list[Problem | None] = []
        self._by_code: dict[tuple[str, str | None], dict[int, None]] = {}
        """By code and number, which is None for what visits say."""
        self._by_instance: dict[str, dict[int, None]] = {}
        self._known: dict[str, dict[str | None, None]] = {}
        """Of each code that is or was there the numbers."""
        self._marked: set[str] = set()
        """Codes of which something is or was withheld; likewise released, ended."""
        self._released: set[str] = set()
        self._ended: set[str] = set()
        for problem in problems:
            self.add(problem)

    def entries(self) -> list[Problem]:
        """The entries in their order."""
        return [entry for entry in self._places if entry is not None]

    def knows(self, code: str) -> bool:
        """Whether there is or was an entry of that code."""
        return code in self._known

    def of_code(self, code: str) -> list[Placed]:
        """Those of a code, of whichever system."""
        return self._at(self._by_code.get((code, number), ()) for number in self._known.get(code, ()))

    def _of_visits(self, code: str) -> list[Placed]:
        """What visits say of a code."""
        return self._at((self._by_code.get((code, None), ()),))

    def _alike(self, entry: Problem) -> list[Placed]:
        """Those whose place this one may take."""
        if not entry.listed:
            return self._of_visits(entry.code)
        if not entry.instance:
            return self.of_code(entry.code)
        return self._at(self._by_code.get((entry.code, number), ()) for number in {entry.instance, ""})

    def _at(self, places: Iterable[Iterable[int]]) -> list[Placed]:
        """What stands at these places, in their order."""
        found = []
        for place in sorted(chain.from_iterable(places)):
            entry = self._places[place]
            if entry is not None:
                found.append((place, entry))
        return found

    def of_instance(self, instance: str) -> list[Placed]:
        """Those that the sender knows by a number, in their order; without the codes that a problem no longer has."""
        found = self._at((self._by_instance.get(instance, ()),))
        return [placed for placed in found if placed[1].gone != RECODED]

    def drop(self, place: int) -> None:
        """Take an entry out."""
        entry = self._places[place]
        if entry is not None:
            self._places[place] = None
            del self._by_code[_number(entry)][place]
            if entry.instance:
                del self._by_instance[entry.instance][place]

    def same(self, entry: Problem) -> Problem | None:
        """The entry whose place this one takes."""
        return next((other for _, other in self._alike(entry) if same_entry(other, entry)), None)

    def put(self, entry: Problem) -> None:
        """In the place of the same entry, else behind all."""
        for place, other in self._alike(entry):
            if same_entry(other, entry):
                self._set(place, entry)
                return
        self.add(entry)

    def end(self, end: Problem) -> None:
        """An end takes the place of what it is the end of, unless that is newer; and stays, against what is older.

        What withholds a problem is no statement that could end: it goes on withholding.
        """
        free = -1
        newer = False
        since = end.state_since
        of_visits = self._of_visits(end.code) if end.listed and end.instance else ()
        for place, other in (*self._alike(end), *of_visits):
            if other.gone == "withheld" and end.gone != "withheld":
                continue
            if other.at > (end.at if same_entry(other, end) else since) or not covers(end, other):
                newer = newer or (other.at > end.at and same_entry(other, end))
            elif end.gone in ("", RECODED) and not same_entry(other, end) and other.gone != RECODED:
                self._set(place, change(other, ended=end.ended, active=False))
            else:
                self.drop(place)
                # in its place: the same message again changes no order
                free = place if free < 0 else min(free, place)
        if newer:
            return
        ended: Problem = change(end, active=False)
        if free < 0:
            self.add(ended)
        else:
            self._set(free, ended)

    def recode(self, place: int) -> None:
        """A problem of the list has another code by now: this one goes, but for what its end says of what visits said."""
        entry = self._places[place]
        if entry is not None and entry.listed and entry.ended is not None:
            self._set(place, change(entry, gone=RECODED))
        else:
            self.drop(place)

    def as_ended_since(self, entry: Problem) -> Problem:
        """The entry, ended where a newer message said so before this one arrived."""
        for _, other in self.of_code(entry.code) if entry.code in self._ended else ():
            if other.ended is not None and other.state_since > entry.at and covers(other, entry):
                gone = "" if other.gone == RECODED else other.gone
                ended: Problem = change(entry, ended=other.ended, active=False, gone=gone)
                return ended
        return entry

    def withheld(self, entry: Problem) -> list[Placed]:
        """What withholds a problem by its code."""
        if entry.code not in self._marked:
            return []
        return [
            (place, other)
            for place, other in self.of_code(entry.code)
            if other.gone == "withheld" and other.system == entry.system
        ]

    def is_released(self, entry: Problem) -> bool:
        """Whether the sender has said since that a problem is not confidential."""
        return entry.code in self._released and any(
            other.released_at > entry.at and other.system == entry.system
            for _, other in self.of_code(entry.code)
        )

    def drop_shown(self, entry: Problem) -> None:
        """Take out all that could be shown of a code: an empty field since then releases nothing."""
        for place, other in self.of_code(entry.code):
            if other.system == entry.system and not other.gone:
                self.drop(place)

    def withhold(self, entry: Problem) -> None:
        """Nothing of a code is shown any more, whatever was said of it."""
        for place, other in self.of_code(entry.code):
            if other.system == entry.system:
                self.drop(place)
        self.add(entry)

    def add(self, entry: Problem) -> None:
        """Behind all, whatever is known of its code."""
        self._places.append(None)
        self._set(len(self._places) - 1, entry)

    def _set(self, place: int, entry: Problem) -> None:
        """`entry` is of the same code as what has the place, if anything has."""
        self.drop(place)
        self._places[place] = entry
        key = _number(entry)
        self._by_code.setdefault(key, {})[place] = None
        self._known.setdefault(entry.code, {})[key[1]] = None
        if entry.instance:
            self._by_instance.setdefault(entry.instance, {})[place] = None
        if entry.gone == "withheld":
            self._marked.add(entry.code)
        if entry.released_at:
            self._released.add(entry.code)
        if entry.ended is not None:
            self._ended.add(entry.code)


def _number(entry: Problem) -> tuple[str, str | None]:
    return entry.code, entry.instance if entry.listed else None


def _same_code(one: Problem, other: Problem) -> bool:
    return one.code == other.code and one.system == other.system


def _same_instance(one: Problem, other: Problem) -> bool:
    return not one.instance or not other.instance or one.instance == other.instance


def same_entry(one: Problem, other: Problem) -> bool:
    """Whether one takes the place of the other: the same code of the same visit, or of the list by its number."""
    if not _same_code(one, other) or one.listed != other.listed:
        return False
    if not _APART.isdisjoint((one.gone, other.gone)):
        return False
    return _same_instance(one, other) if one.listed else one.visit == other.visit


def covers(end: Problem, other: Problem) -> bool:
    """Whether what ended one says the same of the other: the problem list of all, a visit of its own diagnoses."""
    if not _same_code(end, other):
        return False
    if end.listed:
        return not other.listed or _same_instance(end, other)
    return not other.listed and (not end.visit or other.visit in (end.visit, ""))
