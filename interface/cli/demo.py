"""`demo`: the whole way with no settings at all, on loopback and in a temporary folder.

The simulated API and the daemon run as processes of their own; the sample messages go over real MLLP, one after the other,
each awaited to its end, so that every `post` shows the API's answer. The daemon's clock is set to the samples' own time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from interface.children import program
from interface.cli.output import is_terminal, safe_text, table, tell
from interface.cli.samples import Sample, differences, load_samples
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.store.records.lists import MessageDetail, RequestDetail
    from interface.store.users import Users
    from interface.store.views import Views

PATIENCE = 60.0
"""Seconds until a step that should take milliseconds counts as failed."""
_HEARING = 5.0
"""Seconds that webhooks are waited for, at the end, once for all."""
_PLAY = ("--seed", "7", "--webhook-delay", "0.05-0.2", "--insufficient", "0.2")
"""How the simulated API plays: some patients have too little data; always the same ones."""
_UNFINISHED = ("waiting", "sending")
_SETTINGS = """\
[site]
name = "Demonstration Clinic"
environment = "sandbox"

[[listener]]
port = 0

[api]
key = "env:{variable}"
base_url = "{base_url}"

[store]
url = "sqlite:///demo.db"

[web]
port = 0
"""
_VARIABLE = "HL7_INTERFACE_DEMO_KEY"
_USER = "demo"
Found = TypeVar("Found")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's flags."""
    parser.add_argument("--serve", action="store_true", help="keep it running and print the addresses")
    parser.add_argument("--json", action="store_true", help="the rows as JSON")


def run(args: argparse.Namespace) -> int:
    """Exit 0 only when every answer is the expected one."""
    samples = load_samples()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)  # what was started is stopped, the folder goes
    with tempfile.TemporaryDirectory(prefix="hl7-interface-demo-") as folder, contextlib.ExitStack() as stack:
        running = _start(stack, Path(folder), samples[0])
        rows = _heard(running, list(_send_all(running, samples, progress=not args.json)))
        _print(rows, as_json=args.json)
        if args.serve:
            _serve(running)
    return 0 if all(not row.differences for row in rows) else 1


def _leave(number: int, _: object) -> None:
    raise SystemExit(128 + number)


# ------------------------------------------------------------------------------------------ processes


class _Process:
    """A process of the demonstration; its standard error is read in a thread, to find what it says."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str]):
        self.name = name
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stderr or ():
            with self._news:
                self.lines.append(line.decode("utf-8", "replace").rstrip())
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def says(self, pattern: str) -> re.Match[str]:
        """The first match in what it says. Raises InterfaceError when it ends or takes too long."""
        compiled = re.compile(pattern)
        deadline = time.monotonic() + PATIENCE
        with self._news:
            while True:
                for line in self.lines:
                    if match := compiled.search(line):
                        return match
                if self._process.poll() is not None or time.monotonic() > deadline:
                    last = self.lines[-1] if self.lines else "it said nothing"
                    raise InterfaceError(f"demo: the {self.name} did not start: {last}")
                self._news.wait(0.2)

    def stop(self) -> None:
        """End it and wait."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(1)


@dataclass(frozen=True)
class _Running:
    views: Views
    users: Users
    port: int
    web: str
    api: str


def _start(stack: contextlib.ExitStack, folder: Path, first: Sample) -> _Running:
    from interface.settings import load_settings
    from interface.store.keys import load_or_create
    from interface.store.store import open_store

    key = secrets.token_hex(16)  # token_urlsafe may begin with "-", which would be an option
    environment = {**os.environ, _VARIABLE: key}
    sandbox = _Process(
        "simulated API", program("interface", "sandbox", "--port", "0", "--key", key, *_PLAY), environment
    )
    stack.callback(sandbox.stop)
    api = sandbox.says(r"http://[^\s/]+:\d+").group()
    path = folder / "demo.toml"
    path.write_text(_SETTINGS.format(variable=_VARIABLE, base_url=api), "utf-8")
    command = program("interface", "run", "-c", str(path), "--now", first.now.isoformat())
    daemon = _Process("daemon", command, environment)
    stack.callback(daemon.stop)
    ready = daemon.says(r"\bready\b.*listeners=main:(\d+).*web=(\S+)")
    settings = load_settings(path)
    _receive(api, f"http://{ready[2]}{settings.webhooks.path}")
    master = load_or_create(settings.store.key, settings.directory, lambda _: None, create=False)
    store = stack.enter_context(open_store(settings.store_url, master, create=False))
    return _Running(store.views, store.users, int(ready[1]), f"http://{ready[2]}", api)


