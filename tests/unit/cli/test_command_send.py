"""`send`: addresses, reading ACKs, the summary; nothing here opens a socket."""

from pathlib import Path

import pytest

from interface.cli.common import UsageError
from interface.cli.mllp import MISMATCH, NO_ANSWER, UNREADABLE, Answer, Outgoing, read_ack
from interface.cli.send import Tally, address, collect, count, positive
from interface.errors import InterfaceError


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:2575", ("127.0.0.1", 2575)),
        ("[::1]:1", ("::1", 1)),
        ("host.example:65535", ("host.example", 65535)),
    ],
)
def test_addresses(text: str, found: tuple[str, int]) -> None:
    assert address(text) == found


@pytest.mark.parametrize(
    "text", ["", "host", "host:", ":1", "host:0", "host:65536", "host:x", "host:-1", "host:²"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="is not HOST:PORT"):
        address(text)


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "", "9999999999"])
def test_what_is_no_count(text: str) -> None:
    with pytest.raises(UsageError):
        count(text)


@pytest.mark.parametrize("text", ["0", "-1", "x", "nan", "inf", "1e9"])
def test_what_is_no_time_limit(text: str) -> None:
    with pytest.raises(UsageError):
        positive(text)


def ack(msa: str, *more: str) -> bytes:
    return "\r".join(["MSH|^~\\&|a|b|c|d|20260305||ACK|1|P|2.5.1", msa, *more, ""]).encode()


@pytest.mark.parametrize(
    ("payload", "read"),
    [
        (ack("MSA|AA|M1"), ("AA", "")),
        (ack("MSA|CA|M1"), ("CA", "")),
        (ack("MSA|AA|"), ("AA", "")),
        (ack("MSA|AE|M1|said here"), ("AE", "said here")),
        (ack("MSA|AR|M1", "ERR|||207^Application internal error^HL70357|E||||broken"), ("AR", "broken")),
        (ack("MSA|AE|M1", "ERR|||101^Required field missing^HL70357|E"), ("AE", "Required field missing")),
        (ack("MSA|AA|M2"), (MISMATCH, "the answer is for M2")),
        (ack("ZZZ|1"), (UNREADABLE, "the answer has no MSA-1")),
        (b"hello", (UNREADABLE, "the answer is not HL7")),
    ],
)
def test_reading_an_ack(payload: bytes, read: tuple[str, str]) -> None:
    assert read_ack(payload, "M1") == read


def test_an_escaped_control_id_is_the_same_id() -> None:
    assert read_ack(ack("MSA|AA|M\\T\\1"), "M\\T\\1") == ("AA", "")


def test_a_message_without_a_control_id_takes_any_answer() -> None:
    assert read_ack(ack("MSA|AE|X"), "")[0] == "AE"


OUTGOING = Outgoing("f.hl7", 1, b"")


def tally(*codes: str) -> Tally:
    made = Tally()
    for number, code in enumerate(codes, 1):
        made.add(Answer(OUTGOING, f"M{number}", code, "why", 0.002))
    return made


def test_the_summary_counts_every_kind() -> None:
    made = tally("AA", "AA", "CA", "AE", "AR", NO_ANSWER, "not sent")
    assert made.line() == "6 sent, 2 AA, 1 AE, 1 AR, 1 CA, 1 not sent, 1 no answer"
    summary = made.summary(2.0)
    assert summary["acks"] == {"AA": 2, "AE": 1, "AR": 1, "CA": 1}
    assert (summary["sent"], summary["no_answer"], summary["not_sent"], summary["per_second"]) == (
        6,
        1,
        1,
        3.0,
    )
    assert [item["control_id"] for item in summary["not_taken"]] == ["M4", "M5", "M6", "M7"]
    assert not made.all_well


def test_all_is_well_only_when_every_message_was_taken() -> None:
    assert tally("AA", "CA", "not asked").all_well
    for code in ("AE", "AR", "CE", "CR", NO_ANSWER, MISMATCH, UNREADABLE, "not sent", ""):
        assert not tally("AA", code).all_well


def test_a_long_list_of_refusals_is_cut_and_counted() -> None:
    made = tally(*["AE"] * 500)
    assert len(made.summary(1.0)["not_taken"]) == 100
    assert made.summary(1.0)["acks"]["AE"] == 500


def test_files_are_split_and_their_bytes_kept(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    one = b"MSH|^~\\&|A\xe9|B\rPID|1\r"
    (folder / "a.hl7").write_bytes(one)
    (folder / "b.hl7").write_bytes(b"\x0b" + one + b"\x1c\r\x0bMSH|^~\\&|2\x1c\r")
    found = collect([str(folder / "a.hl7"), str(folder / "b.hl7")])
    assert [(item.number, item.raw.rstrip(b"\r")) for item in found] == [
        (1, one.rstrip(b"\r")),
        (1, one.rstrip(b"\r")),
        (2, b"MSH|^~\\&|2"),
    ]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("blank", [b"", b"%s", b"%s%s%s", b"  %s\t%s"])
def test_blank_lines_between_messages_belong_to_none_of_them(
    tmp_path: Path, end: bytes, blank: bytes
) -> None:
    lines = [b"MSH|^~\\&|A|B|C|D|20260305||ADT^A08|M%d|P|2.5.1", b"NTE|1||a text that ends in blanks  "]
    messages = [end.join(lines) % number + end for number in (1, 2)]
    between = blank.replace(b"%s", end)
    (tmp_path / "a.hl7").write_bytes(between.join([b"", *messages, b""]))
    assert [item.raw for item in collect([str(tmp_path / "a.hl7")])] == messages


def test_a_file_without_a_message_or_that_is_not_there(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "empty.hl7").write_bytes(b" \r\n")
    with pytest.raises(UsageError, match=r"empty\.hl7 holds no message"):
        collect([str(folder / "empty.hl7")])
    with pytest.raises(InterfaceError, match=r"cannot read .*no\.hl7: No such file or directory"):
        collect([str(folder / "no.hl7")])
