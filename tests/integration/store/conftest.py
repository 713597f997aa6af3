"""A store in a file of its own, and short ways to fill it."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import count

import pytest
from sqlalchemy import text

from interface.store.crypto import Master
from interface.store.records.arrivals import Arrival
from interface.store.records.turn import AttemptDone, MessageDone, NewRequestRow, PatientWrite, Turn
from interface.store.store import Store, open_store

NOW = 1_800_000_000.0


@pytest.fixture
def keyring():
    return Master(bytes(range(32)), source="env:STORE_KEY")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path, keyring):
    """Where the store of a test is, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/interface.db"
    return request.getfixturevalue("clean_store")(keyring)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request, tmp_path):
    """Where there is no store yet, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/interface.db"
    return request.getfixturevalue("empty_database")


@pytest.fixture
def sqlite_url(tmp_path):
    """A file that is not there yet."""
    return f"sqlite:///{tmp_path}/interface.db"


@pytest.fixture
def sqlite_store(sqlite_url, keyring):
    """For what files alone have."""
    with open_store(sqlite_url, keyring) as opened:
        yield opened


@pytest.fixture
def store(url, keyring):
    with open_store(url, keyring) as opened:
        yield opened


@dataclass
class Filler:
    """Fills a store; every call is a commit."""

    store: Store
    now: float = NOW
    numbers: count = field(default_factory=lambda: count(1))

    def arrival(self, control_id=None, raw=b"MSH|^~\\&|", **changes):
        values = {
            "listener": "main",
            "sender_application": "EPIC",
            "sender_facility": "LFC",
            "control_id": f"C{next(self.numbers)}" if control_id is None else control_id,
            "message_type": "SIU^S12",
            "processing_id": "P",
            "peer": "127.0.0.1:4000",
            "raw": raw,
            "receipt": "stored",
            "received_at": self.now,
        }
        return Arrival(**(values | changes))

    def message(self, **changes):
        """Journal one message and give its id."""
        return self.store.journal.append([self.arrival(**changes)], self.now)[0].id

    def patient(self, *keys, chart=b"{}"):
        id_, _ = self.store.work.next_ids()
        self.store.work.commit(Turn(self.now, patients=[PatientWrite(id_, chart, True, keys)]))
        return id_

    def request(self, patient_id, state="waiting", **changes):
        _, id_ = self.store.work.next_ids()
        values = {
            "id": id_,
            "patient_id": patient_id,
            "message_id": None,
            "appointment": "A1",
            "state": state,
            "body": b'{"request": %d}' % id_,
            "detail": b"[]",
            "appointment_date": date(2027, 3, 1),
        }
        self.store.work.commit(Turn(self.now, requests=[NewRequestRow(**(values | changes))]))
        return id_

    def done(self, message_id, decision="chart", **changes):
        self.store.work.commit(
            Turn(self.now, messages=[MessageDone(message_id, "done", decision, **changes)])
        )

    def attempt(self, claimed, new_state="delivered", **changes):
        values = {
            "request_id": claimed.request_id,
            "patient_id": claimed.patient_id,
            "started_at": self.now,
            "finished_at": self.now + 1,
            "status": 200,
            "verdict": "delivered",
            "detail": "accepted",
            "new_state": new_state,
        }
        return AttemptDone(**(values | changes))

    def state(self, request_id):
        return self.store.work.request_states([request_id])[request_id]

    def claim(self, limit=10, at=None):
        """Ids of the requests that are claimed now."""
        return [one.request_id for one in self.store.work.claim(self.now if at is None else at, limit)]


@pytest.fixture
def fill(store):
    return Filler(store)


@pytest.fixture
def sqlite_fill(sqlite_store):
    return Filler(sqlite_store)


@pytest.fixture
def sql(store):
    """Runs a statement in a transaction of its own, as somebody else would; gives its rows."""

    def run(statement, **parameters):
        with store._database.engine.connect() as connection, connection.begin():
            found = connection.execute(text(statement), parameters)
            return found.all() if found.returns_rows else []

    return run


@pytest.fixture
def trouble(store):
    """While it lasts a part of the store can't write; gives the words for it."""

    @contextmanager
    def sqlite(part):
        for switch in ("ON", "OFF"):
            part._connection.exec_driver_sql(f"PRAGMA query_only={switch}")
            part._connection.rollback()
            if switch == "ON":
                yield "the file is read-only"

    @contextmanager
    def postgresql(part):
        part._connection.exec_driver_sql("SET lock_timeout = '20ms'")
        part._connection.commit()
        with store._database.engine.connect() as other, other.begin():
            other.execute(text("LOCK TABLE messages, requests, patients, commands, liveness"))
            yield "another transaction holds it locked"

    return sqlite if store.path else postgresql


@pytest.fixture
def fill_of():
    """Fills a store that the test has opened itself."""
    return Filler
