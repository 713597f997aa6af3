"""When nothing but probes goes out, and what lets requests out again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.delivery.breaker import OPENS_AT, RAMP_END, REFUSALS, REFUSALS_IN_A_ROW, Breaker
from interface.delivery.schedule import DEFAULT
from interface.delivery.verdict import Reply, judge

TAKEN = judge(Reply(200, is_json_object=True, correlation_id="c"))
REFUSED = judge(Reply(422))
APART = judge(Reply(413, together=3))
FAILED = judge(Reply(503))
UNREACHABLE = judge(Reply(failure="refused"))
NO_KEY = judge(Reply(401))
NO_ADDRESS = judge(Reply(404))
SLOW = judge(Reply(429))
KINDS = [TAKEN, REFUSED, APART, FAILED, UNREACHABLE, NO_KEY, NO_ADDRESS, SLOW]


def after(breaker, *verdicts, now=0.0, rand=0.0, first=100):
    """The breaker after POSTs about different patients, none of them a probe."""
    for number, verdict in enumerate(verdicts, first):
        breaker = breaker.after(verdict, number, number, now, rand)
    return breaker


def probed(breaker, verdict, now, rand=0.0, request=7):
    """The breaker after a probe that went out and came back at `now`."""
    assert breaker.may_probe(now)
    return breaker.sent(request).after(verdict, request, request, now, rand)


OPEN = after(Breaker(), *[FAILED] * OPENS_AT)
PAUSED = after(Breaker(), NO_KEY)
REFUSING = after(Breaker(), *[REFUSED] * REFUSALS)
STOPS = {"open": OPEN, "paused": PAUSED, "refusals": REFUSING}
stops = pytest.mark.parametrize("stopped", STOPS.values(), ids=STOPS)


def test_it_opens_when_so_many_patients_requests_failed_in_a_row():
    assert after(Breaker(), *[FAILED] * (OPENS_AT - 1)).stop == ""
    assert (OPEN.stop, OPEN.reason) == ("open", "away")


def test_one_patient_who_fails_again_and_again_opens_nothing():
    breaker = Breaker()
    for at in range(100):
        breaker = breaker.after(FAILED, 1, 1, at, 0.0)
    assert breaker.stop == ""


def test_a_delivery_in_between_begins_the_count_anew():
    assert after(Breaker(), *[FAILED] * 4, TAKEN, *[FAILED] * 4).stop == ""


@pytest.mark.parametrize("verdict", [NO_KEY, NO_ADDRESS, judge(Reply(407)), judge(Reply(413))])
def test_what_somebody_must_put_right_pauses_at_once(verdict):
    paused = after(Breaker(), verdict)
    assert (paused.stop, paused.reason, paused.next_probe) == ("paused", verdict.code, DEFAULT.pause)


def test_refused_contents_of_many_patients_in_a_row_pause_it():
    assert after(Breaker(), *[REFUSED] * (REFUSALS - 1)).stop == ""
    assert (REFUSING.stop, REFUSING.reason) == ("paused", REFUSALS_IN_A_ROW)
    assert after(Breaker(), *[REFUSED] * 9, TAKEN, *[REFUSED] * 9).stop == ""


def test_one_patients_refused_requests_pause_nothing():
    breaker = Breaker()
    for request in range(50):
        breaker = breaker.after(REFUSED, 1, request, 0.0, 0.0)
    assert breaker.stop == ""


def test_refusals_while_others_fail_for_another_reason_still_count():
    assert after(Breaker(), *[REFUSED] * 9, FAILED, REFUSED).refusing


def test_refusals_count_on_through_an_outage():
    opened = after(Breaker(), *[REFUSED] * (REFUSALS - 1), *[FAILED] * OPENS_AT)
    assert opened.stop == "open"
    assert probed(opened, REFUSED, opened.next_probe).refusing


@stops
def test_probes_never_overlap(stopped):
    at = stopped.next_probe
    assert not stopped.may_probe(at - 0.1)
    assert stopped.may_probe(at)
    assert not stopped.sent(7).may_probe(at + 1e9)
    assert stopped.sent(7).gone(7).may_probe(at)
    assert stopped.sent(7).gone(8).probe == 7


@pytest.mark.parametrize(
    ("stopped", "verdict", "waits"),
    [
        (OPEN, FAILED, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]),
        (PAUSED, NO_KEY, [60, 60, 60, 60]),
        (REFUSING, REFUSED, [1200, 2400, 3600, 3600]),
        (PAUSED, FAILED, [60, 60]),
    ],
    ids=["open", "paused", "refusals", "paused, then away"],
)
def test_probes_wait_longer_and_longer_up_to_a_cap(stopped, verdict, waits):
    breaker, seen = stopped, []
    for _ in waits:
        now = breaker.next_probe
        breaker = probed(breaker, verdict, now, rand=1.0 if stopped is OPEN else 0.0)
        seen.append(breaker.next_probe - now)
    assert seen == waits
    assert breaker.since == stopped.since


def test_a_crowd_of_interfaces_does_not_probe_in_step():
    assert after(Breaker(), *[FAILED] * 5, rand=0.0).next_probe == 0.5
    assert after(Breaker(), *[FAILED] * 5, rand=0.9).next_probe == pytest.approx(0.95)
    assert after(Breaker(), NO_KEY, rand=0.5).next_probe == pytest.approx(63.0)


@stops
def test_what_was_under_way_when_it_stopped_moves_no_probe(stopped):
    late = after(stopped, FAILED, UNREACHABLE, SLOW, now=0.1, first=500)
    assert (late.stop, late.next_probe, late.missed) == (stopped.stop, stopped.next_probe, stopped.missed)


@stops
def test_a_delivery_lets_requests_out_again_whether_it_was_the_probe_or_not(stopped):
    assert probed(stopped, TAKEN, stopped.next_probe).stop == ""
    assert after(stopped, TAKEN, first=900).stop == ""


@pytest.mark.parametrize("answer", [REFUSED, APART], ids=["refused", "apart"])
@pytest.mark.parametrize("stopped", [OPEN, PAUSED], ids=["open", "paused"])
def test_a_refused_content_is_the_answer_of_an_api_at_work(stopped, answer):
    assert probed(stopped, answer, stopped.next_probe).stop == ""


def test_a_wrong_key_while_the_api_is_away_is_a_pause():
    paused = probed(OPEN, NO_KEY, OPEN.next_probe)
    assert (paused.stop, paused.reason, paused.since) == ("paused", NO_KEY.code, OPEN.next_probe)


def test_the_last_reason_of_a_pause_is_told():
    paused = probed(PAUSED, NO_ADDRESS, 60.0)
    assert (paused.reason, paused.since) == (NO_ADDRESS.code, PAUSED.since)


def test_a_probe_that_is_asked_to_wait_is_followed_by_another():
    breaker = probed(OPEN, SLOW, 5.0)
    assert breaker.stop == "open"
    assert breaker.may_probe(breaker.next_probe)


@stops
def test_when_something_may_have_been_put_right_the_next_probe_goes_at_once(stopped):
    assert stopped.hurried(0.2).may_probe(0.2)
    assert stopped.hurried(1e9).next_probe == stopped.next_probe
    assert Breaker().hurried(1.0) == Breaker()


def test_the_backlog_goes_out_in_a_ramp():
    breaker = probed(OPEN, TAKEN, 1.0)
    allowed = []
    for number in range(16):
        allowed.append(breaker.allowed(32))
        breaker = breaker.after(TAKEN, number, number, 1.0, 0.0)
    assert allowed == [6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 32, 32]
    assert Breaker().allowed(512) == 512
    assert breaker.allowed(1) == 1


def test_an_outage_that_comes_back_soon_goes_on_with_longer_waits():
    breaker = OPEN
    for _ in range(6):
        breaker = probed(breaker, FAILED, breaker.next_probe)
    again = after(probed(breaker, TAKEN, 100.0), *[FAILED] * OPENS_AT, now=100.0, rand=1.0)
    assert again.next_probe == 100.0 + 64
    through = after(probed(breaker, TAKEN, 100.0), *[TAKEN] * RAMP_END)
    assert after(through, *[FAILED] * OPENS_AT, now=200.0, rand=1.0).next_probe == 201.0


# each step: what came back, whose, whether it was the probe, how long after the one before
STEPS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(1, 20), st.booleans(), st.floats(0, 5000)), max_size=80
)


@given(steps=STEPS)
def test_from_every_state_a_delivery_leads_back_and_a_probe_always_comes(steps):
    breaker, now = Breaker(), 0.0
    for verdict, patient, as_probe, seconds in steps:
        now += seconds
        if as_probe and breaker.may_probe(now):
            breaker = breaker.sent(patient)
            assert not breaker.may_probe(now)
        breaker = breaker.after(verdict, patient, patient, now, 0.5)
        if breaker.probe is None and breaker.stop:
            longest = max(DEFAULT.cap, DEFAULT.refused_cap)
            assert breaker.next_probe <= now + longest
        elif not breaker.stop:
            assert breaker.probe is None
            assert breaker.allowed(32) >= 1
        assert len(breaker.failed) <= OPENS_AT
        assert len(breaker.refused) <= REFUSALS
        back = breaker.after(TAKEN, 99, 99, now, 0.5)
        assert (back.stop, back.probe, back.failed) == ("", None, frozenset())
