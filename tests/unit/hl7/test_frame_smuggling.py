"""Two patients must never become one message, whatever is put into a frame, a batch or a field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.hl7.batch import messages_in_file, split_messages
from interface.hl7.errors import NotHL7
from interface.hl7.framing import Frame, FrameDecoder
from interface.hl7.header import read_header
from interface.hl7.message import Message


def made(patient: str, end: str = "\r") -> bytes:
    lines = (
        f"MSH|^~\\&|APP|FAC|||20260305||ADT^A08|ID{patient}|P|2.5.1",
        f"PID|1||{patient}^^^LFC^MR||Doe{patient}^Ann",
        f"NK1|1|Roe{patient}^Bo",
    )
    return "".join(line + end for line in lines).encode()


A, B = made("1001"), made("2002")


def patients(raw: bytes) -> set[str]:
    try:
        message = Message(raw)
    except NotHL7:
        return set()
    return {text for segment in message.segments for text in ("1001", "2002") if text in segment.line}


def through_the_wire(data: bytes) -> list[bytes]:
    decoder = FrameDecoder()
    frames = [event.payload for event in decoder.feed(data) if isinstance(event, Frame)]
    return [message for payload in frames for message in split_messages(payload)]


JOINTS = [
    b"",
    b"\r",
    b"\n",
    b"\r\n",
    b"\x0b",
    b"\x1c",
    b"\x1c\r",
    b"\x1c\x0b",
    b"\x1c\r\x0b",
    b"\x1c\n\x0b",
    b"\x0b\x0b",
    b"\r\xef\xbb\xbf",
    b"\r   ",
    b"\r\t\x00",
    b"\rBTS|1\rBHS|^~\\&|X\r",
    b"\rFTS|1\r",
    b"\r\x0b",
    b"\r\r\n\n",
]


@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize("first", [A, A[:-1], A[:60], A[:90]], ids=["whole", "no-cr", "in-msh", "in-pid"])
def test_no_joint_makes_two_patients_one_message_on_the_wire(first: bytes, joint: bytes):
    messages = through_the_wire(b"\x0b" + first + joint + B + b"\x1c\r")
    assert all(len(patients(message)) <= 1 for message in messages)


@pytest.mark.parametrize("joint", [joint for joint in JOINTS if joint])
@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_no_joint_makes_two_patients_one_message_in_a_file(joint: bytes, end: str):
    messages = messages_in_file(made("1001", end) + joint + made("2002", end))
    assert [patients(message) for message in messages] == [{"1001"}, {"2002"}]


def test_an_unfinished_frame_lends_nothing_to_the_next():
    decoder = FrameDecoder()
    assert decoder.feed(b"\x0b" + A[:80]) == []
    (event,) = decoder.feed(b"\x0b" + B + b"\x1c\r")
    assert event == Frame(B)
    assert decoder.discarded_frames == 1


def test_a_break_in_msh_lends_the_control_id_of_no_other_line():
    raw = b"MSH|^~\\&|APP\r|FAC|||20260305||ADT^A08|STOLEN|P|2.5\rPID|1\r"
    assert read_header(raw).control_id == ""
    assert Message(raw).control_id == ""


@pytest.mark.parametrize("word", ["MSH", "msh"])
def test_a_reader_stops_at_a_second_msh_even_of_what_was_never_split(word: str):
    raw = A + B.replace(b"MSH", word.encode())
    assert patients(raw) == {"1001"}
    assert Message(raw).notes


@pytest.mark.parametrize(
    "trailer", [b"BTS|1\r", b"FTS|1\r", b"BHS|^~\\&|\r", b"bts|1\r", b" BTS|1\r", b"BTS\r"]
)
def test_segments_behind_a_batch_trailer_belong_to_nobody(trailer: bytes):
    raw = A + trailer + b"PID|1||2002^^^LFC^MR||Doe2002^Ann\r"
    (message,) = split_messages(raw)
    assert patients(message) == {"1001"}
    assert b"2002" in message  # and yet nothing is lost from the journal


def test_segments_in_front_of_msh_belong_to_nobody():
    raw = b"PID|1||2002^^^LFC^MR||Doe2002^Ann\r" + A
    (message,) = split_messages(raw)
    assert message == raw
    assert patients(message) == {"1001"}
    assert Message(message).notes == ("what stands before MSH was not read",)


def test_the_letters_msh_within_a_field_are_text():
    raw = A + rb"NTE|1||see MSH|x and MSH\F\\S\\R\\E\\T\\F\X" + b"\rOBX|1|TX|||MSH levels: MSH (high)\r"
    assert split_messages(raw) == [raw]
    assert Message(raw).notes == ()


def test_an_msh_glued_to_the_line_before_it_opens_a_message():
    first, second = split_messages(A[:-1] + B)
    assert (first, second) == (A[:-1], B)
    header = read_header(A[:40] + B)
    assert "2002" not in header.control_id


def test_unicode_line_ends_end_no_segment():
    raw = A + "NTE|1||a\u2028PID|1||2002\x85PID|1||2002\r".encode()
    assert split_messages(raw) == [raw]
    nte = Message(raw).first("NTE")
    assert nte is not None
    assert nte.text(3) == "a\u2028PID"
    assert len(Message(raw).all("PID")) == 1


@given(
    st.lists(
        st.sampled_from([A, B, b"\x0b", b"\x1c", b"\r", b"\n", b"BHS|^~\\&\r", b"BTS|2\r", b" ", b"x"]),
        max_size=12,
    )
)
def test_no_sequence_of_messages_and_debris_mixes_patients(parts: list[bytes]):
    data = b"".join(parts)
    for message in (*through_the_wire(b"\x0b" + data + b"\x1c"), *messages_in_file(data), data):
        assert len(patients(message)) <= 1
