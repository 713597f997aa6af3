"""The installed daemon calls somebody: once when it begins and once when it is over, by every channel, over restarts."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from mail_server import MailServer, mail_server
from patience import PATIENCE, until
from ports import free_port
from running_program import NOW, AtTerminal, Program, tell
from webhook_receiver import Receiver, receiver

SETTINGS = """
[site]
name = "Lakeside"
timezone = "America/Chicago"
[[listener]]
port = {port}
[api]
key = "file:api.key"
base_url = "{api}"
[store]
url = "sqlite:///store.db"
disk_low_mib = 0
[web]
port = {web}
[alerts]
paused_minutes = 0.01
settle_minutes = 0.02
"""
MESSAGE = "\r".join(
    (
        "MSH|^~\\&|APP|FAC|R|R|20260302080000||SIU^S12|M{n}|P|2.5.1",
        "SCH||F{n}|||||||||^^^202604100930",
        "PID|1||T{n}^^^LFC^MR||Sample^Robin||{born}|F|||12 Birch Ln^^Madison^WI^53703",
        "AIP|1||1234567893^Quill^Avery^^^^^^NPI",
    )
)
PAGE = f"""#!{sys.executable}
import sys
with open("paged", "a") as file:
    file.write(sys.stdin.read())
"""


def message(number: int, born: str = "19700131") -> bytes:
    return MESSAGE.format(n=number, born=born).encode()


class Site(AtTerminal):
    """A site in a folder, its simulated API, and a daemon that may be started again."""

    def __init__(self, folder: Path, api: str, more: str) -> None:
        self.folder, self.path = folder, folder / "site.toml"
        self.port, self.web = free_port(), free_port()
        self.path.write_text(SETTINGS.format(port=self.port, web=self.web, api=api) + more)
        self.daemon: Program

    def start(self) -> None:
        self.daemon = Program("run", "-c", str(self.path), "--now", NOW, folder=self.folder)
        self.daemon.says("event=ready")
        self.daemon.says("event=work-started")

    def alerts(self) -> list[str]:
        """The log's begins and ends, in order."""
        lines = self.daemon.text.splitlines()
        words = [line.split() for line in lines if "event=alert-begins" in line or "event=alert-ends" in line]
        return [f"{word[2].removeprefix('event=alert-')} {word[3].removeprefix('alert=')}" for word in words]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    with ExitStack() as ends:
        sandbox = Program("sandbox", "--port", "0", "--quiet", "--today", "2026-03-02", folder=tmp_path)
        ends.callback(sandbox.end)
        api = sandbox.says(r"listening on (\S+)")[1]

        def started(more: str = "", key: str = "sandbox") -> Site:
            (tmp_path / "api.key").write_text(key)
            site = Site(tmp_path, api, more)
            site.start()
            ends.callback(lambda: site.daemon.end())
            return site

        yield started


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as one:
        yield one


def told(hook: Receiver) -> list[str]:
    return [f"{one['event']} {one['alert']}" for one in hook.got]


def test_a_wrong_key_is_one_alert_and_one_clear_by_every_channel(
    tmp_path: Path, start: Callable[..., Site], hook: Receiver, mails: MailServer
) -> None:
    (tmp_path / "page").write_text(PAGE)
    (tmp_path / "page").chmod(0o755)
    (tmp_path / "hook.key").write_text("Bearer hunter2")
    site = start(
        f'webhook = "{hook.url}"\nwebhook_secret = "file:hook.key"\ncommand = ["./page"]\n'
        f'[alerts.smtp]\nhost = "127.0.0.1"\nport = {mails.port}\ntls = "none"\n'
        'from = "interface@lakeside.example"\nto = ["oncall@lakeside.example"]\n',
        key="wrong",
    )
    for number in range(30):
        tell(site.port, message(number))
    until("it is told", lambda: told(hook) == ["begins destination-paused"])
    (on,) = site.json("alerts", code=1)["on"]
    assert (on["alert"], on["level"]) == ("destination-paused", "bad")
    assert "the API does not accept the key" in on["text"]
    assert "destination-paused" in site.command("alerts", code=1)
    with socket.create_connection(("127.0.0.1", site.web), timeout=PATIENCE) as asked:
        asked.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        served = b"".join(iter(lambda: asked.recv(65536), b""))
    assert b'hl7_interface_alert{alert="destination-paused"} 1.0' in served

    (tmp_path / "api.key").write_text("sandbox")
    site.daemon.process.send_signal(signal.SIGHUP)
    both = ["begins destination-paused", "ends destination-paused"]
    until("its end is told", lambda: told(hook) == both)
    assert [one["subject"] for one in mails.has(2)] == [
        "[Lakeside] Alert: Sending is paused",
        "[Lakeside] Over: Sending is paused",
    ]
    paged = until("both are paged", lambda: _two_lines(tmp_path / "paged"))
    assert [json.loads(line)["event"] for line in paged] == ["begins", "ends"]
    assert site.alerts() == both
    answered = site.json("alerts")
    assert answered["on"] == []
    assert [one["event"] for one in answered["latest"]] == ["ends", "begins"]
    assert hook.headers[0]["authorization"] == "Bearer hunter2"
    assert "hunter2" not in site.daemon.text
    assert "Robin" not in json.dumps(hook.got) + site.daemon.text


