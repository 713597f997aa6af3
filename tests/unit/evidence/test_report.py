"""The report for the vendor: one page that loads nothing, holds the same as JSON, and no value of a patient."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from interface.evidence.completeness import Sums, completeness
from interface.evidence.page import as_html, duration
from interface.evidence.report import Listed, NamedPatient, Report, as_json, times_of
from interface.evidence.steps import Facts, Outcomes, steps

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
NASTY = "</script><b>\x1b[2J\u202e&'\""
BODY = {
    "patient": {
        "mrn": {"root": "2.999", "extension": "T4711"},
        "name": {"family": "Sample", "given": ["Robin"]},
    },
    "activeIcd10Diagnoses": [{"code": "E11.9", "displayName": "Diabetes"}],
}
KNOWN = {
    "known": {
        "problems": {"known": 3, "sent": 1, "left_out": {"confidential": 1}, "missing": ["ICD10|I10"]},
        "orders": {},
    }
}


def report(**changes: Any) -> Report:
    found, sums = completeness(BODY, KNOWN), Sums()
    sums.add(7, date(2026, 3, 2), found)
    sums.add(8, date(2026, 3, 2), None)
    listed = [
        Listed(7, NOW.timestamp(), 200, NASTY, found, {"found": 3.5, "delivered": 7200.0}, 2),
        Listed(8, None, 200, None, None, {}),
    ]
    values: dict[str, Any] = {
        "made_at": NOW,
        "program": "hl7-interface 0.0",
        "site": f"Clinic {NASTY}",
        "environment": "staging",
        "url": "https://example.test/v1",
        "rehearsal": False,
        "since": None,
        "until": None,
        "steps": steps(Facts("staging", "https://example.test/v1", False, True, True)),
        "sums": sums,
        "outcomes": Outcomes(found=1, delivered=1, unanswered=1),
        "times": times_of(listed),
        "listed": listed,
        "more": 0,
    }
    return Report(**(values | changes))


class Reader(HTMLParser):
    """What a browser would see: elements, texts, the data."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.data = ""
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} is not nested"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.data += data
        elif "style" not in self.open:
            self.text += data


def test_the_page_is_whole_loads_nothing_and_runs_nothing() -> None:
    page = as_html(report())
    read = Reader(page)
    assert read.open == []
    scripts = [attributes for tag, attributes in read.tags if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "onboarding-report"}]
    assert not any(tag in ("link", "img", "iframe", "object", "form") for tag, _ in read.tags)
    assert not any(
        name.startswith("on") or name in ("src", "href", "action")
        for _, attributes in read.tags
        for name in attributes
    )
    assert "default-src 'none'" in page and "prefers-color-scheme: dark" in page and "@media print" in page
    assert read.tags[0] == ("html", {"lang": "en"})
    assert all("scope" in attributes for tag, attributes in read.tags if tag == "th")


def test_the_page_holds_the_report_as_json() -> None:
    made = report()
    assert json.loads(Reader(as_html(made)).data) == json.loads(json.dumps(as_json(made)))


def test_text_from_elsewhere_can_do_the_page_no_harm() -> None:
    page = as_html(report())
    assert "<b>\x1b" not in page and "\x1b" not in page and "\u202e" not in page
    assert "&lt;/script&gt;&lt;b&gt;" in page


@pytest.mark.parametrize("environment", ["staging", "production-test", "production"])
def test_no_value_of_a_patient_is_in_it(environment: str) -> None:
    made = report(environment=environment)
    told = as_html(made) + json.dumps(as_json(made))
    assert not re.search("T4711|Sample|Robin|E11.9|I10|Diabetes|2[.]999", told)


def test_the_vendors_test_patients_are_named_where_they_are_given() -> None:
    page = as_html(report(patients=[NamedPatient("CH-1", "Testa, Alma")]))
    assert (
        "CH-1" in page
        and "Testa, Alma" in page
        and "It names the vendor&#39;s test patients" in page.replace("vendor's", "vendor&#39;s")
    )
    assert "It holds no patient data" in as_html(report())


def test_what_was_left_out_and_what_is_missing_is_said() -> None:
    read = Reader(as_html(report()))
    assert "1 problem: the sender says that it is confidential" in read.text
    assert "Something is missing from requests 7." in read.text
    assert "problems 1 of 3, 1 MISSING" in read.text
    assert "1 requests could not be looked into" in read.text


def test_receipts_of_webhooks_and_their_times() -> None:
    made = report()
    assert as_json(made)["webhooks"] == {
        "found": 1,
        "insufficient": 0,
        "delivered": 1,
        "contradicting": 0,
        "awaited": 0,
        "unanswered": 1,
        "times": {
            "found": {"requests": 1, "median_seconds": 3.5, "longest_seconds": 3.5},
            "delivered": {"requests": 1, "median_seconds": 7200.0, "longest_seconds": 7200.0},
        },
    }
    text = Reader(as_html(made)).text
    assert "patient found after 4 s" in text and "document delivered after 2 h" in text


def test_a_rehearsal_says_so() -> None:
    assert "A rehearsal:" in as_html(report(rehearsal=True))
    assert "A rehearsal:" not in as_html(report())


def test_more_requests_than_are_listed_are_said_to_be_counted() -> None:
    assert "The newest 2; 998 more are counted above and not listed." in as_html(report(more=998))


def test_a_report_of_nothing_is_a_page_too() -> None:
    page = as_html(report(sums=Sums(), listed=[], times={}, outcomes=Outcomes()))
    assert "None was delivered." in page and Reader(page).open == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "250 ms"), (12, "12 s"), (119, "119 s"), (180, "3 min"), (7200, "2 h"), (300000, "3 d")],
)
def test_times_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
