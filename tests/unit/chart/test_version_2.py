"""Version 2 of the API: the same chart in another shape, and requests without a date."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from telling import codes

from interface.chart.model import PERSON
from interface.chart.rebuild import Told, rebuild
from interface.contract.versions import version
from interface.rules import load_rulebook
from interface.rules.policy import RequestDefaults
from interface.sandbox.judge import Judge

JUDGE = Judge()
TODAY = date(2026, 3, 2)
I10, SNOMED = "2.16.840.1.113883.6.90", "2.16.840.1.113883.6.96"
VISIT = "PV1|1|I|||||1234567893^Quill^Avery^^^^^^NPI||||||||||||V77"
OWN_DOCTOR = "PD1||||1245319599^Rook^Casey^^^^^^NPI"
FOUR_ADDRESSES = (
    "9 Mail St^^Albany^NY^12207^^M~12 Birch Ln^^Madison^WI^53703^^H~1 Work Rd^^Madison^WI^53704^^B"
    "~12 Birch Ln^^Madison^WI^53703^^P~3 Far Rd^^Toronto^ON^M5V2T6^CA^C~7 Lake Rd^^Madison^WI^53705-1234^^C"
    "~8 More St^^Madison^WI^53706^^L"
)


@pytest.fixture
def v2(story):
    def make(**policy):
        return story(**{"api_version": 2, **policy})

    return make


@pytest.fixture
def dateless(v2):
    def make(**policy):
        return v2(**{"without_date": "post", **policy})

    return make


def fields(answer):
    return {entry["field"]: (entry["value"], entry["source"], entry["rule"]) for entry in answer["fields"]}


def leaves(value, path=""):
    """Every scalar of a request by its field."""
    if isinstance(value, dict):
        return {
            k: v
            for key, inner in value.items()
            for k, v in leaves(inner, f"{path}.{key}" if path else key).items()
        }
    if isinstance(value, list):
        return {k: v for n, inner in enumerate(value) for k, v in leaves(inner, f"{path}[{n}]").items()}
    return {path: value}


# ---------------------------------------------------------------- the shape


def test_the_request_is_the_one_patients_entry(v2):
    told = v2(request=RequestDefaults(batch_id="B1", clinic_name="Lakeside", clinic_npi="1234567893"))
    answer = told.book("DG1|1||I10^Hypertension^I10||20200102", "AIL|1||MAIN")
    request = answer["request"]
    assert answer["decision"] == "post"
    assert request["upcomingAppointmentDate"] == "2026-03-10"
    assert request["requestingProvider"] == {
        "npi": "1234567893", "name": {"family": "Quill", "given": ["Avery"], "prefix": "Dr"}
    }  # fmt: skip
    assert [address["zip"] for address in request["patient"]["addresses"]] == ["53703"]
    assert request["diagnoses"] == [
        {
            "code": "I10",
            "codeSystem": I10,
            "displayName": "Hypertension",
            "active": True,
            "date": "2020-01-02",
        }
    ]
    assert not {"upcomingAppointmentProvider", "batchId", "activeIcd10Diagnoses"} & set(request)
    assert "address" not in request["patient"]


def test_what_is_stored_is_that_entry_and_valid_in_a_panel(v2):
    told = v2()
    told.book("DG1|1||I10^Hypertension^I10")
    (made,) = told.changes
    panel = json.loads(version(2).wrap([made.body], "B1"))
    assert JUDGE.judge(2, panel, TODAY) == ()


def test_every_value_has_its_source_under_the_name_of_version_2(v2):
    told = v2()
    answer = told.book(
        "DG1|1||I10^Hypertension^I10||20200102",
        "RXE||860975^metformin^RXNORM",
        pid=told.pid(f11=FOUR_ADDRESSES),
    )
    found = fields(answer)
    assert {field: value for field, (value, _, _) in found.items()} == leaves(answer["request"])
    assert found["patient.addresses[0].zip"] == ("53703", "PID-11[2].5", "patient.yaml#address")
    assert found["requestingProvider.npi"][1] == "AIP-3.1"
    assert found["diagnoses[0].code"] == ("I10", "DG1-3.1", "problems.yaml#diagnosis")
    assert found["diagnoses[0].codeSystem"] == (I10, "DG1-3.3", "problems.yaml#diagnosis")
    assert found["diagnoses[0].active"] == (True, "DG1-3.1", "problems.yaml#diagnosis")
    assert found["diagnoses[0].date"][1] == "DG1-5"


def test_version_1_has_none_of_it(story):
    told = story()
    answer = told.book("DG1|1||I10^Hypertension^I10", OWN_DOCTOR, pid=told.pid(f11=FOUR_ADDRESSES))
    assert answer["request"]["patient"]["address"]["zip"] == "53703"
    assert not any("codeSystem" in field for field in fields(answer))
    assert "patient.otherAddresses" not in told.chart.patient


# ---------------------------------------------------------------- addresses


def test_up_to_three_addresses_where_the_patient_lives_each_once(v2):
    told = v2()
    answer = told.book(pid=told.pid(f11=FOUR_ADDRESSES))
    assert [(address["zip"], address["lines"]) for address in answer["request"]["patient"]["addresses"]] == [
        ("53703", ["12 Birch Ln"]),
        ("53705", ["7 Lake Rd"]),
        ("53706", ["8 More St"]),
    ]
    assert fields(answer)["patient.addresses[1].zip"] == (
        "53705", "PID-11[6].5", "patient.yaml#other_addresses"
    )  # fmt: skip
    assert any("ZIP+4" in text for text in answer["said"])
    left_out = {left["source"]: left["why"] for left in answer["left_out"]}
    assert left_out.keys() == {"PID-11[3]", "PID-11[5]", "PID-11"}, "work, abroad, and the fourth"
    assert "no room" in left_out["PID-11"]
    assert "CA" in left_out["PID-11[5]"]


def test_an_address_written_in_two_ways_takes_the_place_of_no_other(v2):
    told = v2()
    answer = told.book(
        pid=told.pid(
            f11="12 Birch Ln^^Madison^WI^53703^USA^H~12 BIRCH LN&Birch Ln&12^^Madison^Wisconsin^53703-1234^US^L"
            "~7 Lake Rd^^Madison^WI^53705^^C~7 Lake Rd;^^Madison^wi^537050000^^L~8 More St^^Madison^WI^53706^^L"
        )
    )
    addresses = answer["request"]["patient"]["addresses"]
    assert [address["zip"] for address in addresses] == ["53703", "53705", "53706"]
    assert not answer["left_out"]


def test_a_later_message_with_one_address_leaves_only_that_one(v2):
    told = v2()
    told.book(pid=told.pid(f11=FOUR_ADDRESSES))
    answer = told.book(pid=told.pid(f11="5 New St^^Madison^WI^53711^^H"))
    assert [address["zip"] for address in answer["request"]["patient"]["addresses"]] == ["53711"]


def test_a_later_message_without_a_zip_takes_no_address_away(v2):
    told = v2()
    told.book(pid=told.pid(f11=FOUR_ADDRESSES))
    answer = told.book(pid=told.pid(f11="^^Madison^WI"), start="20260311093000")
    assert len(answer["request"]["patient"]["addresses"]) == 3


@pytest.mark.parametrize(
    ("sent", "code", "said"),
    [
        ("", "missing:patient.addresses", "PID-11 is empty"),
        ("1 Far Rd^^Toronto^ON^M5V2T6^CA", "missing:patient.addresses[0].zip", "PID-11.6 is CA"),
        ("1 Work Rd^^Madison^WI^53704^^B", "missing:patient.addresses", "PID-11 has no home address"),
    ],
)
def test_a_patient_without_a_us_address_is_held_under_the_name_of_version_2(v2, sent, code, said):
    told = v2()
    answer = told.book(pid=told.pid(f11=sent))
    assert (answer["decision"], codes(answer)) == ("hold", [code])
    assert said in answer["reasons"][0]["text"]


# ---------------------------------------------------------------- diagnoses


def test_all_codings_go_into_one_list_with_their_systems(v2):
    answer = v2().book(
        "DG1|1||I10^Hypertension^I10^38341003^Hypertensive disorder^SCT", "DG1|2||401.9^High^I9"
    )
    assert [(entry["code"], entry["codeSystem"]) for entry in answer["request"]["diagnoses"]] == [
        ("I10", I10),
        ("38341003", SNOMED),
        ("401.9", "2.16.840.1.113883.6.103"),
    ]


@pytest.mark.parametrize(
    ("dg1", "policy", "source"),
    [
        ("DG1|1||I10^x^ICD-10-CM", {}, "DG1-3.3"),
        ("DG1|1|I10|I10^x", {}, "DG1-2"),
        ("DG1|1||I10^x", {}, "DG1-3.1"),
        ("DG1|1||I10^x", {"default_problem_system": "ICD10"}, "settings:mappings.default_problem_system"),
    ],
)
def test_the_code_system_says_where_it_comes_from(v2, dg1, policy, source):
    answer = v2(**policy).book(dg1)
    assert fields(answer)["diagnoses[0].codeSystem"] == (I10, source, "problems.yaml#diagnosis")


def test_a_system_that_version_1_has_no_list_for_goes_out_with_its_oid(v2, story):
    dg1 = "DG1|1||30422^Essential hypertension^IMO^I10^Hypertension^I10"
    answer = v2().book(dg1)
    assert [(entry["code"], entry["codeSystem"]) for entry in answer["request"]["diagnoses"]] == [
        ("30422", "2.16.840.1.113883.3.247.1.1"),
        ("I10", I10),
    ]
    answer = story().book(dg1)
    assert [entry["code"] for entry in answer["request"]["activeIcd10Diagnoses"]] == ["I10"]
    assert "no list for the coding system IMO" in answer["left_out"][0]["why"]


def test_a_problem_list_in_such_a_system_goes_out_with_its_oid_too(v2):
    told = v2()
    answer = told.tell("PPR^PC1", told.PID, "PRB|AD|20260101|30422^Essential hypertension^IMO|7")
    assert answer["left_out"] == []
    answer = told.book()
    assert [(entry["code"], entry["codeSystem"]) for entry in answer["request"]["diagnoses"]] == [
        ("30422", "2.16.840.1.113883.3.247.1.1")
    ]


@pytest.mark.parametrize(
    "sent", ["IMO", "2.16.840.1.113883.3.247.1.1", "urn:oid:2.16.840.1.113883.3.247.1.1"]
)
def test_a_system_is_one_however_it_is_named(v2, sent):
    answer = v2().book("DG1|1||30422^Hypertension^IMO", f"DG1|2||30422^Hypertension^{sent}")
    assert [entry["codeSystem"] for entry in answer["request"]["diagnoses"]] == [
        "2.16.840.1.113883.3.247.1.1"
    ]


@pytest.mark.parametrize("sent", ["LOCALDX", "1.2.3.4.5"])
def test_a_system_that_no_table_knows_is_left_out_with_what_to_do(v2, sent):
    answer = v2().book(f"DG1|1||X1^Something^{sent}")
    assert "diagnoses" not in answer["request"]
    (left,) = answer["left_out"]
    assert (left["source"], left["value"]) == ("DG1-3.1", "X1")
    assert left["why"] == f"table diagnosis_systems has no coding system {sent}"


@pytest.mark.parametrize("code", ["chest pain", "a;b"])
def test_text_in_a_codes_place_is_no_code_of_any_system(v2, code):
    answer = v2().book(f"DG1|1||{code}^x^IMO")
    assert "diagnoses" not in answer["request"]
    assert len(answer["left_out"]) == 1


def test_a_procedure_is_no_diagnosis_in_version_2_either(v2):
    answer = v2().book("DG1|1||99213^Visit^CPT")
    assert "diagnoses" not in answer["request"]


def test_a_diagnosis_not_seen_for_long_is_sent_as_no_longer_active(v2):
    told = v2(visit_diagnosis_days=30)
    told.tell("ADT^A01", told.PID, "PV1|1|O|||||||||||||||||V1", "DG1|1||I10^Hypertension^I10||20200102")
    told.now += timedelta(days=60)
    answer = told.book(start="20260601", at="20260501")
    (entry,) = answer["request"]["diagnoses"]
    assert (entry["code"], entry["active"], entry["date"]) == ("I10", False, "2020-01-02")
    assert fields(answer)["diagnoses[0].active"][1] == "settings:mappings.visit_diagnosis_days"
    assert answer["left_out"] == []


def test_a_problem_that_has_ended_is_sent_as_not_active_with_what_says_so(v2, story):
    list_ = (
        "PRB|AD|20260101|I10^Hypertension^I10|P1|||20200102",
        "PRB|AD|20260101|E11.9^Diabetes^I10|P2",
    )
    ends = ("PRB|AD|20260101|I10^Hypertension^I10|P1|||20200102||20260201",)
    told, first = v2(), story()
    for each in (told, first):
        each.tell("PPR^PC1", each.PID, *list_)
    assert told.tell("PPR^PC2", told.PID, *ends)["left_out"] == []
    assert [entry["value"] for entry in first.tell("PPR^PC2", first.PID, *ends)["left_out"]] == ["I10"]
    answer = told.book()
    assert answer["left_out"] == []
    sent = answer["request"]["diagnoses"]
    assert {entry["code"]: entry["active"] for entry in sent} == {"I10": False, "E11.9": True}
    place = [entry["code"] for entry in sent].index("I10")
    assert fields(answer)[f"diagnoses[{place}].active"] == (
        False, "M2:PRB-9", "problems.yaml#problem_resolved"
    )  # fmt: skip
    assert [entry["code"] for entry in first.book()["request"]["activeIcd10Diagnoses"]] == ["E11.9"]


def test_a_chart_of_version_1_can_be_composed_in_version_2(v2, story):
    old = story()
    old.book("DG1|1||I10^Hypertension^I10")
    told = v2()
    told.charts, told.number = old.charts, 1
    answer = told.book(start="20260311")
    assert answer["request"]["diagnoses"][0]["codeSystem"] == I10
    assert fields(answer)["diagnoses[0].codeSystem"][1] == "M1:DG1-3.1"


def test_a_chart_of_version_2_can_be_composed_in_version_1(v2, story):
    old = v2()
    old.book("DG1|1||30422^Essential hypertension^IMO")
    told = story()
    told.charts = old.charts
    answer = told.book(start="20260311")
    assert "no list for the coding system" in answer["left_out"][0]["why"]
    assert not any(field.startswith("active") for field in answer["request"])


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_another_version_writes_all_open_requests_of_an_appointment_anew(story, before, after):
    told = story(supersede=False, api_version=before)
    told.book()
    told.book(start="20260311093000", kind="SIU^S13")
    told.engine = story(supersede=False, api_version=after).engine
    assert told.settle(told.now) == [("Rewrite", 1, "waiting"), ("Rewrite", 2, "waiting")]
    for written in told.changes:
        body, wrong = version(after).validated(json.loads(written.body), TODAY)
        assert body is not None, wrong
    assert told.settle(told.now) == []


# ---------------------------------------------------------------- settings


def test_the_summary_period_is_a_directive(v2):
    given = RequestDefaults(diagnostic_categories=("dental",), summary_months=24)
    answer = v2(request=given).book()
    assert answer["request"]["directives"] == {
        "diagnosticCategories": {"dental": True},
        "medicalSummaryPeriod": {"startDate": "2024-03-10", "endDate": "2026-03-10"},
    }
    assert fields(answer)["directives.medicalSummaryPeriod.endDate"] == (
        "2026-03-10", "settings:request.summary_months", "request.yaml#summary_period"
    )  # fmt: skip


def test_a_fax_number_has_no_place_and_is_said_to_be_left_out(v2):
    answer = v2(request=RequestDefaults(response_fax_number="3125550142")).book()
    assert "responseFaxNumber" not in answer["request"]
    (left,) = answer["left_out"]
    assert left["source"] == "settings:request.response_fax_number"
    assert "version 2" in left["why"]


# ---------------------------------------------------------------- without a date


@pytest.mark.parametrize("without_date", ["chart", "post"])
def test_an_appointment_must_have_its_date_in_version_2_too(v2, without_date):
    answer = v2(without_date=without_date).book(start="20269999")
    assert answer["decision"] == "hold"
    assert codes(answer) == ["missing:upcomingAppointmentDate"]
    assert answer["request"]["patient"]["name"]["family"] == "Sample"


@pytest.mark.parametrize("trigger", ["A01", "A04", "A08", "A28", "A31"])
def test_without_a_date_an_adt_is_charted_unless_the_site_wants_it_posted(v2, dateless, trigger):
    told = v2()
    answer = told.tell(f"ADT^{trigger}", told.PID, VISIT)
    assert (answer["decision"], codes(answer)) == ("chart", ["no-date"])
    told = dateless()
    answer = told.tell(f"ADT^{trigger}", told.PID, VISIT)
    assert (answer["decision"], codes(answer)) == ("post", ["request-without-date"])
    assert "upcomingAppointmentDate" not in answer["request"]
    assert answer["request"]["requestingProvider"]["npi"] == "1234567893"
    assert told.states() == [("NewRequest", 1, "waiting")]
    assert told.changes[0].appointment_date is None


def test_version_1_never_asks_without_a_date(story):
    told = story(without_date="post")
    assert told.tell("ADT^A28", told.PID, VISIT)["decision"] == "chart"


def test_the_same_again_is_unchanged_for_the_person_whatever_the_visit(dateless):
    told = dateless()
    told.tell("ADT^A28", told.PID, VISIT)
    answer = told.tell("ADT^A08", told.PID, VISIT.replace("V77", "V78"))
    assert (answer["decision"], codes(answer)) == ("chart", ["unchanged"])
    assert "person" in answer["reasons"][0]["text"]
    answer = told.tell("ADT^A08", told.PID, VISIT, "DG1|1||I10^Hypertension^I10")
    assert answer["decision"] == "post"
    assert told.states() == [("NewRequest", 2, "waiting")]
    assert told.changes[0].supersedes == 1


def test_what_has_a_date_to_come_is_asked_with_it(dateless):
    told = dateless()
    answer = told.tell("ADT^A05", told.PID, VISIT, "PV2||||||||20260309")
    assert answer["request"]["upcomingAppointmentDate"] == "2026-03-09"
    told = dateless()
    told.book()
    answer = told.tell("ADT^A28", told.PID, VISIT, "DG1|1||I10^Hypertension^I10")
    assert answer["request"]["upcomingAppointmentDate"] == "2026-03-10"


@pytest.mark.parametrize("dates", ["PV2||||||||20260101", "PV1-44"])
def test_a_date_that_has_passed_is_no_date(dateless, dates):
    told = dateless()
    more = [VISIT + "|" * 25 + "20260101080000"] if dates == "PV1-44" else [VISIT, dates]
    answer = told.tell("ADT^A08", told.PID, *more)
    assert (answer["decision"], codes(answer)) == ("post", ["request-without-date"])
    assert "upcomingAppointmentDate" not in answer["request"]


def test_a_past_date_is_charted_where_the_site_wants_no_request_without_one(v2):
    told = v2()
    answer = told.tell("ADT^A08", told.PID, VISIT, "PV2||||||||20260101")
    assert (answer["decision"], codes(answer)) == ("chart", ["past-date"])


def test_the_order_of_clinicians_is_the_visits_then_the_patients_own_doctor(dateless, v2):
    told = dateless()
    answer = told.tell("ADT^A28", told.PID, OWN_DOCTOR)
    assert answer["request"]["requestingProvider"]["npi"] == "1245319599"
    assert fields(answer)["requestingProvider.npi"] == (
        "1245319599",
        "PD1-4.1",
        "appointment.yaml#primary_care",
    )
    answer = told.tell("ADT^A01", told.PID, OWN_DOCTOR, VISIT)
    assert answer["request"]["requestingProvider"]["npi"] == "1234567893"
    answer = told.tell("ADT^A31", told.PID, OWN_DOCTOR)  # never takes the place of the visit's clinician
    assert (answer["decision"], codes(answer)) == ("chart", ["unchanged"])
    answer = v2().tell("ADT^A05", told.PID, OWN_DOCTOR, "PV1|1|O", "PV2||||||||20260309")
    assert answer["request"]["requestingProvider"]["npi"] == "1245319599"


def test_a_named_clinician_without_an_npi_is_held_rather_than_replaced(dateless):
    told = dateless()
    answer = told.tell("ADT^A28", told.PID, OWN_DOCTOR, "PV1|1|O|||||777^Marsh^Dana")
    assert (answer["decision"], codes(answer)) == ("hold", ["missing:requestingProvider.npi"])


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_a_message_that_says_less_of_the_clinician_takes_nothing_away(dateless, own, late):
    told = dateless()
    whole = OWN_DOCTOR if own else "PV1|1|O|||||1245319599^Rook^Casey^^^^^^NPI"
    news = [(whole, "20260301080000"), ("PV1|1|O|||||777^ROOK^CASEY", "20260301090000")]
    for segment, at in reversed(news) if late else news:
        told.tell("ADT^A31", told.PID, segment, at=at)
    answer = told.tell("ADT^A31", told.pid(f8="O"), VISIT.replace("1234567893", "888").replace("^NPI", ""))
    assert (answer["decision"], answer["request"]["requestingProvider"]["name"]["family"]) == (
        "hold",
        "Quill",
    )
    told = dateless()
    for segment, at in reversed(news) if late else news:
        told.tell("ADT^A31", told.PID, segment, at=at)
    answer = told.tell("ADT^A31", told.pid(f8="O"), at="20260301100000")
    assert answer["decision"] == "post"
    assert answer["request"]["requestingProvider"]["npi"] == "1245319599"


def test_an_appointment_never_takes_the_patients_own_doctor(dateless):
    told = dateless()
    told.tell("SIU^S12", "SCH||F1|||||||||^^^20260310", told.PID, OWN_DOCTOR)
    answer = told.tell("ADT^A08", told.PID, OWN_DOCTOR)
    assert (answer["decision"], codes(answer)) == ("hold", ["missing:requestingProvider"])
    assert "requestingProvider" not in answer["request"]


def test_nobody_is_named_and_the_hold_says_where_to_look(dateless):
    told = dateless()
    answer = told.tell("ADT^A28", told.PID)
    assert codes(answer) == ["missing:requestingProvider"]
    assert "PD1-4" in answer["reasons"][0]["text"]
    answer = told.tell("ADT^A31", told.PID, OWN_DOCTOR)
    assert (answer["decision"], codes(answer)) == ("post", ["completes-held"])


def test_the_request_of_the_person_is_completed_by_any_message(dateless):
    told = dateless()
    told.tell("ADT^A28", told.pid(f11=""), VISIT)
    answer = told.tell("RDE^O11", told.PID, "ORC|NW|O1", "RXE||860975^metformin^RXNORM")
    assert (answer["decision"], codes(answer)) == ("post", ["completes-held"])
    assert answer["request"]["medications"][0]["nameCode"]["displayName"] == "metformin"


def test_cancelling_the_visit_withdraws_what_was_asked_for_it_without_a_date(dateless):
    told = dateless()
    told.tell("ADT^A01", told.PID, VISIT)
    answer = told.tell("ADT^A11", told.PID, VISIT.replace("V77", "V78"))
    assert codes(answer) == ["cancelled", "not-known"]
    answer = told.tell("ADT^A11", told.PID, VISIT)
    assert codes(answer) == ["cancelled", "withdrawn"]
    assert told.states() == [("Close", 1, "withdrawn")]


def test_deleting_the_visit_or_the_person_withdraws_it_too(dateless):
    for deletion in ("ADT^A23", "ADT^A29"):
        told = dateless()
        told.tell("ADT^A01", told.PID, VISIT)
        answer = told.tell(deletion, told.PID, VISIT)
        assert codes(answer)[:2] == ["cancelled", "withdrawn"]
        assert told.states() == [("Close", 1, "withdrawn")]


@pytest.mark.parametrize("number", ["V77", "V80"])
def test_a_visit_with_a_new_number_takes_what_was_asked_for_it_along(dateless, number):
    told = dateless()
    told.tell("ADT^A01", told.PID, VISIT)
    told.tell("ADT^A50", told.PID, "MRG|T1001^^^LFC^MR||||V77", VISIT.replace("V77", "V80"))
    answer = told.tell("ADT^A11", told.PID, VISIT.replace("V77", number))
    assert codes(answer) == ["cancelled", "withdrawn"]
    assert told.states() == [("Close", 1, "withdrawn")]


@pytest.mark.parametrize(
    ("event", "merged", "visit"),
    [("ADT^A45", "MRG|T1001^^^LFC^MR||||V77", VISIT), ("ADT^A44", "MRG|T1001^^^LFC^MR||ACC9", "")],
)
def test_what_was_asked_for_a_visit_that_moves_to_another_person_goes_with_it(dateless, event, merged, visit):
    told = dateless()
    told.tell("ADT^A01", told.pid(f18="ACC9"), VISIT)
    told.tell(event, told.pid(f3="T1002^^^LFC^MR", f5="Other^Ann", f18="ACC9"), merged, visit)
    (written,) = [change for change in told.changes if change.id == 1]
    assert json.loads(written.body)["patient"]["mrn"]["extension"] == "T1002"
    assert not told.charts.find(("LFC|T1001",))["LFC|T1001"].appointments


def test_an_older_message_of_another_visit_does_not_become_what_was_asked_for(dateless):
    told = dateless()
    told.tell("ADT^A01", told.PID, VISIT, at="202603020900")
    told.tell("ADT^A01", told.PID, VISIT.replace("V77", "V70"), at="202603020800")
    answer = told.tell("ADT^A11", told.PID, VISIT, at="202603021000")
    assert codes(answer) == ["cancelled", "withdrawn"]


def test_of_two_persons_that_become_one_the_newer_request_without_a_date_stays(dateless):
    told = dateless()
    told.tell("ADT^A28", told.PID, VISIT)
    told.tell("ADT^A28", told.pid(f3="T1002^^^LFC^MR"), VISIT)
    told.tell("ADT^A40", told.PID, "MRG|T1002^^^LFC^MR")
    assert ("Close", 1, "superseded") in told.states()


def test_news_of_a_cancelled_visit_asks_for_nothing(dateless):
    told = dateless()
    told.tell("ADT^A05", told.PID, VISIT, "PV2||||||||20260309")
    told.tell("ADT^A38", told.PID, VISIT)
    answer = told.tell("ADT^A08", told.PID, VISIT)
    assert answer["decision"] == "chart"
    assert told.states() == []


def test_a_summary_period_without_a_date_is_left_out_and_said(dateless):
    given = RequestDefaults(diagnostic_categories=("dental",), summary_months=24)
    told = dateless(request=given)
    answer = told.tell("ADT^A28", told.PID, VISIT)
    assert answer["request"]["directives"] == {"diagnosticCategories": {"dental": True}}
    assert [(left["source"], left["value"]) for left in answer["left_out"]] == [
        ("settings:request.summary_months", "24")
    ]


def test_a_request_without_a_date_is_held_when_the_site_no_longer_wants_it(dateless, v2):
    old = dateless()
    old.tell("ADT^A28", old.PID, VISIT)
    told = v2()
    outcome = told.engine.resettle(old.chart, now=told.now, new_id=lambda: 9)
    ((state, reasons),) = [(change.state, change.reasons) for change in outcome.requests]
    assert state == "held"
    assert [reason.code for reason in reasons] == ["missing:upcomingAppointmentDate"]


def test_a_request_without_a_date_does_not_expire(dateless):
    told = dateless()
    told.tell("ADT^A28", told.PID, VISIT)
    told.now += timedelta(days=400)
    outcome = told.engine.resettle(told.chart, now=told.now, new_id=lambda: 9)
    assert outcome.requests == ()


def test_going_live_asks_anew_for_a_person_without_a_date_too(dateless):
    told = dateless(environment="production-test")
    told.tell("ADT^A28", told.PID, VISIT)
    told.engine = dateless(environment="production").engine
    outcome = told.engine.ask_anew(told.chart, {1}, now=told.now, new_id=lambda: 9)
    (made,) = outcome.requests
    assert (made.id, made.state, made.appointment_date) == (9, "waiting", None)


def test_a_rebuilt_family_leaves_each_person_the_request_that_was_its_own(dateless, v2):
    told = v2()  # what was told first asks for nobody
    told.tell("ADT^A28", told.pid(f3="T1002^^^LFC^MR"), OWN_DOCTOR)
    told.engine = dateless().engine
    told.tell("ADT^A28", told.PID, OWN_DOCTOR)
    old = dict(enumerate(told.charts.all(), 1))
    entries = []
    for row, who in enumerate((told.pid(f3="T1002^^^LFC^MR"), told.PID), 1):
        raw = "\r".join((f"MSH|^~\\&|APP|FAC|R|R|202603020{row}||ADT^A28|M{row}|P|2.5.1", who, OWN_DOCTOR))
        reading = told.engine.read(raw.encode(), received_at=told.now)
        entries.append(Told(row, reading, told.now, row))
    found = rebuild(told.engine, entries, old, now=told.now, new_id=told.ids.__next__)
    asked = {patient.chart.keys[0]: patient.chart.appointments[PERSON].asked for patient in found.patients}
    assert asked["LFC|T1002"] is None
    assert asked["LFC|T1001"].id == 1
    assert not any(patient.arrived for patient in found.patients)


# ---------------------------------------------------------------- a site's overlay


def test_a_sites_tables_and_rules_count_in_version_2_too(story, tmp_path):
    (tmp_path / "providers.csv").write_text("id,npi,family,given\n777,1245319599,Rook,Casey\n")
    (tmp_path / "request.yaml").write_text(
        "rules:\n  batch: {field: batchId, type: fixed, value: B2}\n"
        "  fax: {field: responseFaxNumber, type: fixed, value: '3125550142'}\n"
    )
    given = RequestDefaults(batch_id="B1")
    told = story(load_rulebook(tmp_path, shown="site"), api_version=2, without_date="post", request=given)
    answer = told.tell("ADT^A28", told.PID, "PD1||||777^Rook^Casey")
    assert answer["request"]["requestingProvider"]["npi"] == "1245319599"
    assert "batchId" not in answer["request"]
    assert [(left["source"], left["value"]) for left in answer["left_out"]] == [
        ("overlay:request.yaml", "3125550142"),
        ("overlay:request.yaml", "B2"),
    ]
