"""From messages, one after the other, to the report. Nothing of a message is kept but counts, paths and positions."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from interface import __version__
from interface.chart.decide import Engine
from interface.chart.registry import Registry
from interface.chart.shelf import Shelf
from interface.hl7.errors import NotHL7
from interface.hl7.header import read_header
from interface.hl7.message import Message
from interface.report.model import Report
from interface.report.numbers import SEVERAL, Authorities
from interface.report.privacy import sender_label, type_label
from interface.report.seen import Entry, Seen
from interface.report.sender import SenderTally
from interface.rules.policy import reads_as
from interface.rules.reading import event_time

MOST_SENDERS = 200
MOST_TYPES = 200
MOST_CHARTS = 50_000
OTHERS = "(other senders)"
_OTHER_TYPES = "(other types)"


class SenderKey(NamedTuple):
    """Whom a message is from, and its type."""

    listener: str
    application: str
    facility: str
    type: str


def sender_key(raw: bytes, listener: str = "", charset: str | None = None) -> SenderKey:
    """The key of a message by its MSH alone; without one all but the listener is empty."""
    try:
        header = read_header(raw, charset)
    except NotHL7:
        return SenderKey(listener, "", "", type_label(""))
    return SenderKey(
        listener,
        sender_label(header.sending_application),
        sender_label(header.sending_facility),
        type_label(header.type),
    )


class Collector:
    """Takes messages in the order they were sent."""

    def __init__(
        self, engine: Engine, totals: Mapping[SenderKey, int], *, now: datetime, sample: int | None = 200
    ):
        """Be ready for messages.

        Args:
            engine: the mapping of the site.
            totals: how many messages will come of each sender and type, for an even sample.
            now: when the report is made, aware.
            sample: how many messages of a sender and type are looked at closely; None: all.

        """
        self._engine = engine
        self._shelf = Shelf(MOST_CHARTS)
        self._charts = Registry(self._shelf)
        self._ids = itertools.count(1)
        self._stride = {key: 1 if sample is None else -(-total // sample) for key, total in totals.items()}
        self._place: Counter[SenderKey] = Counter()
        self._now = now
        self._own_time = now
        self._senders: dict[tuple[str, str, str], SenderTally] = {}
        self._authorities = Authorities(bool(engine.policy.mrn_authority or engine.book.site.roots))
        self._types: set[str] = set()
        self._journal = False
        self.messages = 0

    def take(self, entry: Entry) -> None:
        """Count one message. Never raises for what a sender can send."""
        self.messages += 1
        self._journal |= entry.received_at is not None
        policy = self._engine.policy
        listener = reads_as(entry.listener)
        charset = policy.listener_charsets.get(listener) or None
        zone = policy.listener_timezones.get(listener) or policy.timezone
        try:
            message = Message(entry.raw, charset)
        except NotHL7:
            message = None
        if entry.received_at is not None:
            moment = entry.received_at
        elif message is not None:
            moment = self._time_of(message)
        else:
            moment = self._own_time
        reading = self._engine.read(entry.raw, received_at=moment, listener=entry.listener)
        known = self._charts.find(reading.keys)
        outcome = self._engine.decide(reading, known, now=moment, new_id=self._ids.__next__)
        self._charts.keep(reading, outcome)
        key = sender_key(entry.raw, entry.listener, charset)
        kind = key.type
        if kind not in self._types:
            kind = _OTHER_TYPES if len(self._types) >= MOST_TYPES else kind
            self._types.add(kind)
        sample = self._place[key] % self._stride.get(key, 1) == 0
        self._place[key] += 1
        seen = Seen(entry, kind, message, reading, outcome, zone, self._now)
        self._sender(key).take(seen, sample)

    def _time_of(self, message: Message) -> datetime:
        """When a message of a file was sent: decided as of that day, not of today when its appointment is past."""
        zone = self._engine.policy.timezone
        text = event_time(message, zone, self._now)
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
        if abs((moment - self._now).total_seconds()) >= 1:
            self._own_time = moment
        return self._own_time

    def _sender(self, key: SenderKey) -> SenderTally:
        name = key[:3]
        if name not in self._senders:
            if len(self._senders) >= MOST_SENDERS:
                name = (key.listener, OTHERS, "")
            self._senders.setdefault(name, SenderTally(*name, self._engine.book, self._authorities))
        return self._senders[name]

    def report(self, *, control_ids: bool = True, notes: tuple[str, ...] = ()) -> Report:
        """The report on all that was taken. `control_ids`: whether examples show MSH-10."""
        senders = [tally.report(control_ids) for tally in self._senders.values()]
        senders.sort(key=lambda sender: (-sender.messages, sender.name))
        return Report(
            self._now,
            f"hl7-interface {__version__}",
            "journal" if self._journal else "files",
            self.messages,
            tuple(senders),
            (*notes, *self._notes()),
        )

    def _notes(self) -> tuple[str, ...]:
        notes = [SEVERAL] if self._authorities.several else []
        if not self._engine.policy.timezone:
            notes.append(
                "no time zone is set: times without an offset are taken for UTC, small clock errors not told"
            )
        if self._shelf.forgotten:
            notes.append(f"{self._shelf.forgotten} charts longest not seen were forgotten on the way")
        large = sum(tally.sampled.too_large for tally in self._senders.values())
        if large:
            notes.append(f"{large} messages over 256 KB were not held against the standard")
        return tuple(notes)
