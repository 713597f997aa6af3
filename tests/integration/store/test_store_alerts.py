"""Books of alerts have one keeper; what alerts are judged by is counted within bounds."""

from __future__ import annotations

import json

import pytest

from interface.store import alerts
from interface.store.alert_facts import HEARD_ROWS
from interface.store.records.turn import MessageDone, Turn


def test_a_book_is_made_kept_and_taken_over_with_what_is_written(store):
    books = store.alert_books
    assert books.take("", "a") == ""
    assert books.take("", "b") is None
    assert books.write("", "a", "one", 5.0)
    assert not books.write("", "b", "two", 6.0)
    assert books.take("", "a") == "one"
    assert books.take("", "b", by_force=True) == "one"
    assert not books.write("", "a", "three", 7.0)
    assert [(book.name, book.book, book.changed_at, book.kept) for book in books.all()] == [
        ("", "one", 5.0, True)
    ]


def test_who_says_nothing_for_a_while_loses_the_book(store, monkeypatch):
    monkeypatch.setattr(alerts, "_UNTIL", alerts.DatabaseNow() - alerts.literal(1.0))
    books = store.alert_books
    lapsed = alerts.insert(alerts.alert_books).values(
        name="", book="one", changed_at=1.0, owner="a", until=0.0
    )
    with store._database.engine.begin() as connection:
        connection.execute(lapsed)
    assert not books.all()[0].kept
    assert books.take("", "b") == "one"
    assert books.take("", "a") is None


def test_each_node_has_a_book_of_its_own(store):
    books = store.alert_books
    books.take("", "a")
    books.take("node-1", "a")
    assert books.take("node-2", "b") == ""
    assert [book.name for book in books.all()] == ["", "node-1", "node-2"]


def test_dead_requests_count_until_somebody_has_looked(store, fill):
    numbers = [fill.request(fill.patient(f"K{number}")) for number in range(3)]
    claimed = {one.request_id: one for one in store.work.claim(fill.now, 3)}
    for place, number in enumerate(numbers[:2]):
        fill.now += 10
        store.work.commit(Turn(fill.now, attempts=[fill.attempt(claimed[number], "dead")]))
        assert store.alert_facts.dead(0.0) == place + 1
    newest = store.alert_facts.newest_dead()
    assert newest == fill.now
    store.alert_books.see("dead-letters", newest, "anna", 1.0)
    store.alert_books.see("dead-letters", newest, "anna", 2.0)
    assert store.alert_books.seen() == {"dead-letters": newest}
    assert store.alert_facts.dead(newest) == 0
    assert store.alert_facts.dead(newest - 10) == 1


def test_failed_messages_count_until_somebody_has_looked(store, fill):
    assert store.alert_facts.newest_failed() is None
    first = fill.message()
    store.work.commit(Turn(fill.now + 5, messages=[MessageDone(first, "failed", None)]))
    assert store.alert_facts.failed(0.0) == 1
    assert store.alert_facts.failed(store.alert_facts.newest_failed()) == 0


@pytest.fixture
def held(store, fill):
    """Requests by their state and the codes of their reasons."""

    def made(state, *codes):
        reasons = json.dumps([{"code": code, "text": "x"} for code in codes])
        return fill.request(fill.patient(f"H{next(fill.numbers)}"), state, reasons=reasons)

    return made


def test_the_share_of_held_requests_leaves_out_those_that_are_held_as_expected(store, held):
    early = held("held", "no-mrn")
    first = held("waiting")
    held("held", "missing:patient.birthDate")
    held("held", "lead-time")
    held("held", "lead-time", "protected")
    held("waiting")
    share = store.alert_facts.held(first, ("lead-time", "paced"))
    assert (share.asked, share.held) == (4, 2)
    share = store.alert_facts.held(early, ("lead-time", "paced"))
    assert (share.asked, share.held) == (5, 3)


def test_who_was_heard_since_a_row(store, fill):
    assert store.alert_facts.newest_message() == 0
    first = fill.message(received_at=100.0)
    fill.message(received_at=200.0)
    fill.message(received_at=150.0, sender_application="LAB")
    last = store.alert_facts.newest_message()
    heard = sorted(store.alert_facts.heard(0, last))
    assert heard == [("main", "EPIC", "LFC", 200.0), ("main", "LAB", "LFC", 150.0)]
    assert sorted(store.alert_facts.heard(first, first + 1)) == [("main", "EPIC", "LFC", 200.0)]
    assert HEARD_ROWS > 1000


def test_no_webhook_yet(store):
    assert store.alert_facts.last_webhook() is None


def test_books_hold_no_more_than_text(store):
    store.alert_books.take("", "a")
    store.alert_books.write("", "a", json.dumps({"on": []}), 1.0)
    assert store.alert_books.take("", "a") == '{"on": []}'
