"""The journal as a source of messages to report on, read while a daemon writes it.

It is gone through twice. The first time only its rows are looked at: how many there are of each sender and type tells
which are held against the standard, evenly spread. The second time messages are read whole, one after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from interface.report.collect import SenderKey
from interface.report.privacy import sender_label, type_label
from interface.report.seen import Entry
from interface.rules import Policy

if TYPE_CHECKING:
    from interface.store.records.lists import MessageFilter, MessageSummary
    from interface.store.views import Views

PAGE = 500
_BATCH, _BATCH_BYTES = 100, 16 * 1024 * 1024


class Source(Protocol):
    """Messages to report on."""

    policy: Policy
    notes: list[str]
    """What was limited or could not be read, once `entries` is through."""

    def totals(self) -> Counter[SenderKey]:
        """How many messages there are of each sender and type."""

    def entries(self) -> Iterator[Entry]:
        """The messages, oldest first."""


def is_from(key: SenderKey, sender: str | None) -> bool:
    """Whether MSH-3 or MSH-4, whole or its first component, is the name asked for."""
    if sender is None:
        return True
    names = {
        name.casefold() for whole in (key.application, key.facility) for name in (whole, whole.split("^")[0])
    }
    return sender.casefold() in names


class JournalSource:
    """The newest messages of a journal, while a daemon may be writing it. Read in pages: no long transaction."""

    def __init__(self, views: Views, where: MessageFilter, limit: int, policy: Policy, sender: str | None):
        self.policy = policy
        self.notes: list[str] = []
        self._views = views
        self._where = where
        self._limit = limit
        self._sender = sender
        self._found: list[tuple[int, int]] = []

    def totals(self) -> Counter[SenderKey]:
        """Counted by the journal's rows; no body is opened."""
        counts: Counter[SenderKey] = Counter()
        before: int | None = None
        while page := self._views.messages(self._where, before=before, limit=PAGE):
            before = page[-1].id
            for row in page:
                key = _key(row)
                if not is_from(key, self._sender):
                    continue
                if len(self._found) >= self._limit:
                    self.notes.append(f"only the newest {self._limit} messages: --limit takes more")
                    return counts
                self._found.append((row.id, row.size))
                counts[key] += 1
        return counts

    def entries(self) -> Iterator[Entry]:
        """Oldest first, in small batches."""
        lost = 0
        for ids in self._batches():
            rows = self._views.bodies(ids)
            lost += len(ids) - len(rows)
            for row in rows:
                if row.raw is None:
                    lost += 1
                    continue
                about = row.summary
                received = datetime.fromtimestamp(about.received_at, UTC)
                yield Entry(about.id, row.raw, about.listener, received, about.duplicates)
        if lost:
            self.notes.append(f"{lost} messages are no longer kept, or could not be opened")

    def _batches(self) -> Iterator[list[int]]:
        batch: list[int] = []
        size = 0
        for id_, bytes_ in reversed(self._found):
            if batch and (len(batch) >= _BATCH or size + bytes_ > _BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(id_)
            size += bytes_
        if batch:
            yield batch


def _key(row: MessageSummary) -> SenderKey:
    return SenderKey(
        row.listener,
        sender_label(row.sender_application),
        sender_label(row.sender_facility),
        type_label(row.message_type),
    )
