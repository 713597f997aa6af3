"""Retention on a real store with the real core: what goes, what stays, and what is said of it."""

from datetime import UTC, datetime

import pytest

from interface.delivery.verdict import Reply
from interface.services.chores import Chores
from interface.services.purging import Keep, Purging
from interface.store import retention
from interface.store.crypto import Master
from interface.store.errors import StoreError
from interface.store.records.lists import MessageFilter

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
REFUSED = Reply(400, is_json_object=True)
KEEP = Keep(journal_days=90, request_days=365, chart_days=1095, webhook_days=365)


@pytest.fixture
def purge(site):
    """Purges as the loop does, and gives what went; what `--dry-run` counts must be the same."""

    def purge(keep=KEEP):
        purging = Purging(site.store.retention, keep, site.clock, site.loop._intake.forget)
        counted = purging.count()
        while (counts := purging.step()) is None:
            pass
        assert counts == counted
        return {kind: number for kind, number in counts.items() if number}

    return purge


def later(site, **change):
    site.clock.moment = site.clock.moment.replace(**change)


def ids(store):
    return [row.id for row in reversed(store.views.messages())]


def test_young_rows_stay(site, purge):
    site.book("20260410")
    site.reply(TAKEN)
    site.tell("ORU^R01")
    assert purge() == {}


def test_a_message_in_no_chart_goes_after_its_days_with_its_body(site, purge):
    site.tell("ORU^R01")
    later(site, month=6, day=2)
    assert purge() == {}, "89 days"
    later(site, month=6, day=4)
    assert purge() == {"messages": 1}
    assert site.store.views.messages() == [] and site.store.views.bodies([1]) == []


def test_what_built_a_chart_is_kept_as_long_as_the_chart_and_the_chart_as_long_as_its_requests(site, purge):
    site.tell("ADT^A28")
    site.book("20260410")
    site.reply(TAKEN)
    later(site, year=2027, month=3, day=4)
    assert purge() == {}
    later(site, year=2027, month=3, day=6)
    assert purge() == {"requests": 1}
    assert ids(site.store) == [1, 2]
    later(site, year=2029, month=3, day=3)
    assert purge() == {}
    later(site, year=2029, month=3, day=5)
    assert purge() == {"charts": 1, "messages": 2}
    assert site.store.patients.patients() == [] and site.store.patients.owners(["|T1"]) == {}


def test_a_chart_is_as_old_as_its_last_change(site, purge):
    site.tell("ADT^A28")
    later(site, year=2028)
    site.tell("ADT^A03", "DG1|1||E11.9^Diabetes^I10")
    later(site, year=2029, month=3, day=6)
    assert purge() == {}


def test_open_requests_their_charts_and_their_messages_are_never_purged(site, purge):
    site.couriers.free = 0
    site.book("20260410")
    site.tell("ADT^A28", "PD1||||||||||||Y", patient="T2")
    site.book("20260411", patient="T2")
    assert site.states() == ["waiting", "held"]
    site.clock.moment = datetime(2040, 1, 1, tzinfo=UTC)
    assert purge(Keep(7, 1, 1, 1)) == {}
    assert site.states() == ["waiting", "held"] and ids(site.store) == [1, 2, 3]


def test_undecided_messages_are_never_purged(site, purge, monkeypatch):
    site.clock.moment = datetime(2026, 3, 5, tzinfo=UTC)
    monkeypatch.setattr(site, "turn", lambda: None)
    site.tell("ADT^A28")
    later(site, year=2040)
    assert purge(Keep(7, 1, 1, 1)) == {}


def test_what_is_to_come_keeps_its_request_and_its_chart(site, purge):
    site.book("20290410")
    site.reply(TAKEN)
    site.book("20290410", patient="T2")
    site.reply(REFUSED)
    site.clock.moment = datetime(2029, 4, 10, 12, tzinfo=UTC)
    assert purge(Keep(7, 1, 1, 1)) == {}
    later(site, day=11)
    assert purge(Keep(7, 1, 1, 1)) == {"requests": 2, "charts": 2, "messages": 2}


def test_a_chart_with_an_appointment_to_come_is_kept_though_nothing_was_asked_for_it(site, purge):
    site.tell("ADT^A28", "PD1||||||||||||Y", patient="T2")
    site.book("20290410", patient="T2")
    site.ask("discard", requests=[1], who="anna", why="x")
    site.clock.moment = datetime(2028, 1, 1, tzinfo=UTC)
    assert purge(Keep(0, 1, 1, 1)) == {"commands": 1}
    site.clock.moment = datetime(2029, 4, 12, tzinfo=UTC)
    assert purge(Keep(0, 1, 1, 1)) == {"requests": 1, "charts": 1}


def test_merged_charts_go_together(site, purge):
    site.tell("ADT^A28")
    site.tell("ADT^A28", patient="T2")
    site.tell("ADT^A40", "MRG|T2^^^LFC^MR")
    later(site, year=2030)
    assert purge() == {"charts": 1, "messages": 3}
    assert site.store.patients.by_id([1, 2]) == {}


def test_repeated_messages_are_told_for_seven_days_whatever_is_kept(site, purge):
    site.tell("ORU^R01")
    site.set(2026, 3, 12, 11)
    assert purge(Keep(journal_days=1)) == {}
    site.store.journal.append([site.arrival], site.clock.now())
    assert site.store.views.message(1).summary.duplicates == 1
    site.set(2026, 3, 12, 13)
    assert purge(Keep(journal_days=1)) == {"messages": 1}


