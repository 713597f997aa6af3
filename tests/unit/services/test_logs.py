"""The log as text and as JSON: a line stays a line, whatever a sender has put into what stands in it."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.services import logs
from interface.services.logs import Event, Events, Seconds, Style, event, events

LOG = logging.getLogger("interface.test")
HOSTILE = 'M1" event=ready\r\nlevel=ERROR \u2028\u202e\x9b31m\x00\\'


def record(told: Event | Events, level: int = logging.INFO) -> logging.LogRecord:
    made = logging.LogRecord("interface.test", level, "", 0, told, None, None)
    made.created, made.msecs = 1780000000.123, 123.9
    return made


def as_json(**fields: object) -> dict[str, Any]:
    (line,) = Style("json", "work").lines(record(Event("happened", fields)))
    return json.loads(line)  # type: ignore[no-any-return]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The program's log, set up anew."""
    root, stream = logging.getLogger("interface"), io.StringIO()
    before = (list(root.handlers), root.level, root.propagate)
    root.handlers[:] = []
    logs.configure(stream)
    yield stream
    root.handlers[:], root.level, root.propagate = before


def test_text_has_the_time_the_level_and_the_event() -> None:
    (line,) = Style().lines(record(Event("happened", {"listener": "main", "rows": 3}), logging.WARNING))
    assert re.fullmatch(
        rb"2026-05-2\dT\d\d:26:40\.123 level=WARNING event=happened listener=main rows=3\n", line
    )


def test_json_is_one_object_a_line_with_typed_fields() -> None:
    found = as_json(rows=3, share=0.5, none=None, well=True, ids=[1, 2], again_in=Seconds(64.1), text="a b")
    assert found == {
        "ts": "2026-05-28T20:26:40.123+00:00",
        "level": "INFO",
        "process": "work",
        "pid": os.getpid(),
        "event": "happened",
        "rows": 3,
        "share": 0.5,
        "none": None,
        "well": True,
        "ids": [1, 2],
        "again_in": 64.1,
        "text": "a b",
    }


def test_text_writes_none_as_a_dash_and_spans_with_their_unit() -> None:
    told = Event("happened", {"status": None, "again_in": Seconds(64.1), "hours": 72.0, "ids": [1, 2]})
    assert str(told) == "event=happened status=- again_in=64.1s hours=72 ids=1,2"


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_senders_text_forges_no_line_no_key_and_no_terminal_command(format_: logs.Format) -> None:
    (line,) = Style(format_).lines(record(Event("message", {"control_id": HOSTILE})))
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert all(32 <= byte < 127 for byte in line[:-1])
    assert line.count(b"event=") - line.count(b'event="') == (1 if format_ == "json" else 2)
    if format_ == "json":
        assert json.loads(line)["control_id"] == HOSTILE
    else:
        assert b' control_id="M1\\" event=ready\\x0d\\x0alevel=ERROR ' in line


@given(st.text(st.characters(), max_size=50), st.integers() | st.floats() | st.none())
def test_json_can_be_read_whatever_stands_in_it(text: str, number: object) -> None:
    (line,) = Style("json").lines(record(Event("message", {"control_id": text, "n": number})))
    assert line.isascii() and line.count(b"\n") == 1
    assert json.loads(line)["control_id"] == text


@pytest.mark.parametrize("format_", ["text", "json"])
@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f600", "\x01"])
def test_no_line_is_longer_than_a_pipe_takes_in_one_piece(format_: logs.Format, character: str) -> None:
    fields = {f"key{number}": character * 5000 for number in range(20)} | {"id": 7}
    (line,) = Style(format_).lines(record(Event("message", fields)))
    assert len(line) <= 4096
    if format_ == "json":
        assert json.loads(line)["id"] == 7


