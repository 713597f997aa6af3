"""Which arrivals are the same message again: whatever order they come in, together or apart, with failures in between.

The rule, as a model in a few lines, against the journal: same listener, MSH-3, MSH-4 and MSH-10 and the same bytes within
seven days of the first: counted. The same name with other bytes: a row of its own, flagged. Everything else is a row.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from interface.store.crypto import Master
from interface.store.errors import NotStored
from interface.store.records.arrivals import Arrival
from interface.store.store import Store, open_store

DAY = 86400.0
WINDOW = 7 * DAY
START = 1_800_000_000.0

arrivals = st.builds(
    Arrival,
    listener=st.sampled_from(("adt", "siu")),
    sender_application=st.sampled_from(("EPIC", "")),
    sender_facility=st.sampled_from(("LFC", "LFC^2")),
    control_id=st.sampled_from(("1", "2", "")),
    message_type=st.just("ADT^A08"),
    processing_id=st.just("P"),
    peer=st.just("peer"),
    raw=st.sampled_from((b"one", b"two")),
    receipt=st.sampled_from(("stored", "stored", "stored", "missing-type")),
    received_at=st.just(0.0),
)
steps = st.lists(
    st.tuples(
        st.sampled_from((0.0, 1.0, DAY, 4 * DAY, WINDOW + 1)),
        st.lists(arrivals, min_size=1, max_size=6),
        st.sampled_from(("stored", "stored", "stored", "fails")),
    ),
    max_size=8,
)


@dataclass
class Model:
    """The rule."""

    rows: list[tuple[object, bytes, float]] = field(default_factory=list)
    """Name, bytes and time of each row."""
    again: dict[int, int] = field(default_factory=dict)

    def take(self, arrival: Arrival, now: float) -> tuple[str, int]:
        """The receipt, and the row (from 1)."""
        name: object = None
        if arrival.receipt == "stored" and arrival.control_id:
            name = (
                arrival.listener, arrival.sender_application, arrival.sender_facility, arrival.control_id
            )  # fmt: skip
        known = [
            (number, raw)
            for number, (other, raw, at) in enumerate(self.rows, 1)
            if name is not None and other == name and at >= now - WINDOW
        ]
        same = [number for number, raw in known if raw == arrival.raw]
        if same:
            self.again[same[0]] = self.again.get(same[0], 0) + 1
            return "duplicate", same[0]
        self.rows.append((name, arrival.raw, now))
        return ("conflict" if known else arrival.receipt), len(self.rows)


def at(arrival: Arrival, now: float) -> Arrival:
    return arrival._replace(received_at=now)


def fail(store: Store, batch: list[Arrival], now: float) -> None:
    connection = store.journal._connection
    connection.exec_driver_sql("PRAGMA query_only=ON")
    connection.rollback()
    try:
        store.journal.append(batch, now)
    except NotStored:
        pass
    else:
        raise AssertionError("it was to fail")
    finally:
        connection.exec_driver_sql("PRAGMA query_only=OFF")
        connection.rollback()


@settings(max_examples=60)
@given(steps)
def test_the_journal_tells_duplicates_as_the_rule_says(told: list[tuple[float, list[Arrival], str]]) -> None:
    model, now = Model(), START
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(f"sqlite:///{Path(folder)}/i.db", Master(bytes(32))) as store,
    ):
        for later, found, how in told:
            now += later
            batch = [at(arrival, now) for arrival in found]
            if how == "fails":
                fail(store, batch, now)
                continue
            answers = store.journal.append(batch, now)
            expected = [model.take(arrival, now) for arrival in batch]
            assert [(stored.receipt, stored.id) for stored in answers] == expected
        rows = {row.id: row for row in store.views.messages(limit=1000)}
        assert len(rows) == len(model.rows)
        assert {id_: row.duplicates for id_, row in rows.items() if row.duplicates} == model.again
