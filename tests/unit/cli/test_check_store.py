"""`check` of a store that is not there yet: it says beforehand what would keep the first start from making it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from interface.cli.check_store import check_disk, check_key, check_store
from interface.cli.checks import guarded
from interface.settings import load_settings


def spoiled(folder: Path, spoil: Callable[[Path], object]) -> list[tuple[str, str]]:
    (folder / "site.toml").write_text('[store]\nurl = "sqlite:///var/store.db"\n')
    spoil(folder)
    settings = load_settings(folder / "site.toml")
    found = guarded("store", check_store, settings) + guarded("key", check_key, settings)
    return [(one.level, one.detail) for one in found]


def made(path: Path) -> Path:
    path.parent.mkdir()
    return path


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "var").write_text("x"), "var is a file"),
        (lambda folder: made(folder / "var" / "store.db").mkdir(), "what is there is no file"),
        (lambda folder: os.mkfifo(made(folder / "var" / "store.db")), "what is there is no file"),
        (lambda folder: made(folder / "var" / "store.db-wal").write_text("x"), "bring that file back"),
        (lambda folder: (folder / "at-rest.key").symlink_to("/nowhere/at.key"), "is a link to"),
    ],
)
def test_what_keeps_it_from_being_made_is_a_failure(
    tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    (failure,) = [text for level, text in spoiled(tmp_path, spoil) if level == "FAIL"]
    assert said in failure


@pytest.mark.parametrize("spoil", [lambda _: None, lambda folder: made(folder / "var" / "store.db").touch()])
def test_where_it_may_be_made_that_is_said(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    assert {level for level, _ in spoiled(tmp_path, spoil)} == {"ok"}


def test_the_room_that_counts_is_that_of_the_file_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "store.db").symlink_to("disk/store.db")
    (tmp_path / "site.toml").write_text('[store]\nurl = "sqlite:///store.db"\n')
    ((_, said),) = check_disk(load_settings(tmp_path / "site.toml"))
    assert said.endswith(f" free at {tmp_path / 'disk'}")
