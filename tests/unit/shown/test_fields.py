"""Fields by human names: every one that a reason, a preview or a change may name."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "chart"))

from test_any_message import FULL

from interface.chart.changes import entries
from interface.chart.decide import Engine
from interface.chart.holds import FIELDS
from interface.chart.replay import Replay
from interface.contract.fields import MODELS, fields
from interface.rules import Policy, load_rulebook
from interface.rules.fields import MESSAGE
from interface.shown.fields import knows, name_of, reason_text

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("patient.birthDate", "date of birth"),
        ("patient.name.given[0]", "given name"),
        ("patient.address.zip", "address: ZIP"),
        ("patient.contactPoints.home[1].value", "home contact: value"),
        ("patient.protectedVisit:V1", "protected by a visit"),
        ("activeIcd10Diagnoses[3].displayName", "ICD-10 diagnosis: name"),
        ("medications[0].medicationRequests[1].prescriber.name.family", "prescriber: family name"),
        ("upcomingAppointmentProvider.npi", "clinician: NPI"),
        ("problems[0].label", "problem: name"),
        ("nobody.knows", "nobody.knows"),
        ("", ""),
    ],
)
def test_a_field_has_a_name(field: str, name: str) -> None:
    assert name_of(field) == name


@pytest.mark.parametrize("version", MODELS)
def test_every_field_of_the_request_has_one(version: int) -> None:
    assert [field.name for field in fields(version) if not knows(field.name)] == []


def test_everything_in_a_chart_has_one() -> None:
    replay = Replay(engine := Engine(load_rulebook(), Policy()))
    replay.take(replay.read(FULL, NOW, ""), NOW)
    (chart,) = replay.charts
    named = {f for e in entries(chart, engine.book, engine.policy, NOW.date()) for f in e.values}
    assert len(named) > 50
    charted = [field for field in MESSAGE if field.startswith("patient.")]
    assert [field for field in (*named, *charted) if not knows(field)] == []


def test_every_field_that_can_hold_a_request_has_one() -> None:
    keys = [hold.key.rpartition(":")[2] for hold in FIELDS]
    assert [key for key in keys if not knows(key)] == []


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        (
            "missing:patient.birthDate",
            "patient.birthDate is missing: PID-7 is empty",
            "Date of birth (patient.birthDate) is missing: PID-7 is empty",
        ),
        (
            "invalid:activeIcd10Diagnoses[0].code",
            "activeIcd10Diagnoses[0].code is refused",
            "ICD-10 diagnosis: code (activeIcd10Diagnoses[0].code) is refused",
        ),
        ("no-mrn", "whose it is can't be told", "whose it is can't be told"),
        ("missing:nobody.knows", "nobody.knows is missing", "nobody.knows is missing"),
        (
            "incomplete:patient.gender",
            "the production test wants the gender",
            "the production test wants the gender",
        ),
        ("missing:patient.birthDate", "", "missing:patient.birthDate"),
        ("", "", ""),
    ],
)
def test_a_reason_names_its_field(code: str, text: str, said: str) -> None:
    assert reason_text(code, text) == said