def _receive(api: str, url: str) -> None:
    """Tell the simulated API where its webhooks go: the daemon's port is known only now."""
    _ask(api, "PUT", json={"urls": [url]})


def _ask(api: str, method: str, **more: Any) -> Any:
    """What the simulated API's door for webhooks answers."""
    import requests

    with requests.Session() as session:
        session.trust_env = False  # a proxy does not lead to loopback
        answer = session.request(method, f"{api}/_sandbox/webhooks", timeout=PATIENCE, **more)
        answer.raise_for_status()
        return answer.json()


def _serve(running: _Running) -> None:
    from interface.services.passwords import hashed

    password = secrets.token_urlsafe(12)
    running.users.add(_USER, "admin", hashed(password), time.time())
    tell(f"console    {running.web}/   (name {_USER}, password {password})")
    tell(f"listener   127.0.0.1:{running.port}   (hl7-interface send FILE --to 127.0.0.1:{running.port})")
    tell(f"health     {running.web}/healthz  {running.web}/readyz  {running.web}/metrics")
    tell(f"API        {running.api}  (simulated)")
    tell("stop with Ctrl-C")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


# ------------------------------------------------------------------------------------------ the way


@dataclass(frozen=True)
class Row:
    """What became of one sample."""

    sample: Sample
    ack: str
    message: MessageDetail
    request: RequestDetail | None
    differences: list[str]

    def answer(self) -> dict[str, Any]:
        """The message as `explain --json` prints it, from what the daemon stored."""
        return _answer(self.message, self.request)


def _send_all(running: _Running, samples: list[Sample], *, progress: bool) -> Iterator[Row]:
    from interface.cli.mllp import Connection, Outgoing, Place, exchange

    connection = Connection(Place("127.0.0.1", running.port), PATIENCE)
    try:
        last = 0
        for number, sample in enumerate(samples, 1):
            if progress and is_terminal(sys.stderr):
                print(
                    f"\r{number}/{len(samples)} {sample.story}/{sample.name}\x1b[K", end="", file=sys.stderr
                )
            answer = exchange(connection, Outgoing(sample.name, 1, sample.message))
            message = _message(running.views, last)
            last = message.summary.id
            request = _request(running.views, message)
            found = _answer(message, request)
            yield Row(sample, answer.code, message, request, differences(found, sample.expected))
    finally:
        connection.close()
        if progress and is_terminal(sys.stderr):
            print("\r\x1b[K", end="", file=sys.stderr)


def _heard(running: _Running, rows: list[Row]) -> list[Row]:
    """The rows with what webhooks have said of their requests: all that the simulated API has sent, or what came in time."""
    hooks = _ask(running.api, "GET", params={"wait": f"{_HEARING:.0f}"})
    sent = Counter(hook["event"]["correlationId"] for hook in hooks if hook["state"] == "delivered")
    deadline = time.monotonic() + _HEARING

    def heard(request: RequestDetail | None) -> RequestDetail | None:
        if request is None or request.summary.correlation_id is None:
            return request
        while True:
            found = running.views.request(request.summary.id) or request
            if found.summary.events >= sent[request.summary.correlation_id] or time.monotonic() > deadline:
                return found
            time.sleep(0.005)

    return [replace(row, request=heard(row.request)) for row in rows]


