"""`backup`, `purge` and `messages export` of the installed program, beside a daemon and without one."""

from __future__ import annotations

import json
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from patience import until
from ports import free_port
from running_program import Program
from small_disk import small_disk

from interface.cli.main import main
from interface.store.keys import load_or_create
from interface.store.records.arrivals import Arrival
from interface.store.store import open_store

T = 1_772_700_000.0
HEAD = "MSH|^~\\&|EPIC|LFC|C|D|20260305||ADT^A28|{0}|P|2.5.1\rPID|1||{0}^^^LFC^MR||Doe^Jané\r"


def arrival(number: int, raw: bytes | None = None) -> Arrival:
    raw = HEAD.format(f"M{number}").encode("latin-1") if raw is None else raw
    return Arrival("main", "EPIC", "LFC", f"M{number}", "ADT^A28", "P", "x", raw, "stored", T + number)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of three messages without a daemon, in the current folder."""
    (tmp_path / "site.toml").write_text('[store]\nurl = "sqlite:///interface.db"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HL7_INTERFACE_SETTINGS", "site.toml")
    fill(tmp_path, *(arrival(number) for number in (1, 2, 3)))
    return tmp_path


def fill(folder: Path, *arrivals: Arrival) -> None:
    master = load_or_create(None, folder, lambda _: None)
    with open_store(f"sqlite:///{folder}/interface.db", master) as store:
        store.journal.append(arrivals, T)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# ---------------------------------------------------------------- export


def test_messages_are_exported_as_they_came_and_read_again(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["messages", "export", "--type", "ADT^A28", "--to", "out.hl7"]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "3 messages in out.hl7: patient data, mode 0600\n")
    whole = b"".join(arrival(number).raw for number in (1, 2, 3))
    assert (site / "out.hl7").read_bytes() == whole, "oldest first, byte for byte"
    assert mode(site / "out.hl7") == 0o600
    assert main(["explain", "out.hl7", "--json"]) == 0
    read = json.loads(capsys.readouterr().out)["messages"]
    assert [message["control_id"] for message in read] == ["M1", "M2", "M3"]


def test_an_export_overwrites_nothing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "out.hl7").write_text("mine")
    assert main(["messages", "export", "--all", "--to", "out.hl7"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert (site / "out.hl7").read_text() == "mine"


def test_a_disk_that_is_full_is_said_in_one_line(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "disk", mib=1) as disk:
        disk.fill()
        before = sorted(found.name for found in (tmp_path / "disk").iterdir())
        assert main(["messages", "export", "--all", "--to", "disk/out.hl7"]) == 1
        said = capsys.readouterr().err
        assert said.endswith("out.hl7 cannot be written: No space left on device; nothing is left behind\n")
        assert sorted(found.name for found in (tmp_path / "disk").iterdir()) == before


def test_one_file_each_in_a_folder(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = "no HL7 at all".encode("utf-16")
    fill(site, arrival(4, odd))
    (site / "out").mkdir()
    assert main(["messages", "export", "2", "4", "--to", "out", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(row["id"], row["control_id"], Path(row["file"]).name) for row in listed["messages"]] == [
        (2, "M2", "message-00000002.hl7"),
        (4, "M4", "message-00000004.hl7"),
    ]
    assert (site / "out" / "message-00000004.hl7").read_bytes() == odd
    assert {mode(path) for path in (site / "out").iterdir()} == {0o600}
    assert main(["messages", "export", "2", "--to", "out"]) == 1
    assert "message 2 was not written: message-00000002.hl7 is there already" in capsys.readouterr().err


def test_what_would_be_glued_to_another_message_is_not_put_into_one_file(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(site, arrival(4, b"no HL7 at all"), arrival(5))
    assert main(["messages", "export", "--all", "--to", "out.hl7", "--json"]) == 1
    listed = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in listed["messages"]] == [1, 2, 3, 5]
    assert [row["id"] for row in listed["not_written"]] == [4]
    assert (site / "out.hl7").read_bytes().count(b"MSH") == 4


def test_an_export_into_a_pipe_is_the_messages_alone(site: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "interface", "messages", "export", "1", "--to", "-"],
        capture_output=True,
        check=True,
    )
    assert done.stdout == arrival(1).raw
    assert done.stderr == b"1 message in standard output\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "x"], "say which"),
        (["1", "--all", "--to", "x"], "say which"),
        (["--all", "--to", "-", "--json"], "no --json"),
        (["9", "--to", "x"], "there is no message 9"),
        (["1", "--to", "nowhere/x"], "nowhere/x cannot be made: No such file or directory"),
    ],
)
def test_what_cannot_be_exported(
    site: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["messages", "export", *arguments]) in (1, 2)
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["messages", "export", "--all", "--to"], ["backup"]], ids=["export", "backup"]
)
def test_a_folder_that_is_not_there_does_not_become_a_file(
    command: list[str], site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "out/"]) == 1
    assert capsys.readouterr().err == "hl7-interface: there is no folder out/: make it first\n"
    assert not (site / "out").exists()


# ---------------------------------------------------------------- backup


def test_backups_in_a_folder_bear_their_time_and_the_oldest_go(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "backups").mkdir()
    others = [
        "interface-20200101T000000Z.db",
        "interface-20200102T000000Z.db",
        "interface-mine.db",
        "notes.txt",
    ]
    for name in others:
        (site / "backups" / name).write_text("x")
    assert main(["backup", "backups", "--keep", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verified"], told["rows"]["messages"], told["has_key"]) == (True, 3, False)
    assert [Path(path).name for path in told["deleted"]] == ["interface-20200101T000000Z.db"]
    left = {path.name for path in (site / "backups").iterdir()}
    assert left == {*others[1:], Path(told["file"]).name}
    assert mode(Path(told["file"])) == 0o600
    assert main(["backup", "--verify", told["file"]]) == 0
    said = capsys.readouterr()
    assert "good" in said.out and "3 messages" in said.out
    assert "the at-rest key is not in it" in said.err


def test_the_backup_that_was_just_made_stays_though_older_ones_bear_a_later_time(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Made while the machine's clock was years ahead."""
    folder = site / "backups"
    folder.mkdir()
    later = [folder / f"interface-2099010{day}T000000Z.db" for day in (1, 2)]
    for path in later:
        path.write_text("")
    assert main(["backup", "backups", "--keep", "2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["deleted"] == [str(Path("backups") / later[0].name)]
    assert sorted(folder.iterdir()) == sorted([site / answer["file"], later[1]])


def test_a_store_of_an_older_version_is_not_to_be_started_first(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The start brings it up to date, and the backup would be of no use to the old program."""
    with closing(sqlite3.connect(site / "interface.db")) as store:
        store.execute("UPDATE schema_version SET version = version - 1")
        store.commit()
    assert main(["backup", "copy.db"]) == 1
    said = capsys.readouterr().err
    assert "of an older version, which this program does not copy: use the old program, or stop" in said
    assert "start" not in said and said.count("\n") == 1
    assert not (site / "copy.db").exists()


def test_a_bad_backup_is_exit_1_and_one_line(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "copy.db"]) == 0
    good = (site / "copy.db").read_bytes()
    (site / "copy.db").write_bytes(good[: len(good) // 2])
    capsys.readouterr()
    assert main(["backup", "--verify", "copy.db"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["backup", "copy.db"]) == 1
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["x", "--verify", "y"], ["x", "--keep", "2"], ["x", "--keep", "0"]]
)
def test_wrong_usage_of_backup(site: Path, arguments: list[str]) -> None:
    assert main(["backup", *arguments]) == 2


def test_a_backup_of_before_a_rotation_is_verified_with_the_old_key(site: Path) -> None:
    assert main(["backup", "copy.db"]) == 0
    assert main(["keys", "rotate"]) == 0
    (old,) = site.glob("at-rest.key.*.old")
    assert main(["backup", "--verify", "copy.db"]) == 2
    assert main(["backup", "--verify", "copy.db", "--key", f"file:{old.name}"]) == 0


# ---------------------------------------------------------------- beside a daemon


@pytest.fixture
def daemon(site: Path) -> Iterator[Program]:
    (site / "site.toml").write_text(
        f'[[listener]]\nport = {free_port()}\n[store]\nurl = "sqlite:///interface.db"\n'
        f"[api]\nbase_url = 'http://127.0.0.1:{free_port()}'\n[web]\nport = {free_port()}\n"
    )
    program = Program("run", "-c", "site.toml")
    program.says(r"\bready\b")
    try:
        yield program
    finally:
        program.end()


def test_beside_a_daemon_the_store_is_copied_restored_and_purged(
    site: Path, daemon: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    def states() -> set[str]:
        assert main(["messages", "--json"]) == 0
        return {row["state"] for row in json.loads(capsys.readouterr().out)["messages"]}

    until("decided", lambda: states() == {"done"})
    daemon.process.send_signal(signal.SIGHUP)  # else the daemon's own comes a minute after the start
    daemon.says("event=purged")
    assert main(["backup", "copy.db"]) == 0
    capsys.readouterr()
    assert main(["purge", "--dry-run", "--json", "--now", "2035-01-01"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["counts"]["charts"], told["counts"]["messages"]) == (3, 3)
    assert main(["purge", "--json", "--yes", "--now", "2035-01-01"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["counts"]["messages"] == 0, "the daemon's clock counts, and there nothing is old"
    daemon.end()
    assert main(["purge", "--json", "--yes", "--now", "2035-01-01"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["messages"] == 3
    assert main(["messages", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["messages"] == []

    for name in ("interface.db", "interface.db-wal", "interface.db-shm"):
        (site / name).unlink(missing_ok=True)
    (site / "copy.db").rename(site / "interface.db")
    again = Program("run", "-c", "site.toml")
    try:
        again.says(r"\bready\b")
        assert main(["messages", "show", "3", "--json"]) == 0
        assert "M3" in json.loads(capsys.readouterr().out)["raw"]
    finally:
        again.end()


def test_a_purge_is_counted_and_asked_for_first(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["purge", "--now", "2035-01-01"]) == 0
    assert "would go  nothing" in capsys.readouterr().out, "what is not decided never goes"
