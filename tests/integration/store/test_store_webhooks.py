"""Webhooks in the store: stored before they are answered, repeats counted, joined once by every id there is."""

import logging
import threading
from datetime import date

import pytest
from patience import until
from sqlalchemy import text

from interface.delivery.outcomes import DELIVERED, FOUND, INSUFFICIENT, Outcome
from interface.services.joining import joins_of
from interface.services.webhook_chores import WebhookChores
from interface.store.errors import NotStored, Overtaken
from interface.store.joining import name_requests
from interface.store.records.lists import RequestFilter
from interface.store.records.turn import Turn
from interface.store.records.webhooks import WebhookArrival, WebhookFilter
from interface.store.retention import Limits
from interface.store.store import open_store

HOUR = 3600.0


def webhook(correlation_id="C-1", event=FOUND, at=10.0, content=None, raw=b'{"made": "up"}'):
    said = content or f"{event} {correlation_id} {at}".encode()
    return WebhookArrival(raw, event, said, "10.0.0.9", at, correlation_id, at - 1)


@pytest.fixture
def receive(store):
    return lambda *arrivals: store.inbox.append(arrivals, 1.0)


@pytest.fixture
def join(store):
    """Joins what waits, as the loop does; gives the states of all webhooks, oldest first."""

    def run():
        hold = store.work.take_turn()
        while (found := store.work.new_webhooks(256)).webhooks:
            store.work.commit(Turn(2.0, joins=joins_of(found), hold=hold))
        return [row.state for row in store.webhooks.webhooks()][::-1]

    return run


@pytest.fixture
def deliver(store, fill):
    """Delivers a new request; gives its id. `attempt`: what else is known of the attempt."""

    def run(correlation_id="C-1", patient=None, **attempt):
        number = fill.request(fill.patient() if patient is None else patient)
        (claimed,) = store.work.claim(fill.now, 1)
        done = fill.attempt(claimed, correlation_id=correlation_id, **attempt)
        store.work.commit(Turn(fill.now, attempts=[done]))
        return number

    return run


def request(store, number):
    return store.views.request(number).summary


def test_what_is_stored_is_sealed_and_comes_back(store, receive, sql):
    (stored,) = receive(webhook(raw=b'{"data": {"name": "MADEUP"}}'))
    assert not stored.repeated
    detail = store.webhooks.one(stored.id)
    assert detail.body == b'{"data": {"name": "MADEUP"}}'
    assert (detail.summary.event, detail.summary.correlation_id, detail.summary.state) == (
        FOUND,
        "C-1",
        "new",
    )
    assert all(b"MADEUP" not in bytes(value) for (value,) in sql("SELECT body FROM webhooks"))


def test_a_repeat_is_counted_within_a_batch_and_later(store, receive):
    first, second, third = receive(webhook(at=1.0), webhook(at=1.0), webhook(event=DELIVERED))
    assert (first.id, second.id) == (second.id, first.id)
    assert [one.repeated for one in (first, second, third)] == [False, True, False]
    again = WebhookArrival(b"other spelling", FOUND, f"{FOUND} C-1 1.0".encode(), "p", 50.0, "C-1")
    assert receive(again)[0].repeated
    row = store.webhooks.one(first.id).summary
    assert (row.duplicates, row.last_duplicate_at) == (2, 50.0)
    assert len(store.webhooks.webhooks()) == 2


def test_what_cannot_be_stored_is_said_and_nothing_of_it_is_kept(store, receive, trouble):
    store.inbox.append([], 1.0)
    if store.path is None:
        pytest.skip("the file's own trouble")
    with trouble(store.inbox) as words, pytest.raises(NotStored, match=words):
        receive(webhook())
    assert store.webhooks.webhooks() == []
    assert not receive(webhook())[0].repeated


def test_a_webhook_of_a_delivered_request_is_joined_and_tells_what_came_of_it(store, receive, join, deliver):
    number = deliver()
    receive(webhook(at=20.0), webhook(event=DELIVERED, at=30.0), webhook("C-9"), webhook(None, "other"))
    assert join() == ["joined", "joined", "unmatched", "unmatched"]
    row = request(store, number)
    assert row.outcome == Outcome(found_at=20.0, delivered_at=30.0, documents=1, events=2)
    assert [event.event for event in store.views.request(number).webhooks] == [FOUND, DELIVERED]
    assert row.awaited_since is None
    assert row.taken_at is not None


def test_a_webhook_that_comes_before_the_reply_is_joined_when_that_is_stored(store, receive, join, deliver):
    receive(webhook(at=20.0))
    assert join() == ["unmatched"]
    number = deliver()
    assert join() == ["joined"]
    assert request(store, number).found_at == 20.0


def test_a_webhook_counts_once_however_often_it_is_looked_at(store, receive, join, deliver, sql):
    number = deliver()
    receive(webhook(event=DELIVERED))
    join()
    sql("UPDATE webhooks SET state = 'new'")
    assert join() == ["joined"]
    assert request(store, number).documents == 1


