"""One turn of the work: everything or nothing; claims in order; nothing is done twice."""

from datetime import date

import pytest

from interface.store.errors import Refused, StoreError
from interface.store.records.reading import PatientRow
from interface.store.records.reasons import reasons_json
from interface.store.records.turn import (
    CloseRow,
    MessageDone,
    NewRequestRow,
    PatientWrite,
    RewriteRow,
    Turn,
    Unsent,
)

DAY = date(2027, 3, 1)


def rewrite(id_, patient_id, state="waiting", **changes):
    values = {"body": b"new body", "detail": b"new detail", "appointment_date": DAY}
    return RewriteRow(id_, patient_id, state, **(values | changes))


# ------------------------------------------------------------------------------------ messages, patients


def test_a_turn_stores_decision_chart_and_request_together(store, fill):
    message = fill.message()
    claimed = store.work.commit(
        Turn(
            fill.now,
            messages=[MessageDone(message, "done", "post", reasons_json([("a", "b")]), b"note", 1, 1)],
            patients=[PatientWrite(1, b"chart", True, ("LFC|1", "LFC|2"))],
            requests=[NewRequestRow(1, 1, message, "A1", "waiting", b"body", b"detail", DAY)],
            claims=5,
        )
    ).claimed
    assert [(one.request_id, one.patient_id, one.body, one.appointment_date) for one in claimed] == [
        (1, 1, b"body", DAY)
    ]
    assert store.work.new_messages() == []
    patient = PatientRow(1, b"chart", in_flight=1)
    assert store.work.load_patients(["LFC|1", "LFC|2", "LFC|3"]) == {"LFC|1": patient, "LFC|2": patient}
    assert store.work.load_patients_by_id([1, 2]) == {1: patient}
    shown = store.views.message(message)
    assert (shown.note, shown.request.id, shown.summary.decision) == (b"note", 1, "post")
    assert shown.summary.reasons == [{"code": "a", "text": "b"}]
    assert store.work.next_ids() == (2, 2)


def test_a_turn_that_fails_leaves_nothing_behind(store, fill):
    message = fill.message()
    patient = fill.patient("K")
    turn = Turn(
        fill.now,
        messages=[MessageDone(message, "done", "post")],
        patients=[PatientWrite(patient, b"changed", False, ("K2",))],
        requests=[
            NewRequestRow(1, patient, message, "A1", "waiting", b"{}", b"", DAY),
            NewRequestRow(2, 999, message, "A1", "waiting", b"{}", b"", DAY),  # there is no such patient
        ],
        claims=5,
    )
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            store.work.commit(turn)
        assert caught.value.__cause__ is None
        assert "\n" not in str(caught.value)
    assert len(store.work.new_messages()) == 1
    assert store.work.load_patients(["K", "K2"]) == {"K": PatientRow(patient, b"{}")}
    assert store.views.requests() == []
    assert store.work.next_ids() == (patient + 1, 1)


def test_a_message_is_not_ended_twice(store, fill):
    message = fill.message()
    fill.done(message)
    with pytest.raises(StoreError, match="processed already"):
        store.work.commit(
            Turn(
                fill.now,
                messages=[MessageDone(message, "done", "post")],
                patients=[PatientWrite(1, b"", True)],
            )
        )
    assert store.work.load_patients_by_id([1]) == {}


def test_new_messages_come_in_the_order_of_arrival(store, fill):
    ids = [fill.message() for _ in range(5)]
    fill.done(ids[1])
    assert [row.id for row in store.work.new_messages(3)] == [ids[0], ids[2], ids[3]]


def test_begun_messages_are_counted(store, fill):
    message = fill.message()
    store.work.note_attempts([message])
    store.work.note_attempts([message])
    assert store.work.new_messages()[0].attempts == 2


def test_ids_are_not_used_again_after_the_rows_have_gone(store, fill):
    request = fill.request(fill.patient())
    connection = store.work._connection
    with connection.begin():
        connection.exec_driver_sql("DELETE FROM requests")
        connection.exec_driver_sql("DELETE FROM patients")
    assert store.work.next_ids() == (2, request + 1)


