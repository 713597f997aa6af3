"""Paths as people write them."""

from pathlib import Path

import pytest

from interface.paths import at_home


def test_a_tilde_is_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/of/one")
    assert at_home("~/key") == Path("/home/of/one/key")
    assert at_home(Path("~/key")) == Path("/home/of/one/key")


def test_a_home_that_nobody_has_stands_as_it_is() -> None:
    assert at_home("~nobody-is-called-so/key") == Path("~nobody-is-called-so/key")
