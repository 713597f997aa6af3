"""A site's overlay folder at work: what its rules, tables and lists make of messages, and that provenance says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from telling import AIP, PID, codes, left, segment

from interface.chart.by_site import with_tables
from interface.rules import Rulebook, RuleError, load_rulebook
from interface.rules.fields import ORDER, PROBLEM
from interface.rules.policy import Filters, RequestDefaults

NPI, OTHER = "1234567893", "1245319599"
NEEDED = {"problem.codings": PROBLEM, "medication.nameCode": ORDER}
SCH = "SCH||F1||||||NEW^New patient|||^^^20260310093000"


@pytest.fixture
def site(tmp_path):
    """A site's mapping from the files of its folder."""

    def make(files: dict[str, str], **more) -> Rulebook:
        folder = tmp_path / "site-mappings"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return load_rulebook(folder, shown="site-mappings", **more)

    return make


def field(answer, name):
    """(value, source, rule) of a field of the request."""
    return next(((f["value"], f["source"], f["rule"]) for f in answer["fields"] if f["field"] == name), None)


# ---------------------------------------------------------------- rules


def test_a_rule_changes_the_keys_it_gives_and_says_so(site, story):
    book = site({"patient.yaml": "rules:\n  gender:\n    from: [ZPI-2, PID-8]\n"})
    answer = story(book).book("ZPI|1|M")
    assert field(answer, "patient.gender") == ("MALE", "ZPI-2", "site-mappings/patient.yaml#gender")
    assert field(answer, "patient.birthDate")[2] == "patient.yaml#birth_date"


def test_a_rule_with_a_name_of_its_own_takes_the_place_of_the_one_for_its_field(site, story):
    book = site({"ours.yaml": "rules:\n  sex: {field: patient.gender, from: [ZPI-2]}\n"})
    answer = story(book).book("ZPI|1|M")
    assert field(answer, "patient.gender") == ("MALE", "ZPI-2", "site-mappings/ours.yaml#sex")


def test_a_rule_that_is_off_reads_nothing(site, story):
    book = site({"appointment.yaml": "rules:\n  clinic_name: {off: true}\n"})
    assert field(story(book).book(), "clinicName") is None


def test_the_referring_clinician_counts_only_where_a_sites_rule_says_so(site, story):
    pv1 = f"PV1|1|O||||||{NPI}^Quill^Avery^^^^^^NPI"
    assert story().tell("SIU^S12", SCH, PID, pv1)["decision"] == "hold"
    book = site({"appointment.yaml": "rules:\n  provider: {from: [AIP-3, PV1-7, PV1-8]}\n"})
    answer = story(book).tell("SIU^S12", SCH, PID, pv1)
    assert field(answer, "upcomingAppointmentProvider.npi")[:2] == (NPI, "PV1-8.1")


@pytest.mark.parametrize(
    ("segments", "npi"),
    [
        ((f"ROL|1|AD|RP|{OTHER}^Other^Kim^^^^^^NPI", f"ROL|2|AD|AT|{NPI}^Quill^Avery^^^^^^NPI"), NPI),
        ((f"ROL|1|DE|AT|{OTHER}^Other^Kim^^^^^^NPI", f"ROL|2|AD|AT|{NPI}^Quill^Avery^^^^^^NPI"), NPI),
        ((f"PRT|1|AD||AT|{NPI}^Quill^Avery^^^^^^NPI",), NPI),
        ((f"ROL|1|AD|RP|{NPI}^Quill^Avery^^^^^^NPI",), None),
    ],
)
def test_rol_and_prt_by_their_roles(site, story, segments, npi):
    book = site({"appointment.yaml": "rules:\n  provider: {from: [AIP-3, ROL-4, PRT-5], only_roles: [AT]}\n"})
    found = field(story(book).tell("SIU^S12", SCH, PID, *segments), "upcomingAppointmentProvider.npi")
    assert (found and found[0]) == npi


def test_instructions_to_the_pharmacy_as_sig_by_a_sites_rule(site, story):
    order = ("ORC|NW|O1", "RXE||860975^metformin^RXNORM" + "|" * 19 + "^take with food")
    assert "dosageInstruction" not in str(story().book(*order)["request"])
    book = site({"medications.yaml": "rules:\n  sig: {from: [RXE-7.2, RXE-21.2]}\n"})
    found = field(story(book).book(*order), "medications[0].medicationRequests[0].dosageInstruction.text")
    assert found == ("take with food", "RXE-21.2", "site-mappings/medications.yaml#sig")


def test_an_s13_under_a_new_number_ends_the_one_before_where_a_sites_rule_says_so(site, story):
    moved = "SCH||F2|||||||||^^^20260311093000" + "|" * 13 + "F1"
    told = story()
    told.book()
    told.tell("SIU^S13", moved, PID, AIP)
    assert ("Close", 1, "withdrawn") not in told.states()
    rule = (
        "rules:\n  replaces: {field: appointment.replaces, type: entity_identifier, from: [SCH-24, SCH-23]}\n"
    )
    told = story(site({"appointment.yaml": rule}))
    told.book()
    assert told.tell("SIU^S14", moved.replace("F2", "F3"), PID, AIP)["decision"] == "post"
    assert ("Close", 1, "withdrawn") not in told.states()
    answer = told.tell("SIU^S13", moved, PID, AIP)
    assert answer["decision"] == "post"
    assert answer["reasons"][1]["text"] == (
        "the appointment in SCH-24 is cancelled: it is booked anew (site-mappings/appointment.yaml#replaces)"
    )
    assert ("Close", 1, "withdrawn") in told.states()
    told.book(at="202603020700")  # as it was before
    assert told.chart.appointments["A:F1"].status == "cancelled"


def test_so_it_does_behind_newer_news_of_the_one_before(site, story):
    rule = "rules:\n  replaces: {field: appointment.replaces, type: entity_identifier, from: [SCH-24]}\n"
    told = story(site({"appointment.yaml": rule}))
    told.book(at="202603020700")
    told.tell("SIU^S19", "SCH||F1", PID, AIP, at="202603020900")
    moved = "SCH||F2|||||||||^^^20260311093000" + "|" * 13 + "F1"
    told.tell("SIU^S13", moved, PID, AIP, at="202603020800")
    assert ("Close", 1, "withdrawn") in told.states()


# ---------------------------------------------------------------- senders

NAMES = """
rules:
  gender: {from: [ZA1-1]}
  by_application: {field: patient.gender, from: [ZA2-1], for: {application: [APP, 2.999.7]}}
  by_both: {field: patient.gender, from: [ZA3-1], for: {application: APP, facility: FAC}}
  by_listener: {field: patient.gender, from: [ZA4-1], for: {listener: pharmacy}}
  by_message: {field: patient.gender, from: [ZA5-1], for: {message: ADT^A04}}
"""
MARKS = "ZA1|M\rZA2|F\rZA3|O\rZA4|U\rZA5|M"


@pytest.mark.parametrize(
    ("msh", "listener", "source"),
    [
        ("OTHER|FAC", "main", "ZA1-1"),
        ("APP|X", "main", "ZA2-1"),
        ("app|X", "main", "ZA2-1"),
        ("^2.999.7^ISO|X", "main", "ZA2-1"),
        ("APP|FAC", "main", "ZA3-1"),
        ("OTHER|X", "pharmacy", "ZA4-1"),
        ("APP|X", "pharmacy", "ZA2-1"),
        ("APP|FAC", "pharmacy", "ZA3-1"),
    ],
)
def test_the_most_specific_rule_of_a_sender_is_taken(site, story, msh, listener, source):
    engine = story(site({"patient.yaml": NAMES})).engine
    raw = f"MSH|^~\\&|{msh}|R|R|20260302||SIU^S12|M1|P|2.5.1\r{SCH}\r{PID}\r{AIP}\r{MARKS}"
    reading = engine.read(raw.encode(), received_at=story().now, listener=listener)
    assert reading.facts["patient.gender"].leaves[0].source == source


def test_a_rule_for_a_message_type_goes_for_it_alone(site, story):
    told = story(site({"patient.yaml": NAMES.replace("APP", "ELSE").replace("FAC", "ELSE")}))
    told.tell("ADT^A04", PID, *MARKS.split("\r"))
    assert told.chart.patient["patient.gender"].leaves[0].source == "ZA5-1"
    told.tell("ADT^A08", PID, *MARKS.split("\r"))
    assert told.chart.patient["patient.gender"].leaves[0].source == "ZA1-1"


def test_a_rule_for_a_sender_changes_what_goes_for_all_and_may_be_off(site, story):
    rules = (
        "rules:\n  gender: {table: ours}\n  theirs: {field: patient.gender, from: [ZA1-1], for: {facility: FAC}}\n"
        "  none: {field: patient.birthDate, off: true, for: {facility: FAC}}\n"
    )
    told = story(site({"patient.yaml": rules, "tables/ours.csv": "code,value\nBOY,MALE\n"}))
    answer = told.book("ZA1|BOY")
    assert field(answer, "patient.gender") == ("MALE", "ZA1-1", "site-mappings/patient.yaml#theirs")
    assert codes(answer) == ["missing:patient.birthDate"]


def test_the_rules_of_a_sender_are_put_together_once(site, story):
    told = story(site({"patient.yaml": NAMES}))
    told.book()
    message = "MSH|^~\\&|APP|FAC|R|R|20260302||SIU^S12|M1|P|2.5.1\rPID|1"
    from interface.hl7.message import Message

    book = told.engine.book
    assert book.of_sender("", Message(message.encode())) is book.of_sender("", Message(message.encode()))
    plain = load_rulebook()
    assert plain.of_sender("", Message(message.encode())) is plain


