"""From a reply to the row that is stored, and to the line that is logged."""

from datetime import date

import orjson
import pytest

import interface.services.attempts as attempts_module
from interface.delivery.breaker import OPENS_AT, REFUSALS
from interface.delivery.panel import of_each
from interface.delivery.schedule import Schedule
from interface.delivery.verdict import Reply
from interface.services.attempts import Ledger, expired, unreadable
from interface.services.courier import Attempt, Job
from interface.store.records.turn import Claimed

TAKEN = Reply(200, is_json_object=True, correlation_id="c-1")
FAILED = Reply(503)
DAY = 86_400.0


def attempt(reply, request=1, patient=1, ended=100.0, attempts=0, error="", place=0, **known):
    job = Job(request, patient, b"BODY ANNA", attempts, **known)
    return Attempt(job, ended - 0.25, ended, reply, error, place)


@pytest.fixture
def ledger():
    return Ledger(lambda: 0.0, Schedule(first=2.0))


def test_a_delivery_is_stored_with_its_correlation_id_and_is_due_no_more(ledger):
    done = ledger.conclude(attempt(TAKEN))
    assert (done.new_state, done.verdict, done.status) == ("delivered", "delivered", 200)
    assert (done.correlation_id, done.due_at, done.possible_duplicate) == ("c-1", None, False)
    assert (done.started_at, done.finished_at) == (99.75, 100.0)


def test_a_delivery_without_a_correlation_id_says_so(ledger):
    done = ledger.conclude(attempt(Reply(200, is_json_object=True)))
    assert done.new_state == "delivered"
    assert done.correlation_id is None
    assert "without a correlation id" in done.detail


@pytest.mark.parametrize(("attempts", "due"), [(0, 101.0), (1, 102.0), (2, 104.0)])
def test_a_failure_is_due_again_by_how_often_it_was_tried(ledger, attempts, due):
    done = ledger.conclude(attempt(FAILED, attempts=attempts))
    assert (done.new_state, done.due_at) == ("waiting", due)


def test_what_may_have_arrived_is_marked(ledger):
    assert ledger.conclude(attempt(Reply(failure="timeout-read"))).possible_duplicate
    assert not ledger.conclude(attempt(Reply(failure="refused"))).possible_duplicate


def test_a_request_that_fails_for_a_day_while_others_pass_is_dead(ledger):
    for hour in range(26):
        ledger.conclude(attempt(TAKEN, request=2, patient=2, ended=hour * 3600.0))
    assert ledger.conclude(attempt(FAILED, ended=25 * 3600.0, failing_since=3601.0)).new_state == "waiting"
    dead = ledger.conclude(attempt(FAILED, ended=25 * 3600.0, failing_since=3600.0))
    assert (dead.new_state, dead.verdict, dead.due_at) == ("dead", "dead", None)
    assert "failing-alone" in dead.detail


def test_while_the_destination_is_stopped_nothing_is_given_up(ledger):
    for hour in range(26):
        ledger.conclude(attempt(TAKEN, request=2, patient=2, ended=hour * 3600.0))
    ledger.conclude(attempt(Reply(401), request=3, patient=3, ended=25 * 3600.0))
    assert ledger.conclude(attempt(FAILED, ended=25 * 3600.0, failing_since=0.0)).new_state == "waiting"


def test_a_request_that_pauses_the_destination_again_while_others_are_taken_fails_alone(ledger):
    first = ledger.conclude(attempt(Reply(413), ended=100.0))
    assert (first.new_state, first.verdict) == ("waiting", "pause")
    assert ledger.passage.destination.breaker.stop == "paused"
    ledger.conclude(attempt(TAKEN, request=2, patient=2, ended=110.0))
    again = ledger.conclude(attempt(Reply(413), ended=120.0, attempts=1, paused_at=100.0))
    assert (again.new_state, again.verdict) == ("waiting", "retry")
    assert ledger.passage.destination.breaker.stop == ""
    other = ledger.conclude(attempt(Reply(413), request=3, patient=3, ended=130.0))
    assert other.verdict == "pause"


