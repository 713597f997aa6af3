"""What a machine's clock that jumps does to requests: nothing that cannot be taken back. A real store, the real core."""

import pytest

from interface.delivery.timeline import LASTING, LASTING_FAR, WARY
from interface.delivery.verdict import Reply

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
HOUR, DAY, YEAR = 3600.0, 86_400.0, 365 * 86_400.0


def states(site):
    return site.states()


@pytest.fixture
def waiting(site):
    """Two requests that could not be sent yet; it is noon of the fifth of March."""
    site.couriers.free = 0
    site.book("20260306", patient="T1")
    site.book("20260410", patient="T2")
    site.couriers.free = 4
    return site


@pytest.mark.parametrize("seconds", [2 * DAY, YEAR])
def test_a_jump_ahead_that_is_taken_back_expires_nothing_and_stops_nothing(waiting, seconds, caplog):
    waiting.jump(seconds)
    waiting.jump(-seconds)
    assert states(waiting) == ["sending", "sending"]
    assert caplog.text.count("event=clock-jumped") == 2
    assert f"event=clock-jumped seconds={seconds:.0f} believed=not-yet" in (caplog.text)


def test_while_the_day_is_in_doubt_only_what_is_past_by_neither_goes_out(waiting):
    waiting.jump(2 * DAY)
    assert states(waiting) == ["waiting", "sending"]
    waiting.reply(TAKEN)
    assert states(waiting) == ["waiting", "delivered"]


def test_while_the_day_is_in_doubt_messages_are_not_decided_and_then_they_are(waiting):
    waiting.jump(2 * DAY)
    waiting.book("20260307", patient="T3")
    assert len(states(waiting)) == 2
    waiting.jump(-2 * DAY)
    assert len(states(waiting)) == 3


def test_a_day_that_lasts_is_gone_by_and_what_is_past_expires_a_day_later(waiting, caplog):
    caplog.set_level("INFO")
    waiting.jump(2 * DAY)
    waiting.go_on(LASTING + 1)
    waiting.book("20260306", patient="T3")
    assert states(waiting)[:2] == ["waiting", "sending"]
    assert caplog.text.count("event=clock-believed seconds=172800 believed=yes") == 1
    waiting.reply(TAKEN)
    waiting.go_on(WARY - HOUR)
    assert states(waiting)[:2] == ["waiting", "delivered"]
    waiting.go_on(HOUR)
    assert states(waiting)[:2] == ["expired", "delivered"]


def test_a_wrong_year_that_lasts_for_hours_expires_nothing_that_waited(waiting):
    waiting.couriers.free = 0
    waiting.jump(YEAR)
    waiting.go_on(LASTING_FAR + 1)
    waiting.go_on(5 * HOUR)
    waiting.couriers.free = 4
    waiting.turn()
    assert states(waiting) == ["waiting", "waiting"]
    waiting.jump(-YEAR)
    assert states(waiting) == ["sending", "sending"]


def test_a_jump_back_sends_nothing_that_is_past(site):
    site.couriers.free = 0
    site.book("20260306")
    site.set(2026, 3, 6, 23)
    site.jump(-10 * DAY)
    site.go_on(2 * HOUR)
    site.couriers.free = 4
    site.turn()
    assert not site.couriers.sent, "it is the seventh of March, whatever the clock says"


def test_after_a_jump_back_a_retry_does_not_wait_for_the_difference(site):
    site.book("20260410")
    for _ in range(8):
        site.reply(Reply(503))
        site.go_on(200)
    site.reply(Reply(503))
    assert site.states() == ["waiting"]
    site.jump(-6 * HOUR)
    assert site.states() == ["sending"]


def test_after_a_suspension_over_midnight_it_goes_on_by_itself(waiting):
    waiting.jump(13 * HOUR)
    waiting.go_on(LASTING + 1)
    waiting.reply(TAKEN)
    assert states(waiting) == ["delivered", "delivered"]
    waiting.book("20260401", patient="T3")
    assert waiting.couriers.sent[-1]["patient"]["mrn"]["extension"] == "T3"


def begun_again(site, limited, at, witness=None):
    """The work of a process that starts with the machine's clock `at` seconds from where it should be."""
    again = limited(None)
    again.clock.moment = site.clock.moment
    again.clock.jump(at)
    again.loop.begin(site.store.work.told(), witness)
    again.turn()
    return again


def test_a_machine_that_boots_a_year_ahead_expires_nothing(waiting, limited):
    again = begun_again(waiting, limited, YEAR)
    assert states(again) == ["waiting", "waiting"]
    again.go_on(600)
    again.jump(-YEAR)
    assert states(again) == ["sending", "sending"]


def test_a_node_that_boots_two_days_ahead_of_the_servers_clock_expires_nothing(waiting, limited, caplog):
    again = begun_again(waiting, limited, 2 * DAY, witness=waiting.clock.now())
    assert "event=clock-jumped seconds=172800 believed=not-yet" in caplog.text
    again.go_on(LASTING + HOUR)
    again.jump(-2 * DAY)
    assert states(again) == ["sending", "sending"]


def test_a_machine_that_boots_in_1970_waits_until_it_knows_better(waiting, limited):
    again = begun_again(waiting, limited, -56 * YEAR)
    again.book("20260402", patient="T3")
    assert len(states(again)) == 2
    again.go_on(60)
    again.jump(56 * YEAR)
    assert states(again)[:2] == ["sending", "sending"]
    assert len(states(again)) == 3


def test_a_start_after_a_month_works_at_once_and_expires_what_is_past_a_day_later(waiting, limited):
    again = begun_again(waiting, limited, 30 * DAY)
    assert states(again) == ["waiting", "sending"]
    again.book("20260420", patient="T3")
    assert states(again)[2] == "sending"
    again.go_on(WARY + 1)
    again.turn()
    assert states(again)[0] == "expired"
