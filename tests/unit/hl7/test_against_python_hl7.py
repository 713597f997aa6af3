"""Our reader against python-hl7, component by component; every difference has a named reason.

The messages are those of the corpus (`$HL7_CORPUS`, or ../shared/corpus), and made-up ones.
"""

from pathlib import Path

import pytest
from corpus import FILES, needs_corpus
from hypothesis import given
from hypothesis import strategies as st

from interface.hl7.batch import messages_in_file
from interface.hl7.message import Message
from interface.hl7.second_reader import (
    KINDS,
    UNEXPLAINED,
    Compared,
    Difference,
    compare,
    differences,
    kind_of,
)


def messages(file: Path) -> list[Message]:
    return [Message(raw) for raw in messages_in_file(file.read_bytes())]


KINDS_OF_THE_CORPUS = {
    "null",
    "doubled escape",
    "blanks at the end",
    "lower-case segment",
    "reading stopped",
    "unfilled macro",
}
"""Why the two differ in the corpus: nothing else may turn up, and each does."""


@needs_corpus
@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}"[-60:])
def test_both_readers_agree_on_a_corpus_message_but_for_named_reasons(file: Path):
    found = messages(file)
    assert found
    for message in found:
        unexplained = [
            (difference.path, difference.raw, difference.theirs, difference.ours)
            for difference in differences(message)
            if kind_of(difference) not in KINDS_OF_THE_CORPUS
        ]
        assert unexplained == []


@needs_corpus
def test_each_reason_is_needed():
    found = {
        kind_of(difference)
        for file in FILES
        for message in messages(file)
        for difference in differences(message)
    }
    assert found == KINDS_OF_THE_CORPUS


@needs_corpus
def test_the_corpus_needs_no_continuation_lines_and_no_cp1252():
    """What our reader mends is seen in the corpus only where the corpus is known to be odd."""
    for file in FILES:
        for message in messages(file):
            assert message.charset != "cp1252", file.name
            assert not any("without a segment name" in note for note in message.notes), file.name


values = st.text(alphabet="ABZaz09 .,-'éß山", max_size=6)
escaped = st.lists(
    st.one_of(values, st.sampled_from(["\\F\\", "\\S\\", "\\T\\", "\\R\\", "\\E\\", "\\X41\\"])), max_size=3
).map("".join)
fields = st.lists(
    st.lists(st.lists(escaped, min_size=1, max_size=3).map("&".join), min_size=1, max_size=4).map("^".join),
    min_size=1,
    max_size=3,
).map("~".join)


@given(st.lists(st.lists(fields, min_size=1, max_size=5), min_size=1, max_size=4))
def test_both_readers_agree_on_made_up_messages(segments: list[list[str]]):
    lines = ["MSH|^~\\&|A|B|||2026||ADT^A08|1|P|2.5.1||||||UNICODE UTF-8"]
    lines += ["Z01|" + "|".join(segment) + "|." for segment in segments]
    assert list(differences(Message("\r".join(lines).encode()))) == []


def made(line: str, msh: str = "MSH|^~\\&|A|B|||2026||ADT^A08|1|P|2.5.1") -> Message:
    return Message(f"{msh}\rZ01|{line}|.\r".encode())


WAYS = {
    "null": (made('""'),),
    "doubled escape": (made("a&b", "MSH|^~\\\\&|A|B|||2026||ADT^A08|1|P|2.5.1"),),
    "repeated separators": (made("a&b^c", "MSH|^~&|A|B|||2026||ADT^A08|1|P|2.5.1"),),
    "blanks at the end": (Message(b"MSH|^~\\&|A|B|||2026||ADT^A08|1|P|2.5.1\rZ01|a "),),
    "lower-case segment": (Message(b"MSH|^~\\&|A|B|||2026||ADT^A08|1|P|2.5.1\rpid|1|.\r"),),
    "reading stopped": (Message(b"MSH|^~\\&|A|B|||2026||ADT^A08|1|P|2.5.1\rBTS|1|.\r"),),
    "line without segment name": (made("a\rlast line of it"),),
    "framing debris": (Message(b"MSH|^~\\&|A|B|||2026||ADT^A08|1|P|2.5.1\r\x00\rZ01|1|.\r"),),
    "escape handling": (made("a\\.br\\b"), made("a\\H\\b")),
}


@pytest.mark.parametrize("kind", WAYS)
def test_a_difference_is_counted_by_its_kind(kind: str):
    for message in WAYS[kind]:
        assert {found.kind for found in compare(message)} == {kind}


def test_every_kind_says_why():
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert all(kind.why for kind in KINDS)


def test_what_no_kind_fits_is_unexplained():
    assert kind_of(Difference(made("a"), "Z01-1[1].1.1", "a", "a", "b")) == UNEXPLAINED
    # both must read these five alike: a difference there is a fault of one of us
    assert kind_of(Difference(made("a"), "Z01-1[1].1.1", "a\\T\\b", "a&b", "ab")) == UNEXPLAINED


def test_what_is_compared_holds_no_values():
    secret = made('""^Quimbelshaw\\H\\~Quimbelshaw\\N\\', "MSH|^~\\&|A|B|||2026||ADT^A08|1|P|2.5.1")
    found = compare(secret)
    assert Compared("escape handling", "Z01-1.2") in found
    assert "Quimbelshaw" not in repr(found)


def test_a_message_that_python_hl7_gives_up_is_counted(monkeypatch: pytest.MonkeyPatch):
    import hl7

    def gives_up(text: str) -> None:
        raise ValueError(text)

    monkeypatch.setattr(hl7, "parse", gives_up)
    assert compare(made("Quimbelshaw")) == (Compared("unreadable", "ValueError"),)


def test_what_the_second_reader_cannot_decode_is_told_to_nobody(caplog: pytest.LogCaptureFixture):
    raw = b"MSH|^~\\&|A|B|||20260305||ADT^A08|1|P|2.5\rPID|1||7||\\X4GSample\\\\Robin\\^Robin\r"
    assert list(differences(Message(raw)))
    assert not caplog.records
