"""The work without a daemon, on a real store with the real core: everything is decided, nothing is sent."""

from datetime import UTC, datetime

import pytest
from made_up import AIP

from interface.chart.decide import Engine
from interface.rules import Policy, load_rulebook
from interface.services.clock import Clock
from interface.services.offline import work_off
from interface.store.errors import Refused
from interface.store.records.arrivals import Arrival
from interface.store.records.lists import MessageFilter

PID = "PID|1||{patient}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
SCH = "SCH||F{patient}|||||||||^^^202603100930"
CLOCK = Clock(datetime(2026, 3, 2, 15, tzinfo=UTC), UTC)
ENGINE = Engine(load_rulebook(), Policy())


def booking(number, patient=None):
    segments = (
        f"MSH|^~\\&|APP|FAC|R|R|20260302{number % 1440 // 60:02d}{number % 60:02d}||SIU^S12|M{number}|P|2.5.1",
        PID.format(patient=patient or f"T{number}"),
        SCH.format(patient=patient or f"T{number}"),
        AIP,
    )
    raw = "\r".join(segments).encode()
    return Arrival("main", "APP", "FAC", f"M{number}", "SIU^S12", "P", "x", raw, "stored", CLOCK.now())


def fill(store, count):
    for start in range(0, count, 100):
        store.journal.append([booking(n) for n in range(start, min(start + 100, count))], CLOCK.now())


@pytest.mark.parametrize("count", [0, 1, 64, 200])
def test_all_is_decided_and_requests_wait(store, count):
    fill(store, count)
    work_off(store, ENGINE, CLOCK)
    counts = store.views.counts()
    assert counts.messages == ({"done": count} if count else {})
    assert counts.requests == ({"waiting": count} if count else {})
    assert [request.attempts for request in store.views.requests(limit=500)] == [0] * count


def test_a_request_whose_sending_was_interrupted_waits_again_and_can_be_changed(store):
    store.journal.append([booking(1, "T1")], CLOCK.now())
    work_off(store, ENGINE, CLOCK)
    (claimed,) = store.work.claim(CLOCK.now(), 1)
    store.journal.append([booking(2, "T1")], CLOCK.now())
    work_off(store, ENGINE, CLOCK)
    (request,) = store.views.requests()
    assert (request.id, request.state, request.possible_duplicate) == (claimed.request_id, "waiting", True)


def test_it_tells_how_it_goes_on_and_ends_when_asked_to(store):
    fill(store, 20)
    turns = []
    work_off(store, ENGINE, CLOCK, progress=lambda: turns.append(1), until=lambda: len(turns) == 5)
    assert store.views.counts().messages == {"done": 5, "new": 15}, "the first ones come one by one"
    work_off(store, ENGINE, CLOCK)
    assert store.views.counts().messages == {"done": 20}


def test_a_message_that_our_code_breaks_on_fails_alone(store):
    class Broken(Engine):
        def read(self, raw, **more):
            if b"|M1|" in raw:
                raise KeyError("PATIENT NAME")
            return super().read(raw, **more)

    fill(store, 3)
    work_off(store, Broken(load_rulebook(), Policy()), CLOCK)
    (failed,) = store.views.messages(MessageFilter(state="failed"))
    assert failed.control_id == "M1"
    assert "PATIENT" not in str(failed.reasons)
    assert store.views.counts().messages == {"done": 2, "failed": 1}


def test_a_message_that_the_store_refuses_fails_alone(store, monkeypatch):
    commit = store.work.commit

    def refusing(turn):
        if any(message.id == 70 and message.state == "done" for message in turn.messages):
            raise Refused("the store refuses a row: IntegrityError")
        return commit(turn)

    monkeypatch.setattr(store.work, "commit", refusing)
    fill(store, 80)
    work_off(store, ENGINE, CLOCK)
    assert store.views.counts().messages == {"done": 79, "failed": 1}
    assert store.views.message(70).summary.reasons[0]["code"] == "store-refused"
