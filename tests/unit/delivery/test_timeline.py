"""Which time is gone by when the machine's clock jumps."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.delivery.timeline import FAR, LASTING, LASTING_FAR, TOLERANCE, WARY, Timeline

HOUR, DAY, YEAR = 3600.0, 86_400.0, 365 * 86_400.0
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC).timestamp()


def day(posix):
    return datetime.fromtimestamp(posix, UTC).date()


class Machine:
    """A wall clock that can be set, a steady one, and what is gone by; all begin at noon."""

    def __init__(self, wall=NOON, last=None, witness=None):
        self.steady, self.wall, self.said = 1000.0, wall, []
        self.line = Timeline.begun(wall, self.steady, last, day, witness)
        self.known = [self.now - self.true]

    @property
    def true(self):
        return NOON + self.steady - 1000.0

    @property
    def now(self):
        return self.line.now(self.wall, self.steady)

    def look(self):
        self.line, jump = self.line.seen(self.wall, self.steady, day)
        if jump is not None:
            self.said.append((round(jump.seconds), jump.believed))
        return self

    def run(self, seconds, step=10.0):
        """Both clocks go on, with a look now and then."""
        ends = self.steady + seconds
        while self.steady < ends:
            went = min(step, ends - self.steady)
            self.steady += went
            self.wall += went
            self.look()
        return self

    def set(self, by):
        self.wall += by
        return self.look()


@pytest.mark.parametrize("off", [-2 * DAY, DAY, YEAR])
def test_at_a_start_another_machines_clock_counts_until_ours_has_lasted(off):
    machine = Machine(NOON + off, last=NOON - HOUR, witness=NOON)
    assert machine.line.doubt
    assert day(machine.now) == day(NOON)
    machine.run(LASTING_FAR + 20)
    assert not machine.line.doubt
    assert not machine.line.sure, "nothing is given up for its date"


@pytest.mark.parametrize("off", [0.0, HOUR, -HOUR])
def test_within_the_day_another_machines_clock_is_no_matter(off):
    assert Machine(NOON + off, witness=NOON).line.sure


def test_while_the_clocks_agree_the_wall_clock_is_gone_by():
    machine = Machine().run(3 * DAY, step=3600.0)
    assert machine.line.sure
    assert machine.now == machine.wall
    assert machine.said == []


def test_what_a_time_server_corrects_little_by_little_is_followed_unsaid():
    machine = Machine()
    for _ in range(100):
        machine.run(60.0).set(TOLERANCE - 0.1)
    assert machine.now == machine.wall
    assert machine.said == []


@pytest.mark.parametrize("by", [-6 * HOUR, -60.0, 60.0, 6 * HOUR])
def test_a_jump_within_the_day_is_taken_at_once_and_said(by):
    machine = Machine().set(by)
    assert machine.now == machine.wall
    assert not machine.line.doubt
    assert machine.said == [(by, True)]


def test_a_clock_that_is_hours_ahead_within_the_day_gives_nothing_up_at_its_midnight():
    assert Machine().set(60.0).line.sure
    machine = Machine().set(11 * HOUR).run(2 * HOUR, step=60.0)
    assert day(machine.now) != day(machine.true)
    assert not machine.line.sure
    assert machine.set(-11 * HOUR).line.sure


@pytest.mark.parametrize("by", [-YEAR, -DAY, 13 * HOUR, DAY, YEAR])
def test_another_day_is_not_believed_at_once(by):
    machine = Machine().set(by)
    assert machine.now == machine.true
    assert machine.line.doubt
    assert machine.said == [(by, False)]
    assert machine.line.latest(machine.now, machine.steady) == max(machine.true, machine.wall)


@pytest.mark.parametrize("by", [-YEAR, -DAY, DAY, YEAR])
def test_a_jump_that_is_taken_back_soon_has_not_been(by):
    machine = Machine().set(by).run(LASTING - 20).set(-by)
    assert machine.now == machine.wall == machine.true
    assert machine.line.sure
    assert machine.said == [(by, False), (-by, True)]


@pytest.mark.parametrize(
    ("by", "lasting"), [(DAY, LASTING), (-DAY, LASTING), (YEAR, LASTING_FAR), (-YEAR, LASTING_FAR)]
)
def test_a_day_that_lasts_is_believed_and_for_one_more_day_with_care(by, lasting):
    machine = Machine().set(by).run(lasting - 20)
    assert machine.line.doubt
    machine.run(30)
    assert not machine.line.doubt
    assert machine.now == machine.wall
    assert machine.said == [(by, False), (by, True)]
    assert not machine.line.sure
    assert machine.line.latest(machine.now, machine.steady) == pytest.approx(max(machine.true, machine.wall))
    machine.run(WARY, step=600.0)
    assert machine.line.sure


def test_a_wrong_year_that_is_corrected_after_hours_is_left_at_once():
    machine = Machine().set(YEAR).run(5 * HOUR, step=60.0)
    assert machine.now == machine.wall
    machine.set(-YEAR)
    assert machine.now == machine.wall == machine.true
    assert machine.line.sure


def test_a_clock_that_is_set_again_and_again_has_not_lasted():
    machine = Machine()
    for _ in range(20):
        machine.set(DAY).run(LASTING - 20)
    assert machine.now == machine.true


def test_a_jump_that_nobody_has_looked_at_does_not_count():
    machine = Machine()
    machine.wall += YEAR
    assert machine.now == machine.true


def test_after_a_suspension_over_midnight_it_catches_up_by_itself():
    machine = Machine().set(16 * HOUR).run(LASTING + 20)
    assert machine.now == machine.wall


# ---------------------------------------------------------------- a start


@pytest.mark.parametrize("off", [0.0, 60.0, HOUR, 2 * DAY, FAR])
def test_a_start_after_a_while_is_sure(off):
    machine = Machine(last=NOON - off)
    assert machine.line.sure
    assert machine.now == NOON


def test_a_first_start_is_sure():
    assert Machine().line.sure


def test_far_ahead_of_what_was_known_the_clock_is_believed_with_care():
    machine = Machine(last=NOON - 30 * DAY)
    assert machine.now == NOON
    assert not machine.line.sure
    assert not machine.line.doubt
    assert machine.run(WARY + 60, step=600.0).line.sure


def test_a_clock_that_was_a_year_ahead_at_boot_is_left_as_soon_as_it_is_set_right():
    machine = Machine(wall=NOON + YEAR, last=NOON - 2 * DAY)
    assert not machine.line.sure
    machine.run(60).set(-YEAR)
    assert machine.line.sure
    assert machine.now == machine.true


def test_a_clock_behind_what_is_known_is_in_doubt_until_it_is_set_right_or_lasts():
    machine = Machine(wall=NOON - 20 * YEAR, last=NOON - 60)
    assert machine.line.doubt
    assert machine.now == pytest.approx(NOON - 60)
    machine.run(30).set(20 * YEAR)
    assert machine.line.sure
    assert machine.now == machine.wall == machine.true


# ---------------------------------------------------------------- whatever happens

STEPS = st.lists(
    st.tuples(st.floats(-2 * YEAR, 2 * YEAR) | st.floats(-20, 20) | st.floats(-DAY, DAY), st.floats(0, 7200)),
    max_size=12,
)


@given(last=st.none() | st.floats(NOON - YEAR, NOON + YEAR), steps=STEPS)
def test_a_clock_that_stays_is_believed_in_the_end(last, steps):
    machine = Machine(last=last)
    for by, seconds in steps:
        machine.set(by).run(seconds, step=500.0)
        assert machine.line.latest(machine.now, machine.steady) >= machine.now - 1e-6
    machine.run(LASTING_FAR + 500, step=500.0)
    assert not machine.line.doubt
    assert machine.now == machine.wall
    machine.run(WARY + 500, step=5000.0)
    assert machine.line.sure


@given(steps=st.lists(st.tuples(st.floats(-2 * YEAR, 2 * YEAR), st.floats(0, 40)), max_size=7))
def test_short_of_lasting_no_jump_moves_the_day(steps):
    machine = Machine()
    for by, seconds in steps:
        machine.wall = machine.true + by
        machine.look()
        machine.run(seconds)
        assert day(machine.now) == day(machine.true)
