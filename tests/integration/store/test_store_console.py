"""What the console keeps in the store: users, sessions, the audit; and the figures that it reads."""

import threading

import pytest
from sqlalchemy import text

from interface.store.errors import StoreError
from interface.store.records.console import AuditEntry, Several
from interface.store.records.turn import CommandDone, MessageDone, Turn

TOKEN, OTHER = b"t" * 32, b"o" * 32


@pytest.fixture
def mary(store):
    store.users.add("mary", "analyst", "hash", 1.0)
    return store.users.get("mary")


def test_a_user_is_added_once(store, mary):
    assert not store.users.add("mary", "admin", "other", 2.0)
    assert store.users.all() == [mary]
    assert (mary.role, mary.password, mary.created_at) == ("analyst", "hash", 1.0)
    assert "hash" not in repr(mary)


def test_a_session_knows_its_user_and_what_was_noted_in_it(store, mary):
    assert store.users.any()
    assert store.users.begin(TOKEN, mary, 10.0)
    store.users.used(TOKEN, 20.0)
    store.users.show(TOKEN, 99.0)
    found = store.users.session(TOKEN)
    assert (found.user_name, found.role, found.began_at, found.used_at, found.shows_until) == (
        "mary",
        "analyst",
        10.0,
        20.0,
        99.0,
    )
    assert store.users.session(OTHER) is None
    store.users.end(TOKEN)
    assert store.users.session(TOKEN) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda users: users.set_password("mary", "new", 2.0),
        lambda users: users.set_disabled("mary", True),
        lambda users: users.set_role("mary", "viewer"),
        lambda users: users.remove("mary"),
    ],
    ids=["password", "disabled", "role", "removed"],
)
def test_what_takes_rights_away_ends_the_sessions(store, mary, change):
    store.users.begin(TOKEN, mary, 10.0)
    assert change(store.users)
    assert store.users.session(TOKEN) is None
    # and one who was let in by what counted before does not get in after all
    assert not store.users.begin(OTHER, mary, 11.0)
    assert store.users.session(OTHER) is None


def test_changing_who_is_not_there_says_so(store):
    assert not store.users.set_password("nobody", "x", 1.0)
    assert not store.users.remove("nobody")


def test_sessions_that_were_not_used_are_forgotten(store, mary):
    store.users.begin(TOKEN, mary, 10.0)
    store.users.begin(OTHER, mary, 20.0)
    store.users.end_old(20.0)
    assert store.users.session(TOKEN) is None
    assert store.users.session(OTHER) is not None


def test_the_audit_is_read_newest_first_and_its_texts_are_sealed(store, sql):
    store.audit.add([AuditEntry(float(n), "mary", "127.0.0.1", "saw", f"message {n}", "why") for n in (1, 2)])
    store.audit.add([AuditEntry(3.0, "adam", "127.0.0.1", "saw", "message 2")])
    found = store.audit.page()
    assert [(entry.user_name, entry.subject, entry.detail) for entry in found] == [
        ("adam", "message 2", None),
        ("mary", "message 2", "why"),
        ("mary", "message 1", "why"),
    ]
    assert [entry.at for entry in store.audit.page(before=found[0].id, limit=1)] == [2.0]
    assert [entry.at for entry in store.audit.page(user_name="adam")] == [3.0]
    assert [entry.at for entry in store.audit.page(subject="message 2")] == [3.0, 2.0]
    assert [entry.at for entry in store.audit.page(first=found[1].id)] == [3.0, 2.0]
    assert [entry.at for entry in store.audit.page(actions=("saw",), limit=1)] == [3.0]
    assert store.audit.page(actions=("retry", "discard")) == []
    assert (store.audit.last("mary", "saw"), store.audit.last("mary", "retry")) == (2.0, None)
    first, *others = store.overview.first_ids("audit", [0.0, 2.0, 9.0])
    assert first <= found[2].id, "all of them: where ids begin is the database's"
    assert others == [found[1].id, found[0].id + 1]
    assert all(b"why" not in bytes(row.detail or b"") for row in sql("SELECT detail FROM audit"))


