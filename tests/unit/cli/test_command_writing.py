"""A page that a command writes: whole or not at all, and never in the place of what is no file."""

import os
import stat
from pathlib import Path

import pytest

from interface.cli.main import main
from interface.cli.writing import whole_file, write_whole


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


@pytest.mark.parametrize("new", [True, False])
def test_what_breaks_off_leaves_nothing_and_the_older_one_as_it_was(new: bool, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    if not new:
        page.write_text("before")
    with pytest.raises(KeyboardInterrupt), whole_file(page, new=new) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert {found.name: found.read_text() for found in tmp_path.iterdir()} == (
        {} if new else {page.name: "before"}
    )


def test_a_new_file_takes_the_place_of_none_that_was_made_meanwhile(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    with pytest.raises(FileExistsError), whole_file(page, new=True) as file:
        file.write(b"ours")
        page.write_text("theirs")
    assert {found.name: found.read_text() for found in tmp_path.iterdir()} == {page.name: "theirs"}


@pytest.mark.parametrize(("before", "after"), [(None, 0o644), (0o640, 0o640)])
def test_a_page_for_others_is_read_by_whom_the_older_one_was(
    before: int | None, after: int, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    if before is not None:
        page.touch()
        page.chmod(before)
    mask = os.umask(0o022)
    try:
        write_whole(page, "after", mode=None)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(page.stat().st_mode) == after


def test_init_prints_the_settings_where_a_dash_is_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "-", "--yes"]) == 0
    printed = capsys.readouterr()
    assert main(["init", "s.toml", "--yes"]) == 0
    assert (printed.out, printed.err) == (Path("s.toml").read_text("utf-8"), "")
    assert [found.name for found in tmp_path.iterdir()] == ["s.toml"]


def test_what_lies_in_the_place_beside_is_not_written_into(tmp_path: Path) -> None:
    page, theirs = tmp_path / "page.html", tmp_path / "theirs"
    theirs.write_text("theirs")
    (tmp_path / f".page.html.{os.getpid()}").symlink_to(theirs)
    write_whole(page, "ours")
    assert (page.read_text(), theirs.read_text()) == ("ours", "theirs")
    assert not page.is_symlink()
