"""Character sets: declared, absent, unknown, and declared wrongly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.hl7 import charsets
from interface.hl7.errors import HeaderError
from interface.hl7.header import read_header
from interface.hl7.message import Message


def made(charset: str, text: str = "", sender: str = "APP") -> str:
    return f"MSH|^~\\&|{sender}|FAC|||20260305||ADT^A08|C1|P|2.5.1||||||{charset}\rPID|1||7||{text}^Ann\r"


def family(message: Message) -> str:
    pid = message.first("PID")
    assert pid is not None
    return pid.text(5)


DECLARED = [
    ("ASCII", "Doe", "ascii", "ascii"),
    ("8859/1", "Müller", "latin-1", "iso8859-1"),
    ("8859/2", "Łukasz", "iso8859-2", "iso8859-2"),
    ("8859/3", "Ħal", "iso8859-3", "iso8859-3"),
    ("8859/4", "Ģirts", "iso8859-4", "iso8859-4"),
    ("8859/5", "Иван", "iso8859-5", "iso8859-5"),
    ("8859/6", "محمد", "iso8859-6", "iso8859-6"),
    ("8859/7", "Νίκος", "iso8859-7", "iso8859-7"),
    ("8859/8", "דוד", "iso8859-8", "iso8859-8"),
    ("8859/9", "Ağca", "iso8859-9", "iso8859-9"),
    ("8859/15", "Bœuf €", "iso8859-15", "iso8859-15"),
    ("UNICODE UTF-8", "Müller 山", "utf-8", "utf-8"),
    ("UTF-8", "Müller", "utf-8", "utf-8"),
    ("utf8", "Müller", "utf-8", "utf-8"),
    ("ISO-8859-1", "Müller", "latin-1", "iso8859-1"),
    ("WINDOWS-1252", "Müller – “x”", "cp1252", "cp1252"),
    ("Windows-1250", "Łukasz", "cp1250", "cp1250"),
    ("GB 18030-2000", "王小明", "gb18030", "gb18030"),
    ("KS X 1001", "김철수", "euc_kr", "cp949"),
    ("BIG-5", "陳大文", "big5", "big5"),
    ("ISO IR87", "山田^太郎", "iso2022_jp", "iso2022_jp_ext"),
    ("ISO IR6~ISO IR87", "山田", "iso2022_jp", "iso2022_jp_ext"),
    ("~ISO IR87", "山田", "iso2022_jp", "iso2022_jp_ext"),
    ("UNICODE", "Müller", "utf-8", "utf-8"),
]


@pytest.mark.parametrize(("name", "text", "written", "codec"), DECLARED)
def test_a_declared_character_set_is_used_and_nothing_is_said(name: str, text: str, written: str, codec: str):
    message = Message(made(name, text).encode(written))
    assert family(message) == text.split("^")[0]
    assert message.charset == codec
    assert message.charset_notes == ()


@pytest.mark.parametrize("name", ["UNICODE", "", "UNICODE UTF-8"])
@pytest.mark.parametrize(
    ("codec", "debris"),
    [("utf-16", b""), ("utf-16-le", b""), ("utf-16-be", b""), ("utf-16-le", b"\x0b"), ("utf-16-be", b"\x0b")],
)
def test_utf_16_is_known_by_its_bytes(codec: str, name: str, debris: bytes):
    raw = debris + made(name, "Müller 山", sender="Äpp").encode(codec)
    message = Message(raw)
    assert family(message) == "Müller 山"
    assert message.charset == codec
    assert read_header(raw).sending_application == "Äpp"


def test_broken_utf_16_outside_msh_is_said():
    message = Message(made("UNICODE", "Doe").encode("utf-16-le") + b"\x00")
    assert family(message) == "Doe"
    assert message.charset_notes


def test_broken_utf_16_in_msh_is_undecodable():
    raw = made("UNICODE", sender="#").encode("utf-16-le").replace(b"#\0", b"\x00\xd8")
    with pytest.raises(HeaderError) as caught:
        Message(raw)
    assert caught.value.kind == "undecodable"


def test_absent_is_utf_8_when_it_can_be():
    message = Message(made("", "Müller").encode())
    assert (family(message), message.charset) == ("Müller", "utf-8")
    assert message.charset_notes == ("MSH-18 absent: read as utf-8",)


def test_absent_and_plain_ascii_needs_no_word():
    assert Message(made("", "Doe").encode()).charset_notes == ()


def test_absent_and_not_utf_8_is_cp1252_and_said():
    message = Message(made("", "Müller – “x”").encode("cp1252"))
    assert (family(message), message.charset) == ("Müller – “x”", "cp1252")
    assert message.charset_notes == ("MSH-18 absent: read as cp1252 where the bytes are not UTF-8",)


def test_bytes_that_cp1252_lacks_are_read_as_latin_1():
    raw = made("", "#").encode().replace(b"#", b"\x81\x8d\x8f\x90\x9d\xfc")
    assert family(Message(raw)) == "\x81\x8d\x8f\x90\x9dü"


def test_a_source_that_mixes_character_sets_is_read_segment_by_segment():
    raw = made("", "Müller").encode() + "NK1|1|Jürgen\r".encode("latin-1")
    message = Message(raw)
    nk1 = message.first("NK1")
    assert nk1 is not None
    assert (family(message), nk1.text(2)) == ("Müller", "Jürgen")


@pytest.mark.parametrize(
    ("name", "written"),
    [("UNICODE UTF-8", "latin-1"), ("ASCII", "latin-1"), ("ASCII", "utf-8"), ("KS X 1001", "latin-1")],
)
def test_a_declared_set_that_does_not_fit_loses_nothing_and_is_said(name: str, written: str):
    message = Message(made(name, "Mül").encode(written))
    assert family(message) == "Mül"
    (said,) = message.charset_notes
    assert said.startswith(f"MSH-18 says {name}, the bytes do not fit: read as ")


@pytest.mark.parametrize("text", ["María", "MARÍA", "Nuñez", "Zoë Müller"])
def test_utf_8_that_is_called_latin_1_is_utf_8(text: str):
    message = Message(made("8859/1", text).encode("utf-8"))
    assert family(message) == text
    assert message.charset_notes == ("MSH-18 says 8859/1, the bytes do not fit: read as utf-8",)


def test_a_listeners_set_that_does_not_fit_is_said_to_be_the_listeners():
    message = Message(made("", "María").encode("utf-8"), "8859/1")
    assert family(message) == "María"
    (said,) = message.charset_notes
    assert said.startswith(
        "MSH-18 absent, and the bytes do not fit iso8859-1, as set for the listener: read as "
    )


def test_one_latin_1_letter_that_utf_8_has_not_is_latin_1_throughout():
    message = Message(made("8859/1", "María").encode("utf-8") + "NK1|1|Jürgen\r".encode("latin-1"))
    nk1 = message.first("NK1")
    assert nk1 is not None
    assert nk1.text(2) == "Jürgen"


def test_latin_1_with_bytes_that_it_has_no_letters_for_is_cp1252():
    message = Message(made("8859/1", "Müller – x").encode("cp1252"))
    assert family(message) == "Müller – x"
    assert message.charset_notes


@pytest.mark.parametrize("name", ["KLINGON", "CNS 11643-1992", "1"])
def test_an_unknown_name_is_said(name: str):
    message = Message(made(name, "Müller").encode("cp1252"))
    assert family(message) == "Müller"
    assert message.charset_notes == (
        f"MSH-18 says {name}, which is not known: read as cp1252 where the bytes are not UTF-8",
    )


def test_what_has_slipped_into_msh_18_is_not_repeated():
    message = Message(made("Doe^Ann^Street 1", "Müller").encode("cp1252"))
    assert "Doe" not in "".join(message.charset_notes)


def test_the_listeners_character_set_stands_in_for_an_absent_one():
    raw = made("", "Łukasz").encode("iso8859-2")
    message = Message(raw, "8859/2")
    assert (family(message), message.charset) == ("Łukasz", "iso8859-2")
    assert family(Message(made("UNICODE UTF-8", "Łukasz").encode(), "8859/2")) == "Łukasz"


def test_bytes_in_msh_that_are_not_what_it_declares_are_undecodable():
    raw = made("UNICODE UTF-8", sender="Müller").encode("latin-1")
    for reader in (read_header, Message):
        with pytest.raises(HeaderError) as caught:
            reader(raw)
        assert caught.value.kind == "undecodable"


@pytest.mark.parametrize("name", ["", "ASCII", "KLINGON"])
def test_msh_that_declares_nothing_that_could_be_broken_is_read(name: str):
    raw = made(name, sender="Müller").encode("latin-1")
    assert read_header(raw).sending_application == "Müller"
    assert Message(raw).sending_application == "Müller"


@pytest.mark.parametrize(("sender", "written"), [("Müller", "utf-8"), ("Łódź", "utf-8"), ("A–B", "cp1252")])
def test_msh_that_is_called_latin_1_and_is_not_is_read(sender: str, written: str):
    """Each byte is a character in Latin-1: such a feed's messages must not all be refused."""
    raw = made("8859/1", sender=sender).encode(written)
    assert read_header(raw).sending_application == sender
    assert Message(raw).sending_application == sender


