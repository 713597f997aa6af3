"""Dates and times as sent."""

import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.hl7.datatypes.dtm import DTM, parse_dtm

CHICAGO, UTC, TOKYO = ZoneInfo("America/Chicago"), ZoneInfo("UTC"), ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("text", "expected", "precision"),
    [
        ("2026", DTM(2026), "year"),
        ("202603", DTM(2026, 3), "month"),
        ("20260305", DTM(2026, 3, 5), "day"),
        ("2026030510", DTM(2026, 3, 5, 10), "hour"),
        ("202603051030", DTM(2026, 3, 5, 10, 30), "minute"),
        ("20260305103007", DTM(2026, 3, 5, 10, 30, 7), "second"),
        ("20260305103007.1234", DTM(2026, 3, 5, 10, 30, 7, "1234"), "second"),
        ("20260305103007.1234-0600", DTM(2026, 3, 5, 10, 30, 7, "1234", -360), "second"),
        ("20260305103007269", DTM(2026, 3, 5, 10, 30, 7, "269"), "second"),
        ("2026030510300726-0600", DTM(2026, 3, 5, 10, 30, 7, "26", -360), "second"),
        ("202603051030+0530", DTM(2026, 3, 5, 10, 30, offset_minutes=330), "minute"),
        ("2026030510-0600", DTM(2026, 3, 5, 10, offset_minutes=-360), "hour"),
        ("20260305-0600", DTM(2026, 3, 5, offset_minutes=-360), "day"),
        ("202603-0600", DTM(2026, 3, offset_minutes=-360), "month"),
        ("2026-0600", DTM(2026, offset_minutes=-360), "year"),
        ("20260305103007Z", DTM(2026, 3, 5, 10, 30, 7, offset_minutes=0), "second"),
        (" 20260305 ", DTM(2026, 3, 5), "day"),
        ("2026-03", DTM(2026, 3), "month"),
        ("2026-03-05", DTM(2026, 3, 5), "day"),
        ("2026/3/5", DTM(2026, 3, 5), "day"),
        ("2026-03-05T10:00:00Z", DTM(2026, 3, 5, 10, 0, 0, offset_minutes=0), "second"),
        ("2026-03-05T10:00:00.5-06:00", DTM(2026, 3, 5, 10, 0, 0, "5", -360), "second"),
        ("2026-03-05 10:30", DTM(2026, 3, 5, 10, 30), "minute"),
        ("20260305T103007Z", DTM(2026, 3, 5, 10, 30, 7, offset_minutes=0), "second"),
        ("20260305 10:30", DTM(2026, 3, 5, 10, 30), "minute"),
        ("01/15/2025", DTM(2025, 1, 15), "day"),
        ("1/5/2025", DTM(2025, 1, 5), "day"),
        ("01/15/2025 14:30:00", DTM(2025, 1, 15, 14, 30, 0), "second"),
        ("1/15/2025 2:30 PM", DTM(2025, 1, 15, 14, 30), "minute"),
        ("1/15/2025 12:05 am", DTM(2025, 1, 15, 0, 5), "minute"),
    ],
)
def test_what_is_sent_is_read_to_its_precision(text: str, expected: DTM, precision: str):
    found = parse_dtm(text)
    assert found == expected
    assert found is not None
    assert found.precision == precision


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0000",
        "00000000",
        "20260230",
        "20260300",
        "20261301",
        "202603052400",
        "202603051060",
        "20260305103060",
        "2026030",
        "202603051",
        "202603051030071234567",
        "20261305103007269",
        "20260305+9999",
        "20260305-0075",
        "today",
        "20260305x",
        "13/45/2025",
        "15/01/2025",
        "1/15/25",
        "1/15/2025 14:30 PM",
        "2026-03-05T",
        "٢٠٢٦٠٣٠٥",
        "2" * 5000,
    ],
)
def test_what_is_no_possible_date_is_none(text: str):
    assert parse_dtm(text) is None


def test_a_date_needs_a_day():
    assert DTM(2026, 3, 5, 23, offset_minutes=0).date() == datetime.date(2026, 3, 5)
    assert DTM(2026, 3).date() is None
    with pytest.raises(ValueError, match="a day is needed"):
        DTM(2026, 3).in_zone(CHICAGO, CHICAGO)


@pytest.mark.parametrize(
    ("text", "zone", "default", "day"),
    [
        ("20260305", CHICAGO, TOKYO, 5),
        ("20260305-0600", TOKYO, CHICAGO, 5),
        ("202603050000+0000", CHICAGO, CHICAGO, 5),
        ("20260305000000.000Z", CHICAGO, CHICAGO, 5),
        ("202603050300Z", CHICAGO, CHICAGO, 4),
        ("202603050300", CHICAGO, CHICAGO, 5),
        ("202603050300", CHICAGO, UTC, 4),
        ("202603052300-0600", CHICAGO, UTC, 5),
        ("202603052300-0600", TOKYO, UTC, 6),
        ("000101010100+0900", CHICAGO, UTC, 1),
    ],
)
def test_the_day_in_a_zone(text: str, zone: ZoneInfo, default: ZoneInfo, day: int):
    found = parse_dtm(text)
    assert found is not None
    assert found.in_zone(zone, default).day == day


def test_a_moment_is_at_its_own_offset_or_in_the_default_zone():
    assert (
        DTM(2026, 7, 1, 10, fraction="", offset_minutes=60).moment(CHICAGO).isoformat()
        == "2026-07-01T10:00:00+01:00"
    )
    assert DTM(2026, 7, 1, 10).moment(CHICAGO).isoformat() == "2026-07-01T10:00:00-05:00"
    assert DTM(2026, 7, 1, 1, 1, 1, "1234567").moment(UTC).microsecond == 123456


@given(st.datetimes(), st.integers(-840, 840))
def test_a_time_written_is_read_again(moment: datetime.datetime, offset: int):
    sign = "-" if offset < 0 else "+"
    zone = f"{sign}{abs(offset) // 60:02}{abs(offset) % 60:02}"
    text = f"{moment.year:04}{moment:%m%d%H%M%S}.{moment.microsecond:06}{zone}"
    found = parse_dtm(text)
    assert found is not None
    assert found.moment(UTC).replace(tzinfo=None) == moment
    assert found.offset_minutes == offset
    found.in_zone(CHICAGO, TOKYO)


@given(st.text(alphabet="0123456789-+:/TZ. APM", max_size=30))
def test_no_text_crashes_it(text: str):
    found = parse_dtm(text)
    if found is not None:
        found.date()
        found.moment(UTC)


@given(st.integers(0, 10**14 - 1), st.sampled_from([8, 14]))
def test_digits_alone_are_what_they_are_before_an_offset(number, length):
    text = f"{number:014d}"[:length]
    whole = parse_dtm(f"{text}+0000")
    assert parse_dtm(text) == (None if whole is None else msgspec.structs.replace(whole, offset_minutes=None))


@given(
    st.datetimes().filter(lambda time: time.year >= 1000),
    st.sampled_from(["%Y%m%d", "%Y%m%d%H%M%S"]),
)
def test_every_time_in_digits_alone_is_read(time, form):
    found = parse_dtm(time.strftime(form))
    assert found is not None
    assert found.moment(UTC).strftime(form) == time.strftime(form)


def test_long_text_is_no_time_unless_it_is_blanks():
    assert parse_dtm("2026" * 1000) is None
    assert parse_dtm(" " * 1000 + "20260305" + " " * 1000) == parse_dtm("20260305")
