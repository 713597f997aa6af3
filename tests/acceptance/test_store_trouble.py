"""A disk that fills under load, a store file that is taken away, work that does not get on: as whoever is on call meets it.

In each: no ACK and the connection closed, `/readyz` 503 with the reason, one line in the log when it begins and one when
it ends, next to no processor time meanwhile, and all goes on by itself when the cause is gone: nothing lost, nothing
twice, each patient's requests in order.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE, until
from ports import free_port
from running_program import Engine, Program, call
from small_disk import SmallDisk, small_disk

from interface.store.lock import StoreLock

NOW = "2026-03-02T09:00:00-06:00"
FIRST_DAY = date(2026, 4, 1)
SENDERS = 4
SETTINGS = """
[[listener]]
port = {port}
[api]
base_url = "{api}"
[forward]
supersede = false
[store]
url = "sqlite:///store.db"
disk_low_mib = 4
most_waiting = 40
[web]
port = {web}
"""


class Site:
    """A daemon, and senders that go on until they are told to stop."""

    def __init__(self, folder: Path, api: str, until_it_says: str = "event=work-started") -> None:
        self.folder, self.api = folder, api
        self.port, self.web = free_port(), free_port()
        self.path = folder / "site.toml"
        self.path.write_text(SETTINGS.format(port=self.port, api=api, web=self.web))
        self.acked: dict[int, int] = {}
        self.unanswered = 0
        self.wrong: list[bytes] = []
        self._enough = threading.Event()
        self._threads: list[threading.Thread] = []
        self.daemons: list[Program] = []
        self.start()
        self.daemon.says(until_it_says)

    def start(self, until_it_says: str = r"\bready\b") -> None:
        self.daemon = Program("run", "-c", str(self.path), "--now", NOW)
        self.daemons.append(self.daemon)
        self.daemon.says(until_it_says)

    @property
    def pids(self) -> list[int]:
        """The door, and the work while it runs."""
        children = Path(f"/proc/{self.daemon.process.pid}/task/{self.daemon.process.pid}/children")
        return [self.daemon.process.pid, *map(int, children.read_text().split())]

    def readiness(self) -> tuple[int, list[str]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/readyz", timeout=30) as reply:
                return reply.status, json.loads(reply.read())["reasons"]
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())["reasons"]

    def until_not_ready(self, reason: str) -> None:
        def look() -> bool:
            status, reasons = self.readiness()
            return status == 503 and any(re.search(reason, found) for found in reasons)

        until(f"not ready for {reason}", look)

    def until_ready(self) -> None:
        until("ready", lambda: self.readiness()[0] == 200)

    def send_on(self) -> None:
        """Let senders send, each message until it is ACKed."""
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def until_acked(self, more: int) -> None:
        """Until so many more messages are ACKed."""
        goal = sum(self.acked.values()) + more
        until(f"{more} more ACKs", lambda: sum(self.acked.values()) >= goal)

    def stop_sending(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _send(self, patient: int) -> None:
        version, engine = 0, Engine(self.port, timeout=30)
        while not self._enough.is_set():
            try:
                answer = engine.send(message(patient, version))
            except OSError:
                self.unanswered += 1
                self._enough.wait(0.2)
                continue
            if f"MSA|AA|P{patient}V{version}".encode() not in answer:
                self.wrong.append(answer)
            version += 1
            self.acked[patient] = version
            self._enough.wait(0.02)
        engine.close()

    def lists(self, command: str, *more: str) -> list[dict[str, Any]]:
        arguments = [command, "-c", str(self.path), "--json", "--limit", "100000", *more]
        done = call(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)[command]  # type: ignore[no-any-return]

    def is_whole(self) -> None:
        """Everything that was ACKed is stored once, was decided, and arrived, each patient's in order."""

        def at_rest() -> bool:
            return not any(self.lists("requests", "--state", state) for state in ("waiting", "sending"))

        until("everything decided", lambda: not self.lists("messages", "--state", "new"))
        until("everything to come to rest", at_rest)
        assert self.wrong == []
        messages = self.lists("messages")
        names = [row["control_id"] for row in messages]
        assert len(names) == len(set(names)), "a message is stored twice"
        acked = {f"P{patient}V{version}" for patient, known in self.acked.items() for version in range(known)}
        assert acked <= set(names)
        assert {row["state"] for row in messages} == {"done"}
        with urllib.request.urlopen(f"{self.api}/_sandbox/requests", timeout=30) as reply:
            posted = json.loads(reply.read())
        arrived: dict[int, list[int]] = {}
        for one in posted:
            day = date.fromisoformat(one["body"]["upcomingAppointmentDate"])
            patient = int(one["body"]["patient"]["mrn"]["extension"])
            arrived.setdefault(patient, []).append((day - FIRST_DAY).days)
        marked = sum(row["possible_duplicate"] for row in self.lists("requests"))
        for patient, known in self.acked.items():
            versions = arrived[patient]
            assert versions == sorted(versions), f"patient {patient} out of order"
            assert set(range(known)) <= set(versions), f"of patient {patient} something did not arrive"
        assert sum(len(found) - len(set(found)) for found in arrived.values()) <= marked


