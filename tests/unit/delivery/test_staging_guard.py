"""Staging's guard: whoever is no test patient is held, whatever was told of him, in whatever order."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interface.chart.apart import is_apart
from interface.chart.decide import Engine
from interface.chart.outcome import Close
from interface.chart.registry import Registry
from interface.delivery.guards import guard_of
from interface.delivery.guards.life import Life
from interface.rules import Policy, load_rulebook
from interface.staging.imported import Imported, Medication, Problem, Roster, coding, same

NUMBERS = itertools.count(1)
NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
BOOK = load_rulebook()
ROBIN = Imported(
    "T1",
    "Sample",
    "1970-01-31",
    "Robin",
    problems=(Problem("ICD10", "E11.9"), Problem("", "I10"), Problem("SNOMED", "38341003")),
    medications=(
        Medication({"system": "RXNORM", "code": "860975"}),
        Medication({"ndc": "00093-1048-01", "label": "Lisinopril"}),
        Medication({"label": "Aspirin 81 MG"}),
    ),
)
ROSTER = Roster([ROBIN])


def engine(environment="staging", roster=ROSTER, **policy):
    made = Policy(environment=environment, mrn_authority=("LFC",), mrn_root="2.999.5", **policy)
    return Engine(BOOK, made, guard_of(Life.begin(environment, 0.0), roster), roster.apart)


def tell(kind, *segments, mrn="T1", family="Sample", birth="19700131"):
    head = f"MSH|^~\\&|APP|FAC|R|R|20260305080000||{kind}|M{next(NUMBERS)}|P|2.5.1"
    pid = f"PID|1||{mrn}^^^LFC^MR||{family}^Robin||{birth}|F|||12 Birch Ln^^Madison^WI^53703"
    return "\r".join((head, pid, *segments)).encode()


def book(**who):
    return tell("SIU^S12", "SCH||F1|||||||||^^^202603100930", "AIP|1||1234567893^Quill^Avery^^^^^^NPI", **who)


def run(core, *messages):
    """The outcomes, and every request as it stands at the end."""
    charts, ids, outcomes, requests = Registry(), itertools.count(1), [], {}
    for raw in messages:
        reading = core.read(raw, received_at=NOW)
        outcome = core.decide(reading, charts.find(reading.keys), now=NOW, new_id=ids.__next__)
        charts.keep(reading, outcome)
        outcomes.append(outcome)
        for change in (*outcome.requests, *(c for other in outcome.others for c in other.requests)):
            if isinstance(change, Close):
                requests.pop(change.id, None)
            else:
                requests[change.id] = change
    return outcomes, requests, charts


def test_a_test_patients_request_goes_out():
    outcomes, _, charts = run(engine(), book())
    assert outcomes[0].decision == "post"
    assert [chart.keys for chart in charts.all()] == [["staging-test|T1"]]


@pytest.mark.parametrize(
    "who",
    [
        {"mrn": "T2"},
        {"family": "Sampler"},
        {"birth": "19700201"},
        {"birth": "197001"},
        {"family": ""},
    ],
)
def test_two_of_the_three_are_not_enough(who):
    outcomes, _, charts = run(engine(), book(**who))
    assert outcomes[0].decision == "hold"
    assert "not-test-patient" in [reason.code for reason in outcomes[0].reasons]
    assert not any(is_apart(chart) for chart in charts.all())


def test_the_family_name_is_compared_as_a_request_has_it():
    assert run(engine(), book(family="SAMPLE"))[0][0].decision == "post"
    assert run(engine(), book(family=" Sample "))[0][0].decision == "post"
    cleaned = Roster([Imported("T1", 'Sam"ple', "1970-01-31")])
    assert run(engine(roster=cleaned), book(family="Sam ple"))[0][0].decision == "post"


CLINICAL = (
    "PV1|1|O|||||||||||||||||V1",
    "DG1|1||E11.9^Type 2 diabetes^I10",
    "DG1|2||I10^Hypertension^I10",
    "DG1|3||M10.9^Gout^I10",
    "DG1|4||38341003^Hypertension^SCT",
)
DRUGS = tuple(
    segment
    for number, drug in enumerate(
        (
            "860975^Metformin^RXNORM",
            "00093104801^Lisinopril^NDC",
            "^Aspirin 81 MG",
            "197361^Amlodipine^RXNORM",
            "^Warfarin",
        )
    )
    for segment in (f"ORC|NW|P{number}", f"RXE||{drug}|1||TAB")
)


@pytest.mark.parametrize("version", [1, 2])
def test_only_what_was_imported_goes_with_him_and_the_rest_is_said(version):
    core = engine(api_version=version)
    outcomes, requests, _ = run(core, tell("ADT^A08", *CLINICAL), tell("RDE^O11", *DRUGS), book())
    request = outcomes[-1].request
    if version == 1:
        codes = [
            entry["code"]
            for name in ("activeIcd10Diagnoses", "activeSnomedDiagnoses")
            for entry in request[name]
        ]
    else:
        codes = [entry["code"] for entry in request["diagnoses"]]
    assert codes == ["E11.9", "I10", "38341003"]
    assert [entry["nameCode"]["displayName"] for entry in request["medications"]] == [
        "Metformin",
        "Lisinopril",
        "Aspirin 81 MG",
    ]
    body = requests[max(requests)].body.decode()
    assert not any(text in body for text in ("M10.9", "Amlodipine", "Warfarin"))
    said = [entry.why for entry in outcomes[-1].left_out if "as imported" in entry.why]
    assert len(said) == 3


def test_elsewhere_he_is_held_and_in_the_sandbox_nobody_is():
    for environment in ("production-test", "production"):
        outcomes, _, _ = run(engine(environment), book())
        assert [reason.code for reason in outcomes[0].reasons] == ["test-patient"]
    assert run(engine("sandbox"), book())[0][0].decision == "post"


def test_a_chart_that_was_made_before_the_import_is_held_though_it_names_him():
    before = engine(roster=Roster())
    _, _, charts = run(before, book())
    (chart,) = charts.all()
    (appointment,) = chart.appointments.values()
    settling = engine().settling(chart.copy(), now=NOW, trigger="", new_id=itertools.count(9).__next__)
    assert [reason.code for reason in settling.compose(appointment).holds] == ["not-test-patient"]


def test_one_who_was_removed_stays_apart_and_does_not_leave():
    gone = engine(roster=Roster((), [ROBIN]))
    outcomes, _, charts = run(gone, book())
    assert [reason.code for reason in outcomes[0].reasons] == ["not-test-patient"]
    assert is_apart(charts.all()[0])


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (("ICD10", "E11.9", ""), ("I10", "e119", "x"), True),
        (("ICD10", "E11.9", ""), ("ICD9", "E11.9", ""), False),
        (("", "E11.9", ""), ("ICD9", "E11.9", ""), True),
        (("RXNORM", "1", "a"), ("2.16.840.1.113883.6.88", "1", "b"), True),
        (("NDC", "0093-1048-01", ""), ("NDC", "00093104801", ""), True),
        (("", "", "Aspirin  81 MG"), ("RXNORM", "1", "aspirin 81 mg"), True),
        (("", "", ""), ("", "", ""), False),
        (("RXNORM", "1", "a"), ("RXNORM", "2", "a"), False),
    ],
)
def test_codes_are_compared_where_both_have_one_else_labels(one, other, equal):
    assert same(coding(*one), coding(*other)) is equal


# ---------------------------------------------------------------- whoever it is, whatever comes in whatever order

WHO = st.fixed_dictionaries(
    {
        "mrn": st.sampled_from(["T1", "T2", " T1", "t1", "T1 "]),
        "family": st.sampled_from(["Sample", "SAMPLE", "Marsh", "", '""', "Sam ple"]),
        "birth": st.sampled_from(["19700131", "19700130", "1970", "", '""']),
    }
)
MRG = st.sampled_from(["T1", "T2", "T3"]).map(lambda mrn: (f"MRG|{mrn}^^^LFC^MR|||||V1",))
BOOKING = ("SCH||F1|||||||||^^^202603100930", "AIP|1||1234567893^Quill^Avery^^^^^^NPI")
EVENTS = st.one_of(
    st.tuples(st.sampled_from(["SIU^S12", "SIU^S13", "SIU^S14", "SIU^S15"]), st.just(BOOKING)),
    st.tuples(
        st.sampled_from(
            ["ADT^A01", "ADT^A04", "ADT^A08", "ADT^A03", "ADT^A11", "ADT^A23", "ADT^A29", "ADT^A31"]
        ),
        st.just((*CLINICAL, "PV2||||||||202603110900")),
    ),
    st.tuples(st.just("RDE^O11"), st.just(DRUGS)),
    st.tuples(
        st.sampled_from(
            ["ADT^A40", "ADT^A18", "ADT^A34", "ADT^A43", "ADT^A44", "ADT^A45", "ADT^A50", "ADT^A24"]
        ),
        MRG,
    ),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(EVENTS, WHO), min_size=1, max_size=8), st.sampled_from([1, 2]))
def test_no_request_of_anybody_else_is_ever_without_a_hold(messages, version):
    core = engine(api_version=version)
    told = [tell(kind, *segments, **who) for (kind, segments), who in messages]
    _, requests, charts = run(core, *told)
    for change in requests.values():
        if change.state == "waiting":
            body = change.body.decode()
            assert '"extension":"T1"' in body
            assert '"birthDate":"1970-01-31"' in body
            assert '"family":"sample"' in body.casefold().replace("birthdate", "")
            assert not any(text in body for text in ("M10.9", "Amlodipine", "Warfarin"))
    for chart in charts.all():
        if is_apart(chart):
            assert chart.keys == ["staging-test|T1"]
