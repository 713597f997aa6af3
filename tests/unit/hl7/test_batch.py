"""Payloads and files of several messages."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.hl7.batch import _is_single, _split, messages_in_file, split_messages
from interface.hl7.framing import frame
from interface.hl7.message import Message

A = b"MSH|^~\\&|A||||2026||ADT^A08|1|P|2.5\rPID|1||7\r"
B = b"MSH|^~\\&|B||||2026||ADT^A08|2|P|2.5\rPID|1||8\r"


def test_one_message_is_passed_on_as_it_came():
    for raw in (A, A[:-1], A.replace(b"\r", b"\n"), b"\xef\xbb\xbf" + A, A + b"\xff"):
        assert [message.lstrip(b"\xef\xbb\xbf") for message in split_messages(raw)] == [
            raw.lstrip(b"\xef\xbb\xbf")
        ]


def test_without_msh_the_payload_is_one_item():
    for raw in (b"", b"PID|1\r", b"FHS|^~\\&|\r", b"nothing"):
        assert split_messages(raw) == [raw]


def test_several_msh_are_several_messages():
    assert split_messages(A + B + A) == [A, B, A]
    assert split_messages(A.replace(b"MSH", b"msh") + B.replace(b"MSH", b"msh")) == [
        A.replace(b"MSH", b"msh"),
        B.replace(b"MSH", b"msh"),
    ]


def test_batch_headers_and_trailers_are_left_out():
    raw = b"FHS|^~\\&|X\rBHS|^~\\&|Y\r" + A + B + b"BTS|2\rBHS|^~\\&|Z\r" + A + b"BTS|1\r\rFTS|2\r"
    assert split_messages(raw) == [A, B, A]


@pytest.mark.parametrize("lines", [b"BTS|1\rPID|1\r", b"BHS\r\rx", b"FTS|\r"])
def test_a_frame_full_of_batch_lines_holds_nobody_up(lines: bytes):
    began = time.process_time()
    raw = A + lines * 20_000 + b"PID|2\r"
    assert split_messages(raw) == [raw]
    assert time.process_time() - began < 3


def test_batch_lines_inside_text_are_text():
    raw = A + b"NTE|1||BTS|1\rNTE|2||FHS\r"
    assert split_messages(raw) == [raw]


def test_other_segments_with_such_first_letters_divide_nothing():
    raw = A + b"MRG|1\rFT1|1\rBLG|1\rMSA|AA\r"
    assert split_messages(raw) == [raw]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("between", [b"", b"\r\n\r\n", b"\n\n\n"])
def test_a_file_gives_its_messages(end: bytes, between: bytes):
    a, b = A.replace(b"\r", end), B.replace(b"\r", end)
    found = messages_in_file(b"\xef\xbb\xbf" + a + between + b + between)
    assert [Message(message).control_id for message in found] == ["1", "2"]
    assert [len(Message(message).segments) for message in found] == [2, 2]


def test_a_framed_file_gives_its_messages():
    assert messages_in_file(frame(A) + frame(B)) == [A, B]
    assert messages_in_file(b"\x0b" + A + b"\x1c\x0b" + B + b"\x1c\r\n") == [A, B]
    assert messages_in_file(b"\x0b" + A) == [A]
    assert messages_in_file(frame(A + B) + B) == [A, B, B]


def test_an_empty_file_has_no_message():
    for data in (b"", b"\r\n \t\r\n", b"\xef\xbb\xbf", b"\x0b\x1c\r", b"\x1a"):
        assert messages_in_file(data) == []


def test_a_file_that_is_no_hl7_is_one_unreadable_message():
    assert messages_in_file(b"hello\r\nworld") == [b"hello\r\nworld"]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_messages_in_utf_16_are_told_apart(codec: str):
    text = A.decode() + B.decode().replace("|B|", "|Bœ|")
    found = [Message(message) for message in messages_in_file(text.encode(codec))]
    assert [message.sending_application for message in found] == ["A", "Bœ"]


@given(
    st.lists(
        st.sampled_from([A, B, b"\r", b"\n", b"BTS|1\r", b"BHS|^~\\&\r", b"x|y\r", b"\xff", b"MSH", b" "]),
        max_size=14,
    )
)
def test_each_msh_is_one_item_and_splitting_again_changes_nothing(parts: list[bytes]):
    raw = b"".join(parts)
    items = split_messages(raw)
    assert len(items) == max(1, sum(part in (A, B) for part in parts))
    assert all(split_messages(item) == [item] for item in items)


@given(st.binary(max_size=80))
def test_no_bytes_crash_it(data: bytes):
    assert split_messages(data)
    messages_in_file(data)


@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    b"MSH",
                    b"msh",
                    b"FHS",
                    b"bhs",
                    b"BTS",
                    b"fts",
                    b"MSH|^~\\&|",
                    b"|^~\\&|A|",
                    b"|",
                    b"PID|1",
                ),
                *(b"\r", b"\n", b" ", b"\t", b"\xef\xbb\xbf", b"q", b"+/", b"\xe9"),
            ]
        ),
        max_size=12,
    )
)
def test_a_frame_told_to_be_one_message_at_a_glance_is_one_on_a_closer_look(parts: list[bytes]):
    """The glance is what nearly every frame gets: what it lets pass must not be several, nor have a batch's lines."""
    raw = b"MSH|^~\\&|A\r" + b"".join(parts)
    if _is_single(raw):
        assert _split(raw.decode("latin-1")) == [raw.decode("latin-1")]


def test_letters_that_an_embedded_document_has_by_chance_divide_nothing():
    document = b"q8MSHf0+/MSH0a\r\nFHSq+//=\r\nmshA\r\n+abc\r\n"
    raw = b"MSH|^~\\&|A|B\rOBX|1|ED|P||^AP^^Base64^" + document + b"\rDG1|1"
    assert _is_single(raw)
    assert split_messages(raw) == [raw]
