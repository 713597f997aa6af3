"""What the sending team is asked for: a row for each reason to hold, in words that a sender understands."""

import pytest

from interface.chart.holds import CODES, FIELDS
from interface.hl7.errors import REJECTS
from interface.report.asks import ask_for, detail_of, release_here

OURS = {
    "patient.mrn.root",
    "clinicNpi",
    "responseFaxNumber",
    "responseDirectAddress",
    "directives.diagnosticCategories",
    "deceased",
    "identity-unknown",
    "protected",
    "history",
    "not-test-patient",
    "test-patient",
    "production-test",
    "not-live",
    "paced",
    "lead-time",
    "incomplete:problems",
    "incomplete:medications",
}
"""Holds that the sending team can do nothing about, or that are the settings'."""


@pytest.mark.parametrize("code", [*(hold.key for hold in (*FIELDS, *CODES)), *REJECTS])
def test_each_reason_asks_for_something_or_says_what_releases_it(code):
    asked = ask_for(
        code if ":" in code or code in {hold.key for hold in CODES} | set(REJECTS) else f"missing:{code}"
    )
    if code in OURS:
        assert asked.ask == ""
        assert "What releases it: " in release_here(code)
    else:
        assert asked.ask
        assert asked.where
        assert not asked.what.startswith("reason ")


def test_an_unknown_reason_is_told_by_its_code():
    assert ask_for("missing:somethingNew").what == "reason somethingNew"
    assert ask_for("new-code").what == "reason new-code"
    assert release_here("new-code") == "Nothing to change at the sender."


def test_a_value_that_is_refused_is_told_from_one_that_is_missing():
    assert ask_for("missing:patient.address.zip").what == "no US address with a ZIP"
    assert ask_for("invalid:patient.address.zip").what == "no US address with a ZIP, or it is refused"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("patient.birthDate is missing: PID-7 has only a year: no full day", "PID-7 has only a year"),
        (
            "patient.address.zip is missing: PID-11[2] has no US ZIP: PID-11[2].6 is MEX",
            "PID-11[2].6 names another country",
        ),
        ("upcomingAppointmentProvider.npi is missing: no NPI for the person in AIP[2]-3", "none in AIP[2]-3"),
        (
            "PID-3 has 12 numbers that could be the MRN; set site.mrn_authority",
            "PID-3 has several numbers that could be the MRN",
        ),
        ("some sentence that names Quimbelshaw", ""),
    ],
)
def test_what_a_sentence_adds_is_told_without_its_values(text, told):
    assert detail_of(text) == told
