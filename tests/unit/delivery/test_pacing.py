"""How fast requests go out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.delivery.pacing import BURST_SECONDS, Pacing
from interface.delivery.schedule import DEFAULT

MANY = 10**6


def flowing(per_second, seconds=60, limit=None):
    """A pacing that has sent so many a second for a minute, and the time."""
    pacing = Pacing(limit)
    for tick in range(seconds * 10):
        pacing = pacing.sent(per_second / 10, tick / 10)
    return pacing, float(seconds)


def test_without_a_limit_everything_may_go():
    pacing = Pacing()
    assert pacing.ready(0.0, MANY) == MANY
    assert pacing.sent(1000, 0.0).ready(0.0, MANY) == MANY
    assert pacing.wait(0.0) == 0


@pytest.mark.parametrize(("limit", "burst"), [(5.0, 1), (40.0, 10), (0.1, 1), (10_000.0, 2500)])
def test_after_a_rest_a_quarter_of_a_seconds_posts_may_go_at_once(limit, burst):
    assert Pacing(limit).ready(1000.0, MANY) == burst


def test_with_a_limit_one_after_the_other_goes():
    pacing = Pacing(4.0, at=10.0)
    assert pacing.ready(10.0, 32) == 1
    pacing = pacing.sent(1, 10.0)
    assert pacing.ready(10.0, 32) == 0
    assert pacing.wait(10.0) == pytest.approx(0.25)
    assert pacing.ready(10.25, 32) == 1


def test_what_went_out_beyond_is_owed():
    pacing = Pacing(2.0).sent(4, 0.0)
    assert pacing.ready(1.9, 32) == 0
    assert pacing.wait(0.0) == pytest.approx(2.0)
    assert pacing.ready(2.0, 32) == 1


def test_asked_to_wait_nothing_goes_until_then():
    pacing = Pacing().slow(30.0, 99.0, 100.0)
    assert pacing.ready(129.9, 32) == 0
    assert pacing.wait(100.0) == 30.0
    assert pacing.ready(130.0, 32) == 1


def test_after_the_wait_one_goes_first_whatever_had_been_saved_up():
    rested = Pacing(40.0)
    assert rested.ready(100.0, 32) == 10
    assert rested.slow(30.0, 99.0, 100.0).ready(130.0, 32) == 1


def test_a_shorter_wait_does_not_shorten_a_longer_one():
    pacing = Pacing().slow(30.0, 99.0, 100.0).slow(1.0, 100.5, 101.0)
    assert pacing.held_until == 130.0


def test_then_the_pace_is_half_of_what_it_was_and_comes_back_little_by_little():
    pacing, now = flowing(40)
    pacing = pacing.slow(5.0, now - 1, now)
    assert pacing.pace == pytest.approx(20, rel=0.1)
    back = now + 5.0
    assert pacing.until(back).pace == pacing.pace, "it does not grow while nothing may go"
    assert pacing.until(back + DEFAULT.doubling).pace == pytest.approx(40, rel=0.1)
    assert pacing.until(back + 2 * DEFAULT.doubling - 1).slowed
    free = pacing.until(back + 2 * DEFAULT.doubling)
    assert not free.slowed
    assert free.rate is None


def test_with_a_limit_it_comes_back_to_the_limit_and_no_further():
    pacing, now = flowing(40, limit=40.0)
    pacing = pacing.slow(0.0, now - 1, now)
    assert pacing.until(now + 1e6).rate == 40.0
    assert not pacing.until(now + 1e6).slowed


def test_what_was_out_already_does_not_halve_it_once_more():
    pacing, now = flowing(40)
    once = pacing.slow(1.0, now - 1, now)
    assert once.slow(1.0, now - 0.5, now + 0.2).pace == once.pace
    assert once.slow(1.0, now + 2.0, now + 2.1).pace < once.pace


def test_asked_again_and_again_it_still_goes_on():
    pacing = Pacing()
    for n in range(100):
        pacing = pacing.slow(1.0, n * 10.0, n * 10.0 + 0.1)
    assert pacing.pace == DEFAULT.slowest
    assert pacing.wait(991.1) <= 1 / DEFAULT.slowest
    assert pacing.ready(991.1 + 1 / DEFAULT.slowest, 32) == 1


def test_after_a_restart_it_waits_for_what_is_left():
    pacing = Pacing().held(150.0, 100.0)
    assert pacing.wait(100.0) == 50.0
    assert pacing.slowed


def test_a_clock_that_stands_still_gives_nothing_away():
    pacing = Pacing(1.0, at=10.0).sent(1, 10.0)
    assert pacing.ready(5.0, 32) == 0


# each step: seconds later, POSTs that would like to go, whether one is asked to wait for so long
STEPS = st.lists(
    st.tuples(st.floats(0, 20), st.integers(0, 40), st.none() | st.floats(0, 30)), min_size=1, max_size=60
)


@given(limit=st.floats(0.1, 500), steps=STEPS)
def test_never_more_go_than_the_rate_allows_and_it_never_stands_still(limit, steps):
    pacing, now, times = Pacing(limit), 0.0, []
    for seconds, wanted, asked in steps:
        now += seconds
        posts = pacing.ready(now, wanted)
        assert now >= pacing.held_until or posts == 0
        pacing = pacing.sent(posts, now)
        times += [now] * posts
        if asked is not None:
            pacing = pacing.slow(asked, now, now)
        assert pacing.ready(now + pacing.wait(now) + 1e-6, 1) == 1
        assert (pacing.rate or 0) <= limit * (1 + 1e-9)
    burst = max(1.0, limit * BURST_SECONDS)
    for first in range(len(times)):
        count = len(times) - first
        assert count <= limit * (times[-1] - times[first]) + burst + 1e-6


@given(steps=STEPS)
def test_without_a_limit_it_never_stands_still_either(steps):
    pacing, now = Pacing(), 0.0
    for seconds, wanted, asked in steps:
        now += seconds
        pacing = pacing.sent(pacing.ready(now, wanted), now)
        if asked is not None:
            pacing = pacing.slow(asked, now, now)
        assert pacing.wait(now) <= 30 + 1 / DEFAULT.slowest
        assert pacing.ready(now + pacing.wait(now) + 1e-6, 1) == 1
    assert not pacing.until(now + 3600).slowed
