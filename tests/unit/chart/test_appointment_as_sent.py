"""Statuses, starts, clinicians and clinics as real scheduling systems write them."""

from __future__ import annotations

import pytest

NPI, OTHER = "1234567893", "1245319599"
QUILL = f"AIP|1||{NPI}^Quill^Avery^^^^^^NPI"
WHEN = "^^^20260310093000"


def sch(f6="", f11=WHEN, f25=""):
    return f"SCH||F1||||{f6}|||||{f11}{'|' * 14}{f25}"


def tell(story, first, *segments, kind="SIU^S12"):
    told = story()
    return told.tell(kind, first, told.PID, *segments)


def provider(answer):
    return answer["request"].get("upcomingAppointmentProvider") or {}


class TestStatus:
    @pytest.mark.parametrize(
        ("sch25", "decision"),
        [
            *(
                (sent, "post")
                for sent in ("Booked", "checked-in", "CheckedIn", "ARRIVED", "Rescheduled", "Overbook")
            ),
            *((sent, "post") for sent in ("1^SCH", "SCHED", "Conf", "Resched", "RESCH", "Arr")),
            *((sent, "post") for sent in ("Started", "Not Confirmed", "In Progress", "C^Confirmed", "")),
            *(
                (sent, "chart")
                for sent in ("Complete", "COMPLETED", "Checked Out", "Pending", "Waitlist", "wait-listed")
            ),
            *((sent, "chart") for sent in ("Proposed", "fulfilled", "X^Pending", "PEND")),
            *(
                (sent, "cancel")
                for sent in ("Cancelled", "canceled", "Dc", "Discontinued", "Deleted", "Noshow")
            ),
            *(
                (sent, "cancel")
                for sent in ("NO SHOW", "no-show", "Patient No Show", "No Show/Late", "^No Show")
            ),
            *(
                (sent, "cancel")
                for sent in ("Cancelled by patient", "Cancelled - Provider", "Canceled (weather)")
            ),
            *((sent, "cancel") for sent in ("CANC", "Canc'd", "X^CXL", "CNCL", "3^CAN")),
            *((sent, "cancel") for sent in ("CANCELLED_BY_CLINIC", "Patient Cancelled", "entered-in-error")),
            ("Blocked", "ignore"),
        ],
    )
    def test_a_status_in_words_says_what_follows(self, story, sch25, decision):
        answer = tell(story, sch(f25=sch25), QUILL)
        assert (answer["decision"], answer["left_out"]) == (decision, [])

    @pytest.mark.parametrize("sch25", ["Odd", "Not Cancelled", "Uncancelled", "Q7^Odd"])
    def test_one_that_no_table_knows_is_said_and_decides_nothing(self, story, sch25):
        answer = tell(story, sch(f25=sch25), QUILL)
        assert answer["decision"] == "post"
        assert [(e["source"], e["value"]) for e in answer["left_out"]] == [("SCH-25.1", sch25.split("^")[0])]

    @pytest.mark.parametrize(
        ("sch6", "sch25", "decision"),
        [
            ("Cancelled", "", "cancel"),
            ("^No Show", "", "cancel"),
            ("Cancelled", "Booked", "post"),
            ("Booked", "Cancelled", "cancel"),
            # a reason is no status
            ("ROUTINE^Routine", "", "post"),
            ("Cancelled due to weather", "", "post"),
        ],
    )
    def test_sch_6_counts_where_all_of_it_is_a_status_and_sch_25_says_none(
        self, story, sch6, sch25, decision
    ):
        answer = tell(story, sch(f6=sch6, f25=sch25), QUILL)
        assert (answer["decision"], answer["left_out"]) == (decision, [])

    def test_the_first_that_is_known_decides_and_the_unknown_one_is_said(self, story):
        answer = tell(story, sch(f6="No Show", f25="Odd"), QUILL)
        assert answer["decision"] == "cancel"
        assert [entry["source"] for entry in answer["left_out"]] == ["SCH-25.1"]

    @pytest.mark.parametrize(
        ("services", "decision"),
        [
            (["Cancelled"], "cancel"),
            (["Cancelled", "Noshow"], "cancel"),
            (["Cancelled", "Booked"], "post"),
            (["Cancelled", ""], "post"),
            (["", "Complete"], "chart"),
        ],
    )
    def test_a_service_ends_the_appointment_only_together_with_all_others(self, story, services, decision):
        segments = [f"AIS|{n}||X{n}|||||||{status}" for n, status in enumerate(services, 1)]
        assert tell(story, sch(), QUILL, *segments)["decision"] == decision

    @pytest.mark.parametrize(
        ("first", "services", "where"),
        [
            (sch(f25="Blocked"), [], "SCH-25 says"),
            (sch(f25="Complete"), [], "SCH-25 says"),
            (sch(f25="X^Cancelled"), [], "SCH-25 of SIU^S12 says"),
            (sch(f6="Noshow"), [], "SCH-6 of SIU^S12 says"),
            (sch(), ["AIS|1||X|||||||Complete"], "AIS-10 says"),
        ],
    )
    def test_the_reason_names_the_field_that_says_it(self, story, first, services, where):
        assert where in tell(story, first, QUILL, *services)["reasons"][0]["text"]

    def test_a_status_in_an_order_says_nothing_of_an_appointment(self, story):
        told = story()
        answer = told.tell("RDE^O11", told.PID, "ORC|NW|O1", "TQ1|1||||||2026", "RXE||1^Amlo")
        assert answer["left_out"] == []


