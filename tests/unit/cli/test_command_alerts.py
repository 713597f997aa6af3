"""`alerts` does not say that nothing is on where the store could not have kept what has begun, or is gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interface.cli.check_store import check_store
from interface.cli.main import main
from interface.settings import load_settings
from interface.store.errors import StoreError
from interface.store.keys import load_or_create
from interface.store.lock import StoreLock
from interface.store.store import Store, open_store


@pytest.fixture
def settings(tmp_path: Path) -> str:
    (tmp_path / "site.toml").write_text("")
    made = load_settings(tmp_path / "site.toml")
    open_store(made.store_url, load_or_create(None, tmp_path, lambda _: None)).close()
    return str(tmp_path / "site.toml")


def full(_store: Store) -> None:
    raise StoreError("the store cannot be written: the disk is full")


def test_a_store_that_takes_writes_tells_all(settings: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "-c", settings]) == 0
    assert "nothing is on" in capsys.readouterr().err


def test_a_store_that_takes_no_write_is_said_and_is_not_well(
    settings: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "check_writable", full)
    assert main(["alerts", "-c", settings]) == 1
    said = capsys.readouterr().err
    assert "nothing is on" not in said
    assert "the disk is full: alerts that began since then are not shown here" in said
    assert main(["alerts", "-c", settings, "--json"]) == 1
    assert (
        json.loads(capsys.readouterr().out)["unwritable"] == "the store cannot be written: the disk is full"
    )


def test_a_store_that_is_gone_under_a_daemon_is_to_be_brought_back(
    settings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = load_settings(Path(settings))
    assert made.store_path is not None
    made.store_path.unlink()
    assert main(["alerts", "-c", settings]) == 1
    assert "start the daemon first" in capsys.readouterr().err
    assert [level for level, _ in check_store(made)] == ["ok"]
    with StoreLock.of(made.store_path, "door"):
        assert main(["alerts", "-c", settings]) == 1
        assert "bring the file back, with its -wal; do not restart" in capsys.readouterr().err
        [(level, text)] = check_store(made)
    assert level == "FAIL"
    assert "bring the file back" in text
