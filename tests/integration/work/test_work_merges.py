"""Merges, rebuilding and releasing on a real store: what waits, what is being sent, and what is undone."""

import orjson
import pytest
from made_up import DG1

from interface.chart.model import decode_chart
from interface.delivery.verdict import Reply
from interface.rules import Policy
from interface.store.records.arrivals import Arrival

TAKEN = Reply(200, is_json_object=True, correlation_id="c")


def codes(chart):
    return sorted(problem.code for problem in chart.problems)


def number(sent):
    return sent["patient"]["mrn"]["extension"]


def test_a_waiting_request_goes_out_under_the_survivors_number(site):
    site.couriers.free = 0
    site.tell("ADT^A08", DG1, patient="T1")
    site.book("20260410", patient="T2")
    site.merge()
    site.couriers.free = 4
    site.turn()
    (sent,) = site.couriers.sent
    assert (number(sent), sent["activeIcd10Diagnoses"][0]["code"]) == ("T1", "E11.9")
    site.reply(TAKEN)
    assert site.states() == ["delivered"]
    owners = site.store.work.request_owners([1])
    assert owners == {1: site.store.work.load_patients(["|T1"])["|T1"].id}


def test_a_merge_waits_for_what_is_being_sent_and_nothing_of_either_goes_out_meanwhile(site):
    site.tell("ADT^A08", DG1, patient="T1")
    site.book("20260410", patient="T2")
    assert len(site.couriers.jobs) == 1
    site.merge()
    site.tell(
        "SIU^S12", "SCH||F9|||||||||^^^202604200930", "AIP|1||1234567893^Quill^Avery^^^^^^NPI", patient="T1"
    )
    assert len(site.couriers.sent) == 1, "the survivor's new request waits behind the merge"
    site.reply(TAKEN)
    assert [number(sent) for sent in site.couriers.sent] == ["T2", "T1"]
    assert site.states() == ["delivered", "sending"]


def test_messages_under_the_retired_number_reach_the_survivor(site):
    site.tell("ADT^A08", patient="T2")
    site.merge()
    site.tell("ADT^A08", DG1, patient="T2")
    assert codes(site.chart("T1")) == ["E11.9"]
    assert site.chart("T2").keys == ["|T1", "|T2"]


def test_a_merge_is_stored_whatever_was_made_in_the_same_turn(site):
    site.tell("ADT^A08", DG1, patient="T2")
    site.merge()
    site.merge("T3", "T1")
    assert site.chart("T2").keys == ["|T3", "|T1", "|T2"]
    assert codes(site.chart("T1")) == ["E11.9"]


def pid(patient):
    return f"PID|1||{patient}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"


def test_a_merge_that_stands_behind_another_in_one_message_is_kept_by_rebuilding(site):
    for number in ("T1", "T2", "T3"):
        site.tell("ADT^A08", patient=number)
    site.tell("ADT^A08", DG1, patient="T4")
    site.tell("ADT^A40", "MRG|T2^^^LFC^MR", pid("T3"), "MRG|T4^^^LFC^MR")
    before = site.chart("T3")
    assert (before.keys, codes(before)) == (["|T3", "|T4"], ["E11.9"])
    patient = site.store.work.load_patients(["|T3"])["|T3"].id
    assert "split" not in site.ask("rebuild", patients=[patient]).result
    assert site.chart("T4") == before


def test_who_has_a_chart_by_others_messages_alone_keeps_its_row_when_it_is_rebuilt(site):
    site.tell("ADT^A40", "MRG|T2^^^LFC^MR", pid("T3"), "MRG|T4^^^LFC^MR")
    before = {row.id: decode_chart(row.chart) for row in site.store.patients.patients()}
    assert site.ask("rebuild", patients=[1]).state == "done"
    assert {row.id: decode_chart(row.chart) for row in site.store.patients.patients()} == before


def test_a_chart_is_not_made_anew_without_the_message_that_moved_something_of_it(site):
    visit = "PV1|1|O" + "|" * 17 + "V1"
    site.tell("ADT^A08", visit, DG1, patient="T1")
    site.tell("ADT^A45", "MRG|T1^^^LFC^MR||||V1", visit, patient="T2")
    before = site.chart("T1")
    gone = site.store.work.load_patients(["|T2"])["|T2"].id
    site.store.retention.delete("patients", [gone])
    done = site.ask("rebuild", patients=[1])
    assert done.state == "failed"
    assert "of whom nothing is kept any more" in str(done.result)
    assert site.chart("T1") == before


def test_numbers_that_move_one_after_the_other_in_one_message_leave_every_chart_its_own(site):
    site.tell("ADT^A08", DG1, patient="T1")
    site.tell("ADT^A43", "MRG|T1^^^LFC^MR", pid("T3"), "MRG|T2^^^LFC^MR", patient="T2")
    charts = {row.id: decode_chart(row.chart) for row in site.store.patients.patients()}
    assert (charts[1].keys, codes(charts[1])) == ([], ["E11.9"]), "what was charted under it stays"
    assert site.chart("T1").keys == ["|T1"], "it is the second's, whose own went on to the third"
    assert site.chart("T2").keys == ["|T3", "|T2"]
    assert len(charts) == 3


