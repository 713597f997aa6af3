"""The appointment's identity, date, provider and clinic, and what the settings fill."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from interface.rules import RequestDefaults

NPI, OTHER = "1234567893", "1245319599"
QUILL = f"{NPI}^Quill^Avery^^^^^^NPI"
LOCAL = "Q7^Quill^Avery"
LENDERS = {
    "AIG-3": f"AIG|1||{NPI}^Quill, Avery|",
    "PV1-8": f"PV1|1|O||||||{QUILL}",
    "PV1-9": f"PV1|1|O|||||||{QUILL}",
    "PV1-17": f"PV1|1|O|||||||||||||||{QUILL}",
    "PD1-4": f"PD1||||{QUILL}",
}


def sch(f1="", f2="F1", f3="", f11="^^^20260310093000", f16=""):
    return f"SCH|{f1}|{f2}|{f3}||||||||{f11}|||||{f16}"


def book(story, *segments, **policy):
    told = story(**policy)
    return told.tell("SIU^S12", *(segments[:1]), told.PID, *segments[1:])


class TestIdentity:
    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ({"f2": "F1"}, {"f2": "F1"}, True),
            ({"f2": "F1", "f1": "P1"}, {"f2": "F1", "f1": "P2"}, True),
            ({"f2": "", "f1": "P1"}, {"f2": "", "f1": "P1"}, True),
            ({"f2": "", "f1": "P1"}, {"f2": "", "f1": "P2"}, False),
            ({"f2": "F1^SYS"}, {"f2": "F1^OTHER"}, False),
            ({"f2": "F1^SYS^2.999.3^ISO"}, {"f2": "F1^SYS^2.999.4^ISO"}, False),
            ({"f2": "F1", "f3": "1"}, {"f2": "F1", "f3": "2"}, False),
        ],
    )
    def test_the_filler_else_the_placer_with_the_occurrence(self, story, one, other, same):
        told = story()
        for given in (one, other):
            told.tell("SIU^S12", sch(**given), told.PID, told.AIP)
        assert len(told.chart.appointments) == (1 if same else 2)

    def test_what_was_known_by_each_number_alone_is_one_when_a_message_names_both(self, story):
        told = story()
        told.tell("SIU^S12", sch(f2="F1"), told.PID, told.AIP)
        told.tell("SIU^S13", sch(f1="P1", f2="", f11="^^^20260312"), told.PID, told.AIP)
        told.tell("SIU^S19", sch(f1="P1", f2="F1", f11=""), told.PID, told.AIP)
        assert ("Close", 1, "superseded") in told.states()
        (known,) = told.chart.appointments.values()
        assert (known.key, known.date) == ("A:F1", "2026-03-12")
        told.tell("SIU^S15", sch(f1="P1", f2=""), told.PID)
        assert told.states() == [("Close", 2, "withdrawn")]

    def test_a_cancellation_that_names_both_ends_it_under_each(self, story):
        told = story()
        told.tell("SIU^S12", sch(f2="F1"), told.PID, told.AIP)
        told.tell("SIU^S12", sch(f1="P1", f2=""), told.PID, told.AIP)
        told.tell("SIU^S15", sch(f1="P1", f2="F1"), told.PID)
        assert sorted(told.states()) == [("Close", 1, "superseded"), ("Close", 2, "withdrawn")]

    @pytest.mark.parametrize("cancelled", [{"f2": "F1"}, {"f1": "P1", "f2": ""}])
    def test_what_was_cancelled_under_one_of_them_is_cancelled(self, story, cancelled):
        told = story()
        for given in ({"f2": "F1"}, {"f1": "P1", "f2": ""}):
            if given != cancelled:
                told.tell("SIU^S12", sch(**given), told.PID, told.AIP)
        told.tell("SIU^S15", sch(**cancelled), told.PID)
        told.tell("SIU^S19", sch(f1="P1", f2="F1", f11=""), told.PID, told.AIP)
        assert told.states() == [("Close", 1, "withdrawn")]

    def test_a_placers_number_of_several_appointments_joins_none(self, story):
        told = story()
        told.tell("SIU^S12", sch(f1="P1", f2="F1"), told.PID, told.AIP)
        told.tell("SIU^S12", sch(f2="F2"), told.PID, told.AIP)
        told.tell("SIU^S12", sch(f1="P1", f2="F2"), told.PID, told.AIP)
        assert len(told.chart.appointments) == 2


class TestDate:
    @pytest.mark.parametrize(
        ("segments", "day", "source"),
        [
            ([sch(f11="^^^20260310093000^20260310100000")], "2026-03-10", "SCH-11.4"),
            ([sch(f11="20260310093000")], "2026-03-10", "SCH-11.1"),
            ([sch(f11="1^^^20260310")], "2026-03-10", "SCH-11.4"),
            ([sch(f11="60^^^20260310&M")], "2026-03-10", "SCH-11.4"),
            ([sch(f11=""), "TQ1|1||||||20260311"], "2026-03-11", "TQ1-7"),
            ([sch(f11=""), "AIS|1||X|20260312"], "2026-03-12", "AIS-4"),
            ([sch(f11=""), f"AIP|1||{QUILL}|||20260313"], "2026-03-13", "AIP-6"),
            ([sch(f11=""), "AIG|1||R1|||||20260314"], "2026-03-14", "AIG-8"),
            ([sch(f11=""), "AIL|1||R1|||20260315"], "2026-03-15", "AIL-6"),
            ([sch(f11=""), "AIL|1||R1|||20260315", "AIS|1||X|20260312"], "2026-03-12", "AIS-4"),
        ],
    )
    def test_the_first_of_the_starts(self, story, segments, day, source):
        first, *more = segments
        answer = book(story, first, *more, f"PV1|1|O|||||{QUILL}")
        assert answer["request"]["upcomingAppointmentDate"] == day
        assert [f["source"] for f in answer["fields"] if f["field"] == "upcomingAppointmentDate"] == [source]

    def test_of_several_services_the_first_start_counts(self, story):
        services = ("AIS|1||X|20260312", "AIS|2||Y|20260313")
        answer = book(story, sch(f11=""), *services, f"AIP|1||{QUILL}")
        assert (answer["request"]["upcomingAppointmentDate"], answer["left_out"]) == ("2026-03-12", [])

    def test_a_quantity_in_sch_11_1_is_nothing_to_note(self, story):
        assert book(story, sch(f11="30^MIN^^20260310"), f"AIP|1||{QUILL}")["left_out"] == []

    def test_starts_that_disagree_are_said(self, story):
        answer = book(story, sch(), "AIS|1||X|20260312", f"AIP|1||{QUILL}|||20260310")
        assert answer["request"]["upcomingAppointmentDate"] == "2026-03-10"
        assert [(e["source"], e["value"]) for e in answer["left_out"]] == [("AIS-4", "20260312")]
        assert any("AIS-4 names another day" in text for text in answer["said"])

    @pytest.mark.parametrize("f11", ["", "^^^202603", "^^^2026", "^^^20260231", "^^^soon", '""', "30^MIN"])
    def test_without_a_full_day_it_is_held(self, story, f11):
        answer = book(story, sch(f11=f11), f"AIP|1||{QUILL}")
        assert answer["decision"] == "hold"
        assert answer["reasons"][0]["code"] == "missing:upcomingAppointmentDate"

    @pytest.mark.parametrize(
        ("start", "zone", "day"),
        [
            ("20260310233000", "America/Chicago", "2026-03-10"),
            ("20260311043000+0000", "America/Chicago", "2026-03-10"),
            ("20260310233000-0800", "America/Chicago", "2026-03-11"),
            ("20260311000000+0000", "America/Chicago", "2026-03-11"),
            ("202603110000-0000", "America/Chicago", "2026-03-11"),
            ("20260311", "America/Chicago", "2026-03-11"),
            ("20260311043000+0000", None, "2026-03-11"),
        ],
    )
    def test_the_day_is_that_of_the_sites_zone(self, story, start, zone, day):
        answer = book(
            story,
            sch(f11=f"^^^{start}"),
            f"AIP|1||{QUILL}",
            timezone=ZoneInfo(zone) if zone else None,
        )
        assert answer["request"]["upcomingAppointmentDate"] == day

    @pytest.mark.parametrize("field", ["PV2-8", "PV1-44"])
    def test_so_is_the_day_of_a_visit(self, story, field):
        told = story(timezone=ZoneInfo("America/Chicago"))
        stamp = "20260311043000+0000"
        visit = f"PV1|1|O|||||{QUILL}" + "|" * 12 + "V7" + "|" * 25 + (stamp if field == "PV1-44" else "")
        answer = told.tell("ADT^A05", told.PID, visit, f"PV2||||||||{stamp if field == 'PV2-8' else ''}")
        assert answer["request"]["upcomingAppointmentDate"] == "2026-03-10"

    def test_a_feed_may_have_a_zone_of_its_own(self, story):
        told = story(
            timezone=ZoneInfo("America/Chicago"), listener_timezones={"east": ZoneInfo("America/New_York")}
        )
        raw = "\r".join(
            (
                "MSH|^~\\&|A|F|R|R|20260302||SIU^S12|M1|P|2.5",
                sch(f11="^^^202603110030"),
                told.PID,
                f"AIP|1||{QUILL}",
            )
        ).encode()
        days = {}
        for listener in ("", "east"):
            reading = told.engine.read(raw, received_at=told.now, listener=listener)
            days[listener] = reading.facts["upcomingAppointmentDate"].value
        assert days == {"": "2026-03-11", "east": "2026-03-10"}

    def test_today_is_the_sites_day(self, story):
        told = story(timezone=ZoneInfo("Pacific/Honolulu"))
        told.now = told.now.replace(hour=3)
        assert told.book(start="20260301", at="20260301")["decision"] == "post"


class TestProvider:
    @pytest.mark.parametrize(
        ("segments", "npi", "family"),
        [
            # AIP-3 by role
            ([f"AIP|1||{QUILL}|ATND"], NPI, "Quill"),
            ([f"AIP|1||{OTHER}^Nurse^Nan^^^^^^NPI|RN", f"AIP|2||{QUILL}|PHYSICIAN"], NPI, "Quill"),
            ([f"AIP|1||{OTHER}^Tech^Tim^^^^^^NPI|TECH", f"AIP|2||{QUILL}|NURSE"], NPI, "Quill"),
            (["AIP|1||ROOM1^Room^One|ROOM", f"AIP|2||{QUILL}|TECH"], NPI, "Quill"),
            ([f"AIP|1||{OTHER}^Nurse^Nan^^^^^^NPI|55^Nurse", f"AIP|2||{QUILL}|7^Physician"], NPI, "Quill"),
            ([f"AIP|1||{QUILL}", f"AIP|2||{OTHER}^Second^Sam^^^^^^NPI"], NPI, "Quill"),
            (["AIP|1||ROOM1^Room^One|ROOM", f"PV1|1|O|||||{QUILL}"], NPI, "Quill"),
            (["AIP|1||R1^Room^One|ROOM", f"AIG|1||{OTHER}^Other, Ann|", f"PV1|1|O|||||{QUILL}"], NPI, "Quill"),
            # AIG-3 where AIG-4, or the lack of any AIP, says a person
            ([f"AIG|1||{NPI}^Quill, Avery|"], NPI, "Quill"),
            ([f"AIG|1||{NPI}^Avery Quill|"], NPI, "Quill"),
            ([f"AIG|1||{QUILL}|PHYSICIAN"], NPI, "Quill"),
            (["AIG|1||R4^Exam Room 4|ROOM", f"AIG|2||{NPI}^Quill, Avery|PERSON"], NPI, "Quill"),
            (["AIG|1||R4^Exam Room", f"PV1|1|O|||||{QUILL}"], NPI, "Quill"),
            ([f"AIG|1||{OTHER}^Other, Ann|", f"AIP|1||{QUILL}"], NPI, "Quill"),
            # PV1-7 only when neither names one
            ([f"PV1|1|O|||||{QUILL}"], NPI, "Quill"),
            ([f"PV1|1|O|||||{OTHER}^Visit^Vera^^^^^^NPI", f"AIP|1||{QUILL}"], NPI, "Quill"),
            ([f"PV1|1|O|||||{OTHER}^Visit^Vera^^^^^^NPI", f"AIG|1||{NPI}^Quill, Avery|"], NPI, "Quill"),
            # the same person elsewhere lends the NPI
            ([f"AIP|1||{LOCAL}", f"PV1|1|O|||||{QUILL}"], NPI, "Quill"),
            ([f"AIP|1||{LOCAL}", f"PV1|1|O||||||{QUILL}"], NPI, "Quill"),
            ([f"AIP|1||{LOCAL}", f"AIP|2||{QUILL}"], NPI, "Quill"),
            ([f"AIP|1||{LOCAL}", f"PV1|1|O||||||Q7^QUILL~{QUILL}"], NPI, "Quill"),
            # never another clinician because he has one
            ([f"AIP|1||{LOCAL}", f"PV1|1|O|||||{OTHER}^Visit^Vera^^^^^^NPI"], None, "Quill"),
            ([f"AIP|1||{LOCAL}|MD", f"AIP|2||{OTHER}^Nurse^Nan^^^^^^NPI|RN"], None, "Quill"),
            ([f"AIP|1||{LOCAL}", f"PV1|1|O|||||{OTHER}^Quill^Bertram^^^^^^NPI"], None, "Quill"),
            ([f"AIP|1||{NPI}^Quill^A^^^^^^LFC", f"PV1|1|O|||||{NPI}^Quill^Avery^^^^^^NPI"], NPI, "Quill"),
            # those who do not treat him at this appointment
            ([f"PV1|1|O||||||{QUILL}|{QUILL}"], None, None),
            ([f"PD1||||{QUILL}", f"ROL|1|AD|PP|{QUILL}"], None, None),
        ],
    )  # fmt: skip
    def test_first_the_person_then_that_persons_npi(self, story, segments, npi, family):
        answer = book(story, sch(f16=QUILL if family is None else ""), *segments)
        found = answer["request"].get("upcomingAppointmentProvider") or {}
        assert (found.get("npi"), found.get("name", {}).get("family")) == (npi, family)
        assert answer["decision"] == ("post" if npi else "hold")

    @pytest.mark.parametrize(
        ("xcn", "found"),
        [
            (f"{NPI}^Quill^Avery^^^^^^^^^^NPI", True),
            (f"{NPI}^Quill^Avery^^^^^^NPI", True),
            (f"{NPI}^Quill^Avery^^^^^^US&2.16.840.1.113883.4.6&ISO", True),
            (f"{NPI}^Quill^Avery^^^^^NPI", True),
            (f"{NPI}^Quill^Avery^^^^^^^^^NPI", True),
            (f"{NPI}^Quill^Avery^^^^^^2.16.840.1.113883.4.6", True),
            (f"{NPI}^Quill^Avery", True),
            (f"{NPI}^Quill^Avery^^^^^^LFC", False),
            (f"{NPI}^Quill^Avery^^^^^^^^^^PRN", False),
            ("1234567890^Quill^Avery^^^^^^NPI", False),
            ("1234567890^Quill^Avery", False),
            ("3234567892^Quill^Avery", False),
            ("12345^Quill^Avery^^^^^^NPI", False),
            ("^Quill^Avery", False),
        ],
    )
    def test_the_npi_of_an_xcn(self, story, xcn, found):
        answer = book(story, sch(), f"AIP|1||{xcn}")
        assert answer["request"]["upcomingAppointmentProvider"].get("npi") == (NPI if found else None)
        assert answer["decision"] == ("post" if found else "hold")
        if not found:
            assert [r["code"] for r in answer["reasons"]] == ["missing:upcomingAppointmentProvider.npi"]

    @pytest.mark.parametrize("field", [*LENDERS, "SCH-16"])
    def test_the_same_person_may_lend_it_from(self, story, field):
        first = sch(f16=QUILL if field == "SCH-16" else "")
        answer = book(story, first, f"AIP|1||{LOCAL}", LENDERS.get(field, ""))
        assert answer["request"]["upcomingAppointmentProvider"]["npi"] == NPI
        assert any("the NPI of the same person" in text for text in answer["said"])
        (source,) = [f["source"] for f in answer["fields"] if f["field"].endswith("Provider.npi")]
        assert source.startswith(field)

    @pytest.mark.parametrize("field", ["PV1-7", "PV1-8", "PV1-9", "PV1-17", "PD1-4"])
    def test_so_it_is_with_a_visit(self, story, field):
        told = story()
        parts = ["PV1", "1", "O"] + [""] * 17
        parts[7] = f"{LOCAL}~{QUILL}" if field == "PV1-7" else LOCAL
        if field in LENDERS and field.startswith("PV1"):
            parts[int(field[4:])] = QUILL
        more = LENDERS["PD1-4"] if field == "PD1-4" else ""
        answer = told.tell("ADT^A05", told.PID, "|".join(parts), more, "PV2||||||||20260309")
        assert answer["request"]["upcomingAppointmentProvider"]["npi"] == NPI

    def test_a_test_system_may_lift_the_check_digit_of_declared_npis(self, story):
        declared, bare = "1234567890^Quill^Avery^^^^^^NPI", "1234567890^Quill^Avery"
        assert book(story, sch(), f"AIP|1||{declared}", npi_check_digit=False)["decision"] == "post"
        assert book(story, sch(), f"AIP|1||{bare}", npi_check_digit=False)["decision"] == "hold"

    def test_nobody_named_is_held(self, story):
        answer = book(story, sch())
        assert [r["code"] for r in answer["reasons"]] == ["missing:upcomingAppointmentProvider"]

    @pytest.mark.parametrize(
        ("pv1", "family"),
        [
            (f"PV1|1|O|||||{QUILL}", "Quill"),
            (f"PV1|1|O|||||||||||||||{QUILL}", "Quill"),
            (f"PV1|1|O|||||{QUILL}||||||||||{OTHER}^Admit^Ada^^^^^^NPI", "Quill"),
        ],
    )
    def test_a_visit_has_pv1_7_then_pv1_17(self, story, pv1, family):
        told = story()
        answer = told.tell("ADT^A05", told.PID, pv1, "PV2||||||||20260309")
        assert answer["request"]["upcomingAppointmentProvider"]["name"]["family"] == family

    def test_an_admission_has_the_appointments_provider_before_its_own(self, story):
        told = story(unchanged="send")
        told.book()
        answer = told.tell("ADT^A08", told.PID, f"PV1|1|O|||||{OTHER}^Visit^Vera^^^^^^NPI")
        assert answer["request"]["upcomingAppointmentProvider"]["npi"] == NPI

    def test_a_later_message_that_names_him_without_his_npi_keeps_it(self, story):
        told = story()
        told.tell("SIU^S12", sch(), told.PID, f"AIP|1||{QUILL}")
        answer = told.tell("SIU^S14", sch(f11="^^^20260311"), told.PID, f"AIP|1||{LOCAL}")
        assert (answer["decision"], answer["request"]["upcomingAppointmentProvider"]["npi"]) == ("post", NPI)

    @pytest.mark.parametrize("late", [False, True])
    @pytest.mark.parametrize(
        ("whole", "part"),
        [
            (QUILL, f"{NPI}^^^^^^^^NPI"),
            (QUILL, f"{NPI}^Quill^^^^^^^NPI"),
            (QUILL, "D1^QUILL^AVERY"),
            (QUILL, "D1^Quill^Avery^^^Dr."),
            (f"D1^Quill^Avery^^^^^^EPIC~{QUILL}", "D1^^^^^^^^EPIC"),
        ],
    )
    def test_a_message_that_says_less_of_him_takes_nothing_away(self, story, whole, part, late):
        for visit in (False, True):
            told = story()

            def say(person, at, *, visit=visit, told=told):
                if visit:
                    pv1 = f"PV1|1|O|||||{person}{'|' * 12}V1{'|' * 25}20260311"
                    return told.tell("ADT^A08", told.PID, pv1, at=at)
                return told.tell("SIU^S14", sch(f11="^^^20260311"), told.PID, f"AIP|1||{person}", at=at)

            news = [(whole, "20260301080000"), (part, "20260301090000")]
            for person, at in reversed(news) if late else news:
                say(person, at)
            answer = told.tell("ADT^A31", told.pid(f8="O"), at="20260301100000")
            assert answer["decision"] == "post"
            assert answer["request"]["upcomingAppointmentProvider"] == {
                "npi": NPI,
                "name": {"family": "Quill", "given": ["Avery"]},
            }

    def test_who_was_named_last_stays_when_an_older_message_names_another(self, story):
        told = story()
        told.tell("SIU^S12", sch(), told.PID, f"AIP|1||{QUILL}", at="20260301080000")
        told.tell("SIU^S14", sch(f11="^^^20260311"), told.PID, f"AIP|1||{LOCAL}", at="20260301100000")
        told.tell("SIU^S14", sch(), told.PID, f"AIP|1||{OTHER}^Other^Ann^^^^^^NPI", at="20260301090000")
        answer = told.tell("ADT^A31", told.pid(f8="O"), at="20260301110000")
        assert answer["request"]["upcomingAppointmentProvider"]["npi"] == NPI

    @pytest.mark.parametrize(
        "other",
        [
            "D2^Quill^Avery^^^^^^EPIC",
            "D1^Stone^^^^^^^EPIC",
            "D1^^^^^^^^LAB",
            "D3^Quill^Avery^^Jr^^^^EPIC",
            f"{OTHER}^^^^^^^^NPI",
        ],
    )
    def test_what_is_known_of_one_clinician_never_completes_another(self, story, other):
        told = story()
        told.tell("SIU^S12", sch(), told.PID, f"AIP|1||D1^Quill^Avery^^^^^^EPIC~{QUILL}")
        answer = told.tell("SIU^S14", sch(f11="^^^20260311"), told.PID, f"AIP|1||{other}")
        assert answer["decision"] == "hold"
        assert answer["request"].get("upcomingAppointmentProvider", {}).get("npi") in (None, OTHER)

    def test_a_later_message_that_names_another_one_takes_his_place(self, story):
        told = story()
        told.tell("SIU^S12", sch(), told.PID, f"AIP|1||{QUILL}")
        answer = told.tell("SIU^S14", sch(), told.PID, f"AIP|1||{OTHER}^Other^Ann^^^^^^NPI")
        assert answer["request"]["upcomingAppointmentProvider"]["name"]["family"] == "Other"

    def test_a_name_has_its_parts(self, story):
        answer = book(story, sch(), f"AIP|1||{NPI}^Quill^Avery^Jo^III^Dr^MD^^NPI")
        assert answer["request"]["upcomingAppointmentProvider"]["name"] == {
            "family": "Quill", "given": ["Avery", "Jo"], "prefix": "Dr", "suffix": "III"
        }  # fmt: skip


class TestClinic:
    @pytest.mark.parametrize(
        ("segments", "name"),
        [
            (["AIL|1||R1^^^Lakeside", "PV1|1|O|P1^^^Hillside"], "Lakeside"),
            (["AIL|1||R1^^^Lakeside&2.999.4&ISO"], "Lakeside"),
            (["AIL|1||R1"], "R1"),
            (["AIL|1||^^^^^^^^Main Street"], "Main Street"),
            (["PV1|1|O|P1^^^Hillside"], "Hillside"),
            (["PV1|1|O|P1"], "P1"),
            (["PV1|1|O|Ear & Throat"], "Ear & Throat"),
            (["PV1|1|O|^^^^^^^^Side Street"], "Side Street"),
            (['PV1|1|O|<Lake> "side"'], "Lake side"),
            ([], "FAC"),
        ],
    )
    def test_the_text_of_the_location_is_its_name(self, story, segments, name):
        answer = book(story, sch(), f"AIP|1||{QUILL}", *segments)
        assert (answer["request"]["clinicName"], answer["decision"]) == (name, "post")


class TestSettings:
    def test_they_fill_what_the_feed_cant_know(self, story):
        given = RequestDefaults(
            response_direct_address="chart@direct.example.org",
            response_fax_number="6085550199",
            response_friendly_name="Front desk",
            batch_id="B1",
            clinic_name="Lakeside",
            clinic_npi=OTHER,
            diagnostic_categories=("cardiovascular",),
            summary_months=24,
            new_patient_types=("new",),
        )
        told = story(request=given)
        answer = told.tell("SIU^S12", "SCH||F1||||||NEW||||^^^20260310", told.PID, told.AIP)
        assert answer["decision"] == "hold"  # SCH-8 is one field earlier
        answer = told.tell("SIU^S12", "SCH||F1||||||NEW|||^^^20260310", told.PID, told.AIP)
        request = answer["request"]
        assert answer["decision"] == "post"
        assert {
            key: request[key] for key in request if key not in ("patient", "upcomingAppointmentProvider")
        } == {
            "upcomingAppointmentDate": "2026-03-10",
            "responseDirectAddress": "chart@direct.example.org",
            "responseFaxNumber": "6085550199",
            "responseFriendlyName": "Front desk",
            "batchId": "B1",
            "clinicName": "Lakeside",
            "clinicNpi": OTHER,
            "medicalSummaryPeriod": {"startDate": "2024-03-10", "endDate": "2026-03-10"},
            "directives": {"newPatient": True, "diagnosticCategories": {"cardiovascular": True}},
        }
        sources = {entry["field"]: entry["source"] for entry in answer["fields"]}
        assert sources["batchId"] == "settings:request.batch_id"
        assert sources["medicalSummaryPeriod.startDate"] == "settings:request.summary_months"
        assert sources["directives.newPatient"] == "SCH-8.1"

    @pytest.mark.parametrize(
        ("sch8", "ais3", "new"),
        [
            ("NEW^New visit", "", True),
            ("NP30^New", "", True),
            ("NP30^ new ", "OLD", True),
            ("FU^Follow up", "", False),
            ("^new", "OLD", True),
            ("", "NEW", True),
            ("", "^new", True),
            ("FOLLOWUP", "NEW", False),
        ],
    )
    def test_a_new_patient_is_told_by_the_appointments_type(self, story, sch8, ais3, new):
        told = story(request=RequestDefaults(new_patient_types=("NEW",)))
        sch = f"SCH||F1||||||{sch8}|||^^^20260310"
        answer = told.tell("SIU^S12", sch, told.PID, told.AIP, f"AIS|1||{ais3}")
        assert answer["request"]["directives"]["newPatient"] is new

    def test_without_a_type_nobody_is_said_to_be_new_or_known(self, story):
        told = story(request=RequestDefaults(new_patient_types=("NEW",)))
        assert "directives" not in told.book()["request"]

    def test_a_summary_period_needs_a_category(self, story):
        request = story(request=RequestDefaults(summary_months=24)).book()["request"]
        assert "medicalSummaryPeriod" not in request

    def test_an_empty_setting_is_not_in_the_request(self, story):
        assert set(story().book()["request"]) == {
            "patient", "upcomingAppointmentDate", "upcomingAppointmentProvider", "clinicName"
        }  # fmt: skip
