"""Lists in pages, details, counts."""

import contextlib
import sqlite3
from datetime import date

import pytest

from interface.store.errors import StoreError
from interface.store.migrations import MIGRATIONS
from interface.store.records.figures import Backlog
from interface.store.records.lists import MessageFilter, RequestFilter
from interface.store.records.reasons import reasons_json
from interface.store.records.turn import CloseRow, MessageDone, Turn


def ids(rows):
    return [row.id for row in rows]


def test_pages_go_from_the_newest_to_the_oldest_and_lose_nothing(store, fill):
    store.journal.append([fill.arrival() for _ in range(25)], fill.now)
    seen, before = [], None
    while page := ids(store.views.messages(before=before, limit=10)):
        seen += page
        before = page[-1]
        fill.message()  # what arrives meanwhile disturbs nothing
    assert seen == list(range(25, 0, -1))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (MessageFilter(), [4, 3, 2, 1]),
        (MessageFilter(state="new"), [4]),
        (MessageFilter(state="failed"), [3]),
        (MessageFilter(decision="hold"), [2]),
        (MessageFilter(message_type="ADT^A08"), [3]),
        (MessageFilter(control_id="two"), [2]),
        (MessageFilter(listener="pharmacy"), [1]),
        (MessageFilter(since=2.0, until=4.0), [3, 2]),
        (MessageFilter(decision="hold", control_id="nobody"), []),
    ],
)
def test_messages_are_filtered(store, fill, where, expected):
    fill.message(control_id="one", received_at=1.0, listener="pharmacy")
    fill.message(control_id="two", received_at=2.0)
    fill.message(control_id="three", received_at=3.0, message_type="ADT^A08")
    fill.message(control_id="four", received_at=4.0)
    fill.done(1, "post")
    fill.done(2, "hold")
    store.work.commit(Turn(fill.now, messages=[MessageDone(3, "failed", None)]))
    assert ids(store.views.messages(where)) == expected


def test_requests_are_filtered(store, fill):
    one, two = fill.patient("LFC|1", "LFC|1b"), fill.patient("LFC|2")
    first = fill.request(one, "held", appointment_date=date(2027, 1, 1))
    second = fill.request(two)
    third = fill.request(one)
    assert ids(store.views.requests()) == [third, second, first]
    assert ids(store.views.requests(RequestFilter(state="held"))) == [first]
    assert ids(store.views.requests(RequestFilter(patient_key="LFC|1b"))) == [third, first]
    assert ids(store.views.requests(RequestFilter(patient_key="LFC|1", state="waiting"))) == [third]
    assert ids(store.views.requests(RequestFilter(patient_key="nobody"))) == []
    assert ids(store.views.requests(RequestFilter(appointment_date=date(2027, 1, 1)))) == [first]
    assert ids(store.views.requests(RequestFilter(since=fill.now + 1))) == []
    assert ids(store.views.requests(before=third, limit=1)) == [second]


def test_what_is_only_held_until_a_time_is_told_from_what_needs_somebody(store, fill):
    patient = fill.patient()

    def why(*codes):
        return reasons_json((code, f'says "code": {code}') for code in codes)

    day = fill.request(patient, "held", reasons=why("lead-time"), wake_at=9.0)
    both = fill.request(patient, "held", reasons=why("paced", "lead-time"), wake_at=9.0)
    more = fill.request(patient, "held", reasons=why("missing:patient.birthDate", "lead-time"))
    other = fill.request(patient, "held", reasons=why("protected"))
    timed = "lead-time", "paced"
    only, others = RequestFilter("held", only_codes=timed), RequestFilter("held", other_codes=timed)
    assert ids(store.views.requests(only)) == [both, day]
    assert ids(store.views.requests(others)) == [other, more]
    backlog = store.views.backlog()
    assert (backlog.held_requests, backlog.held_for_time) == (4, 2)
    assert [row.wake_at for row in store.views.requests()] == [None, None, 9.0, 9.0]
    for number, codes in enumerate((["lead-time"], ["no-mrn"]), 1):
        fill.message()
        fill.done(number, "hold", reasons=why(*codes))
    assert ids(store.views.messages(MessageFilter(decision="hold", only_codes=timed))) == [1]
    assert ids(store.views.messages(MessageFilter(decision="hold", other_codes=timed))) == [2]


@pytest.mark.parametrize("state", ["withdrawn", "superseded"])
def test_what_has_ended_is_held_until_no_time(store, fill, state):
    patient = fill.patient()
    held = fill.request(patient, "held", wake_at=9.0)
    if state == "withdrawn":
        store.work.commit(Turn(fill.now, requests=[CloseRow(held, patient, "withdrawn")]))
    else:
        fill.request(patient, supersedes=held)
    assert store.views.request(held).summary.state == state
    assert store.views.request(held).summary.wake_at is None


def test_a_request_is_shown_whole(store, fill):
    request = fill.request(fill.patient(), appointment="F1^EPIC", message_id=9)
    shown = store.views.request(request)
    assert (shown.appointment, shown.body, shown.detail) == ("F1^EPIC", b'{"request": 1}', b"[]")
    assert (shown.summary.message_id, shown.attempts, shown.problem) == (9, (), None)


def test_what_is_not_there_is_none(store):
    assert store.views.message(1) is None
    assert store.views.request(1) is None


