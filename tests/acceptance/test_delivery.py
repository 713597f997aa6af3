"""The installed daemon and an API that does not take its key: what is seen from outside, and what puts it right."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE, until
from ports import free_port
from running_program import NOW, Program, call, get, states, tell

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
MESSAGE = "\r".join(
    (
        "MSH|^~\\&|APP|FAC|R|R|20260302080000||SIU^S12|M{n}|P|2.5.1",
        "SCH||F{n}|||||||||^^^202604100930",
        "PID|1||T{n}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703",
        "AIP|1||1234567893^Quill^Avery^^^^^^NPI",
    )
)


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
    daemon = Program("run", "-c", "site.toml", "--now", NOW, folder=tmp_path, from_nothing=True)
    try:
        daemon.says("event=ready")
        for number in range(8):
            tell(port, MESSAGE.format(n=number).encode())
        daemon.says("level=ERROR event=destination-paused reason=not-authorised status=401")

        def paused() -> Any:
            told = get(f"http://127.0.0.1:{web}/readyz")
            return told if (told["destination"] or {}).get("state") == "paused" else None

        ready = until("readyz tells of the pause", paused)
        assert ready["ready"] is True, "it takes messages all the same"
        assert ready["destination"]["reason"] == "not-authorised"
        with urllib.request.urlopen(f"http://127.0.0.1:{web}/metrics", timeout=PATIENCE) as reply:
            assert b'hl7_interface_destination{state="paused"} 1.0' in reply.read()
        listed = call("requests", "--json", "-c", "site.toml", folder=tmp_path).stdout
        assert json.loads(listed)["destination"]["state"] == "paused"
        shown = call("requests", "-c", "site.toml", folder=tmp_path).stdout
        assert shown.startswith("sending is paused since 2026-03-02")

        (tmp_path / "api.key").write_text("sandbox")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.says("event=api-key-reloaded")
        daemon.says("event=destination-works-again was=paused")

        until("everything is delivered", lambda: states(tmp_path / "store.db") == ["delivered"] * 8)
        assert daemon.text.count("event=destination-paused") == 1
        assert "Robin" not in daemon.text
    finally:
        daemon.end()
