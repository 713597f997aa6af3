"""Nothing that was ACKed is lost and a patient's requests arrive in order, whatever is killed, while the API fails.

The installed program from outside: eight senders, `kill -9` of the door, of the work and of both in the middle of the
stream, the API failing, dropping and throttling a third of the calls; on PostgreSQL the server is restarted meanwhile, and
crashes. Afterwards the last word of every patient has arrived, none has gone backwards, and what arrived twice is marked
as a possible duplicate.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import until
from running_program import Program
from site_in_trouble import Site
from stream import Stream

KILLS = ((0.1, "work"), (0.25, "door"), (0.45, "both"), (0.6, "work"), (0.75, "door"), (0.9, "both"))


@pytest.fixture
def api() -> Iterator[str]:
    sandbox = Program(
        "sandbox", "--port", "0", "--quiet", "--seed", "7", "--keep", "100000",
        "--fail", "0.2", "--drop", "0.08", "--throttle", "0.03", "--hang", "0.01",
    )  # fmt: skip
    yield sandbox.says(r"http://\S+:\d+").group()
    sandbox.end()


@pytest.fixture
def site_at(tmp_path: Path, api: str) -> Iterator[Callable[[str], Site]]:
    running: list[Site] = []

    def started(url: str) -> Site:
        running.append(Site(tmp_path, api, url))
        return running[-1]

    yield started
    for site in running:
        site.daemon.end()


@pytest.mark.timeout(400)
def test_nothing_is_lost_and_each_patient_stays_in_order(site_at: Callable[[str], Site], api: str) -> None:
    site = site_at("sqlite:///store.db")
    with Stream([site.port], 8, 5, 8) as stream:
        for share, what in KILLS:
            until("messages to go on", stream.reached(share))
            site.kill(what)
    until("everything to come to rest", site.at_rest)
    stream.holds(api, site.lists("messages"), site.lists("requests"))


@pytest.mark.timeout(400)
def test_nor_on_postgresql_whose_server_is_restarted_and_crashes(
    site_at: Callable[[str], Site], api: str, own_server: Any
) -> None:
    site = site_at(own_server.url("clinic"))
    with Stream([site.port], 8, 5, 8) as stream:
        for number, (share, what) in enumerate(KILLS):
            until("messages to go on", stream.reached(share))
            site.kill(what)
            until("messages to go on", stream.reached(share + 0.05))
            own_server.stop((signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)[number % 3])
            own_server.start()
    until("everything to come to rest", site.at_rest)
    stream.holds(api, site.lists("messages"), site.lists("requests"))