def test_a_chinese_character_that_holds_a_separator_does_not_hide_msh_18():
    sender = b"\x81\x7c".decode("gb18030")
    raw = made("GB 18030-2000", "王", sender=sender).encode("gb18030")
    assert read_header(raw).sending_application == sender
    assert family(Message(raw)) == "王"


def test_hexadecimal_escapes_are_bytes_of_the_messages_character_set():
    assert family(Message(made("8859/1", "M\\XFC\\ller").encode())) == "Müller"
    assert family(Message(made("UNICODE UTF-8", "M\\XC3BC\\ller").encode())) == "Müller"
    assert family(Message(made("UNICODE UTF-8", "M\\XC3\\\\XBC\\ller").encode())) == "Müller"
    assert family(Message(made("UNICODE UTF-8", "M\\XFC\\ller").encode())) == "Müller"


@given(
    st.binary(max_size=60),
    st.sampled_from(["", *[row[0] for row in DECLARED]]),
    st.sampled_from([None, "8859/5", "?"]),
)
def test_decoding_never_raises_and_cp1252_gives_each_byte_back(
    raw: bytes, declared: str, default: str | None
):
    assert isinstance(charsets.decode(raw, declared, default).text, str)
    assert charsets.encode(charsets.cp1252_text(raw), "cp1252") == raw