def test_keys_follow_the_chart(store, fill):
    survivor, retired = fill.patient("A", "B"), fill.patient("C", "D")
    store.work.commit(
        Turn(
            fill.now,
            patients=[
                PatientWrite(retired, b"retired", False, ("D",)),
                PatientWrite(survivor, b"survivor", False, ("A", "C", "E")),
            ],
        )
    )
    found = store.work.load_patients("ABCDE")
    assert {key: row.id for key, row in found.items()} == {
        "A": survivor,
        "C": survivor,
        "D": retired,
        "E": survivor,
    }
    store.work.commit(Turn(fill.now, patients=[PatientWrite(survivor, b"again", False, None)]))
    assert store.work.load_patients(["C"])["C"].chart == b"again"


def test_two_patients_can_swap_their_keys(store, fill):
    one, two = fill.patient("A"), fill.patient("B")
    store.work.commit(
        Turn(
            fill.now, patients=[PatientWrite(one, b"", False, ("B",)), PatientWrite(two, b"", False, ("A",))]
        )
    )
    assert {key: row.id for key, row in store.work.load_patients("AB").items()} == {"B": one, "A": two}


def test_more_keys_than_one_statement_takes(store, fill):
    keys = tuple(f"K{n}" for n in range(1201))
    patient = fill.patient(*keys)
    assert {row.id for row in store.work.load_patients(keys).values()} == {patient}
    assert len(store.work.load_patients(keys)) == 1201


# ---------------------------------------------------------------------------------------------- requests


def test_a_request_supersedes_one_that_waits(store, fill):
    patient = fill.patient()
    old = fill.request(patient)
    new = fill.request(patient, supersedes=old)
    assert fill.state(old) == "superseded"
    assert fill.claim() == [new]


def test_a_request_that_is_being_sent_is_not_superseded_rewritten_or_closed(store, fill):
    patient = fill.patient()
    sent = fill.request(patient)
    assert fill.claim() == [sent]
    new = NewRequestRow(sent + 1, patient, None, "A1", "waiting", b"{}", b"", DAY, supersedes=sent)
    result = store.work.commit(
        Turn(fill.now, requests=[new, rewrite(sent, patient), CloseRow(sent, patient, "withdrawn")], claims=5)
    )
    assert result.missed == (sent, sent, sent)
    assert result.claimed == ()
    assert fill.state(sent) == "sending"
    assert store.views.request(sent).body == b'{"request": %d}' % sent


def test_a_rewrite_replaces_what_will_be_sent(store, fill):
    patient = fill.patient()
    request = fill.request(patient, "held", reasons=reasons_json([("no-mrn", "")]))
    assert fill.claim() == []
    store.work.commit(Turn(fill.now, requests=[rewrite(request, patient, message_id=7)]))
    (claimed,) = store.work.claim(fill.now, 1)
    assert claimed.body == b"new body"
    shown = store.views.request(request)
    assert (shown.detail, shown.summary.reasons, shown.summary.message_id) == (b"new detail", [], 7)
    assert shown.summary.appointment_date == DAY


@pytest.mark.parametrize("state", ["withdrawn", "expired", "superseded"])
def test_a_closed_request_is_not_sent(store, fill, state):
    patient = fill.patient()
    request = fill.request(patient)
    store.work.commit(
        Turn(fill.now, requests=[CloseRow(request, patient, state, reasons_json([("x", "y")]))])
    )
    assert fill.claim() == []
    shown = store.views.request(request).summary
    assert (shown.state, shown.due_at, shown.reasons[0]["code"]) == (state, None, "x")


def test_requests_move_to_the_survivor_of_a_merge(store, fill, sql):
    survivor, retired = fill.patient("A"), fill.patient("B")
    first, second = fill.request(retired), fill.request(survivor)
    store.work.commit(Turn(fill.now, requests=[rewrite(first, survivor)]))
    assert fill.claim() == [first]  # the older one first, and one at a time
    assert store.views.request(first).summary.patient_id == survivor
    assert sql("SELECT due_at FROM patients WHERE id = :id", id=retired) == [(None,)]
    assert fill.state(second) == "waiting"


