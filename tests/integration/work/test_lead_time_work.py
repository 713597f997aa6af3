"""Asking so many days before the visit, on a real store with the real core: the timer survives whatever happens to it."""

from datetime import UTC, datetime, timedelta

import pytest
import query_plans
from made_up import DG1

from interface.chart.decide import Engine
from interface.delivery.timeline import LASTING
from interface.delivery.verdict import Reply
from interface.rules import Policy, load_rulebook
from interface.services.resettling import TIMER_PAGE
from interface.store.store import open_store

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
DAYS = 14
DAY = 86_400.0
FAR, NEAR = "20260401", "20260310"
"""Visits outside fourteen days of the fifth of March, and within."""
ITS_DAY = (2026, 3, 18)


def policy(days=DAYS, **more):
    return Policy(mrn_authority=("LFC",), send_days_before=days, **more)


@pytest.fixture
def site(site_class, store):
    return site_class(store, policy())


def wake_at(site, number=1):
    """When a held request's time comes."""
    return datetime.fromtimestamp(site.store.views.request(number).summary.wake_at, UTC)


def codes(site, number=1):
    return [reason["code"] for reason in site.store.views.request(number).summary.reasons]


def days(site):
    """The days of the visits that were asked for, in the order in which they were sent."""
    return [sent["upcomingAppointmentDate"] for sent in site.couriers.sent]


def test_it_goes_out_at_its_moment_with_what_is_known_then_and_not_a_moment_before(site):
    site.book(FAR)
    assert (site.states(), codes(site)) == (["held"], ["lead-time"])
    moment = wake_at(site)
    assert datetime(*ITS_DAY, tzinfo=UTC) <= moment < datetime(*ITS_DAY, 8, tzinfo=UTC)
    site.set(2026, 3, 12, 12)
    site.tell("ADT^A08", DG1)
    site.set_to(moment - timedelta(seconds=1))
    assert site.couriers.sent == []
    site.set_to(moment)
    (sent,) = site.couriers.sent
    assert sent["activeIcd10Diagnoses"][0]["code"] == "E11.9"
    site.reply(TAKEN)
    site.set(*ITS_DAY, 12)
    assert site.states()[-1] == "delivered"
    assert len(site.couriers.sent) == 1


def test_a_restart_forgets_nothing_and_after_days_without_a_daemon_it_goes_at_once(site, site_class, store):
    site.book(FAR)
    site.book("20260501", patient="T2")
    again = site_class(store, policy())
    again.set(2026, 3, 17, 12)
    assert again.couriers.sent == []
    late = site_class(store, policy())
    late.set(2026, 3, 25, 12)
    assert days(late) == ["2026-04-01"]
    assert late.states() == ["sending", "held"]


def test_a_clock_that_goes_ahead_and_back_within_the_day_asks_when_the_time_has_come(site):
    site.book(FAR)
    site.set_to(wake_at(site) - timedelta(seconds=100))
    site.jump(-60)
    site.go_on(90)
    assert site.couriers.sent == []
    site.jump(75)
    assert len(site.couriers.sent) == 1
    site.reply(TAKEN)
    site.jump(-300)
    site.go_on(600)
    assert len(site.couriers.sent) == 1, "and once"


def test_while_the_day_is_in_doubt_nothing_is_asked_for(site):
    site.book(FAR)
    site.jump(14 * DAY)
    assert site.couriers.sent == []
    site.jump(-14 * DAY)
    site.go_on(60)
    assert (site.couriers.sent, site.states()) == ([], ["held"])
    site.set(*ITS_DAY, 8)
    assert len(site.couriers.sent) == 1


def test_a_machine_that_slept_over_the_day_asks_when_it_is_sure_of_the_day(site):
    site.book(FAR)
    site.set(2026, 3, 17, 22)
    site.jump(14 * 3600.0)
    assert site.couriers.sent == []
    site.go_on(LASTING + 1)
    assert len(site.couriers.sent) == 1


def test_moved_cancelled_and_moved_into_the_days(site):
    for patient in ("T1", "T2", "T3"):
        site.book(FAR, patient=patient)
    site.book("20260501", kind="SIU^S13", patient="T1")
    site.book(FAR, kind="SIU^S15", patient="T2")
    site.book(NEAR, kind="SIU^S13", patient="T3")
    assert days(site) == ["2026-03-10"]
    site.reply(TAKEN)
    site.set(*ITS_DAY, 8)
    assert days(site) == ["2026-03-10"]
    site.set(2026, 4, 17, 8)
    assert days(site) == ["2026-03-10", "2026-05-01"]
    assert site.states() == ["superseded", "withdrawn", "superseded", "sending", "delivered"]


def test_it_follows_a_merge(site):
    site.book(FAR, patient="T2")
    site.tell("ADT^A08", DG1, patient="T1")
    site.merge()
    site.set(*ITS_DAY, 8)
    (sent,) = site.couriers.sent
    assert (sent["patient"]["mrn"]["extension"], "activeIcd10Diagnoses" in sent) == ("T1", True)


