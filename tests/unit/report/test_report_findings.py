"""What is found in a feed, how it is counted, and in what order it is told."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from interface.report.model import LEVELS, STOPS, Position
from interface.report.seen import Entry

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
NO_NPI = "AIP|1||44^Quill^Avery|ATND"
YEAR = "PID|1||{mrn}^^^LFC^MR||Sample^Robin||1970|F|||12 Birch Ln^^Madison^WI^53703"


def test_held_requests_come_first_with_what_releases_them(report_of, book, look):
    report = report_of(
        [book("1001"), book("1002", pid=YEAR), book("1003", pid=YEAR, aip=NO_NPI), book("1004", aip="ZZZ|1")]
    )
    held = look(report, "held")
    assert report.senders[0].findings[: len(held)] == tuple(held)
    birth = look(report, "held", "missing:patient.birthDate")[0]
    assert (birth.level, birth.count, birth.of, birth.unit) == (STOPS, 2, 4, "requests")
    assert birth.what == (
        "held: no date of birth (PID-7 has only a year); for 1 of them nothing else is missing"
    )
    assert birth.where == "PID-7"
    assert "YYYYMMDD" in birth.ask
    assert birth.example == Position(2, "ID-1002", "PID", 3)
    assert birth.types == {"SIU^S12": 2}


def test_findings_stand_worst_first(report_of, book):
    report = report_of(
        [book("1001", pid=YEAR), book("1002", "DG1|1||X^words^IMO"), b"no message", book("1003", f18="9999")]
    )
    for sender in report.senders:
        levels = [list(LEVELS).index(finding.level) for finding in sender.findings]
        assert levels == sorted(levels)


def test_rejected_messages_are_told(report_of, say, look):
    report = report_of([b"\x00\xffbinary", say("SIU^S12", id="")])
    assert {finding.code for finding in look(report, "rejected")} == {"no-msh", "missing-control-id"}
    assert report.readable == 0


def test_senders_are_told_apart_by_listener_and_msh_3_and_4(report_of, book):
    entries = [
        Entry(1, book("1001"), "main", NOW),
        Entry(2, book("1002"), "pharmacy", NOW),
        Entry(3, book("1003", f4="OTHER"), "main", NOW),
        Entry(4, book("1004"), "main", NOW),
    ]
    senders = report_of(entries).senders
    assert [(one.listener, one.application, one.facility, one.messages) for one in senders] == [
        ("main", "APP", "FAC", 2),
        ("pharmacy", "APP", "FAC", 1),
        ("main", "APP", "OTHER", 1),
    ]


def test_requests_with_problems_medications_both_none(report_of, book, say):
    problem = "DG1|1||E11.9^Diabetes^I10"
    order = ("ORC|NW|O1", "RXE||856377^trazodone 50 MG^RXNORM")
    pid = "PID|1||{}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
    report = report_of(
        [
            say("RDE^O11", pid.format("1002"), *order, id="R1"),
            say("RDE^O11", pid.format("1003"), *order, id="R2"),
            book("1001", problem),
            book("1002"),
            book("1003", problem),
            book("1004"),
            book("1005"),
        ]
    )
    shares = report.senders[0].shares
    assert (shares.requests, shares.problems, shares.medications, shares.both, shares.none) == (5, 2, 2, 1, 2)


@pytest.mark.parametrize(
    ("pid", "name"),
    [
        ("PID|1||||Sample^Robin||19700131|F|||^^Madison^WI^53703", "MRN"),
        ("PID|1||7^^^LFC^MR||Sample^Robin|||F|||^^Madison^WI^53703", "date of birth"),
        ("PID|1||7^^^LFC^MR||Sample^Robin||19700131|F|||^^Madison^WI^K1A0B1^CAN", "ZIP"),
    ],
)
def test_what_every_request_needs_is_counted_in_every_message(report_of, say, look, pid, name):
    report = report_of([say("ADT^A31", pid, id="1"), say("ADT^A31", pid, id="2")])
    (entry,) = [entry for entry in report.senders[0].missing if entry.missing]
    assert (entry.name, entry.missing, entry.of) == (name, 2, 2)
    if name != "MRN":  # that one is held
        assert look(report, "missing")[0].code == name


def test_coding_systems_that_are_not_declared(report_of, book, look):
    report = report_of([book("1001", "DG1|1||E11.9", "DG1|2||E11.9^x^I10", "DG1|3|I9|401.1"), book("1002")])
    (finding,) = look(report, "missing", "diagnosis system")
    assert (finding.count, finding.of, finding.unit) == (1, 3, "diagnoses")
    assert finding.example == Position(1, "ID-1001", "DG1", 4)


def test_a_missing_npi_is_told_once_as_what_holds_requests(report_of, book, look):
    report = report_of([book("1001", aip=NO_NPI)])
    assert look(report, "held", "missing:upcomingAppointmentProvider.npi")
    assert not look(report, "missing", "NPI")
    assert [entry.missing for entry in report.senders[0].missing if entry.name == "NPI"] == [1]


def test_control_ids_that_come_again(report_of, book, look):
    one = book("1001", id="X")
    report = report_of([one, one, book("1002", id="X"), book("1003")])
    (same,) = look(report, "control-id-again")
    (other,) = look(report, "control-id-other-content")
    assert (same.count, other.count, other.of) == (1, 1, 4)


def test_repeats_that_the_journal_counted(report_of, book, look):
    (same,) = look(report_of([Entry(9, book("1001"), "main", NOW, duplicates=3)]), "control-id-again")
    assert (same.count, same.of) == (3, 4)


@pytest.mark.parametrize(
    ("declared", "text", "what"),
    [
        ("", "é", "MSH-18 is empty, and there are bytes beyond ASCII"),
        ("ASCII", "é", "MSH-18 says ASCII, and there are bytes beyond ASCII"),
        ("KLINGON", "e", "MSH-18 names a character set that is not known"),
        ("UNICODE UTF-8", "é", ""),
        ("", "e", ""),
    ],
)
def test_msh_18_against_the_bytes(report_of, book, look, declared, text, what):
    found = look(report_of([book("1001", f"NTE|1||{text}", f18=declared)]), "charset")
    assert [finding.what for finding in found] == [what] * bool(what)


def test_bytes_that_are_not_what_msh_18_says(report_of, book, look):
    raw = book("1001", "NTE|1||x", f18="UNICODE UTF-8").replace(b"x", b"\xe9")
    (finding,) = look(report_of([raw]), "charset")
    assert finding.what == "MSH-18 says UNICODE UTF-8, and the bytes do not fit"


def test_odd_separators_and_segment_ends(report_of, book, look):
    odd = book("1001").replace(b"|", b"#").replace(b"^", b"*")
    (finding,) = look(report_of([odd]), "separators")
    assert finding.what == "separators are #*~\\& and not |^~\\&"
    ends = {
        b"\r\n": "segments end with CR LF",
        b"\n": "segments end with LF",
    }
    for end, what in ends.items():
        (finding,) = look(report_of([book("1001").replace(b"\r", end) + end]), "segment-ends")
        assert finding.what == what
    (finding,) = look(report_of([book("1001").replace(b"\r", b"\n", 1)]), "segment-ends")
    assert finding.what == "segments end now with CR, now with LF"


@pytest.mark.parametrize(
    ("ahead", "code"),
    [(timedelta(minutes=6), "ahead"), (timedelta(minutes=4), ""), (timedelta(hours=-2), "late")],
)
def test_the_senders_clock_against_the_journal(report_of, book, look, ahead, code):
    at = (NOW + ahead).astimezone(ZoneInfo("America/Chicago")).strftime("%Y%m%d%H%M%S")
    report = report_of([Entry(1, book("1001", msh7=at), "main", NOW)], timezone=ZoneInfo("America/Chicago"))
    assert [finding.code for finding in look(report, "clock")] == [code] * bool(code)
    assert report.senders[0].clock.median == ahead.total_seconds()


def test_without_a_zone_only_what_no_zone_explains_is_told(report_of, book, look):
    def codes(msh7):
        return [f.code for f in look(report_of([Entry(1, book("1001", msh7=msh7), "main", NOW)]), "clock")]

    assert codes("20260302200000") == []
    assert codes("20260302200000+0000") == ["ahead"]
    assert codes("20260304200000") == ["ahead"]


@pytest.mark.parametrize(
    ("msh7", "evn2", "code"),
    [
        ("20270302080000+0000", "", "future"),
        ("20260302080000", "20260302090000", "event-behind"),
        ("20260302080000", "20260228080000", "event-old"),
        ("", "", "none"),
        ("20260302080000", "20260302075900", ""),
    ],
)
def test_times_within_files(report_of, say, look, msh7, evn2, code):
    pid = "PID|1||7^^^LFC^MR||Sample^Robin||19700131|F"
    report = report_of([say("ADT^A08", f"EVN||{evn2}", pid, msh7=msh7)])
    assert [finding.code for finding in look(report, "clock")] == [code] * bool(code)


def test_messages_of_files_are_decided_as_of_their_own_day(report_of, book):
    old = book("1001", msh7="20190302080000").replace(b"20260320", b"20190320")
    assert report_of([old]).senders[0].decided("post") == 1


def test_conformance_is_counted_by_place_and_says_how_many_were_looked_at(report_of, book, look):
    bad = "DG1|1||E11.9^x^I10||20261399|F"
    raws = [book(str(1000 + n), bad) for n in range(10)]
    report = report_of(raws, sample=4)
    (finding,) = [one for one in look(report, "conformance") if one.where == "DG1-5.1"]
    assert (finding.count, finding.of) == (4, 4)
    assert report.senders[0].types[0].checked == 4
    assert report_of(raws).senders[0].types[0].checked == 10


def test_the_sample_is_spread_evenly(report_of, book, look):
    good, bad = "DG1|1||E11.9^x^I10||20260101|F", "DG1|1||E11.9^x^I10||20261399|F"
    raws = [book(str(1000 + n), bad if n >= 5 else good) for n in range(10)]
    (finding,) = [one for one in look(report_of(raws, sample=5), "conformance") if one.where == "DG1-5.1"]
    assert (finding.count, finding.of) == (2, 5)


def test_sources_of_the_mapping_that_nobody_fills(report_of, book):
    report = report_of([book("1001", "DG1|1||E11.9^x"), book("1002", "DG1|1||E11.9^y")])
    never = {entry.path: entry for entry in report.senders[0].never_filled}
    assert never["DG1-3.3"].of == 2
    assert never["DG1-3.3"].fields == ("problem.codings",)
    assert "DG1-3.1" not in never
    assert never["SCH-1"].instead == "SCH-2"
    assert not any(path.startswith("RXE") for path in never)  # a segment that was not sent lacks no fields


def test_z_segments_versions_and_when_messages_came(report_of, book):
    report = report_of([book("1001", "ZPI|1", "ZPI|2"), book("1002", "ZQA|1", msh7="20260303100000")])
    sender = report.senders[0]
    assert sender.z_segments == {"ZPI": 1, "ZQA": 1}
    assert sender.versions == {"2.5.1": 2}
    assert (sender.volume.first, sender.volume.last) == ("2026-03-02T08:00:00Z", "2026-03-03T10:00:00Z")
    assert sender.volume.days == {"2026-03-02": 1, "2026-03-03": 1}
    assert (sender.volume.hours[8], sender.volume.hours[10], sum(sender.volume.hours)) == (1, 1, 2)


OF = "PID|1||{mrn}^^^%s||Sample^Robin||19700131|F|||^^Madison^WI^53703"


def of_authorities(book, *given, control="A"):
    return [book(mrn, pid=OF % authority, id=f"{control}{n}") for n, (mrn, authority) in enumerate(given, 1)]


def test_numbers_are_told_by_authority_and_type(report_of, book):
    given = [(f"10{n}", "LFC^MR~E{mrn}^^^EPI&2.999.4&ISO^PI") for n in range(3)]
    given += [("201", ""), ("202", ""), ("301", "Of Robins aunt^MR"), ("302", "Of Robins aunt^MR")]
    for policy in ({}, {"mrn_authority": ("LFC",)}):
        sender = report_of(of_authorities(book, *given), **policy).senders[0]
        told = {"LFC, type MR": 3, "EPI, type PI": 3, "no authority, no type": 2, "(free text)": 2}
        assert sender.numbers == told, policy
        assert list(sender.numbers.values()) == [3, 3, 2, 2]


def test_medical_record_numbers_of_several_authorities_are_told_until_the_site_says_its_own(
    report_of, book, look
):
    raws = of_authorities(book, ("101", "LFC^MR"), ("102", "LFC^MR"), ("101", "HOSP^MR"), ("103", "HOSP^MR"))
    report = report_of(raws)
    (several,) = look(report, "mrn-authority", "several")
    assert (several.level, several.count, several.of) == ("ours", 4, 4)
    assert {one.code: one.count for one in several.codes} == {"LFC": 2, "HOSP": 2}
    (same,) = look(report, "mrn-authority", "same-number")
    assert (same.count, same.example.message) == (1, 3)
    assert any("site.mrn_authority is not set" in note for note in report.notes)
    settled = report_of(raws, mrn_authority=("LFC",))
    assert look(settled, "mrn-authority") == []
    assert not any("mrn_authority" in note for note in settled.notes)


def test_one_authority_is_nothing_to_tell_and_two_senders_are_looked_at_together(report_of, book, look):
    ours = of_authorities(book, ("101", "LFC^MR"), ("102", "LFC^MR"), ("101", "LFC^MR"))
    assert look(report_of(ours), "mrn-authority") == []
    lab = [raw.replace(b"|APP|", b"|LAB|").replace(b"^^^LFC^MR", b"^^^^MR") for raw in ours[:2]]
    report = report_of([*ours, *lab])
    told = {(one.count, one.of) for one in look(report, "mrn-authority", "several")}
    assert told == {(3, 3), (2, 2)}
    (same,) = look(report, "mrn-authority", "same-number")
    assert same.count == 2


def test_what_is_left_out_on_purpose_is_no_fault_of_the_sender(report_of, book, look):
    pid = "PID|1||{mrn}^^^LFC^MR||Sample^Robin||19700131|F|||^^Madison^WI^53703||6085550142^PRN^FX"
    (finding,) = look(report_of([book("1001", pid=pid)]), "left-out")
    assert (finding.level, finding.where) == ("note", "PID-13.1")


def test_a_problem_that_has_ended_is_no_fault_of_the_sender(report_of, say, look):
    pid = "PID|1||1001^^^LFC^MR||Sample^Robin||19700131|F"
    raw = say("PPR^PC2", pid, "PRB|UP|20260301|I10^Hypertension^I10|7|||||||||Resolved")
    (finding,) = look(report_of([raw]), "left-out", "PRB-3.1")
    assert finding.level == "note"


def test_differences_between_both_readers_are_counted_by_kind(report_of, book):
    report = report_of([book("1001", 'NTE|1||""'), book("1002")])
    assert report.senders[0].differences == {"null": 1}


def test_unexplained_differences_are_positions_for_us(report_of, book, look, monkeypatch):
    from interface.hl7 import second_reader

    monkeypatch.setattr(second_reader, "KINDS", ())
    (finding,) = look(report_of([book("1001", 'NTE|1||""')]), "second-reader")
    assert (finding.level, finding.where, finding.example) == (
        "ours",
        "NTE-3.1",
        Position(1, "ID-1001", "NTE", 4),
    )


def test_a_message_too_large_to_be_held_against_the_standard_is_said(report_of, book):
    report = report_of([book("1001", "OBX|1|TX|||" + "x" * 2_000_000)])
    assert report.senders[0].types[0].checked == 0
    assert "1 messages over 256 KB were not held against the standard" in report.notes


def test_a_feed_of_ever_new_senders_and_types_is_put_together(report_of, book, monkeypatch):
    from interface.report import collect

    monkeypatch.setattr(collect, "MOST_SENDERS", 3)
    report = report_of([book(str(1000 + n), f3=f"APP{n}") for n in range(9)])
    assert len(report.senders) == 4
    assert report.senders[0].application == collect.OTHERS
    assert sum(sender.messages for sender in report.senders) == 9
