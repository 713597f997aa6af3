"""The list of the request's fields is the contract's, and which of them a request has filled is told by name alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.contract.common import Medication
from interface.contract.fields import Field, fields, filled, version_of
from interface.contract.files import contract_file

V1 = {
    "patient": {
        "mrn": {"root": "1.2", "extension": "T1001"},
        "name": {"family": "Sample", "given": ["Robin", ""]},
        "gender": "FEMALE",
        "birthDate": "1970-01-31",
        "address": {"zip": "53703", "lines": []},
        "contactPoints": [
            {"value": "608", "contactPointSystem": "PHONE"},
            {"contactPointUse": "HOME", "value": " "},
        ],
    },
    "upcomingAppointmentProvider": {"npi": "1234567893", "name": None},
    "medications": [{"active": False, "nameCode": {"displayName": "x"}}],
    "directives": {"newPatient": False, "diagnosticCategories": {"renal": False, "dental": True}},
}


def test_a_field_is_filled_when_one_of_its_entries_has_a_value() -> None:
    assert filled(V1) == {
        "patient.mrn.root",
        "patient.mrn.extension",
        "patient.name.family",
        "patient.name.given",
        "patient.gender",
        "patient.birthDate",
        "patient.address.zip",
        "patient.contactPoints.value",
        "patient.contactPoints.contactPointSystem",
        "patient.contactPoints.contactPointUse",
        "upcomingAppointmentProvider.npi",
        "medications.active",
        "medications.nameCode.displayName",
        "directives.newPatient",
        "directives.diagnosticCategories",
    }


@pytest.mark.parametrize("empty", [{}, [], "", None, {"renal": False}])
def test_flags_count_when_one_is_on(empty: Any) -> None:
    assert filled({"directives": {"diagnosticCategories": empty}}) == frozenset()


def resolved(file: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema, its references followed, and what it is put together of."""
    while "$ref" in schema:
        *_, name = schema["$ref"].split("/")
        schema = file["components"]["schemas"][name]
    return [schema, *(part for every in schema.get("allOf", ()) for part in resolved(file, every))]


def published(file: dict[str, Any], schema: dict[str, Any], before: str = "") -> set[str]:
    """The dotted names of the scalars of a published schema."""
    parts = resolved(file, schema)
    if items := next((part["items"] for part in parts if "items" in part), None):
        return published(file, items, before)
    names: set[str] = set()
    for part in parts:
        for name, inner in part.get("properties", {}).items():
            names |= published(file, inner, f"{before}.{name}" if before else name)
    return names or {before}


@pytest.mark.parametrize(("number", "name"), [(1, "ScheduledAppointment"), (2, "PatientProcessingRequest")])
def test_the_fields_are_those_of_the_published_file(number: Any, name: str) -> None:
    file = contract_file(number)
    whole = ("directives.diagnosticCategories", "directives.medicationsOfInterest")
    found = published(file, file["components"]["schemas"][name])
    apart = (
        *whole,
        "diagnoses.diseaseManagement",
    )  # that one is in the file for a sample only, see `v2.Diagnosis`
    expected = {field for field in found - {"directives"} if not field.startswith(apart)} | set(whole)
    assert {field.name for field in fields(number)} == expected


def test_what_only_an_optional_object_requires_is_optional() -> None:
    required = {field.name for field in fields(1) if field.required}
    assert Field("patient.contactPoints.value", False) in fields(1)
    assert required == {
        *(f"patient.{name}" for name in ("mrn.root", "mrn.extension", "name.family", "name.given")),
        *(f"patient.{name}" for name in ("gender", "birthDate", "address.zip")),
        "upcomingAppointmentDate",
        *(f"upcomingAppointmentProvider.{name}" for name in ("npi", "name.family", "name.given")),
    }
    assert "active" in Medication.model_fields


@pytest.mark.parametrize(
    ("request_", "number"),
    [
        (V1, 1),
        ({"patient": {}}, 1),
        ({"requestingProvider": {}}, 2),
        ({"diagnoses": []}, 2),
        ({}, 1),
    ],
)
def test_the_version_of_a_stored_request_is_told_by_its_fields(request_: dict[str, Any], number: int) -> None:
    assert version_of(request_) == number


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_any_stored_text_can_be_looked_at(value: Any) -> None:
    assert isinstance(filled(value), frozenset)
    assert isinstance(filled({"directives": {"diagnosticCategories": value}}), frozenset)
