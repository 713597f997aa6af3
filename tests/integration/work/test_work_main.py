"""The work as the door starts it: a settings file, a real message, the real mapping."""

import os
import re
import subprocess
import sys
import time

import pytest
from prepared import run_prepared

from interface.services.work import GIVES_WAY
from interface.settings import load_settings
from interface.settings.reload import bearings
from interface.store.keys import load_or_create
from interface.store.records.arrivals import Arrival
from interface.store.store import open_store

SIU = "\r".join(
    [
        r"MSH|^~\&|APP|FAC|||20260305090000||SIU^S12^SIU_S12|C1|P|2.5",
        "SCH|P1|F1^APP||||||FOLLOWUP|||^^30^20260312093000",
        "PID|1||12345^^^LFC^MR||EXAMPLE^ANNA||19700102|F|||1 MAIN ST^^SPRINGFIELD^IL^62701||555-555-0100",
        "RGS|1",
        "AIP|1||1234567893^DOE^JANE^^^^^^NPI&2.16.840.1.113883.4.6&ISO^L^^^NPI|||20260312093000",
        "",
    ]
).encode()

SETTINGS = """
[site]
name = "Example"
environment = "sandbox"
mrn_root = "2.999.1.1"
timezone = "America/Chicago"
[api]
base_url = "{base}"
key = "env:WORK_TEST_KEY"
timeout_seconds = 5
[store]
url = "sqlite:///interface.db"
"""


@pytest.fixture
def settings(tmp_path, api):
    file = tmp_path / "interface.toml"
    file.write_text(SETTINGS.format(base=api.url.removesuffix("/v1/scheduled-appointment")))
    return file


def command(settings, *more):
    return [sys.executable, "-W", "error", "-m", "interface.services.work", str(settings), *more]


def test_a_message_becomes_a_request_by_the_real_mapping(settings, tmp_path, api, until):
    keyring = load_or_create(None, tmp_path, lambda _: None)
    with open_store(f"sqlite:///{tmp_path}/interface.db", keyring) as store:
        now = time.time()
        store.journal.append(
            [Arrival("main", "APP", "FAC", "C1", "SIU^S12", "P", "peer", SIU, "stored", now)], now
        )
        process = subprocess.Popen(
            command(settings, "--now", "2026-03-05T09:00:00-06:00"),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "WORK_TEST_KEY": "key-of-the-test"},
        )
        try:
            until(lambda: api.taken or process.poll() is not None)
            nicer = os.getpriority(os.PRIO_PROCESS, process.pid) - os.getpriority(os.PRIO_PROCESS, 0)
        finally:
            _, log = process.communicate()
        assert process.returncode == 0, log
        assert nicer == GIVES_WAY, "the door's answers come first"
        (message,) = store.views.messages()
        assert (message.state, message.decision) == ("done", "post")
        assert [request.state for request in store.views.requests()] == ["delivered"]
    (told,) = api.seen
    assert told["upcomingAppointmentDate"] == "2026-03-12"
    assert api.headers[0]["apiKey"] == "key-of-the-test"
    assert b"ANNA" not in log and b"key-of-the-test" not in log


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((b"[store]", b'[[listener]]\ntls_certificate = "c.pem"\n[store]'), b"needs tls_key"),
        ((b"[store]", b"[stoer]"), b"stoer"),
    ],
)
def test_settings_it_must_not_run_with_are_refused_in_one_line(settings, change, says):
    settings.write_bytes(settings.read_bytes().replace(*change))
    ended = run_prepared(command(settings), env={**os.environ, "WORK_TEST_KEY": "k"}, text=False)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_started_anew_it_does_not_follow_settings_to_another_store_than_the_doors(settings):
    began = bearings(load_settings(settings))
    text = settings.read_text()
    settings.write_text(re.sub(r'url = "sqlite.*"', 'url = "sqlite:///other.db"', text))
    assert settings.read_text() != text
    ended = run_prepared(
        command(settings, "--began", began), env={**os.environ, "WORK_TEST_KEY": "k"}, text=False
    )
    assert ended.returncode == 2
    assert (
        b"work-not-started" in ended.stderr
        and b"[store] url: changed since the daemon was started" in ended.stderr
    )
    assert ended.stderr.count(b"\n") == 1


def test_without_the_stores_key_it_says_so_and_ends(settings):
    ended = run_prepared(command(settings), env={**os.environ, "WORK_TEST_KEY": "k"}, text=False)
    assert ended.returncode == 1
    assert ended.stderr.count(b"\n") == 1
    assert b"work-failed" in ended.stderr