# ---------------------------------------------------------------- tables


def test_rows_are_added_and_replaced_and_a_table_of_its_own_is_named_by_a_rule(site, story):
    book = site(
        {
            "tables/sex.csv": "code,value\n1,MALE\nu,other\n",
            "tables/diagnosis_systems.yaml": "rows:\n  LOCAL10: ICD10\n",
            "tables/our_status.yaml": "replace: false\nrows: {GO: booked, STOP: cancelled}\n",
            "appointment.yaml": "rules:\n  status: {table: our_status, from: [SCH-25.1]}\n",
        }
    )
    told = story(book)
    assert field(told.book(pid=told.pid(f8="1")), "patient.gender")[0] == "MALE"
    assert field(told.book(pid=told.pid(f8="U")), "patient.gender")[0] == "OTHER"
    assert field(told.book(pid=told.pid(f8="F")), "patient.gender")[0] == "FEMALE"
    answer = told.book("DG1|1||E66.01^Obesity^LOCAL10")
    assert answer["request"]["activeIcd10Diagnoses"][0]["code"] == "E66.01"
    assert told.book(status="STOP")["decision"] == "cancel"


def test_replace_takes_the_whole_tables_place(site, story):
    book = site({"tables/sex.yaml": "replace: true\nrows: {1: MALE, 2: FEMALE}\n"})
    for sent, value in (("2", "FEMALE"), ("M", "UNKNOWN")):
        told = story(book)
        assert field(told.book(pid=told.pid(f8=sent)), "patient.gender")[0] == value


def test_a_table_of_several_columns_as_csv(site, story):
    book = site({"tables/drug_systems.csv": "code,key,oid,name\nOURS,RXNORM,2.16.840.1.113883.6.88,RxNorm\n"})
    answer = story(book).book("ORC|NW|O1", "RXE||860975^metformin^OURS")
    assert answer["request"]["medications"][0]["nameCode"]["codeSystemName"] == "RxNorm"


def test_what_a_message_does_is_changed(site, story):
    told = story(site({"messages.yaml": "events:\n  SIU^S14: {does: chart}\n  ZSU^Z01: {does: chart}\n"}))
    answer = told.book(kind="SIU^S14")
    assert answer["decision"] == "chart"
    assert answer["reasons"][0]["text"].endswith(" (site-mappings/messages.yaml#SIU^S14)")
    assert told.tell("ZSU^Z01", PID)["decision"] == "chart"
    assert told.book()["decision"] == "post"


def test_a_row_for_an_event_without_one_takes_the_rest_from_its_types(site, story):
    events = "  RAS^O17: {does: chart}\n  ADT^A60: {does: post}\n"
    told = story(site({"messages.yaml": f"events:\n{events}"}))
    told.tell("RDE^O11", PID, "ORC|NW|O1", "RXE||860975^metformin^RXNORM")
    told.tell("RAS^O17", PID, "ORC|DC|O1", "RXA|0|1|20260301|20260301|860975^metformin^RXNORM|1")
    assert [entry["active"] for entry in told.book()["request"]["medications"]] == [True]
    visit = segment("PV1", f2="O", f7=f"{NPI}^Quill^Avery^^^^^^NPI", f19="V1", f44="20260305")
    told.tell("SIU^S15", "SCH||F1", PID)
    assert told.tell("ADT^A60", PID, visit)["decision"] == "post"


def test_a_type_of_the_senders_own_is_read_as_what_the_standard_has_for_what_it_is_about(site, story):
    events = "  ZSU^Z01: {does: post, about: appointment}\n  ZAD^Z02: {does: post, about: visit}\n"
    told = story(site({"messages.yaml": f"events:\n{events}"}))
    assert told.tell("ZSU^Z01", SCH, PID, AIP)["decision"] == "post"
    visit = segment("PV1", f2="O", f7=f"{NPI}^Quill^Avery^^^^^^NPI", f19="V1", f44="20260320")
    answer = told.tell("ZAD^Z02", told.pid(f3="T7^^^LFC^MR"), visit)
    assert answer["decision"] == "post"
    assert field(answer, "upcomingAppointmentProvider.npi")[1:] == (
        "PV1-7.1",
        "appointment.yaml#visit_provider",
    )
    assert told.tell("ZSU^Z02", SCH, PID, AIP)["decision"] == "ignore"


@pytest.mark.parametrize(
    ("rule", "told", "said", "release"),
    [
        (
            "born: {field: patient.birthDate, from: [ZPI-3, PID-7]}",
            {"f7": ""},
            "no message says it in ZPI-3, PID-7 (site-mappings/ours.yaml#born)",
            "a message that says it there, as that rule wants it",
        ),
        (
            "card: {field: patient.mrn.extension, from: [PID-4]}",
            {},
            "PID-4 is empty (site-mappings/ours.yaml#card)",
            "a message with the number there; or site.mrn_authority",
        ),
        (
            "whole: {field: patient.name, from: [PID-9]}",
            {"f9": "Sample"},
            "PID-9.2 is empty: no given name; it is looked for in PID-9 (site-mappings/ours.yaml#whole)",
            "a message that says it there",
        ),
        (
            "born: {field: patient.birthDate, from: [PID-30], for: {facility: ELSEWHERE}}",
            {"f7": ""},
            "no message says it in PID-7 (patient.yaml#birth_date) or PID-30 (site-mappings/ours.yaml#born)",
            "a message that says it there",
        ),
        (
            "whose: {field: patient.mrn.extension, strip_leading_zeros: true}",
            {"f3": ""},
            "PID-3 is empty",
            "a message with the number in PID-3 (CX.1)",
        ),
    ],
)
def test_a_hold_names_where_the_sites_rule_looks(site, story, rule, told, said, release):
    teller = story(site({"ours.yaml": f"rules:\n  {rule}\n"}))
    (reason,) = teller.book(pid=teller.pid(**told))["reasons"]
    assert reason["text"].endswith(f": {said}"), reason["text"]
    assert reason["release"].startswith(release)


def test_a_status_of_the_sites_own_table_is_named_by_its_row(site, story):
    told = story(site({"tables/appointment_status.csv": "code,value\nR/S,cancelled\n"}))
    sch = "SCH||F1|||||||||^^^20260310" + "|" * 14
    answer = told.tell("SIU^S12", sch + "r/s", PID, AIP)
    assert answer["decision"] == "cancel"
    assert answer["said"] == ["SCH-25.1 is cancelled by site-mappings/tables/appointment_status.csv#R/S"]
    assert told.tell("SIU^S12", sch + "cancelled", PID, AIP)["said"] == []


# ---------------------------------------------------------------- clinicians

PROVIDERS = f"""id,npi,family,given
D42,{NPI},Quill,Avery
AQ1234563,{OTHER},Stone,Kim
"""


@pytest.mark.parametrize(
    ("segments", "name", "source"),
    [
        (("AIP|1||D42^Quill^Avery",), ("Quill", "Avery"), "AIP-3.1"),
        (("AIP|1||D42^^",), ("Quill", "Avery"), "AIP-3.1"),
        (("AIP|1||d42^QUILL-MARSH^A",), ("QUILL-MARSH", "A"), "AIP-3.1"),
        (("AIG|1||D42^Quill, Avery",), ("Quill", "Avery"), "AIG-3.1"),
        (("AIG|1||D42",), ("Quill", "Avery"), "AIG-3.1"),
        (("PV1|1|O|||||D42^Quill^Avery^^^^^LOCAL",), ("Quill", "Avery"), "PV1-7.1"),
        (("AIP|1||^Quill^Avery", "PV1|1|O|||||D42^Quill^Avery"), ("Quill", "Avery"), "PV1-7.1"),
    ],
)
def test_a_local_id_gets_its_npi_by_the_sites_table(site, story, segments, name, source):
    answer = story(site({"providers.csv": PROVIDERS})).tell("SIU^S12", SCH, PID, *segments)
    assert answer["decision"] == "post"
    provider = answer["request"]["upcomingAppointmentProvider"]
    assert (provider["npi"], provider["name"]["family"], provider["name"]["given"][0]) == (NPI, *name)
    rule = "site-mappings/providers.csv#D42"
    assert field(answer, "upcomingAppointmentProvider.npi") == (NPI, source, rule)


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("D42^Quill^Avery", "^Quill^Avery"),
        ("D42^Quill^Avery", "D42^Quill"),
        ("D42^Quill^Avery", "D42"),
        ("D42^Quill^Avery^^^^^^LOCAL", "^Quill^Avery"),
        ("D42^Quill^Avery^^^^^^LOCAL", "D42^Quill^^^^^^^LOCAL"),
    ],
)
def test_who_is_known_by_a_local_id_is_not_held_because_a_message_says_less(site, story, first, later):
    told = story(site({"providers.csv": f"id,npi\nD42,{NPI}\n"}))
    told.tell("SIU^S12", SCH, PID, f"AIP|1||{first}")
    answer = told.tell("SIU^S14", SCH, PID, f"AIP|1||{later}")
    assert [reason["code"] for reason in answer["reasons"]] == ["unchanged"]


