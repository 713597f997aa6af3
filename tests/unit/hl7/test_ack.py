"""The ACK table, row by row, and how an ACK is written."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.hl7 import ack
from interface.hl7.ack import ACK_TABLE, AckRow, Receipt, acknowledge
from interface.hl7.errors import HeaderError
from interface.hl7.header import Header, read_header
from interface.hl7.message import Message

NOW = datetime(2026, 3, 5, 10, 0, 7, tzinfo=timezone(timedelta(hours=-6)))
SUCCESSES = [Receipt.STORED, Receipt.DUPLICATE, Receipt.CONFLICT]
ROWS = [row for row in ACK_TABLE if row.receipt]


def sent(
    accept: str = "",
    application: str = "",
    version: str = "2.5.1",
    charset: str = "",
    delimiters: str = "|^~\\&",
) -> Header:
    text = (
        "MSH|^~\\&|APP^2.999^ISO|FAC|RAPP|RFAC|20260305||SIU^S12^SIU_S12|C1|T"
        f"|{version}|||{accept}|{application}||{charset}\r"
    )
    return read_header(text.translate(str.maketrans("|^~\\&", delimiters)).encode())


def answer(header: Header | None, receipt: Receipt = Receipt.STORED, **options: Any) -> bytes | None:
    return acknowledge(header, receipt, now=NOW, control_id="77", **options)


def code(header: Header | None, receipt: Receipt, **options: Any) -> str | None:
    raw = answer(header, receipt, **options)
    if raw is None:
        return None
    msa = Message(raw).first("MSA")
    assert msa is not None
    return msa.text(1)


def test_the_table_has_a_row_for_each_receipt_and_rows_of_one_receipt_answer_alike():
    assert {row.receipt for row in ROWS} == set(Receipt)
    for receipt in Receipt:
        answers = {(row.original, row.enhanced, row.fault) for row in ROWS if row.receipt is receipt}
        assert len(answers) == 1


@pytest.mark.parametrize(
    ("receipt", "original", "enhanced", "error"),
    [
        (Receipt.STORED, "AA", "CA", ""),
        (Receipt.DUPLICATE, "AA", "CA", ""),
        (Receipt.CONFLICT, "AA", "CA", ""),
        (Receipt.NO_MSH, "AR", "CR", "100"),
        (Receipt.UNDECODABLE, "AR", "CR", "207"),
        (Receipt.MISSING_TYPE, "AE", "CR", "101"),
        (Receipt.MISSING_CONTROL_ID, "AE", "CR", "101"),
        (Receipt.TOO_LARGE, "AR", "CR", "207"),
        (Receipt.NOT_STORED, None, None, ""),
    ],
)
def test_each_row_answers_as_the_design_says(
    receipt: Receipt, original: str | None, enhanced: str | None, error: str
):
    assert code(sent(), receipt, mode="original") == original
    assert code(sent("AL", "NE"), receipt, mode="original") == original
    assert code(sent(), receipt, mode="auto") == original
    assert code(sent(), receipt, mode="enhanced") == enhanced
    assert code(sent("AL"), receipt, mode="auto") == enhanced
    raw = answer(sent(), receipt)
    err = Message(raw).first("ERR") if raw else None
    assert (err.text(3) if err else "") == error


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.happened[:30])
def test_each_row_of_the_table_is_what_is_sent(row: AckRow):
    assert row.receipt
    assert (code(sent(), row.receipt, mode="original") or "") == row.original
    assert (code(sent("AL"), row.receipt, mode="auto") or "") == row.enhanced


@pytest.mark.parametrize(
    ("asked", "original", "enhanced"), [("AE", "AE", "CE"), ("AR", "AR", "CR"), ("close", None, None)]
)
def test_what_could_not_be_stored_is_silence_unless_the_listener_asks(
    asked: str, original: str, enhanced: str
):
    assert code(sent(), Receipt.NOT_STORED, not_stored=asked) == original
    assert code(sent("AL"), Receipt.NOT_STORED, not_stored=asked) == enhanced


# MSH-15, MSH-16, answer to a success, answer to a rejected message (here: AR or CR)
ASKED = [
    ("", "", "AA", "AR"),
    ("AL", "", "CA", "CR"),
    ("AL", "AL", "CA", "CR"),
    ("AL", "NE", "CA", "CR"),
    ("al", "", "CA", "CR"),
    ("ER", "", None, "CR"),
    ("ER", "AL", None, "CR"),
    ("SU", "", "CA", None),
    ("SU", "AL", "CA", None),
    ("NE", "", None, None),
    ("NE", "NE", None, None),
    ("NE", "AL", "AA", "AR"),
    ("NE", "ER", None, "AR"),
    ("NE", "SU", "AA", None),
    ("", "AL", "AA", "AR"),
    ("", "ER", None, "AR"),
    ("", "SU", "AA", None),
    ("", "NE", None, None),
    ("??", "", "CA", "CR"),
    ("", "??", "AA", "AR"),
]


@pytest.mark.parametrize(("accept", "application", "success", "error"), ASKED)
def test_auto_answers_once_as_msh_15_and_msh_16_ask(accept: str, application: str, success: str, error: str):
    header = sent(accept, application)
    for receipt in SUCCESSES:
        assert code(header, receipt, mode="auto") == success
    assert code(header, Receipt.TOO_LARGE, mode="auto") == error


@pytest.mark.parametrize(("accept", "application", "success", "error"), ASKED)
def test_the_enhanced_mode_differs_only_where_msh_15_is_empty(
    accept: str, application: str, success: str, error: str
):
    header = sent(accept, application)
    expected = (success, error) if accept else ("CA", "CR")
    assert (
        code(header, Receipt.STORED, mode="enhanced"),
        code(header, Receipt.TOO_LARGE, mode="enhanced"),
    ) == expected


@pytest.mark.parametrize("mode", ["auto", "original", "enhanced"])
def test_without_a_header_the_standards_delimiters_and_2_5_1_are_used(mode: str):
    raw = answer(None, Receipt.NO_MSH, mode=mode)
    verdict = "CR" if mode == "enhanced" else "AR"
    assert (
        raw
        == (
            f"MSH|^~\\&|||||20260305100007-0600||ACK|77|P|2.5.1\rMSA|{verdict}\r"
            "ERR|||100^Segment sequence error^HL70357|E||||No MSH segment was found: a message starts with MSH\r"
        ).encode()
    )


def test_an_ack_turns_the_addresses_round_and_echoes_msh_11_and_msh_18():
    raw = answer(sent(charset="UNICODE UTF-8"))
    assert raw == (
        b"MSH|^~\\&|RAPP|RFAC|APP^2.999^ISO|FAC|20260305100007-0600||ACK^S12^ACK|77|T|2.5.1||||||UNICODE UTF-8\r"
        b"MSA|AA|C1\r"
    )


def test_an_error_from_2_5_on_has_err_2_3_4_and_8():
    raw = answer(sent(version="2.5"), Receipt.MISSING_TYPE)
    assert raw
    assert raw.split(b"\r")[1:3] == [
        b"MSA|AE|C1",
        b"ERR||MSH^1^9|101^Required field missing^HL70357|E||||MSH-9 (message type) is missing",
    ]
    raw = answer(sent(), Receipt.MISSING_CONTROL_ID)
    assert raw
    assert b"ERR||MSH^1^10|101^" in raw


@pytest.mark.parametrize("version", ["2.0D", "2.1", "2.2", "2.3", "2.3.1", "2.4"])
def test_an_error_before_2_5_has_the_old_form(version: str):
    raw = answer(sent(version=version), Receipt.MISSING_TYPE)
    assert raw
    assert raw.split(b"\r")[1:3] == [
        b"MSA|AE|C1|MSH-9 (message type) is missing",
        b"ERR|MSH^1^9^101&Required field missing&HL70357",
    ]
    raw = answer(sent(version=version), Receipt.TOO_LARGE)
    assert raw
    assert b"ERR|^^^207&Application internal error&HL70357\r" in raw


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("2.1", b"ACK"),
        ("2.0D", b"ACK"),  # as table 0104 has it
        ("2.3.1", b"ACK"),
        ("2.4", b"ACK^S12^ACK"),
        ("2.5.1^USA", b"ACK^S12^ACK"),
        ("2.8.2", b"ACK^S12^ACK"),
        ("", b"ACK^S12^ACK"),
        ("nonsense", b"ACK^S12^ACK"),
    ],
)
def test_msh_9_of_an_ack_is_of_the_senders_version(version: str, kind: bytes):
    raw = answer(sent(version=version))
    assert raw
    fields = raw.split(b"\r")[0].split(b"|")
    assert fields[8] == kind
    assert fields[11] == (version.split("^")[0].encode() or b"2.5.1")


def test_without_a_trigger_event_msh_9_is_ack_alone():
    raw = answer(read_header(b"MSH|^~\\&|A|B|||2026||ADT|1|P|2.5"))
    assert raw
    assert raw.split(b"|")[8] == b"ACK"


def test_msa_2_is_empty_when_there_is_no_control_id():
    raw = answer(read_header(b"MSH|^~\\&|A|B|||2026||ADT^A08||P|2.5"), Receipt.MISSING_CONTROL_ID)
    assert raw
    assert raw.split(b"\r")[1] == b"MSA|AE"


def test_an_ack_has_the_senders_own_delimiters():
    header = sent(delimiters="$%*!@")
    raw = answer(header, Receipt.MISSING_TYPE)
    assert raw
    assert raw.startswith(
        b"MSH$%*!@$RAPP$RFAC$APP%2.999%ISO$FAC$20260305100007-0600$$ACK%S12%ACK$77$T$2.5.1\r"
    )
    assert b"ERR$$MSH%1%9$101%Required field missing%HL70357$E" in raw
    message = Message(raw)
    err = message.first("ERR")
    assert err is not None
    assert err.text(3, 2) == "Required field missing"


def test_texts_are_escaped_where_a_sender_separates_with_their_characters():
    header = read_header(b"MSH|(~\\-|A|B|||2026||ADT(A08|1|P|2.5")
    message = Message(answer(header, Receipt.MISSING_TYPE) or b"")
    err = message.first("ERR")
    assert err is not None
    assert err.text(8) == "MSH-9 (message type) is missing"


def test_mended_delimiters_are_sent_mended():
    raw = answer(read_header(b"MSH|^~\\\\&|A|B|||2026||ADT^A08|1|P|2.5"))
    assert raw
    assert raw.startswith(b"MSH|^~\\&|")


def test_the_fifth_delimiter_is_given_back():
    raw = answer(read_header(b"MSH|^~\\&#|A|B|||2026||ADT^A08|1|P|2.8"))
    assert raw
    assert raw.startswith(b"MSH|^~\\&#|")


def test_a_whole_msh_11_is_given_back():
    raw = answer(read_header(b"MSH|^~\\&|A|B|||2026||ADT^A08|1|P^T|2.8"))
    assert raw
    assert raw.split(b"|")[10] == b"P^T"


def test_all_of_msh_18_is_given_back():
    raw = answer(sent(charset="8859/1~UNICODE UTF-8"))
    assert raw
    assert raw.split(b"\r")[0].split(b"|")[17] == b"8859/1~UNICODE UTF-8"


@pytest.mark.parametrize(
    ("accept", "application", "expected"), [("ne", "al", "AA"), ("al", "ne", "CA"), ("ne", "ne", None)]
)
def test_msh_15_and_msh_16_may_be_small_letters(accept: str, application: str, expected: str | None):
    assert code(sent(accept, application), Receipt.STORED) == expected


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("8859/1", "latin-1"),
        ("UNICODE UTF-8", "utf-8"),
        ("WINDOWS-1252", "cp1252"),
        ("", "latin-1"),
        ("UNICODE", "utf-16"),
        ("UNICODE", "utf-16-le"),
    ],
)
def test_an_ack_is_written_in_the_senders_character_set(charset: str, codec: str):
    msh = f"MSH|^~\\&|Müller|B|||2026||ADT^A08|1|P|2.5||||||{charset}\r"
    raw = answer(read_header(msh.encode(codec)))
    assert raw
    assert "|Müller|" in raw.decode(codec)
    msh_of_ack = Message(raw).first("MSH")
    assert msh_of_ack is not None
    assert msh_of_ack.text(5) == "Müller"


def test_an_ack_in_utf_16_never_breaks_its_own_frame():
    header = read_header("MSH|^~\\&|\u0b1c\u1c0b|B|||2026||ADT^A08|1|P|2.5\r".encode("utf-16-le"))
    raw = answer(header)
    assert raw
    assert b"\x0b" not in raw
    assert b"\x1c" not in raw


def test_a_utc_time_has_its_offset():
    raw = acknowledge(sent(), Receipt.STORED, now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), control_id="1")
    assert raw
    assert raw.split(b"|")[6] == b"20260102030405+0000"


def test_times_that_are_equal_are_written_in_their_own_zones():
    zone = ZoneInfo("America/Chicago")
    twice = datetime(2026, 11, 1, 1, 30, tzinfo=zone)
    times = [NOW, NOW.astimezone(UTC), twice, twice.replace(fold=1)]
    raws = [acknowledge(sent(), Receipt.STORED, now=now, control_id="1") for now in times]
    assert [raw and raw.split(b"|")[6].decode() for raw in raws] == [
        "20260305100007-0600",
        "20260305160007+0000",
        "20261101013000-0500",
        "20261101013000-0600",
    ]


_FIELDS = st.lists(st.sampled_from(["", "A", "B", '""', "T^A", "8859/1", "AL", "2.3", "2.5.1"]), max_size=16)


@given(st.lists(st.tuples(_FIELDS, st.sampled_from(["|", "#"]), st.text("AB1", max_size=3)), max_size=6))
def test_an_ack_is_made_of_its_own_message_alone_whatever_was_answered_before(messages):
    def made(fields: list[str], separator: str, control_id: str) -> bytes | None:
        fields = ["MSH", "^~\\&", *fields]
        fields[9:10] = [control_id] if len(fields) > 9 else []
        return answer(read_header(separator.join([*fields, ""]).encode()))

    together = [made(*message) for message in messages]
    alone = []
    for message in messages:
        ack._form.cache_clear()
        alone.append(made(*message))
    assert together == alone


@given(
    st.text(alphabet="ABé|^~\\&$#~\"' \x0b\x1c\r\n", max_size=30),
    st.sampled_from(["", "8859/1", "UNICODE UTF-8", "ASCII"]),
    st.sampled_from(list(Receipt)),
    st.sampled_from(["2.2", "2.4", "2.5", "2.8"]),
)
def test_whatever_stands_in_msh_an_ack_is_one_readable_message(
    text: str, charset: str, receipt: Receipt, version: str
):
    raw = f"MSH|^~\\&|{text}|B|||2026||ADT^A08|1|P|{version}||||||{charset}\rPID|1\r".encode()
    try:
        header = read_header(raw)
    except HeaderError:
        return
    ack = answer(header, receipt, not_stored="AE")
    assert ack
    assert b"\x0b" not in ack
    assert b"\x1c" not in ack
    message = Message(ack)
    assert [segment.name for segment in message.segments][:2] == ["MSH", "MSA"]
    assert len(message.segments) == (2 if receipt in SUCCESSES else 3)
    assert message.notes == ()


def test_an_msh_of_a_megabyte_is_not_remembered() -> None:
    before = ack._form.cache_info().currsize
    read = read_header(b"MSH|^~\\&|" + b"A" * 1_000_000 + b"|B|C|D|20260305||ADT^A08|K1|P|2.5.1\r")
    assert len(answer(read)) > 1_000_000
    assert ack._form.cache_info().currsize == before