def message(patient: int, version: int) -> bytes:
    """Version after version the same appointment, each a day later."""
    kind = "SIU^S12" if version == 0 else "SIU^S13"
    start = (FIRST_DAY + timedelta(days=version)).strftime("%Y%m%d") + "0930"
    at = f"{8 + version // 3600:02d}{version // 60 % 60:02d}{version % 60:02d}"
    return "\r".join(
        (
            f"MSH|^~\\&|APP|FAC|R|R|20260302{at}||{kind}|P{patient}V{version}|P|2.5.1",
            f"SCH||F{patient}|||||||||^^^{start}",
            f"PID|1||{patient:05d}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703",
            "AIP|1||1234567893^Quill^Avery^^^^^^NPI",
            "NTE|1||" + "x" * 1500,
        )
    ).encode()


def processor_seconds(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def api() -> Iterator[str]:
    sandbox = Program("sandbox", "--port", "0", "--quiet", "--keep", "100000", "--judge", "off")
    yield sandbox.says(r"http://\S+:\d+").group()
    sandbox.end()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


@pytest.fixture
def start(api: str) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def started(folder: Path, **more: str) -> Site:
        sites.append(Site(folder, api, **more))
        return sites[-1]

    yield started
    for site in sites:
        site.stop_sending()
        for daemon in site.daemons:
            daemon.end()


def is_quiet(site: Site, seconds: float = 2.0) -> None:
    """In all this time next to nothing is done and nothing is said, though senders try again and again."""
    pids, text = site.pids, _without_the_works(site.daemon.text)
    began, unanswered, used = time.monotonic(), site.unanswered, processor_seconds(pids)
    acked = sum(site.acked.values())
    until("senders to try again", lambda: time.monotonic() - began > seconds and site.unanswered > unanswered)
    assert (processor_seconds(pids) - used) / (time.monotonic() - began) < 0.5
    assert _without_the_works(site.daemon.text) == text
    assert sum(site.acked.values()) == acked


def _without_the_works(text: str) -> str:
    """The work says it too, once, as soon as it has something to store; what is being sent comes to its end; and the more
    there is to decide the longer it waits.
    """
    assert text.count("event=store-failing") <= 1
    own = ("event=store-failing", "event=attempt", "alert=too-many-waiting")
    return "".join(line for line in text.splitlines(True) if not any(event in line for event in own))


def test_a_disk_that_fills_under_load_and_is_freed(disk: SmallDisk, start: Callable[[Path], Site]) -> None:
    site = start(disk.folder)
    site.send_on()
    site.until_acked(100)
    disk.fill()
    site.daemon.says("event=journal-failing .*the disk is full")
    site.daemon.says("event=alert-begins alert=disk-low")
    site.until_not_ready("^journal: the store cannot be written: the disk is full$")
    is_quiet(site)
    disk.free()
    site.daemon.says("event=journal-works-again")
    site.until_acked(100)
    site.until_ready()
    site.daemon.says("event=alert-ends alert=disk-low")
    site.stop_sending()
    site.is_whole()
    begins, ends = (site.daemon.text.count(f"event=journal-{what}") for what in ("failing", "works-again"))
    # what is left of the WAL may take a message or two yet
    assert 1 <= begins == ends <= 3
    assert [site.daemon.text.count(f"event=alert-{name} alert=disk-low") for name in ("begins", "ends")] == [
        1,
        1,
    ]
    assert (
        site.daemon.text.count("event=store-failing") == site.daemon.text.count("event=store-well-again") <= 1
    )


def test_a_daemon_that_is_started_on_a_full_disk_waits_for_room(
    disk: SmallDisk, start: Callable[[Path], Site]
) -> None:
    site = start(disk.folder)
    site.send_on()
    site.until_acked(50)
    site.daemon.end(signal.SIGKILL)
    disk.fill()
    site.start(r"event=store-failing .*the disk is full")
    is_quiet(site)
    disk.free()
    site.daemon.says(r"\bready\b")
    site.daemon.says("event=work-started")
    site.until_acked(50)
    site.until_ready()
    site.stop_sending()
    site.is_whole()
    assert (
        site.daemon.text.count("event=store-failing") == site.daemon.text.count("event=store-well-again") == 1
    )
    assert "work-died" not in site.daemon.text


@pytest.mark.parametrize("room", [0, 8192, 16384])
def test_a_very_first_start_on_a_full_disk_waits_and_makes_key_and_store_when_there_is_room(
    disk: SmallDisk, room: int
) -> None:
    settings = disk.folder / "site.toml"
    port, web = free_port(), free_port()
    settings.write_text(
        f'[[listener]]\nport = {port}\n[web]\nport = {web}\n[store]\nurl = "sqlite:///store.db"\ndisk_low_mib = 0\n'
    )
    disk.fill(but=room)
    daemon = Program("run", "-c", str(settings))
    try:
        daemon.says(r"event=store-failing problem=.*(No space left|the disk is full)")
        disk.free()
        daemon.says(r"\bready\b")
        assert "level=INFO event=store-made" in daemon.text, "it is a first start, however long it took"
        assert daemon.text.count("made a new at-rest key") == 1
        assert daemon.text.count("event=store-failing") == daemon.text.count("event=store-well-again") == 1
    finally:
        daemon.end()


def test_settings_that_do_not_fit_on_the_disk_are_not_half_written(disk: SmallDisk) -> None:
    disk.fill(but=4096)
    done = call("init", str(disk.folder / "site.toml"), "--yes")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("site.toml: No space left on device\n") and done.stderr.count("\n") == 1
    assert [found.name for found in disk.folder.iterdir()] == ["somebody-elses-file"]


@pytest.mark.parametrize("name", ["store.db", "store.db-wal"])
def test_a_store_file_that_is_taken_away_and_brought_back(
    tmp_path: Path, start: Callable[[Path], Site], name: str
) -> None:
    site = start(tmp_path)
    site.send_on()
    site.until_acked(50)
    (tmp_path / name).rename(tmp_path / "elsewhere")
    site.daemon.says("event=journal-failing .*was moved, deleted or replaced: bring it back")
    site.until_not_ready("^journal: .*moved, deleted or replaced")
    is_quiet(site)
    (tmp_path / "elsewhere").rename(tmp_path / name)
    site.daemon.says("event=journal-works-again")
    site.until_acked(50)
    site.until_ready()
    site.stop_sending()
    site.is_whole()


def test_a_store_that_is_made_anew_beside_an_old_key_is_warned_of(
    tmp_path: Path, start: Callable[[Path], Site]
) -> None:
    site = start(tmp_path)
    assert "level=INFO event=store-made" in site.daemon.text
    site.daemon.end()
    site.start()
    assert "event=store-made" not in site.daemon.text
    site.daemon.end()
    for file in tmp_path.glob("store.db*"):
        file.unlink()
    site.start()
    assert f"level=WARNING event=store-made store={tmp_path / 'store.db'}" in site.daemon.text


def test_nothing_more_is_taken_while_too_much_waits_to_be_decided(
    tmp_path: Path, start: Callable[..., Site]
) -> None:
    before = StoreLock.beside(f"sqlite:///{tmp_path}/store.db", "work")
    before.acquire()  # as a work of before that has not ended yet: the new one waits for it
    site = start(tmp_path, until_it_says="event=work-process")
    site.send_on()
    site.daemon.says("event=alert-begins alert=too-many-waiting")
    site.until_not_ready(r"^journal: \d+ messages wait to be decided")
    is_quiet(site)
    assert len(site.lists("messages", "--state", "new")) >= 40
    before.release()
    site.daemon.says("event=alert-ends alert=too-many-waiting")
    site.until_acked(20)
    site.until_ready()
    site.stop_sending()
    site.is_whole()
    told = ("alert-begins", "journal-failing", "alert-ends", "journal-works-again")
    assert [name for name in re.findall(r"event=([a-z-]+)", site.daemon.text) if name in told] == list(told)


class SlowApi:
    """Takes each request in at once, and answers when it is told to."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.answer = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                api.taken.append(body["upcomingAppointmentDate"])
                assert api.answer.wait(PATIENCE)
                reply = b'{"correlationId":"11111111-2222-4333-8444-555555555555"}'
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.answer.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def test_a_verdict_that_comes_while_the_disk_is_full_is_kept_and_stored_when_there_is_room(
    disk: SmallDisk,
) -> None:
    api = SlowApi()
    site = Site(disk.folder, api.url)
    try:
        with socket.create_connection(("127.0.0.1", site.port), timeout=30) as engine:
            engine.sendall(b"\x0b" + message(1, 0) + b"\x1c\r")
            assert b"MSA|AA|P1V0" in engine.recv(4096)
        until("the POST", lambda: api.taken)
        disk.fill()
        api.answer.set()
        site.daemon.says("event=attempt request=1 status=200 verdict=delivered")
        site.daemon.says("event=store-failing .*the disk is full")
        site.until_not_ready("^work: .*the disk is full$")
        assert [row["state"] for row in site.lists("requests")] == ["sending"]
        disk.free()
        site.daemon.says("event=store-well-again")
        until("the verdict", lambda: site.lists("requests", "--state", "delivered"))
        assert not site.lists("requests")[0]["possible_duplicate"]
        assert api.taken == ["2026-04-01"], "what was claimed is POSTed once"
    finally:
        api.stop()
        site.daemon.end()


def test_check_warns_of_little_room_by_the_same_limit(disk: SmallDisk, start: Callable[[Path], Site]) -> None:
    site = start(disk.folder)
    disk.fill()
    done = call("check", "-c", str(site.path), "--json")
    found = {entry["what"]: entry for entry in json.loads(done.stdout)["checks"]}
    assert found["disk"]["level"] == "FAIL"
    assert found["store"] == {
        "level": "FAIL",
        "what": "store",
        "detail": "the store cannot be written: the disk is full",
    }
    disk.free()
