"""`check` says whether somebody can be called, and proposes which feeds to watch from what is in the store."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from interface.cli.check_alerts import check_alerts
from interface.errors import InterfaceError
from interface.settings import Settings, SettingsError, load_settings
from interface.store.keys import load_or_create
from interface.store.records.arrivals import Arrival
from interface.store.store import open_store

HOUR = 3600


@pytest.fixture
def site(tmp_path: Path) -> Any:
    def made(text: str) -> Settings:
        (tmp_path / "site.toml").write_text(text)
        return load_settings(tmp_path / "site.toml")

    return made


def found(settings: Settings) -> list[tuple[str, str]]:
    return list(check_alerts(settings))


def test_without_a_channel_that_is_said(site: Any) -> None:
    assert ("warn", "[alerts] names no channel: alerts stand in the log alone") in found(site(""))
    assert ("warn", "no feed is watched for silence ([[alerts.feed]], docs/alerts.md)") in found(site(""))


def test_each_channel_is_looked_at(site: Any, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("#!/bin/sh\n")
    (tmp_path / "page").chmod(0o755)
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0o644)
    said = found(
        site(
            '[alerts]\ncommand = ["./page"]\nwebhook = "http://localhost/x"\nwebhook_secret = "file:secret"\n'
            '[alerts.smtp]\nhost = "localhost"\nfrom = "a@b"\nto = ["c@d"]\n'
        )
    )
    assert ("ok", f"command {tmp_path / 'page'}") in said
    assert ("ok", "webhook at localhost") in said
    assert ("ok", "mail to c@d by localhost:587 (starttls)") in said
    assert any(level == "warn" and "others may read" in text for level, text in said)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[alerts]\ncommand = ["./gone"]', "there is no file"),
        ('[alerts]\ncommand = ["./site.toml"]', "may not be run: chmod"),
        ('[alerts]\ncommand = ["no-such-program-here"]', "no program no-such-program-here in PATH"),
        ('[alerts]\nwebhook = "https://no-such-host.invalid/"', "no-such-host.invalid cannot be found"),
        (
            '[alerts]\nwebhook = "https://localhost/"\nwebhook_ca = "gone.pem"',
            "webhook_ca: .*gone.pem cannot be read",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(site: Any, text: str, why: str) -> None:
    with pytest.raises(InterfaceError, match=why):
        found(site(text))


def test_a_secret_that_is_not_there_is_a_fault_of_the_settings(site: Any) -> None:
    with pytest.raises(SettingsError, match="ALERT_SECRET_X is not set"):
        found(site('[alerts]\nwebhook = "https://localhost/"\nwebhook_secret = "env:ALERT_SECRET_X"'))


def test_a_plain_webhook_elsewhere_is_warned_of(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: [])
    said = found(site('[alerts]\nwebhook = "http://hook.example.org/"'))
    assert any(level == "warn" and "use https" in text for level, text in said)


def test_feeds_are_proposed_from_what_came_and_can_be_pasted(site: Any, tmp_path: Path) -> None:
    text = '[site]\ntimezone = "UTC"\n[store]\nurl = "sqlite:///store.db"\n'
    settings = site(text)
    master = load_or_create(None, tmp_path, lambda _: None)
    last = int(time.time() // HOUR) * HOUR
    with open_store(settings.store_url, master) as store:
        rows = [
            Arrival(name, "EPIC", "LFC", f"C{hour}-{n}", "ADT^A08", "P", "x", b"MSH|", "stored", at)
            for hour in range(21 * 24, 0, -1)
            if 8 <= (at := float(last - hour * HOUR)) // HOUR % 24 < 16
            for n in range(15)
            for name in ("main", "load", "of-before")  # history of each day, and a listener that is gone
        ]
        for place in range(0, len(rows), 500):
            store.journal.append(rows[place : place + 500], rows[place].received_at)
    said = found(settings)
    (proposal,) = [text for level, text in said if "could be watched" in text]
    lines = proposal.partition("\n")[2]
    assert lines.strip() == '[[alerts.feed]]\nlistener = "main"\nwindows = ["09:00-15:00"]\nminutes = 60'
    pasted = found(site(text + lines))
    assert ("ok", "watched for silence: main") in pasted
    assert not any("could be watched" in text for _, text in pasted)