def test_for_ever_is_for_ever(site, purge):
    site.tell("ORU^R01")
    site.book("20260410")
    site.reply(TAKEN)
    site.clock.moment = datetime(2090, 1, 1, tzinfo=UTC)
    assert purge(Keep()) == {}
    assert purge(Keep(request_days=30)) == {"requests": 1}
    assert ids(site.store) == [1, 2]


def test_numbers_are_never_given_out_again(site, purge):
    site.book("20260410")
    site.reply(TAKEN)
    later(site, year=2030)
    assert purge() == {"requests": 1, "charts": 1, "messages": 1}
    site.clock.moment = datetime(2030, 3, 5, tzinfo=UTC)
    site.book("20300410")
    assert ids(site.store) == [2]
    assert [row.id for row in site.store.views.requests()] == [2]
    assert site.store.patients.owners(["|T1"]) == {"|T1": 2}


def test_a_patient_whose_chart_went_begins_anew_in_the_running_loop(site, purge):
    site.tell("ADT^A28", "DG1|1||E11.9^Diabetes^I10")
    later(site, year=2030)
    purge()
    site.tell("ADT^A28", "DG1|1||I10^Hypertension^I10")
    assert [problem.code for problem in site.chart("T1").problems] == ["I10"]
    assert len(site.store.patients.patients()) == 1


def test_it_goes_in_portions_and_room_is_given_back(site, purge, monkeypatch):
    monkeypatch.setattr(retention, "ROWS", 7)
    monkeypatch.setattr(retention, "VACUUM_PAGES", 8)
    for number in range(30):
        site.tell("ORU^R01", "OBX|1|TX|" + "x" * 5000 + str(number))
    deleted = []
    delete = site.store.retention.delete

    def counting(table, wanted):
        deleted.append(len(wanted))
        return delete(table, wanted)

    monkeypatch.setattr(site.store.retention, "delete", counting)
    pages = pragma(site, "page_count") if site.store.path else 0
    given = []
    give = site.store.retention.give_back
    monkeypatch.setattr(site.store.retention, "give_back", lambda: given.append(1) or give())
    later(site, year=2027)
    assert purge() == {"messages": 30}
    assert max(deleted) == 7
    if site.store.path is None:
        assert given == [1], "there is nothing to give back"
        return
    assert pragma(site, "page_count") < pages * 3 / 4
    assert len(given) < 12, "eight pages at a time"
    assert pragma(site, "freelist_count") <= pragma(site, "page_count") // retention.FREE_SHARE


def pragma(site, name):
    with site.store.retention._reading() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


def test_each_day_in_idle_turns_and_what_went_is_kept_and_logged_in_one_line(site, caplog):
    caplog.set_level("INFO")
    site.tell("ORU^R01")
    later(site, month=9)
    chores = Chores(site.store, Purging(site.store.retention, KEEP, site.clock))

    def idle():
        chores._due = 0.0
        while chores.step():
            pass

    idle()
    (line,) = [record.getMessage() for record in caplog.records if "event=purged" in record.getMessage()]
    assert "messages=1 " in line and "charts=0 " in line
    idle()
    assert len(site.store.retention.last()) == 1, "once a day"
    later(site, day=7)
    idle()
    last = site.store.retention.last()
    assert [one.counts["messages"] for one in last] == [0, 1]
    assert last[1].ended_at is not None


def test_a_chore_that_fails_is_told_and_does_not_stop_the_work(site, caplog, monkeypatch):
    def fails(*_):
        raise StoreError("the store cannot be written: the disk is full")

    chores = Chores(site.store, Purging(site.store.retention, KEEP, site.clock))
    monkeypatch.setattr(site.store.retention, "begin", fails)
    chores.hurry()
    assert not chores.step() and not chores.step()
    (line,) = [record.getMessage() for record in caplog.records]
    assert "event=chore-failed" in line and "the disk is full" in line


def test_values_of_an_older_key_are_sealed_anew_in_idle_turns(site, caplog):
    caplog.set_level("INFO")
    site.book("20260410")
    site.reply(TAKEN)
    site.store.rotation.begin(Master(b"k" * 32), Master(b"n" * 32))
    site.store.resealing.grace = 0.0
    chores = Chores(site.store, Purging(site.store.retention, Keep(), site.clock))
    chores.hurry()
    while chores.step():
        pass
    said = " ".join(record.getMessage() for record in caplog.records)
    assert "event=resealing" in said and "event=resealed values=5 keys_dropped=1 unreadable=0" in said
    assert len(site.store.rotation.keys().data_keys) == 1
    site.book("20260411")
    assert site.couriers.sent[-1]["upcomingAppointmentDate"] == "2026-04-11"


def test_a_person_has_the_running_loop_purge_now(site):
    site.tell("ORU^R01")
    later(site, month=9)
    failed = site.ask("purge")
    assert (failed.state, failed.result) == ("failed", {"problem": "no daemon runs any more: purge again"})
    purging = Purging(site.store.retention, KEEP, site.clock)
    site.loop._intake._commanding.purging = purging
    number = site.store.commands.add("purge", {})
    while site.store.commands.get(number).state == "waiting":
        site.look()
    assert site.store.commands.get(number).result["messages"] == 1
    assert site.store.views.messages(MessageFilter()) == []


def test_while_the_day_is_uncertain_nothing_goes(site):
    purging = Purging(site.store.retention, KEEP, site.clock)
    assert purging.is_due()
    site.jump(365 * 86_400)
    assert not purging.is_due(), "in doubt"
    site.go_on(2 * 3600)
    assert not purging.is_due(), "believed, for what can be taken back"
    site.jump(-365 * 86_400)
    assert purging.is_due()
