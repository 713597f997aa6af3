"""What the daemon looks at now and then: the key, held requests, webhooks, as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from interface.alerting.facts import Held, Refused
from interface.services.alert_looks import SELDOM_SECONDS, Looks
from interface.settings import load_settings
from interface.store.crypto import Master
from interface.store.records.arrivals import Arrival
from interface.store.records.turn import NewRequestRow, PatientWrite, Turn
from interface.store.records.webhooks import WebhookArrival
from interface.store.schema import requests
from interface.store.store import Store, open_store

AT = 1_772_460_000.0
SETTINGS = """
[api]
key = "file:api.key"
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.db", Master(bytes(32), source="test")) as opened:
        yield opened


class Clock:
    now = AT

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def looks(store: Store, tmp_path: Path, clock: Clock) -> Looks:
    (tmp_path / "site.toml").write_text(SETTINGS)
    (tmp_path / "api.key").write_text("secret")
    return Looks(store, load_settings(tmp_path / "site.toml"), "", "a", now=clock, monotonic=clock)


def request(store: Store, state: str, *codes: str) -> int:
    patient, number = store.work.next_ids()
    reasons = json.dumps([{"code": code, "text": "x"} for code in codes])
    row = NewRequestRow(
        id=number,
        patient_id=patient,
        message_id=None,
        appointment="A",
        state=state,
        body=b"{}",
        detail=b"[]",
        appointment_date=date(2027, 3, 1),
        reasons=reasons,
    )
    store.work.commit(Turn(AT, patients=[PatientWrite(patient, b"{}", True, (f"K{patient}",))]))
    store.work.commit(Turn(AT, requests=[row]))
    return number


def test_a_key_that_is_gone_is_told_by_its_place_and_not_by_its_value(
    looks: Looks, clock: Clock, tmp_path: Path
) -> None:
    assert looks().seldom.api_key == ""
    (tmp_path / "api.key").unlink()
    clock.now += SELDOM_SECONDS - 1
    assert looks().seldom.api_key == "", "not yet"
    clock.now += 1
    said = looks().seldom.api_key
    assert said is not None and "api.key cannot be read: No such file" in said


def test_held_requests_are_counted_among_those_of_the_last_hours(
    looks: Looks, store: Store, clock: Clock
) -> None:
    old = request(store, "held", "no-mrn")
    with store._database.engine.begin() as connection:
        connection.execute(update(requests).where(requests.c.id == old).values(created_at=AT - 25 * 3600))
    request(store, "held", "missing:patient.birthDate")
    request(store, "held", "lead-time")
    request(store, "held", "not-test-patient")
    request(store, "waiting")
    assert looks().seldom.held == Held(2, 1)


def test_what_was_refused_is_counted_by_listener_among_the_messages_of_the_last_hour(
    looks: Looks, store: Store, clock: Clock
) -> None:
    def came(listener: str, receipt: str, at: float) -> None:
        number = f"C{store.alert_facts.newest_message()}"
        arrival = Arrival(listener, "A", "F", number, "ADT^A08", "P", "x", number.encode(), receipt, at)
        store.journal.append([arrival], at)

    assert looks().seldom.refused == Refused("", 0, 0)
    came("siu", "no-msh", AT - 3601)
    came("siu", "no-msh", AT - 3500)
    came("siu", "stored", AT - 10)
    came("adt", "stored", AT)
    clock.now += SELDOM_SECONDS
    assert looks().seldom.refused == Refused("siu", 2, 1)


def test_a_webhook_is_due_when_a_request_has_waited_for_it_too_long(
    looks: Looks, store: Store, clock: Clock
) -> None:
    number = request(store, "delivered")
    assert looks().seldom.webhook_due is False
    with store._database.engine.begin() as connection:
        late = update(requests).where(requests.c.id == number)
        connection.execute(late.values(awaited_since=AT - 73 * 3600, taken_at=AT - 73 * 3600))
    clock.now += SELDOM_SECONDS
    seldom = looks().seldom
    assert (seldom.webhook_due, seldom.webhook_last) == (True, 0.0)
    arrival = WebhookArrival(b"{}", "other", b"{}", "x", AT + 5)
    store.inbox.append([arrival], AT + 5)
    clock.now += SELDOM_SECONDS
    assert looks().seldom.webhook_last == AT + 5


def test_a_file_has_no_clock_of_its_own(looks: Looks) -> None:
    assert looks().seldom.database_ahead is None


def test_the_databases_clock_is_held_against_ours(clean_store: object, tmp_path: Path, clock: Clock) -> None:
    master = Master(bytes(range(32)), source="env:STORE_KEY")
    (tmp_path / "site.toml").write_text('[store]\nurl = "postgresql+psycopg://i@h/d"\n')
    settings = load_settings(tmp_path / "site.toml")
    with open_store(clean_store(master), master) as shared:  # type: ignore[operator]
        clock.now = datetime.now(UTC).timestamp() + 3600
        ahead = Looks(shared, settings, "n", "a", now=clock, monotonic=clock)().seldom.database_ahead
        assert ahead is not None and 3590 < ahead < 3601