def test_who_is_new_and_whose_only_number_moves_on_in_the_same_message_is_nobody(site):
    site.tell("ADT^A43", "MRG|T1^^^LFC^MR", pid("T2"), "MRG|T1^^^LFC^MR", patient="T1")
    (row,) = site.store.views.messages()
    assert (row.state, row.decision) == ("done", "chart")
    assert site.chart("T1").keys == ["|T2", "|T1"]


def test_a_number_that_moved_leads_to_who_has_it_in_the_same_turn(site):
    site.tell("ADT^A08", patient="T1")
    site.tell("ADT^A40", "MRG|T5^^^LFC^MR", patient="T2")
    now = site.clock.now()
    site.store.journal.append(
        [
            Arrival("main", "APP", "FAC", f"N{number}", kind, "P", "peer", text.encode(), "stored", now)
            for number, (kind, text) in enumerate(
                (kind, "\r".join((f"MSH|^~\\&|APP|FAC|R|R|2026030509{minute}||{kind}|N|P|2.5.1", *rest)))
                for minute, kind, rest in (
                    (10, "ADT^A43", (pid("T2"), "MRG|T1^^^LFC^MR", pid("T4"), "MRG|T2^^^LFC^MR")),
                    (11, "ADT^A08", (pid("T1"), DG1)),
                )
            )
        ],
        now,
    )
    site.turn()
    assert (site.chart("T5").keys, codes(site.chart("T5"))) == (["|T5", "|T1"], ["E11.9"])
    assert site.chart("T1") == site.chart("T5")


def test_rebuilding_a_chart_changes_nothing_when_the_rules_are_the_same(site):
    site.tell("ADT^A08", DG1)
    site.book("20260410")
    site.reply(TAKEN)
    before = site.chart("T1")
    patient = site.store.work.load_patients(["|T1"])["|T1"].id
    done = site.ask("rebuild", patients=[patient])
    told = {"patients": 1, "messages": 2, "requests": 0, "posted": 0}
    assert done.state == "done"
    assert told.items() <= done.result.items()
    assert site.chart("T1") == before
    site.book("20260410", "SIU^S14")
    assert site.states() == ["delivered"], "unchanged: what was asked is still known"


@pytest.mark.parametrize("rebuilt", [False, True])
def test_what_was_sent_before_a_hold_is_the_last_request_not_what_was_held_since(site, rebuilt):
    site.book("20260410")
    site.reply(TAKEN)
    head = "MSH|^~\\&|APP|FAC|R|R|202603050859||RDE^O11|H1|P|2.5.1"
    site.raw("RDE^O11", "H1", "\r".join((head, 'PID|1||T1^^^LFC^MR||||""', "ORC|HD|O9")))
    if rebuilt:
        site.ask("rebuild", patients=[site.store.work.load_patients(["|T1"])["|T1"].id])
    born = "PID|1||T1^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
    for kind, *segments in (("PPR^PC1", "PRB|AD||I10^Hypertension^I10"), ("ADT^A08",)):
        raw = "\r".join(
            (head.replace("0859", "0900").replace("RDE^O11|H1", f"{kind}|{kind[:3]}"), born, *segments)
        )
        site.raw(kind, kind[:3], raw)
    sent = [[entry["code"] for entry in body.get("activeIcd10Diagnoses", ())] for body in site.couriers.sent]
    assert sent == [[], ["I10"]]


def test_a_wrong_merge_is_undone_by_rebuilding_without_it(site):
    site.couriers.free = 0
    site.tell("ADT^A08", DG1, patient="T1")
    site.book("20260410", patient="T2")
    ids = {key: site.store.work.load_patients([f"|{key}"])[f"|{key}"].id for key in ("T1", "T2")}
    site.merge()
    site.tell("ADT^A08", "DG1|1||I10^Hypertension^I10", patient="T2")
    wrong = site.store.views.messages()[1].id
    done = site.ask("rebuild", patients=[ids["T1"]], set_aside=[wrong])
    assert done.result["patients"] == 2
    assert (codes(site.chart("T1")), codes(site.chart("T2"))) == (["E11.9"], ["I10"])
    after = {key: site.store.work.load_patients([f"|{key}"])[f"|{key}"].id for key in ("T1", "T2")}
    assert after == ids
    assert site.store.work.request_owners([2]) == {2: ids["T2"]}
    site.couriers.free = 4
    site.turn()
    (sent,) = site.couriers.sent
    assert (number(sent), [entry["code"] for entry in sent["activeIcd10Diagnoses"]]) == ("T2", ["I10"])
    assert {m.id: m.patient_id for m in site.store.views.messages()}[4] == ids["T2"]


