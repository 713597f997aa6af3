"""What a message of history would bring, told without the store: taken, passed over, or bad; and the counts of it all."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interface.chart.decide import Engine
from interface.chart.model import Chart
from interface.chart.outcome import Outcome
from interface.cli.common import place_of
from interface.cli.load_files import Bad, File, Piece
from interface.history.messages import Built, build
from interface.rules.facts import Item, LeftOut
from interface.rules.policy import HISTORY
from interface.rules.reading import Reading

_REPETITION = re.compile(r"\[\d+\]")
LISTED = 1000
"""Bad lines that the JSON answer repeats; standard error names each."""


@dataclass
class Tally:
    """What the files hold. Sets hold hashes, not patients' numbers."""

    taken: int = 0
    """Messages that add to charts."""
    patients: set[int] = field(default_factory=set)
    new_patients: int = 0
    problems: set[int] = field(default_factory=set)
    medications: set[int] = field(default_factory=set)
    ignored: Counter[str] = field(default_factory=Counter)
    """Messages that are not for us, by reason."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Values that can't be used, by reason."""
    bad: int = 0
    listed: list[Bad] = field(default_factory=list)

    def add_bad(self, bad: Bad) -> None:
        """Count one bad line or message."""
        self.bad += 1
        if len(self.listed) < LISTED:
            self.listed.append(bad)

    def add_chart(self, chart: Chart) -> None:
        """Count what a message charts for a patient that is not known from elsewhere."""
        patient = chart.keys[0]
        self.problems.update(hash((patient, entry.system, entry.code)) for entry in chart.problems)
        self.medications.update(
            hash((patient, str(name.value))) for order in chart.orders if (name := order.facts.get(_DRUG))
        )

    def leave_out(self, entries: Sequence[LeftOut]) -> None:
        """Count values left out, each under its field and reason."""
        for entry in entries:
            self.left_out[_REPETITION.sub("", f"{entry.source}: {entry.why}")] += 1


_CODINGS, _DRUG = "problem.codings", "medication.nameCode"


class Judge:
    """Reads each message by the rules, without any chart. One thread's."""

    def __init__(
        self, engine: Engine, now: Callable[[], datetime], tally: Tally, kept_under: str = HISTORY
    ) -> None:
        """`kept_under`: the listener's name in the journal, which says as whose messages they are read."""
        self._now, self.tally = now, tally
        self.engine, self.kept_under = engine, kept_under
        self._ids = itertools.count(1)
        self._unasked: list[str] = []

    def ask(self, known: Callable[[Sequence[str]], Collection[str]]) -> None:
        """Count the patients that came since the last call as new, but for those whose identity keys are `known`."""
        self.tally.new_patients += len(self._unasked) - len(known(self._unasked))
        self._unasked.clear()

    def judge(self, file: File, piece: Piece) -> Iterator[bytes | Bad]:
        """The message to store, if there is one, and what is bad about the piece."""
        try:
            reading, outcome = self._read(piece.raw)
        except Exception as error:  # a fault of ours: the rest goes on
            yield Bad(piece.place, f"unexpected {place_of(error)}; please report it")
            return
        why = "; ".join(reason.text for reason in outcome.reasons)
        if outcome.decision == "ignore":
            self.tally.ignored[why] += 1
        elif outcome.decision in ("reject", "hold"):
            yield from (Bad(place, why) for place in _places(file, piece))
        elif piece.built is None or piece.layout is None:
            yield self._take(piece.raw, reading, outcome)
        else:
            bad = _rows_left_out(piece.built, reading, outcome)
            yield from (Bad(file.line(line), text) for line, text in sorted(bad.items()))
            rows = [row for row in piece.built.rows if row.line not in bad]
            if rows and bad:
                built = build(rows, piece.layout, file.as_of)
                yield self._take(built.raw, *self._read(built.raw))
            elif rows:
                yield self._take(piece.raw, reading, outcome)

    def _read(self, raw: bytes) -> tuple[Reading, Outcome]:
        now = self._now()
        reading = self.engine.read(raw, received_at=now, listener=self.kept_under)
        return reading, self.engine.decide(reading, {}, now=now, new_id=self._ids.__next__)

    def _take(self, raw: bytes, reading: Reading, outcome: Outcome) -> bytes:
        tally = self.tally
        tally.taken += 1
        tally.leave_out(outcome.left_out)
        for key in reading.keys[:1]:
            if hash(key) not in tally.patients:
                tally.patients.add(hash(key))
                self._unasked.append(key)
        if outcome.chart is not None and outcome.chart.keys:
            tally.add_chart(outcome.chart)
        return raw


def _places(file: File, piece: Piece) -> list[str]:
    """Where a message that can't be taken is: its own place, or each of its rows."""
    if piece.built is None:
        return [piece.place]
    return [file.line(line) for line in sorted(row.line for row in piece.built.rows)]


def _rows_left_out(built: Built, reading: Reading, outcome: Outcome) -> dict[int, str]:
    """The lines of rows of which nothing is charted, for their code or drug can't be used, each with why."""
    items: Sequence[Item] = reading.problems or reading.orders
    if len(items) != len(built.rows):
        return {}
    found: dict[int, str] = {}
    for number, (row, item) in enumerate(zip(built.rows, items, strict=True), 1):
        fact = item.get(_CODINGS) or item.get(_DRUG)
        if fact is not None and fact.value is not None:
            continue
        where = tuple(f"{name}{f'[{number}]' if number > 1 else ''}-" for name in ("PRB", "RXE"))
        whys = [entry.why for entry in outcome.left_out if entry.source.startswith(where)]
        found[row.line] = "; ".join(dict.fromkeys(whys)) or (fact.why if fact is not None else "") or _NOTHING
    return found


_NOTHING = "nothing of it can be used"


def counted(reasons: Counter[str]) -> list[dict[str, Any]]:
    """Reasons with their counts, the commonest first."""
    return [{"reason": reason, "count": number} for reason, number in reasons.most_common()]
