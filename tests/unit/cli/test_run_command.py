"""`run` before the daemon: the mapping is read in a process that ends with it; when its clock begins."""

from __future__ import annotations

import io
import os
import signal
import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interface.cli.run import _read_aside, a_time, run
from interface.services import daemon
from interface.settings import SettingsError


def test_what_is_read_aside_is_not_read_here() -> None:
    here: list[int] = []
    _read_aside(lambda: here.append(os.getpid()))()
    assert not here


def test_what_goes_wrong_aside_is_said_here() -> None:
    def read() -> None:
        raise SettingsError("no such folder")

    well = _read_aside(read)
    with pytest.raises(SettingsError, match="no such folder"):
        well()


def test_nothing_is_said_twice(capfd: pytest.CaptureFixture[str]) -> None:
    well = _read_aside(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        well()
    assert capfd.readouterr() == ("", "")


def test_the_day_that_now_names_begins_at_the_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[datetime] = []
    monkeypatch.setattr(daemon, "run_door", lambda _path, now, **_: begun.append(now) or 0)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    settings = tmp_path / "site.toml"
    settings.write_text('[site]\ntimezone = "Pacific/Honolulu"\n')
    for text in ("2026-03-08", "2026-03-08T10:00Z"):
        assert run(Namespace(config=str(settings), now=a_time(text))) == 0
    assert begun == [datetime(2026, 3, 8, 10, tzinfo=UTC)] * 2


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_what_is_said_of_the_key_keeps_no_daemon_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Full())
    daemon._announce("the at-rest key file is open to every user of this machine")