def test_a_run_of_refusals_is_given_up_only_until_it_pauses_the_destination(ledger):
    done = [ledger.conclude(attempt(Reply(422), request=n, patient=n)) for n in range(1, 33)]
    assert [row.new_state for row in done] == ["dead"] * (REFUSALS - 1) + ["waiting"] * (33 - REFUSALS)
    assert (done[-1].verdict, done[-1].status) == ("pause", 422), "not one that was given up"
    ledger.conclude(attempt(TAKEN, request=40, patient=40))
    assert ledger.conclude(attempt(Reply(422), request=32, patient=32)).new_state == "dead"


def test_a_pause_is_one_alert_and_the_end_of_it_one_line(ledger, caplog):
    caplog.set_level("INFO")
    for n in range(1, 10):
        assert ledger.conclude(attempt(Reply(401), request=n, patient=n)).new_state == "waiting"
    alerts = [line for line in caplog.records if "event=destination-paused" in line.getMessage()]
    assert [(line.levelname, line.getMessage()) for line in alerts] == [
        ("ERROR", "event=destination-paused reason=not-authorised status=401")
    ]
    assert not ledger.passage.wakes
    ledger.conclude(attempt(TAKEN, request=10, patient=10))
    assert caplog.text.count("event=destination-works-again was=paused") == 1
    assert ledger.passage.wakes


def test_an_outage_and_a_request_to_wait_are_said_once(ledger, caplog):
    caplog.set_level("INFO")
    for n in range(1, 20):
        ledger.conclude(attempt(FAILED, request=n, patient=n))
        ledger.conclude(attempt(Reply(429, retry_after="7"), request=n, patient=n))
    assert caplog.text.count("event=destination-away patients=5") == 1
    assert caplog.text.count("event=destination-slowed seconds=7") == 1


def test_a_panel_counts_as_one_post(ledger):
    for n in range(1, 40):
        ledger.conclude(attempt(FAILED, request=n, patient=n, place=n - 1))
    assert ledger.passage.destination.breaker.stop == ""


@pytest.mark.parametrize(("failure", "stop"), [("refused", "open"), ("lapsed", "")])
def test_what_was_not_sent_says_nothing_of_the_destination(ledger, failure, stop):
    for number in range(OPENS_AT):
        ledger.conclude(attempt(Reply(failure=failure), request=number, patient=number))
    assert ledger.passage.destination.breaker.stop == stop


def test_while_nothing_passes_nothing_is_given_up(ledger):
    ended = [ledger.conclude(attempt(FAILED, ended=day * DAY)).new_state for day in range(1, 10)]
    assert set(ended) == {"waiting"}


def test_a_line_is_logged_with_our_ids_and_nothing_of_the_bodies(ledger, caplog):
    caplog.set_level("INFO")
    ledger.conclude(attempt(Reply(400, excerpt=b"ANNA"), request=42))
    ledger.conclude(attempt(FAILED, request=43, error="KeyError at x:1"))
    ledger.tell()
    assert "event=attempt request=42 status=400 verdict=dead code=refused-by-api" in caplog.text
    assert "request=43 status=503 verdict=retry code=server-error" in caplog.text
    assert "again_in=1.0s" in caplog.text
    assert 'error="KeyError at x:1"' in caplog.text
    assert "ANNA" not in caplog.text


@pytest.mark.parametrize(("end", "state"), [(expired, "expired"), (unreadable, "dead")])
def test_a_claim_that_cannot_be_sent_is_no_attempt(end, state):
    unsent = end(Claimed(5, 6, b"", 0, date(2026, 3, 5)))
    assert (unsent.request_id, unsent.patient_id, unsent.new_state) == (5, 6, state)
    assert orjson.loads(unsent.reasons)[0]["code"]


def test_requests_that_must_go_with_fewer_are_forgotten_in_the_end(ledger, monkeypatch):
    monkeypatch.setattr(attempts_module, "REMEMBERED", 2)
    for request in range(5):
        ledger.conclude(attempt(Reply(400, together=4), request=request))
    assert list(ledger._fewer) == [3, 4]


# ---------------------------------------------------------------- panels


def told_apart(ledger, reply, *requests, ended=100.0, since=None):
    """The rows of one panel's requests."""
    replies = of_each(reply, len(requests))
    return [
        ledger.conclude(
            attempt(own, request=number, patient=number, ended=ended, place=place, failing_since=since)
        )
        for place, (number, own) in enumerate(zip(requests, replies, strict=True))
    ]