@pytest.mark.parametrize("later", ["^Quill^Avery^^JR", "^Quill^Morgan", "D43^Quill^Avery", "^Stone^Kim"])
def test_nor_is_another_clinician_he(site, story, later):
    told = story(site({"providers.csv": f"id,npi\nD42,{NPI}\n"}))
    told.tell("SIU^S12", SCH, PID, "AIP|1||D42^Quill^Avery")
    assert told.tell("SIU^S14", SCH, PID, f"AIP|1||{later}")["decision"] == "hold"


def test_a_declared_npi_counts_before_the_table_and_a_bare_one_after_it(site, story):
    book = site({"providers.csv": f"id,npi\n{NPI},{OTHER}\n"})
    declared = story(book).tell("SIU^S12", SCH, PID, f"AIP|1||{NPI}^Quill^Avery^^^^^^NPI")
    assert field(declared, "upcomingAppointmentProvider.npi")[0] == NPI
    bare = story(book).tell("SIU^S12", SCH, PID, f"AIP|1||{NPI}^Quill^Avery")
    assert field(bare, "upcomingAppointmentProvider.npi")[0] == OTHER


LENT = "the NPI of the same person in AIP-3[2].1"


@pytest.mark.parametrize("table", [True, False])
def test_where_the_table_says_the_npi_no_other_field_is_named_for_it(site, story, table):
    book = site({"providers.csv": PROVIDERS}) if table else None
    answer = story(book).tell("SIU^S12", SCH, PID, f"AIP|1||D42^Quill^Avery~{OTHER}^Quill^Avery^^^^^^NPI")
    rule = "site-mappings/providers.csv#D42"
    npi = (NPI, "AIP-3.1", rule) if table else (OTHER, "AIP-3[2].1", "appointment.yaml#provider")
    assert field(answer, "upcomingAppointmentProvider.npi") == npi
    assert (LENT in answer["said"]) is not table
    assert left(answer) == (
        [("AIP-3[2].1", OTHER, "providers.csv:2 has another NPI for the person in AIP-3")] if table else []
    )


def test_nor_by_a_row_that_is_added_later(site, story):
    told = story()
    told.tell("SIU^S12", SCH, PID, f"AIP|1||D42^Quill^Avery~{OTHER}^Quill^Avery^^^^^^NPI")
    (booked,) = told.chart.appointments.values()
    assert LENT in booked.facts["upcomingAppointmentProvider"].said
    shown = with_tables(site({"providers.csv": PROVIDERS}).site, booked).facts["upcomingAppointmentProvider"]
    assert (shown.value["npi"], shown.said) == (NPI, ())


def test_an_npi_of_the_prescriber_that_the_table_contradicts_is_said(site, story):
    told = story(site({"providers.csv": PROVIDERS}))
    order = f"ORC|NW|O1||||||||||D42^Quill^Avery~{OTHER}^Quill^Avery^^^^^^NPI"
    answer = told.tell("RDE^O11", PID, order, "RXE||860975^metformin^RXNORM")
    assert left(answer) == [
        ("ORC-12[2].1", OTHER, "providers.csv:2 has another NPI for the person in ORC-12")
    ]
    assert answer.get("said", []) == []


def test_an_id_whose_row_has_another_family_name_is_nobodys_npi(site, story):
    answer = story(site({"providers.csv": PROVIDERS})).tell("SIU^S12", SCH, PID, "AIP|1||D42^Other^Kim")
    assert answer["decision"] == "hold"
    assert "providers.csv:2 has another family name" in answer["reasons"][0]["text"]


def test_an_id_with_an_authority_is_that_authoritys(site, story):
    table = f"id,npi,authority\n7,{NPI},EAST\n7,{OTHER},WEST\n"
    for authority, npi in (("EAST", NPI), ("WEST", OTHER), ("&2.999.1&ISO", None)):
        answer = story(site({"providers.csv": table})).tell(
            "SIU^S12", SCH, PID, f"AIP|1||7^Quill^Avery^^^^^^{authority}"
        )
        found = field(answer, "upcomingAppointmentProvider.npi")
        assert (found and found[0]) == npi
        if found is not None:
            assert found[2] == f"site-mappings/providers.csv#7 of {authority}"
        else:
            said = "providers.csv:2 has this id of an authority that the message does not name"
            assert answer["reasons"][0]["text"].endswith(f"no NPI for the person in AIP-3: {said}")


@pytest.mark.parametrize("rxe", ["RXE||860975^metformin^RXNORM" + "|" * 11 + "AQ1234563^Stone^Kim"])
def test_a_dea_number_gives_a_prescriber_by_the_table_only(site, story, rxe):
    where = "medications[0].medicationRequests[0].prescriber.npi"
    assert field(story().book("ORC|NW|O1", rxe), where) is None
    answer = story(site({"providers.csv": PROVIDERS})).book("ORC|NW|O1", rxe)
    assert field(answer, where) == (OTHER, "RXE-13.1", "site-mappings/providers.csv#AQ1234563")
    digits = rxe.replace("AQ1234563", NPI)
    assert field(story().book("ORC|NW|O1", digits), where) is None


def test_a_row_that_is_added_later_completes_a_held_request(site, story):
    told = story()
    assert told.tell("SIU^S12", SCH, PID, "AIP|1||D42^Quill^Avery")["decision"] == "hold"
    told.engine = type(told.engine)(site({"providers.csv": PROVIDERS}), told.engine.policy)
    outcome = told.engine.resettle(told.chart, now=told.now, new_id=lambda: 9)
    assert [change.state for change in outcome.requests] == ["waiting"]


# ---------------------------------------------------------------- clinics

LOCATIONS = (
    f"location,name,npi\nMAIN,Lakeside Main,{NPI}\nLFC,Lakeside Family Clinic,\n2.999.8,Hill Clinic,{OTHER}\n"
)


@pytest.mark.parametrize(
    ("segments", "name", "npi"),
    [
        (("AIL|1||MAIN^R1^^LFC",), "Lakeside Family Clinic", NPI),
        (("AIL|1||MAIN^R1",), "Lakeside Main", NPI),
        (("AIL|1||X^R1^^&2.999.8&ISO",), "Hill Clinic", OTHER),
        (("PV1|1|O|MAIN",), "Lakeside Main", NPI),
        (("AIL|1||ELSEWHERE", "PV1|1|O|MAIN"), "Lakeside Main", NPI),
        (("AIL|1||ELSEWHERE",), "ELSEWHERE", None),
    ],
)
def test_the_clinic_by_the_sites_table_else_the_text(site, story, segments, name, npi):
    answer = story(site({"locations.csv": LOCATIONS})).book(*segments)
    assert (answer["request"]["clinicName"], answer["request"].get("clinicNpi")) == (name, npi)
    if npi:
        assert field(answer, "clinicNpi")[2].startswith("site-mappings/locations.csv#")


@pytest.mark.parametrize(
    ("segments", "name", "npi"),
    [
        (("AIL|1||EAST",), "East Clinic", None),  # not the NPI of MSH-4
        (("AIL|1||EAST", "AIL|2||MAIN"), "East Clinic", None),
        (("AIL|1||EAST", "PV1|1|O|MAIN"), "East Clinic", None),
        (("AIL|1||WEST", "PV1|1|O|MAIN"), "WEST", OTHER),
        (("AIL|1||ELSEWHERE", "AIL|2||MAIN"), "Lakeside Main", NPI),
        ((), "The sender", NPI),
    ],
)
def test_name_and_npi_are_one_location_s(site, story, segments, name, npi):
    rows = f"MAIN,Lakeside Main,{NPI}\nEAST,East Clinic,\nWEST,,{OTHER}\nFAC,The sender,{NPI}\n"
    request = story(site({"locations.csv": f"location,name,npi\n{rows}"})).book(*segments)["request"]
    assert (request["clinicName"], request.get("clinicNpi")) == (name, npi)


def test_msh_4_is_looked_up_too(site, story):
    answer = story(site({"locations.csv": "location,name\nfac,Our Clinic\n"})).book()
    assert field(answer, "clinicName") == ("Our Clinic", "MSH-4.1", "site-mappings/locations.csv#fac")


def test_a_location_of_the_table_goes_before_the_setting_for_all(site, story):
    defaults = RequestDefaults(clinic_name="Everywhere")
    told = story(site({"locations.csv": LOCATIONS}), request=defaults)
    assert told.book("AIL|1||MAIN")["request"]["clinicName"] == "Lakeside Main"
    assert told.book("AIL|1||NOWHERE", key="F2")["request"]["clinicName"] == "Everywhere"


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("clinic", ["AIL|1||SOUTH", "AIL|1||EAST", "PV1|1|O|SOUTH"])
def test_an_appointment_that_goes_to_another_clinic_leaves_the_npi_of_the_one_before(site, story, clinic):
    told = story(
        site({"locations.csv": "location,name,npi\nCARD,Cardiology,1999999992\nEAST,East Clinic,\n"})
    )
    told.book("AIL|1||CARD")
    moved = told.book(clinic, kind="SIU^S13", start="20260312093000")
    assert field(moved, "clinicName")[0] in ("SOUTH", "East Clinic")
    assert "clinicNpi" not in moved["request"]


CLINICS = "location,name,npi\nCARD,Cardiology,1999999992\nEAST,East Clinic,\nFAC,The sender,1999999984\n"


