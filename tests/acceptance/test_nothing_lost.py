"""Nothing that was ACKed is lost and a patient's requests arrive in order, whatever is killed, while the API fails.

The installed program from outside: eight senders, `kill -9` of the door, of the work and of both in the middle of the
stream, the API failing, dropping and throttling a third of the calls. Afterwards the last word of every patient has
arrived, none has gone backwards, and what arrived twice is marked as a possible duplicate.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE, until
from ports import free_port
from running_program import NOW, Engine, Program, call, calls, get, states

FIRST_DAY = date(2026, 4, 1)
SENDERS, PATIENTS, VERSIONS = 8, 5, 8
SETTINGS = """
[[listener]]
port = {port}
[api]
base_url = "{api}"
timeout_seconds = 1.0
[store]
url = "sqlite:///store.db"
[web]
port = {web}
"""


class Site:
    """A daemon that is started again whenever it was killed."""

    def __init__(self, folder: Path, api: str):
        self.port, self.web = free_port(), free_port()
        self.path = folder / "site.toml"
        self.path.write_text(SETTINGS.format(port=self.port, api=api, web=self.web))
        self.start()

    def start(self) -> None:
        self.daemon = Program("run", "-c", str(self.path), "--now", NOW)
        self.daemon.says(r"\bready\b")

    def kill(self, what: str) -> None:
        work = until("a work", lambda: get(f"http://127.0.0.1:{self.web}/healthz")["work"]["pid"])
        if what in ("work", "both"):
            os.kill(work, signal.SIGKILL)
        if what in ("door", "both"):
            self.daemon.end(signal.SIGKILL)
            self.start()

    def at_rest(self) -> bool:
        store = self.path.with_name("store.db")
        return not {"waiting", "sending"} & set(states(store)) and "new" not in states(store, "messages")

    def lists(self, command: str) -> list[dict[str, Any]]:
        done = call(command, "-c", str(self.path), "--json", "--limit", "100000")
        return json.loads(done.stdout)[command]  # type: ignore[no-any-return]


def message(patient: int, version: int) -> bytes:
    """Version after version the same appointment, each a day later."""
    kind = "SIU^S12" if version == 0 else "SIU^S13"
    start = (FIRST_DAY + timedelta(days=version)).strftime("%Y%m%d") + "0930"
    return "\r".join(
        (
            f"MSH|^~\\&|APP|FAC|R|R|202603020800{version:02d}||{kind}|P{patient}V{version}|P|2.5.1",
            f"SCH||F{patient}|||||||||^^^{start}",
            f"PID|1||{patient:05d}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703",
            "AIP|1||1234567893^Quill^Avery^^^^^^NPI",
        )
    ).encode()


def send(site: Site, patients: range, acked: set[str]) -> None:
    """Send as an interface engine does: each message until it is ACKed, in order."""
    engine = Engine(site.port, timeout=10)
    for version in range(VERSIONS):
        for patient in patients:
            deadline = time.monotonic() + PATIENCE
            while True:
                assert time.monotonic() < deadline
                try:
                    answer = engine.send(message(patient, version))
                except OSError:
                    time.sleep(0.05)
                    continue
                assert f"MSA|AA|P{patient}V{version}".encode() in answer
                acked.add(f"P{patient}V{version}")
                break
    engine.close()


@pytest.fixture
def api() -> Iterator[str]:
    sandbox = Program(
        "sandbox", "--port", "0", "--quiet", "--seed", "7", "--keep", "100000",
        "--fail", "0.2", "--drop", "0.08", "--throttle", "0.03", "--hang", "0.01",
    )  # fmt: skip
    yield sandbox.says(r"http://\S+:\d+").group()
    sandbox.end()


@pytest.fixture
def site(tmp_path: Path, api: str) -> Iterator[Site]:
    running = Site(tmp_path, api)
    yield running
    running.daemon.end()


@pytest.mark.timeout(400)
def test_nothing_is_lost_and_each_patient_stays_in_order(site: Site, api: str) -> None:
    acked: set[str] = set()
    threads = [
        threading.Thread(target=send, args=(site, range(n * PATIENTS, (n + 1) * PATIENTS), acked))
        for n in range(SENDERS)
    ]
    for thread in threads:
        thread.start()
    total = SENDERS * PATIENTS * VERSIONS
    for share, what in (
        (0.1, "work"),
        (0.25, "door"),
        (0.45, "both"),
        (0.6, "work"),
        (0.75, "door"),
        (0.9, "both"),
    ):
        until("messages to go on", lambda share=share: len(acked) >= share * total)
        site.kill(what)
    for thread in threads:
        thread.join()
    assert len(acked) == total

    until("everything to come to rest", site.at_rest)
    messages, requests = site.lists("messages"), site.lists("requests")
    assert {row["control_id"] for row in messages} == acked, "an ACKed message is not in the journal"
    assert len(messages) == total, "a resent message made a second row"
    assert {row["state"] for row in messages} == {"done"}
    arrived: dict[int, list[int]] = {}
    for asked in calls(api):
        if asked["accepted"]:
            patient = int(asked["body"]["patient"]["mrn"]["extension"])
            day = date.fromisoformat(asked["body"]["upcomingAppointmentDate"])
            arrived.setdefault(patient, []).append((day - FIRST_DAY).days)
    assert set(arrived) == set(range(SENDERS * PATIENTS))
    for patient, versions in arrived.items():
        assert versions == sorted(versions), f"patient {patient} out of order: {versions}"
        assert versions[-1] == VERSIONS - 1, f"the last word of patient {patient} did not arrive"
    repeated = sum(len(versions) - len(set(versions)) for versions in arrived.values())
    marked = [row for row in requests if row["possible_duplicate"]]
    assert repeated <= len(marked) * 4, f"{repeated} arrived again, {len(marked)} marked"
    assert repeated == 0 or marked
