"""`explain` from outside: the installed command, its JSON and its exit codes."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from datetime import datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path

import pytest
from prepared import DEVNULL, Prepared, run_prepared
from running_program import NOW

from interface.cli.samples import differences, load_samples

SAMPLES = {
    story: list(samples) for story, samples in groupby(load_samples(), key=lambda sample: sample.story)
}
FOLDER = Path(__file__).parents[2] / "sample_messages"


def explain(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return run_prepared([sys.executable, "-m", "interface", "explain", *arguments], input=data, text=False)


@pytest.mark.parametrize("story", SAMPLES)
def test_json_is_what_was_written_by_hand(story: str) -> None:
    files = [str(FOLDER / story / f"{sample.name}.hl7") for sample in SAMPLES[story]]
    done = explain("--json", "--now", NOW, *files)
    answers = json.loads(done.stdout)["messages"]
    assert [
        differences(answer, sample.expected) for answer, sample in zip(answers, SAMPLES[story], strict=True)
    ] == [[] for _ in files]
    rejected = any(sample.expected["decision"] == "reject" for sample in SAMPLES[story])
    assert done.returncode == (1 if rejected else 0)
    for answer in answers:
        assert set(answer) >= {"control_id", "type", "decision", "reasons", "request", "fields", "left_out"}
        assert (answer["request"] is None) == (answer["decision"] not in ("post", "hold"))


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("framed", [False, True])
def test_several_messages_on_standard_input_in_any_form(end: bytes, framed: bool) -> None:
    messages = [
        sample.message.replace(b"\r\n", b"\r").replace(b"\n", b"\r").replace(b"\r", end)
        for sample in SAMPLES["epic-booked-moved-cancelled"]
    ]
    data = b"".join(b"\x0b" + message + b"\x1c\r" if framed else message + end for message in messages)
    done = explain("--json", "--now", NOW, "-", data=data)
    decisions = [answer["decision"] for answer in json.loads(done.stdout)["messages"]]
    assert decisions == [s.expected["decision"] for s in SAMPLES["epic-booked-moved-cancelled"]]


def test_without_a_zone_today_is_the_machines_as_it_is_for_the_daemon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    west = datetime.now(timezone(timedelta(hours=-12)))
    decisions = []
    for zone in ("Etc/GMT+12", "Pacific/Kiritimati"):  # 26 hours apart: never of one day
        monkeypatch.setenv("TZ", zone)
        message = (
            f"MSH|^~\\&|A|B|C|D|{west:%Y%m%d}||SIU^S12|C1|P|2.5.1\rSCH||F1|||||||||^^^{west:%Y%m%d}\r"
            "PID|1||T1^^^B^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703\r"
        )
        (answer,) = json.loads(explain("--json", "-", data=message.encode()).stdout)["messages"]
        decisions.append((answer["decision"], [reason["code"] for reason in answer["reasons"]][:1]))
    assert decisions[0][0] == "hold", "today, and nobody to see"
    assert decisions[1][0] == "chart", "yesterday"


def test_a_file_that_is_not_hl7_is_rejected_with_exit_1(tmp_path: Path) -> None:
    for name, content in (
        ("list.csv", b"mrn,name\n1,Sample\n"),
        ("empty.hl7", b""),
        ("bytes.bin", bytes(range(256))),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        done = explain("--json", str(path))
        answer = json.loads(done.stdout)["messages"][0]
        assert (answer["decision"], done.returncode) == ("reject", 1), name
        assert answer["reasons"][0]["text"]
        assert b"Traceback" not in done.stderr


def test_a_missing_file_is_one_line_and_exit_2(tmp_path: Path) -> None:
    done = explain(str(tmp_path / "nothing.hl7"))
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert b"nothing.hl7" in done.stderr


def test_a_listener_without_its_settings_file_is_one_line_and_exit_2() -> None:
    done = explain("-", "--listener", "pharmacy", data=b"MSH|^~\\&|A")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"explain: --listener is one of the settings file's: give that too, by -c FILE\n" in done.stderr


def test_people_get_a_table_with_sources_and_rules() -> None:
    done = explain(
        "--now", NOW, str(FOLDER / "athenahealth-problems-in-siu" / "01-problems-with-the-booking.hl7")
    )
    text = done.stdout.decode()
    assert "patient.yaml#name" in text
    assert "settings:site.mrn_root" in text
    assert "left out" in text


def test_strict_tells_departures_from_the_standard_and_changes_nothing_else() -> None:
    files = [str(FOLDER / "athenahealth-problems-in-siu" / "01-problems-with-the-booking.hl7")]
    plain, strict = (explain("--json", "--now", NOW, *options, *files) for options in ((), ("--strict",)))
    (expected,), (answer,) = (json.loads(done.stdout)["messages"] for done in (plain, strict))
    findings = answer.pop("conformance")
    assert {"where": "SCH-20", "text": "empty; version 2.3.1 requires it"} in findings
    assert (answer, strict.returncode, strict.stderr) == (expected, plain.returncode, b"")
    text = explain("--strict", "--now", NOW, *files).stdout.decode()
    assert "\nconformance\n" in text
    assert "SCH-20" in text


def test_strict_of_what_is_no_message_says_that_it_cannot_be_checked(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"mrn,name\n1,Sample\n")
    done = explain("--json", "--strict", str(path))
    (answer,) = json.loads(done.stdout)["messages"]
    assert done.returncode == 1
    assert [finding["text"].startswith("can't be checked: ") for finding in answer["conformance"]] == [True]


STORY = [
    str(FOLDER / "eclinicalworks-held-then-completed" / f"{name}.hl7")
    for name in ("01-birth-year-only", "02-birth-date-learned", "03-no-show")
]


def on_a_terminal(columns: int, *arguments: str, **environment: str) -> str:
    """What a person sees who gives the command on a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = Prepared(
        [sys.executable, "-m", "interface", "explain", *arguments],
        stdin=DEVNULL,
        stdout=theirs,
        env={**kept, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(ours)
    assert process.wait(60) == 0
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_terminal_of_any_width_shows_all_of_it(columns: int) -> None:
    coloured = on_a_terminal(columns, "--now", NOW, *STORY)
    assert "\x1b[1;33mhold" in coloured
    text = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= columns
    dense = re.sub(r"\s", "", text)
    for whole in (
        "released by: a message of this patient with the full day (YYYYMMDD) in PID-7",
        "HPP20260302A:AIG-3.1",
        "said by earlier messages: HPP20260302A",
        "patient.contactPoints[1].contactPointSystem",
        "patient.yaml#birth_date",
        "PID-5.1 is split at its comma",
        "3 messages: 1 post 1 hold 1 cancel",
    ):
        assert whole.replace(" ", "") in dense, whole


def test_colours_can_be_refused_and_forced() -> None:
    assert "\x1b" not in on_a_terminal(100, "--now", NOW, STORY[0], NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(100, "--now", NOW, "--color", "never", STORY[0])
    assert b"\x1b" not in explain("--now", NOW, STORY[0]).stdout
    assert b"\x1b[1;33mhold" in explain("--now", NOW, "--color", "always", STORY[0]).stdout
    done = explain("--color", "sometimes", STORY[0])
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


def test_a_hold_says_what_releases_it_in_json_too() -> None:
    answers = json.loads(explain("--json", "--now", NOW, *STORY).stdout)["messages"]
    assert "PID-7" in answers[0]["reasons"][0]["release"]
    assert all("release" not in reason for answer in answers[1:] for reason in answer["reasons"])


@pytest.mark.parametrize("form", [[], ["--json"], ["--strict"], ["--json", "--strict"]])
def test_masked_output_can_be_mailed(form: list[str]) -> None:
    files = [str(FOLDER / story / f"{s.name}.hl7") for story, samples in SAMPLES.items() for s in samples]
    plain, masked = (explain("--now", NOW, *form, *extra, *files) for extra in ([], ["--mask"]))
    assert masked.returncode == plain.returncode
    for secret in ("WHITCOMBE", "JUNO", "20417", "31 Driftwood Ave", "97301", "5035550155", "2014-09-19"):
        assert secret in plain.stdout.decode(), secret
        assert secret not in masked.stdout.decode(), secret
    for control_id in ("HPP20260302A", "LKS260223001", "eclinicalworks"):
        assert control_id not in masked.stdout.decode()
    assert "#1" in masked.stdout.decode()


@pytest.mark.parametrize(("given", "complaint"), [(".", "Is a directory"), ("none.hl7", "No such file")])
def test_what_is_no_file_is_one_line_and_exit_2(tmp_path: Path, given: str, complaint: str) -> None:
    done = explain(str(tmp_path / given))
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
    assert complaint in done.stderr.decode()


@pytest.mark.parametrize("content", [b"", b"\n\n", bytes(range(256)) * 40, b"PK\x03\x04" + bytes(100)])
def test_a_file_without_a_message_is_named_with_one_clear_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "thing.bin"
    path.write_bytes(content)
    done = explain(str(path))
    assert (done.returncode, done.stderr) == (1, b"")
    head, why, *rest = done.stdout.decode().splitlines()
    assert head == f"(no control id)  not HL7  reject  {path}"
    assert "no MSH segment" in why
    assert rest == [""]