def test_a_rebuilt_chart_keeps_the_day(site):
    site.book(FAR)
    site.ask("rebuild", patients=[1], messages=[1], again=True)
    assert (site.states(), site.couriers.sent) == (["held"], [])
    site.set(*ITS_DAY, 8)
    assert len(site.couriers.sent) == 1


def test_what_is_urgent_never_waits_behind_what_is_held_for_its_day(site):
    site.book(FAR)
    site.tell("SIU^S12", f"SCH||F9|||||||||^^^{NEAR}0930", site.AIP)
    assert (days(site), site.states()) == (["2026-03-10"], ["held", "sending"])


def test_other_days_after_a_reload_count_for_all_that_is_held(site):
    site.book(FAR)
    site.book("20260501", patient="T2")
    site.loop.use(Engine(load_rulebook(), policy(30)))
    site.turn()
    assert days(site) == ["2026-04-01"]
    assert wake_at(site, 2).date().isoformat() == "2026-04-01"
    site.reply(TAKEN)
    site.loop.use(Engine(load_rulebook(), policy(7)))
    site.turn()
    assert wake_at(site, 2).date().isoformat() == "2026-04-24"
    site.book(FAR, kind="SIU^S14")
    assert site.states() == ["delivered", "held"], "what was asked for is not asked for again"


def test_the_new_mapping_counts_for_what_is_held_though_its_time_has_not_come(site):
    site.book(FAR)
    site.loop.use(Engine(load_rulebook(), policy(npi_check_digit=False, environment="staging")))
    site.turn()
    assert site.store.work.request_environments([1]) == {1: "staging"}


def test_a_new_day_leaves_alone_what_is_only_held_until_a_time(site, store):
    site.book(FAR)
    before = store.views.request(1).summary.changed_at
    assert store.work.patients_with_open_requests(day=datetime(2026, 3, 6, tzinfo=UTC).date()) == []
    assert [row.id for row in store.work.patients_held_until()] == [1]
    site.set(2026, 3, 6, 12)
    assert store.views.request(1).summary.changed_at == before


def test_what_a_wrong_clock_has_slept_past_expires(site):
    site.book(FAR)
    site.set(2026, 4, 2, 12)
    assert (site.states(), site.couriers.sent) == (["expired"], [])


def test_thousands_that_come_due_at_once_leave_every_other_turn_to_messages_and_couriers(site):
    count = 3 * TIMER_PAGE
    for number in range(count):
        site.book(FAR, patient=f"P{number}")
    site.couriers.free = 1000
    site.set(*ITS_DAY, 0)
    site.clock.moment = datetime(*ITS_DAY, 8, tzinfo=UTC)
    site.look_at_timer()
    turn, site.turn = site.turn, lambda: None
    site.book("20260320", patient="T9")
    views = site.store.views
    held_before = views.requests_in("held")
    assert held_before > 2 * TIMER_PAGE
    for _ in range(2):
        site.loop.turn()
    assert views.messages(limit=1)[0].state == "done"
    assert held_before - TIMER_PAGE <= views.requests_in("held") < held_before
    assert site.couriers.sent, "and what is due goes out meanwhile"
    turn()
    assert views.requests_in("sending") == count + 1


def test_all_future_visits_told_in_an_hour_are_asked_for_on_their_days(site):
    site.couriers.free = 1000
    visits = {f"P{number}": datetime(2026, 3, 6, tzinfo=UTC) + timedelta(days=number) for number in range(40)}
    for patient, start in visits.items():
        site.book(start.strftime("%Y%m%d"), patient=patient)
    now = site.clock.moment
    asked = {}
    while len(asked) < 40:
        for sent in site.couriers.sent:
            asked.setdefault(sent["patient"]["mrn"]["extension"], site.clock.moment.date())
        assert len(site.couriers.sent) == len(set(asked)), "each once"
        if site.couriers.jobs:
            site.reply(TAKEN)
        site.go_on(3600 * 6)
    for patient, start in visits.items():
        assert asked[patient] == max(now.date(), start.date() - timedelta(days=DAYS)), patient


def test_whose_time_has_come_is_found_by_an_index(site, store, request):
    site.book(FAR)
    with query_plans.caught(store) as statements:
        site.set(*ITS_DAY, 8)
    waking = [statement for statement in statements if "wake_at <=" in statement and "SELECT" in statement]
    assert waking
    for statement, plan in query_plans.explained(store, {s: statements[s] for s in waking}, request).items():
        assert any("requests_waking" in line for line in plan), (statement, plan)


def test_of_two_nodes_whichever_has_the_turn_lets_it_go_once(site_class, store, store_url, child_module):
    if store.path is not None:
        pytest.skip("of several nodes")
    with open_store(store_url, child_module.KEYRING) as second:
        sites = []
        for one in (store, second):
            one.nodes.pulse(one.work.node, "host", daemon=True)
            with one.nodes._writing() as connection:
                connection.exec_driver_sql("UPDATE nodes SET alive_until = alive_until + 3600")
            sites.append(site_class(one, policy()))
        one, other = sites
        one.book(FAR)
        for hour in range(9):
            for site in sites:
                site.set(*ITS_DAY, hour)
        assert len(one.couriers.sent) + len(other.couriers.sent) == 1
