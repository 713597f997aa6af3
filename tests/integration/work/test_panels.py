"""Version 2 with panels: the real core, store and couriers against the simulated API as a process."""

import json
import select
import time
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count

import orjson
import pytest
from made_up import AIP
from simulated_api import simulated_api

from interface.chart.decide import Engine
from interface.contract.v2 import CHECK_PATH, PATH, panel
from interface.delivery.panel import of_each
from interface.delivery.schedule import Schedule
from interface.rules import Policy, load_rulebook
from interface.services.attempts import Ledger
from interface.services.clock import Clock
from interface.services.courier import Couriers, Envelope
from interface.services.deciding import Deciding
from interface.services.http_client import Poster
from interface.services.loop import WorkLoop
from interface.services.outgoing import Outgoing
from interface.services.posting import Posting
from interface.services.target import Target
from interface.services.work_stats import WorkStats
from interface.store.records.arrivals import Arrival
from interface.store.records.figures import Backlog

NOW = datetime(2026, 3, 7, 12, tzinfo=UTC)
SANDBOX_DAY = "2026-03-05"
PID = "PID|1||{patient}^^^LFC^MR||Sample^Robin||{born}|F|||12 Birch Ln^^Madison^WI^53703"
UNBORN = "20260306"
"""For us a birth date of yesterday, for an API whose day is `SANDBOX_DAY` one of tomorrow: one bad patient."""


class RunningClock(Clock):
    """Begins at NOW and goes on."""

    def __init__(self):
        super().__init__(zone=UTC)
        self.began = time.monotonic()

    def now(self):
        return NOW.timestamp() + time.monotonic() - self.began


class Sandbox:
    def __init__(self, address):
        self.address = address

    def panels(self):
        """Path, MRNs, status, ids by MRN of each call, in order."""
        with urllib.request.urlopen(f"{self.address}/_sandbox/requests", timeout=20) as reply:
            calls = json.loads(reply.read())
        found = []
        for call in calls:
            entries = (call["body"] or {}).get("patientProcessingRequests", [])
            mrns = [entry["patient"]["mrn"]["extension"] for entry in entries]
            found.append((call["path"], mrns, call["status"], call["patientIds"]))
        return found


@contextmanager
def sandbox(*options):
    with simulated_api("--quiet", "--today", SANDBOX_DAY, *options) as (_, address):
        yield Sandbox(address)


class Work:
    """The work of a site with version 2, turned until nothing is open."""

    def __init__(self, store, address, batch, *, path=PATH, couriers=2, read_seconds=20.0, batch_id=""):
        self.store, self.numbers = store, count(1)
        self.clock = RunningClock()
        target = Target(address + path, "sandbox", read_seconds=read_seconds)
        envelope = Envelope(lambda bodies: panel(bodies, batch_id), of_each)
        self.posting = Posting(target, couriers)
        self.couriers = Couriers(self.posting, couriers, self.clock.now, envelope)
        engine = Engine(load_rulebook(), Policy(api_version=2, without_date="post"))
        stats = WorkStats(lambda: Backlog(0, 0, None, 0, 0), lambda line: None)
        ledger = Ledger(lambda: 0.0, Schedule(first=0.01, cap=0.05, slow=0.01, slowest=100.0))
        outgoing = Outgoing(self.couriers, ledger, self.clock, batch)
        self.loop = WorkLoop(
            store.work, Deciding.on(store, engine, self.clock.now), outgoing, self.clock, stats
        )
        messages = self.loop._messages
        messages.careful, messages.at_once = 0, 64  # all that a test tells is decided in one turn

    def tell(self, *messages):
        """Journal messages: (patient, appointment, birth date)."""
        arrivals = []
        for patient, appointment, born in messages:
            number = next(self.numbers)
            sch = f"SCH||{appointment}|||||||||^^^202604100930"
            header = f"MSH|^~\\&|APP|FAC|R|R|2026030708||SIU^S12|M{number}|P|2.5.1"
            raw = "\r".join((header, sch, PID.format(patient=patient, born=born), AIP)).encode()
            at = self.clock.now()
            arrivals.append(
                Arrival("main", "APP", "FAC", f"M{number}", "SIU^S12", "P", "peer", raw, "stored", at)
            )
        self.store.journal.append(arrivals, self.clock.now())

    def run(self, seconds=60.0):
        """Turn until every message is decided and no request is open."""
        deadline = time.monotonic() + seconds
        while self.loop.turn() or self.open():
            assert time.monotonic() < deadline, [
                (r.id, r.state, r.last_verdict) for r in self.store.views.requests()
            ]
            select.select([self.couriers], [], [], min(0.05, self.loop.patience()))

    def open(self):
        return any(r.state in ("waiting", "sending") for r in self.store.views.requests(limit=1000))

    def requests(self):
        """Of each request, in order: MRN, state, correlation id."""
        found = []
        for summary in reversed(self.store.views.requests(limit=1000)):
            whole = self.store.views.request(summary.id)
            mrn = orjson.loads(whole.body)["patient"]["mrn"]["extension"]
            found.append((mrn, summary.state, summary.correlation_id))
        return found

    def close(self):
        self.posting.stop(10)


