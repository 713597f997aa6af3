"""Conformance to the version of the standard a message declares. All data is made up."""

from __future__ import annotations

import subprocess
import sys

import pytest
from corpus import FILES, needs_corpus
from hypothesis import given, settings
from hypothesis import strategies as st

from interface.hl7.batch import messages_in_file
from interface.hl7.conformance import MOST_FINDINGS, Finding, conformance
from interface.hl7.message import Message
from interface.hl7.standard import Item, standard
from interface.hl7.structures import Automaton, Fault, structures_of

VERSIONS = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")
EVN = "EVN||20260302090000"
PID = "PID|1||100200^^^CLINIC^MR||Sample^Ada||19500102|F"
PV1 = "PV1|1|O"


def msh(kind: str = "ADT^A04^ADT_A01", version: str = "2.5", rest: str = "") -> str:
    return f"MSH|^~\\&|APP|CLINIC|||20260302090000||{kind}|C1|P|{version}{rest}"


def found(*segments: str) -> list[tuple[str, str]]:
    return [(finding.where, finding.text) for finding in conformance("\r".join(segments).encode())]


def where(*segments: str) -> list[str]:
    return [place for place, _ in found(*segments)]


def admit(*segments: str, head: str = "") -> list[tuple[str, str]]:
    return found(head or msh(), EVN, PID, PV1, *segments)


def test_a_conforming_message_has_no_findings() -> None:
    assert admit() == []
    assert admit("DG1|1||E11.9^Diabetes^I10|||W", "ZPV|1|of the site's own") == []


def test_a_message_that_is_already_read_is_taken_too() -> None:
    assert conformance(Message("\r".join((msh(), EVN, PID, PV1)).encode())) == ()


# --- structure


def test_a_missing_segment_is_named_and_makes_no_others_faulty() -> None:
    assert found(msh(), PID, PV1, "DG1|1|||||W") == [("EVN", "missing behind MSH: ADT_A01 requires it")]
    assert found(msh(), EVN, PID) == [("PV1", "missing behind PID: ADT_A01 requires it")]


@pytest.mark.parametrize(
    ("segments", "finding"),
    [
        ((EVN, PID, PV1, PV1), ("PV1[2]", "more often than ADT_A01 allows")),
        ((EVN, PID, PV1, "PV2|", "NK1|1|Sample^Bo"), ("NK1", "not where ADT_A01 has it")),
        ((EVN, PID, PV1, "SCH|1"), ("SCH", "not a segment of ADT_A01")),
        (
            (EVN, PID, PV1, "QQQ|1"),
            ("QQQ", "version 2.5 has no such segment; one of a site's own begins with Z"),
        ),
    ],
)
def test_a_segment_where_it_may_not_be(segments: tuple[str, ...], finding: tuple[str, str]) -> None:
    assert finding in found(msh(), *segments)
    assert not any("missing" in text for _, text in found(msh(), *segments))


def test_a_group_without_its_first_segment_is_still_the_group() -> None:
    schedule = "SCH|1|2||||R^Routine||||||||||1^Sample||||1^Sample"
    head = msh("SIU^S12^SIU_S12")
    assert found(head, schedule, PID, "AIL|1||L1", "AIP|1||P1") == [
        ("RGS", "missing behind PID: SIU_S12 requires it")
    ]
    assert found(head, schedule, PID, "RGS|1", "AIL|1||L1", "RGS|2", "AIP|1||P1") == []


@pytest.mark.parametrize(
    ("kind", "version"),
    [("ADT^A08", "2.5"), ("ADT^A13", "2.3"), ("ADT^A08", "2.2"), ("ADT^A28", "2.3.1"), ("adt^a04", "2.5.1")],
)
def test_the_structure_is_told_from_the_trigger_event_when_it_is_not_sent(kind: str, version: str) -> None:
    assert where(msh(kind, version), "EVN|A08|20260302090000", PID)[:1] == ["PV1"]


