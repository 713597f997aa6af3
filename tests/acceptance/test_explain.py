"""`explain` from outside: the installed command, its JSON and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from interface.cli.samples import differences, load_samples

SAMPLES = {
    story: list(samples) for story, samples in groupby(load_samples(), key=lambda sample: sample.story)
}
FOLDER = Path(__file__).parents[2] / "sample_messages"
NOW = "2026-03-02T09:00:00-06:00"


def explain(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "interface", "explain", *arguments],
        input=data,
        capture_output=True,
        check=False,
    )


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
