"""`patients`, `appointments`, `messages reprocess` and `requests release` over a real store, no daemon running."""

from __future__ import annotations

import io
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from clinic import NOW, Clinic

from interface.cli import common
from interface.cli.main import main

NASTY = "D\x1b[2Je\u202e"
"""A name that clears a screen and turns the direction of what follows."""


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """T1 with a problem, an order and an appointment; T2 with an appointment; both merged by mistake."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("HL7_INTERFACE_SETTINGS", str(tmp_path / "site.toml"))
    monkeypatch.setenv("COLUMNS", "80")
    found = Clinic(tmp_path)
    found.tell("ADT^A28", "DG1|1||E11.9^Diabetes^I10")
    found.tell("RDE^O11", "ORC|NW|P1", "RXE|^Q12H|860975^metformin 500 MG^RXNORM|500||MG|TAB")
    found.book("F2", pid="T2^^^LFC^MR", name="Other^Kim")
    found.tell("ADT^A40", "MRG|T2^^^LFC^MR")
    return found


Capture = pytest.CaptureFixture[str]


def answer(capsys: Capture, *arguments: str, code: int = 0) -> Any:
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def text(capsys: Capture, *arguments: str, code: int = 0) -> tuple[str, str]:
    assert main([*arguments]) == code
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "\u202e" not in out + err
    return out, err


def content(clinic: Clinic) -> list[Any]:
    with closing(sqlite3.connect(clinic.folder / "i.db")) as store:
        names = [row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [store.execute(f"SELECT * FROM {name}").fetchall() for name in names]


# ---------------------------------------------------------------- looking


def test_patients_are_listed_newest_changed_first(clinic: Clinic, capsys: Capture) -> None:
    clinic.tell("ADT^A28", pid="T3^^^LFC^MR", name="Third^Ada")
    found = answer(capsys, "patients")
    first = found["patients"][0]
    assert (first["id"], first["mrn"], first["merged_into"]) == (3, "T3", None)
    survivor = next(row for row in found["patients"] if row["id"] == 1)
    assert (survivor["name"], survivor["birth_date"], survivor["numbers"]) == (
        "Sample, Robin",
        "1970-01-31",
        ["T1", "T2"],
    )
    counted = ("problems", "medications", "appointments", "open_requests")
    assert [survivor[name] for name in counted] == [1, 1, 1, 1]
    out, err = text(capsys, "patients")
    assert out.splitlines()[0].split()[:4] == ["id", "MRN", "name", "birth"]
    assert err == ""


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--mrn", "T2"], [1]),
        (["--mrn", "T2", "--authority", "LFC"], [1]),
        (["--mrn", "T2", "--authority", "OTHER"], []),
        (["--merged"], [2]),
        (["--until", "2026-03-01"], []),
        (["--since", "2026-03-01", "--mrn", "T1"], [1]),
    ],
)
def test_patients_by_filter(filters: list[str], found: list[int], clinic: Clinic, capsys: Capture) -> None:
    assert [row["id"] for row in answer(capsys, "patients", *filters)["patients"]] == found


def test_patients_in_pages(clinic: Clinic, capsys: Capture) -> None:
    clinic.tell("ADT^A28", pid="T3^^^LFC^MR")
    first = answer(capsys, "patients", "--limit", "2")
    rest = answer(capsys, "patients", "--limit", "2", "--before", first["next_before"])
    assert sorted(row["id"] for row in first["patients"] + rest["patients"]) == [1, 2, 3]
    assert rest["next_before"] is None
    assert f"--before {first['next_before']}" in text(capsys, "patients", "--limit", "2")[1]


def test_a_number_that_nobody_has_is_said_without_the_number(clinic: Clinic, capsys: Capture) -> None:
    for arguments in (
        ["patients", "show", "T99"],
        ["appointments", "--mrn", "T99"],
        ["patients", "rebuild", "T99"],
    ):
        _, err = text(capsys, *arguments, code=1)
        assert (
            err
            == "hl7-interface: no patient has this number of the site's own authority; --authority names another\n"
        )


def test_the_appointments_of_one_patient_do_not_go_on_for_ever(clinic: Clinic, capsys: Capture) -> None:
    clinic.book("F8", day="20260412")
    found = answer(capsys, "appointments", "--mrn", "T1", "--limit", "1")
    assert (len(found["appointments"]), found["next_before"]) == (2, None)


def test_a_request_that_is_no_longer_kept_is_said_to_be(clinic: Clinic, capsys: Capture) -> None:
    with closing(sqlite3.connect(clinic.folder / "i.db")) as store, store:
        store.execute("DELETE FROM requests WHERE id = 1")
    message = next(m["id"] for m in answer(capsys, "messages")["messages"] if m["request_id"] == 1)
    for arguments, said in (
        (("messages", "show", str(message)), "1 (no longer kept)"),
        (("patients", "show", "T1"), "1 no longer kept"),
        (("appointments", "--mrn", "T1"), "1 no longer kept"),
    ):
        assert said in text(capsys, *arguments)[0]


def test_who_something_moved_to_is_named(clinic: Clinic, capsys: Capture) -> None:
    visit = "PV1|1|O" + "|" * 17 + "V1"
    clinic.tell("ADT^A08", visit, "DG1|1||I10^Hypertension^I10", pid="T8^^^LFC^MR")
    clinic.tell("ADT^A45", "MRG|T8^^^LFC^MR||||V1", visit, pid="T9^^^LFC^MR")
    to = answer(capsys, "patients", "show", "T9", "--now", NOW)["id"]
    found = answer(capsys, "patients", "show", "T8", "--now", NOW)
    assert (found["changed_with"], found["problems"]) == ([to], [])
    out, _ = text(capsys, "patients", "show", "T8", "--now", NOW)
    assert f"\nmoves with     patient {to}\n" in out


def test_one_chart_whole(clinic: Clinic, capsys: Capture) -> None:
    found = answer(capsys, "patients", "show", "T1", "--now", NOW)
    facts = {entry["field"]: entry for entry in found["patient"]}
    assert facts["patient.name.family"] | {"at": ""} == {
        "field": "patient.name.family",
        "value": "Sample",
        "source": "M4:PID-5.1",
        "rule": "patient.yaml#name",
        "at": "",
    }
    (problem,) = found["problems"]
    assert (problem["code"], problem["active"], problem["source"]) == ("E11.9", True, "M1:DG1-3.1")
    (drug,) = found["medications"]
    assert (drug["drug"], drug["active"], drug["source"]) == ("metformin 500 MG", True, "M2:ORC-1")
    (appointment,) = found["appointments"]
    assert (appointment["date"], appointment["clinician"]) == ("2026-04-10", "Quill, Avery (NPI 1234567893)")
    assert (appointment["request"], appointment["request_state"]) == (1, "waiting")
    assert (found["merged_patients"], [row["id"] for row in found["merges"]]) == ([2], [4])
    assert [row["id"] for row in found["messages"]] == [4, 3, 2, 1]
    out, _ = text(capsys, "patients", "show", "--id", "1", "--now", NOW)
    for shown in (
        "metformin 500 MG",
        "ICD10 E11.9",
        "M4:PID-5.1",
        "1 waiting",
        "ADT^A40 makes two patients one",
    ):
        assert shown in out


def test_a_problem_that_is_not_active_says_why(clinic: Clinic, capsys: Capture) -> None:
    later = answer(capsys, "patients", "show", "T1", "--now", "2029-03-02")
    (problem,) = later["problems"]
    assert (problem["active"], problem["why"]) == (False, "not seen for 730 days: no longer active")
    assert (
        "not active: not seen for 730 days"
        in text(capsys, "patients", "show", "T1", "--now", "2029-03-02")[0]
    )


def test_confidential_problems_are_there_without_saying_what(clinic: Clinic, capsys: Capture) -> None:
    clinic.tell("ADT^A28", "DG1|1||B20^HIV disease^I10|||||||||||||||Y")
    out, _ = text(capsys, "patients", "show", "T1", "--now", NOW)
    assert "B20" not in out and "HIV" not in out


def test_what_the_site_withholds_is_there_without_saying_what(clinic: Clinic, capsys: Capture) -> None:
    clinic.settings.write_text(clinic.settings.read_text() + '[mappings]\noverlay = "lists"\n')
    (clinic.folder / "lists").mkdir()
    (clinic.folder / "lists" / "withhold.csv").write_text("system,code\nICD10,E11*\nRXNORM,860975\n")
    found = answer(capsys, "patients", "show", "T1", "--now", NOW)
    (problem,), (drug,) = found["problems"], found["medications"]
    assert (problem["code"], problem["active"], problem["why"]) == ("", True, "withheld by the site's list")
    assert (drug["drug"], drug["active"], drug["why"]) == ("", True, "withheld by the site's list")
    out, _ = text(capsys, "patients", "show", "T1", "--now", NOW)
    assert "E11" not in out and "metformin" not in out


def test_the_show_of_a_merged_patient_says_in_whose_chart_he_is(clinic: Clinic, capsys: Capture) -> None:
    assert answer(capsys, "patients", "show", "--id", "2")["merged_into"] == 1
    assert "the chart of patient 1" in text(capsys, "patients", "show", "--id", "2")[0]


def test_appointments(clinic: Clinic, capsys: Capture) -> None:
    clinic.book("F3", "20260411", pid="T3^^^LFC^MR")
    clinic.tell("SIU^S15", "SCH||F3", pid="T3^^^LFC^MR")
    found = answer(capsys, "appointments")["appointments"]
    assert [(row["date"], row["status"], row["request"], row["request_state"]) for row in found] == [
        ("2026-04-11", "cancelled", 2, "withdrawn"),
        ("2026-04-10", "booked", 1, "waiting"),
    ]
    for filters in (["--mrn", "T2"], ["--date", "2026-04-10"], ["--status", "booked"]):
        (row,) = answer(capsys, "appointments", *filters)["appointments"]
        assert (row["key"], row["patient_id"], row["mrn"], row["clinic"]) == ("A:F2", 1, "T1", "FAC")
    assert "Quill, Avery (NPI 1234567893)" in text(capsys, "appointments")[0]
    first = answer(capsys, "appointments", "--limit", "1")
    rest = answer(capsys, "appointments", "--before", first["next_before"])
    assert [row["key"] for row in first["appointments"] + rest["appointments"]] == ["A:F3", "A:F2"]


def test_a_search_through_all_charts_says_so_when_it_is_slow(
    clinic: Clinic, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interface.cli.appointments.SLOW_SECONDS", -1.0)
    assert "--mrn finds those of one patient at once" in text(capsys, "appointments")[1]
    assert text(capsys, "appointments", "--mrn", "T1")[1] == ""


def test_one_appointment_whole(clinic: Clinic, capsys: Capture) -> None:
    (found,) = answer(capsys, "appointments", "show", "A:F2")["appointments"]
    assert {entry["field"]: entry["source"] for entry in found["facts"]}[
        "upcomingAppointmentDate"
    ] == "M3:SCH-11.4"
    out, _ = text(capsys, "appointments", "show", "A:F2", "--mrn", "T1")
    assert "last request  1 waiting" in out and "M3:SCH-11.4" in out
    _, err = text(capsys, "appointments", "show", "A:F9", code=1)
    assert err.startswith("hl7-interface: there is no such appointment")


def test_an_appointment_says_when_it_was_told_as_the_sites_clocks_have_it(
    clinic: Clinic, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common._People, "zone", None)  # put back behind us
    clinic.set('["LFC"]\ntimezone = "Asia/Tokyo"')
    minute = clinic.book("F7", pid="T7^^^LFC^MR")
    out, _ = text(capsys, "appointments", "show", "A:F7", "--mrn", "T7")
    assert f"told at       2026-03-02 08:{minute:02d}:00\n" in out  # MSH-7, which names no zone


def test_hostile_content_does_a_terminal_no_harm(clinic: Clinic, capsys: Capture) -> None:
    clinic.book("F6\u202e\x1b[2J", pid="T6^^^LFC^MR", name=f"{NASTY}^{NASTY}")
    out = text(capsys, "patients")[0] + text(capsys, "patients", "show", "T6", "--now", NOW)[0]
    out += text(capsys, "appointments")[0]
    out += text(capsys, "patients", "rebuild", "T6", "--dry-run", "--now", NOW)[0]
    out += text(capsys, "messages", "reprocess", "5", "--dry-run", "--now", NOW)[0]
    assert "\\u202e" in out
    (row,) = answer(capsys, "appointments", "--mrn", "T6")["appointments"]
    assert answer(capsys, "appointments", "show", row["key"])["appointments"][0]["key"] == row["key"]


# ---------------------------------------------------------------- rebuilding


def test_a_wrong_merge_is_looked_at_and_undone(clinic: Clinic, capsys: Capture) -> None:
    before = content(clinic)
    tried = answer(capsys, "patients", "rebuild", "T1", "--without", "4", "--dry-run", "--now", NOW)
    assert content(clinic) == before
    (request,) = tried["requests"]
    assert (request["id"], request["change"], request["patient_id"]) == (1, "changed", 2)
    assert {
        "field": "patient.mrn.extension",
        "before": "T1",
        "after": "T2",
        "source": "M3:PID-3.1",
        "rule": "patient.yaml#mrn",
    } in request["fields"]
    assert tried["summary"]["charts"]["rebuilt"] == 2
    out, err = text(capsys, "patients", "rebuild", "T1", "--without", "4", "--yes", "--now", NOW)
    assert "rebuilt   2 charts from 3 messages" in out
    assert "split     patient 2 has a chart of its own" in out
    assert "requests  1 waiting" in out
    assert err == ""  # nobody is asked, so nobody is named: it may be kept as a log
    other = answer(capsys, "patients", "show", "T2", "--now", NOW)
    assert (other["id"], other["name"], other["problems"]) == (2, "Other, Kim", [])
    assert answer(capsys, "messages", "--control-id", "M4")["messages"][0]["set_aside"] is True
    assert "left out of the chart by a person" in text(capsys, "messages")[0]
    body = answer(capsys, "requests", "show", "1")["request"]
    assert body["patient"]["mrn"]["extension"] == "T2"
    done = answer(capsys, "patients", "rebuild", "--with", "4", "--yes", "--now", NOW)
    assert done["merged"] == [{"patient": 2, "into": 1}]
    assert answer(capsys, "patients", "show", "T2", "--now", NOW)["id"] == 1


def test_rebuilding_everybody_with_the_same_rules_changes_nothing(clinic: Clinic, capsys: Capture) -> None:
    for number in range(5):
        clinic.book(f"G{number}", pid=f"P{number}^^^LFC^MR")
    tried = answer(capsys, "patients", "rebuild", "--all", "--dry-run", "--now", NOW)
    assert (tried["requests"], tried["charts"]) == ([], [])
    assert tried["summary"]["charts"] == {"rebuilt": 6}
    done = answer(capsys, "patients", "rebuild", "--all", "--yes", "--now", NOW)
    assert (done["patients"], done["messages"], done["requests"], done["failed"]) == (6, 9, [], [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["patients", "rebuild"], "patients rebuild: say whose charts"),
        (["patients", "rebuild", "--all", "T1"], "patients rebuild: --all is everybody"),
        (
            ["patients", "rebuild", "--with", "4", "--without", "4"],
            "patients rebuild: message 4 can't be both",
        ),
        (
            ["patients", "rebuild", "T1"],
            "1 chart to be rebuilt from 4 messages. There is no terminal to ask on",
        ),
        (["messages", "reprocess"], "messages reprocess: say which: IDs, filters"),
        (
            ["messages", "reprocess", "1", "--type", "SIU^S12"],
            "messages reprocess: give IDs, filters, or --all",
        ),
        (
            ["messages", "--limit=1", "reprocess", "--type", "SIU^S12", "--yes"],
            "messages reprocess: --limit is for the list, this has no such option",
        ),
        (
            ["messages", "--before", "2", "export", "--all", "--to", "x.hl7"],
            "messages export: --before is for the list",
        ),
        (
            ["requests", "--limit", "1", "discard", "--state", "held", "--reason", "x", "--yes"],
            "requests discard: --limit is for the list",
        ),
        (
            ["patients", "--mrn", "T1", "rebuild", "--all", "--yes"],
            "patients rebuild: --mrn is for the list, this has no such option",
        ),
        (
            ["requests", "--authority", "X", "discard", "--state", "held", "--reason", "x", "--yes"],
            "--authority says whose number --mrn is: give --mrn, too",
        ),
        (
            ["messages", "reprocess", "--authority", "X", "--type", "SIU^S12", "--yes"],
            "--authority says whose number --mrn is: give --mrn, too",
        ),
        (["patients", "--authority", "X"], "--authority says whose number --mrn is: give --mrn, too"),
        (["appointments", "--authority", "X"], "--authority says whose number --mrn is: give --mrn, too"),
        (["patients", "--since", "2h", "rebuild", "--all", "--yes"], "patients rebuild: --since is for"),
        (
            ["messages", "reprocess", "1"],
            "1 chart to be rebuilt from 4 messages; 1 message to be decided again.",
        ),
        (["patients", "show"], "patients show: give an MRN, or --id N"),
        (["patients", "--before", "x"], "cannot read the place 'x'"),
        (["patients", "rebuild", "T1", "--wait", "x"], "'x' is not a number of seconds"),
        (
            ["requests", "release"],
            "requests release: say which: IDs, or filters as `requests` has them (--state held)",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_does_nothing(
    arguments: list[str], says: str, clinic: Clinic, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interface.cli.asking.is_terminal", lambda _: False)
    before = content(clinic)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"hl7-interface: {says}")
    assert err.count("\n") == 1
    assert content(clinic) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["patients", "rebuild", "--id", "99", "--yes"], "there is no patient 99"),
        (["patients", "show", "--id", "99"], "there is no patient 99"),
        (["patients", "rebuild", "--without", "99", "--yes"], "there is no message 99"),
        (["messages", "reprocess", "99", "--yes"], "there is no message 99"),
        (["requests", "release", "1", "99"], "there is no request 99"),
    ],
)
def test_what_is_not_there(arguments: list[str], says: str, clinic: Clinic, capsys: Capture) -> None:
    before = content(clinic)
    assert main(arguments) == 1
    assert capsys.readouterr() == ("", f"hl7-interface: {says}\n")
    assert content(clinic) == before


@pytest.mark.parametrize(("said", "code"), [("y\n", 0), ("yes\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_on_a_terminal_it_asks(
    said: str, code: int, clinic: Clinic, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Keyboard:
        def readline(self) -> str:
            return said

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Keyboard())
    out, err = text(capsys, "patients", "rebuild", "T1", "--now", NOW, code=code)
    assert "Go on? [y/N] " in err
    assert ("rebuilt" in out) == (code == 0)
    assert ("nothing was done" in err) == (code == 1)


@pytest.mark.parametrize("terminal", [True, False])
def test_whose_charts_they_are_is_said_on_a_terminal_only(
    terminal: bool, clinic: Clinic, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interface.cli.asking.is_terminal", lambda stream: terminal or stream is sys.stdin)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    _, err = text(capsys, "patients", "rebuild", "T1", "--now", NOW, code=1)
    assert "Go on? [y/N] " in err
    assert ("patient 1  T1  Sample, Robin  1970-01-31\n" in err) == terminal


def test_a_chart_that_cannot_be_rebuilt_is_named_and_the_others_are_rebuilt(
    clinic: Clinic, capsys: Capture
) -> None:
    clinic.tell("ADT^A28", pid="T3^^^LFC^MR")
    with closing(sqlite3.connect(clinic.folder / "i.db")) as store:
        store.execute("UPDATE charts SET chart = x'00' WHERE patient_id = 3")
        store.execute(
            "UPDATE message_bodies SET body = x'00' WHERE message_id = (SELECT max(id) FROM messages)"
        )
        (last,) = store.execute("SELECT max(id) FROM messages").fetchone()
        store.commit()
    why = (
        f"message {last} is unreadable: the stored message is damaged, or its key is missing: "
        f"`--without {last}` rebuilds without it"
    )
    done = answer(capsys, "patients", "rebuild", "--all", "--yes", "--now", NOW, code=1)
    assert (done["patients"], done["failed"]) == (1, [{"patients": [3], "problem": why}])
    tried = answer(capsys, "patients", "rebuild", "--all", "--dry-run", "--now", NOW, code=1)
    assert tried["summary"]["failed"] == [{"patients": [3], "problem": why}]
    assert answer(capsys, "patients", "--mrn", "T3")["patients"][0]["problem"] == (
        "unreadable: the stored chart is damaged, or its key is missing; "
        "`patients rebuild --id 3` makes it anew from its messages"
    )
    assert "not rebuilt: patient 3: " in text(capsys, "patients", "rebuild", "--all", "--yes", code=1)[1]


# ---------------------------------------------------------------- reprocessing


def test_new_settings_are_tried_on_held_messages_and_then_reach_them(clinic: Clinic, capsys: Capture) -> None:
    clinic.set("[]")
    held = clinic.book("F7", "20260412", pid="9^^^OTHER^MR~T7^^^LFC^MR")
    assert answer(capsys, "messages", "--decision", "hold")["messages"][0]["id"] == held
    clinic.set('["LFC"]')
    before = content(clinic)
    tried = answer(capsys, "messages", "reprocess", "--decision", "hold", "--dry-run", "--now", NOW)
    assert content(clinic) == before
    (message,) = tried["messages"]
    assert (message["id"], message["patient_id"], message["changed"]) == (held, None, True)
    assert (message["before"]["decision"], message["after"]["decision"]) == ("hold", "post")
    assert message["before"]["reasons"][0]["code"] == "no-mrn"
    (request,) = tried["requests"]
    assert (request["id"], request["change"], request["after"]) == (None, "newly posted", "waiting")
    assert {
        "field": "patient.mrn.extension",
        "before": None,
        "after": "T7",
        "source": "PID-3[2].1",
        "rule": "patient.yaml#mrn",
    } in request["fields"]
    assert tried["summary"]["messages"]["decisions"] == {"hold → post": 1}
    assert tried["summary"]["requests"] == {"newly posted": 1}
    out, _ = text(capsys, "messages", "reprocess", str(held), "--dry-run", "--now", NOW)
    assert f"message {held}  M5  SIU^S12  hold → post" in out
    assert "dry run: nothing was changed" in out
    done = answer(capsys, "messages", "--decision", "hold", "reprocess", "--yes", "--now", NOW)
    assert (done["posted"], done["split"]) == (1, [3])
    (row,) = answer(capsys, "messages", "--control-id", "M5")["messages"]
    assert (row["decision"], row["request_id"]) == ("post", 2)
    assert answer(capsys, "requests", "--state", "waiting")["requests"][0]["message_id"] == held


def test_another_value_in_the_settings_is_shown_field_by_field(clinic: Clinic, capsys: Capture) -> None:
    clinic.settings.write_text(clinic.settings.read_text() + '[request]\nclinic_name = "Lakeside"\n')
    tried = answer(capsys, "messages", "reprocess", "--all", "--dry-run", "--now", NOW)
    (request,) = tried["requests"]
    assert (request["id"], request["compared_with"], request["before"]) == (None, 1, "waiting")
    (field,) = request["fields"]
    assert (field["field"], field["before"], field["after"]) == ("clinicName", "FAC", "Lakeside")
    assert field["source"] == "settings:request.clinic_name"
    assert tried["summary"]["fields"] == {"clinicName": 1}


def test_messages_left_out_stay_out_when_reprocessed(clinic: Clinic, capsys: Capture) -> None:
    answer(capsys, "patients", "rebuild", "--without", "1", "--yes", "--now", NOW)
    out, err = text(capsys, "messages", "reprocess", "1", "--yes", "--now", NOW)
    assert out == ""
    assert err.splitlines() == [
        "1 message left out of the charts by a person, and stays so: `patients rebuild --with` takes them back",
        "no messages",
    ]


def test_where_no_message_was_chosen_json_is_what_it_always_is(clinic: Clinic, capsys: Capture) -> None:
    done = answer(capsys, "messages", "reprocess", "--type", "XXX", "--yes", "--now", NOW)
    assert (done["commands"], done["messages"], done["failed"]) == ([], 0, [])
    tried = answer(capsys, "messages", "reprocess", "--type", "XXX", "--dry-run", "--now", NOW)
    assert (tried["messages"], tried["summary"]["charts"]) == ([], {"rebuilt": 0})


# ---------------------------------------------------------------- releasing


def test_a_protected_patients_request_is_released(clinic: Clinic, capsys: Capture) -> None:
    clinic.tell("ADT^A28", "PD1||||||||||||Y", pid="T4^^^LFC^MR")
    clinic.book("F4", pid="T4^^^LFC^MR")
    out, err = text(capsys, "requests", "release", "2", "1", "--now", NOW, code=1)
    assert out == "request 2 is released (waiting)\n"
    assert err == "request 1 is not held: it is waiting\n"
    assert answer(capsys, "requests", "show", "2")["state"] == "waiting"


def test_a_message_that_completes_several_requests_names_all_of_them(clinic: Clinic, capsys: Capture) -> None:
    clinic.tell("ADT^A28", "PD1||||||||||||Y", pid="T4^^^LFC^MR")
    clinic.book("F4", pid="T4^^^LFC^MR")
    clinic.book("F5", pid="T4^^^LFC^MR")
    clinic.tell("ADT^A28", "PD1||||||||||||N", pid="T4^^^LFC^MR")
    shown = answer(capsys, "messages", "show", "8")
    composed = [row["id"] for row in answer(capsys, "requests")["requests"] if row["message_id"] == 8]
    assert len(composed) == 2
    assert sorted([shown["request_id"], *shown["other_requests"]]) == sorted(composed)
    assert "other requests" in text(capsys, "messages", "show", "8")[0]


def test_what_is_held_for_another_reason_stays_held_and_says_what_releases_it(
    clinic: Clinic, capsys: Capture
) -> None:
    clinic.tell("ADT^A28", "PD1||||||||||||Y", pid="T4^^^LFC^MR")
    clinic.tell("SIU^S12", "SCH||F4|||||||||^^^202604100930", pid="T4^^^LFC^MR")
    clinic.tell("SIU^S12", "SCH||F5|||||||||^^^202604100930", pid="T5^^^LFC^MR")
    before = answer(capsys, "requests", "show", "2")["reasons"]
    assert "protected" in [reason["code"] for reason in before]
    for number in ("2", "3"):
        (told,) = answer(capsys, "requests", "release", number, "--now", NOW, code=1)["requests"]
        assert (told["released"], told["state"]) == (False, "held")
        assert "protected" not in [reason["code"] for reason in told["reasons"]]
    (by_hand,) = answer(capsys, "requests", "show", "2")["by_hand"]
    assert by_hand["what"] == "released"
    assert "released " in text(capsys, "requests", "show", "2")[0].partition("done by hand:")[2]
    assert answer(capsys, "requests", "show", "3")["by_hand"] == [], "it was not held for protection"
    out, _ = text(capsys, "requests", "release", "3", "--now", NOW, code=1)
    assert out.startswith("request 3 is still held: upcomingAppointmentProvider is missing")
    assert "\n  released by: " in out
