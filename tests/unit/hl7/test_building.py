"""What is built is read back as it was meant, by our reader and by python-hl7."""

import hl7
from hypothesis import example, given
from hypothesis import strategies as st

from interface.hl7.building import components, header, message, segment
from interface.hl7.message import Message

HEAD = header({3: "APP", 7: "20260305", 9: "ADT^A08", 10: "M1", 11: "P", 12: "2.5.1", 18: "UNICODE UTF-8"})


def test_a_message() -> None:
    raw = message([HEAD, segment("PID", {1: "1", 3: components("7", "", "", "LFC", "MR"), 8: ""})])
    assert raw == (b"MSH|^~\\&|APP||||20260305||ADT^A08|M1|P|2.5.1||||||UNICODE UTF-8\rPID|1||7^^^LFC^MR\r")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(TEXT, TEXT)
@example('""', '""')
def test_any_text_comes_back(one: str, other: str) -> None:
    found = Message(message([HEAD, segment("NTE", {3: components(one, other)})]))
    nte = found.first("NTE")
    assert nte is not None
    assert (nte.rep(3).component(1), nte.rep(3).component(2)) == (one, other)


def test_python_hl7_reads_the_same_delimiters() -> None:
    raw = message([HEAD, segment("NTE", {3: components("a|b^c&d~e\\f", "Sjöberg")})])
    field = hl7.parse(raw.decode())["NTE"][0][3][0]
    assert str(field[0]) == r"a\F\b\S\c\T\d\R\e\E\f"
    assert str(field[1]) == "Sjöberg"