def test_damaged_reasons_are_shown_as_such(store, fill):
    message = fill.message()
    with store.work._connection.begin():
        store.work._connection.exec_driver_sql("UPDATE messages SET reasons = '{'")
    assert store.views.message(message).summary.reasons == [
        {"code": "unreadable", "text": "the reasons are damaged"}
    ]


def test_counts_and_backlog(store, fill):
    empty = Backlog(0, 0, None, 0, 0)
    assert store.views.backlog() == empty
    fill.message(received_at=5.0)
    fill.message(received_at=6.0)
    fill.done(1, "hold")
    patient, other = fill.patient(), fill.patient()
    fill.request(patient), fill.request(patient), fill.request(other, "held")
    fill.claim(limit=1)
    assert store.views.backlog() == Backlog(1, 1, fill.now, 1, 1)
    counts = store.views.counts()
    assert (counts.messages, counts.decisions) == ({"done": 1, "new": 1}, {"hold": 1})
    assert (counts.requests, counts.patients) == ({"sending": 1, "waiting": 1, "held": 1}, 2)


def test_views_hold_nothing_open(sqlite_store, sqlite_fill):
    store, fill = sqlite_store, sqlite_fill
    fill.message()
    store.views.messages()
    fill.message()
    assert len(store.views.messages()) == 2
    with contextlib.closing(sqlite3.connect(store.path, timeout=0)) as other:
        busy, left, _done = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, left) == (0, 0)  # nobody was in the way


def test_stats_name_the_files(sqlite_store, sqlite_fill):
    store, fill = sqlite_store, sqlite_fill
    fill.message()
    stats = store.stats()
    assert stats.path == str(store.path)
    assert stats.schema_version == MIGRATIONS[-1].version
    assert stats.size_bytes > 0
    assert stats.wal_bytes > 0
    assert stats.free_bytes > 0


def test_a_store_is_writable_or_says_why_not(store, trouble):
    store.check_writable()
    with trouble(store._probe) as words, pytest.raises(StoreError, match=words):
        store.check_writable()
    store.check_writable()


def test_a_writer_that_takes_for_ever_is_noticed_in_a_second(sqlite_store):
    sqlite_store.check_writable()
    endless = sqlite_store.journal._connection.begin()
    with pytest.raises(StoreError, match="another program holds it locked"):
        sqlite_store.check_writable()
    endless.rollback()
    sqlite_store.check_writable()


def test_bodies_of_many_messages_oldest_first(store, fill):
    first, second = fill.message(raw=b"one"), fill.message(raw=b"two", listener="pharmacy")
    found = store.views.bodies([second, 999, first])
    assert [(one.summary.id, one.summary.listener, one.raw) for one in found] == [
        (first, "main", b"one"),
        (second, "pharmacy", b"two"),
    ]
    assert store.views.bodies([]) == []


def test_what_waits_of_a_listener(store, fill):
    first = fill.message(listener="load")
    fill.message(listener="load")
    fill.message(listener="main")
    assert (store.views.waiting("load"), store.views.waiting("x")) == (2, 0)
    fill.done(first)
    assert store.views.waiting("load") == 1


def test_what_was_decided_of_messages(store, fill):
    first, second = fill.message(), fill.message()
    fill.done(first, "hold", reasons='[{"code": "a", "text": "b"}]')
    assert sorted(store.views.decided([first, second, 99])) == [
        ("done", "hold", [{"code": "a", "text": "b"}]),
        ("new", None, []),
    ]
    assert store.views.decided([]) == []


def test_which_patients_are_known(store, fill):
    fill.patient("A", "B")
    assert set(store.patients.owners(["A", "C"])) == {"A"}
    assert set(store.patients.owners([])) == set()


def test_requests_are_found_by_what_the_api_called_them_and_by_what_became_of_them(store, fill):
    patient, other = fill.patient("A"), fill.patient("B")
    first, second, third = fill.request(patient), fill.request(patient), fill.request(other)
    claimed = {one.request_id: one for one in store.work.claim(fill.now, 10)}
    store.work.commit(
        Turn(
            fill.now, attempts=[fill.attempt(one, correlation_id=f"C-{id_}") for id_, one in claimed.items()]
        )
    )
    del second

    def found(**where):
        return [row.id for row in store.views.requests(RequestFilter(**where))]

    some = next(iter(claimed))
    assert found(correlation_id=f"C-{some}") == [some]
    assert found(correlation_id="C-0") == []
    assert found(id=third) == [third]
    assert found(patient_id=other) == [third]
    assert found(patient_id=other, patient_key="A") == []
    assert found(patient_id=99) == []
    assert some in found(last_verdict="delivered") and found(last_verdict="x") == []
    assert first in found(environment="sandbox") and found(environment="staging") == []
    assert store.views.requests(RequestFilter(id=first))[0].environment == "sandbox"


def test_messages_are_found_by_the_patients_number_of_ours_and_by_their_names(store, fill):
    patient = fill.patient("A")
    mine, again, _ = fill.message(control_id="X"), fill.message(control_id="X", raw=b"other"), fill.message()
    fill.done(mine, patient_id=patient)
    assert [row.id for row in store.views.messages(MessageFilter(patient_id=patient))] == [mine]
    found = store.views.named(["X", "nobody's", "'; --"])
    assert {name: [one.id for one in those] for name, those in found.items()} == {"X": [mine, again]}
    assert store.views.named([]) == {}
