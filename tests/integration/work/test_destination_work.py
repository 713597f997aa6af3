"""What the loop sends, and what not, while the destination is away, paused, slow, or limited: hand-made replies."""

from datetime import timedelta

import pytest

from interface.delivery.breaker import OPENS_AT, REFUSALS
from interface.delivery.verdict import Reply

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
AWAY = Reply(failure="refused")
NO_KEY = Reply(401)
REFUSED = Reply(422)
SLOW = Reply(429, retry_after="600")


def book(site, count, first=0):
    for number in range(first, first + count):
        site.book("20260810", patient=f"T{number}")


def attempts(site):
    return sum(request.attempts for request in site.store.views.requests(limit=10_000))


def states(site):
    return {request.state for request in site.store.views.requests(limit=10_000)}


def answer_all(site, reply):
    """Answer whatever goes out until nothing does."""
    while site.couriers.jobs:
        site.reply(reply)


@pytest.fixture
def away(site):
    """Forty patients' requests and an API that has gone away."""
    book(site, 40)
    answer_all(site, AWAY)
    return site


def test_when_the_api_goes_away_few_requests_find_out(away):
    assert states(away) == {"waiting"}
    assert attempts(away) <= OPENS_AT + 4
    assert away.store.views.told()


def test_while_it_is_away_one_probe_at_a_time_goes_out_later_and_later(away):
    waits = []
    for _ in range(12):
        waited = 0
        while not away.couriers.jobs:
            away.go_on(0.5)
            waited += 0.5
        assert len(away.couriers.jobs) == 1
        away.go_on(3600)
        assert len(away.couriers.jobs) == 1, "nothing beside a probe that is out"
        away.reply(AWAY)
        waits.append(waited)
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150, 150, 150]


def test_probes_are_not_always_of_the_same_request(away):
    for _ in range(10):
        while not away.couriers.jobs:
            away.go_on(10)
        away.reply(AWAY)
    assert sorted(request.attempts for request in away.store.views.requests())[-1] <= 2


def test_when_it_is_back_all_that_waited_goes_out_at_once(away):
    for _ in range(20):
        while not away.couriers.jobs:
            away.go_on(10)
        away.reply(AWAY)
    while not away.couriers.jobs:
        away.go_on(10)
    answer_all(away, TAKEN)
    assert states(away) == {"delivered"}, "without a second's more waiting"


def test_what_was_told_to_wait_before_the_outage_still_waits_after_it(site):
    book(site, 1)
    site.reply(SLOW)
    site.go_on(1)
    book(site, 10, first=1)
    assert not site.couriers.jobs, "a 429 is for all"
    site.go_on(590)
    assert not site.couriers.jobs
    site.go_on(70)
    assert site.couriers.jobs


def test_in_an_outage_of_two_days_nothing_is_given_up_and_little_is_tried(site):
    book(site, 30)
    answer_all(site, TAKEN)
    book(site, 60, first=100)
    for _ in range(2 * 24 * 60):
        if site.couriers.jobs:
            site.reply(AWAY)
        site.go_on(60)
    assert states(site) == {"delivered", "waiting"}
    assert attempts(site) < 30 + 1300, "one in about two and a half minutes"
    while not site.couriers.jobs:
        site.go_on(60)
    answer_all(site, TAKEN)
    assert states(site) == {"delivered"}


def test_a_patients_order_is_kept_through_an_outage(site):
    for day in ("20260810", "20260811", "20260812"):
        for number in range(6):
            site.tell("SIU^S12", f"SCH||F{number}-{day}|||||||||^^^{day}0930", site.AIP, patient=f"T{number}")
    answer_all(site, AWAY)
    site.go_on(1)
    answer_all(site, TAKEN)
    assert states(site) == {"delivered"}
    for number in range(6):
        mine = [
            body["upcomingAppointmentDate"]
            for body in site.couriers.sent
            if body["patient"]["mrn"]["extension"] == f"T{number}"
        ]
        assert sorted(set(mine)) == list(dict.fromkeys(mine)) == ["2026-08-10", "2026-08-11", "2026-08-12"]


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407, 413, 415])
def test_what_somebody_must_put_right_stops_all_at_once_and_costs_no_request(site, status, caplog):
    book(site, 20)
    answer_all(site, Reply(status))
    assert attempts(site) == 4, "those that were out already"
    assert caplog.text.count("event=destination-paused") == 1
    site.go_on(59)
    assert not site.couriers.jobs
    site.go_on(8)
    assert len(site.couriers.jobs) == 1
    site.reply(Reply(status))
    assert caplog.text.count("event=destination-paused") == 1
    site.go_on(67)
    answer_all(site, TAKEN)
    assert states(site) == {"delivered"}


