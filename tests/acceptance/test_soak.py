"""A short soak of the installed program; `python -m benchmarks.soak` does it for as long as one likes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from patience import until

from interface.store.store import Store

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.append(ROOT)

from benchmarks.processes import Process, python  # noqa: E402
from benchmarks.soak import Senders, Site, soak  # noqa: E402


@pytest.mark.timeout(400)
def test_kills_stops_and_drains_cut_short_lose_nothing_and_turn_no_order_round(tmp_path: Path) -> None:
    found = soak(tmp_path, senders=8, seconds=1.0, every=1.0, rate=60.0, share=0.25, fewest=5)
    assert found.acked > 100
    assert set(found.kills) == {"work", "door", "both", "stop", "drain"}
    assert found.lost == 0
    assert found.twice == 0, "a message is stored twice"
    assert found.undecided == 0
    assert found.out_of_order == 0
    assert found.unmarked == 0, "a request arrived twice and is not marked as a possible duplicate"


@pytest.mark.timeout(300)
def test_the_work_is_killed_again_and_again_while_charts_are_rebuilt(tmp_path: Path) -> None:
    with quiet_site(tmp_path) as site:
        load = Senders(site, 4, rate=80.0)
        for thread in load.threads:
            thread.start()
        until("messages", lambda: sum(load.acked.values()) > 150)
        load.done.set()
        for thread in load.threads:
            thread.join()
        with site.store() as store:
            until("rest", lambda: at_rest(store))
            before = charts(store)
            requests = len(store.views.requests(limit=10_000))
        assert len(before) >= 40
        command = python("interface", "patients", "rebuild", "--all", "--yes", "-c", site.path)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as rebuilding:
            with site.store() as store:
                until("the command", lambda: rebuilding.poll() is not None or store.commands.get(1))
            kills = 0
            while rebuilding.poll() is None and kills < 3:  # each start comes later than the one before
                if site.work_pid() is not None:
                    site.kill("work")
                    kills += 1
                time.sleep(0.3)
            said, _ = rebuilding.communicate()
        assert kills, "it was to be killed meanwhile"
        assert rebuilding.returncode == 0, said
        with site.store() as store:
            until("rest", lambda: at_rest(store))
            assert charts(store) == before
            assert len(store.views.requests(limit=10_000)) == requests


@contextmanager
def quiet_site(folder: Path) -> Iterator[Site]:
    """A daemon whose API fails never."""
    with Process("api", python("benchmarks.failing_api", "--share", "0")) as api:
        site = Site(folder, api.says(r"api (http://\S+)")[1], supersede=True)
        try:
            yield site
        finally:
            site.door.stop()


def at_rest(store: Store) -> bool:
    left = store.views.backlog()
    return not (left.new_messages or left.waiting_requests or left.sending_requests)


def charts(store: Store) -> dict[int, bytes | None]:
    return {row.id: row.chart for row in store.patients.patients(limit=10_000)}