# ---------------------------------------------------------------------------------------------- claims


def test_one_patient_is_served_in_order_and_one_at_a_time(store, fill):
    patient = fill.patient()
    requests = [fill.request(patient) for _ in range(3)]
    for expected in requests:
        (claimed,) = store.work.claim(fill.now + 5, 10)
        assert claimed.request_id == expected
        assert store.work.claim(fill.now + 5, 10) == []
        store.work.commit(Turn(fill.now, attempts=[fill.attempt(claimed)]))
    assert fill.claim() == []


def test_patients_are_served_side_by_side_up_to_the_limit(store, fill):
    patients = [fill.patient() for _ in range(4)]
    requests = [fill.request(patient) for patient in patients for _ in range(2)]
    assert fill.claim(limit=3) == requests[0:6:2]
    assert fill.claim(limit=3) == [requests[6]]
    assert fill.claim(limit=0) == []


def test_nothing_is_claimed_of_a_patient_for_whom_a_message_waits(store, fill):
    waits, other = fill.patient(), fill.patient()
    fill.request(waits)
    free = fill.request(other)
    for most in (1, 5):  # those who wait take nobody's place
        turn = Turn(fill.now, claims=most, blocked=frozenset({waits}))
        claimed = store.work.commit(turn).claimed
        assert [one.request_id for one in claimed] == ([free] if most == 1 else [])
    assert len(store.work.commit(Turn(fill.now, claims=5)).claimed) == 1


def test_a_retry_keeps_the_patients_later_requests_waiting(store, fill):
    patient, other = fill.patient(), fill.patient()
    first, second, others = fill.request(patient), fill.request(patient), fill.request(other)
    claimed = store.work.claim(fill.now, 1)[0]
    failed = fill.attempt(
        claimed, "waiting", verdict="retry", status=503, due_at=fill.now + 60, possible_duplicate=True
    )
    assert [
        one.request_id for one in store.work.commit(Turn(fill.now, attempts=[failed], claims=5)).claimed
    ] == [others]
    assert fill.claim(at=fill.now + 59) == []
    (again,) = store.work.claim(fill.now + 60, 5)
    assert (again.request_id, again.attempts, again.possible_duplicate) == (first, 1, True)
    store.work.commit(Turn(fill.now, attempts=[fill.attempt(again, correlation_id="c-1")]))
    assert fill.claim(at=fill.now + 60) == [second]
    shown = store.views.request(first)
    assert (shown.summary.state, shown.summary.correlation_id, shown.summary.attempts) == (
        "delivered",
        "c-1",
        2,
    )
    assert shown.summary.possible_duplicate
    assert [(one.verdict, one.status) for one in shown.attempts] == [("retry", 503), ("delivered", 200)]


@pytest.mark.parametrize("state", ["held", "dead"])
def test_a_held_or_dead_request_stops_nobody(store, fill, state):
    patient = fill.patient()
    first = fill.request(patient, "held" if state == "held" else "waiting")
    if state == "dead":
        (claimed,) = store.work.claim(fill.now, 5)
        store.work.commit(
            Turn(fill.now, attempts=[fill.attempt(claimed, "dead", status=400, verdict="dead")])
        )
    second = fill.request(patient)
    assert fill.state(first) == state
    assert fill.claim() == [second]


def test_an_attempt_that_comes_back_in_the_turn_of_a_change_counts_first(store, fill):
    patient = fill.patient()
    fill.request(patient)
    (claimed,) = store.work.claim(fill.now, 5)
    back = fill.attempt(claimed, "waiting", due_at=fill.now + 60)
    result = store.work.commit(
        Turn(fill.now, attempts=[back], requests=[CloseRow(claimed.request_id, patient, "withdrawn")])
    )
    assert result.missed == ()
    assert fill.state(claimed.request_id) == "withdrawn"


def test_what_was_sent_is_kept_when_it_was_not_the_stored_body(store, fill):
    fill.request(fill.patient())
    (claimed,) = store.work.claim(fill.now, 1)
    store.work.commit(Turn(fill.now, attempts=[fill.attempt(claimed, body=b"as sent")]))
    assert store.views.request(claimed.request_id).attempts[0].body == b"as sent"