def test_where_an_hour_begins_is_found_among_ids_with_gaps(store, fill, sql):
    for number in range(20):
        fill.message(received_at=100.0 + 10 * number)
    sql("DELETE FROM messages WHERE id IN (5, 6, 7)")
    overview = store.overview
    assert overview.first_ids("messages", [0.0, 100.0, 101.0, 145.0, 290.0, 291.0]) == [1, 1, 2, 5, 20, 21]
    assert overview.feeds_between(1, 5)[0] == 4
    total, (feed,) = overview.feeds_between(4, 21)
    assert (total, feed.messages, feed.last_at) == (14, 14, 290.0)
    assert overview.feeds_between(5, 8) == (0, [])
    assert overview.first_ids("requests", [1.0]) == [1]


def test_of_many_senders_the_busiest_are_told_and_all_are_counted(store, fill):
    for sender in ("A", "B", "B", "C"):
        fill.message(sender_application=sender)
    total, feeds = store.overview.feeds_between(1, 5, most=2)
    assert total == 4
    assert [(feed.application, feed.messages) for feed in feeds] == [("B", 2), ("A", 1)]


def test_requests_in_a_state_are_grouped_by_each_of_their_reasons(store, fill):
    patient = fill.patient()
    both = '[{"code": "a", "text": "A"}, {"code": "b", "text": "B"}]'
    for reasons in (both, '[{"code": "a", "text": "A"}]', "damaged"):
        fill.request(patient, state="held", reasons=reasons)
    found = store.overview.requests_in("held")
    assert [(group.code, group.text, group.count) for group in found.groups] == [
        ("a", "A", 2),
        ("", "", 1),
        ("b", "B", 1),
    ]
    assert (found.total, found.looked_at) == (3, 3)
    assert store.overview.requests_in("held", most=1).total == 3
    assert store.overview.requests_in("held", most=1).looked_at == 1


def test_a_group_says_of_its_requests_only_what_all_of_them_say(store, fill):
    patient = fill.patient()
    for why in ("PID-11.6 is FRA (France)", "PID-11.5 is empty"):
        fill.request(patient, state="held", reasons=f'[{{"code": "a", "text": "no ZIP: {why}"}}]')
    (group,) = store.overview.requests_in("held").groups
    assert (group.text, group.count) == ("no ZIP: …", 2)


def test_what_waits_for_its_time_and_for_something_else_is_counted_where_a_person_can_do_something(
    store, fill
):
    patient = fill.patient()
    for codes in ("ab", "b"):
        reasons = ", ".join(f'{{"code": "{code}", "text": "{code}"}}' for code in codes)
        fill.request(patient, state="held", reasons=f"[{reasons}]")
    found = store.overview.requests_in("held", apart=("b",))
    assert [(group.code, group.count) for group in found.groups] == [("a", 1), ("b", 1)]
    assert found.total == 2


def test_failed_messages_and_those_of_nobody_are_counted(store, fill):
    failed, held, asked = fill.message(), fill.message(), fill.message()
    why = '[{"code": "no-mrn", "text": "whose it is"}]'
    done = [
        MessageDone(failed, "failed", None, '[{"code": "core-failed", "text": "x"}]'),
        MessageDone(held, "done", "hold", why),
        MessageDone(asked, "done", "post"),
    ]
    store.work.commit(Turn(fill.now, messages=done))
    assert [group.code for group in store.overview.failed_messages().groups] == ["core-failed"]
    assert [group.code for group in store.overview.unassigned_messages(1).groups] == ["no-mrn"]
    assert store.overview.unassigned_messages(held + 1).total == 0


