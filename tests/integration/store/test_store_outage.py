"""What an outage, a pause and a clock that was set ask of the store."""

from datetime import date

import pytest

from interface.store.errors import Refused
from interface.store.records.turn import PatientWrite, ReopenRow, Turn


@pytest.fixture
def end(store, fill):
    """Ends the attempt of a request that was claimed."""

    def ended(claimed, verdict="retry", due_in=100.0, state="waiting", at=0.0):
        due = None if state != "waiting" else fill.now + due_in
        done = fill.attempt(
            claimed, state, verdict=verdict, status=None, due_at=due, finished_at=fill.now + at
        )
        store.work.commit(Turn(fill.now, attempts=[done]))

    return ended


def claim(store, fill, at=0.0, **more):
    return store.work.commit(Turn(fill.now + at, claims=10, **more)).claimed


def test_a_claim_says_since_when_its_request_has_been_failing(store, fill, end):
    fill.request(fill.patient("A"))
    (first,) = claim(store, fill)
    assert (first.failing_since, first.paused_at) == (None, None)
    end(first, "slow", at=1.0)
    (second,) = claim(store, fill, at=200.0)
    assert (second.failing_since, second.paused_at) == (None, None), "to be asked to wait is no failure"
    end(second, "retry", at=5.0)
    for at, verdict in ((6.0, "pause"), (7.0, "retry"), (8.0, "pause")):
        end(claim(store, fill, at=1000.0)[0], verdict, at=at)
    (last,) = claim(store, fill, at=1000.0)
    assert (last.failing_since, last.paused_at) == (fill.now + 5.0, fill.now + 8.0)


def test_the_first_failure_already_counts(store, fill, end):
    fill.request(fill.patient("A"))
    end(claim(store, fill)[0], "retry", at=3.0)
    assert claim(store, fill, at=1000.0)[0].failing_since == fill.now + 3.0


def test_a_request_that_a_person_lets_go_again_fails_anew(store, fill, end):
    patient = fill.patient("A")
    request = fill.request(patient)
    end(claim(store, fill)[0], "retry", at=3.0)
    end(claim(store, fill, at=1000.0)[0], "dead", at=9.0, state="dead")
    again = ReopenRow(request, patient, "dead", "waiting", b"{}", b"{}", None)
    store.work.commit(Turn(fill.now, by_hand=[again]))
    (claimed,) = claim(store, fill)
    assert (claimed.attempts, claimed.failing_since) == (2, None)
    end(claimed, "retry", at=20.0)
    assert claim(store, fill, at=1000.0)[0].failing_since == fill.now + 20.0


def test_what_was_interrupted_by_a_restart_is_no_failure_of_the_request(store, fill):
    fill.request(fill.patient("A"))
    claim(store, fill)
    store.work.recover(fill.now)
    (again,) = claim(store, fill)
    assert (again.attempts, again.failing_since) == (1, None)


@pytest.fixture
def waiting(store, fill, end):
    """Requests of five patients, by what came of their last attempts, all due in 100 s; and one that waits behind."""
    requests = {name: fill.request(fill.patient(name)) for name in ("retry", "pause", "slow", "dead")}
    verdicts = {request: name for name, request in requests.items()}
    for claimed in claim(store, fill):
        end(claimed, verdicts[claimed.request_id])
    return requests


def test_after_an_outage_what_failed_in_it_is_due_at_once_and_what_was_told_to_wait_is_not(
    store, fill, waiting
):
    assert claim(store, fill) == ()
    claimed = claim(store, fill, wake="failed")
    assert {one.request_id for one in claimed} == {waiting[name] for name in ("retry", "pause", "dead")}


def test_after_a_clock_was_set_all_are_due(store, fill, waiting):
    assert {one.request_id for one in claim(store, fill, wake="all")} == set(waiting.values())


def test_waking_leaves_alone_what_is_being_sent(store, fill, waiting):
    (sending,) = store.work.commit(Turn(fill.now, claims=1, probe=True)).claimed
    store.work.commit(Turn(fill.now, wake="all"))
    assert fill.state(sending.request_id) == "sending"
    assert sending.request_id not in {one.request_id for one in claim(store, fill)}


def test_a_patients_newer_request_is_due_when_it_comes_to_its_turn(store, fill, end):
    patient = fill.patient("A")
    older, newer = fill.request(patient), fill.request(patient, appointment="A2")
    (first,) = claim(store, fill)
    end(first)
    (again,) = claim(store, fill, wake="failed")
    assert again.request_id == older
    end(again, "delivered", state="delivered")
    assert [one.request_id for one in claim(store, fill)] == [newer]


def test_a_probe_is_the_one_that_is_due_first_though_its_time_has_not_come(store, fill, end):
    requests = [fill.request(fill.patient(name)) for name in "AB"]
    for claimed, due in zip(claim(store, fill), (300.0, 200.0), strict=True):
        end(claimed, due_in=due)
    found = store.work.commit(Turn(fill.now, claims=1, probe=True)).claimed
    assert [one.request_id for one in found] == [requests[1]]


def test_nothing_is_claimed_for_an_earlier_day_while_it_is_uncertain(store, fill):
    days = {None: 1, date(2027, 3, 1): 2, date(2027, 3, 2): 3, date(2028, 3, 1): 4}
    requests = {
        day: fill.request(fill.patient(f"K{number}"), appointment_date=day) for day, number in days.items()
    }
    claimed = claim(store, fill, not_before=date(2027, 3, 2))
    assert {one.request_id for one in claimed} == {
        requests[day] for day in (None, date(2027, 3, 2), date(2028, 3, 1))
    }


def test_at_a_start_what_is_due_absurdly_late_is_due_now_and_the_rest_waits(store, fill, end):
    requests = [fill.request(fill.patient(name)) for name in "AB"]
    for claimed, due in zip(claim(store, fill), (3000.0, 3e7), strict=True):
        end(claimed, due_in=due)
    store.work.recover(fill.now, longest=3600.0)
    assert [one.request_id for one in claim(store, fill)] == [requests[1]]


def test_what_the_work_tells_of_itself_is_read_by_the_next_and_by_whoever_looks(store, fill):
    assert store.work.told() == store.views.told() == {}
    store.work.commit(Turn(fill.now, told={"clock": "1", "destination": "2"}))
    store.work.commit(Turn(fill.now, told={"clock": "3"}))
    assert store.work.told() == store.views.told() == {"clock": "3", "destination": "2"}


def test_a_turn_that_is_undone_tells_nothing(store, fill):
    twice = [PatientWrite(1, b"", True, ("A",)), PatientWrite(1, b"", True, ("A",))]
    with pytest.raises(Refused):
        store.work.commit(Turn(fill.now, told={"clock": "1"}, patients=twice))
    assert store.work.told() == {}
