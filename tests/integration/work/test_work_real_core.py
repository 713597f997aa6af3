"""The loop on a real store with the real core, a clock that is set and couriers that answer when told to."""

from datetime import UTC, datetime
from itertools import count

import orjson
import pytest

from interface.chart.decide import Engine
from interface.delivery.verdict import Reply
from interface.rules import Policy, load_rulebook
from interface.services.attempts import Ledger
from interface.services.clock import Clock
from interface.services.courier import Attempt
from interface.services.intake import Intake
from interface.services.loop import WorkLoop
from interface.services.work_stats import WorkStats
from interface.store import Arrival
from interface.store.records import Backlog

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
PID = "PID|1||{patient}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
AIP = "AIP|1||1234567893^Quill^Avery^^^^^^NPI"
RXE = "RXE|1^^^^20260306|860975^metformin 500 MG^RXNORM"


class HandClock(Clock):
    """Stands still until it is set."""

    def __init__(self, at):
        super().__init__(zone=UTC)
        self.moment = at

    def now(self):
        return self.moment.timestamp()


class HandCouriers:
    """Keeps what it is given until it is told the reply."""

    def __init__(self):
        self.jobs, self.sent, self.back, self.parcels = [], [], [], []
        self.free = 4

    @property
    def in_flight(self):
        return len(self.jobs)

    def put(self, *jobs):
        self.jobs += jobs
        self.sent += [orjson.loads(job.body) for job in jobs]
        self.parcels.append([job.patient_id for job in jobs])

    def collect(self):
        back, self.back = self.back, []
        return back


class Site:
    """The work of a site, turned by hand."""

    def __init__(self, store):
        self.store, self.numbers = store, count(1)
        self.clock = HandClock(datetime(2026, 3, 5, 12, tzinfo=UTC))
        self.couriers = HandCouriers()
        patients, requests = store.work.next_ids()
        intake = Intake(
            Engine(load_rulebook(), Policy()),
            store.work,
            new_patient=count(patients).__next__,
            new_request=count(requests).__next__,
        )
        stats = WorkStats(lambda: Backlog(0, None, 0, None, 0, 0), lambda line: None)
        self.loop = WorkLoop(store.work, intake, self.couriers, Ledger(lambda: 0.0), stats, self.clock)

    def tell(self, kind, *segments, patient="T1"):
        number = next(self.numbers)
        header = f"MSH|^~\\&|APP|FAC|R|R|2026030508{number:02d}||{kind}|M{number}|P|2.5.1"
        raw = "\r".join((header, PID.format(patient=patient), *segments)).encode()
        now = self.clock.now()
        self.store.journal.append(
            [Arrival("main", "APP", "FAC", f"M{number}", kind, "P", "peer", raw, "stored", now)], now
        )
        self.turn()

    def book(self, start, kind="SIU^S12", patient="T1"):
        self.tell(kind, f"SCH||F{patient}|||||||||^^^{start}0930", AIP, patient=patient)

    def reply(self, reply):
        now = self.clock.now()
        self.couriers.back = [Attempt(job, now, now, reply) for job in self.couriers.jobs]
        self.couriers.jobs = []
        self.turn()

    def turn(self):
        while self.loop.turn():
            pass

    def set(self, *at):
        self.clock.moment = datetime(*at, tzinfo=UTC)
        self.turn()

    def states(self):
        return [request.state for request in reversed(self.store.views.requests())]


@pytest.fixture
def site(store):
    return Site(store)


def test_a_new_day_composes_every_open_request_anew(site):
    site.tell("RDE^O11", "ORC|NW|P1", RXE)
    site.book("20260410")
    assert site.couriers.sent[-1]["medications"][0]["active"] is True
    site.reply(Reply(503))
    site.set(2026, 3, 7, 12)
    assert site.states() == ["sending"]
    assert site.couriers.sent[-1]["medications"][0]["active"] is False, "the order ended on the sixth"
    site.reply(TAKEN)
    (attempt, _) = site.store.views.request(1).attempts
    assert orjson.loads(attempt.body)["medications"][0]["active"] is True, "what was sent on the fifth"


def test_what_is_being_sent_at_midnight_is_composed_anew_before_it_is_sent_again(site):
    site.tell("RDE^O11", "ORC|NW|P1", RXE)
    site.book("20260410")
    site.set(2026, 3, 7, 12)
    site.reply(Reply(503))
    site.set(2026, 3, 7, 13)
    first, second = site.couriers.sent
    assert (first["medications"][0]["active"], second["medications"][0]["active"]) == (True, False)


def test_a_new_day_expires_what_is_past_and_leaves_the_rest(site):
    site.couriers.free = 0
    site.book("20260306")
    site.book("20260410", patient="T2")
    site.couriers.free = 4
    site.set(2026, 3, 7, 12)
    assert site.states() == ["expired", "sending"]
    assert [request.attempts for request in site.store.views.requests()] == [0, 0]


def test_a_cancellation_reaches_what_was_superseded_while_it_was_being_sent(site):
    site.book("20260410")
    site.book("20260411", "SIU^S13")
    site.tell("SIU^S15", "SCH||FT1|||||||||^^^202604110930", AIP)
    site.reply(Reply(503))
    site.set(2026, 3, 5, 13)
    assert site.states() == ["superseded", "withdrawn"]
    assert len(site.couriers.sent) == 1


def test_a_new_request_does_not_wait_for_the_one_it_supersedes(site):
    site.book("20260410")
    site.reply(Reply(429, retry_after="3600"))
    assert not site.couriers.jobs
    site.book("20260411", "SIU^S13")
    assert site.states() == ["superseded", "sending"]
    assert site.couriers.sent[-1]["upcomingAppointmentDate"] == "2026-04-11"


def test_what_a_message_changes_of_a_request_does_not_send_it_before_retry_after(site):
    site.book("20260410")
    site.reply(Reply(429, retry_after="3600"))
    site.tell("ADT^A08", "PD1||")
    site.tell("RDE^O11", "ORC|NW|P1", RXE)
    assert site.states() == ["waiting"]
    site.set(2026, 3, 5, 13, 10)
    assert site.couriers.sent[-1]["medications"]