@pytest.mark.parametrize("rebuilt", ["T1", "T2"])
def test_what_moved_to_another_person_does_not_come_back_when_either_chart_is_rebuilt(site, rebuilt):
    pv1 = f"PV1|1|O{'|' * 17}V1"
    site.tell("ADT^A08", "DG1|1||I10^Hypertension^I10", patient="T2")
    site.tell("ADT^A01", pv1, DG1, patient="T2")
    site.tell("ADT^A45", "MRG|T2||||V1", pv1, patient="T1")
    patient = site.store.work.load_patients([f"|{rebuilt}"])[f"|{rebuilt}"].id
    done = site.ask("rebuild", patients=[patient])
    assert (done.state, done.result["patients"]) == ("done", 2)
    assert (codes(site.chart("T1")), codes(site.chart("T2"))) == (["E11.9"], ["I10"])
    moved = site.store.views.messages()[0].id
    site.ask("rebuild", patients=[patient], set_aside=[moved])
    assert codes(site.chart("T2")) == ["E11.9", "I10"]


def test_a_message_set_aside_stays_out_until_it_is_taken_back(site):
    site.tell("ADT^A08", DG1)
    site.tell("ADT^A08", "DG1|1||I10^Hypertension^I10")
    patient = site.store.work.load_patients(["|T1"])["|T1"].id
    site.ask("rebuild", patients=[patient], set_aside=[2])
    assert codes(site.chart("T1")) == ["E11.9"]
    site.ask("rebuild", patients=[patient])
    assert codes(site.chart("T1")) == ["E11.9"]
    site.ask("rebuild", patients=[patient], take_back=[2])
    assert codes(site.chart("T1")) == ["E11.9", "I10"]


def test_a_command_waits_until_nothing_of_its_patients_is_being_sent(site):
    site.book("20260410")
    patient = site.store.work.load_patients(["|T1"])["|T1"].id
    waiting = site.ask("rebuild", patients=[patient])
    assert waiting.state == "waiting"
    site.reply(TAKEN)
    site.look()
    assert site.store.commands.get(waiting.id).state == "done"


def test_new_rules_reach_old_messages_and_what_they_allow_is_posted(site, store):
    """Numbers of two authorities, none named in the settings: held. Then the site names its own."""
    other = type(site)(store, policy=Policy())
    two = "PID|1||9^^^OTHER^MR~T7^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
    raw = (
        "MSH|^~\\&|APP|FAC|R|R|202603050830||SIU^S12|HELD|P|2.5.1\r"
        f"SCH||F2|||||||||^^^202604100930\r{two}\rAIP|1||1234567893^Quill^Avery^^^^^^NPI"
    )
    other.raw("SIU^S12", "HELD", raw)
    held = store.views.messages()[0]
    assert (held.decision, held.patient_id) == ("hold", None)
    later = type(site)(store)
    done = later.ask("rebuild", messages=[held.id], again=True)
    assert done.result["posted"] == 1
    again = store.views.message(held.id)
    assert (again.summary.decision, again.request.state) == ("post", "sending")
    assert number(later.couriers.sent[-1]) == "T7"


def test_what_waited_behind_a_command_goes_on_once_it_is_carried_out(site):
    site.book("20260401")
    site.couriers.free = 0
    site.book("20260402", patient="T2")
    number = site.store.commands.add("discard", {"requests": [1, 2], "who": "anna", "why": "x"})
    site.look()
    assert site.store.commands.get(number).state == "waiting"
    site.book("20260403", kind="SIU^S13")
    site.book("20260404", kind="SIU^S13", patient="T2")
    site.couriers.free = 4
    site.reply(Reply(failure="refused"))
    site.look()
    assert site.store.commands.get(number).state == "done"
    assert {row.state for row in site.store.views.messages()} == {"done"}
    assert site.states() == ["discarded", "discarded", "sending", "sending"]


@pytest.mark.parametrize("arguments", [{"messages": [99]}, {"set_aside": [99]}])
def test_a_command_about_a_message_that_is_not_there_fails_and_says_so(site, arguments):
    done = site.ask("rebuild", **arguments)
    assert (done.state, done.result) == ("failed", {"problem": "there is no decided message 99"})


def test_an_unknown_command_fails(site):
    assert site.ask("fly").state == "failed"


def test_a_person_releases_the_request_of_a_protected_patient(site):
    site.tell("ADT^A08", "PD1||||||||||||Y")
    site.book("20260410")
    assert site.states() == ["held"]
    done = site.ask("release", requests=[1])
    assert done.result == {"requests": 1, "released": 1, "let_go": [1]}
    assert site.states() == ["sending"]
    site.reply(TAKEN)
    site.book("20260411", "SIU^S13")
    assert site.states() == ["delivered", "sending"], "the appointment's later requests go too"


def test_releasing_does_not_send_what_lacks_something(site):
    site.tell("ADT^A08", "PD1||||||||||||Y")
    site.tell("SIU^S12", "SCH||F1|||||||||^^^202604100930")
    assert site.ask("release", requests=[1]).result == {
        "requests": 1,
        "released": 0,
        "let_go": [1],
    }
    (request,) = site.store.views.requests()
    assert request.state == "held"
    assert orjson.dumps(request.reasons).count(b"protected") == 0
