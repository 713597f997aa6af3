"""Frames out of bytes. Every case runs whole, byte by byte, in odd portions, and with trailing data."""

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.hl7.framing import HEAD_BYTES, Frame, FrameDecoder, Oversized, frame

Decode = Callable[..., tuple[list[bytes | Oversized], FrameDecoder]]


def run(portions: Iterable[bytes], limit: int | None = None) -> tuple[list[bytes | Oversized], FrameDecoder]:
    decoder = FrameDecoder() if limit is None else FrameDecoder(limit)
    events = [event for portion in portions for event in decoder.feed(portion)]
    return [event.payload if isinstance(event, Frame) else event for event in events], decoder


def state(decoder: FrameDecoder) -> tuple[object, ...]:
    return (
        decoder.unfinished,
        decoder.buffered,
        decoder.discarded_frames,
        decoder.junk_bytes,
        decoder.closed,
    )


def decode(data: bytes, limit: int | None = None) -> tuple[list[bytes | Oversized], FrameDecoder]:
    """All ways of feeding must give the same; a frame begun behind the data must not change what it gave."""
    whole, decoder = run([data], limit)
    single, by_byte = run((data[n : n + 1] for n in range(len(data))), limit)
    odd, by_three = run((data[n : n + 3] for n in range(0, len(data), 3)), limit)
    assert whole == single == odd
    assert state(decoder) == state(by_byte) == state(by_three)
    trailing, _ = run([data + b"\x0bM"], limit)
    assert trailing == whole
    return whole, decoder


def test_a_frame_gives_its_payload_untouched():
    events, decoder = decode(b"\x0bMSH|^~\\&|\r\n\xff\x00PID|1\r\x1c\r")
    assert events == [b"MSH|^~\\&|\r\n\xff\x00PID|1\r"]
    assert state(decoder) == (False, 0, 0, 0, False)


def test_the_cr_behind_fs_may_be_missing():
    events, decoder = decode(b"\x0bA\x1c\x0bB\x1c\r\x0bC\x1c")
    assert events == [b"A", b"B", b"C"]
    assert decoder.junk_bytes == 0


@pytest.mark.parametrize("between", [b"\r\n", b"\r\r\n\n", b"\n", b"   ", b"\r\n \t"])
def test_line_ends_and_blanks_between_frames_lose_no_message_and_are_not_counted(between: bytes):
    events, decoder = decode(b"\x0bA\x1c" + between + b"\x0bB\x1c" + between)
    assert events == [b"A", b"B"]
    assert decoder.junk_bytes == 0


def test_other_bytes_between_frames_are_counted_and_left_out():
    events, decoder = decode(b"GET / HTTP/1.1\x1c\x0bA\x1c\rxyz\x00\x0bB\x1c\r")
    assert events == [b"A", b"B"]
    assert decoder.junk_bytes == len(b"GET/HTTP/1.1\x1c") + len(b"xyz\x00")


def test_an_empty_frame_is_a_frame():
    assert decode(b"\x0b\x1c\r")[0] == [b""]


def test_an_unfinished_frame_is_no_message():
    events, decoder = decode(b"\x0bMSH|^~\\&|A\rPID|1\r")
    assert events == []
    assert decoder.unfinished
    assert decoder.buffered == len(b"MSH|^~\\&|A\rPID|1\r")


def test_a_frame_is_unfinished_from_its_vt_on():
    decoder = FrameDecoder()
    assert not decoder.unfinished
    decoder.feed(b"\r\x0b")
    assert decoder.unfinished
    assert decoder.buffered == 0
    decoder.feed(b"A\x1c")
    assert not decoder.unfinished


def test_a_second_vt_discards_the_unfinished_frame_and_counts_it():
    events, decoder = decode(b"\x0bfirst\x0bsecond\x0bthird\x1c\r")
    assert events == [b"third"]
    assert decoder.discarded_frames == 2


def test_no_data_changes_nothing():
    decoder = FrameDecoder()
    assert decoder.feed(b"") == []
    decoder.feed(b"\x0bA")
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\x1c") == [Frame(b"A")]


def test_a_frame_at_the_limit_is_taken():
    assert decode(b"\x0b12345\x1c\r", limit=5)[0] == [b"12345"]


def test_a_frame_over_the_limit_closes_the_decoder():
    events, decoder = decode(b"\x0bA\x1c\r\x0b123456\x1c\r\x0bB\x1c\r", limit=5)
    assert events == [b"A", Oversized(b"123456", 6)]
    assert decoder.closed
    assert not decoder.unfinished
    assert decoder.buffered == 0
    assert decoder.feed(b"\x0bC\x1c\r") == []


def test_a_frame_over_the_limit_is_given_up_before_its_end_comes():
    events, _ = decode(b"\x0b123456", limit=5)
    assert events == [Oversized(b"123456", 6)]


def test_of_a_frame_over_the_limit_the_head_is_kept_for_its_ack():
    head = b"MSH|^~\\&|A|" + b"x" * HEAD_BYTES
    events, _ = run([b"\x0b" + head, b"y" * 5000], limit=6000)
    assert events == [Oversized(head[:HEAD_BYTES], 6001)]
    events, _ = run([b"\x0b" + head + b"y" * 5000 + b"\x1c"], limit=6000)
    assert events == [Oversized(head[:HEAD_BYTES], 6001)]


def test_a_frame_over_the_limit_counts_even_when_a_vt_follows_in_the_same_read():
    assert decode(b"\x0b123456\x0bA\x1c", limit=5)[0] == [Oversized(b"123456", 6)]


def test_the_limit_is_of_each_frame_not_of_the_connection():
    events, decoder = decode(b"\x0b1234\x1c" * 50, limit=5)
    assert events == [b"1234"] * 50
    assert not decoder.closed


def test_a_large_message_in_small_portions_is_searched_once():
    class Counting(bytes):
        searched = 0

        def find(self, *args: object) -> int:  # type: ignore[override]
            start = args[1] if len(args) > 1 else 0
            assert isinstance(start, int)
            Counting.searched += len(self) - start
            return bytes.find(self, *args)  # type: ignore[arg-type]

    decoder = FrameDecoder()
    decoder.feed(Counting(b"\x0b"))
    for _ in range(1000):
        assert decoder.feed(Counting(b"x" * 100)) == []
    assert Counting.searched <= 2 * 100_001
    assert decoder.feed(b"\x1c") == [Frame(b"x" * 100_000)]


def test_framing_a_payload_adds_vt_fs_cr():
    assert frame(b"MSH|") == b"\x0bMSH|\x1c\r"


marked = st.lists(st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\n", b"MSH|", b"x", b" "]), max_size=30).map(
    b"".join
)


@given(marked, st.lists(st.integers(1, 7), min_size=1, max_size=60), st.sampled_from([None, 3, 8]))
def test_how_bytes_are_cut_never_changes_what_they_say(data: bytes, sizes: list[int], limit: int | None):
    whole, decoder = decode(data, limit)
    portions, position = [], 0
    for size in sizes:
        portions.append(data[position : position + size])
        position += size
    cut, by_cuts = run([*portions, data[position:]], limit)
    assert cut == whole
    assert state(by_cuts) == state(decoder)


@given(st.lists(st.binary(max_size=40).map(lambda raw: raw.translate(None, b"\x0b\x1c")), max_size=8))
def test_what_was_framed_comes_out_again(payloads: list[bytes]):
    assert decode(b"".join(map(frame, payloads)))[0] == payloads
