"""`feed-report` over files and over a journal that a daemon may be writing."""

import io
import json
import sys
from pathlib import Path

import pytest
from small_disk import small_disk

from interface.cli.main import main
from interface.services import feed_source
from interface.store.keys import load_or_create
from interface.store.records.arrivals import Arrival
from interface.store.store import open_store

SAMPLES = Path(__file__).parents[2] / "sample_messages"
HELD = SAMPLES / "eclinicalworks-held-then-completed"
T = 1_772_461_800.0  # 2026-03-02 14:30 UTC


def raw(mrn: str, id: str, application: str = "EPIC", born: str = "19700131") -> bytes:
    lines = (
        f"MSH|^~\\&|{application}|LFC|C|D|20260302083000-0600||SIU^S12|{id}|P|2.5.1",
        f"SCH||A{mrn}|||||||||^^^20260320090000",
        f"PID|1||{mrn}^^^LFC^MR||Sample^Robin||{born}|F|||12 Birch Ln^^Madison^WI^53703",
        "AIP|1||1234567893^Quill^Avery^^^^^^NPI|ATND",
    )
    return "\r".join(lines).encode()


def arrival(n: int, listener: str = "main", application: str = "EPIC", **parts: str) -> Arrival:
    body = raw(str(1000 + n), f"M{n}", application, **parts)
    return Arrival(
        listener, application, "LFC", f"M{n}", "SIU^S12", "P", "127.0.0.1:5000", body, "stored", T + 60 * n
    )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal of six messages; the third came twice, the last is another application's on another listener."""
    (tmp_path / "site.toml").write_text(
        '[site]\ntimezone = "America/Chicago"\n[store]\nurl = "sqlite:///i.db"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HL7_INTERFACE_SETTINGS", "site.toml")
    keyring = load_or_create(None, tmp_path, lambda _: None)
    with open_store(f"sqlite:///{tmp_path}/i.db", keyring) as store:
        rows = [arrival(1), arrival(2, born="1970"), arrival(3), arrival(4), arrival(5)]
        store.journal.append([*rows, rows[2], arrival(6, "pharmacy", "PHARM")], T)
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> dict:
    assert main(["feed-report", "--json", *argv]) == code
    return json.loads(capsys.readouterr().out)


def test_the_journal_by_listener_and_sender(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = answer(capsys)
    assert (report["source"], report["messages"]) == ("journal", 6)
    main_, pharmacy = report["senders"]
    assert (main_["listener"], main_["sending_application"], main_["messages"]) == ("main", "EPIC", 5)
    assert (pharmacy["listener"], pharmacy["sending_application"], pharmacy["messages"]) == (
        "pharmacy",
        "PHARM",
        1,
    )
    assert main_["types"][0]["decisions"] == {"post": 4, "hold": 1}
    held, again = (
        finding for finding in main_["findings"] if finding["kind"] in ("held", "control-id-again")
    )
    assert held["example"] == {"message": 2, "control_id": "M2", "segment": "PID", "index": 3}
    assert again["count"] == 1
    assert main_["clock"]["messages"] == 5
    assert main_["clock"]["median"] == -180


@pytest.mark.parametrize(
    ("argv", "ids"),
    [
        (["--listener", "pharmacy"], [6]),
        (["--sender", "pharm"], [6]),
        (["--sender", "LFC", "--limit", "2"], [5, 6]),
        (["--since", "2026-03-02T14:33:30+00:00"], [4, 5, 6]),
        (["--until", "2026-03-02T14:32:30+00:00"], [1, 2]),
        (["--sender", "EPIC", "--limit", "1"], [5]),
    ],
)
def test_what_of_the_journal(
    site: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    ids: list[int],
) -> None:
    seen = []
    entries = feed_source.JournalSource.entries

    def spy(source):
        for entry in entries(source):
            seen.append(entry.number)
            yield entry

    monkeypatch.setattr(feed_source.JournalSource, "entries", spy)
    report = answer(capsys, *argv)
    assert seen == ids
    assert report["messages"] == len(ids)
    limited = "--limit" in argv
    assert any(note.startswith("only the newest") for note in report["notes"]) == limited


def test_the_journal_is_read_in_pages_and_short_transactions(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the report is made, a daemon goes on writing and the report sees what it began with."""
    monkeypatch.setattr(feed_source, "PAGE", 2)
    monkeypatch.setattr(feed_source, "_BATCH", 2)
    keyring = load_or_create(None, site, lambda _: None)
    entries = feed_source.JournalSource.entries
    with open_store(f"sqlite:///{site}/i.db", keyring) as store:

        def busy(source):
            for number, entry in enumerate(entries(source)):
                store.journal.append([arrival(100 + number)], T)
                yield entry

        monkeypatch.setattr(feed_source.JournalSource, "entries", busy)
        assert answer(capsys)["messages"] == 6
        assert len(store.views.messages(limit=50)) == 12


def test_large_bodies_come_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    source = feed_source.JournalSource(None, None, 10, None, None)  # type: ignore[arg-type]
    source._found = [(9, 10), (8, 20_000_000), (7, 10), (6, 10)]
    assert list(source._batches()) == [[6, 7], [8], [9]]


def test_an_empty_journal_is_not_well(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feed-report", "--until", "2020-01-01"]) == 1
    assert capsys.readouterr() == ("", "hl7-interface: feed-report: there is no message to report on\n")


def test_files_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feed-report", *map(str, sorted(HELD.glob("*.hl7")))]) == 0
    out = capsys.readouterr().out
    assert "== ECW | Harbor Point Pediatrics\n1 of 2 requests held (50 %)" in out
    assert "held: no date of birth (PID-7 has only a year)" in out
    assert "e.g. message 1 (HPP20260302A), segment 3 (PID)" in out


def test_files_as_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "report.html"
    assert main(["feed-report", *map(str, sorted(HELD.glob("*.hl7"))), "--html", str(page)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"wrote {page} (")
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert "held: no date of birth" in text


def test_standard_input_and_messages_of_one_sender(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = type("Piped", (), {"buffer": io.BytesIO(raw("1", "A") + b"\r" + raw("2", "B", "OTHER"))})
    monkeypatch.setattr(sys, "stdin", piped)
    report = answer(capsys, "-", "--sender", "OTHER", "--no-control-ids")
    assert report["messages"] == 1
    (sender,) = report["senders"]
    examples = [finding["example"] for finding in sender["findings"]]
    assert {example["message"] for example in examples} == {2}
    assert {example["control_id"] for example in examples} == {""}


def test_a_file_that_cannot_be_read_as_hl7_is_not_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad").write_bytes(b"\x00\xff\x01")
    (tmp_path / "empty").write_bytes(b"")
    report = answer(capsys, str(tmp_path / "bad"), str(tmp_path / "empty"), code=1)
    assert report["senders"][0]["findings"][0]["code"] == "no-msh"
    assert report["notes"][0] == "1 file is empty"
    # one message that can be read is enough
    assert answer(capsys, str(tmp_path / "bad"), *map(str, HELD.glob("01*.hl7")))["messages"] == 2


def test_empty_files_alone_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert main(["feed-report", str(tmp_path / "empty")]) == 1
    assert capsys.readouterr() == ("", "hl7-interface: feed-report: there is no message to report on\n")


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["x.hl7", "--since", "1d"], "feed-report: --since is for the journal: leave FILE out"),
        (["x.hl7", "--limit", "5"], "feed-report: --limit is for the journal: leave FILE out"),
        (["x.hl7"], "cannot read x.hl7: No such file or directory"),
        (["x.hl7", "--sample", "none"], "'none' is not a number from 1"),
        (["x.hl7", "--html", "nowhere/x.html"], "cannot write nowhere/x.html: there is no such folder"),
    ],
)
def test_wrong_usage(
    argv: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["feed-report", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert text in err
    assert err.count("\n") == 1


def test_a_full_disk_leaves_the_older_page(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with small_disk(site / "disk", mib=1) as disk:
        page = site / "disk" / "feed.html"
        page.write_text("the older one")
        disk.fill()
        assert main(["feed-report", "--html", str(page)]) == 1
        assert capsys.readouterr().err.endswith(f"cannot write {page}: No space left on device\n")
        assert page.read_text() == "the older one"
        assert not [found for found in page.parent.iterdir() if found.name.startswith(".")]


def test_the_page_goes_to_standard_output_where_a_dash_is_the_file(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["feed-report", "--html", "-"]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")
    assert not (site / "-").exists()
    assert main(["feed-report", "--html", "-", "--json"]) == 2