@pytest.mark.parametrize(
    "told_of",
    [
        (("SIU^S12", "AIL|1||EAST", "0900"), ("SIU^S14", "", "0930")),  # the NPI of MSH-4
        (("SIU^S12", "AIL|1||EAST", "0900"), ("SIU^S12", "AIL|1||CARD", "0800")),  # one that comes late
        (("SIU^S12", "AIL|1||CARD", "0800"), ("SIU^S13", "AIL|1||EAST", "0900"), ("SIU^S14", "", "0930")),
    ],
)
def test_no_other_location_s_npi_joins_a_clinic_that_stays(site, story, told_of):
    told = story(site({"locations.csv": CLINICS}))
    for event, location, at in told_of:
        told.book(*filter(None, [location]), kind=event, at=f"20260302{at}")
    request = told.tell("ADT^A08", PID, "DG1|1||E11.9^DM^I10", at="202603020945")["request"]
    assert (request["clinicName"], request.get("clinicNpi")) == ("East Clinic", None)


@pytest.mark.parametrize("stays", ["T1001", "T2002"])
def test_so_it_is_when_two_charts_become_one(site, story, stays):
    told = story(site({"locations.csv": CLINICS}))
    told.book("AIL|1||CARD", at="202603020800")
    told.book("AIL|1||EAST", pid=told.pid(f3="T2002^^^LFC^MR"), at="202603020900")
    retired = "T2002" if stays == "T1001" else "T1001"
    told.tell("ADT^A40", told.pid(f3=f"{stays}^^^LFC^MR"), f"MRG|{retired}^^^LFC^MR", at="202603020930")
    answer = told.tell("ADT^A08", told.pid(f3=f"{stays}^^^LFC^MR"), "DG1|1||E11.9^DM^I10", at="202603020945")
    request = answer["request"]
    assert (request["clinicName"], request.get("clinicNpi")) == ("East Clinic", None)


def test_so_it_does_when_a_merge_tells(site, story):
    told = story(site({"locations.csv": "location,name,npi\nCARD,Cardiology,1999999992\n"}))
    told.book("AIL|1||CARD", pid=told.pid(f3="T2002"))
    told.book("AIL|1||SOUTH")
    told.tell("ADT^A40", told.PID, "MRG|T2002")
    request = told.book(kind="SIU^S14", start="20260312093000")["request"]
    assert (request["clinicName"], "clinicNpi" in request) == ("SOUTH", False)


def test_the_senders_own_name_takes_the_place_of_no_clinic_that_is_known(site, story):
    told = story(
        site({"locations.csv": "location,name,npi\nCARD,Cardiology,1999999992\nFAC,Lakeside,1999999984\n"})
    )
    told.book("AIL|1||CARD")
    request = told.book(kind="SIU^S14", start="20260312093000")["request"]
    assert (request["clinicName"], request["clinicNpi"]) == ("Cardiology", "1999999992")


ROOTS = "authority,root\nLFC,2.999.1.1\nHILL,2.999.5.5\n2.999.7,2.999.5.5\n"


def test_a_merge_may_retire_a_number_that_another_authority_gives_the_one_who_stays(site, story):
    told = story(site({"mrn_roots.csv": ROOTS}), mrn_authority=("HILL", "LFC"))
    told.book(pid=told.pid(f3="7^^^HILL^MR"))
    answer = told.tell("ADT^A40", told.pid(f3="7^^^HILL^MR~7^^^LFC^MR"), "MRG|7^^^HILL^MR")
    assert codes(answer) == ["merged"]
    assert told.chart.keys[0] == "|7"


def test_the_root_by_the_authority_of_the_number(site, story):
    told = story(site({"mrn_roots.csv": ROOTS}))
    answer = told.book(pid=told.pid(f3="H7^^^HILL^MR"))
    assert field(answer, "patient.mrn.root") == (
        "2.999.5.5", "PID-3.4", "site-mappings/mrn_roots.csv#HILL",
    )  # fmt: skip
    assert field(told.book(), "patient.mrn.root")[0] == "2.999.1.1"


def test_the_same_number_of_authorities_with_different_roots_is_of_two_persons(site, story):
    told = story(site({"mrn_roots.csv": ROOTS}))
    told.book(pid=told.pid(f3="7^^^LFC^MR"))
    told.book(pid=told.pid(f3="7^^^HILL^MR"))
    assert len(told.charts.all()) == 2
    told.book(pid=told.pid(f3="7^^^&2.999.7&ISO^MR"))  # the same root: the same numbers
    told.book(pid=told.pid(f3="7"))
    assert len(told.charts.all()) == 2


def test_a_merge_over_roots_retires_the_number_of_the_authority_that_mrg_names(site, story):
    told = story(site({"mrn_roots.csv": ROOTS}))
    told.tell("ADT^A08", told.pid(f3="7^^^HILL^MR"), "DG1|1||E11.9^Diabetes^I10")  # another person's
    told.tell("ADT^A08", told.pid(f3="7^^^LFC^MR"), "DG1|1||I10^Hypertension^I10")
    told.tell("ADT^A40", told.pid(f3="8^^^HILL^MR"), "MRG|7^^^LFC^MR")
    for key, sent, root, number, found in (
        ("F1", "7^^^LFC^MR", "2.999.5.5", "8", ["I10"]),
        ("F2", "7^^^HILL^MR", "2.999.5.5", "7", ["E11.9"]),
    ):
        request = told.book(key=key, pid=told.pid(f3=sent))["request"]
        assert request["patient"]["mrn"] == {"root": root, "extension": number}
        assert [entry["code"] for entry in request["activeIcd10Diagnoses"]] == found


def test_of_several_own_numbers_the_first_named_authority_counts_wherever_it_stands(site, story):
    for numbers in ("7^^^HILL^MR~9^^^LFC^MR", "9^^^LFC^MR~7^^^HILL^MR"):
        told = story(site({"mrn_roots.csv": ROOTS}))
        assert field(told.book(pid=told.pid(f3=numbers)), "patient.mrn.extension")[0] == "9"


def test_numbers_of_a_type_of_the_senders_own_in_pid_and_mrg(site, story):
    types = 'own_types: [EPI, ""]'
    rules = f"rules:\n  mrn: {{{types}}}\n  prior_mrn: {{{types}}}\n"
    told = story(site({"patient.yaml": rules}), mrn_authority=("LFC",))
    assert told.book(pid=told.pid(f3="T1^^^LFC^EPI"))["decision"] == "post"
    answer = told.tell("ADT^A40", told.pid(f3="T9^^^LFC^EPI"), "MRG|T1^^^LFC^EPI")
    assert codes(answer) == ["merged"]
    answer = told.book(pid=told.pid(f3="T1^^^LFC^MR"))
    assert answer["reasons"][0]["text"].endswith("of another type (CX.5) than EPI, none")


@pytest.mark.parametrize("authority", [(), ("LFC",)])
def test_a_type_that_the_sites_table_calls_another_kind_is_never_the_mrn(site, story, authority):
    told = story(site({"tables/identifier_types.csv": "code,value\nMR,other\n"}), mrn_authority=authority)
    answer = told.book(pid=told.pid(f3="1^^^LFC^MR~2^^^LFC^MRN"))
    assert answer["request"]["patient"]["mrn"]["extension"] == "2"
    assert codes(told.book(pid=told.pid(f3="1^^^LFC^MR"))) == ["no-mrn"]


@pytest.mark.parametrize(
    ("options", "sent", "number"),
    [
        ("strip_leading_zeros: true", "000123", "123"),
        ("strip_leading_zeros: true", "000", "000"),
        ("pad_to: 8", "123", "00000123"),
        ("pad_to: 8", "A123", "A123"),
        ("strip_prefix: LFC", "LFC123", "123"),
        ("strip_prefix: LFC", "LFC", "LFC"),
        ("strip_prefix: [E-, LFC]", "E-77", "77"),
        ("add_prefix: L", "123", "L123"),
        ("add_prefix: L", "L123", "L123"),
        ("strip_prefix: LFC, strip_leading_zeros: true, add_prefix: X", "LFC007", "X7"),
    ],
)
def test_prefix_and_leading_zeros_as_the_senders_rule_says(site, story, options, sent, number):
    told = story(site({"patient.yaml": f"rules:\n  mrn: {{{options}}}\n"}))
    answer = told.book(pid=told.pid(f3=f"{sent}^^^LFC^MR"))
    assert field(answer, "patient.mrn.extension")[:2] == (number, "PID-3.1")
    assert told.chart.keys[0].endswith(f"|{number}")
    said = "PID-3.1: prefix and leading zeros as site-mappings/patient.yaml#mrn says"
    assert (said in answer["said"]) == (sent != number)


def test_two_senders_forms_of_a_number_are_one_patient_and_a_merge_reads_them_the_same_way(site, story):
    rules = "rules:\n  padded: {field: patient.mrn.extension, strip_leading_zeros: true, for: {application: APP}}\n"
    told = story(site({"patient.yaml": rules}), mrn_authority=("LFC",))
    told.book(pid=told.pid(f3="00123^^^LFC^MR"))
    told.tell("ADT^A40", told.pid(f3="00999^^^LFC^MR"), "MRG|000123^^^LFC^MR")
    assert told.chart.keys == ["|999", "|123"]


# ---------------------------------------------------------------- withheld, opted out

WITHHELD = """system,code,reason
ICD10,F10*,42 CFR Part 2
any,B20,
RXNORM,7454,
NDC,0054-0176-13,
"""
TWO = "F10.20^Alcohol dependence^I10^7200002^Alcoholism^SCT"


