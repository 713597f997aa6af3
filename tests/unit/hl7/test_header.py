"""MSH alone, as the door reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.hl7.errors import NotHL7
from interface.hl7.header import HeaderError, _read, read_header
from interface.hl7.message import Message

LINE = (
    b"MSH|^~\\&|A\\T\\B^2.999^ISO|FAC|RA|RF|20260305||SIU^S12^SIU_S12| C1|P^A|2.5.1^USA"
    b"||| al |NE|US|UNICODE UTF-8~ASCII"
)


def test_all_that_the_door_needs_is_read():
    header = read_header(LINE + b"\rPID|1||7\r")
    assert (header.field_separator, header.encoding_characters) == ("|", "^~\\&")
    assert header.sending_application == "A\\T\\B^2.999^ISO"
    assert (header.sending_facility, header.receiving_application, header.receiving_facility) == (
        "FAC",
        "RA",
        "RF",
    )
    assert (header.message_code, header.trigger_event, header.structure) == ("SIU", "S12", "SIU_S12")
    assert header.type == "SIU^S12"
    assert header.control_id == " C1"
    assert (header.processing_id, header.version) == ("P", "2.5.1")
    assert (header.accept_ack, header.application_ack) == ("al", "NE")
    assert (header.charset, header.charsets) == ("UNICODE UTF-8", "UNICODE UTF-8~ASCII")


def test_what_is_absent_or_null_is_empty():
    header = read_header(b'MSH|^~\\&|APP|""|||||""|""\r')
    assert (
        header.sending_facility
        == header.message_code
        == header.control_id
        == header.version
        == header.type
        == ""
    )
    assert read_header(b"MSH|^~\\&|||||||ADT^A08|  |").control_id == ""
    assert read_header(b"MSH|^~\\&|||||||ADT").type == "ADT"
    assert read_header(b'MSH|^~\\&|APP|"" |||||ADT^A08|""  |P').control_id == ""
    assert read_header(b'MSH|^~\\&|APP|"" |||||ADT^A08|C1|P').sending_facility == ""


@pytest.mark.parametrize(
    "before",
    [
        b"\xef\xbb\xbf",
        b"\x0b",
        b"\r\n\r\n",
        b"   \t",
        b"FHS|^~\\&|X|Y\r",
        b"FHS|^~\\&|X\r\nBHS|^~\\&|Y\r\n",
        b"BHS|^~\\&|MSH\r",
        b"\x0b\xef\xbb\xbf \r",
        b"junk\r",
        b"\r" * 100_000,
        b" " * 100_000,
    ],
)
def test_msh_is_found_behind_what_may_stand_before_it(before: bytes):
    assert read_header(before + LINE).type == "SIU^S12"


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\x1c", b""])
def test_msh_ends_where_its_line_does(end: bytes):
    header = read_header(LINE + end + (b"PID|MSH|x" if end else b""))
    assert header.charsets == "UNICODE UTF-8~ASCII"


@pytest.mark.parametrize("raw", [b"", b"HELLO", b"PID|1\r", b"EVN|MSH|^~\\&", b"xMSH"])
def test_without_msh_it_says_so(raw: bytes):
    with pytest.raises(HeaderError) as caught:
        read_header(raw)
    assert caught.value.kind == "no-msh"


def test_error_texts_hold_nothing_of_the_message():
    for raw in (b"SECRET", b"MSHSECRET", b"MSH|SECRET|SECRET"):
        with pytest.raises(HeaderError) as caught:
            read_header(raw)
        assert "SECRET" not in str(caught.value)


def test_bad_bytes_behind_msh_are_not_looked_at():
    assert read_header(LINE + b"\rPID|\xff\xfe\x80").type == "SIU^S12"


pieces = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"MSH|^~\\&|",
                b"|",
                b"^",
                b"\r",
                b"\n",
                b"\x0b",
                b"\xe9",
                b"UNICODE UTF-8",
                b"8859/1",
                b"msh|",
                b'""',
                b"\xef\xbb\xbf",
            ]
        ),
        st.binary(max_size=6),
    ),
    max_size=30,
).map(b"".join)


@given(pieces)
def test_the_door_and_the_reader_never_disagree(raw: bytes):
    try:
        header = read_header(raw)
    except HeaderError as error:
        with pytest.raises(HeaderError) as caught:
            Message(raw)
        assert caught.value.kind == error.kind
        return
    try:
        message = Message(raw)
    except NotHL7:
        pytest.fail("the door took what the reader can't read")
    assert (message.type, message.version) == (
        header.type,
        header.version,
    ) or "\\" in header.type + header.version
    if "\\" not in header.control_id and header.control_id:
        assert message.control_id == header.control_id.split("~")[0]


_FIELDS = st.one_of(
    st.sampled_from(
        [
            "",
            '""',
            " ",
            "A",
            "EHR^1.2.3^ISO",
            "ADT^A08^ADT_A01",
            "P",
            "2.5.1",
            "AL",
            "MSH|^~\\&|x",
            "8859/1~UNICODE",
        ]
    ),
    st.text('AB1^~\\&"# \t\u00e9\x1b', max_size=4),
)


def outcome(read, raw: bytes):
    try:
        return read(raw, None)
    except HeaderError as error:
        return error.kind, str(error)


@given(
    st.sampled_from(["MSH|^~\\&", "MSH#^~\\&", "MSH|^~", "MSH|A", "MSH|"]),
    st.lists(_FIELDS, max_size=20),
    st.sampled_from(["\r", "\n", "\rPID|1\r", "\x1c\r", ""]),
)
def test_what_is_remembered_of_a_feed_is_what_is_read_of_one_message(
    opening: str, fields: list[str], end: str
):
    separator = opening[3]
    raw = (separator.join((opening, *fields)) + end).encode()
    for _ in range(2):
        assert outcome(read_header, raw) == outcome(_read, raw)
