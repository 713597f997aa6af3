"""Text for people, JSON for programs, one page for a mail; and feeds that mean harm."""

import html
import json
import re
from html.parser import HTMLParser

import pytest

from interface.report.as_html import as_html, day_bars
from interface.report.as_json import as_json
from interface.report.as_text import as_text
from interface.report.model import Volume
from interface.report.words import percent, seconds

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "\x1b[2Jcleared",
    "\u202eright to left",
    "A" * 5000,
]


class Page(HTMLParser):
    """What a page is made of; fails on a tag that is closed and was not opened."""

    VOID = frozenset(("meta", "br", "rect", "hr"))

    def __init__(self):
        super().__init__()
        self.tags = []
        self.attributes = []
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID or (tag == "rect" and not self.get_starttag_text().endswith("/>")):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(text):
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


def test_the_page_loads_nothing_and_runs_nothing(report_of, book):
    page = parsed(as_html(report_of([book("1001", "DG1|1||X^y^Q"), book("1002", aip=""), b"nothing"])))
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("href", "src", "xlink:href"):
            assert value.startswith("#")
    text = as_html(report_of([book("1001")]))
    assert "url(" not in text
    assert "@import" not in text
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_sender_that_means_harm_is_shown_harmlessly(report_of, book, text):
    report = report_of([book("1001", f3=text, f4=text, id=text, f18="UNICODE UTF-8")])
    page = parsed(as_html(report))
    assert not {"script", "img"} & set(page.tags)
    if "{{" in text:
        assert text in as_html(report)
    for shown in (as_text(report), json.dumps(as_json(report)), html.unescape(as_html(report))):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
        assert "A" * 100 not in shown


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\xff\xfe",
        b"MSH",
        b"MSH|",
        b"MSH|^~\\&",
        b"MSH|^~\\&|||||||||",
        "MSH|^~\\&|A|B".encode("utf-16"),
        b"MSH|^~\\&|A|B|||2026||ADT^A08|1|P|2.5.1\rPID|" + b"|" * 50_000,
        b"MSH|^~\\&|A|B|||2026||ADT^A08|1|P|2.5.1\rPID|1||" + b"~" * 20_000,
        b"MSH|^~\\&|A|B|||99991231235959-1200||ADT^A08|1|P|2.5.1\rEVN||00010101000000+1400\rPID|1||1",
    ],
)
def test_whatever_comes_is_reported_and_rendered(report_of, raw):
    report = report_of([raw])
    assert report.messages == 1
    assert as_text(report)
    assert json.dumps(as_json(report))
    parsed(as_html(report))


def test_a_field_of_two_megabytes(report_of, book):
    report = report_of([book("1001", "DG1|1||" + "x" * 2_000_000)])
    assert len(as_text(report)) < 10_000
    assert len(as_html(report)) < 100_000


def test_the_text_is_folded_and_says_the_worst_first(report_of, book):
    lines = as_text(report_of([book("1001", aip=""), book("1002", "DG1|1||X^y^Q")]), 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "feed report of 2026-03-02 15:00 UTC: 2 messages from files, 1 sender"
    where = [lines.index(f"{level}:") for level in ("stops requests", "loses data")]
    assert where == sorted(where)
    assert any("ask: Name the clinician in AIP-3" in line for line in lines)
    assert any("e.g. message 1 (ID-1001)" in line for line in lines)


def test_the_json_has_all_that_the_page_has(report_of, book):
    report = report_of([book("1001", aip=""), book("1002", "DG1|1||X^y^Q", "ZPI|1")])
    (sender,) = json.loads(json.dumps(as_json(report)))["senders"]
    assert (sender["sending_application"], sender["sending_facility"], sender["messages"]) == (
        "APP",
        "FAC",
        2,
    )
    held = sender["findings"][0]
    assert held["kind"] == "held"
    assert held["example"] == {"message": 1, "control_id": "ID-1001", "segment": "", "index": 0}
    assert sender["types"][0]["decisions"] == {"hold": 1, "post": 1}
    assert {"decision": "hold", "code": held["code"], "count": 1} in sender["types"][0]["reasons"]
    assert sender["requests"] == {"requests": 2, "problems": 0, "medications": 0, "both": 0, "none": 2}
    assert sender["z_segments"] == {"ZPI": 1}
    assert sender["numbers"] == {"LFC, type MR": 2}


def test_whose_numbers_come_is_told_by_text_and_page(report_of, book):
    report = report_of([book("1001"), book("1002")])
    assert "numbers     LFC, type MR 2" in as_text(report)
    assert "<td>numbers in PID-3</td><td>LFC, type MR 2</td>" in as_html(report)


def test_the_page_is_part_of_the_package():
    from importlib import resources

    assert (resources.files("interface.report") / "templates" / "feed_report.html.j2").is_file()
    setup = (resources.files("interface") / ".." / "setup.cfg").read_text("utf-8")  # type: ignore[attr-defined]
    assert "report/templates/*.j2" in setup


def test_days_without_messages_have_their_place():
    bars = day_bars(Volume(days={"2026-03-01": 4, "2026-03-04": 2}))
    assert [bar.label for bar in bars] == ["2026-03-01: 4", "2026-03-02: 0", "2026-03-03: 0", "2026-03-04: 2"]
    assert bars[0].height == 2 * bars[3].height > 0
    many = {f"{2000 + n // 365}-01-{n % 28 + 1:02}": 1 for n in range(3000)}
    assert len(day_bars(Volume(days=many))) <= 120


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(0, 0, ""), (0, 5, "0 %"), (1, 300, "<1 %"), (1, 2, "50 %"), (5, 5, "100 %")]
)
def test_shares(part, whole, text):
    assert percent(part, whole) == text


def test_spans_of_time():
    assert [seconds(one) for one in (-3, 250, -9000, 300_000)] == ["-3 s", "+4.2 min", "-2.5 h", "+3.5 d"]
