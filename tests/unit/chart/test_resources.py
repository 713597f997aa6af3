"""S20 to S22 take resources out of an appointment; it ends when none is left."""

import pytest
from telling import SCH, codes

from interface.rules import load_rulebook

AIS = "AIS|1|{}|VISIT^Visit"
AIP = "AIP|1|{}|1234567893^Quill^Avery^^^Dr^^^NPI&2.16.840.1.113883.4.6&ISO|ATND"
NURSE = "AIP|2|{}|77^Help^Kim|RN"


@pytest.mark.parametrize("event", ["S20", "S21", "S22"])
def test_the_last_resource_taken_out_cancels_the_appointment(story, event):
    told = story()
    told.tell("SIU^S12", SCH, told.PID, AIP.format("A"))
    answer = told.tell(f"SIU^{event}", SCH, told.PID, AIP.format("D"))
    assert (answer["decision"], codes(answer)) == ("cancel", ["cancelled", "withdrawn"])
    assert told.states() == [("Close", 1, "withdrawn")]


def test_one_of_two_taken_out_leaves_the_appointment(story):
    told = story()
    told.tell("SIU^S12", SCH, told.PID, AIS.format("A"), AIP.format("A"))
    answer = told.tell("SIU^S22", SCH, told.PID, AIS.format("D"))
    assert (answer["decision"], codes(answer)) == ("chart", ["unchanged"])
    answer = told.tell("SIU^S22", SCH, told.PID, AIP.format("D"))
    assert answer["decision"] == "cancel"


def test_what_the_message_itself_leaves_counts(story):
    told = story()
    answer = told.tell("SIU^S22", SCH, told.PID, AIP.format(""), NURSE.format("D"))
    assert answer["decision"] == "post"


def test_a_deleted_resource_group_takes_its_members_out(story):
    told = story()
    told.tell("SIU^S12", SCH, told.PID, "RGS|1|A", AIP.format(""))
    answer = told.tell("SIU^S20", SCH, told.PID, "RGS|1|D", AIP.format(""))
    assert answer["decision"] == "cancel"


def test_a_clinician_who_is_taken_out_is_no_longer_the_provider(story):
    told = story()
    told.tell("SIU^S12", SCH, told.PID, AIP.format("A"), NURSE.format("A"))
    answer = told.tell("SIU^S22", SCH, told.PID, AIP.format("D"), NURSE.format(""))
    assert answer["decision"] == "hold"
    assert "npi" not in answer["request"].get("upcomingAppointmentProvider", {})


@pytest.mark.parametrize("event", ["S14", "S22"])
@pytest.mark.parametrize(
    ("known", "gone", "is_out"),
    [
        ("AIP|1||D42^Quill^Avery^^^^^^LOCAL", "AIP|1|D|D42^Quill^Avery", True),
        ("AIP|1||D42^Quill^Avery", "AIP|1|D| D42 ^Quill^Avery", True),
        ("AIP|1||1234567893^Quill^Avery^^^^^^NPI", "AIP|1|D|1234567893 ^Quill^Avery", True),
        ("AIG|1||D42^Quill, Avery", "AIG|1|D|D42^Quill, Avery", True),
        ("AIP|1||D42^Quill^Avery", "AIG|1|D|D42^Ultrasound", False),
        ("AIP|1||D42^Quill^Avery", "AIL|1|D|D42", False),
        ("AIP|1||D42^Quill^Avery", "AIP|1|D|", False),
    ],
)
def test_a_clinician_is_taken_out_by_the_senders_own_id_too(tmp_path, story, event, known, gone, is_out):
    (tmp_path / "providers.csv").write_text("id,npi\nD42,1234567893\n")
    told = story(load_rulebook(tmp_path))
    assert told.tell("SIU^S12", SCH, told.PID, known, AIS.format(""))["decision"] == "post"
    answer = told.tell(f"SIU^{event}", SCH, told.PID, gone, AIS.format(""))
    assert answer["decision"] == ("hold" if is_out else "chart")


@pytest.mark.parametrize("status", ["Booked", "Pending", "Complete", "Waitlist"])
def test_whatever_sch_25_says(story, status):
    told = story()
    told.tell("SIU^S12", SCH, told.PID, AIP.format("A"))
    said = SCH + "|" * 14 + status
    assert told.tell("SIU^S22", said, told.PID, AIP.format("D"))["decision"] == "cancel"
    assert told.states() == [("Close", 1, "withdrawn")]
