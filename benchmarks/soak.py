"""Kills the product again and again under load, while the API fails a third of the calls, and looks at what came of it.

`python -m benchmarks.soak [--minutes M] [--senders N] [--every S] [--supersede]`: N interface engines send, each message
until it is ACKed; every S seconds door, work or both get a SIGKILL, the work is stopped (SIGSTOP) for a while, or a drain
is cut short. Then everything may come to rest, and it is counted: each ACKed message is stored once and decided, each
request arrived, each patient's in order, and what arrived twice is marked as a possible duplicate. Exit 1 when not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks.daemon import RESULTS
from benchmarks.processes import BenchError, Process, family_of, python
from interface.settings import load_settings
from interface.store.keys import load_or_create
from interface.store.records.lists import MessageFilter, MessageSummary, RequestFilter, RequestSummary
from interface.store.store import Store, open_store

PATIENTS = 12
"""Of each sender. One patient's messages follow each other, so that order can be told."""
FIRST_DAY = date.today() + timedelta(days=1)  # noqa: DTZ011 - any day to come
REST_SECONDS = 900.0
"""How long it may take until everything has come to rest: a request that failed often waits up to five minutes."""
_SETTINGS = """\
[[listener]]
port = {port}
[api]
base_url = "{api}"
timeout_seconds = 2.0
[forward]
supersede = {supersede}
[store]
url = "sqlite:///soak.db"
[web]
port = {web}
"""


@dataclass
class Result:
    """What was counted."""

    senders: int
    seconds: float = 0.0
    rest_seconds: float = 0.0
    """From the last message to rest."""
    acked: int = 0
    stored: int = 0
    lost: int = 0
    """ACKed and not stored, or asked for and never arrived."""
    twice: int = 0
    """Stored a second time."""
    undecided: int = 0
    out_of_order: int = 0
    """Patients whose requests arrived in another order than their messages came."""
    arrived: int = 0
    repeated: int = 0
    """Arrived again."""
    unmarked: int = 0
    """Of them those whose request is not marked as a possible duplicate."""
    marked: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    wal_most: int = 0
    """The largest WAL seen, bytes."""
    silence_most: float = 0.0
    """The longest time in which nobody got an ACK, seconds."""

    @property
    def good(self) -> bool:
        """Whether everything promised was kept."""
        return not (self.lost or self.twice or self.undecided or self.out_of_order or self.unmarked)


def message(patient: int, version: int) -> bytes:
    """Version after version the same appointment, each a day later."""
    kind = "SIU^S12" if version == 0 else "SIU^S13"
    start = (FIRST_DAY + timedelta(days=version)).strftime("%Y%m%d") + "0930"
    second = f"{version // 3600 % 24:02d}{version // 60 % 60:02d}{version % 60:02d}"
    return "\r".join(
        (
            f"MSH|^~\\&|APP|FAC|R|R|20260302{second}||{kind}|P{patient}V{version}|P|2.5.1",
            f"SCH||F{patient}|||||||||^^^{start}",
            f"PID|1||{patient:05d}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703",
            "AIP|1||1234567893^Quill^Avery^^^^^^NPI",
        )
    ).encode()


