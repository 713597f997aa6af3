"""Escape sequences, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.hl7.delimiters import Delimiters, read_delimiters
from interface.hl7.escapes import escape, unescape

STANDARD = Delimiters()


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (r"Smith \T\ Sons", "Smith & Sons"),
        (r"one\.br\two\.br\three", "one\ntwo\nthree"),
        (r"\H\loud\N\ quiet", "loud quiet"),
        (r"\X41\\X42\C", "ABC"),
        (r"\X4142\\X0d0A\x", "AB\r\nx"),
        (r"\E\F\E\ ", "\\F\\ "),
        # unknown and broken ones stay as sent
        (r"a\Zfoo\b", r"a\Zfoo\b"),
        (r"a\.sp+2\b\T\c", r"a\.sp+2\b&c"),
        (r"\C2842\x\M244240\y", r"\C2842\x\M244240\y"),
        (r"a\b", r"a\b"),
        ("a\\", "a\\"),
        ("\\", "\\"),
        (r"\\", r"\\"),
        (r"\X4\x", r"\X4\x"),
        (r"\XZZ\x", r"\XZZ\x"),
        (r"\X\x", r"\X\x"),
        (r"\f\x", r"\f\x"),
        (r"C:\temp\files", r"C:\temp\files"),
        # one that opens no escape does not swallow the next
        (r"50\50 mix \T\ more", r"50\50 mix & more"),
        (r"\T", r"\T"),
        ("T\\", "T\\"),
    ],
)
def test_what_is_meant(sent: str, meant: str):
    assert unescape(sent, STANDARD) == meant


def test_the_truncation_character_has_an_escape_where_there_is_one():
    assert unescape(r"a\P\b", STANDARD) == r"a\P\b"
    assert unescape(r"a\P\b", read_delimiters("|", "^~\\&#")[0]) == "a#b"


def test_own_delimiters_escape_to_themselves():
    own, _ = read_delimiters("$", "%*!@")
    assert unescape("!F!!S!!T!!R!!E!", own) == "$%@*!"
    assert escape("$%@*!|", own) == "!F!!S!!T!!R!!E!|"


def test_without_an_escape_character_text_is_as_sent_and_delimiters_become_blanks():
    none = Delimiters(escape="")
    assert unescape(r"a\T\b", none) == r"a\T\b"
    assert escape("a|b\rc", none) == "a b c"


delimiters = (
    st.permutations(list("|^~\\&#$%*!@.:;-_+=/"))
    .map(lambda found: read_delimiters(found[0], "".join(found[1:6]))[0])
    .filter(lambda found: bool(found.escape))
)


@given(st.text(), delimiters)
def test_escaping_and_unescaping_gives_the_text_back(text: str, own: Delimiters):
    written = escape(text, own)
    assert unescape(written, own) == text
    for mark in (own.field, own.component, own.repetition, own.subcomponent, "\r", "\n", "\x0b", "\x1c"):
        assert mark not in written


@given(st.text(alphabet="\\FSTREXHN0A.br^ ", max_size=40))
def test_unescaping_never_raises(text: str):
    assert isinstance(unescape(text, STANDARD), str)
