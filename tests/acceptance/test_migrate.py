"""`migrate`: a clinic's store moves from its file to a server, and the daemon goes on there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from patience import until
from running_program import Program, call
from site_in_trouble import Site
from stream import Stream


@pytest.mark.timeout(300)
def test_a_store_moves_to_postgresql_and_goes_on_there(tmp_path: Path, own_server: Any) -> None:
    sandbox = Program("sandbox", "--port", "0", "--quiet", "--keep", "100000")
    api = sandbox.says(r"http://\S+:\d+").group()
    site = Site(tmp_path, api, "sqlite:///store.db")
    with Stream([site.port], 2, 3, 3) as stream:
        pass
    until("everything to come to rest", site.at_rest)
    command = ("migrate", "-c", str(site.path), "--to", own_server.url("clinic"))
    refused = call(*command)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "a daemon runs on" in refused.stderr
    site.daemon.end()
    before = site.lists("messages"), site.lists("requests")
    done = call(*command, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["rows"]["messages"] == 18
    assert answer["opened"] > 18
    assert "messages: 18 of 18" in done.stderr
    again = call(*command)
    assert (again.returncode, "is not empty" in again.stderr) == (1, True)
    site.path.write_text(site.path.read_text().replace("sqlite:///store.db", own_server.url("clinic")))
    assert (site.lists("messages"), site.lists("requests")) == before
    site.start()
    with Stream([site.port], 2, 3, 4) as stream:
        pass
    until("everything to come to rest", site.at_rest)
    assert len(site.lists("messages")) == stream.total, "what was known before is known as the same"
    stream.holds(api, site.lists("messages"), site.lists("requests"))
    checked = call("check", "-c", str(site.path))
    assert "PostgreSQL 18" in checked.stdout
    assert "FAIL  store: fsync is off" in checked.stdout, "the server of the tests"
    site.daemon.end()
    sandbox.end()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--to", "sqlite:///other.db"), "--to must be postgresql+psycopg://"),
        (("--to", "postgresql+psycopg://u:hunter2@h/d"), "must not hold the password"),
        (
            ("--to", "postgresql+psycopg://u@h/d", "--from", "postgresql+psycopg://u@h/e"),
            "--from must be sqlite",
        ),
        (
            ("--to", "postgresql+psycopg://u@h/d", "--password", "hunter2"),
            "--password: must say where the password",
        ),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    (tmp_path / "site.toml").write_text("")
    done = call("migrate", "-c", "site.toml", *arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "hunter2" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
