"""A page that a command writes: whole or not at all, and never in the place of what is no file."""

import os
import stat
from pathlib import Path

import pytest

from interface.cli.main import main
from interface.cli.writing import write_whole


def test_an_older_page_is_replaced_for_its_owner_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("before")
    page.chmod(0o644)
    write_whole(page, "Łódź")
    assert page.read_text("utf-8") == "Łódź"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [page]


def test_a_link_leads_to_its_file(tmp_path: Path) -> None:
    page, link = tmp_path / "page.html", tmp_path / "latest.html"
    page.write_text("before")
    link.symlink_to(page)
    write_whole(link, "after")
    assert link.is_symlink() and page.read_text() == "after"


def test_what_is_no_file_is_written_into_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, "a page")
        assert os.read(reader, 100) == b"a page"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_is_no_page_and_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "folder", "a page")
    assert [found.name for found in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("name", [".", "folder"])
def test_init_does_not_take_a_folder_for_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    assert main(["init", name, "--yes", "--force"]) == 2
    assert capsys.readouterr().err == f"hl7-interface: init: cannot write {name}: Is a directory\n"
    assert [found.name for found in tmp_path.iterdir()] == ["folder"]