def _two_lines(file: Path) -> list[str] | None:
    lines = file.read_text().splitlines() if file.exists() else []
    return lines if len(lines) == 2 else None


def test_a_feed_that_falls_silent_in_its_hours_is_said_once_and_once_when_it_speaks(
    start: Callable[..., Site], hook: Receiver
) -> None:
    site = start(f'webhook = "{hook.url}"\n[[alerts.feed]]\nlistener = "main"\nminutes = 0.2\n')
    tell(site.port, message(1))
    until("its silence is told", lambda: told(hook) == ["begins feed-silent"])
    assert hook.got[0]["scope"] == "main"
    tell(site.port, message(2))
    until("its end is told", lambda: told(hook)[:2] == ["begins feed-silent", "ends feed-silent"])


def held(store: Path) -> int:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=30)) as opened:
        (count,) = opened.execute("SELECT count(*) FROM requests WHERE state = 'held'").fetchone()
        return int(count)


@pytest.mark.timeout(600)
def test_ten_thousand_held_messages_are_one_alert(start: Callable[..., Site], hook: Receiver) -> None:
    site = start(f'webhook = "{hook.url}"\n')
    count = 10_000
    with socket.create_connection(("127.0.0.1", site.port), timeout=PATIENCE) as engine:
        for first in range(0, count, 100):
            frames = (b"\x0b" + message(number, born="") + b"\x1c\r" for number in range(first, first + 100))
            engine.sendall(b"".join(frames))
            acks = b""
            while acks.count(b"\x1c\r") < 100:
                acks += engine.recv(65536)
            assert acks.count(b"MSA|AA|") == 100
    until("all are held", lambda: held(site.folder / "store.db") == count, patience=500)
    until("it is told", lambda: "begins held-share" in told(hook))
    assert told(hook) == ["begins held-share"]
    assert site.alerts() == ["begins held-share"]


def test_a_stop_while_somebody_is_called_loses_nothing_and_the_next_start_calls_once(
    start: Callable[..., Site], tmp_path: Path
) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as deaf:
        site = start(f'webhook = "http://127.0.0.1:{port}/hook"\n', key="wrong")
        for number in range(3):
            tell(site.port, message(number))
        deaf.settimeout(PATIENCE)
        connection, _ = deaf.accept()  # it is on its way, and nobody answers
        with connection:
            site.daemon.end()
            assert site.daemon.process.returncode == 0
    assert site.json("alerts", code=1)["running"] is False
    with receiver(port=port) as hook:
        site.start()
        until("it is told now", lambda: told(hook) == ["begins destination-paused"])
        (tmp_path / "api.key").write_text("sandbox")
        site.daemon.process.send_signal(signal.SIGHUP)
        until("its end, too", lambda: told(hook) == ["begins destination-paused", "ends destination-paused"])
        assert site.alerts() == ["ends destination-paused"], "what was on is not said again"
        assert len({one["id"] for one in hook.got}) == 2
        site.daemon.end()


def test_a_test_is_told_by_every_channel_and_what_fails_is_said(
    tmp_path: Path, hook: Receiver, mails: MailServer
) -> None:
    class Alone(AtTerminal):
        path = tmp_path / "site.toml"

    alone = Alone()
    alone.path.write_text("")
    assert "names no channel" in alone.command("alerts", "test")
    mail = (
        f'[alerts.smtp]\nhost = "127.0.0.1"\nport = {mails.port}\ntls = "none"\nfrom = "a@b"\nto = ["c@d"]\n'
    )
    alone.path.write_text(f'[alerts]\nwebhook = "{hook.url}"\ncommand = ["false"]\n{mail}')
    said = alone.command("alerts", "test", code=1)
    assert said.split("\n")[:3] == ["webhook  told", "mail     told", "command  failed: it ended with 1"]
    assert hook.got[0]["alert"] == "test"
    assert "nothing is wrong" in mails.got[0].get_content()
    found: Any = alone.json("alerts", "test", code=1)
    assert [one["told"] for one in found["channels"]] == [True, True, False]


def test_what_somebody_has_looked_at_is_named_by_its_alert(start: Callable[..., Site]) -> None:
    site = start()
    assert site.command("alerts", "seen").splitlines() == [
        "dead-letters: there is none",
        "messages-failed: there is none",
    ]
    assert "counts nothing that can be looked at" in site.command("alerts", "seen", "disk-low", code=2)