def test_after_a_crash_what_was_being_sent_waits_as_a_possible_duplicate(store, fill):
    patients = [fill.patient() for _ in range(3)]
    requests = [fill.request(patient) for patient in patients]
    later = fill.request(patients[0])
    assert fill.claim(limit=2) == requests[:2]
    assert store.work.recover(fill.now + 1) == 2
    claimed = store.work.claim(fill.now + 1, 10)
    assert {one.request_id: one.possible_duplicate for one in claimed} == dict(
        zip(requests, (True, True, False), strict=True)
    )
    assert fill.state(later) == "waiting"
    assert store.views.request(requests[0]).attempts[0].verdict == "interrupted"
    store.work.recover()
    assert store.work.recover() == 0


def test_a_claim_that_was_not_sent_is_no_attempt(store, fill):
    patient = fill.patient()
    first, second = fill.request(patient), fill.request(patient)
    (claimed,) = store.work.claim(fill.now, 1)
    store.work.commit(
        Turn(fill.now, attempts=[fill.attempt(claimed, "waiting", status=503, verdict="retry")])
    )
    (claimed,) = store.work.claim(fill.now + 1, 1)
    unsent = Unsent(first, patient, "expired", reasons_json([("expired", "")]))
    result = store.work.commit(Turn(fill.now + 1, attempts=[unsent], claims=1))
    assert [one.request_id for one in result.claimed] == [second]
    shown = store.views.request(first)
    assert (shown.summary.state, shown.summary.attempts, shown.summary.due_at) == ("expired", 1, None)
    assert (shown.summary.last_verdict, shown.summary.last_status) == ("retry", 503)
    assert shown.summary.reasons[0]["code"] == "expired"
    assert len(shown.attempts) == 1


def test_a_claim_that_is_given_back_unsent_waits_as_before_and_is_claimed_again(store, fill):
    patient = fill.patient()
    request = fill.request(patient, reasons=reasons_json([("why", "")]))
    assert fill.claim() == [request]
    result = store.work.commit(
        Turn(fill.now + 1, attempts=[Unsent(request, patient, "waiting", None)], claims=1)
    )
    assert [one.request_id for one in result.claimed] == [request]
    store.work.commit(Turn(fill.now + 2, attempts=[Unsent(request, patient, "waiting", None)]))
    shown = store.views.request(request)
    assert (shown.summary.state, shown.summary.attempts, shown.summary.due_at) == ("waiting", 0, fill.now + 2)
    assert (shown.summary.possible_duplicate, shown.attempts) == (False, ())
    assert shown.summary.reasons[0]["code"] == "why"


@pytest.mark.parametrize("comes_back", ["as a failed attempt", "unsent", "after a crash"])
def test_what_was_superseded_while_being_sent_is_not_sent_again(store, fill, comes_back):
    patient = fill.patient()
    old = fill.request(patient)
    (claimed,) = store.work.claim(fill.now, 1)
    new = fill.request(patient, supersedes=old)
    assert fill.claim() == []
    if comes_back == "after a crash":
        assert store.work.recover(fill.now + 1) == 1
    elif comes_back == "unsent":
        store.work.commit(Turn(fill.now, attempts=[Unsent(old, patient, "waiting", None)]))
    else:
        store.work.commit(Turn(fill.now, attempts=[fill.attempt(claimed, "waiting", due_at=fill.now + 60)]))
    shown = store.views.request(old)
    assert (shown.summary.state, shown.summary.due_at) == ("superseded", None)
    assert len(shown.attempts) == (comes_back != "unsent")
    assert shown.summary.possible_duplicate == (comes_back == "after a crash")
    assert fill.claim(at=fill.now + 1) == [new]


def test_what_arrived_is_delivered_though_it_was_superseded_meanwhile(store, fill):
    patient = fill.patient()
    old = fill.request(patient)
    (claimed,) = store.work.claim(fill.now, 1)
    new = fill.request(patient, supersedes=old)
    result = store.work.commit(Turn(fill.now, attempts=[fill.attempt(claimed)], claims=1))
    assert fill.state(old) == "delivered"
    assert [one.request_id for one in result.claimed] == [new]