class Site:
    """A daemon that is started again whenever it was killed."""

    def __init__(self, folder: Path, api: str, *, supersede: bool) -> None:
        self.port, self.web = _free_port(), _free_port()
        self.path = folder / "soak.toml"
        text = _SETTINGS.format(port=self.port, api=api, web=self.web, supersede=str(supersede).lower())
        self.path.write_text(text)
        self._old: list[int] = []
        self.start()

    def start(self) -> None:
        """Start the daemon."""
        self.door = Process("door", python("interface", "run", "-c", self.path))
        self.door.says(r"\bready\b")

    def work_pid(self) -> int | None:
        """The work's process id, while it runs."""
        children = family_of(self.door.pid)[1:]
        return children[0] if children else None

    def kill(self, what: str) -> None:
        """End the door, the work or both at once; or see `drain`, `stop`."""
        work = self.work_pid()
        if what in ("work", "both") and work is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(work, signal.SIGKILL)
        if what in ("door", "both"):
            self._door(signal.SIGKILL)
        if what == "drain":
            os.kill(self.door.pid, signal.SIGTERM)
            time.sleep(random.uniform(0.0, 0.5))
            self._door(signal.SIGKILL)
        if what == "stop" and work is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(work, signal.SIGSTOP)
                time.sleep(2.0)
                os.kill(work, signal.SIGCONT)

    def _door(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.door.pid, number)
        self.door.stop()
        self.start()

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """The store, beside the running daemon."""
        settings = load_settings(self.path)
        keyring = load_or_create(settings.store.key, settings.directory, lambda _: None, create=False)
        with open_store(settings.store_url, keyring, create=False) as store:
            yield store


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Senders:
    """So many interface engines, each with patients of its own, one message in flight each."""

    def __init__(self, site: Site, number: int, rate: float) -> None:
        """`rate`: messages a second of all together, at most."""
        self._site = site
        self._pause = number / rate
        self.done = threading.Event()
        self.acked: dict[int, int] = {}
        """How many versions of each patient were ACKed."""
        self.wrong: list[bytes] = []
        self.last = time.monotonic()
        self.silence = 0.0
        self._lock = threading.Lock()
        self.threads = [threading.Thread(target=self._send, args=(n,), daemon=True) for n in range(number)]

    def _send(self, number: int) -> None:
        patients = range(number * PATIENTS, (number + 1) * PATIENTS)
        connection: socket.socket | None = None
        version = 0
        due = time.monotonic() + random.uniform(0, self._pause)
        while not self.done.is_set():
            for patient in patients:
                if self.done.is_set():
                    break
                connection = self._deliver(connection, patient, version)
                due += self._pause
                time.sleep(max(0.0, due - time.monotonic()))
            version += 1
        if connection is not None:
            connection.close()

    def _deliver(self, connection: socket.socket | None, patient: int, version: int) -> socket.socket:
        """Send one message until it is ACKed, as an interface engine does."""
        framed = b"\x0b" + message(patient, version) + b"\x1c\r"
        while True:
            try:
                if connection is None:
                    connection = socket.create_connection(("127.0.0.1", self._site.port), timeout=30)
                connection.sendall(framed)
                answer = b""
                while not answer.endswith(b"\x1c\r"):
                    chunk = connection.recv(4096)
                    if not chunk:
                        raise ConnectionResetError
                    answer += chunk
            except OSError:
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.05)
                continue
            if f"MSA|AA|P{patient}V{version}".encode() not in answer:
                self.wrong.append(answer)
            with self._lock:
                now = time.monotonic()
                self.silence, self.last = max(self.silence, now - self.last), now
                self.acked[patient] = version + 1
            return connection


KILLS = ("work", "door", "both", "stop", "drain")


