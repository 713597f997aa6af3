"""The judge: jsonschema over the contract files, a fast yes in front of it, and the rules told in words."""

import copy
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interface.contract.files import contract_file
from interface.sandbox.compiled import Compiler
from interface.sandbox.judge import Judge, Problem, whole_text

TODAY = date(2026, 3, 5)
JUDGE = Judge()


def example(version, body, name):
    bodies = contract_file(version)["components"]["requestBodies"]
    return copy.deepcopy(bodies[body]["content"]["application/json"]["examples"][name]["value"])


ONE = example(1, "ScheduledAppointment", "populated")
PANEL = example(2, "Panel", "minimal")


@pytest.mark.parametrize(
    ("version", "document"),
    [(1, example(1, "ScheduledAppointment", "minimal")), (1, ONE), (2, PANEL)],
    ids=["minimal", "populated", "panel"],
)
def test_the_examples_of_the_files_are_valid(version, document):
    assert JUDGE.judge(version, document, TODAY) == ()
    assert JUDGE.by_jsonschema(version, document, TODAY) == ()


REFUSED = [
    (1, ("patient", "address"), {}, "patient.address.zip", "is missing"),
    (1, ("patient", "address", "zip"), None, "patient.address.zip", "must not be null"),
    (1, ("patient", "address", "zip"), "00000", "patient.address.zip", r"must match ^(?!00000$)\d{5}$"),
    (1, ("patient", "address", "zip"), "١٢٣٤٥", "patient.address.zip", r"must match ^(?!00000$)\d{5}$"),
    (1, ("patient", "address", "zip"), "12207\n", "patient.address.zip", r"must match ^(?!00000$)\d{5}$"),
    (1, ("patient", "birthDate"), "2026-03-06", "patient.birthDate", "must not lie in the future"),
    (1, ("patient", "birthDate"), "1901-03-04", "patient.birthDate", "must not lie more than 125 years back"),
    (1, ("patient", "birthDate"), "2026-02-30", "patient.birthDate", "must be a valid date"),
    (1, ("upcomingAppointmentProvider", "npi"), "1", "upcomingAppointmentProvider.npi",
     "must have at least 10 characters"),
    (1, ("clinicNpi",), "12345678901", "clinicNpi", "must have at most 10 characters"),
    (1, ("responseDirectAddress",), "nobody", "responseDirectAddress", "must be a valid email"),
    (1, ("directives",), {"diagnosticCategories": {"dental": False}}, "directives.diagnosticCategories",
     "must have at least one category set to true"),
    (1, ("directives",), {}, "directives.diagnosticCategories", "is missing"),
    (1, ("medications", 0, "medicationRequests", 0, "numberOfRefillsAllowed"), 2**31,
     "medications[0].medicationRequests[0].numberOfRefillsAllowed", "must be a valid int32"),
    (2, ("patientProcessingRequests",), [], "patientProcessingRequests", "must have at least 1 entries"),
    (2, ("patientProcessingRequests",), [None], "patientProcessingRequests[0]", "must not be null"),
    (2, ("patientProcessingRequests", 0, "patient", "birthDate"), "2026-03-06",
     "patientProcessingRequests[0].patient.birthDate", "must not lie in the future"),
    (2, ("patientProcessingRequests", 0, "directives"), {"medicalSummaryPeriod": {"startDate": "2025-01-01"}},
     "patientProcessingRequests[0].directives.diagnosticCategories", "is missing"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("version", "path", "value", "field", "text"), REFUSED, ids=[f"{row[3]} {row[4]}" for row in REFUSED]
)
def test_a_broken_rule_is_named_without_its_value(version, path, value, field, text):
    document = copy.deepcopy(ONE if version == 1 else PANEL)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert JUDGE.judge(version, document, TODAY) == (Problem(field, text),)


def test_a_panel_of_more_than_2500_patients_is_refused():
    panel = {"patientProcessingRequests": PANEL["patientProcessingRequests"] * 2501}
    assert JUDGE.judge(2, panel, TODAY) == (
        Problem("patientProcessingRequests", "must have at most 2500 entries"),
    )


def test_unknown_fields_pass_since_nothing_published_refuses_them():
    assert JUDGE.judge(1, {**ONE, "unknown": 1}, TODAY) == ()


@pytest.mark.parametrize("document", [None, [], "text", 1])
def test_what_is_no_object_is_refused(document):
    for version in (1, 2):
        (problem,) = JUDGE.judge(version, document, TODAY)
        assert problem.field == ""


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**33), 2**33),
        st.floats(allow_nan=False),
        st.sampled_from(["", "A", "12207", "00000", "NY", "2026-03-05", "a;b", "MALE", "a@b", "1234567893"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["zip", "dental", "x"]), inner, max_size=2),
    ),
    max_leaves=4,
)


@st.composite
def disturbed(draw):
    """An example of either version with up to three values replaced by anything."""
    version, document = draw(st.sampled_from([(1, ONE), (2, PANEL)]))
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(0, 3))):
        place, key = {"": document}, ""
        while draw(st.integers(0, 5)) and isinstance(place[key], dict | list) and place[key]:
            place = place[key]
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        place[key] = draw(VALUES)
        if key == "":
            document = place[key]
            break
    return version, document


@given(disturbed())
@settings(max_examples=500, derandomize=True)
def test_the_fast_yes_agrees_with_jsonschema(case):
    version, document = case
    schema = JUDGE._versions[version]
    assert schema.accepts(document) == (schema.problems(document) == ())


def test_a_keyword_that_the_fast_yes_does_not_know_is_an_error():
    compiler = Compiler({}, {}, whole_text)
    with pytest.raises(ValueError, match="multipleOf"):
        compiler.compile({"type": "number", "multipleOf": 2})


def test_a_constant_is_of_its_own_type():
    is_false = Compiler({}, {}, whole_text).compile({"const": False})
    assert is_false(False)
    assert not is_false(0)


def test_an_expression_that_is_not_anchored_is_an_error():
    with pytest.raises(ValueError, match="anchored"):
        whole_text('[^<>"%;+@]*$')
