"""What the attempts so far say of the destination."""

import json

import pytest

from interface.delivery.destination import MARKS, OUTAGE_SECONDS, Destination, Passed, Room
from interface.delivery.pacing import Pacing
from interface.delivery.verdict import Reply, judge

TAKEN = judge(Reply(200, is_json_object=True, correlation_id="c"))
REFUSED = judge(Reply(400))
FAILED = judge(Reply(500))
NO_KEY = judge(Reply(401))
SLOW = judge(Reply(429, retry_after="30"))
HOUR, DAY = 3600.0, 86_400.0
NOW = 1_780_000_000.0


def passed(*events):
    """What is known after (verdict, patient, time) events."""
    known = Passed()
    for verdict, patient, now in events:
        known = known.after(verdict, patient, now)
    return known


def taken_hourly(start, hours):
    return [(TAKEN, 1000, start + hour * HOUR) for hour in range(hours + 1)]


# ---------------------------------------------------------------- does one request fail alone?


def test_a_request_fails_alone_when_others_were_taken_a_day_ago_and_just_now():
    known = passed(*taken_hourly(0.0, 25))
    now = 25 * HOUR + 60
    assert known.others_passed(30.0, now, DAY)
    assert not known.others_passed(2 * HOUR, now, DAY), "it has not been failing for a day"


def test_before_the_first_delivery_nothing_passes():
    assert not passed((FAILED, 1, 10.0)).others_passed(0.0, 2 * DAY, DAY)


def test_a_weekend_in_which_nothing_passed_is_no_day():
    friday, monday = 0.0, 63 * HOUR
    known = passed((TAKEN, 1, friday), (FAILED, 2, friday + 60), (TAKEN, 3, monday))
    assert not known.others_passed(friday + 60, monday + 1, DAY)


def test_while_nothing_was_taken_for_an_hour_no_request_fails_alone():
    known = passed(*taken_hourly(0.0, 25))
    assert not known.others_passed(30.0, 25 * HOUR + OUTAGE_SECONDS, DAY)


def test_after_an_outage_a_failing_request_gets_its_day_anew():
    events = [*taken_hourly(0.0, 25), (FAILED, 2, 25 * HOUR + 1), (FAILED, 3, 25 * HOUR + 2)]
    back = 30 * HOUR
    known = passed(*events, (TAKEN, 4, back))
    assert known.passing_since == back
    assert not known.others_passed(30.0, back + 1, DAY)


def test_one_patient_failing_through_a_quiet_night_is_no_outage():
    known = passed((TAKEN, 1, 0.0), *((FAILED, 2, at * 300.0) for at in range(1, 96)), (TAKEN, 3, 8 * HOUR))
    assert known.passing_since == 0.0


def test_failures_between_deliveries_are_no_outage():
    known = passed((TAKEN, 1, 0.0), (FAILED, 2, 10.0), (FAILED, 3, 11.0), (TAKEN, 5, 60.0))
    assert known.passing_since == 0.0


def test_a_refused_content_says_nothing_about_the_destination():
    assert passed((REFUSED, 1, 1.0), (REFUSED, 2, 2.0)) == Passed()


def test_a_panel_taken_apart_is_the_answer_of_an_api_at_work():
    apart = judge(Reply(400, together=2))
    known = passed(
        (TAKEN, 1, 0.0), *((apart, patient, 2 * HOUR) for patient in range(5)), (TAKEN, 1, 3 * HOUR)
    )
    assert known.passing_since == 0.0


def test_it_stays_small_however_much_passes_and_fails():
    known = passed(*taken_hourly(0.0, 500), *((FAILED, patient, 501 * HOUR) for patient in range(1000)))
    assert (len(known.marks), len(known.failed)) == (MARKS, 2)


def test_a_mark_of_a_clock_that_was_ahead_counts_no_more():
    known = passed((TAKEN, 1, 1000 * DAY), (TAKEN, 2, 10.0))
    assert known.marks == (10.0,)


def test_a_delivery_since_a_moment_is_known():
    known = passed((FAILED, 1, 10.0), (TAKEN, 2, 20.0))
    assert known.since(10.0)
    assert not known.since(20.0)
    assert not passed((FAILED, 1, 10.0)).since(0.0)


# ---------------------------------------------------------------- what may go out


def after(destination, *verdicts, steady=0.0, first=1):
    for number, verdict in enumerate(verdicts, first):
        destination = destination.after(verdict, number, number, now=NOW + steady, steady=steady)
    return destination


def test_what_passes_has_all_the_room_that_couriers_have():
    assert Destination().room(30, 2, 0.0) == Room(30)
    assert Destination().room(0, 32, 0.0) == Room(0)
    assert Destination().room(0, 40, 0.0, ahead=24) == Room(24)
    assert Destination().room(2, 30, 0.0, ahead=32) == Room(34)
    assert Destination().wait(0.0) == float("inf")


