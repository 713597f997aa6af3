"""What `load` makes of files: what kind they are, their lines, what is bad where; and the summary."""

import gzip
import io
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interface.cli.common import UsageError
from interface.cli.load_files import Bad, Piece, look_at, text_lines
from interface.cli.main import main

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
MESSAGE = "MSH|^~\\&|APP|FAC|R|R|202603020800||ADT^A08|M1|P|2.5.1\rPID|1||7^^^LFC^MR||Sample^Robin\r"
TABLE = "mrn,label,sig\n7,metformin,Take 1\n7,aspirin,Take 2\n,nobody,x\n8,lisinopril,Take 3\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.toml").write_text('[store]\nurl = "sqlite:///store.db"\n')
    return tmp_path


def look(path: Path, data: bytes | str, **more):  # type: ignore[no-untyped-def]
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return look_at(str(path), more.get("kind"), more.get("ignore", ()), more.get("as_of"), NOW)


def pieces(path: Path, data: bytes | str) -> list[Piece | Bad]:
    return list(look(path, data).pieces(lambda _: None))


@pytest.mark.parametrize(
    "data",
    [
        MESSAGE,
        "\x0b" + MESSAGE + "\x1c\r",
        "\r\n  " + MESSAGE,
        "FHS|^~\\&|APP\rBHS|^~\\&|APP\r" + MESSAGE,
        MESSAGE.encode("utf-16"),
    ],
)
def test_messages_are_told_by_their_msh(tmp_path: Path, data: bytes | str) -> None:
    (piece,) = pieces(tmp_path / "f", data)
    assert isinstance(piece, Piece) and piece.built is None
    assert piece.place.endswith("f message 1")


@pytest.mark.parametrize(
    "data",
    [
        TABLE,
        TABLE.replace("\n", "\r\n"),
        TABLE.replace("\n", "\r"),
        "\n\n" + TABLE,
        "sep=;\n" + TABLE.replace(",", ";"),
        "\ufeff" + TABLE,
        TABLE.encode("utf-16"),
    ],
)
def test_tables_however_they_are_written(tmp_path: Path, data: bytes | str) -> None:
    found = pieces(tmp_path / "f.csv", data)
    rows = [[row.cells["label"] for row in piece.built.rows] for piece in found if piece.__class__ is Piece]  # type: ignore[union-attr]
    assert rows == [["metformin", "aspirin"], ["lisinopril"]]


def test_a_bad_line_is_named_before_what_follows_it(tmp_path: Path) -> None:
    bad, one, two = pieces(tmp_path / "f.csv", TABLE)
    assert isinstance(bad, Bad) and bad.place.endswith("f.csv:4") and "nobody" not in bad.text
    assert isinstance(one, Piece) and one.place.endswith("f.csv:2")
    assert isinstance(two, Piece) and two.place.endswith("f.csv:5")


def test_lines_that_are_no_utf_8_are_cp1252() -> None:
    data = "mrn;label\n7;Sjöberg\n".encode() + "8;Sjöberg\n".encode("cp1252")
    for size in (1, 5, 1000):
        portions = [data[start : start + size] for start in range(0, len(data), size)]
        assert list(text_lines(portions)) == ["mrn;label\n", "7;Sjöberg\n", "8;Sjöberg\n"]


def test_what_a_table_says_held_when_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(TABLE)
    written = datetime(2026, 2, 1, 6, 30, tzinfo=UTC).timestamp()
    os.utime(path, (written, written))
    assert look_at(str(path), None, (), None, NOW).as_of == "20260201"
    assert look_at(str(path), None, (), "20260228", NOW).as_of == "20260228"
    future = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    os.utime(path, (future, future))
    assert look_at(str(path), None, (), None, NOW).as_of == "20260302", "nobody knows the future"


