"""`run` reads the mapping in a process that ends with it."""

from __future__ import annotations

import os

import pytest

from interface.cli.run import _read_aside
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