def lists(answer):
    request = answer["request"]
    return [
        entry["code"]
        for name in ("activeIcd10Diagnoses", "activeIcd9Diagnoses", "activeSnomedDiagnoses")
        for entry in request.get(name, ())
    ]


def test_codes_on_the_list_are_left_out_with_the_reason_and_stay_in_the_chart(site, story):
    told = story(site({"withhold.csv": WITHHELD}))
    answer = told.book("DG1|1||F1020^Alcohol dependence^I10", "DG1|2||B20^HIV^I10", "DG1|3||E66.01^O^I10")
    assert lists(answer) == ["E66.01"]
    assert left(answer) == [
        ("DG1-3.1", "F10.20", "withheld by site-mappings/withhold.csv#F10*: 42 CFR Part 2"),
        ("DG1[2]-3.1", "B20", "withheld by site-mappings/withhold.csv#B20"),
    ]
    assert len(told.chart.problems) == 3


def test_the_same_diagnosis_in_another_system_is_withheld_too(site, story):
    told = story(site({"withhold.csv": WITHHELD}))
    assert lists(told.book(f"DG1|1||{TWO}", "DG1|2||7200002^Alcoholism^SCT", "DG1|3||44054006^DM^SCT")) == [
        "44054006"
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_so_is_what_was_coded_together_with_that_other_code(site, story, order):
    told = story(site({"withhold.csv": WITHHELD}))
    said = [TWO, "7200002^Alcoholism^SCT^303.90^Alcoholism^I9", "303.90^Alcoholism^I9"]
    for place in order:
        told.tell("ADT^A08", told.PID, f"PV1|1|O{'|' * 17}V{place}", f"DG1|1||{said[place]}")
    answer = told.book("DG1|1||44054006^DM^SCT")
    assert lists(answer) == ["44054006"]
    assert {value for _, value, _ in left(answer)} == {"F10.20", "7200002", "303.90"}


@pytest.mark.parametrize(
    "move",
    [
        ("ADT^A45", "MRG|T2002^^^LFC^MR||||V1", f"PV1|1|O{'|' * 17}V1"),
        ("ADT^A44", "MRG|T2002^^^LFC^MR||ACC1"),
        ("ADT^A40", "MRG|T2002^^^LFC^MR"),
    ],
)
def test_the_same_diagnosis_in_another_system_is_withheld_where_it_goes_too(site, story, move):
    told = story(site({"withhold.csv": WITHHELD}))
    event, *segments = move
    told.tell(
        "ADT^A08",
        f"PID|1||T2002^^^LFC^MR||Sample^Robin||19700131|F{'|' * 10}ACC1",
        f"PV1|1|O{'|' * 17}V1",
        f"DG1|1||{TWO}",
    )
    assert codes(told.tell(event, told.PID, *segments)) in (["moved"], ["merged"])
    answer = told.book("DG1|1||44054006^DM^SCT")
    assert lists(answer) == ["44054006"]
    assert [value for _, value, _ in left(answer)] == ["F10.20", "7200002"]


@pytest.mark.parametrize(
    "rxe",
    [
        "RXE||7454^methadone^RXNORM",
        "RXE||864706^methadone tablet^RXNORM^00054017613^methadone^NDC",
        "RXE||864706^methadone tablet^RXNORM^0054-0176-13^methadone^NDC",
    ],
)
def test_drugs_are_withheld_by_name_and_by_product(site, story, rxe):
    told = story(site({"withhold.csv": WITHHELD}))
    answer = told.book("ORC|NW|O1", rxe, "ORC|NW|O2", "RXE||860975^metformin^RXNORM")
    assert [m["nameCode"]["code"] for m in answer["request"]["medications"]] == ["860975"]
    assert "methadone" not in str(answer["request"])
    assert any("withheld by site-mappings/withhold.csv#" in entry for _, _, entry in left(answer))


METHADONE = "methadone 10 MG Oral Tablet"


@pytest.mark.parametrize(
    "other",
    [
        f"00054457025^{METHADONE}^NDC",  # the product that was told with the listed code
        f"0054-4570-25^{METHADONE}^NDC",
        f"00054457025^MTHD^NDC^^{METHADONE}",
        f"^{METHADONE.upper()}",
        f"MTH10^{METHADONE}^ACMERX",
    ],
)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_withheld_drug_is_withheld_under_its_other_codes_too(site, story, other, order):
    told = story(site({"withhold.csv": WITHHELD}))
    said = [f"RXE||7454^{METHADONE}^RXNORM^00054-4570-25^{METHADONE}^NDC", f"RXE||{other}"]
    for place in order:
        told.tell("RDE^O11", told.PID, f"ORC|NW|O{place}", said[place])
    answer = told.book("ORC|NW|O9", "RXE||860975^metformin^RXNORM")
    assert [m["nameCode"]["code"] for m in answer["request"]["medications"]] == ["860975"]
    assert len(left(answer)) == 2


def test_a_drug_that_is_told_as_a_withheld_one_and_as_another_is_withheld_as_both(site, story):
    told = story(site({"withhold.csv": WITHHELD}))
    told.tell("RDE^O11", told.PID, "ORC|NW|O1", "RXE||7454^methadone^RXNORM^00054457025^m^NDC")
    told.tell("RDE^O11", told.PID, "ORC|NW|O2", "RXE||864706^dolophine^RXNORM^00054457025^m^NDC")
    told.tell("RDE^O11", told.PID, "ORC|NW|O3", "RXE||864706^dolophine^RXNORM")
    assert "medications" not in told.book()["request"]


@pytest.mark.parametrize(
    ("rows", "coded"),
    [
        # ten digits may be one of three products
        ("NDC,0054-4570-25", {2: f"0054457025^{METHADONE}^NDC"}),
        ("NDC,54457-025-01", {2: f"5445702501^{METHADONE}^NDC"}),
        ("NDC,54457-0250-1", {2: f"5445702501^{METHADONE}^NDC"}),
        ("NDC,0054-4570-25", {2: f"864706^{METHADONE}^RXNORM", 31: f"0054457025^{METHADONE}^NDC"}),
        # a code that is not sent, for another is better
        ("any,MTHD10", {2: f"MTHD10^{METHADONE}^L^864706^{METHADONE}^RXNORM"}),
        ("any,MTHD10", {2: f"864706^{METHADONE}^RXNORM^MTHD10^{METHADONE}^L"}),
        ("MEDCIN,4711", {2: f"864706^{METHADONE}^RXNORM^4711^{METHADONE}^MEDCIN"}),
    ],
)
def test_a_code_on_the_list_counts_though_it_would_not_be_sent(site, story, rows, coded):
    told = story(site({"withhold.csv": f"system,code\n{rows}\n"}))
    told.tell(
        "RDE^O11", told.PID, "ORC|NW|O1", segment("RXE", **{f"f{n}": text for n, text in coded.items()})
    )
    told.tell("RDE^O11", told.PID, "ORC|NW|O2", "RXE||0054457026^metformin^NDC")
    answer = told.book()
    assert [m["nameCode"]["displayName"] for m in answer["request"]["medications"]] == ["metformin"]
    assert any("withheld by" in why for _, _, why in left(answer))


@pytest.mark.parametrize(
    ("listed", "sent", "withheld"),
    [
        ("any,0054-4570-25", "00054457025", True),
        ("any,0054-4570-25", "0054-4570-25", True),
        ("NDC,0054-4570*", "00054457025", True),
        ("NDC,0054-4570*", "00544570025", False),
        ("any,0054-4570*", "0054-4570-25", True),
        ("NDC,0054-*", "00054457025", True),
        ("NDC,0054-45*", "00054457025", True),
        ("NDC,00054-4570-2*", "00054457025", True),
        ("NDC,58177-020*", "58177-020-04", True),
        ("NDC,58177-020*", "58177-0201-4", True),
        ("NDC,58177-020-*", "58177-020-04", True),
        ("NDC,58177-020-*", "58177020104", False),
        ("NDC,58177-0201-4*", "58177-0201-4", True),
        ("NDC,00054457*", "0054-4570-25", True),
    ],
)
def test_an_ndc_with_dashes_on_the_list_is_its_eleven_digits(site, story, listed, sent, withheld):
    told = story(site({"withhold.csv": f"system,code\n{listed}\n"}))
    answer = told.book("ORC|NW|O1", f"RXE||{sent}^{METHADONE}^NDC")
    assert ("medications" not in answer["request"]) is withheld


@pytest.mark.parametrize("version", [1, 2])
def test_also_of_a_diagnosis_that_version_1_has_no_list_for(site, story, version):
    told = story(site({"withhold.csv": "system,code\nany,8123\n"}), api_version=version)
    told.tell("ADT^A08", told.PID, "DG1|1||8123^Drinks^IMO^F10.20^Alcohol dependence^I10")
    told.tell("ADT^A08", told.PID, "DG1|1||F10.20^Alcohol dependence^I10")
    answer = told.book("DG1|1||E11.9^DM^I10")
    request = answer["request"]
    assert [e["code"] for e in request.get("activeIcd10Diagnoses", request.get("diagnoses"))] == ["E11.9"]


def test_a_changed_list_counts_at_once(site, story):
    told = story()
    told.book("DG1|1||F10.20^Alcohol dependence^I10")
    told.engine = type(told.engine)(site({"withhold.csv": WITHHELD}), told.engine.policy)
    (change,) = told.engine.resettle(told.chart, now=told.now, new_id=lambda: 9).requests
    assert b"F10.20" not in change.body


@pytest.mark.parametrize(("sent", "listed"), [("T1001", "T1001"), ("t1001", "T1001"), ("00T7", "T7")])
def test_nothing_of_who_opted_out_is_kept_or_requested(site, story, sent, listed):
    files = {
        "opt_out.csv": f"mrn\n{listed}\n",
        "patient.yaml": "rules:\n  mrn: {strip_leading_zeros: true}\n",
    }
    told = story(site(files))
    for kind in ("SIU^S12", "ADT^A08", "RDE^O11"):
        answer = told.book(kind=kind, pid=told.pid(f3=f"{sent}^^^LFC^MR"))
        assert (answer["decision"], codes(answer)) == ("ignore", ["opted-out"])
        assert sent not in str(answer["reasons"])
    assert told.charts.all() == []
    assert told.book(pid=told.pid(f3="OTHER^^^LFC^MR"))["decision"] == "post"


@pytest.mark.parametrize("listed", ["66", "00000066"])
def test_who_opted_out_may_be_listed_by_the_number_as_any_sender_has_it(site, story, listed):
    rule = "rules:\n  west: {field: patient.mrn.extension, from: [PID-3], pad_to: 8, for: {facility: FAC}}\n"
    told = story(site({"patient.yaml": rule, "opt_out.csv": f"mrn\n{listed}\n"}))
    assert codes(told.book(pid=told.pid(f3="66^^^LFC^MR"))) == ["opted-out"]


def test_open_requests_of_who_opts_out_are_withdrawn_at_the_next_settling_and_by_a_message(site, story):
    for way in ("settle", "message"):
        told = story()
        told.book()
        told.engine = type(told.engine)(
            site({"opt_out.csv": "mrn,authority\nT1001,LFC\n"}), told.engine.policy
        )
        if way == "settle":
            changes = told.engine.resettle(told.chart, now=told.now, new_id=lambda: 9).requests
            assert [(change.id, change.state) for change in changes] == [(1, "withdrawn")]
        else:
            assert told.book()["decision"] == "ignore"
            assert told.states() == [("Close", 1, "withdrawn")]


@pytest.mark.parametrize("listed", ["T1001", "T2002"])
@pytest.mark.parametrize("number", ["T1001", "T2002"])
def test_who_opted_out_has_done_so_under_every_number_of_his(site, story, listed, number):
    told = story(site({"opt_out.csv": f"mrn\n{listed}\n"}))
    told.tell("ADT^A40", told.PID, "MRG|T2002^^^LFC^MR")
    answer = told.tell("ADT^A08", told.pid(f3=f"{number}^^^LFC^MR"), "DG1|1||E11.9^DM^I10")
    assert (answer["decision"], codes(answer)) == ("ignore", ["opted-out"])
    assert told.chart.problems == []


def test_deletions_of_who_opted_out_are_carried_out(site, story):
    told = story()
    told.tell("ADT^A08", told.PID, "DG1|1||E11.9^DM^I10")
    told.engine = type(told.engine)(site({"opt_out.csv": "mrn\nT1001\n"}), told.engine.policy)
    assert told.tell("ADT^A29", told.PID)["decision"] == "cancel"
    assert (told.chart.problems, told.chart.patient) == ([], {})


@pytest.mark.parametrize("sent", ["7^^^EAST^MR", "7", "7^^^LFC^MR", "8^^^WEST^MR", "8^^^NORTH^MR"])
@pytest.mark.parametrize("later", [False, True])
def test_the_same_number_under_another_name_of_its_authority_is_the_same_patient_s(site, story, sent, later):
    """A pharmacy names no authority, NORTH has the root of WEST: it is one chart, and one patient has opted out."""
    files = {"mrn_roots.csv": "authority,root\nEAST,2.999.1.1\nWEST,2.999.2\nNORTH,2.999.2\n"}
    own, own_files = ("LFC",), files | {"opt_out.csv": "mrn,authority\n7,EAST\n8,WEST\n"}
    told = story(site(files if later else own_files), mrn_authority=own)
    answer = told.book(pid=told.pid(f3=sent))
    if not later:
        assert (answer["decision"], told.charts.all()) == ("ignore", [])
        assert told.book(pid=told.pid(f3="8^^^EAST^MR"))["decision"] == "post"
        return
    told.engine = type(told.engine)(site(own_files), told.engine.policy)
    changes = told.engine.resettle(told.chart, now=told.now, new_id=lambda: 9).requests
    assert [change.state for change in changes] == ["withdrawn"]


def test_a_number_of_another_authority_has_not_opted_out(site, story):
    told = story(site({"opt_out.csv": "mrn,authority\nT1001,ELSEWHERE\n"}))
    assert told.book()["decision"] == "post"


# ---------------------------------------------------------------- values of the site's own

OWN = """
rules:
  heart:
    field: directives.diagnosticCategories
    type: fixed
    value: [cardiovascular]
    when: {clinic: CARD, appointment_type: [NEW, FOLLOWUP]}
  period: {field: medicalSummaryPeriod, type: fixed, value: 12, when: {clinic: CARD}}
  batch_id: {type: fixed, value: all}
  card_batch: {field: batchId, type: fixed, value: cardiology, when: {clinic: CARD}}
  new: {field: directives.newPatient, type: fixed, value: true, when: {appointment_type: New patient}}
"""


def test_values_per_clinic_and_kind_of_appointment(site, story):
    told = story(site({"request.yaml": OWN}))
    answer = told.tell("SIU^S12", SCH, PID, AIP, "AIL|1||CARD")
    request = answer["request"]
    assert request["directives"] == {"newPatient": True, "diagnosticCategories": {"cardiovascular": True}}
    assert request["medicalSummaryPeriod"] == {"startDate": "2025-03-10", "endDate": "2026-03-10"}
    assert field(answer, "batchId") == (
        "cardiology",
        "overlay:request.yaml",
        "site-mappings/request.yaml#card_batch",
    )
    assert field(answer, "directives.diagnosticCategories.cardiovascular")[1:] == (
        "overlay:request.yaml", "site-mappings/request.yaml#heart",
    )  # fmt: skip
    elsewhere = told.tell("SIU^S12", SCH.replace("F1", "F2"), PID, AIP)
    assert (elsewhere["request"]["batchId"], "medicalSummaryPeriod" in elsewhere["request"]) == ("all", False)


def test_a_period_without_a_category_is_left_out_rather_than_refused(site, story):
    told = story(site({"request.yaml": OWN}))
    sch = SCH.replace("NEW^New patient", "LAB^Lab")
    answer = told.tell("SIU^S12", sch, PID, AIP, "AIL|1||CARD")
    assert (answer["decision"], "medicalSummaryPeriod" in answer["request"]) == ("post", False)


# ---------------------------------------------------------------- lists in Z-segments

PROBLEMS = """
rules:
  ours: {each: ZPL, field: problem.codings, from: [ZPL-2]}
  since: {each: ZPL, field: problem.date, from: [ZPL-3]}
"""
DRUGS = """
rules:
  drug: {each: ZMD, field: medication.nameCode, from: [ZMD-1]}
  state: {each: ZMD, field: order.status, from: [ZMD-2], table: order_status}
  sig: {each: ZMD, field: prescription.text, from: [ZMD-3]}
"""


def test_a_z_segment_lists_problems(site, story):
    told = story(site({"lists.yaml": PROBLEMS}))
    answer = told.book("ZPL|1|E1165^Diabetes^I10|20190304", "ZPL|2|44054006^DM^SCT", kind="ADT^A08")
    answer = told.book("PV1|1|O" + "|" * 17 + "V1")
    assert lists(answer) == ["E11.65", "44054006"]
    request = answer["request"]["activeIcd10Diagnoses"][0]
    assert request == {"code": "E11.65", "displayName": "Diabetes", "date": "2019-03-04"}
    name, source, rule = field(answer, "activeIcd10Diagnoses[0].code")
    assert (name, source, rule) == ("E11.65", "M1:ZPL-2.1", "site-mappings/lists.yaml#ours")


def test_of_several_sources_the_first_that_yields_a_valid_value_wins_whatever_the_type(site, story):
    rules = (
        "rules:\n  ours: {each: ZPL, field: problem.codings, from: [ZPL-2, ZPL-3]}\n"
        "  named: {field: patient.name, from: [PID-9, PID-5]}\n"
        "  lives: {field: patient.address, from: [PID-11, ZPI-1]}\n"
    )
    told = story(site({"lists.yaml": rules}))
    pid = told.pid(f9="Half", f11="12 Birch Ln^^Madison^WI")
    problems = (
        "ZPL|1|X1^Local^IMO|I10^Hypertension^I10",
        "ZPL|2|E11.9^D^I10|E66.01^O^I10",
        "ZPL|3||N18.3^K^I10",
    )
    answer = told.book("ZPI|7 Elm St^^Madison^WI^53704", *problems, pid=pid)
    assert lists(answer) == ["I10", "E11.9", "N18.3"]
    assert [entry["value"] for entry in answer["left_out"] if entry["source"].startswith("ZPL")] == ["X1"]
    sources = [field(answer, f"patient.{name}")[1] for name in ("name.family", "address.zip")]
    assert sources == ["PID-5.1", "ZPI-1.5"]


def test_where_no_source_yields_a_valid_value_the_first_says_why(site, story):
    told = story(site({"p.yaml": "rules:\n  lives: {field: patient.address, from: [ZPI-1, PID-11]}\n"}))
    answer = told.book("ZPI|7 Elm St^^Toronto^ON^M5H 2N2^CAN", pid=told.pid(f11="12 Birch Ln^^Madison^WI"))
    assert answer["decision"] == "hold"
    assert "ZPI-1" in answer["reasons"][0]["text"]


def test_without_a_snapshot_a_list_only_adds_whatever_the_visit(site, story):
    told = story(site({"lists.yaml": PROBLEMS}))
    pv1 = "PV1|1|O" + "|" * 17 + "V1"
    told.tell("ADT^A08", PID, pv1, "ZPL|1|E66.01^O^I10")
    told.tell("ADT^A08", PID, pv1, "ZPL|1|E11.65^D^I10")
    assert sorted(lists(told.book())) == ["E11.65", "E66.01"]


def test_a_snapshot_takes_the_place_of_what_the_list_said_and_of_nothing_else(site, story):
    told = story(site({"lists.yaml": PROBLEMS.replace("[ZPL-2]", "[ZPL-2], snapshot: true")}))
    told.tell("ADT^A08", PID, "DG1|1||I10^Hypertension^I10")
    told.tell("ADT^A08", PID, "ZPL|1|E66.01^O^I10", "ZPL|2|E11.65^D^I10")
    told.tell("ADT^A08", PID, "ZPL|1|E11.65^D^I10", at="20260302070000")  # older: not taken
    assert sorted(lists(told.book())) == ["E11.65", "E66.01", "I10"]
    told.tell("ADT^A08", PID, "ZPL|1|E11.65^D^I10")
    assert sorted(lists(told.book(key="F2"))) == ["E11.65", "I10"]


@pytest.mark.parametrize(
    ("segments", "left"),
    [(["ZPL|", "ZMD|"], True), (["ZPL|1|", "ZMD||DC"], True), (['ZPL|1|""', 'ZMD|""'], False)],
)
def test_segments_without_a_code_are_no_list_and_null_is_an_empty_one(site, story, segments, left):
    whole = {"problems.yaml": PROBLEMS.replace("[ZPL-2]", "[ZPL-2], snapshot: true")}
    told = story(site({**whole, "lists.yaml": DRUGS.replace("[ZMD-1]", "[ZMD-1], snapshot: true")}))
    told.tell("ADT^A08", PID, "ZPL|1|E66.01^O^I10", "ZMD|860975^metformin^RXNORM")
    told.tell("ADT^A08", PID, *segments)
    answer = told.book()
    assert lists(answer) == (["E66.01"] if left else [])
    assert [drug["active"] for drug in answer["request"]["medications"]] == [left]


def test_a_z_segment_lists_medications_each_segment_an_order(site, story):
    told = story(site({"lists.yaml": DRUGS}))
    told.tell("ADT^A08", PID, "ZMD|860975^metformin^RXNORM||one a day", "ZMD|197361^amlodipine^RXNORM|DC")
    found = told.book()["request"]["medications"]
    assert [(m["nameCode"]["code"], m["active"]) for m in found] == [("860975", True), ("197361", False)]
    assert found[0]["medicationRequests"][0]["dosageInstruction"]["text"] == "one a day"
    told.tell("ADT^A08", PID, "ZMD|860975^metformin^RXNORM||two a day")
    found = told.book(key="F2")["request"]["medications"]
    assert len(found) == 2
    assert found[0]["medicationRequests"][0]["dosageInstruction"]["text"] == "two a day"


@pytest.mark.parametrize("field", [name for name in (*PROBLEM, *ORDER) if name not in NEEDED])
def test_a_rule_for_a_list_needs_only_its_path_whatever_its_field(site, field):
    needed = next(name for name, fields in NEEDED.items() if field in fields)
    site(
        {
            "lists.yaml": f"rules:\n  code: {{each: ZLI, field: {needed}, from: [ZLI-1]}}\n"
            f"  other: {{each: ZLI, field: {field}, from: [ZLI-2]}}\n"
        }
    )


def test_the_product_of_an_order_from_a_field_of_the_sites_alone(site, story):
    told = story(site({"medications.yaml": "rules:\n  product: {from: [ZRX-1]}\n"}))
    told.tell("RDE^O11", PID, "ORC|NW|1", "RXE||861007^metformin^RXNORM", "ZRX|00093-1048-01^metformin^NDC")
    code = "medications[0].medicationRequests[0].code.code"
    assert field(told.book(), code)[::2] == ("00093104801", "site-mappings/medications.yaml#product")


APART = """
rules:
  drug: {each: ZMD, field: medication.nameCode, from: [ZMD-3], system: RXNORM, label_from: ZMD-2}
  product: {each: ZMD, field: prescription.code, from: [ZMD-4], system: NDC, label_from: ZMD-2}
  problem: {each: ZPL, field: problem.codings, from: [ZPL-2], system: SNOMED, label_from: ZPL-3}
"""


@pytest.mark.parametrize("version", [1, 2])
def test_code_system_and_label_in_fields_of_their_own(site, story, version):
    told = story(site({"lists.yaml": APART}), api_version=version)
    drugs = ("ZMD|1|metformin 500 mg|860975|00093-1048-01", "ZMD|2|aspirin 81 mg", "ZMD|3||861007^x^LOCAL")
    told.tell("ADT^A08", PID, *drugs, "ZPL|1|73211009|Diabetes", "ZPL|2|E11.9^D^I10")
    answer = told.book()
    found = [drug["nameCode"] for drug in answer["request"]["medications"]]
    rxnorm = {"codeSystem": "2.16.840.1.113883.6.88", "codeSystemName": "RxNorm"}
    assert found[0] == {"code": "860975", "displayName": "metformin 500 mg"} | rxnorm
    assert found[1] == {"displayName": "aspirin 81 mg"}
    assert found[2]["codeSystemName"] == "LOCAL"
    product = answer["request"]["medications"][0]["medicationRequests"][0]["code"]
    assert (product["code"], product["displayName"]) == ("00093104801", "metformin 500 mg")
    if version == 1:
        assert lists(answer) == ["E11.9", "73211009"]
    source = field(answer, "medications[0].nameCode.displayName")[1]
    assert source == "M1:ZMD-2"


def test_a_medication_that_a_snapshot_no_longer_has_has_ended(site, story):
    told = story(site({"lists.yaml": DRUGS.replace("[ZMD-1]", "[ZMD-1], snapshot: true")}))
    told.tell("ADT^A08", PID, "ZMD|860975^metformin^RXNORM", "ZMD|197361^amlodipine^RXNORM")
    told.tell("RDE^O11", PID, "ORC|NW|O1", "RXE||314076^lisinopril^RXNORM")
    told.tell("ADT^A08", PID, "ZMD|860975^metformin^RXNORM")
    found = told.book()["request"]["medications"]
    assert {m["nameCode"]["code"]: m["active"] for m in found} == {
        "860975": True, "197361": False, "314076": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    "between", [["ZMD|860975^metformin^RXNORM"], ["ZMD|197361^amlodipine^RXNORM|DISCONTINUED"]]
)
@pytest.mark.parametrize(
    ("now", "active"),
    [("", True), ("|ACTIVE", True), ("|DISCONTINUED", False)],
)
def test_a_medication_that_is_on_a_snapshot_again_runs_again(site, story, between, now, active):
    told = story(site({"lists.yaml": DRUGS.replace("[ZMD-1]", "[ZMD-1], snapshot: true")}))
    told.tell("ADT^A08", PID, "ZMD|860975^metformin^RXNORM", "ZMD|197361^amlodipine^RXNORM")
    told.tell("ADT^A08", PID, *between)
    told.tell("ADT^A08", PID, f"ZMD|197361^amlodipine^RXNORM{now}")
    answer = told.book()
    found = {m["nameCode"]["code"]: m["active"] for m in answer["request"]["medications"]}
    assert found == {"860975": False, "197361": active}
    place = [m["nameCode"]["code"] for m in answer["request"]["medications"]].index("197361")
    source = field(answer, f"medications[{place}].active")[1]
    assert source.partition(":")[2] in ("ZMD-1.1", "ZMD-2")


def test_an_older_snapshot_that_comes_late_changes_nothing(site, story):
    told = story(site({"lists.yaml": DRUGS.replace("[ZMD-1]", "[ZMD-1], snapshot: true")}))
    told.tell(
        "ADT^A08", PID, "ZMD|860975^metformin^RXNORM", "ZMD|197361^amlodipine^RXNORM", at="20260228090000"
    )
    told.tell("ADT^A08", PID, "ZMD|860975^metformin^RXNORM", at="20260228110000")
    told.tell("ADT^A08", PID, "ZMD|197361^amlodipine^RXNORM", at="20260228100000")
    found = {m["nameCode"]["code"]: m["active"] for m in told.book()["request"]["medications"]}
    assert found == {"860975": True, "197361": False}


# ---------------------------------------------------------------- filters


def filters(**given):
    return Filters(**{name: frozenset(values) for name, values in given.items()})


@pytest.mark.parametrize(
    ("given", "decision"),
    [
        ({"leave_types": ["NEW"]}, "ignore"),
        ({"leave_types": ["NEW PATIENT"]}, "ignore"),
        ({"leave_types": ["LAB"]}, "post"),
        ({"take_types": ["NEW"]}, "post"),
        ({"take_types": ["LAB"]}, "ignore"),
        ({"leave_locations": ["MAIN"]}, "ignore"),
        ({"take_locations": ["MAIN"]}, "post"),
        ({"take_locations": ["ELSEWHERE"]}, "ignore"),
        ({"leave_providers": [NPI]}, "ignore"),
        ({"leave_providers": ["QUILL"]}, "ignore"),
        ({"take_providers": ["QUILL, AVERY"]}, "post"),
        ({"take_providers": ["STONE"]}, "ignore"),
    ],
)
def test_appointments_are_taken_or_left(story, given, decision):
    told = story(filters=filters(**given))
    answer = told.tell("SIU^S12", SCH, PID, AIP, "AIL|1||MAIN")
    assert answer["decision"] == decision
    if decision == "ignore":
        assert (codes(answer), told.chart.patient) == (["filtered"], {}) or told.charts.all() == []


@pytest.mark.parametrize("given", [{}, {"decisions": {"SIU": "chart"}}])
@pytest.mark.parametrize("status", ["COMPLETE", "PENDING", "BOOKED"])
def test_nothing_is_kept_of_one_that_is_left_whatever_its_status(story, status, given):
    told = story(filters=filters(leave_types=["NEW"]), **given)
    answer = told.tell("SIU^S14", f"{SCH}{'|' * 14}{status}", PID, AIP, "DG1|1||F32.9^Depression^I10")
    assert (answer["decision"], codes(answer)) == ("ignore", ["filtered"])
    assert (told.chart.patient, told.chart.problems) == ({}, [])


def test_other_messages_of_the_patient_are_still_charted(story):
    told = story(filters=filters(leave_types=["NEW"]))
    told.tell("SIU^S12", SCH, PID, AIP)
    assert told.tell("ADT^A08", PID, "DG1|1||E66.01^O^I10")["decision"] == "chart"
    assert told.tell("RDE^O11", PID, "ORC|NW|O1", "RXE||860975^m^RXNORM")["decision"] == "chart"
    answer = told.tell("SIU^S12", SCH.replace("NEW^New patient", "FU").replace("F1", "F2"), PID, AIP)
    assert (answer["decision"], lists(answer)) == ("post", ["E66.01"])


def test_an_appointment_that_becomes_one_of_the_left_is_withdrawn_and_can_be_cancelled(story):
    told = story(filters=filters(leave_types=["LAB"]))
    told.tell("SIU^S12", SCH, PID, AIP)
    answer = told.tell("SIU^S14", SCH.replace("NEW^New patient", "LAB"), PID, AIP)
    assert (answer["decision"], told.states()) == ("ignore", [("Close", 1, "withdrawn")])
    told = story(filters=filters(take_types=["NEW"]))
    told.tell("SIU^S12", SCH, PID, AIP)
    assert told.tell("SIU^S15", "SCH||F1", PID)["decision"] == "cancel"
    assert told.states() == [("Close", 1, "withdrawn")]


def test_a_message_without_the_kind_is_judged_by_what_is_known_of_the_appointment(story):
    told = story(filters=filters(take_types=["NEW"]))
    told.tell("SIU^S12", SCH, PID, AIP)
    assert told.tell("SIU^S14", "SCH||F1|||||||||^^^20260311", PID, AIP)["decision"] == "post"
    answer = told.tell("SIU^S12", "SCH||F9|||||||||^^^20260311", PID, AIP)
    assert (answer["decision"], codes(answer)) == ("ignore", ["filtered"])


@pytest.mark.parametrize(
    ("given", "segments"),
    [
        ({"take_locations": ["MAIN"]}, (AIP,)),  # MSH-4 stands in every message
        ({"take_locations": ["MAIN"]}, ()),
        ({"take_providers": [NPI]}, ("AIP|1||^Quill^Avery", "AIL|1||MAIN")),
        ({"take_providers": ["QUILL, AVERY"]}, (f"AIP|1||{NPI}^Quill^^^^^^^NPI",)),
    ],
)
def test_so_is_one_that_says_less_of_it(story, given, segments):
    told = story(filters=filters(**given))
    told.tell("SIU^S12", SCH, PID, AIP, "AIL|1||MAIN")
    answer = told.tell("SIU^S14", "SCH||F1|||||||||^^^20260311", PID, *segments)
    assert answer["decision"] == "post"


def test_an_adt_of_a_visit_that_is_left_is_charted_and_requests_nothing(story):
    told = story(filters=filters(leave_locations=["TRAINING"]))
    pv1 = f"PV1|1|O|TRAINING||||{NPI}^Quill^Avery^^^^^^NPI" + "|" * 12 + "V7"
    answer = told.tell("ADT^A05", PID, pv1, "PV2" + "|" * 8 + "20260309")
    assert (answer["decision"], codes(answer)) == ("chart", ["filtered"])
    assert told.chart.patient["patient.name"]


def test_what_a_filter_has_left_is_not_booked_by_something_older(story):
    told = story(filters=filters(leave_types=["LAB"]))
    told.book(at="202603020700")
    assert told.book("AIS|1||LAB", kind="SIU^S14", at="202603020900")["decision"] == "ignore"
    assert told.states() == [("Close", 1, "withdrawn")]
    late = told.book(kind="SIU^S13", at="202603020800")
    assert (late["decision"], codes(late)) == ("chart", ["older"])


def test_something_older_that_a_filter_leaves_takes_nothing_back(story):
    told = story(filters=filters(leave_types=["LAB"]))
    assert told.book("AIS|1||NEW", at="202603020900")["decision"] == "post"
    late = told.book("AIS|1||LAB", kind="SIU^S14", at="202603020800")
    assert (late["decision"], told.states()) == ("ignore", [])
    (appointment,) = told.chart.appointments.values()
    assert appointment.status == "booked"


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"take_types": ["NEW PATIENT"]}, False),
        ({"take_types": ["SERVICE"]}, False),
        ({"take_locations": ["MAIN"]}, False),
        ({"leave_types": ["NEW PATIENT"]}, True),
        ({"leave_locations": ["MAIN"]}, True),
    ],
)
def test_filters_that_are_set_later_judge_open_requests_as_a_message(story, given, left):
    told = story()
    told.tell("SIU^S12", SCH, PID, AIP, "AIS|1||SERVICE", "AIL|1||MAIN^^^LFC")
    told.engine = type(told.engine)(told.engine.book, replace(told.engine.policy, filters=filters(**given)))
    assert [state for _, _, state in told.settle(told.now)] == (["withdrawn"] if left else [])