def test_every_id_of_a_request_joins(store, receive, join, fill):
    """Two nodes sent it, or a refusal bore an id: the API may know it by more than one."""
    number = fill.request(fill.patient())
    (first,) = store.work.claim(fill.now, 1)
    refused = fill.attempt(first, "waiting", verdict="retry", status=500, named="C-1", due_at=fill.now)
    store.work.commit(Turn(fill.now, attempts=[refused]))
    (second,) = store.work.claim(fill.now + 2, 1)
    store.work.commit(Turn(fill.now, attempts=[fill.attempt(second, correlation_id="C-2")]))
    late = fill.attempt(first, correlation_id="C-3", fence=99)
    assert store.work.commit(Turn(fill.now, attempts=[late])).late == (number,)
    receive(webhook("C-1"), webhook("C-2", INSUFFICIENT), webhook("C-3", DELIVERED))
    assert join() == ["joined"] * 3
    row = request(store, number)
    assert row.correlation_id == "C-2"
    assert row.outcome.contradicting
    assert row.events == 3


def test_a_webhook_that_names_a_panel_is_about_all_its_requests(store, receive, join, deliver):
    first = deliver("C-1", panel_id="P-1")
    receive(webhook("P-1", at=20.0))
    assert join() == ["joined"]
    second = deliver("C-2", panel_id="P-1")  # of the same panel, stored a moment later
    assert join() == ["joined"]
    assert [request(store, number).found_at for number in (first, second)] == [20.0, 20.0]
    assert [request(store, number).events for number in (first, second)] == [1, 1]
    assert store.webhooks.webhooks()[0].requests == (first, second)
    assert request(store, first).panel_id == "P-1"


def test_the_same_reply_stored_twice_names_once(store, deliver, fill, sql):
    deliver("C-1")
    deliver("C-1")
    assert len(sql("SELECT * FROM request_ids")) == 2


def test_a_reply_that_is_stored_between_reading_and_joining_has_it_planned_anew(
    store, receive, join, deliver
):
    receive(webhook())
    hold = store.work.take_turn()
    planned = joins_of(store.work.new_webhooks(10))
    number = deliver()
    with pytest.raises(Overtaken):
        store.work.commit(Turn(2.0, joins=planned, hold=hold))
    assert join() == ["joined"]
    assert request(store, number).events == 1


def test_two_nodes_that_join_and_deliver_at_once_lose_nothing(store, receive, fill, url, keyring):
    """Whichever commits first, the webhook ends joined."""
    if store.path is not None:
        pytest.skip("one daemon has a file for itself")
    numbers = [fill.request(fill.patient()) for _ in range(30)]
    claimed = store.work.claim(fill.now, 30)
    receive(*[webhook(f"C-{number}") for number in numbers])
    with open_store(url, keyring) as other:

        def deliver():
            for one in claimed:
                done = fill.attempt(one, correlation_id=f"C-{one.request_id}")
                store.work.commit(Turn(fill.now, attempts=[done]))

        thread = threading.Thread(target=deliver)
        thread.start()
        hold = other.work.take_turn()
        while thread.is_alive() or other.work.new_webhooks(1).webhooks:
            found = other.work.new_webhooks(4)
            if found.webhooks:
                try:
                    other.work.commit(Turn(2.0, joins=joins_of(found), hold=hold))
                except Overtaken:
                    continue
        thread.join()
    assert [request(store, number).events for number in numbers] == [1] * 30
    assert {row.state for row in store.webhooks.webhooks(limit=100)} == {"joined"}


def test_a_webhook_that_comes_while_its_reply_is_being_stored_is_joined(
    store, receive, fill, url, keyring, monkeypatch
):
    """Another node looks at it before the reply is committed: for that node it is nobody's yet."""
    if store.path is not None:
        pytest.skip("one daemon has a file for itself")
    number = fill.request(fill.patient())
    (claimed,) = store.work.claim(fill.now, 1)
    with open_store(url, keyring) as other:
        hold = other.work.take_turn()

        def join():
            found = other.work.new_webhooks(4)
            if found.webhooks:
                other.work.commit(Turn(2.0, joins=joins_of(found), hold=hold))

        def named_then_received(connection, attempts):
            name_requests(connection, attempts)
            other.inbox.append([webhook("C-1", at=1.0)], 1.0)
            join()

        monkeypatch.setattr("interface.store.attempts.name_requests", named_then_received)
        done = fill.attempt(claimed, correlation_id="C-1")
        store.work.commit(Turn(fill.now, attempts=[done], wake="all"))  # each statement is waited for
        WebhookChores(other, lambda: 0.0, lambda _: None, 72).step()
        join()
    assert [row.state for row in store.webhooks.webhooks()] == ["joined"]
    assert request(store, number).events == 1


