"""Single values: identifiers with a check digit, product codes, codes of diagnoses, intervals, times of events."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.contract.texts import is_clean
from interface.hl7.message import Message
from interface.rules import Policy, load_rulebook, read_message
from interface.rules.context import clean_text
from interface.rules.reading import _moment, event_time
from interface.rules.types.clinical import by_shape, dotted
from interface.rules.types.ndc import ndc11
from interface.rules.types.person import npi_check
from interface.rules.types.timing import pattern_row
from interface.rules.types.values import number_of

RECEIVED = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
CHICAGO = ZoneInfo("America/Chicago")


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        *(("1234567893", True), ("1245319599", True), ("1234567890", False), ("1234567839", False)),
        *(
            ("3234567892", False),
            ("123456789", False),
            ("12345678933", False),
            ("", False),
            ("12345678a3", False),
        ),
        ("١٢٣٤٥٦٧٨٩٣", False),
    ],
)
def test_the_check_digit_of_an_npi(number, valid):
    assert npi_check(number) is valid


@given(st.integers(10**8, 3 * 10**8 - 1))
def test_one_digit_in_ten_makes_an_npi(head):
    assert sum(npi_check(f"{head}{digit}") for digit in range(10)) == (1 if str(head)[0] in "12" else 0)


@pytest.mark.parametrize(
    ("code", "eleven"),
    [
        *(("12345-6789-01", "12345678901"), ("1234-5678-90", "01234567890"), ("12345-678-90", "12345067890")),
        *(("12345-6789-0", "12345678900"), ("12345678901", "12345678901"), ("1234567890", None), ("", None)),
        *(("12345-6789", None), ("123-4567-890", None), ("12345-6789-0a", None), ("1234-567-89", None)),
    ],
)
def test_an_ndc_as_eleven_digits(code, eleven):
    assert ndc11(code) == eleven


@pytest.mark.parametrize(
    ("system", "code", "written"),
    [
        *(("ICD10", "E6601", "E66.01"), ("ICD10", "e66.01", "E66.01"), ("ICD10", "I10", "I10")),
        *(("ICD10", "C7A01", "C7A.01"), ("ICD10", "S72001A", "S72.001A"), ("ICD10", "I10.", "I10")),
        *(("ICD10", "DIABETES", "DIABETES"), ("ICD10", "4011", "4011"), ("ICD9", "4011", "401.1")),
        *(("ICD9", "25000", "250.00"), ("ICD9", "E8490", "E849.0"), ("ICD9", "V5867", "V58.67")),
        *(("ICD9", "401", "401"), ("ICD9", "E849", "E849"), ("SNOMED", "44054006", "44054006")),
    ],
)
def test_a_dot_is_put_in_where_icd_needs_it(system, code, written):
    assert dotted(system, code) == written
    assert dotted(system, written) == written


@pytest.mark.parametrize(
    ("code", "system"),
    [
        *((code, "ICD10") for code in ("E11.9", "J45", "J45909", "Z00.00", "C7A.01", "I10", "e11.9")),
        *((code, "ICD9") for code in ("401.1", "250.00", "001.0")),
        *(
            (code, "")
            for code in ("V72.0", "E849.0", "E8490", "401", "4011", "44054006", "", "X", "D-17", "HTN")
        ),
    ],
)
def test_a_shape_tells_a_system_only_where_no_other_could_have_the_code(code, system):
    assert by_shape(code) == system


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ("Q12H", {"frequencyValue": 12, "frequencyUnit": "h"}),
        ("q 8 hours", {"timingEvent": "Q8H"}),
        ("every 7 days", {"timingEvent": "WK"}),
        ("every 1 month", {"timingEvent": "MO"}),
        ("EVERY 10 DAYS", {"frequencyValue": 10, "frequencyUnit": "d"}),
        ("Q90S", {"frequencyValue": 90, "frequencyUnit": "s"}),
        *(
            (bad, None)
            for bad in ("Q0H", "Q-1H", "3 TIMES A WEEK", "Q4-6H", "Q6HPRN", "Q1J2", "every day or so")
        ),
    ],
)
def test_an_interval(sent, found):
    assert (pattern_row(sent, load_rulebook().tables["timing"]) or None) == found


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        *(("30", 30), ("30.0", 30), (".5", 0.5), ("5.", 5), ("+1", 1), ("-1", -1), ("0", 0)),
        *(
            ("9" * 30, float("9" * 30)),
            ("1e3", None),
            ("1,000", None),
            ("nan", None),
            ("9" * 400, None),
            ("", None),
        ),
    ],
)
def test_a_number(sent, number):
    found = number_of(sent)
    assert (found, type(found)) == (number, type(number))


@given(st.text())
def test_clean_text_is_clean_and_cleaning_is_done_once(text):
    cleaned = clean_text(text)
    assert is_clean(cleaned)
    assert cleaned == cleaned.strip()
    assert "  " not in cleaned
    assert clean_text(cleaned) == cleaned


@pytest.mark.parametrize(
    ("evn2", "msh7", "zone", "at"),
    [
        ("202603020830", "202603020900", None, "2026-03-02T08:30:00"),
        ("", "20260302090005", None, "2026-03-02T09:00:05"),
        ("202603020830", "202603020900", CHICAGO, "2026-03-02T14:30:00"),
        ("202603020830-0500", "202603020900", CHICAGO, "2026-03-02T13:30:00"),
        ("20260302", "202603020900", None, "2026-03-02T09:00:00"),
        ("", "20260302", None, "2026-03-02T00:00:00"),
        ("soon", "2026", None, "2026-03-02T15:00:00"),
        ("", "", None, "2026-03-02T15:00:00"),
        ("203003020830", "202603020900", None, "2026-03-02T09:00:00"),
        ("", "203003020830", None, "2026-03-02T15:00:00"),
        ("", "00010101000000+1400", None, "2026-03-02T15:00:00"),
    ],
)
def test_the_time_of_an_event(evn2, msh7, zone, at):
    raw = f"MSH|^~\\&|A|B|C|D|{msh7}||ADT^A08|M1|P|2.5\rEVN|A08|{evn2}\rPID|1".encode()
    assert event_time(Message(raw), zone, RECEIVED) == at


@pytest.mark.parametrize(
    ("msh9", "evn1", "kind", "does"),
    [
        ("ADT", "A11", "ADT^A11", "cancel"),
        ("ADT^", " a11 ", "ADT^A11", "cancel"),
        ("ADT^A08", "A11", "ADT^A08", "post"),
        ("ADT", "", "ADT", "chart"),
        ("ADT", "A11 by hand", "ADT", "chart"),
    ],
)
def test_evn_names_the_event_where_msh_9_does_not(msh9, evn1, kind, does):
    raw = f"MSH|^~\\&|A|B|C|D|20260302||{msh9}|M1|P|2.2\rEVN|{evn1}|20260302\rPID|1||T1\rPV1|1|O".encode()
    reading = read_message(load_rulebook(), Policy(), raw, received_at=RECEIVED)
    assert (reading.type, reading.event.does) == (kind, does)
    assert any("EVN-1" in note for note in reading.said) is (msh9 != "ADT^A08" and kind != "ADT")


@pytest.mark.parametrize(
    ("msh9", "kind", "does"),
    [
        ("RDE", "RDE^O01", "chart"),
        ("rde^", "RDE^O01", "chart"),
        ("ORM", "ORM^O01", "chart"),
        ("RDS", "RDS^O01", "chart"),
        ("RAS", "RAS^O01", "chart"),
        ("RDE^001", "RDE^O01", "chart"),
        ("RDE^011^RDE_O11", "RDE^O11", "chart"),
        ("ORM^001", "ORM^O01", "chart"),
        ("SIU", "SIU", "ignore"),
        ("ORU", "ORU", "ignore"),
        ("RDE^01", "RDE^01", "ignore"),
    ],
)
def test_an_order_without_an_event_or_with_a_zero_for_the_letter_is_an_order(msh9, kind, does):
    raw = f"MSH|^~\\&|A|B|C|D|20260302||{msh9}|M1|P|2.2\rEVN||20260302\rPID|1||T1\rORC|NW|1\rRXE||^Placebo 10 MG"
    reading = read_message(load_rulebook(), Policy(), raw.encode(), received_at=RECEIVED)
    assert (reading.type, reading.event.does) == (kind, does)
    assert any("MSH-9" in note for note in reading.said) is (msh9.upper() != kind and does == "chart")


TIMES = st.datetimes(datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2200-01-01"))
OFFSETS = st.sampled_from(
    ["", *(f"{sign}{n // 60:02d}{n % 60:02d}" for sign in "+-" for n in range(0, 840, 15))]
)


@given(TIMES, OFFSETS, st.sampled_from([None, CHICAGO]))
def test_a_time_is_read_in_its_offset_or_else_in_the_zone(time, offset, zone):
    text = f"{time:%Y%m%d%H%M%S}{offset}"
    sent = datetime.fromisoformat(f"{text[:8]}T{text[8:]}")
    sent = sent if offset else sent.replace(tzinfo=zone or UTC)
    moment = sent.astimezone(UTC)
    assert _moment(text, zone, with_hour=True, received_at=moment) == moment


@pytest.mark.parametrize(("listener", "name"), [("latin", "Muñoz"), ("", "Muñoz")])
def test_a_feed_may_have_a_character_set_of_its_own(listener, name):
    raw = "MSH|^~\\&|A|B|C|D|20260302||ADT^A08|M1|P|2.5\rPID|1||T1||Muñoz^Ana".encode(
        "latin-1" if listener else "utf-8"
    )
    policy = Policy(listener_charsets={"latin": "8859/1"})
    reading = read_message(load_rulebook(), policy, raw, received_at=RECEIVED, listener=listener)
    assert reading.facts["patient.name"].value["family"] == name
