"""Our reader against python-hl7, component by component; every difference has a named reason.

The messages are those of the corpus (`$HL7_CORPUS`, or ../shared/corpus), and made-up ones.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.hl7.batch import messages_in_file
from interface.hl7.message import Message

CORPUS = Path(os.environ.get("HL7_CORPUS") or Path(__file__).parents[4] / "shared" / "corpus")
FILES = sorted(CORPUS.glob("*/*.hl7"))
needs_corpus = pytest.mark.skipif(not FILES, reason=f"no corpus at {CORPUS}: set HL7_CORPUS")


class Difference(NamedTuple):
    """A place both read differently: `raw` as python-hl7 split it, and what either made of it."""

    message: Message
    path: str
    raw: str
    theirs: str
    ours: str


def null_is_not_text(found: Difference) -> bool:
    """HL7 null is two quotation marks for python-hl7; for us it is null, which is told from empty."""
    return found.raw == '""' and found.ours == ""


def doubled_escape_in_msh_2(found: Difference) -> bool:
    r"""`MSH|^~\\&|` makes the backslash a subcomponent separator for python-hl7; we count it once."""
    return found.message.segments[0].text(2) == "^~\\\\&" and found.message.delimiters.subcomponent == "&"


def blanks_at_the_end_are_kept(found: Difference) -> bool:
    """python-hl7 strips the message, so its last value too; we trim nothing."""
    return found.theirs == found.ours.strip() and found.path.startswith(found.message.segments[-1].path)


def names_are_upper_case(found: Difference) -> bool:
    """Segment names in lower case stay so in python-hl7."""
    return not found.path and found.theirs.upper() == found.ours


def a_batch_segment_ends_a_message(found: Difference) -> bool:
    """python-hl7 reads on behind FHS, BHS, BTS and FTS; we do not, as what follows may be another patient's."""
    return (
        not found.path
        and found.ours == ""
        and any("nothing was read" in note for note in found.message.notes)
    )


REASONS: tuple[Callable[[Difference], bool], ...] = (
    null_is_not_text,
    doubled_escape_in_msh_2,
    blanks_at_the_end_are_kept,
    names_are_upper_case,
    a_batch_segment_ends_a_message,
)


def second_reader(message: Message) -> Any:
    """python-hl7 is given characters and CR: it takes no other line end, and one character set."""
    raw = message.raw.removeprefix(b"\xef\xbb\xbf").lstrip(b"\x0b")
    text = raw.decode(message.charset)
    return hl7.parse(text.replace("\r\n", "\r").replace("\n", "\r"))


def parts(field: Any) -> Iterator[tuple[int, int, int, str]]:
    """(repetition, component, subcomponent, text as sent) of a field of python-hl7."""
    for r, repetition in enumerate(field, 1):
        components = [repetition] if isinstance(repetition, str) else repetition
        for c, component in enumerate(components, 1):
            subs = [component] if isinstance(component, str) else component
            for s, sub in enumerate(subs, 1):
                yield r, c, s, str(sub)


def differences(message: Message) -> Iterator[Difference]:
    theirs = [segment for segment in second_reader(message) if str(segment[0])]
    ours = message.segments
    for n in range(max(len(theirs), len(ours))):
        their_name = str(theirs[n][0]) if n < len(theirs) else ""
        our_name = ours[n].name if n < len(ours) else ""
        if their_name != our_name:
            yield Difference(message, "", their_name, their_name, our_name)
    separators = second_reader(message)
    for their_segment, segment in zip(theirs, ours, strict=False):
        if len(their_segment) - 1 != segment.field_count:
            yield Difference(message, segment.path, "", str(len(their_segment)), str(segment.field_count + 1))
        for number in range(1, len(their_segment)):
            if segment.name == "MSH" and number < 3:
                assert str(their_segment[number]) == segment.text(number)
                continue
            repetitions = segment.reps(number)
            for r, c, s, raw in parts(their_segment[number]):
                meant = separators.unescape(raw)
                value = repetitions[r - 1].sub(c, s) if r <= len(repetitions) else ""
                if meant != value:
                    yield Difference(message, f"{segment.path}-{number}[{r}].{c}.{s}", raw, meant, value)


def messages(file: Path) -> list[Message]:
    return [Message(raw) for raw in messages_in_file(file.read_bytes())]


@needs_corpus
@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}"[-60:])
def test_both_readers_agree_on_a_corpus_message_but_for_named_reasons(file: Path):
    found = messages(file)
    assert found
    for message in found:
        unexplained = [
            (difference.path, difference.raw, difference.theirs, difference.ours)
            for difference in differences(message)
            if not any(reason(difference) for reason in REASONS)
        ]
        assert unexplained == []


@needs_corpus
def test_each_reason_is_needed():
    all_differences = [
        found for file in FILES for message in messages(file) for found in differences(message)
    ]
    for reason in REASONS:
        assert any(reason(found) for found in all_differences), reason.__name__


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