@pytest.fixture
def resting(store, fill):
    """A request, and its patient, that waits a minute for its second attempt and may have arrived."""
    patient = fill.patient()
    request = fill.request(patient)
    (claimed,) = store.work.claim(fill.now, 1)
    failed = fill.attempt(claimed, "waiting", due_at=fill.now + 60, possible_duplicate=True)
    store.work.commit(Turn(fill.now, attempts=[failed]))
    return request, patient


def test_a_new_request_is_due_at_once_though_the_one_it_supersedes_rested(store, fill, resting):
    request, patient = resting
    new = NewRequestRow(request + 1, patient, None, "A1", "waiting", b"{}", b"", DAY, supersedes=request)
    result = store.work.commit(Turn(fill.now + 1, requests=[new], claims=1))
    assert [one.request_id for one in result.claimed] == [request + 1]


def test_a_rewrite_neither_hurries_an_attempt_nor_hides_what_was_sent(store, fill, resting):
    request, patient = resting
    store.work.commit(Turn(fill.now + 1, requests=[rewrite(request, patient)]))
    assert fill.claim(at=fill.now + 59) == []
    (claimed,) = store.work.claim(fill.now + 60, 1)
    assert (claimed.body, claimed.attempts, claimed.possible_duplicate) == (b"new body", 1, True)
    store.work.commit(Turn(fill.now + 60, attempts=[fill.attempt(claimed)]))
    sent = [attempt.body for attempt in store.views.request(request).attempts]
    assert sent == [b'{"request": %d}' % request, None], "None: as stored"


def test_a_rewrite_that_holds_and_one_that_releases(store, fill, resting):
    request, patient = resting
    store.work.commit(Turn(fill.now + 1, requests=[rewrite(request, patient, "held")]))
    assert fill.claim(at=fill.now + 90) == []
    store.work.commit(Turn(fill.now + 2, requests=[rewrite(request, patient)]))
    assert fill.claim(at=fill.now + 2) == [request]


def test_rewritten_and_superseded_in_one_turn_it_is_superseded(store, fill):
    patient = fill.patient()
    old = fill.request(patient)
    new = NewRequestRow(old + 1, patient, None, "A1", "waiting", b"{}", b"", DAY, supersedes=old)
    store.work.commit(Turn(fill.now, requests=[new, rewrite(old, patient)]))
    assert (fill.state(old), fill.state(new.id)) == ("superseded", "waiting")


def test_patients_whose_requests_wait_longest_are_served_first(store, fill):
    busy, other = fill.patient(), fill.patient()
    requests = [fill.request(busy) for _ in range(3)]
    fill.now += 1
    others = fill.request(other)
    served = []
    for _ in range(4):
        (claimed,) = store.work.claim(fill.now, 1)
        served.append(claimed.request_id)
        failed = fill.attempt(claimed, "waiting", due_at=fill.now + 60)
        store.work.commit(Turn(fill.now, attempts=[failed if len(served) == 2 else fill.attempt(claimed)]))
        if len(served) == 3:
            assert served == [*requests[:2], others], "a patient whose request fails makes room for others"
            fill.now += 60
    assert served[3] == requests[1]


@pytest.mark.parametrize("change", [{"reasons": None}, {"reasons": "\ud800"}, {"patient_id": 2**64}])
def test_a_row_that_no_store_would_take_is_told_from_a_store_in_trouble(store, fill, trouble, change):
    patient = fill.patient()
    request = fill.request(patient)
    close = CloseRow(**({"id": request, "patient_id": patient, "state": "withdrawn"} | change))
    with pytest.raises(Refused) as caught:
        store.work.commit(Turn(fill.now, requests=[close]))
    assert caught.value.__cause__ is None
    with trouble(store.work) as words, pytest.raises(StoreError, match=words) as caught:
        fill.request(patient)
    assert not isinstance(caught.value, Refused)


# ---------------------------------------------------------------------------------------------- the day