def test_a_reload_probes_a_paused_destination_at_once(site):
    book(site, 8)
    answer_all(site, NO_KEY)
    site.loop.hurry()
    site.turn()
    assert len(site.couriers.jobs) == 1
    answer_all(site, TAKEN)
    assert states(site) == {"delivered"}


def test_a_wrong_mapping_does_not_burn_the_backlog(site):
    book(site, 60)
    answer_all(site, REFUSED)
    dead = [request for request in site.store.views.requests(limit=100) if request.state == "dead"]
    assert len(dead) == REFUSALS - 1
    for _ in range(5):
        site.go_on(3600)
        assert len(site.couriers.jobs) == 1
        site.reply(REFUSED)
    counts = site.store.views.counts().requests
    assert counts == {"dead": REFUSALS - 1, "waiting": 60 - REFUSALS + 1}
    site.go_on(3600)
    answer_all(site, TAKEN)
    assert site.store.views.counts().requests == {"dead": REFUSALS - 1, "delivered": 60 - REFUSALS + 1}


def test_one_request_that_is_too_large_pauses_the_destination_once_and_no_more(site, caplog):
    site.book("20260810", patient="TLARGE")
    book(site, 3)

    def reply():
        large = [job for job in site.couriers.jobs if b'"TLARGE"' in job.body]
        others = [job for job in site.couriers.jobs if job not in large]
        site.couriers.jobs, site.couriers.back = [], site.attempts(large, Reply(413))
        site.clock.moment += timedelta(seconds=1)
        site.couriers.back += site.attempts(others, TAKEN)
        site.turn()

    for _ in range(100):
        reply()
        site.go_on(30)
    assert caplog.text.count("event=destination-paused") == 1
    assert site.store.views.counts().requests == {"waiting": 1, "delivered": 3}
    for hour in range(26):
        book(site, 1, first=hour + 10)
        reply()
        for _ in range(12):
            site.go_on(300)
            reply()
    assert site.store.views.counts().requests == {"dead": 1, "delivered": 29}
    (large,) = [request for request in site.store.views.requests(limit=100) if request.state == "dead"]
    assert "failing-alone" in site.store.views.request(large.id).attempts[-1].detail


def test_after_a_429_nothing_goes_until_then_and_then_one_by_one(site):
    book(site, 20)
    assert len(site.couriers.jobs) == 4
    site.reply(SLOW)
    sent = len(site.couriers.sent)
    site.go_on(599)
    assert not site.couriers.jobs
    site.go_on(1)
    assert len(site.couriers.jobs) == 1
    paces = []
    for _ in range(20):
        answer_all(site, TAKEN)
        site.go_on(1.0)
        paces.append(len(site.couriers.sent) - sent)
        sent = len(site.couriers.sent)
    assert max(paces[:5]) <= 2
    for _ in range(60):
        answer_all(site, TAKEN)
        site.go_on(1.0)
    answer_all(site, TAKEN)
    assert states(site) == {"delivered"}


def test_a_limit_per_second_is_kept(limited):
    site = limited(2.0)
    book(site, 10)
    sent = []
    for _ in range(20):
        answer_all(site, TAKEN)
        site.go_on(0.5)
        sent.append(len(site.couriers.sent))
    assert sent[:6] == [2, 3, 4, 5, 6, 7]
    assert states(site) == {"delivered"}


def test_a_work_that_is_started_again_goes_on_with_the_outage_and_does_not_begin_it_anew(
    site, store, limited
):
    book(site, 20)
    answer_all(site, NO_KEY)
    again = limited(None)
    again.clock.moment = site.clock.moment
    again.loop.begin(store.work.told())
    again.turn()
    assert len(again.couriers.jobs) == 1, "a probe, not all couriers at once"
    again.reply(NO_KEY)
    assert not again.couriers.jobs


def test_a_request_that_fails_alone_is_given_up_after_a_day_whatever_restarts_there_were(
    site, store, limited
):
    site.book("20260810", patient="TBAD")
    site.reply(Reply(500))
    for restart in range(4):
        for hour in range(10):
            site.go_on(3000)
            book(site, 1, first=100 * restart + hour)
            for job in site.couriers.jobs:
                bad = b'"TBAD"' in job.body
                site.couriers.back += site.attempts([job], Reply(500) if bad else TAKEN)
            site.couriers.jobs = []
            site.turn()
        moment, site = site.clock.moment, limited(None)
        site.clock.moment = moment
        store.work.recover(site.clock.now())
        site.loop.begin(store.work.told())
    assert store.views.counts().requests == {"dead": 1, "delivered": 40}
