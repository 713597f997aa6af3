"""The log of a running daemon, from outside: one message's life in two lines, JSON throughout, changed by SIGHUP."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import until
from ports import free_port
from running_program import NOW, Program, call, get, tell
from simulated_api import simulated_api

SETTINGS = """
[[listener]]
port = {port}
[api]
base_url = "{api}"
[log]
{log}
[web]
port = {web}
"""
JSON = 'format = "json"'


class Site:
    def __init__(self, folder: Path, api: str):
        self.port, self.web, self.api = free_port(), free_port(), api
        self.path = folder / "site.toml"

    def says(self, log: str) -> None:
        self.path.write_text(SETTINGS.format(port=self.port, web=self.web, api=self.api, log=log))

    def start(self, log: str) -> None:
        self.says(log)
        self.daemon = Program("run", "-c", str(self.path), "--now", NOW)
        self.daemon.says(r"\bready\b")

    def reload(self, log: str) -> None:
        times = self.daemon.text.count("mappings-reloaded")
        self.says(log)
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.says("mappings-reloaded", times + 1)

    def told(self) -> list[dict[str, Any]]:
        """All lines, each an object."""
        return [json.loads(line) for line in self.daemon.text.splitlines()]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with simulated_api() as (_, api):
        site = Site(tmp_path, api)
        try:
            yield site
        finally:
            site.daemon.end()


def booking(control_id: str, number: int) -> bytes:
    """A made-up booking of a patient of its own."""
    lines = (
        f"MSH|^~\\&|APP|FAC|R|R|20260302080000||SIU^S12|{control_id}|P|2.5.1",
        f"SCH||F{number}||||||||15^min|^^15^20260410093000",
        f"PID|1||Q{number}^^^^MR||Quince^Zoe||19700131|F|||7 Mill Rd^^Salem^OR^97301",
        "AIP|1||1234567893^Alder^Kim^^^^^^^^^^NPI",
    )
    return "\r".join((*lines, "")).encode()


def test_one_messages_life_is_followed_by_its_number(site: Site) -> None:
    site.start("")
    tell(site.port, booking("LKS1", 1))
    message = site.daemon.says(r"event=message id=(\d+) .*control_id=LKS1 decision=post request=(\d+) .*\n")
    ended = site.daemon.says(rf"event=request id={message[2]} message={message[1]} state=delivered .*\n")
    assert re.search(r"listener=main type=SIU\^S12 .*reasons=\S+ waited_ms=\d+\n", message[0])
    assert re.search(r"status=200 attempts=1 correlation_id=[0-9a-f-]{36} seconds=[0-9.]+\n", ended[0])


def test_json_is_json_to_the_last_line_of_both_processes(site: Site) -> None:
    site.start(JSON)
    tell(site.port, booking('A" b\\ü', 1))
    site.daemon.says('"event":"request"')
    os.kill(int(get(f"http://127.0.0.1:{site.web}/healthz")["work"]["pid"]), signal.SIGKILL)
    site.daemon.says("work-started", 2)
    site.path.write_text("[site\n")
    site.daemon.process.send_signal(signal.SIGHUP)
    site.daemon.says("reload-refused")
    os.kill(int(get(f"http://127.0.0.1:{site.web}/healthz")["work"]["pid"]), signal.SIGKILL)
    site.daemon.says("work-not-started")
    site.daemon.end()
    told = site.told()
    assert {one["process"] for one in told} == {"door", "work"}
    assert all(one["ts"].endswith("+00:00") and one["level"] and one["pid"] for one in told)
    (message,) = [one for one in told if one["event"] == "message"]
    assert message["control_id"] == 'A" b\\ü'
    (request,) = [one for one in told if one["event"] == "request"]
    assert (request["message"], request["status"], request["state"]) == (message["id"], 200, "delivered")
    assert isinstance(request["seconds"], float | int) and isinstance(message["waited_ms"], int)


def test_sighup_takes_format_level_and_what_stands_in_the_lines(site: Site) -> None:
    site.start(JSON)
    tell(site.port, booking("LKS1", 1))
    site.daemon.says('"control_id":"LKS1"')
    site.reload('format = "text"\ncontrol_id = false')
    tell(site.port, booking("LKS2", 2))
    site.daemon.says(r"level=INFO event=message id=2 listener=main type=SIU\^S12 decision=post")
    assert "LKS2" not in site.daemon.text
    site.reload("messages = false")
    tell(site.port, booking("LKS3", 3))
    site.daemon.says(r"event=attempt request=3 .*verdict=delivered")
    assert "event=message id=3" not in site.daemon.text
    site.reload('format = "json"\nmessages = false\n')
    site.says('level = "warning"\n')
    site.daemon.process.send_signal(signal.SIGHUP)
    until("the new level", lambda: _stays(site))
    assert "LKS3" not in site.daemon.text


def _stays(site: Site) -> bool:
    """Whether a POST is no longer told of."""
    number = 4 + len(re.findall("request", site.daemon.text))
    before = site.daemon.text
    tell(site.port, booking(f"LKS{number}", number))
    until("it is sent", lambda: _delivered(site))
    return site.daemon.text == before


def _delivered(site: Site) -> bool:
    done = call("requests", "-c", str(site.path), "--json")
    return all(one["state"] == "delivered" for one in json.loads(done.stdout)["requests"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"[log]\n{JSON}\n[site]\nenviroment = 'x'\n[web]\nprot = 1\n", ["enviroment", "prot"]),
        (f"[log]\n{JSON}\n[api\n", ["not readable as TOML"]),
        (f"[log]\n{JSON}\n[site]\nenvironment = 'staging'\nmrn_root = '2.999.7'\n", ["[api] key: missing"]),
        (f"[log]\n{JSON}\n[store]\nkey = 'env:NOT_THERE'\n[[listener]]\nport = 0\n", ["NOT_THERE"]),
    ],
)
def test_what_keeps_the_daemon_from_starting_is_json_too(tmp_path: Path, text: str, said: list[str]) -> None:
    (tmp_path / "site.toml").write_text(text)
    done = call("run", "-c", "site.toml", folder=tmp_path)
    told = [json.loads(line) for line in done.stderr.splitlines()]
    problems = [one["problem"] for one in told if one["event"] == "not-started"]
    assert len(problems) == len(said) == len(told)
    assert all(word in problem for word, problem in zip(said, problems, strict=True))
    assert done.returncode in (1, 2) and done.stdout == ""
