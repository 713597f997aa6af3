"""Two daemons on one PostgreSQL: every message goes to either, and nothing is lost, doubled unmarked or out of order.

Whichever node is killed, stands still for ten seconds and goes on as if nothing had been, whatever happens to the server.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import until
from running_program import Program
from site_in_trouble import Site
from stream import Stream


@pytest.fixture
def api() -> Iterator[str]:
    sandbox = Program(
        "sandbox", "--port", "0", "--quiet", "--seed", "7", "--keep", "100000",
        "--fail", "0.1", "--drop", "0.04", "--throttle", "0.02",
    )  # fmt: skip
    yield sandbox.says(r"http://\S+:\d+").group()
    sandbox.end()


@pytest.fixture
def nodes(tmp_path: Path, api: str, own_server: Any) -> Iterator[list[Site]]:
    running = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        if running:
            shutil.copy(running[0].path.with_name("at-rest.key"), folder)
        running.append(Site(folder, api, own_server.url("clinic")))
    yield running
    for site in running:
        site.daemon.end()


def works(site: Site) -> None:
    """Wait until its work has come up."""
    until(
        "the work to work",
        lambda: site.daemon.text.count("work-started") >= site.daemon.text.count("work-process"),
    )


def still(site: Site, seconds: float) -> None:
    """Both processes of a node stand still for a while."""
    works(site)
    processes = [site.daemon.process.pid, site.work]
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for process in processes:
            os.kill(process, number)
        if number == signal.SIGSTOP:
            time.sleep(seconds)


@pytest.mark.timeout(600)
def test_nothing_is_lost_whichever_node_is_killed_or_stands_still(
    nodes: list[Site], api: str, own_server: Any
) -> None:
    one, two = nodes
    works(one), works(two)
    with Stream([one.port, two.port], 8, 5, 30) as stream:
        until("messages to go on", stream.reached(0.05))
        still(one, 10)
        until("messages to go on", stream.reached(0.2))
        two.kill("both")
        works(two)
        until("messages to go on", stream.reached(0.35))
        one.kill("work")
        works(one)
        until("messages to go on", stream.reached(0.5))
        own_server.stop(signal.SIGINT)
        own_server.start()
        until("messages to go on", stream.reached(0.65))
        still(two, 10)
        two.kill("both")
        until("messages to go on", stream.reached(0.8))
        own_server.stop(signal.SIGKILL)
        own_server.start()
        one.kill("work")
    until("everything to come to rest", one.at_rest)
    stream.holds(api, one.lists("messages"), one.lists("requests"))


def test_a_daemon_that_comes_up_before_its_server_waits_for_it(tmp_path: Path, own_server: Any) -> None:
    own_server.stop()
    path = tmp_path / "site.toml"
    path.write_text(f'[store]\nurl = "{own_server.url("clinic")}"\n[[listener]]\nport = 0\n[web]\nport = 0\n')
    daemon = Program("run", "-c", str(path))
    daemon.says(
        'event=store-failing problem="the store PostgreSQL .* cannot be opened: no server answers there"'
    )
    own_server.start()
    daemon.says(r"event=ready")
    daemon.end()