class TestDate:
    @pytest.mark.parametrize(
        ("segments", "day", "passed"),
        [
            ([sch(f11=f"{WHEN}~^^^20260317093000")], "2026-03-10", ["SCH-11[2].4"]),
            ([sch(f11=f"~{WHEN}")], "2026-03-10", []),
            ([sch(f11="20260311^^^20260310")], "2026-03-10", ["SCH-11.1"]),
            ([sch(f11=""), "TQ1|1||||||20260310", "TQ1|2||||||20260317"], "2026-03-10", ["TQ1[2]-7"]),
            ([sch(f11="^^^soon"), "AIS|1||X|20260310"], "2026-03-10", ["SCH-11.4"]),
            ([sch(f11='""'), "AIL|1||R1|||20260310"], "2026-03-10", []),
        ],
    )
    def test_the_first_start_counts_and_others_are_said(self, story, segments, day, passed):
        answer = tell(story, *segments, QUILL)
        assert answer["request"]["upcomingAppointmentDate"] == day
        assert [entry["source"] for entry in answer["left_out"]] == passed

    @pytest.mark.parametrize(
        "gone", [["AIS|1|D|OLD|20260309"], ["RGS|1|D", "AIS|1|A|OLD|20260309", "RGS|2|A"]]
    )
    def test_a_service_that_was_taken_out_names_no_start(self, story, gone):
        answer = tell(story, sch(f11=""), *gone, "AIS|2|A|NEW|20260310", QUILL)
        assert answer["request"]["upcomingAppointmentDate"] == "2026-03-10"
        assert [(e["source"], e["value"]) for e in answer["left_out"]] == [("AIS", "OLD")]