def test_each_request_of_a_panel_is_stored_with_its_own_id_and_the_panels_is_said(ledger):
    reply = Reply(200, is_json_object=True, correlation_id="panel-1", responses=((0, "a"), (1, "b")))
    done = told_apart(ledger, reply, 1, 2)
    assert [(row.new_state, row.correlation_id) for row in done] == [("delivered", "a"), ("delivered", "b")]
    assert done[0].detail == "HTTP 200: taken in (delivered), 2 patients in panel panel-1"
    (single,) = told_apart(
        ledger, Reply(200, is_json_object=True, correlation_id="p", responses=((0, "c"),)), 3
    )
    assert single.detail == "HTTP 200: taken in (delivered), panel p"


def test_a_patient_without_an_id_of_his_own_never_gets_the_panels(ledger):
    (row,) = told_apart(ledger, Reply(200, is_json_object=True, correlation_id="panel-1"), 1)
    assert (row.new_state, row.correlation_id) == ("delivered", None)
    assert "without a correlation id" in row.detail


def test_a_refused_panel_is_due_at_once_with_half_as_many_until_each_is_alone(ledger):
    refused = Reply(400, is_json_object=True, correlation_id="r", excerpt=b"ANNA")
    assert ledger.most_together(1, 50) == 50
    (row, *_) = told_apart(ledger, refused, 1, 2, 3, 4, 5)
    assert (row.new_state, row.verdict, row.due_at) == ("waiting", "apart", 100.0)
    assert (row.reply, row.correlation_id, row.possible_duplicate) == (None, None, False)
    assert [ledger.most_together(number, 50) for number in range(1, 7)] == [2, 2, 2, 2, 2, 50]
    told_apart(ledger, refused, 1, 2)
    assert ledger.most_together(1, 50) == 1
    (dead,) = told_apart(ledger, refused, 1)
    assert (dead.new_state, dead.reply) == ("dead", b"ANNA")
    told_apart(ledger, TAKEN, 2)
    assert [ledger.most_together(number, 50) for number in (1, 2)] == [50, 50], "both are forgotten"


def test_a_timeout_makes_each_of_the_panel_a_possible_duplicate(ledger):
    done = told_apart(ledger, Reply(failure="timeout-read"), 1, 2)
    assert [(row.new_state, row.possible_duplicate) for row in done] == [("waiting", True)] * 2


def test_while_nothing_is_taken_panels_stay_whole(ledger):
    for ended in range(100, 110):
        told_apart(ledger, FAILED, 1, 2, 3, 4, ended=float(ended))
    assert ledger.most_together(1, 4) == 4


def test_a_panel_that_fails_while_others_are_taken_goes_with_half_as_many(ledger):
    told_apart(ledger, FAILED, 1, 2, 3, 4, ended=100.0)
    told_apart(ledger, TAKEN, 9, ended=101.0)
    told_apart(ledger, FAILED, 1, 2, 3, 4, ended=102.0, since=100.0)
    assert ledger.most_together(1, 4) == 2


def test_asked_to_wait_panels_stay_whole(ledger):
    told_apart(ledger, Reply(429), 1, 2, ended=100.0)
    told_apart(ledger, TAKEN, 9, ended=101.0)
    told_apart(ledger, Reply(429), 1, 2, ended=102.0, since=100.0)
    assert ledger.most_together(1, 2) == 2


def test_a_line_says_how_many_went_together(ledger, caplog):
    caplog.set_level("INFO")
    told_apart(ledger, FAILED, 1, 2)
    ledger.tell()
    assert "request=1 status=503 verdict=retry code=server-error" in caplog.text
    assert "together=2" in caplog.text


def test_the_lines_of_attempts_that_come_back_together_are_written_at_once(ledger, caplog):
    caplog.set_level("INFO")
    for number in (1, 2, 3):
        ledger.conclude(attempt(TAKEN, request=number))
    ledger.conclude(attempt(FAILED, request=4))
    ledger.tell()
    ledger.tell()
    told = [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if "event=attempt" in record.getMessage()
    ]
    assert [(level, text.count("event=attempt")) for level, text in told] == [("INFO", 3), ("WARNING", 1)]
