"""The way into production: nothing goes out before the switch, and what was held then goes as the person chose."""

from datetime import UTC, date, datetime, timedelta

import pytest

from interface.delivery.verdict import Reply
from interface.rules import Policy
from interface.services.by_hand import CannotError
from interface.services.going_live import Choice, arguments_of, preview
from interface.services.guarding import enter
from interface.services.roster import arguments
from interface.staging.imported import Imported
from interface.store.records.lists import RequestFilter

TAKEN = Reply(200, is_json_object=True, correlation_id="c")


def policy(environment, **more):
    return Policy(mrn_authority=("LFC",), environment=environment, **more)


@pytest.fixture
def move(site_class, store):
    """A site on the same store in another environment, as after a restart with changed settings."""
    before = []

    def moved(environment, **more):
        fresh = site_class(store, policy(environment, **more))
        if before:
            fresh.numbers, fresh.clock.moment = before[-1].numbers, before[-1].clock.moment
        before.append(fresh)
        fresh.turn()
        return fresh

    return moved


def switch(site, choice=Choice()):  # noqa: B008 - frozen
    found = preview(site.store, choice, site.clock.at())
    result = site.ask("go-live", **arguments_of(found, choice, "anna"))
    assert result.state == "done", result.result
    site.turn()
    return found


def reasons(site):
    return [[why["code"] for why in row.reasons] for row in reversed(site.store.views.requests())]


def test_a_new_store_that_begins_in_production_is_live(move):
    site = move("production")
    site.book("20260410")
    assert site.states() == ["sending"]


def test_what_was_waiting_in_the_sandbox_is_held_in_production_until_the_switch_is_thrown(move):
    sandbox = move("sandbox")
    sandbox.couriers.free = 0
    sandbox.book("20260410")
    assert sandbox.states() == ["waiting"]
    site = move("production")
    assert (site.states(), reasons(site)) == (["held"], [["not-live"]])
    site.book("20260411", patient="T2")
    site.turn()
    assert not site.couriers.sent
    found = switch(site)
    assert (found.held, found.sent, found.staying) == (2, 2, 0)
    site.go_on(found.seconds + 1)
    assert site.states() == ["sending", "sending"]
    assert site.ask("go-live", who="anna").result == {"problem": "it is live already"}


def test_the_switch_is_thrown_in_production_only(move):
    assert "restart it" in move("sandbox").ask("go-live", who="anna").result["problem"]


@pytest.mark.parametrize(
    ("before", "code"), [("staging", "not-test-patient"), ("production-test", "production-test")]
)
def test_what_the_switch_would_do_is_told_when_the_store_lives_in_production_and_not_before(
    move, before, code
):
    site = move(before)
    store, at = site.store, site.clock.at()
    site.ask("choose", requests=[], by_hand=True, who="anna")
    site.book("20260410")
    site.turn()
    assert reasons(site)[0][0] == code
    with pytest.raises(CannotError, match="restart the daemon first"):
        preview(store, Choice(), at)
    enter(store, "production", at.timestamp())
    found = preview(store, Choice(per_minute=1), at)
    assert (found.held, found.sent, found.staying, found.seconds) == (1, 1, 0, 60), "not settled anew yet"
    move("production")
    assert preview(store, Choice(per_minute=1), at).seconds == 60


def test_going_back_closes_the_door_again(move):
    site = move("production")
    move("sandbox")
    site = move("production")
    site.book("20260410")
    assert reasons(site) == [["not-live"]]


def test_held_ones_go_out_one_after_the_other_and_a_new_one_at_once(move):
    move("sandbox")
    site = move("production")
    for number in range(6):
        site.book("20260410", patient=f"T{number}")
    found = switch(site, Choice(per_minute=1))
    assert found.seconds == 360
    assert len(site.couriers.sent) < 6
    assert all(codes in ([], ["paced"]) for codes in reasons(site))
    site.book("20260410", patient="NEW")
    assert site.store.views.requests()[0].state == "sending"
    sent = set()
    for _ in range(6):
        site.couriers.free = 10
        site.go_on(60)
        sent.add(len(site.couriers.sent))
    assert len(sent) > 2, "they are spread"
    assert site.states() == ["sending"] * 7


def test_old_ones_and_those_before_a_day_are_dropped_as_was_chosen(move):
    move("sandbox")
    site = move("production")
    site.book("20260420", patient="OLD")
    site.go_on(10 * 86400)
    site.book("20260318", patient="SOON")
    site.book("20260420", patient="LATER")
    found = switch(site, Choice(older_than_days=5, from_day=date(2026, 4, 1)))
    assert (found.held, found.too_old, found.too_soon, found.sent) == (3, 1, 1, 1)
    site.go_on(found.seconds + 1)
    assert site.states() == ["withdrawn", "withdrawn", "sending"]
    assert reasons(site)[:2] == [["dropped"], ["dropped"]]


def test_what_is_held_for_another_reason_stays_held(move):
    move("sandbox")
    site = move("production")
    site.tell("SIU^S12", "SCH||F1|||||||||^^^202604100930")
    found = switch(site)
    assert (found.sent, found.staying) == (0, 1)
    assert "not-live" not in found.stay
    site.go_on(1)
    assert site.states() == ["held"]


