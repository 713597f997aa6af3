"""When a request is tried again, and when it is given up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.delivery.schedule import DEFAULT, Schedule, after_attempt, backoff, is_hopeless, next_due
from interface.delivery.verdict import Reply, Verdict, judge

NOW = 1_780_000_000.0
DAY = 86_400.0
SERVER_ERROR = judge(Reply(500))
REPLIES = st.sampled_from(
    [Reply(500), Reply(401), Reply(404), Reply(429, retry_after="5"), Reply(429), Reply(failure="dns")]
)


@pytest.mark.parametrize(
    ("attempts", "rand", "seconds"),
    [
        (1, 0.0, 0.5),
        (1, 1.0, 1.0),
        (2, 1.0, 2.0),
        (3, 0.5, 3.0),
        (9, 1.0, 256.0),
        (10, 1.0, 300.0),
        (10, 0.0, 150.0),
        (1000, 1.0, 300.0),
        (10**9, 0.0, 150.0),
        (0, 1.0, 1.0),
    ],
)
def test_failures_are_tried_again_after_ever_longer_waits(attempts, rand, seconds):
    assert backoff(attempts, rand) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("verdict", "rand", "seconds"),
    [
        (judge(Reply(401)), 0.0, 60.0),
        (judge(Reply(401)), 1.0, 66.0),
        (judge(Reply(429)), 0.0, 60.0),
        (judge(Reply(429, retry_after="5")), 0.0, 5.0),
        (judge(Reply(429, retry_after="99999")), 0.0, 3600.0),
        (SERVER_ERROR, 0.0, 0.5),
    ],
)
def test_each_verdict_has_its_own_wait(verdict, rand, seconds):
    assert next_due(1, NOW, verdict, rand) == pytest.approx(NOW + seconds)


@given(attempts=st.integers(1, 10**6), rand=st.floats(0, 1, exclude_max=True), reply=REPLIES)
def test_the_next_attempt_is_never_at_once_and_never_beyond_the_cap(attempts, rand, reply):
    verdict = judge(reply)
    wait = next_due(attempts, 0.0, verdict, rand) - 0.0
    longest = max(DEFAULT.cap, (verdict.wait or 0.0) * (1 + DEFAULT.spread))
    assert min(DEFAULT.first / 2, verdict.wait or DEFAULT.first) <= wait <= longest


@given(attempts=st.integers(1, 100), rand=st.floats(0, 1, exclude_max=True))
def test_waits_never_shrink_from_one_attempt_to_the_next(attempts, rand):
    assert backoff(attempts, rand) <= backoff(attempts + 1, rand)


@pytest.mark.parametrize(
    ("reply", "failing_for", "others_passed", "hopeless"),
    [
        (Reply(500), DAY, True, True),
        (Reply(failure="reset"), DAY, True, True),
        (Reply(500), DAY, False, False),
        (Reply(500), DAY - 1, True, False),
        (Reply(500), 30 * DAY, False, False),
        (Reply(401), 30 * DAY, True, False),
        (Reply(429), 30 * DAY, True, False),
    ],
    ids=str,
)
def test_a_request_is_given_up_only_after_a_day_alone(reply, failing_for, others_passed, hopeless):
    assert is_hopeless(judge(reply), NOW, NOW - failing_for, others_passed) is hopeless


@pytest.mark.parametrize(
    ("reply", "first_failure_at", "state", "code"),
    [
        (Reply(200, is_json_object=True, correlation_id="c"), NOW - 2 * DAY, "delivered", "delivered"),
        (Reply(400), NOW, "dead", "refused-by-api"),
        (Reply(500), NOW, "waiting", "server-error"),
        (Reply(500), NOW - DAY, "dead", "failing-alone"),
        (Reply(403), NOW - DAY, "waiting", "not-authorised"),
    ],
    ids=str,
)
def test_what_follows_an_attempt(reply, first_failure_at, state, code):
    following = after_attempt(
        1, NOW, judge(reply), 0.5, first_failure_at=first_failure_at, others_passed=True
    )
    assert (following.state, following.code) == (state, code)


def test_the_constants_can_be_made_small():
    quick = Schedule(first=0.01, cap=0.02, pause=0.03)
    assert next_due(50, 0.0, SERVER_ERROR, 1.0, quick) == pytest.approx(0.02)
    assert next_due(1, 0.0, Verdict("pause", "x", "x", wait=60.0), 0.0, quick) == pytest.approx(0.03)