def _until(what: str, look: Callable[[], Found | None]) -> Found:
    deadline = time.monotonic() + PATIENCE
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise InterfaceError(f"demo: {what} did not come within {PATIENCE:.0f} s; see the daemon's log")
        time.sleep(0.005)
    return found


def _message(views: Views, last: int) -> MessageDetail:
    """The message after row `last`, when intake is done with it."""

    def look() -> MessageDetail | None:
        newest = views.messages(limit=1)
        if not newest or newest[0].id <= last or newest[0].state == "new":
            return None
        return views.message(newest[0].id)

    return _until("a message", look)


def _request(views: Views, message: MessageDetail) -> RequestDetail | None:
    """The request the message made or changed, when it has come to rest."""
    number = message.summary.request_id
    if number is None:
        return None

    def look() -> RequestDetail | None:
        found = views.request(number)
        return None if found is None or found.summary.state in _UNFINISHED else found

    return _until("an answer of the API", look)


def _answer(message: MessageDetail, request: RequestDetail | None) -> dict[str, Any]:
    from interface.chart.kept import kept_beside

    summary = message.summary
    note = json.loads(message.note or b"{}")
    shown = summary.decision in ("post", "hold")
    detail = kept_beside(request.detail) if request is not None else {}
    body = json.loads(request.body or b"null") if request is not None else note.get("request")
    return {
        "control_id": summary.control_id,
        "type": summary.message_type,
        "decision": summary.decision,
        "reasons": summary.reasons,
        "request": body if shown else None,
        "fields": detail.get("fields", note.get("fields", [])) if shown else [],
        "left_out": [*note.get("left_out", []), *detail.get("left_out", [])],
    }


# ------------------------------------------------------------------------------------------ the rows


def _print(rows: list[Row], *, as_json: bool) -> None:
    if as_json:
        from interface.cli.output import print_json

        print_json({"messages": [_as_json(row) for row in rows]})
        return
    columns = (
        "story",
        "message",
        "type",
        "ACK",
        "decision",
        "POST",
        "correlation id",
        "webhook",
        "why, or as expected",
    )
    table(columns, [_cells(row) for row in rows])
    wrong = [row for row in rows if row.differences]
    for row in wrong:
        print(
            f"NOT AS EXPECTED  {row.sample.story}/{row.sample.name}: {safe_text('; '.join(row.differences))}"
        )
    posted = sum(1 for row in rows if row.request is not None and row.request.summary.correlation_id)
    right = len(rows) - len(wrong)
    print(f"\n{len(rows)} messages, {posted} requests taken by the API, {right} of {len(rows)} as expected")


def _status(row: Row) -> str:
    attempts = row.request.attempts if row.request is not None else ()
    return str(attempts[-1].status or attempts[-1].verdict) if attempts else ""


def _correlation(row: Row) -> str:
    return (row.request.summary.correlation_id or "") if row.request is not None else ""


def _webhook(row: Row) -> str:
    """What webhooks said of the request, if it was taken in."""
    return row.request.summary.outcome.text if row.request is not None and _correlation(row) else ""


def _cells(row: Row) -> tuple[str, ...]:
    summary = row.message.summary
    decided = summary.decision or summary.state
    why = "; ".join(reason["text"] for reason in summary.reasons) if decided != "post" else ""
    return (
        row.sample.story,
        row.sample.name,
        summary.message_type or "not HL7",
        row.ack,
        decided,
        _status(row) if decided == "post" else "",
        _correlation(row) if decided == "post" else "",
        _webhook(row) or "–" if decided == "post" else "",
        why if not row.differences else "NOT AS EXPECTED",
    )


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "story": row.sample.story,
        "name": row.sample.name,
        "ack": row.ack,
        "post_status": _status(row) or None,
        "correlation_id": _correlation(row) or None,
        "webhook": _webhook(row) or None,
        "differences": row.differences,
        **row.answer(),
    }