def test_one_that_was_delivered_elsewhere_is_asked_for_again_when_a_message_comes(move):
    sandbox = move("sandbox")
    sandbox.book("20260410")
    sandbox.reply(TAKEN)
    site = move("production")
    switch(site)
    site.book("20260410")
    assert site.states() == ["delivered", "sending"], "what the sandbox got is no reason to be silent"
    site.reply(TAKEN)
    site.book("20260410")
    assert site.states() == ["delivered", "delivered"], "now it is unchanged"


def test_one_that_was_delivered_elsewhere_is_asked_for_again_though_the_patient_had_another_one_open(move):
    sandbox = move("sandbox")
    sandbox.book("20260410")
    sandbox.reply(TAKEN)
    sandbox.tell("SIU^S12", "SCH||F2|||||||||^^^202604120930")
    assert sandbox.states() == ["delivered", "held"]
    site = move("production")
    switch(site)
    site.book("20260410")
    assert site.states() == ["delivered", "held", "sending"]


def test_what_production_got_is_not_asked_for_again_by_a_second_switch(move):
    site = move("production")
    site.book("20260410")
    site.reply(TAKEN)
    move("sandbox")
    site = move("production")
    site.book("20260410")
    site.book("20260411", patient="T2")
    assert (site.states(), reasons(site)[1:]) == (["delivered", "held"], [["not-live"]])
    switch(site)
    site.go_on(60)
    assert site.states() == ["delivered", "sending"]


def test_what_was_given_up_before_the_switch_is_not_asked_for_behind_it(move):
    move("sandbox")
    site = move("production")
    site.book("20260410")
    assert site.ask("discard", requests=[1], who="anna", why="x").result["done"] == 1
    switch(site)
    site.book("20260410")
    assert site.states() == ["discarded"]


def test_ids_tell_when_requests_were_made(move, store):
    site = move("sandbox")
    begin = datetime(2026, 3, 5, 12, tzinfo=UTC)
    for day in range(4):
        site.set(*(begin + timedelta(days=day)).timetuple()[:6])
        site.book("20260410", patient=f"T{day}")
    first = store.environments.first_since
    at = begin.timestamp()
    assert [first(at + days * 86400 - 1) for days in range(5)] == [1, 2, 3, 4, 5]
    assert first(0) == 1


def test_the_environment_is_kept_with_each_request(move, store):
    move("sandbox").book("20260410")
    site = move("production")
    rows = store.views.requests(RequestFilter())
    assert store.work.request_environments([rows[0].id]) == {rows[0].id: "sandbox"}
    site.book("20260411", patient="T9")
    assert store.work.request_environments([2]) == {2: "production"}


def test_what_waits_for_its_day_is_not_too_old_on_going_live_and_goes_out_on_its_day(move):
    sandbox = move("sandbox", send_days_before=14)
    sandbox.book("20260501")
    sandbox.book("20260328", patient="T2")
    site = move("production", send_days_before=14)
    assert reasons(site) == [["not-live", "lead-time"]] * 2
    site.set(2026, 3, 16, 12)
    assert reasons(site) == [["not-live", "lead-time"], ["not-live"]]
    found = switch(site, Choice(older_than_days=5))
    assert (found.held, found.timed, found.too_old) == (2, 1, 1)
    assert (site.states(), reasons(site)[0]) == (["held", "withdrawn"], ["lead-time"])
    site.set(2026, 4, 17, 8)
    assert site.states()[0] == "sending"


def test_charts_that_took_in_training_are_counted_until_they_are_rebuilt(move, store, caplog):
    staging = move("staging")
    for msh11, patient, code in (
        ("T", "T1", "I10"),
        ("P", "T1", "E66.01"),
        ("d", "T2", "I10"),
        ("P", "T3", "I10"),
    ):
        staging.tell("ADT^A08", f"DG1|1||{code}^Label^I10", patient=patient, msh11=msh11)
    caplog.clear()
    site = move("production")
    assert "event=training-in-charts charts=2" in caplog.text
    site.tell("ADT^A08", "DG1|1||I10^Label^I10", patient="T4", msh11="T")  # ignored
    assert preview(store, Choice(), site.clock.at()).trained == 2
    done = site.ask("rebuild", patients=store.patients.charted()).result
    assert [problem.code for problem in site.chart("T1").problems] == ["E66.01"]
    assert site.ask("keyed", keys=[done["keys"]]).state == "done"
    assert preview(store, Choice(), site.clock.at()).trained == 0


def test_the_vendors_test_patients_are_no_charts_of_training(move, store):
    staging = move("staging")
    robin = Imported("T1", "Sample", "1970-01-31")
    assert staging.ask("import-test-patients", **arguments([robin], "add", "x")).state == "done"
    staging.tell("ADT^A08", msh11="T")
    site = move("production")
    assert len(store.patients.charted()) == 1
    assert preview(store, Choice(), site.clock.at()).trained == 0