def test_what_is_stopped_has_room_for_one_probe_when_it_is_time():
    stopped = after(Destination(), NO_KEY)
    assert stopped.room(32, 0, 59.0) == Room()
    assert stopped.wait(59.0) == pytest.approx(1.0)
    assert stopped.room(32, 0, 61.0) == Room(1, probe=True)
    assert stopped.room(0, 32, 61.0) == Room()
    assert stopped.room(0, 32, 61.0, ahead=32) == Room(), "a probe waits for nobody"
    out = stopped.sent(1, 61.0, probe=9)
    assert out.room(31, 1, 1e9) == Room()
    assert out.wait(1e9) == float("inf")


def test_asked_to_wait_not_even_a_probe_goes():
    stopped = after(Destination(), *[FAILED] * 5, SLOW)
    assert stopped.room(32, 0, 29.0) == Room()
    assert stopped.wait(10.0) == pytest.approx(20.0)
    assert stopped.room(32, 0, 30.0) == Room(1, probe=True)


def test_when_it_works_again_few_go_at_first():
    again = after(Destination(), NO_KEY, TAKEN)
    assert again.room(32, 0, 0.0) == Room(6)
    assert again.room(27, 5, 0.0) == Room(1)
    assert again.room(27, 5, 0.0, ahead=32) == Room(1)
    assert again.room(25, 7, 0.0) == Room(0)


def test_a_limit_counts_posts():
    destination = Destination(pacing=Pacing(8.0))
    assert destination.room(32, 0, 100.0) == Room(2)
    assert destination.sent(2, 100.0).room(30, 2, 100.0) == Room(0)


# ---------------------------------------------------------------- what is told, and kept over a restart

SLOWED = after(Destination(), SLOW)


@pytest.mark.parametrize(
    ("destination", "state", "reason", "since", "next_at"),
    [
        (Destination(), "passing", "", None, None),
        (after(Destination(), *[FAILED] * 5), "open", "away", NOW, NOW + 0.5),
        (after(Destination(), NO_KEY), "paused", "not-authorised", NOW, NOW + 60),
        (after(Destination(), *[REFUSED] * 10), "paused", "refusals-in-a-row", NOW, NOW + 600),
        (SLOWED, "slowed", "slow-down", NOW, NOW + 30),
    ],
)
def test_it_says_what_it_is_since_when_why_and_when_it_goes_on(destination, state, reason, since, next_at):
    told = destination.kept(NOW + 0.1, 0.1)
    assert (told["state"], told["reason"], told["since"], told["next_at"]) == (state, reason, since, next_at)


def test_news_are_what_has_changed_and_not_the_time():
    stopped = after(Destination(), NO_KEY)
    assert stopped.news(1.0) == stopped.news(2.0)
    assert stopped.news(1.0) != stopped.hurried(1.0).news(1.0)


def kept(destination, steady=0.0):
    return json.loads(json.dumps(destination.kept(NOW + steady, steady)))


def test_after_a_restart_what_was_stopped_is_probed_at_once_and_nothing_else_goes():
    told = kept(after(Destination(), NO_KEY))
    again = Destination.restored(told, Pacing(), NOW + 10, 5000.0)
    assert again.room(32, 0, 5000.0) == Room(1, probe=True)
    assert again.kept(NOW + 10, 5000.0)["since"] == NOW


def test_after_a_restart_it_still_waits_as_long_as_the_api_asked():
    again = Destination.restored(kept(SLOWED), Pacing(), NOW + 10, 5000.0)
    assert again.room(32, 0, 5019.0) == Room(0)
    assert again.room(32, 0, 5020.0) == Room(1)
    assert Destination.restored(kept(SLOWED), Pacing(), NOW + 31, 5000.0).state(5000.0) == "passing"
    assert Destination.restored(kept(SLOWED), Pacing(), NOW - DAY, 5000.0).state(5000.0) == "passing"


def test_after_a_restart_it_knows_since_when_requests_pass():
    known = after(Destination(), TAKEN)
    again = Destination.restored(kept(known), Pacing(), NOW + 60, 0.0)
    assert again.passed == known.passed


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"state": "open"},
        {"state": "paused", "reason": 5, "since": "x"},
        {"state": "elsewhere", "reason": "", "since": 1},
        {"marks": "x", "held_until": "y"},
        {"marks": [None, "x", True], "passing_since": None},
    ],
)
def test_what_was_kept_and_is_not_understood_counts_as_nothing(told):
    assert Destination.restored(told, Pacing(), NOW, 0.0) == Destination()