@pytest.mark.parametrize(
    ("code", "trigger", "version", "structures"),
    [
        ("ADT", "A28", "2.5", ("ADT_A05",)),
        ("ADT", "A28", "2.3", ("ADT_A01",)),
        ("ADT", "A12", "2.4", ("ADT_A09",)),
        ("ADT", "A23", "2.5", ("ADT_A21",)),
        ("SIU", "S26", "2.5", ("SIU_S12",)),
        ("ACK", "A01", "2.5", ("ACK",)),
        ("QRY", "", "2.5", ("QRY",)),
        ("ABC", "D01", "2.5", ()),
    ],
)
def test_trigger_events_that_share_a_structure(
    code: str, trigger: str, version: str, structures: tuple[str, ...]
) -> None:
    known = standard(version)
    assert known is not None
    assert structures_of(code, trigger, known.structures) == structures


def test_msh_9_3_that_is_another_structure_or_none() -> None:
    assert admit(head=msh("ADT^A08^ADT_A08")) == [
        ("MSH-9.3", "version 2.5 has no message structure of this name")
    ]
    assert admit(head=msh("ADT^A08^ADT_A03")) == [
        ("MSH-9.3", "this trigger event has the structure ADT_A01 in version 2.5")
    ]
    assert admit(head=msh("ADT^X99^ADT_A01")) == []  # a trigger event of a site's own


def test_of_an_unknown_message_type_the_fields_are_checked() -> None:
    assert found(msh("ABC^D01"), "PID|1||||Sample^Ada") == [
        ("MSH-9", "version 2.5 knows no structure of this message type: the order of segments isn't checked"),
        ("PID-3", "empty; version 2.5 requires it"),
    ]


def test_the_automaton_finds_the_cheapest_reading() -> None:
    pair = Item("PAIR", True, True, (Item("AAA", True, False), Item("BBB", False, True)))
    automaton = Automaton((Item("MSH", True, False), pair, Item("END", False, False)))
    assert automaton.faults(["MSH", "AAA", "BBB", "BBB", "AAA", "END"]) == ()
    assert automaton.faults(["MSH", "BBB", "END"]) == (Fault("missing", "AAA", 1),)
    assert automaton.faults(["MSH"]) == (Fault("missing", "AAA", 1),)
    assert automaton.faults(["MSH"], whole=False) == ()
    assert automaton.faults(["MSH", "END", "AAA"]) == (Fault("misplaced", "END", 1),)


# --- fields


def test_fields_empty_repeated_unused_unknown() -> None:
    twice = PID.replace("19500102", "19500102~19500103")
    assert found(msh(), EVN, twice, PV1) == [("PID-7", "2 repetitions; version 2.5 allows one")]
    assert ("PID-40", "version 2.5 has no such field: PID ends with 39") in found(
        msh(), EVN, PID + "|" * 32 + "beyond", PV1
    )
    assert ("PID-3", "empty; version 2.5 requires it") in found(msh(), EVN, "PID|1||||Sample^Ada", PV1)
    assert ("PID-2", "not used in version 2.8: leave it empty") in found(
        msh(version="2.8"), EVN, PID.replace("PID|1||", "PID|1|old|"), PV1
    )


def test_null_is_a_value_that_is_sent() -> None:
    assert found(msh(), EVN, 'PID|1||100200||""||""|""', PV1) == []


def test_null_has_no_components_to_miss() -> None:
    identifier = "PID|1||{}||Sample^Ada^^^^^L||19500102|F"
    for sent, expected in (("100200^^^CLINIC", ["PID-3.5"]), ('""', [])):
        places = where(msh(version="2.7"), EVN, identifier.format(sent), PV1)
        assert [place for place in places if place.startswith("PID-3")] == expected


def test_an_observation_without_a_value_needs_no_data_type() -> None:
    for version in ("2.3.1", "2.8"):
        places = where(msh(version=version), EVN, PID, PV1, "OBX|1||1^Text^L||||||||X")
        assert [place for place in places if place.startswith("OBX")] == []