def test_lines_that_are_said_together_are_written_in_pieces_that_a_pipe_takes(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(stream, "write", written.append)
    events(LOG, logging.INFO, (Event("message", {"id": number}) for number in range(500)))
    assert 5 < len(written) < 50
    assert all(len(piece) <= 4096 and piece.endswith("\n") for piece in written)
    assert re.findall(r"id=(\d+)", "".join(written)) == [str(number) for number in range(500)]


def test_format_and_level_change_at_once(stream: io.StringIO) -> None:
    event(LOG, logging.INFO, "one")
    logs.use("json", "warning")
    event(LOG, logging.INFO, "two")
    events(LOG, logging.INFO, [Event("two", {})])
    event(LOG, logging.WARNING, "three")
    logs.use("text", "debug")
    event(LOG, logging.DEBUG, "four")
    one, three, four = stream.getvalue().splitlines()
    assert one.endswith("level=INFO event=one")
    assert json.loads(three)["event"] == "three"
    assert four.endswith("level=DEBUG event=four")


def test_a_host_that_has_set_logging_up_keeps_it(stream: io.StringIO) -> None:
    other = io.StringIO()
    logs.configure(other)
    event(LOG, logging.INFO, "one")
    assert (other.getvalue(), stream.getvalue().count("event=one")) == ("", 1)


def test_lines_that_nobody_takes_are_counted_and_hurt_nobody(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(_: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stream, "write", full)
    before = logs.lost
    event(LOG, logging.INFO, "one")
    events(LOG, logging.INFO, [Event("two", {}), Event("three", {})])
    assert logs.lost == before + 3
    monkeypatch.undo()
    event(LOG, logging.INFO, "four")
    event(LOG, logging.INFO, "five")
    assert [line.split("level=")[1] for line in stream.getvalue().splitlines()] == [
        "INFO event=four",
        "ERROR event=log-lines-lost lines=3",
        "INFO event=five",
    ]
    assert capfd.readouterr() == ("", "")


def test_a_reader_who_stands_still_stops_nothing_and_hears_later_how_much_he_missed(
    stream: io.StringIO,
) -> None:
    reader, writer = os.pipe()
    logging.getLogger("interface").handlers[:] = []
    with os.fdopen(writer, "w", encoding="utf-8") as pipe, os.fdopen(reader, "rb") as told:
        logs.configure(pipe)
        before = logs.lost
        began = time.monotonic()
        for number in range(3000):
            event(LOG, logging.INFO, "happened", n=number)
        assert time.monotonic() - began < 20 * logs.PATIENCE_SECONDS
        assert logs.lost - before > 1000
        seen = os.read(told.fileno(), 1 << 20)
        event(LOG, logging.INFO, "again")
        pipe.close()
        after = told.read()
    assert seen.endswith(b"\n") and seen.count(b"\n") == 3000 - (logs.lost - before)
    assert b"event=again" in after
    assert b"event=log-lines-lost lines=%d\n" % (logs.lost - before) in after


def test_a_value_that_has_no_text_is_a_line_without_it(stream: io.StringIO) -> None:
    class Broken:
        def __str__(self) -> str:
            raise KeyError("DOE^JANE")

    logging.getLogger("interface").handlers[0].emit(record(Event("one", {"what": Broken()})))
    assert 'event=log-fault fault="KeyError at test_logs.py:' in stream.getvalue()
    assert "DOE" not in stream.getvalue()


def test_a_record_of_somebody_else_is_told_without_its_text(stream: io.StringIO) -> None:
    LOG.warning("patient %s", "DOE^JANE")
    assert "event=said logger=interface.test place=test_logs.py:" in stream.getvalue()
    assert "DOE" not in stream.getvalue()


def test_in_systemds_journal_a_line_bears_its_priority_and_leaves_time_and_level_to_it() -> None:
    style = Style("text", in_journal=True)
    assert style.lines(record(Event("happened", {}), logging.ERROR)) == [b"<3>event=happened\n"]
    (line,) = Style("json", in_journal=True).lines(record(Event("happened", {}), logging.WARNING))
    assert line.startswith(b"<4>{") and json.loads(line[3:])["level"] == "WARNING"


SAYS = """
import logging, sys
from interface.services import logs
logs.configure()
logs.event(logging.getLogger("interface.x"), logging.INFO, "happened")
"""


@pytest.mark.parametrize(("is_journal", "expected"), [(True, b"<6>event=happened\n"), (False, b"level=INFO")])
def test_the_journal_is_told_from_a_file_that_standard_error_was_sent_to(
    is_journal: bool, expected: bytes
) -> None:
    reader, writer = os.pipe()
    there = os.fstat(writer)
    stream = f"{there.st_dev}:{there.st_ino}" if is_journal else f"{there.st_dev}:{there.st_ino + 1}"
    subprocess.run(
        [sys.executable, "-c", SAYS], stderr=writer, check=True, env={**os.environ, "JOURNAL_STREAM": stream}
    )
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        line = told.read()
    assert expected in line
    assert line.startswith(b"<6>") == is_journal


THREADS = """
import logging, sys, threading
from interface.services import logs
logs.configure(process="work")
logs.use("json", "info")
logs.catch_faults()
def broken():
    raise KeyError("DOE^JANE")
thread = threading.Thread(target=broken)
thread.start()
thread.join()
broken()
"""


def test_what_nobody_catches_is_a_line_without_its_text_in_whatever_thread() -> None:
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [one["fault"] for one in told] == ["KeyError at <string>:8"] * 2
    assert done.returncode == 1
    assert "DOE" not in done.stderr


def test_what_packages_warn_of_is_not_in_the_log() -> None:
    warns = 'import logging; logging.getLogger("some.package").warning("can\'t decode DOE^JANE")'
    done = subprocess.run(
        [sys.executable, "-c", f"from interface.services import logs; logs.configure(); {warns}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


WRITES = """
import logging, sys
from interface.services import logs
logs.configure(process=sys.argv[1])
logs.use("json", "info")
for number in range(400):
    logs.event(logging.getLogger("interface.x"), logging.INFO, "happened", n=number, text=sys.argv[1][0] * 500)
    many = [logs.Event("happened", {"n": n, "text": "y" * 99}) for n in range(30)]
    logs.events(logging.getLogger("interface.x"), logging.INFO, many)
"""


def test_two_processes_on_one_pipe_never_write_into_each_others_lines() -> None:
    reader, writer = os.pipe()
    writing = [
        subprocess.Popen([sys.executable, "-c", WRITES, name], stderr=writer) for name in ("door", "work")
    ]
    os.close(writer)
    read: list[bytes] = []

    def drain() -> None:
        with os.fdopen(reader, "rb") as told:
            read.extend(told)

    thread = threading.Thread(target=drain)
    thread.start()
    assert [process.wait() for process in writing] == [0, 0]
    thread.join()
    told = [json.loads(line) for line in read]
    assert len(told) == 2 * 400 * 31
    assert {one["process"] for one in told} == {"door", "work"}
