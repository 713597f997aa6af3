"""Reading messages as they are sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.hl7 import documents
from interface.hl7 import message as message_module
from interface.hl7.errors import HeaderError, NotHL7
from interface.hl7.message import Message, Repetition, Segment

MSH = "MSH|^~\\&|APP^2.999.7^ISO|FAC|RA|RF|20260305||SIU^S12^SIU_S12| C1 |P^A|2.5.1^USA"


def read(*lines: str, end: str = "\r", msh: str = MSH) -> Message:
    return Message("".join(line + end for line in (msh, *lines)).encode())


def one(message: Message, name: str) -> Segment:
    segment = message.first(name)
    assert segment is not None
    return segment


def test_msh_is_numbered_as_the_standard_does():
    msh = one(read(), "MSH")
    assert [msh.text(n) for n in (1, 2, 3, 9, 12)] == ["|", "^~\\&", "APP", "SIU", "2.5.1"]
    (encoding,) = msh.reps(2)
    assert encoding.component(1) == encoding.text() == "^~\\&"
    assert (encoding.component_count, encoding.path) == (1, "MSH-2")


def test_the_message_says_who_sent_what():
    message = read()
    assert message.type == "SIU^S12"
    assert (message.message_code, message.trigger_event) == ("SIU", "S12")
    assert message.control_id == " C1 "
    assert (message.version, message.processing_id) == ("2.5.1", "P")
    assert (message.sending_application, message.sending_facility) == ("APP", "FAC")
    assert read(msh="MSH|^~\\&|||||||ACK").type == "ACK"


def test_fields_repetitions_components_and_subcomponents_by_number():
    pid = one(read("PID|1||10^^^LFC&2.999.5&ISO^MR~20^^^SSA||Doe^Ann"), "PID")
    assert pid.text(3) == "10"
    assert pid.text(3, 4) == "LFC&2.999.5&ISO"
    assert pid.text(3, 4, 2) == "2.999.5"
    first, second = pid.reps(3)
    assert (first.path, second.path) == ("PID-3", "PID-3[2]")
    assert (second.at(4), second.at(4, 1)) == ("PID-3[2].4", "PID-3[2].4.1")
    assert second.sub(4, 1) == second.component(4) == "SSA"
    assert second.sub(4, 2) == ""
    assert first.component_count == 5


def test_what_is_not_there_is_empty():
    message = read("PID|1||")
    pid = one(message, "PID")
    assert message.first("ZZZ") is None
    assert message.all("ZZZ") == ()
    assert pid.reps(3) == pid.reps(99) == pid.reps(0) == pid.reps(-1) == ()
    assert pid.rep(3) is None
    assert pid.text(99, 2, 3) == pid.text(1, 2) == pid.text(1, 0) == pid.text(0) == ""
    repetition = Repetition.of_text("a^b")
    assert (
        repetition.component(3)
        == repetition.component(0)
        == repetition.sub(9, 1)
        == repetition.sub(1, 0)
        == ""
    )
    assert Repetition.of_text("").component_count == 0


def test_empty_repetitions_keep_the_others_in_their_place():
    pid = one(read("PID|||~20"), "PID")
    assert [repetition.path for repetition in pid.reps(3)] == ["PID-3", "PID-3[2]"]
    found = pid.rep(3)
    assert found is not None
    assert found.path == "PID-3[2]"
    assert pid.text(3) == ""


def test_null_is_told_from_empty():
    pid = one(read('PID|""||""^x~""|""^""&a||'), "PID")
    (whole,) = pid.reps(1)
    assert whole.is_null
    assert whole.text() == whole.component(1) == whole.sub(1, 1) == pid.text(1) == ""
    assert whole.null_component(1)
    partly, second = pid.reps(3)
    assert not partly.is_null
    assert (partly.component(1), partly.component(2)) == ("", "x")
    assert partly.null_component(1)
    assert not partly.null_component(2)
    assert not partly.null_component(3)
    assert second.is_null
    assert pid.reps(4)[0].sub(2, 1) == ""
    assert pid.reps(5) == ()


def test_values_are_unescaped_after_splitting_and_not_trimmed():
    pid = one(read("PID|1|| a\\S\\b \\T\\^c\\F\\d&e"), "PID")
    (repetition,) = pid.reps(3)
    assert repetition.component(1) == pid.text(3) == " a^b &"
    assert repetition.component(2) == pid.text(3, 2) == "c|d&e"
    assert repetition.sub(2, 1) == pid.text(3, 2, 1) == "c|d"
    assert repetition.text() == " a^b &^c|d&e"
    assert repetition.raw == " a\\S\\b \\T\\^c\\F\\d&e"


def test_segments_of_a_name_are_counted():
    message = read("DG1|1", "PV1|1", "DG1|2", "DG1|3")
    assert [segment.path for segment in message.segments] == ["MSH", "DG1", "PV1", "DG1[2]", "DG1[3]"]
    assert [segment.text(1) for segment in message.all("DG1")] == ["1", "2", "3"]
    assert message.all("DG1")[1].reps(1)[0].path == "DG1[2]-1"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r\n", "\r\n\n\r", "\r \r", "\x1c\r", "\r\x0b"])
def test_whatever_ends_segments_the_message_is_the_same(end: str):
    message = read("PID|1||7", "PV1|1|O", end=end)
    assert [segment.line for segment in message.segments[1:]] == ["PID|1||7", "PV1|1|O"]
    assert message.notes == ()


@pytest.mark.parametrize(
    "debris", [b"\xef\xbb\xbf", b"\x0b", b"\r\n", b"  ", b"\x0b\xef\xbb\xbf\r\n ", b"\x00", b"\r" * 500]
)
def test_debris_before_msh_is_passed_over(debris: bytes):
    message = Message(debris + MSH.encode() + b"\rPID|1||7\r\x1c\r")
    assert message.type == "SIU^S12"
    assert one(message, "PID").text(3) == "7"
    assert message.notes == ()


@pytest.mark.parametrize(
    "line", ["pid|1||7", "PID |1||7", " PID|1||7", "\tPid\t|1||7", "\ufeffPID|1||7", "\x00PID|1||7"]
)
def test_names_in_lower_case_and_with_blanks_are_read(line: str):
    pid = one(read(line), "PID")
    assert (pid.name, pid.text(3), pid.reps(3)[0].path) == ("PID", "7", "PID-3")


def test_lower_case_msh_is_read():
    message = read("pid|1||7", msh=MSH.replace("MSH", "msh"))
    assert message.type == "SIU^S12"
    assert one(message, "MSH").text(10) == " C1 "


def test_own_delimiters_are_used_throughout():
    message = Message(
        b"MSH$%*!@$APP$FAC$$$20260305$$ADT%A08$C1$P$2.3\rPID$1$$7%%%LFC@2.999%MR*8$$a|b^c!S!d\r"
    )
    pid = one(message, "PID")
    assert message.type == "ADT^A08"
    assert pid.text(3, 4, 2) == "2.999"
    assert [repetition.component(1) for repetition in pid.reps(3)] == ["7", "8"]
    assert pid.text(5) == "a|b^c%d"


@pytest.mark.parametrize(
    ("encoding", "noted", "expected"),
    [
        ("^~\\&", False, "^~\\&"),
        ("^~\\&#", False, "^~\\&#"),
        ("^~\\", True, "^~\\&"),
        ("^~", True, "^~\\&"),
        ("^", True, "^~\\&"),
        ("", True, "^~\\&"),
        ("^~\\\\&", True, "^~\\&"),
        ("^~\\&#!%", True, "^~\\&#"),
        ("^~\\&amp;", True, "^~\\&"),
        ("~^", True, "~^\\&"),
        ("&~", True, "&~\\"),
    ],
)
def test_msh_2_with_fewer_or_more_characters_is_mended_and_said(encoding: str, noted: bool, expected: str):
    message = Message(f"MSH|{encoding}|APP|FAC|||2026||ADT|C1|P|2.5\rPID|1||7\r".encode())
    assert message.delimiters.encoding_characters == expected
    assert bool(message.notes) is noted
    assert message.sending_application == "APP"


@pytest.mark.parametrize(
    "raw", [b"MSHA^~\\&A", b"MSH ^~\\&", b"MSH", b"MSH|APP|FAC|", b'MSH"^~\\&"', b"MSH\r", b"MSH|ab|"]
)
def test_msh_without_usable_delimiters_is_undecodable(raw: bytes):
    with pytest.raises(HeaderError) as caught:
        Message(raw)
    assert caught.value.kind == "undecodable"


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"PID|1||7\r", b"FHS|^~\\&|A\r", b"{}", b"\x00" * 100, b"\xff\xfe", b"MS"]
)
def test_without_msh_there_is_no_message(raw: bytes):
    with pytest.raises(NotHL7) as caught:
        Message(raw)
    assert isinstance(caught.value, HeaderError)
    assert caught.value.kind == "no-msh"


def test_a_line_without_a_segment_name_is_the_end_of_the_field_before_it():
    message = read("OBX|1|TX|||first line", "second: line", "", "3rd \\T\\ line|F", "PV1|1")
    obx = one(message, "OBX")
    assert obx.reps(5)[0].text() == "first line\nsecond: line\n3rd & line"
    assert obx.text(6) == "F"
    assert one(message, "PV1").text(1) == "1"
    assert message.notes == ("2 lines without a segment name: read as the end of OBX",)


def test_a_line_behind_msh_without_a_segment_name_is_left_out_and_said():
    message = read("stray|x", "PID|1")
    assert len(message.segments) == 2
    assert message.notes == ("a line behind MSH without a segment name: not read",)


LINES = (
    *(
        "JVBERi0xLjQKJeLjz9MK" + "A" * 56,
        "+/8AAAD/QUJD",
        "QU+CQUJD",
        "QUI+",
        "QUI/QQ==",
        "QQ=",
        "==",
        "3rd text",
    ),
    *(
        "DG1|1||E11.9",
        "NTE+1+text",
        "ZZZ",
        "ab",
        "ABC ",
        "ZPI",
        "PV1|1|O",
        " PD1|2",
        "",
        "äöüß",
        "MSH|^~",
        "FTS|1",
    ),
)


@given(
    st.lists(st.sampled_from(LINES), max_size=40),
    st.sampled_from("|+/=#"),
    st.sampled_from(("\r", "\r\n", "\n")),
)
def test_lines_of_documents_are_read_alike_one_by_one_and_by_the_block(lines, separator, end):
    opening = f"MSH{separator}^~\\&{separator}A"
    raw = end.join((opening, f"OBX{separator}1{separator}QUJD", *lines)).encode()
    found = []
    for many in (10**9, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(message_module, "MANY", many)
            patch.setattr(documents, "_BLOCK", 3)
            message = Message(raw)
            found.append(([(entry.path, entry.line) for entry in message.segments], message.notes))
    assert found[0] == found[1]


def test_three_capitals_alone_on_a_line_are_a_segment_and_other_words_are_text():
    message = read("NTE|1||a", "end", "Yes", "PV2", "PV1|1")
    assert [segment.name for segment in message.segments] == ["MSH", "NTE", "PV2", "PV1"]
    assert one(message, "NTE").text(3) == "a\nend\nYes"


def test_a_very_large_field_is_read():
    obx = one(read("OBX|1|ED|||" + "QUJD" * 500_000), "OBX")
    assert len(obx.text(5)) == 2_000_000


def test_many_lines_of_text_are_joined_in_one_go():
    obx = one(read("OBX|1|TX|||a", *["more text"] * 50_000), "OBX")
    assert len(obx.text(5)) == 1 + 50_000 * 10


def test_nothing_of_a_value_shows_in_a_repr():
    message = read("PID|1||SECRET")
    pid = one(message, "PID")
    assert "SECRET" not in f"{message!r} {pid!r} {pid.reps(3)!r}"


hl7ish = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"MSH|^~\\&|",
                b"MSH",
                b"\rPID|1||",
                b"|",
                b"^",
                b"~",
                b"&",
                b"\\",
                b"\r",
                b"\n",
                b'""',
                b"\\X41\\",
                b"\\X8",
                b"|||||UNICODE UTF-8",
                b"\xff\xfeM\0S\0H\0|\0",
                b"M\0S\0H\0",
                b"\xef\xbb\xbf",
                b"\x0b",
                b"\x1c",
                b"BHS|",
                b"\xe9",
                b"ISO IR87",
                b"\x1b$B",
            ]
        ),
        st.binary(max_size=12),
    ),
    max_size=25,
).map(b"".join)


def read_everything(message: Message) -> None:
    for segment in message.segments:
        for field in range(segment.field_count + 2):
            assert isinstance(segment.text(field), str)
            for repetition in segment.reps(field):
                repetition.text()
                assert repetition.at(1)
                for number in range(repetition.component_count + 2):
                    repetition.component(number)
                    repetition.sub(number, 2)


@given(hl7ish, st.sampled_from([None, "8859/1", "GB 18030-2000", "nonsense"]))
def test_no_bytes_crash_the_reader(raw: bytes, charset: str | None):
    for data in (raw, b"MSH|^~\\&|A|B|||2026||ADT^A08|1|P|2.5||||||" + raw):
        try:
            message = Message(data, charset)
        except NotHL7:
            continue
        read_everything(message)


@given(hl7ish)
def test_bytes_outside_msh_never_make_a_message_unreadable(raw: bytes):
    for charset in (b"", b"UNICODE UTF-8", b"ASCII", b"8859/7", b"GB 18030-2000", b"ISO IR87", b"KS X 1001"):
        msh = b"MSH|^~\\&|A|B|||2026||ADT^A08|1|P|2.5||||||" + charset
        message = Message(msh + b"\rNTE|1||" + raw)
        assert message.type == "ADT^A08"


@given(st.lists(st.text(alphabet='ab^~&|\\"\n é', max_size=12), min_size=1, max_size=8))
def test_text_of_a_field_and_text_of_its_repetition_agree(fields: list[str]):
    line = "PID|" + "|".join(field.replace("|", "").replace("\n", "") for field in fields)
    pid = one(read(line), "PID")
    for number in range(len(fields) + 2):
        repetitions = pid.reps(number)
        for component in (1, 2, 3):
            expected = repetitions[0].component(component) if repetitions else ""
            assert pid.text(number, component) == expected
            expected = repetitions[0].sub(component, 2) if repetitions else ""
            assert pid.text(number, component, 2) == expected


def test_null_with_blanks_around_it_is_null():
    pid = one(read('PID| "" |x^""  ^ ""&a|""x'), "PID")
    (whole,) = pid.reps(1)
    assert whole.is_null
    assert whole.null_component(1)
    assert whole.text() == pid.text(1) == ""
    (partly,) = pid.reps(2)
    assert not partly.is_null
    assert partly.null_component(2)
    assert (partly.component(2), partly.sub(3, 1), partly.sub(3, 2)) == ("", "", "a")
    assert pid.text(3) == '""x'
