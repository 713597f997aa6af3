"""Control ids: the same again with the same content, with another, and those that hold a patient's number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from interface.report.model import LOSES, MEND, Finding
from interface.report.seen import Seen, Tally, digest

MOST_IDS = 200_000
"""Ids remembered for a sender; those longest not seen go first."""
_SHORTEST_NUMBER = 5


class ControlIds:
    """Remembers MSH-10 of one sender as 16 bytes each."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, bytes] = OrderedDict()
        self._messages = 0
        self._again: Tally[str] = Tally()
        self.hold_numbers = False
        """Whether any control id held the number of its message's patient: then none may be shown."""

    def take(self, seen: Seen) -> None:
        """Look at one message; one without a control id is a reject already."""
        if seen.message is None or not seen.reading.control_id:
            return
        self._messages += 1
        control_id = seen.reading.control_id
        key, content = digest(control_id.encode("utf-8", "replace")), digest(seen.entry.raw)
        before = self._known.pop(key, None)
        self._known[key] = content
        if len(self._known) > MOST_IDS:
            self._known.popitem(last=False)
        if before is not None:
            self._again.add("same" if before == content else "other", seen)
        if seen.entry.duplicates:
            self._messages += seen.entry.duplicates
            self._again.add("same", seen, times=seen.entry.duplicates)
        if _holds_number(control_id, seen):
            self._again.add("number", seen)
            self.hold_numbers = True

    def findings(self) -> Iterator[Finding]:
        """What of the ids is not as it should be."""
        for row in self._again:
            level, kind, what, ask = _TOLD[row.key]
            yield row.finding(level, kind, row.key, "MSH-10", what, ask, of=self._messages)


_TOLD = {
    "same": (
        MEND,
        "control-id-again",
        "the same message came again (same MSH-10, same content); it is counted, not decided again",
        "Nothing, if these are repeats after a lost answer. Else look why messages are sent twice.",
    ),
    "other": (
        LOSES,
        "control-id-other-content",
        "a known MSH-10 came again with other content: the two can't be told apart by their id",
        "Give each message a control id of its own.",
    ),
    "number": (
        MEND,
        "control-id-holds-number",
        "MSH-10 holds the patient's number; control ids are left out of this report",
        "Use control ids that say nothing of the patient: they stand in logs and acknowledgements.",
    ),
}


def _holds_number(control_id: str, seen: Seen) -> bool:
    pid = seen.message.first("PID") if seen.message is not None else None
    if pid is None:
        return False
    numbers = (
        repetition.component(1).strip() for field in (2, 3, 4, 18, 19) for repetition in pid.reps(field)
    )
    return any(len(number) >= _SHORTEST_NUMBER and number in control_id for number in numbers)