def test_paths_count_segments_and_repetitions() -> None:
    told = admit("DG1|1|||||W", "DG1|x|||||W", head=msh())
    assert told == [("DG1[2]-1", "not a SI: a sequence number is digits")]
    pid = PID.replace("100200^^^CLINIC^MR", "100200~300400^^^CLINIC&1.2&NOTYPE")
    assert found(msh(), EVN, pid, PV1) == [("PID-3[2].4.3", "not a value of HL7 table 0301 in version 2.5")]


@pytest.mark.parametrize(
    ("field", "finding"),
    [
        ("19501302", ("PID-7.1", "not a DTM: a date and time is YYYY[MM[DD[HH[MM[SS[.S]]]]]][+/-ZZZZ]")),
        ("1950-01-02", ("PID-7.1", "not a DTM: a date and time is YYYY[MM[DD[HH[MM[SS[.S]]]]]][+/-ZZZZ]")),
        ("1950^Y^extra", ("PID-7.3", "the data type TS of version {} ends with component 2")),
        ("1950&01", ("PID-7.1", "subcomponents, and the data type DTM has none: escape the separator")),
        ("1950", None),
        ("195001020304-0600", None),
        ("195001020304&&^^", None),
    ],
)
@pytest.mark.parametrize("version", ["2.3", "2.5"])
def test_times(field: str, finding: tuple[str, str] | None, version: str) -> None:
    segments = (msh("ADT^A04", version), "EVN|A04|20260302090000", PID.replace("19500102", field), PV1)
    expected = [(finding[0], finding[1].format(version))] if finding else []
    assert [entry for entry in found(*segments) if entry[0].startswith("PID-7")] == expected


@pytest.mark.parametrize(
    ("observation", "finding"),
    [
        ("OBX|1|NM|8302-2^Height^LN||tall||||||F", ("OBX-5", "not a NM")),
        ("OBX|1|NM|8302-2^Height^LN||1^8||||||F", ("OBX-5", "components, and the data type NM has none")),
        ("OBX|1|DT|1^When^L||20260231||||||F", ("OBX-5", "not a DT")),
        ("OBX|1|TM|1^When^L||2561||||||F", ("OBX-5", "not a TM")),
        ("OBX|1|ST|1^Text^L||" + "x" * 200 + "||||||F", ("OBX-5", "longer than the 199 characters")),
        ("OBX|1|ST|1^Text^L||a||||||Q", ("OBX-11", "not a value of HL7 table 0085")),
        (
            "OBX|1|CE|1^Code^L||c^t^L^c^t^L^more||||||F",
            ("OBX-5.7", "the data type CE of version 2.5 ends with"),
        ),
        ("OBX|1|NM|1^Height^L||-180.5||||||F", None),
        ("OBX|1|TM|1^When^L||2359+0100||||||F", None),
        ("OBX|1|ST|1^Text^L||a \\T\\ b||||||F", None),
    ],
)
def test_values_by_their_data_type(observation: str, finding: tuple[str, str] | None) -> None:
    told = admit(observation)
    assert [place for place, _ in told] == ([finding[0]] if finding else [])
    assert not finding or told[0][1].startswith(finding[1])


def test_tables_that_sites_fill_are_not_checked() -> None:
    assert found(msh(), EVN, PID.replace("|F", "|X9"), "PV1|1|ANY") == []


# --- what messages are like


def test_delimiters_and_line_ends_of_the_senders_own() -> None:
    plain = "\r".join((msh(), EVN, PID, PV1)).replace("100200", "1~2~3")
    own = plain.translate(str.maketrans("|^~&", "#!*%")).encode()
    assert conformance(own) == ()
    assert conformance(b"\x0b" + plain.replace("\r", "\r\n").encode() + b"\x1c\r") == ()
    assert conformance(("FHS|^~\\&\rBHS|^~\\&\r" + plain + "\rBTS|1\rFTS|1\r").encode()) == ()


def test_text_is_measured_in_characters_of_the_senders_charset() -> None:
    observation = "OBX|1|ST|1^Text^L||" + "é" * 199 + "||||||F"
    head = msh(rest="||||||UNICODE UTF-8")
    assert admit(observation, head=head) == []


