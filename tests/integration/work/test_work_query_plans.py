"""No statement that a start of the work or its turns execute reads a whole table, however much is stored.

Nothing is listed by hand: a real work on a real store does everything it knows, and every statement that reaches the
driver is caught and explained by the database itself.
"""

from dataclasses import replace

import pytest
import query_plans

from interface.chart.decide import Engine
from interface.delivery.verdict import Reply
from interface.services.watch import look_at
from interface.services.work import take_up
from interface.services.work_stats import WorkStats

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
FAILED = Reply(503)
DG1 = "DG1|1||E11.9^Diabetes^I10"


class NeverEnding:
    ending = False


class SomePulse:
    def start(self):
        pass


@pytest.fixture
def scans(store, request):
    """Those of the statements that read a whole table, with their plans."""

    def found(statements):
        return {
            statement: plan
            for statement, plan in query_plans.explained(store, statements, request).items()
            # `work_state` has a handful of rows, whatever is stored; `test_patients` at most what the vendor hands out,
            # and is read at a start and when it changes
            # `wanted` is the list of a batch's names; a subquery's rows are what its own plan found
            if any(
                line.startswith("SCAN")
                and not any(
                    word in line
                    for word in ("wanted", "CONSTANT", "(subquery", "anon_", "work_state", "test_patients")
                )
                for line in plan
            )
        }

    return found


def everything(site):
    """What a work meets: bookings, changes, cancels, merges, failures, a new day, commands, damaged rows."""
    for patient in ("T1", "T2", "T3"):
        site.book("20260401", patient=patient)
    site.reply(FAILED)
    site.tell("ADT^A08", DG1, patient="T1")
    site.book("20260402", kind="SIU^S13", patient="T1")
    site.book("20260402", kind="SIU^S13", patient="T1")
    site.set(2026, 3, 5, 13)
    site.reply(TAKEN)
    site.book("20260402", kind="SIU^S15", patient="T3")
    site.tell("SIU^S12", "SCH||F9|||||||||^^^202604030930", patient="T2")
    site.tell("ADT^A40", "MRG|T2^^^LFC^MR", patient="T1")
    site.reply(TAKEN)
    site.set(2026, 3, 6, 12)
    site.reply(TAKEN)
    site.ask("rebuild", patients=[1], messages=[1], again=True)
    site.ask("rebuild", patients=[1], set_aside=[1])
    site.ask("release", requests=[1])
    with site.store.work._writing() as connection:
        connection.exec_driver_sql("UPDATE charts SET chart = '' WHERE patient_id = 1")
    site.loop._intake.forget()
    site.tell("ADT^A08", patient="T1")
    site.ask("rebuild", patients=[1])
    site.loop.use(Engine(site.engine.book, replace(site.policy, send_days_before=14)))
    site.book("20260501", patient="T8")
    site.set(2026, 3, 7, 12)
    site.set(2026, 4, 17, 8)
    assert site.couriers.jobs, "its time has come"
    site.reply(TAKEN)
    site.loop.use(site.engine)
    site.set(2027, 3, 6, 12)


def test_the_turns_of_a_work(site, store, scans):
    with query_plans.caught(store) as statements:
        everything(site)
        WorkStats(store.views.backlog, lambda line: None).report(1.0)
    assert len(statements) > 40
    assert scans(statements) == {}


def test_a_start_and_what_the_door_looks_at_meanwhile(site, store, scans):
    everything(site)
    site.couriers.free = 1
    site.book("20270401", patient="T7")
    assert site.couriers.jobs, "something is being sent when it starts again"
    with query_plans.caught(store) as statements:
        assert take_up(store, site.clock, NeverEnding(), SomePulse(), lambda line: None).dead == 0
        store.work.patients_with_open_requests()
        store.work.new_messages()
        look_at(store, 1000)
        store.check_writable()
    assert any("'sending'" in str(parameters) or "sending" in text for text, parameters in statements.items())
    assert len(statements) > 8
    assert scans(statements) == {}


def test_a_statement_that_reads_everything_is_found_out(store, scans):
    with query_plans.caught(store) as statements:
        store.views.counts()
    assert scans(statements)
