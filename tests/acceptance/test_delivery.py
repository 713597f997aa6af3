"""The installed daemon and an API that does not take its key: what is seen from outside, and what puts it right."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running_program import Program, free_port, until

SETTINGS = """
[site]
timezone = "America/Chicago"
[[listener]]
port = {port}
[api]
key = "file:api.key"
base_url = "{api}"
requests_per_second = 20
concurrency = 4
[store]
url = "sqlite:///store.db"
[web]
port = {web}
"""
NOW = "2026-03-02T09:00:00-06:00"
MESSAGE = "\r".join(
    (
        "MSH|^~\\&|APP|FAC|R|R|20260302080000||SIU^S12|M{n}|P|2.5.1",
        "SCH||F{n}|||||||||^^^202604100930",
        "PID|1||T{n}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703",
        "AIP|1||1234567893^Quill^Avery^^^^^^NPI",
    )
)


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as reply:
        return str(reply.read().decode())


def call(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "interface", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    program = Program("sandbox", "--port", "0", "--quiet", "--today", "2026-03-02", folder=tmp_path)
    yield program.says(r"listening on (\S+)")[1]
    program.end()


def test_a_wrong_key_pauses_sending_visibly_and_the_right_one_is_taken_on_sighup(
    tmp_path: Path, api: str
) -> None:
    port, web = free_port(), free_port()
    (tmp_path / "site.toml").write_text(SETTINGS.format(port=port, web=web, api=api))
    (tmp_path / "api.key").write_text("wrong")
    for number in range(8):
        (tmp_path / f"{number}.hl7").write_text(MESSAGE.format(n=number))
    daemon = Program("run", "-c", "site.toml", "--now", NOW, folder=tmp_path)
    try:
        daemon.says("event=ready")
        files = [f"{number}.hl7" for number in range(8)]
        call(tmp_path, "send", *files, "--to", f"127.0.0.1:{port}")
        daemon.says("level=ERROR event=destination-paused reason=not-authorised status=401")

        def paused() -> Any:
            told = json.loads(get(web, "/readyz"))
            return told if (told["destination"] or {}).get("state") == "paused" else None

        ready = until("readyz tells of the pause", paused)
        assert ready["ready"] is True, "it takes messages all the same"
        assert ready["destination"]["reason"] == "not-authorised"
        assert 'hl7_interface_destination{state="paused"} 1.0' in get(web, "/metrics")
        listed = json.loads(call(tmp_path, "requests", "--json", "-c", "site.toml"))
        assert listed["destination"]["state"] == "paused"
        assert call(tmp_path, "requests", "-c", "site.toml").startswith("sending is paused since 2026-03-02")

        (tmp_path / "api.key").write_text("sandbox")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.says("event=api-key-reloaded")
        daemon.says("event=destination-works-again was=paused")

        def states() -> bool:
            requests = json.loads(call(tmp_path, "requests", "--json", "-c", "site.toml"))["requests"]
            return [request["state"] for request in requests] == ["delivered"] * 8

        until("everything is delivered", states)
        assert daemon.text.count("event=destination-paused") == 1
        assert "Robin" not in daemon.text
    finally:
        daemon.end()