@pytest.mark.parametrize("given", ["2026-03-01", "20260301", "3/1/2026"])
def test_a_day_that_is_given_is_the_site_s_as_in_the_column(
    folder: Path, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    """Not midnight of the machine's zone, which may be the day before at the site."""
    (folder / "day.csv").write_text(TABLE)
    written = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
    os.utime(folder / "day.csv", (written, written))
    for arguments, new in ((["day.csv"], 2), (["day.csv", "--as-of", given], 0)):
        assert main(["load", *arguments, "-c", "site.toml", "--now", NOW.isoformat(), "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["messages"]["new"] == new


@pytest.mark.parametrize("given", ["2026", "yesterday", "2026-02-30", ""])
def test_what_is_no_day_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str], given: str) -> None:
    (folder / "a.csv").write_text(TABLE)
    assert main(["load", "a.csv", "--as-of", given, "-c", "site.toml"]) == 2
    assert "is no day; write 2026-03-05" in capsys.readouterr().err


def test_a_corrected_file_brings_only_what_is_new(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "a.csv"

    def load(text: str, hour: int) -> dict[str, int]:
        path.write_text(text)
        written = datetime(2026, 2, 1, hour, tzinfo=UTC).timestamp()
        os.utime(path, (written, written))
        main(["load", "a.csv", "-c", "site.toml", "--json"])
        found: dict[str, int] = json.loads(capsys.readouterr().out)["messages"]
        return found

    corrected = TABLE.replace(",nobody,x", "9,lisinopril,x")
    assert load(TABLE, 12)["new"] == 2
    assert load(corrected, 13) == {"taken": 3, "ignored": 0, "new": 1, "loaded_before": 2}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "is empty"),
        ("hello\nworld\n", "names no column"),
        ("mrn,label,sgi\n", "did you mean 'sig'?"),
        (gzip.compress(MESSAGE.encode()), "packed by gzip: give it as `gzip -dc FILE"),
        (b"PK\x03\x04\x14\x00", "an Excel workbook or a ZIP archive: save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an Excel workbook: save the sheet as CSV"),
        (b"mrn\rlabel,\x00\xff\n", "can't be read as headings"),
    ],
)
def test_what_is_neither_messages_nor_a_table(tmp_path: Path, data: bytes | str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        look(tmp_path / "f.csv", data)


@pytest.mark.parametrize("cell", ["MSH0012", "MSH|^~\\\\&|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_begins_as_a_message_does_is_a_cell(tmp_path: Path, cell: str, encoding: str) -> None:
    (piece,) = pieces(tmp_path / "f", f"mrn,icd10\n{cell},I10\n".encode(encoding))
    assert isinstance(piece, Piece) and piece.built is not None


def test_a_message_that_a_sender_has_mangled_is_none_of_a_table(tmp_path: Path) -> None:
    (piece,) = pieces(tmp_path / "f", MESSAGE.replace("|^~\\&", "0^~"))
    assert isinstance(piece, Piece) and piece.built is None


@pytest.mark.parametrize("data", [MESSAGE, TABLE])
def test_a_pipe_is_read_once(tmp_path: Path, data: str) -> None:
    expected = [piece.raw for piece in pieces(tmp_path / "f", data * 2_000) if isinstance(piece, Piece)]
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor() as writer:
        writer.submit((tmp_path / "pipe").write_text, data * 2_000)
        file = look_at(str(tmp_path / "pipe"), None, (), None, NOW)
        found = [piece.raw for piece in file.pieces(lambda _: None) if isinstance(piece, Piece)]
    assert len(found) == len(expected)


def test_standard_input_is_not_read_twice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load", "-", "-", "-c", "site.toml"]) == 2
    assert (
        capsys.readouterr().err
        == "hl7-interface: load: standard input can be read once only; give `-` once\n"
    )


def test_a_file_that_is_not_there_stops_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.csv").write_text(TABLE)
    assert main(["load", "a.csv", "b.csv", "-c", "site.toml"]) == 2
    assert capsys.readouterr().err == "hl7-interface: cannot read b.csv: No such file or directory\n"
    assert not (folder / "store.db").exists()


def test_a_dry_run_stores_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.csv").write_text(TABLE)
    before = sorted(path.name for path in folder.iterdir())
    assert main(["load", "a.csv", "-c", "site.toml", "--dry-run", "--json"]) == 1
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert err == "a.csv:4: mrn is empty: whose it is can't be told\n"
    assert answer["dry_run"] is True
    assert answer["messages"] == {"taken": 2, "ignored": 0}
    assert (answer["patients"], answer["medications"]) == ({"all": 2, "new": 2}, 3)
    assert answer["bad"]["listed"] == [
        {"place": "a.csv:4", "text": "mrn is empty: whose it is can't be told"}
    ]
    assert sorted(path.name for path in folder.iterdir()) == before


def test_what_is_loaded_and_loaded_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.csv").write_text(TABLE.replace(",nobody,x\n", ""))
    (folder / "a.hl7").write_text(MESSAGE, newline="")

    def load() -> dict[str, object]:
        assert main(["load", "a.csv", "a.hl7", "-c", "site.toml", "--json"]) == 0
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        return found

    first, second = load(), load()
    assert first["messages"] == {"taken": 3, "ignored": 0, "new": 3, "loaded_before": 0}
    assert first["decisions"] == {"chart": 3}
    assert first["patients"] == {"all": 3, "new": 3}, "LFC's 7 and the site's own 7 are two"
    assert second["messages"] == {"taken": 3, "ignored": 0, "new": 0, "loaded_before": 3}
    assert second["patients"] == {"all": 3, "new": 0}
    assert second["decisions"] == {}


def test_what_is_not_for_us_is_counted_and_not_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.hl7").write_text(MESSAGE.replace("ADT^A08", "ORU^R01"), newline="")
    assert main(["load", "a.hl7", "-c", "site.toml"]) == 0
    assert "ORU^R01 is not used" in capsys.readouterr().out
    assert main(["messages", "-c", "site.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["messages"] == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("7^^^LFC^MR", "", "a.hl7 message 1: whose message it is can't be told: PID-3"),
        ("|M1|", "||", "a.hl7 message 1: MSH-10 (control id) is missing"),
    ],
)
def test_a_message_that_cannot_be_taken_is_named_and_not_kept(
    folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    (folder / "a.hl7").write_text(MESSAGE.replace(old, new), newline="")
    assert main(["load", "a.hl7", "-c", "site.toml"]) == 1
    assert said in capsys.readouterr().err
    assert main(["messages", "-c", "site.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["messages"] == []


def test_a_row_whose_drug_cannot_be_used_is_named_and_the_others_are_taken(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.csv").write_text("mrn,label,sig\n7,##drug##,x\n7,metformin,Take 1\n")
    assert main(["load", "a.csv", "-c", "site.toml", "--json"]) == 1
    out, err = capsys.readouterr()
    assert "a.csv:2: nothing of it can be used" in err
    assert (json.loads(out)["medications"], json.loads(out)["messages"]["new"]) == (1, 1)
    assert main(["messages", "show", "1", "-c", "site.toml"]) == 0
    stored = capsys.readouterr().out
    assert "metformin" in stored and "##drug##" not in stored


def test_the_summary_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.csv").write_text(TABLE)
    assert main(["load", "a.csv", "-c", "site.toml"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "messages     2: 2 new, 0 loaded before" in lines
    assert "patients     2, 2 of them new" in lines
    assert "medications  3" in lines
    assert "bad          1, named above; correct them and load the file again" in lines


def test_standard_input(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Input:
        buffer = io.BytesIO(TABLE.encode() + b"9,aspirin,x\n" * 7_000)

    monkeypatch.setattr(sys, "stdin", Input)
    assert main(["load", "-", "-c", "site.toml", "--dry-run", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["patients"]["all"] == 3
    assert answer["bad"]["listed"][0]["place"] == "-:4"


LISTENERS = """
[mappings]
overlay = "rules"
[[listener]]
name = "main"
[[listener]]
name = "clinic"
port = 2576
charset = "8859/2"
timezone = "Pacific/Honolulu"
"""
OWN_RULE = "rules:\n  own_number: {field: patient.mrn.extension, from: [PID-4], for: {listener: clinic}}\n"


def test_history_is_read_as_what_comes_on_the_listener_it_is_of(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "site.toml").write_text((folder / "site.toml").read_text() + LISTENERS)
    (folder / "rules").mkdir()
    (folder / "rules" / "own.yaml").write_text(OWN_RULE)
    head, _, _ = MESSAGE.partition("PID|")
    booking = (
        head.replace("ADT^A08", "SIU^S12")
        + "SCH||F1|||||||||^^^202603210930\rPID|1||7^^^LFC^MR|K-9|Dvořák^Robin\r"
    )
    (folder / "a.hl7").write_bytes(booking.encode("iso8859-2"))

    def shown(*words: str) -> dict[str, object]:
        assert main([*words, "-c", "site.toml", "--json"]) == 0
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        return found

    assert shown("load", "a.hl7", "--listener", "clinic", "--now", "2026-03-02T15:00Z")["decisions"] == {
        "chart": 1
    }
    (row,) = shown("messages")["messages"]  # type: ignore[misc]
    assert (row["listener"], [reason["code"] for reason in row["reasons"]]) == ("load:clinic", ["history"])
    assert shown("requests")["requests"] == [], "nothing is requested"
    for again in ((), ("patients", "rebuild", "--all", "--yes")):
        if again:
            shown(*again)
        chart = json.dumps(shown("patients", "show", "K-9"), ensure_ascii=False)
        assert "Dvořák" in chart and "2026-03-02T18:00:00" in chart
    again = shown("load", "a.hl7", "--listener", "clinic", "--now", "2026-03-02T15:00Z")
    assert again["messages"] == {"taken": 1, "ignored": 0, "new": 0, "loaded_before": 1}


def test_a_listener_that_is_none_of_the_settings_is_wrong_usage(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.hl7").write_text(MESSAGE, newline="")
    assert main(["load", "a.hl7", "-c", "site.toml", "--listener", "mian"]) == 2
    assert "load: no listener 'mian' in the settings; there are main" in capsys.readouterr().err
    assert not (folder / "store.db").exists()
