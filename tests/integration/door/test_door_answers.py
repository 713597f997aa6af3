"""The ACK table over the wire, row by row, with what the journal then holds."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from running_door import Door, message

Start = Callable[..., Door]

ENHANCED = "P|2.5.1|||AL|NE"
REJECTS = [
    # what, payload, original, enhanced form of it or None, MSA-2, ERR code, journal receipt
    ("no MSH", b"PID|1||12345\r", "AR", "", "100", "no-msh"),
    ("an empty frame", b"", "AR", "", "100", "no-msh"),
    ("undecodable", b"MSHMSHMSH\r", "AR", "", "", None),
    ("MSH-9 missing", message("M9", kind=""), "AE", "M9", "101", "missing-type"),
    ("MSH-10 missing", message(""), "AE", "", "101", "missing-control-id"),
    ("MSH-9 missing, enhanced", message("M9", kind="", rest=ENHANCED), "CR", "M9", "101", "missing-type"),
    ("MSH-10 missing, enhanced", message("", rest=ENHANCED), "CR", "", "101", "missing-control-id"),
]


@pytest.fixture
def door(start: Start) -> Door:
    return start()


@pytest.mark.parametrize(("rest", "code"), [("P|2.5.1", "AA"), (ENHANCED, "CA"), ("P|2.3.1|||NE|AL", "AA")])
def test_a_stored_message_is_accepted(door: Door, rest: str, code: str) -> None:
    sender = door.connect()
    sender.send(message("M1", rest=rest))
    assert sender.answer() == (code, "M1")
    assert [(row.control_id, row.receipt, row.state) for row in door.rows()] == [("M1", "stored", "new")]


@pytest.mark.parametrize(("rest", "code"), [("P|2.5.1", "AA"), (ENHANCED, "CA")])
def test_the_same_message_again_is_accepted_and_counted(door: Door, rest: str, code: str) -> None:
    sender = door.connect()
    for _ in range(3):
        sender.send(message("M1", rest=rest))
    assert sender.answers(3) == [(code, "M1")] * 3
    assert [(row.control_id, row.duplicates, row.conflict) for row in door.rows()] == [("M1", 2, False)]


def test_the_same_control_id_with_other_content_is_accepted_and_flagged(door: Door) -> None:
    sender = door.connect()
    sender.send(message("M1", text="one"), message("M1", text="two"))
    assert sender.answers(2) == [("AA", "M1")] * 2
    assert [(row.control_id, row.conflict) for row in door.rows()] == [("M1", False), ("M1", True)]


def test_a_type_we_do_not_use_and_a_processing_id_that_does_not_fit_are_accepted(door: Door) -> None:
    sender = door.connect()
    sender.send(message("M1", kind="ORU^R01"), message("M2", rest="T|2.5.1"))
    assert sender.answers(2) == [("AA", "M1"), ("AA", "M2")]
    assert [(row.message_type, row.processing_id) for row in door.rows()] == [
        ("ORU^R01", "P"),
        ("ADT^A08", "T"),
    ]


@pytest.mark.parametrize(
    ("payload", "code", "control_id", "error", "receipt"),
    [row[1:] for row in REJECTS],
    ids=[str(row[0]) for row in REJECTS],
)
def test_what_sending_again_cannot_cure_is_refused_and_kept(
    door: Door, payload: bytes, code: str, control_id: str, error: str, receipt: str | None
) -> None:
    sender = door.connect()
    sender.send(payload, message("NEXT"))
    raw = sender.raw_answer()
    assert raw is not None
    lines = raw.split(b"\r")
    assert lines[1].decode().split("|")[1:3] in ([code, control_id], [code])
    err = next(line for line in lines if line.startswith(b"ERR"))
    assert error.encode() in err
    assert sender.answer() == ("AA", "NEXT")
    first = door.rows()[0]
    assert (first.state, first.decision) == ("done", "reject")
    assert receipt is None or first.receipt == receipt


def test_bad_bytes_outside_msh_are_accepted(door: Door) -> None:
    sender = door.connect()
    sender.send(message("M1", rest="P|2.5.1||||||UNICODE UTF-8") + b"PID|1||\xff\xfe\xfd\r")
    assert sender.answer() == ("AA", "M1")
    assert door.rows()[0].receipt == "stored"


@pytest.mark.parametrize(("rest", "code"), [("P|2.5.1", "AR"), (ENHANCED, "CR")])
def test_a_frame_over_the_limit_is_refused_then_the_connection_closes(
    start: Start, rest: str, code: str
) -> None:
    door = start("max_message_bytes = 4096")
    sender = door.connect()
    sender.send(message("M1"), message("BIG", text="x" * 1_000_000, rest=rest))
    assert sender.answers(3) == [("AA", "M1"), (code, "BIG"), None]
    assert [row.control_id for row in door.rows()] == ["M1"]


def test_a_message_that_cannot_be_stored_gets_silence_and_the_connection_closes(start: Start) -> None:
    door = start()
    sender = door.connect()
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")
    door.full_disk(True)
    sender.send(message("M2"), message("M3"))
    assert sender.answer() is None
    status, body = door.get("/readyz")
    assert status == 503
    assert "journal" in body
    again = door.connect()
    again.send(message("M2"))
    assert again.answer() is None
    door.full_disk(False)
    third = door.connect()
    third.send(message("M2"), message("M3"))
    assert third.answers(2) == [("AA", "M2"), ("AA", "M3")]
    assert [row.control_id for row in door.rows()] == ["M1", "M2", "M3"]
    door.read_log("event=journal-works-again")
    assert door.log.count("event=journal-failing") == 1


@pytest.mark.parametrize("setting", ["AE", "AR"])
def test_a_message_that_cannot_be_stored_can_be_answered_with_an_error(start: Start, setting: str) -> None:
    door = start(f'not_stored = "{setting}"')
    sender = door.connect()
    door.full_disk(True)
    sender.send(message("M1"), message("M2", rest=ENHANCED))
    assert sender.answers(2) == [(setting, "M1"), ("C" + setting[1], "M2")]
    door.full_disk(False)
    sender.send(message("M3"))
    assert sender.answer() == ("AA", "M3")


def test_a_sender_that_is_not_allowed_is_closed_without_a_byte_read(start: Start) -> None:
    door = start('allow = ["10.20.0.0/16"]')
    sender = door.connect()
    try:
        sender.send(message("M1"))
        assert sender.answer() is None
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert door.metric('hl7_interface_connections_refused_total{listener="main",reason="not-allowed"}') == 1
    assert door.metric('hl7_interface_received_bytes_total{listener="main"}') == 0
    assert door.rows() == []


def test_several_messages_in_a_frame_are_rows_of_their_own_with_one_answer(door: Door) -> None:
    sender = door.connect()
    sender.send(b"BHS|^~\\&|EHR\r" + message("M1") + message("M2") + b"BTS|2\r", message("M3"))
    assert sender.answers(2) == [("AA", "M1"), ("AA", "M3")]
    assert [row.control_id for row in door.rows()] == ["M1", "M2", "M3"]


def test_an_unfinished_frame_is_closed_after_its_time_and_never_taken(start: Start) -> None:
    door = start("frame_seconds = 0.2")
    sender = door.connect()
    sender.socket.sendall(b"\x0b" + message("M1"))
    assert sender.answer() is None
    assert door.rows() == []


def test_a_sender_that_shuts_its_sending_half_still_gets_its_answer(door: Door) -> None:
    sender = door.connect()
    sender.send(message("M1"))
    sender.socket.shutdown(socket.SHUT_WR)
    assert sender.answers(2) == [("AA", "M1"), None]