def test_webhooks_that_come_again_are_locked_in_the_order_in_which_they_are_joined(store, receive, sql):
    """Else the door and the work of another node would wait for each other."""
    if store.path is not None:
        pytest.skip("one transaction at a time")
    receive(webhook("C-1"), webhook("C-2"))
    lock = "SELECT id FROM webhooks WHERE correlation_id = :one FOR UPDATE NOWAIT"
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with store._database.engine.connect() as joins, joins.begin():
        joins.execute(text(lock), {"one": "C-1"})
        door = threading.Thread(target=receive, args=(webhook("C-2"), webhook("C-1")))
        door.start()
        until("the door to wait", lambda: sql(waiting))
        joins.execute(text(lock), {"one": "C-2"})
    door.join()
    assert [row.duplicates for row in store.webhooks.webhooks()] == [1, 1]


def test_requests_that_nobody_has_answered_are_counted_in_portions(store, deliver, receive, join, fill):
    numbers = [deliver(f"C-{n}") for n in range(5)]
    deliver("C-test", awaited=False)  # a path that only validates
    receive(webhook("C-0"), webhook("C-1", "other"))
    join()
    later = fill.now + 100
    first = store.webhooks.overdue(later, limit=2)
    assert first.count == 2
    assert store.webhooks.overdue(later, first.after, limit=2).count == 1
    assert store.webhooks.overdue(fill.now).count == 0
    rows = store.views.requests(RequestFilter(unanswered_before=later))
    assert [row.id for row in rows] == numbers[:1:-1]


def test_overdue_is_said_when_it_begins_and_when_it_ends(store, deliver, receive, join, fill, caplog):
    caplog.set_level(logging.INFO)
    clock, told = [fill.now], []
    chores = WebhookChores(store, lambda: clock[0], told.append, expected_hours=72)
    deliver()
    assert not chores.step()
    clock[0] += 73 * HOUR
    chores.step()
    chores.step()
    receive(webhook())
    join()
    chores.step()
    assert told == [0, 1, 1, 0]
    said = [record.getMessage() for record in caplog.records]
    assert [line for line in said if "overdue" in line] == [
        "event=webhooks-overdue n=1 hours=72",
        "event=webhooks-overdue-over",
    ]


def test_webhooks_for_nobody_are_kept_within_bounds(store, receive, join, deliver, caplog):
    deliver()
    receive(webhook(), *[webhook(f"X-{n}", raw=b"x" * 100) for n in range(10)])
    join()
    store.work.take_turn()
    chores = WebhookChores(store, lambda: 0.0, lambda _: None, 72, most=(8, 500))
    if store.path is None:
        store.retention.hold = store.work.take_turn
    while chores.step():
        pass
    left = [row.correlation_id for row in store.webhooks.webhooks()]
    assert left == [f"X-{n}" for n in range(9, 4, -1)] + ["C-1"]
    said = [record.getMessage() for record in caplog.records]
    assert any("webhooks-unmatched-dropped" in line for line in said)
    assert any("webhooks-unmatched-few-enough dropped=5" in line for line in said)


def test_webhooks_go_with_their_requests_and_others_by_their_age(store, receive, join, deliver):
    number = deliver()
    receive(webhook(at=100.0), webhook("X-1", at=5.0), webhook("X-2", at=100.0))
    join()
    limits = Limits(date(2027, 1, 1), None, None, None, 50.0)
    assert store.retention.webhooks(limits, 0).ids == (2,)
    if store.path is None:
        store.retention.hold = store.work.take_turn
    store.retention.delete("requests", [number])
    assert store.retention.webhooks(limits, 0).ids == (1, 2)


@pytest.mark.parametrize(
    ("events", "outcomes"),
    [
        ([], {"none"}),
        (["other"], {"none"}),
        ([FOUND], {"found"}),
        ([FOUND, INSUFFICIENT], {"insufficient"}),
        ([FOUND, DELIVERED], {"delivered"}),
        ([INSUFFICIENT, DELIVERED], {"delivered", "contradicting"}),
    ],
)
def test_lists_by_outcome(store, receive, join, deliver, fill, events, outcomes):
    number = deliver()
    fill.request(fill.patient())  # one that waits has no outcome, not even none
    receive(*[webhook(event=event) for event in events])
    join()
    for name in ("none", "found", "insufficient", "delivered", "contradicting"):
        found = [row.id for row in store.views.requests(RequestFilter(outcome=name))]
        assert found == ([number] if name in outcomes else [])


def test_lists_of_webhooks_by_what_they_are(store, receive, join, deliver):
    deliver()
    receive(webhook(at=1.0), webhook("X", DELIVERED, at=2.0), webhook("Y", at=3.0))
    join()

    def ids(**where):
        return [row.id for row in store.webhooks.webhooks(WebhookFilter(**where))]

    assert ids() == [3, 2, 1]
    assert ids(state="unmatched") == [3, 2]
    assert ids(event=FOUND) == [3, 1]
    assert ids(correlation_id="X") == [2]
    assert ids(since=2.0, until=3.0) == [2]
    assert [row.id for row in store.webhooks.webhooks(before=3, limit=1)] == [2]
    assert store.webhooks.one(9) is None
