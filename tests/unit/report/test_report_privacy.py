"""No patient data in a report, whatever the feed is like: searched for in text, JSON and page."""

import json
import re
from itertools import count
from pathlib import Path

import pytest
from corpus import FILES, needs_corpus

from interface.hl7.batch import messages_in_file
from interface.hl7.errors import NotHL7
from interface.hl7.message import Message
from interface.report.as_html import as_html
from interface.report.as_json import as_json
from interface.report.as_text import as_text
from interface.report.privacy import FREE_TEXT, looks_like_code

ROOT = Path(__file__).parents[3]
SAMPLES = sorted((ROOT / "sample_messages").glob("*/*.hl7"))
PRIVATE = ("PID", "PV1", "NK1", "IN1", "IN2", "GT1", "MRG")
LABELS = (3, 4)  # DG1-3.2, DG1-4
MARK = re.compile(r"(?=(Qz[0-9a-f]+wy|[0-9]{8}))")
"""What `planted` plants, wherever it begins: some 10,000 marks are found in one pass of a text."""


def renderings(report):
    page = re.sub(r"<style>.*?</style>", "", as_html(report), flags=re.DOTALL)
    return {"text": as_text(report), "json": json.dumps(as_json(report), ensure_ascii=False), "html": page}


def planted(raw: bytes, numbers: count, dates: bool) -> tuple[bytes, set[str]]:
    """The message with a value of its own in every private component; and these values.

    With `dates`, what is a number stays a number, so that the message is read as far as it was before.
    """
    try:
        message = Message(raw)
    except NotHL7:
        return raw, set()
    marks: set[str] = set()
    d = message.delimiters
    lines = []
    for segment in message.segments:
        fields = segment.line.split(d.field)
        for number in range(1, len(fields)):
            private = segment.name in PRIVATE or (segment.name == "DG1" and number in LABELS)
            if not private or segment.name == "MSH":
                continue
            repetitions = []
            for repetition in fields[number].split(d.repetition):
                parts = repetition.split(d.component)
                for place, part in enumerate(parts):
                    code = segment.name == "DG1" and number == 3 and place not in (1, 4)
                    if code or not part.strip() or part == '""':
                        continue
                    n = next(numbers)
                    if dates and part.isdigit() and len(part) >= 4:
                        parts[place] = mark = str(71_000_000 + n)[: max(len(part), 8)]
                    else:
                        parts[place] = mark = f"Qz{n:x}wy"
                    marks.add(mark)
                repetitions.append(d.component.join(parts))
            fields[number] = d.repetition.join(repetitions)
        lines.append(d.field.join(fields))
    return "\r".join(lines).encode(message.charset, "replace"), marks


def feed(files):
    return [raw for file in files for raw in messages_in_file(file.read_bytes())]


@pytest.mark.parametrize("dates", [True, False], ids=["numbers kept", "all words"])
@pytest.mark.parametrize(
    "files",
    [
        pytest.param(SAMPLES, id="samples"),
        pytest.param(
            FILES,
            id="corpus",
            marks=needs_corpus,
        ),
    ],
)
def test_no_private_value_is_in_any_rendering(report_of, files, dates):
    numbers = count(1)
    planted_feed = [planted(raw, numbers, dates) for raw in feed(files)]
    marks = set().union(*(found for _, found in planted_feed))
    assert len(marks) > 100
    report = report_of([raw for raw, _ in planted_feed])
    assert sum(len(sender.findings) for sender in report.senders) > 20
    for name, text in renderings(report).items():
        assert marks.intersection(MARK.findall(text)) == set(), name


def test_each_mark_is_found_wherever_it_stands():
    _, marks = planted(SAMPLES[0].read_bytes(), count(1), dates=True)
    assert len({len(mark) == 8 and mark.isdigit() for mark in marks}) == 2
    assert marks <= set(MARK.findall("9".join(marks)))


WORD = re.compile(r"[^\W_]{4,}")


@needs_corpus
def test_no_word_of_the_corpus_patients_is_in_a_report(report_of):
    """As the messages are. Words that the program says itself, that MSH says, or that name the authority or the type of a
    number, are nobody's.
    """
    raws = feed(FILES)
    said = set()
    for file in (ROOT / "interface").rglob("*.[pj][y2]"):
        said |= {word.casefold() for word in WORD.findall(file.read_text("utf-8"))}
    private: set[str] = set()
    for raw in raws:
        try:
            message = Message(raw)
        except NotHL7:
            continue
        said |= {word.casefold() for word in WORD.findall(message.segments[0].line)}
        for segment in message.segments:
            if segment.name in PRIVATE:
                private.update(WORD.findall(segment.line))
                for number in segment.reps(3) if segment.name == "PID" else ():
                    given = f"{number.component(4)} {number.component(5)}"
                    said |= {word.casefold() for word in WORD.findall(given)}
            elif segment.name == "DG1":
                private.update(WORD.findall(segment.text(3, 2) + " " + segment.text(4)))
    wanted = {word for word in private if word.casefold() not in said}
    assert len(wanted) > 500
    for name, text in renderings(report_of(raws, control_ids=False)).items():
        # digits may be a count or a part of a time
        shown = {word for word in WORD.findall(text) if not word.isdigit() or len(word) > 5}
        codes = {"".join(code) for code in re.findall(r"\b[A-Z]\d\d\b", text)}
        assert wanted & shown - codes == set(), name