def test_outcomes_are_those_that_webhooks_told(store, fill, sql):
    patient = fill.patient()
    for _ in range(1, 5):
        fill.request(patient)
    sql("UPDATE requests SET taken_at = 10, awaited_since = 10")
    sql(
        "UPDATE requests SET awaited_since = NULL, found_at = 11, delivered_at = 12, documents = 3 WHERE id = 2"
    )
    sql("UPDATE requests SET awaited_since = NULL, insufficient_at = 11 WHERE id = 3")
    found = store.overview.outcomes(1)
    assert (found.taken, found.found, found.insufficient, found.delivered) == (4, 1, 1, 1)
    assert (found.documents, found.awaited, found.looked_at) == (3, 2, 4)
    assert store.overview.outcomes(4).looked_at == 1
    assert store.overview.outcomes(1, most=2).looked_at == 2
    assert store.overview.outcomes(9).taken == 0
    assert (store.overview.unanswered(10.5), store.overview.unanswered(10.0)) == (2, 0)


SLOW = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000000) SELECT max(i) FROM n"
)


def test_a_slow_statement_can_be_interrupted_and_the_store_goes_on(store):
    beside = store.another()
    views = beside.views
    began = threading.Event()
    failed = []

    def slow():
        try:
            with views._reading() as connection:
                began.set()
                connection.execute(text(SLOW))
        except StoreError as error:
            failed.append(str(error))

    thread = threading.Thread(target=slow)
    thread.start()
    assert began.wait(30)
    while thread.is_alive():  # it may not have come to the statement yet
        beside.interrupt()
        thread.join(0.05)
    assert len(failed) == 1
    assert "took" in failed[0]
    assert views.waiting_up_to(1) == 0
    beside.close()
    assert store.views.waiting_up_to(1) == 0


def test_what_waits_is_told_by_reasons_with_its_first_and_last(store, fill):
    patient = fill.patient("A")
    why = '[{"code": "protected", "text": "the patient is protected"}]'
    held = [fill.request(patient, state="held", reasons=why) for _ in range(3)]
    dead = fill.request(patient, state="dead")
    found = store.unsettled.looked_at("held", [0.0, fill.now + 1])
    (stretch,) = found.stretches
    assert (found.total, found.looked_at) == (3, 3)
    assert [(reason.code, reason.text) for reason in stretch.reasons] == [
        ("protected", "the patient is protected")
    ]
    assert (stretch.count, stretch.first, stretch.last, stretch.since) == (3, held[0], held[2], (3, 0))
    few = store.unsettled.looked_at("held", [], most=2)
    assert (few.total, few.looked_at, few.stretches[0].first) == (3, 2, held[1])
    assert [row.id for row in store.unsettled.requests(Several("held", "protected"), after=held[0])] == held[
        1:
    ]
    assert store.unsettled.ids(Several("held", "protect"), 9) == []
    assert store.unsettled.ids(Several("held", "protected", ("lead-time",)), 9) == []
    assert store.unsettled.ids(Several("dead", without_reason=True), 9) == [dead]
    assert store.unsettled.ids(Several("dead", without_reason=True, status=400), 9) == []
    assert store.unsettled.looked_at("failed", [1.0]).stretches == ()
    assert store.unsettled.messages(Several("unassigned")) == []


def test_commands_that_were_carried_out_are_found_by_kind_the_newest_in_their_order(store, fill):
    numbers = store.commands.add_all("retry", [{"requests": [place]} for place in range(4)])
    store.commands.add("rebuild", {})
    ended = [
        CommandDone(number, "failed" if place == 1 else "done", {}) for place, number in enumerate(numbers)
    ]
    store.work.commit(Turn(fill.now, commands=ended))
    assert [command.id for command in store.commands.done(("retry", "release"), 9)] == [1, 3, 4]
    assert [command.id for command in store.commands.done(("retry",), 2)] == [3, 4]
    assert store.commands.done(("rebuild",), 9) == [], "nobody has carried it out"


def test_commands_are_asked_for_together_or_not_at_all(store):
    one = store.commands.add("rebuild", {})
    numbers = store.commands.add_all("retry", [{"requests": [1]}, {"requests": [2]}])
    assert list(numbers) == [one + 1, one + 2]
    assert [command.arguments for command in store.commands.between(numbers[0], numbers[-1])] == [
        {"requests": [1]},
        {"requests": [2]},
    ]
    with pytest.raises(TypeError):
        store.commands.add_all("retry", [{"requests": [3]}, {"requests": object()}])
    assert store.commands.between(1, 99)[-1].id == numbers[-1]
