"""Outages of every kind between the real work (a process, real POSTs) and the simulated API (another process)."""

import json
import time
import urllib.request
from collections import defaultdict
from contextlib import contextmanager
from itertools import groupby

import pytest
from simulated_api import simulated_api

PATH = "/v1/scheduled-appointment"
PATIENTS, EACH = 20, 5
OUTAGE_SECONDS = 2.0
CONCURRENCY = 8


class Simulated:
    def __init__(self, address):
        self.address = address
        self.port = address.rpartition(":")[2]

    def calls(self):
        """The body of each call, oldest first; None where it was not read."""
        with urllib.request.urlopen(f"{self.address}/_sandbox/requests", timeout=20) as reply:
            return [call["body"] for call in json.loads(reply.read())]

    def read(self):
        """By patient the numbers of the requests that were read, in order; what came again at once is there once."""
        arrived = defaultdict(list)
        for body in self.calls():
            if body is not None:
                arrived[body["patient"]].append(body["n"])
        return {patient: [n for n, _ in groupby(numbers)] for patient, numbers in arrived.items()}


@contextmanager
def simulated(*options, port="0", key="key"):
    """The simulated API, which takes whatever the work of these tests sends; the last `--port` counts."""
    with simulated_api("--port", port, "--key", key, "--judge", "off", "--quiet", *options) as (_, address):
        yield Simulated(address)


OUTAGES = {
    "fails": ("--fail", "1"),
    "drops": ("--drop", "1"),
    "hangs": ("--hang", "1"),
    "throttles": ("--throttle", "1", "--retry-after", "1"),
}


@pytest.mark.parametrize("outage", [*OUTAGES, "wrong key"])
def test_after_an_outage_all_arrives_in_order_and_little_was_tried_meanwhile(
    feed, start, until, requests_by_id, outage, tmp_path
):
    with simulated(*OUTAGES.get(outage, ()), key="other" if outage == "wrong key" else "key") as api:
        feed(*((f"K{patient}", n) for n in range(EACH) for patient in range(PATIENTS)))
        child = start(
            "--concurrency", str(CONCURRENCY), "--cap", "0.4", "--timeout", "0.3", url=api.address + PATH
        )
        until(lambda: len(requests_by_id()) == PATIENTS * EACH and api.calls())
        time.sleep(OUTAGE_SECONDS)
        tried = len(api.calls())
    states = {request.state for request in requests_by_id().values()}
    assert states <= {"waiting", "sending"}
    # all couriers once, and then a probe each 0.2 to 0.4 s
    assert tried <= 2 * CONCURRENCY + 8 + OUTAGE_SECONDS / 0.2 * 2

    with simulated(port=api.port) as back:
        until(lambda: all(request.state == "delivered" for request in requests_by_id().values()), 60)
        arrived = back.read()
    assert child.end()[0] == 0
    assert arrived == {f"K{patient}": list(range(EACH)) for patient in range(PATIENTS)}, (
        "in order, none missing"
    )
    log = (tmp_path / "work.log").read_text()
    expected = {"wrong key": "destination-paused", "throttles": "destination-slowed"}
    assert log.count(f"event={expected.get(outage, 'destination-away')}") == 1
    assert "verdict=dead" not in log


def test_through_a_mix_of_faults_nothing_is_lost_or_given_up(feed, start, until, requests_by_id, tmp_path):
    faults = ("--fail", "0.2", "--drop", "0.1", "--hang", "0.02", "--throttle", "0.05", "--retry-after", "0")
    with simulated(*faults) as api:
        feed(*((f"K{patient}", n) for n in range(EACH) for patient in range(PATIENTS)))
        child = start("--concurrency", str(CONCURRENCY), "--timeout", "0.3", url=api.address + PATH)
        until(lambda: requests_by_id() and all(r.state == "delivered" for r in requests_by_id().values()), 90)
        assert child.end()[0] == 0
        assert len(requests_by_id()) == PATIENTS * EACH
        # what was taken and is not known to have been is sent again, before anything newer
        assert api.read() == {f"K{patient}": list(range(EACH)) for patient in range(PATIENTS)}
    assert "verdict=dead" not in (tmp_path / "work.log").read_text()


def test_a_limit_per_second_holds_on_the_wire(api, feed, start, until):
    times = []
    api.answer = lambda told, number: times.append(time.monotonic()) or 200
    feed(*((f"K{patient}", 0) for patient in range(30)))
    child = start("--rate", "20")
    until(lambda: len(api.taken) == 30)
    assert child.end()[0] == 0
    assert times[-1] - times[0] >= (30 - 5) / 20 - 0.1
    assert times[-1] - times[0] < 15


def test_a_paused_destination_stays_so_over_a_restart(api, feed, start, until, requests_by_id, store):
    api.answer = lambda told, number: 401
    feed(*((f"K{patient}", 0) for patient in range(20)))
    child = start("--cap", "60")
    until(lambda: "paused" in store.views.told().get("destination", ""))
    assert child.end()[0] == 0
    before = len(api.seen)
    child = start("--cap", "60")
    until(lambda: len(api.seen) > before)
    time.sleep(1.0)
    assert len(api.seen) == before + 1, "one probe"
    assert child.end()[0] == 0
    api.answer = lambda told, number: 200
    child = start("--cap", "60")
    until(lambda: all(request.state == "delivered" for request in requests_by_id().values()))
    assert child.end()[0] == 0