def test_a_folder_that_is_set_later_counts_for_what_is_known(site, story):
    told = story(mrn_authority=("LFC",))
    drug = "ORC|NW|O1", "RXE||860975^metformin^RXNORM^4711^metformin^MEDCIN"
    told.tell("SIU^S12", SCH, PID, AIP, "AIL|1||MAIN^^^LFC", *drug)
    files = {"locations.csv": f"location,name,npi\nMAIN,Lakeside,{NPI}\n"}
    book = site(files | {"withhold.csv": "system,code\nMEDCIN,4711\n"})
    told.engine = type(told.engine)(book, told.engine.policy)
    told.settle(told.now)
    (change,) = told.changes
    assert b"Lakeside" in change.body and b"metformin" not in change.body


@pytest.mark.parametrize("pid", [{"f5": "ZZTEST^Robin"}, {"f5": "zztest^Robin"}, {"f3": "ZZTEST7^^^LFC^MR"}])
def test_a_test_patient_is_left_alone(story, pid):
    import re

    told = story(filters=Filters(test_patients=re.compile("^ZZTEST", re.IGNORECASE)))
    for kind in ("SIU^S12", "ADT^A08", "RDE^O11"):
        answer = told.book(kind=kind, pid=told.pid(**pid))
        assert (answer["decision"], codes(answer)) == ("ignore", ["filtered"])
    assert told.charts.all() == []
    assert told.book()["decision"] == "post"


