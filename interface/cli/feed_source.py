"""Files as a source of messages for `feed-report`; the journal is one, too (`interface/services/feed_source.py`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from interface.cli.common import read_file
from interface.hl7.batch import messages_in_file
from interface.report.collect import SenderKey, sender_key
from interface.report.seen import Entry
from interface.rules import Policy
from interface.services.feed_source import is_from


class FileSource:
    """Files in the order they were named; a file that holds no MSH is one message to be rejected, an empty one none."""

    def __init__(self, names: Sequence[str], policy: Policy, sender: str | None):
        self.policy = policy
        self.notes: list[str] = []
        self._names = names
        self._sender = sender
        self._piped: dict[str, bytes] = {}

    def totals(self) -> Counter[SenderKey]:
        """Raises UsageError for a file that can't be read."""
        counts: Counter[SenderKey] = Counter()
        empty = 0
        for name in self._names:
            before = counts.total()
            counts.update(key for key, _, _ in self._messages(name))
            empty += counts.total() == before and self._sender is None
        if empty:
            self.notes.append("1 file is empty" if empty == 1 else f"{empty} files are empty")
        return counts

    def entries(self) -> Iterator[Entry]:
        """The messages of all files, numbered through."""
        number = 0
        for name in self._names:
            for _, place, raw in self._messages(name):
                yield Entry(number + place, raw)
            number += self._counted

    def _messages(self, name: str) -> Iterator[tuple[SenderKey, int, bytes]]:
        if name == "-":  # can be read only once
            data = self._piped.setdefault(name, b"") or read_file(name)
            self._piped[name] = data
        else:
            data = read_file(name)
        found = messages_in_file(data)
        self._counted = len(found)
        for place, raw in enumerate(found, 1):
            key = sender_key(raw)
            if is_from(key, self._sender):
                yield key, place, raw