class TestProvider:
    @pytest.mark.parametrize(
        ("aig3", "name"),
        [
            ("Quill, Avery MD", {"family": "Quill", "given": ["Avery"]}),
            ("Quill, Avery, M.D., PhD", {"family": "Quill", "given": ["Avery"]}),
            ("Avery Quill, PA-C", {"family": "Quill", "given": ["Avery"]}),
            ("Dr. Avery Jo Quill", {"family": "Quill", "given": ["Avery", "Jo"], "prefix": "Dr."}),
            ("Quill Jr., Avery B", {"family": "Quill", "given": ["Avery", "B"], "suffix": "Jr."}),
            ("Quill MD, Avery B", {"family": "Quill", "given": ["Avery", "B"]}),
            ("Quill Jr. MD, Avery", {"family": "Quill", "given": ["Avery"], "suffix": "Jr."}),
            ("Van Do, Avery", {"family": "Van Do", "given": ["Avery"]}),
            ("Quill CRNP, Avery", {"family": "Quill", "given": ["Avery"]}),
            ("Quill, Avery MSN APRN FNP-BC", {"family": "Quill", "given": ["Avery"]}),
            ("Dr. Quill, Avery", {"family": "Quill", "given": ["Avery"], "prefix": "Dr."}),
            ("Maria de la Cruz MD", {"family": "de la Cruz", "given": ["Maria"]}),
            ("Dr. Jo Ann van Quill", {"family": "van Quill", "given": ["Jo", "Ann"], "prefix": "Dr."}),
            ("avery lee quill", {"family": "quill", "given": ["avery", "lee"]}),
        ],
    )
    def test_a_name_in_aig_3_without_its_titles(self, story, aig3, name):
        answer = tell(story, sch(), f"AIG|1||{NPI}^{aig3}|")
        assert (provider(answer), answer["decision"]) == ({"npi": NPI, "name": name}, "post")

    def test_a_family_name_and_a_degree_are_no_name(self, story):
        assert tell(story, sch(), f"AIG|1||{NPI}^Quill, MD|")["decision"] == "hold"

    @pytest.mark.parametrize("xcn2", ["QUILL,AVERY", "QUILL, AVERY MD", "QUILL,AVERY,MD", "QUILL MD, AVERY"])
    def test_a_clinicians_name_in_one_component(self, story, xcn2):
        answer = tell(story, sch(), f"AIP|1||{NPI}^{xcn2}")
        assert provider(answer)["name"] == {"family": "QUILL", "given": ["AVERY"]}

    def test_a_title_in_front_of_the_family_name_is_the_prefix(self, story):
        answer = tell(story, sch(), f"AIP|1||{NPI}^DR QUILL, AVERY MD")
        assert provider(answer)["name"] == {"family": "QUILL", "given": ["AVERY"], "prefix": "DR"}

    def test_a_degree_behind_the_family_name_is_not_part_of_it(self, story):
        assert provider(tell(story, sch(), f"AIP|1||{NPI}^Quill, M.D.^Avery"))["name"]["family"] == "Quill"

    @pytest.mark.parametrize(
        ("xcn", "name"),
        [
            ("QUILL^AVERY^^MD", {"family": "QUILL", "given": ["AVERY"], "suffix": "MD"}),
            ("QUILL^AVERY^^^MD", {"family": "QUILL", "given": ["AVERY"], "prefix": "MD"}),
            ("VAN DO^AVERY^PA", {"family": "VAN DO", "given": ["AVERY", "PA"]}),
        ],
    )
    def test_a_degree_in_a_part_of_the_name_goes_out_as_it_stands(self, story, xcn, name):
        assert provider(tell(story, sch(), f"AIP|1||{NPI}^{xcn}"))["name"] == name

    def test_of_two_codings_in_aig_3_the_npi_is_the_id(self, story):
        answer = tell(story, sch(), f"AIG|1||Q7^Quill, Avery^L^{NPI}^Quill, Avery^NPI|")
        assert [f["source"] for f in answer["fields"] if f["field"].endswith(".npi")] == ["AIG-3.4"]

    @pytest.mark.parametrize(
        "aig",
        [f"AIG|1||{NPI}^MRI^RADIOLOGY|", f"AIG|1||{NPI}^Exam Room|", "AIG|1||R4|", f"AIG|1||{NPI}^QUILL|"],
    )
    def test_a_thing_or_a_word_is_nobody(self, story, aig):
        assert provider(tell(story, sch(), aig)) == {}

    @pytest.mark.parametrize(
        ("others", "role"),
        [
            (["019^Phlebotomist^L", "021^Radiology Technician^L"], "011^General Practitioner^L"),
            (["RN^Registered Nurse"], "Attending Physician"),
            (["R^Resident"], "D"),
            (["Charge Nurse"], "Nurse Practitioner"),
            (["MA"], "^Family Nurse Practitioner"),
            (["ODD"], "MD"),
        ],
    )
    def test_the_role_ranks_the_persons_in_code_or_words(self, story, others, role):
        persons = [f"AIP|{n}||{OTHER}^Other^Olga^^^^^^NPI|{text}" for n, text in enumerate(others, 1)]
        answer = tell(story, sch(), *persons, f"{QUILL}|{role}")
        assert provider(answer)["npi"] == NPI
        assert [e["value"] for e in answer["left_out"]] == [text for text in others if text == "ODD"]

    @pytest.mark.parametrize(
        "role",
        [
            "RP",
            "CP",
            "PP",
            "PCP",
            "Referring Physician",
            "Consulting",
            "Primary Care Provider",
            "X^Scheduler",
        ],
    )
    def test_who_does_not_treat_him_there_is_passed_over_and_said(self, story, role):
        person = f"AIP|1||{OTHER}^Other^Olga^^^^^^NPI|{role}"
        assert provider(tell(story, sch(), person)) == {}
        answer = tell(story, sch(), person, f"AIP|2||{NPI}^Quill^Avery^^^^^^NPI")
        assert provider(answer)["npi"] == NPI
        assert [entry["source"] for entry in answer["left_out"]] == ["AIP-3"]

    @pytest.mark.parametrize(
        "aip", ["AIP|1||", f"AIP|1|D|{OTHER}^Old^Olga^^^^^^NPI", "AIP|1||ROOM1^Room^One|ROOM"]
    )
    def test_an_untyped_aig_names_a_person_where_no_aip_does(self, story, aip):
        answer = tell(story, sch(), aip, f"AIG|1||{NPI}^Quill, Avery|")
        assert (provider(answer).get("npi") == NPI) == ("ROOM" not in aip)

    @pytest.mark.parametrize(
        ("segments", "npi", "family"),
        [
            # the same id: the name is lent, and the NPI of whom it names
            ([f"AIP|1||{NPI}", f"PV1|1|O|||||{NPI}^Quill^Avery^^^^^^NPI"], NPI, "Quill"),
            (["AIP|1||Q7", f"PV1|1|O|||||Q7^Quill^Avery~{NPI}^Quill^Avery^^^^^^NPI"], NPI, "Quill"),
            ([f"AIG|1||{NPI}|PROVIDER", f"PV1|1|O|||||{NPI}^Quill^Avery"], NPI, "Quill"),
            # another authority's number is another's
            (["AIP|1||7^^^^^^^^EPIC", "PV1|1|O|||||7^Quill^Avery^^^^^^LAB"], None, None),
            ([f"AIP|1||{NPI}^Other", f"PV1|1|O|||||{NPI}^Quill^Avery"], NPI, "Other"),
        ],
    )
    def test_who_has_the_same_id_lends_his_name(self, story, segments, npi, family):
        found = provider(tell(story, sch(), *segments))
        assert (found.get("npi"), found.get("name", {}).get("family")) == (npi, family)

    @pytest.mark.parametrize(("own", "lent"), [("Q7", True), ("Q9", False), ("Q8", True)])
    def test_a_namesakes_npi_is_not_lent_though_it_stands_beside_his_id(self, story, own, lent):
        both = f"Q7^Quill^Avery^^^^^^EPIC~Q8^Quill^Avery^^^^^^EPIC~{NPI}^Quill^Avery^^^^^^NPI"
        answer = tell(story, sch(), f"AIP|1||{own}^Quill^Avery^^^^^^EPIC", f"PV1|1|O|||||{both}")
        assert provider(answer).get("npi") == (NPI if lent else None)

    @pytest.mark.parametrize(
        "by", ["NPI Number", "npi", "NPPES", "National Provider ID", "urn:oid:2.16.840.1.113883.4.6"]
    )
    def test_an_npi_by_whatever_name(self, story, by):
        assert provider(tell(story, sch(), f"AIP|1||{NPI}^Quill^Avery^^^^^^{by}"))["npi"] == NPI

    @pytest.mark.parametrize(
        "segment",
        [
            "AIP|1||DR-100^Quill^Avery^^^^^^^^^^NPI",
            "AIP|1||9^Quill^Avery^^^^^^NPI",
            "AIG|1||X9^Quill, Avery^NPI",
        ],
    )
    def test_a_local_number_called_an_npi_is_said(self, story, segment):
        answer = tell(story, sch(), segment)
        assert answer["decision"] == "hold"
        (left,) = answer["left_out"]
        assert left["source"] == f"{segment[:3]}-3.1"
        assert left["why"] == "called an NPI, but an NPI has ten digits and begins with 1 or 2"

    def test_a_local_number_of_an_unnamed_kind_is_not(self, story):
        assert tell(story, sch(), "AIP|1||DR-100^Quill^Avery")["left_out"] == []


class TestClinic:
    @pytest.mark.parametrize(
        ("segments", "name"),
        [
            (["AIL|1||R1^^^Lakeside&2.999.4"], "Lakeside"),
            (["AIL|1||R1^^^&2.999.4&ISO"], "R1"),
            (["AIL|1||R & D"], "R & D"),
            (["AIL|1||R1~R2^^^Lakeside"], "Lakeside"),
            (["AIL|1|D|OLD^^^Old", "AIL|2|A|NEW^^^Lakeside"], "Lakeside"),
            (['AIL|1||""', "PV1|1|O|P1^^^Hillside"], "Hillside"),
        ],
    )
    def test_the_text_of_a_location_that_stands(self, story, segments, name):
        assert tell(story, sch(), QUILL, *segments)["request"]["clinicName"] == name
