"""Streaming a file gives the messages that reading it whole gives, wherever the portions end."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.hl7 import stream
from interface.hl7.batch import messages_in_file
from interface.hl7.opening import openings
from interface.hl7.stream import NoMessageEndsError, stream_messages

ONE = b"MSH|^~\\&|APP|FAC|R|R|20260305||ADT^A08|M%d|P|2.5.1\rEVN|A08\rPID|1||%d^^^LFC^MR||Sample^Robin\r"
TWO = b"MSH|^~\\&|APP|FAC|R|R|20260305||SIU^S12|M2|P|2.5.1\nPID|1||2\nNTE|1||" + b"x" * 300 + b"\n"
PIECES = (
    ONE % (1, 1),
    TWO,
    b"\x0b" + ONE % (3, 3) + b"\x1c\r",
    b"FHS|^~\\&|APP\rBHS|^~\\&|APP\r",
    b"BTS|2\rFTS|1\r",
    b"\x0bFHS|^~\\&|APP\rBHS|^~\\&|APP\r" + ONE % (4, 4) + b"BTS|1\rFTS|1\x1c\r",
    b"\r\n\r\n",
    b"msh|^~\\&|APP\rPID|1\r",
    b"MSH|",
    b"MSH",
    b"a line of something else\r",
    b"\xef\xbb\xbf",
    b"OBX|1|TX|||glued" + ONE % (5, 5),
    b"\x1c\x0b\x1c",
    b"MSH|^~\\&|\xc3\xa9\r" + b"PID|1||caf\xe9\r" * 20,
)


def portions(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [7, 130, 1000])
def test_any_two_pieces(size: int) -> None:
    for pieces in itertools.product(PIECES, repeat=2):
        data = ONE % (9, 9) + b"".join(pieces) + ONE % (8, 8)
        assert list(stream_messages(portions(data, size))) == messages_in_file(data)


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.integers(1, 900))
def test_any_file_in_portions_of_any_size(pieces: list[bytes], size: int) -> None:
    data = b"".join(pieces)
    assert list(stream_messages(portions(data, size))) == messages_in_file(data)


def test_utf_16_is_read_whole() -> None:
    data = (ONE % (1, 1) + TWO).decode().encode("utf-16")
    assert list(stream_messages(portions(data, 5000))) == messages_in_file(data)
    assert len(messages_in_file(data)) == 2


def test_messages_come_before_the_file_ends() -> None:
    asked = []

    def endless():  # type: ignore[no-untyped-def]
        for number in itertools.count(1):
            asked.append(number)
            yield ONE % (number, number)

    found = list(itertools.islice(stream_messages(endless()), 5))
    assert found == [ONE % (number, number) for number in range(1, 6)]
    assert len(asked) < 20


def test_what_never_ends_is_given_up() -> None:
    with pytest.raises(NoMessageEndsError):
        list(stream_messages(itertools.repeat(b"x" * 1000), longest=10_000))


def test_a_long_message_is_not_looked_at_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def counting(text: str) -> Iterator[int]:
        looked.append(len(text))
        return openings(text)

    monkeypatch.setattr(stream, "openings", counting)
    long = ONE % (1, 1) + b"OBX|1|ED|||" + b"A" * 3_000_000 + b"\r"
    assert list(stream_messages(portions(long + TWO, 4096))) == messages_in_file(long + TWO)
    assert sum(looked) < 4 * len(long)


def test_what_only_looks_like_an_opening_at_the_end_of_a_portion() -> None:
    data = [ONE % (1, 1) + b"MSH|", b"a line of something else\r" + ONE % (2, 2)]
    assert list(stream_messages(data)) == messages_in_file(b"".join(data))