def order_control(code, mrn):
    return (
        f"PID|1||{mrn}^^^LFC^MR||Sample^Robin||19700131|F",
        f"ORC|{code}|O{mrn}",
        "RXE||856377^trazodone^RXNORM",
    )


def codes_of(report_of, say, look, values, **options):
    raws = [say("RDE^O11", *order_control(code, mrn), id=f"I{n}") for n, (code, mrn) in enumerate(values)]
    (finding,) = look(report_of(raws, **options), "unknown-code", "order_control")
    return {entry.code: entry.count for entry in finding.codes}


def test_a_code_is_shown_when_it_came_for_several_patients(report_of, say, look):
    assert codes_of(report_of, say, look, [("QQ", "1"), ("QQ", "2"), ("QQ", "2")]) == {"QQ": 3}


def test_a_code_of_one_patient_alone_is_free_text(report_of, say, look):
    assert codes_of(report_of, say, look, [("QQ", "1"), ("QQ", "1"), ("ZZ", "2")]) == {FREE_TEXT: 3}


def test_words_and_numbers_in_a_codes_place_are_free_text(report_of, say, look):
    values = [(text, mrn) for text in ("call his wife", "8821340", "1970-01-31") for mrn in "12"]
    assert codes_of(report_of, say, look, values) == {"1970-01-31": 2, FREE_TEXT: 4}


def test_a_code_that_is_a_value_of_its_patient_is_free_text(report_of, say, look):
    assert codes_of(report_of, say, look, [("Sample", "1"), ("Sample", "2")]) == {FREE_TEXT: 2}


@pytest.mark.parametrize(
    ("text", "is_code"),
    [
        ("F", True),
        ("E11.9", True),
        ("HL70162", True),
        ("2.16.840.1.113883.6.90", True),
        ("urn:oid:2.16.840.1.113883.6.90", True),
        ("ICD-10-CM", True),
        ("88213", False),
        ("MRN123456", False),
        ("Mary Jane", False),
        ("", False),
        ("x" * 17, False),
        ("née", False),
        ("a\x1b[2J", False),
        ("19580721", False),
    ],
)
def test_what_looks_like_a_code(text, is_code):
    assert looks_like_code(text) is is_code


def test_control_ids_are_left_out_on_request(report_of, book):
    report = report_of([book("1001", "DG1|1||X^y^Q", id="SECRET-77")], control_ids=False)
    assert all("SECRET-77" not in text for text in renderings(report).values())
    assert not report.senders[0].control_ids_shown


def test_control_ids_that_hold_the_patients_number_are_left_out_by_themselves(report_of, book, look):
    report = report_of([book("100177", id="LFC-100177-1"), book("100288", id="X2")])
    assert look(report, "control-id-holds-number")[0].count == 1
    for text in renderings(report).values():
        assert "100177" not in text
        assert "X2" not in text


@pytest.mark.parametrize(
    "kind", ["Quimbelshaw^Ada", "SIU^Quimbelshaw", "quimbelshaw"], ids=["name", "trigger", "word"]
)
def test_what_slipped_into_msh_9_is_not_told(report_of, say, kind):
    report = report_of([say(kind, "PID|1||7", f12="Quimbelshaw", f18="Quimbelshaw")])
    assert all("uimbelshaw" not in text for text in renderings(report).values())


def test_a_line_of_text_that_looks_like_a_segment_is_not_told(report_of, book):
    report = report_of([book("1001", "LEE|called about the results")])
    assert all("LEE" not in text for text in renderings(report).values())


def test_a_reasons_sentence_that_names_a_value_is_told_without_it(report_of, book, look):
    """`PID-11.6 is KWX` is what the hold and what is left out say."""
    pid = "PID|1||{mrn}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703^KWX"
    report = report_of([book("1001", pid=pid)])
    assert look(report, "held")[0].what == "held: no US address with a ZIP (PID-11.6 names another country)"
    assert all("KWX" not in text for text in renderings(report).values())
    # here it holds nothing, so that what is left out is told
    adt = book("1001", pid=pid).replace(b"SIU^S12", b"ADT^A31")
    report = report_of([adt])
    assert [finding.what for finding in look(report, "left-out")] == [
        "left out: PID-11.6 names another country",
        "left out: no table of countries has such a code",
    ]
    assert all("KWX" not in text for text in renderings(report).values())


def test_a_coding_system_that_is_none_is_free_text(report_of, book, look):
    report = report_of(
        [book("1001", "DG1|1||E11.9^x^Quimbelshaw Ada"), book("1002", "DG1|1||E11.9^x^Quimbelshaw Ada")]
    )
    (finding,) = look(report, "unknown-code", "diagnosis_systems")
    assert [(entry.code, entry.count) for entry in finding.codes] == [(FREE_TEXT, 2)]
    assert all("Quimbelshaw" not in text for text in renderings(report).values())