@contextmanager
def working(store, address, batch, **more):
    work = Work(store, address, batch, **more)
    try:
        yield work
    finally:
        work.close()


def ids_of(api):
    """MRN to the ids that the API gave it, in order."""
    found = {}
    for _, mrns, _, ids in api.panels():
        for mrn, own in zip(mrns, ids, strict=False):
            found.setdefault(mrn, []).append(own)
    return found


def test_what_is_due_goes_as_one_panel_and_each_request_keeps_its_own_id(store):
    with sandbox() as api, working(store, api.address, 50, batch_id="B1") as work:
        work.tell(*((f"T{n}", f"F{n}", "19700131") for n in range(3)))
        work.run()
        ((path, mrns, status, ids),) = api.panels()
        assert (path, mrns, status) == (PATH, ["T0", "T1", "T2"], 200)
        assert work.requests() == [(mrn, "delivered", own) for mrn, own in zip(mrns, ids, strict=True)]
        assert len(set(ids)) == 3


def test_a_panel_of_one_is_what_batch_1_sends(store):
    with sandbox() as api, working(store, api.address, 1) as work:
        work.tell(*((f"T{n}", f"F{n}", "19700131") for n in range(3)))
        work.run()
        assert sorted(mrns for _, mrns, _, _ in api.panels()) == [["T0"], ["T1"], ["T2"]]
        assert {mrn: [own] for mrn, _, own in work.requests()} == ids_of(api)


def test_one_bad_patient_is_refused_and_all_others_of_his_panel_are_taken(store):
    with sandbox() as api, working(store, api.address, 10) as work:
        work.tell(*((f"T{n}", f"F{n}", UNBORN if n == 4 else "19700131") for n in range(10)))
        work.run()
        states = {mrn: state for mrn, state, _ in work.requests()}
        assert states.pop("T4") == "dead"
        assert set(states.values()) == {"delivered"}
        assert {mrn: [own] for mrn, state, own in work.requests() if state == "delivered"} == ids_of(api)
        calls = api.panels()
        assert len(calls[0][1]) == 10
        assert [mrns for _, mrns, status, _ in calls if status == 400][-1] == ["T4"]
        assert len(calls) < 10, "halves, not each alone"
        (refused,) = [r for r in store.views.requests(limit=100) if r.state == "dead"]
        attempts = store.views.request(refused.id).attempts
        assert [attempt.verdict for attempt in attempts] == ["apart"] * (len(attempts) - 1) + ["dead"]
        assert [attempt.reply is None for attempt in attempts] == [True] * (len(attempts) - 1) + [False]


def test_a_patient_who_waits_twice_is_never_twice_in_a_panel(store):
    with sandbox() as api, working(store, api.address, 50) as work:
        work.tell(*((f"T{n % 4}", f"F{n}", "19700131") for n in range(12)))
        work.run()
        assert [state for _, state, _ in work.requests()] == ["delivered"] * 12
        for _, mrns, _, _ in api.panels():
            assert len(mrns) == len(set(mrns))
        # and his requests arrive in their order
        given = ids_of(api)
        for mrn in given:
            assert [own for name, _, own in work.requests() if name == mrn] == given[mrn]


def test_through_failures_of_all_kinds_every_request_is_delivered_with_an_id_that_is_its_own(store):
    faults = ("--fail", "0.25", "--throttle", "0.1", "--drop", "0.15", "--hang", "0.05", "--retry-after", "0")
    with (
        sandbox(*faults, "--seed", "7") as api,
        working(store, api.address, 8, couriers=4, read_seconds=0.5) as work,
    ):
        work.tell(*((f"T{n}", f"F{n}", UNBORN if n == 17 else "19700131") for n in range(40)))
        work.run(120)
        given = ids_of(api)
        for mrn, state, own in work.requests():
            assert state == ("dead" if mrn == "T17" else "delivered")
            assert own is None or own in given[mrn]
            assert (own is None) == (mrn == "T17")
        doubled = {mrn for mrn, ids in given.items() if len(ids) > 1}
        marked = {
            orjson.loads(store.views.request(r.id).body)["patient"]["mrn"]["extension"]
            for r in store.views.requests(limit=100)
            if r.possible_duplicate
        }
        assert doubled <= marked


@pytest.mark.parametrize("key", ["sandbox", "wrong"])
def test_the_path_that_only_checks_judges_the_same_panels(key):
    with sandbox() as api:
        poster = Poster(Target(api.address + CHECK_PATH, key))
        entry = {
            "patient": {
                "mrn": {"root": "2.999.1", "extension": "T1"},
                "name": {"family": "A", "given": ["B"]},
                "gender": "UNKNOWN",
                "birthDate": "1970-01-31",
                "addresses": [{"zip": "53703"}],
            },
            "requestingProvider": {"npi": "1234567893", "name": {"family": "A", "given": ["B"]}},
        }
        try:
            reply = poster.post(panel([orjson.dumps(entry)]))
        finally:
            poster.close()
        assert reply.status == (200 if key == "sandbox" else 401)
        assert len(reply.responses) == (1 if key == "sandbox" else 0)