def test_the_folder_may_be_empty_and_a_broken_one_is_told(site, tmp_path):
    (tmp_path / "site-mappings").mkdir()
    assert site({}).changes == ()
    with pytest.raises(RuleError):
        site({"patient.yaml": "rules: 3\n"})
    assert isinstance(tmp_path, Path)


def test_a_csv_table_may_have_columns_in_any_case_and_a_code_of_its_own(site, story):
    told = story(
        site(
            {
                "tables/timing.csv": "code,timingEvent,frequencyValue,frequencyUnit\nOURBID,BID,,\nOUR5D,,5,d\n",
                "tables/routes.csv": "sent,code,name\nBYMOUTH,C38288,Oral\n",
            }
        )
    )
    told.tell("RDE^O11", PID, "ORC|NW|1", "RXE|^OURBID|1^Drug one^L", "RXR|BYMOUTH")
    told.tell("RDE^O11", PID, "ORC|NW|2", "RXE|^OUR5D|2^Drug two^L")
    one, two = [entry["medicationRequests"][0] for entry in told.book()["request"]["medications"]]
    assert (one["timingEvent"], one["route"]["code"]) == ("BID", "C38288")
    assert (two["frequencyValue"], two["frequencyUnit"]) == (5, "d")


def test_what_is_left_out_for_one_reason_is_said_once(site, story):
    files = {
        "lists.yaml": "rules:\n  ours: {each: ZPL, field: problem.codings, from: [ZPL-2]}\n"
        "  state: {each: ZPL, field: problem.lifeCycle, from: [ZPL-3]}\n"
    }
    answer = story(site(files)).book("ZPL|1|I10^Hypertension^I10|Resolved")
    assert left(answer) == [("ZPL-2.1", "I10", "no longer active: ZPL-3 says so")]