def soak(
    folder: Path,
    *,
    senders: int,
    seconds: float,
    every: float,
    rate: float,
    supersede: bool = False,
    seed: int = 7,
    share: float = 1 / 3,
    fewest: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Result:
    """Do it, and count; BenchError when it does not come to rest. `share` of the calls to the API fail;
    however slow the machine, it goes on until there were `fewest` kills.
    """
    result = Result(senders)
    dice = random.Random(seed)
    kills: Counter[str] = Counter()
    with Process("api", python("benchmarks.failing_api", "--seed", seed, "--share", share)) as process:
        api = process.says(r"api (http://\S+)")[1]
        site = Site(folder, api, supersede=supersede)
        try:
            load = Senders(site, senders, rate)
            began = time.monotonic()
            for thread in load.threads:
                thread.start()
            while time.monotonic() - began < seconds or sum(kills.values()) < fewest:
                ends = time.monotonic() + dice.uniform(0.5, 1.5) * every
                while time.monotonic() < ends:
                    time.sleep(0.1)
                    result.wal_most = max(result.wal_most, _size(folder / "soak.db-wal"))
                what = KILLS[sum(kills.values()) % len(KILLS)]
                site.kill(what)
                kills[what] += 1
                say(f"{time.monotonic() - began:6.0f} s  {sum(load.acked.values())} ACKed, kill {what}")
            load.done.set()
            for thread in load.threads:
                thread.join()
            if load.wrong:
                raise BenchError(f"an answer is not the ACK of its message: {load.wrong[0]!r}")
            result.seconds, result.silence_most = time.monotonic() - began, load.silence
            result.calls = _get(f"{api}/heal")
            _come_to_rest(site, result)
            result.kills = dict(kills)
            with site.store() as store:
                _count(result, load.acked, store, _get(f"{api}/taken"), supersede=supersede)
        finally:
            site.door.stop()
    return result


def _come_to_rest(site: Site, result: Result) -> None:
    began = time.monotonic()
    with site.store() as store:
        while True:
            left = store.views.backlog()
            if not (left.new_messages or left.waiting_requests or left.sending_requests):
                break
            if time.monotonic() - began > REST_SECONDS:
                last = "\n  ".join(site.door.lines[-5:])
                raise BenchError(f"not at rest after {REST_SECONDS:g} s: {left}\n  {last}")
            time.sleep(0.2)
    result.rest_seconds = time.monotonic() - began


def _count(
    result: Result, acked: dict[int, int], store: Store, taken: list[tuple[str, str]], *, supersede: bool
) -> None:
    """Hold what was ACKed against what is stored and what arrived."""
    names = {f"P{patient}V{version}" for patient, known in acked.items() for version in range(known)}
    messages, requests = _messages(store), {row.id: row for row in _requests(store)}
    stored = Counter(row.control_id for row in messages)
    result.acked, result.stored = len(names), len(stored)
    result.lost += len(names - stored.keys())
    result.twice = sum(number - 1 for number in stored.values())
    result.undecided = sum(row.state != "done" for row in messages)
    result.marked = sum(row.possible_duplicate for row in requests.values())
    arrived: dict[int, list[int]] = {}
    for number, day in taken:
        arrived.setdefault(int(number), []).append((date.fromisoformat(day) - FIRST_DAY).days)
    result.arrived = len(taken)
    made = {row.control_id: requests.get(row.request_id or 0) for row in messages}
    for patient, known in acked.items():
        versions = arrived.get(patient, [])
        expected = {known - 1} if supersede else set(range(known))
        result.lost += len(expected - set(versions))
        result.out_of_order += versions != sorted(versions)
        for version, times in Counter(versions).items():
            request = made.get(f"P{patient}V{version}")
            result.repeated += times - 1
            if times > 1 and (request is None or not request.possible_duplicate):
                result.unmarked += 1


def _messages(store: Store) -> list[MessageSummary]:
    rows: list[MessageSummary] = []
    while page := store.views.messages(MessageFilter(), before=rows[-1].id if rows else None, limit=2000):
        rows += page
    return rows


def _requests(store: Store) -> list[RequestSummary]:
    rows: list[RequestSummary] = []
    while page := store.views.requests(RequestFilter(), before=rows[-1].id if rows else None, limit=2000):
        rows += page
    return rows


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _get(url: str) -> Any:
    with urlopen(url, timeout=30) as reply:
        return json.loads(reply.read())


def main() -> int:
    """Run as the arguments say; print what was counted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--every", type=float, default=4.0, help="seconds between kills, about")
    parser.add_argument("--rate", type=float, default=120.0, help="messages a second, at most")
    parser.add_argument(
        "--supersede", action="store_true", help="newer requests take the place of older ones"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the store is made (default: benchmarks/results)")
    args = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="soak-", dir=args.folder or RESULTS) as folder:
        result = soak(
            Path(folder),
            senders=args.senders,
            seconds=args.minutes * 60,
            every=args.every,
            rate=args.rate,
            supersede=args.supersede,
            seed=args.seed,
            say=lambda line: print(line, flush=True),
        )
    for name, value in asdict(result).items():
        print(
            f"{name.replace('_', ' '):14} {value:.1f}"
            if isinstance(value, float)
            else f"{name.replace('_', ' '):14} {value}"
        )
    print("everything was kept" if result.good else "NOT EVERYTHING WAS KEPT")
    return 0 if result.good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as failed:
        print(f"soak: {failed}", file=sys.stderr)
        sys.exit(1)
