"""The daemon under measurement: its settings, its start, its sink."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import sink, tls
from benchmarks.processes import (
    ROOT,
    BenchError,
    Process,
    cpu_seconds,
    of_family,
    pss_bytes,
    python,
    run_json,
)

RESULTS = ROOT / "benchmarks" / "results"
_SETTINGS = """\
[site]
name = "Benchmark"
environment = "sandbox"

[[listener]]
port = 0
{listener}

[api]
base_url = "{base_url}"
{api}

[forward]
supersede = false            # one request for each message: then POSTs can be counted against messages
"RDE^O11" = "post"

[store]
url = "{store}"

[web]
port = 0
"""
OWN_STORE = "sqlite:///bench.db"
_READY = r"\bready\b.*listeners=main:(\d+).*web="
QUIET_SECONDS = 20.0
"""A whole way on which no POST arrives for so long has come to its end, or to a standstill."""


@dataclass
class Daemon:
    """A running door (with its work), the sink it POSTs to, and the index of the next message."""

    process: Process
    port: int
    sink: str
    now: datetime
    settings: Path
    started_in: float
    """Seconds from the start of the process to the open port."""
    next_index: int = 0
    authority: Path | None = None
    """Of its listener's certificate; None: plain MLLP."""

    def load(
        self, connections: int, *, seconds: float = 0.0, count: int = 0, document: int = 0
    ) -> dict[str, Any]:
        """Send for a time or a number of messages; see `benchmarks.load`. BenchError unless each got its AA."""
        found = run_load(
            self.port,
            connections,
            self.now,
            seconds=seconds,
            count=count,
            first=self.next_index,
            authority=self.authority,
            document=document,
        )
        self.next_index = int(found["next"])
        if found["wrong"]:
            raise BenchError(f"{found['wrong']} of {found['sent']} messages were not answered AA")
        return found

    def posts(self) -> dict[str, float]:
        """What the sink has counted."""
        return sink.ask(self.sink)

    def until_told(self, messages: int, quiet: float = QUIET_SECONDS) -> dict[str, float]:
        """Wait until the sink was told of so many messages, or nothing has come for `quiet` seconds."""
        count, last_news = self.posts(), time.monotonic()
        while count["told"] < messages and time.monotonic() - last_news < quiet:
            time.sleep(0.05)
            before, count = count["told"], self.posts()
            if count["told"] != before:
                last_news = time.monotonic()
        return count

    def memory(self) -> dict[str, int]:
        """PSS in bytes of the door and all it started, by name."""
        return of_family(self.process.pid, pss_bytes)

    def cpu(self) -> dict[str, float]:
        """Processor seconds so far of the door and all it started, by name."""
        return of_family(self.process.pid, cpu_seconds)


def run_load(
    port: int,
    connections: int,
    now: datetime,
    *,
    seconds: float = 0.0,
    count: int = 0,
    first: int = 0,
    ring: bool = False,
    authority: Path | None = None,
    document: int = 0,
    host: str = "127.0.0.1",
) -> dict[str, Any]:
    """Run the load generator to its end."""
    amount = ("--count", count) if count else ("--seconds", seconds)
    options = (
        "--host",
        host,
        "--port",
        port,
        "--connections",
        connections,
        "--first",
        first,
        "--now",
        now.isoformat(),
        "--document",
        document,
        *amount,
    )
    command = python(
        "benchmarks.load",
        *options,
        *(("--ring",) if ring else ()),
        *(("--ca", authority) if authority else ()),
    )
    found: dict[str, Any] = run_json("load generator", command, timeout=300)
    return found


@contextlib.contextmanager
def running_sink(port: int = 0) -> Iterator[str]:
    """A sink, on a free port or this one; its URL."""
    with Process("sink", python("benchmarks.sink", port)) as process:
        yield process.says(r"sink (http://\S+)")[1]


def start(settings: Path, *arguments: object, standing_still: bool = False) -> tuple[Process, int, float]:
    """Start a door; the process, its port, and the seconds it took until the port was open and said so."""
    command = python("interface", "run", "-c", settings, *arguments)
    if standing_still:
        command = python("benchmarks.door", settings)
    process = Process("door", command)
    try:
        port = int(process.says(_READY)[1])
    except BaseException:
        process.stop()
        raise
    return process, port, time.monotonic() - process.started


def settings_file(
    folder: Path,
    sink_url: str,
    *,
    secure: bool = False,
    api: str = "",
    store: str = OWN_STORE,
    more: str = "",
) -> Path:
    """Make a folder with a settings file for a daemon that POSTs to a sink.

    `secure`: its listener speaks TLS; `api`: further lines of `[api]`; `store`: its URL; `more`: further sections.
    """
    folder.mkdir(parents=True)
    listener = tls.certificates(folder) if secure else ""
    settings = folder / "bench.toml"
    known = {"base_url": sink_url, "listener": listener, "api": api, "store": store}
    settings.write_text(_SETTINGS.format(**known) + more, "utf-8")
    return settings


@contextlib.contextmanager
def running(
    folder: Path,
    now: datetime,
    *,
    standing_still: bool = False,
    secure: bool = False,
    api: str = "",
    store: str = OWN_STORE,
    more: str = "",
) -> Iterator[Daemon]:
    """A daemon with a new store, and its sink; see `settings_file`."""
    with running_sink() as url:
        settings = settings_file(folder, url, secure=secure, api=api, store=store, more=more)
        authority = folder / tls.AUTHORITY if secure else None
        process, port, took = start(settings, standing_still=standing_still)
        with process:
            if not standing_still:
                process.says(r"\bwork-started\b")
            yield Daemon(process, port, url, now, settings, took, authority=authority)