@pytest.mark.parametrize("version", ["", "2.0", "2.9", "v2.5", "3", "2.5\\F\\", "../x"])
def test_a_version_that_is_not_known_is_one_finding(version: str) -> None:
    told = found(msh(version=version), "PID|")
    assert [place for place, _ in told] == ["MSH-12"]
    assert told[0][1].startswith("can't be checked: ")


@pytest.mark.parametrize("raw", [b"", b"mrn,name\r", b"MSH", b"MSH|", bytes(range(256)), b"\x00" * 99])
def test_what_is_no_message_is_one_finding(raw: bytes) -> None:
    (finding,) = conformance(raw)
    assert finding.where in ("MSH", "MSH-12")
    assert finding.text.startswith("can't be checked: ")


def test_what_goes_wrong_inside_is_told_and_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("100200")

    monkeypatch.setattr("interface.hl7.conformance._Fields", broken)
    assert found(msh(), PID, PV1) == [
        ("EVN", "missing behind MSH: ADT_A01 requires it"),
        ("MSH", "can't be checked further: KeyError in the standard's definitions"),
    ]


def test_findings_are_told_once_and_at_most_so_many() -> None:
    diagnoses = [f"DG1|{'x' if n % 2 else n}|||||W" for n in range(3 * MOST_FINDINGS)]
    told = conformance("\r".join((msh(), EVN, PID, PV1, *diagnoses)).encode())
    assert len(told) == len(set(told)) == MOST_FINDINGS
    assert told[-1] == Finding("MSH", f"can't be checked further: more than {MOST_FINDINGS - 1} departures")


def test_very_many_segments_are_checked_for_their_order_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("interface.hl7.conformance._MOST_SEGMENTS", 6)
    assert admit("DG1|1|||||W", "DG1|2|||||W", "PD1|") == [
        ("DG1[2]", "can't be checked: the order of the segments behind this one")
    ]


def test_no_value_of_the_message_is_told() -> None:
    secret = "Secretive"
    segments = [
        f"{name}|"
        + "|".join(f"{secret}^{secret}&{secret}&{secret}^^^^^^^^^^^^^^^^^^^^^^^^^{secret}" for _ in range(60))
        for name in ("EVN", "PID", "PV1", "DG1", "OBX", "AL1", "IN1")
    ]
    for version in VERSIONS:
        told = found(msh(f"ADT^A04^{secret}", version), *segments)
        assert len(told) > 20
        assert secret not in str(told)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_structure_and_segment_of_every_version_can_be_used(version: str) -> None:
    known = standard(version)
    assert known is not None
    for name in known.structures:
        automaton = Automaton(known.structure(name))
        told = found(
            msh(name.replace("_", "^"), version),
            *(f"{segment}|1|2~3|4^5" for segment in sorted(automaton.names - {"MSH"})),
        )
        assert told, name
        assert not any("definitions" in text for _, text in told), name


_FRAGMENTS = st.sampled_from(
    [
        "MSH",
        "PID",
        "OBX",
        "Z",
        "|",
        "^",
        "~",
        "&",
        "\\",
        "\r",
        '""',
        "1",
        "2.5",
        "ADT",
        "A01",
        "é",
        "\n",
        "\x0b",
        "x" * 30,
    ]
)


@settings(max_examples=200)
@given(st.lists(_FRAGMENTS, max_size=60), st.sampled_from(VERSIONS))
def test_it_never_raises(fragments: list[str], version: str) -> None:
    for start in (msh(version=version) + "\r", ""):
        told = conformance((start + "".join(fragments)).encode())
        assert not any("definitions" in finding.text for finding in told)


def test_hl7apy_is_imported_for_nobody_else() -> None:
    code = "import sys, interface.hl7.conformance, interface.cli.explain; sys.exit('hl7apy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@needs_corpus
def test_messages_of_the_real_world_are_checked_to_their_end() -> None:
    for file in FILES:
        for message in messages_in_file(file.read_bytes()):
            told = conformance(message)
            assert not any("definitions" in finding.text for finding in told), file.name