def test_patients_with_open_requests_come_in_pages(store, fill):
    patients = [fill.patient() for _ in range(5)]
    fill.request(patients[0], appointment_date=date(2027, 2, 28))
    fill.request(patients[0], "held", appointment_date=date(2027, 2, 27))
    fill.request(patients[1])
    fill.request(patients[2], "held", appointment_date=None)
    gone = fill.request(patients[3])
    store.work.commit(Turn(fill.now, requests=[CloseRow(gone, patients[3], "expired")]))

    def with_open(**page):
        return [row.id for row in store.work.patients_with_open_requests(**page)]

    assert with_open() == patients[:3]
    assert with_open(limit=1) == [patients[0]]
    assert with_open(after=patients[0]) == patients[1:3]


def test_a_new_day_is_for_all_but_those_who_are_only_held_until_a_time(store, fill):
    day = date(2027, 3, 1)
    waiting, held, timed, past, both = (fill.patient() for _ in range(5))
    fill.request(waiting)
    fill.request(held, "held")
    fill.request(timed, "held", wake_at=5.0)
    fill.request(past, "held", wake_at=6.0, appointment_date=date(2027, 2, 28))
    fill.request(both, "held", wake_at=7.0), fill.request(both)
    work = store.work
    assert [row.id for row in work.patients_with_open_requests(day=day)] == [waiting, held, past, both]
    assert [row.id for row in work.patients_held_until()] == [timed, past, both]
    assert [row.id for row in work.patients_held_until(after=timed, limit=1)] == [past]
    assert work.patients_to_wake(4.9) == []
    assert work.patients_to_wake(6.0) == [timed, past]
    assert work.patients_to_wake(9.0, limit=1) == [timed]
    work.commit(Turn(6.0, woken=frozenset({timed, both})))
    assert work.patients_to_wake(9.0) == [past, both], "what was looked at is not looked at again"


# ---------------------------------------------------------------------------------------------- damage


def test_damaged_rows_are_given_as_such_and_the_rest_goes_on(store, fill, sql):
    bad, good = fill.message(), fill.message(raw=b"good")
    patient, other = fill.patient("A"), fill.patient("B")
    fill.request(patient), fill.request(other)
    sql("UPDATE message_bodies SET body = :body WHERE message_id = :id", body=b"\0", id=bad)
    sql("UPDATE charts SET chart = :body WHERE patient_id = :id", body=b"\1", id=patient)
    sql("UPDATE request_bodies SET body = :body WHERE request_id = 1", body=bytes(80))
    assert [(row.id, row.raw, row.readable) for row in store.work.new_messages()] == [
        (bad, b"", False),
        (good, b"good", True),
    ]
    found = store.work.load_patients("AB")
    assert [(found[key].chart, found[key].readable) for key in "AB"] == [(b"", False), (b"{}", True)]
    assert [(one.body, one.readable) for one in store.work.claim(fill.now, 5)] == [
        (b"", False),
        (b'{"request": 2}', True),
    ]
    assert store.views.message(bad).raw is None
    assert "damaged" in store.views.message(bad).problem
    assert "damaged" in store.views.request(1).problem
    assert store.views.request(1).detail == b"[]"


def test_several_requests_change_in_one_turn(store, fill):
    patients = [fill.patient() for _ in range(6)]
    old = [fill.request(patient) for patient in patients]
    new = old[-1]
    store.work.commit(
        Turn(
            fill.now,
            requests=[
                CloseRow(old[0], patients[0], "withdrawn"),
                CloseRow(old[1], patients[1], "expired"),
                rewrite(old[2], patients[2]),
                rewrite(old[3], patients[3], "held"),
                *(
                    NewRequestRow(
                        new + n,
                        patients[3 + n],
                        None,
                        "A1",
                        "waiting",
                        b"{}",
                        b"",
                        DAY,
                        supersedes=old[3 + n],
                    )
                    for n in (1, 2)
                ),
            ],
        )
    )
    states = ["withdrawn", "expired", "waiting", "held", "superseded", "superseded"]
    assert [fill.state(request) for request in old] == states
    assert set(fill.claim()) == {old[2], new + 1, new + 2}
