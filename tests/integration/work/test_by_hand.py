"""What persons do to requests: sent again, now, or given up; on a real store with the real core."""

from datetime import date

import orjson
import pytest

from interface.chart.kept import kept_beside
from interface.delivery.verdict import Reply
from interface.store.records.lists import MessageFilter, RequestFilter

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
REFUSED = Reply(400, is_json_object=True)
AWAY = Reply(None, failure="refused")


@pytest.fixture
def dead(site):
    """A site whose API has refused the content of the first request."""
    site.book("20260410")
    site.reply(REFUSED)
    assert site.states() == ["dead"]
    return site


def told(site, kind, *ids, **more):
    return site.ask(kind, requests=list(ids), who="anna", **more).result


def why(site, kind, id, **more):
    result = told(site, kind, id, **more)
    assert result["done"] == 0
    ((number, reason),) = result["refused"]
    assert number == id
    return reason


def body(site, id):
    return orjson.loads(site.store.views.request(id).body)


def test_a_dead_request_is_sent_again_composed_from_what_is_known_now(dead):
    dead.tell("ADT^A03", "DG1|1||E11.9^Diabetes^I10")
    assert told(dead, "retry", 1) == {"requests": 1, "done": 1, "refused": []}
    assert [entry["code"] for entry in dead.couriers.sent[-1]["activeIcd10Diagnoses"]] == ["E11.9"]
    dead.reply(TAKEN)
    assert dead.states() == ["delivered"]
    first, second = dead.store.views.request(1).attempts
    assert "activeIcd10Diagnoses" not in orjson.loads(first.body), "what was sent first is kept"
    assert second.body is None


def test_after_a_retry_the_same_message_again_asks_for_nothing_new(dead):
    told(dead, "retry", 1)
    dead.reply(TAKEN)
    dead.book("20260410")
    assert dead.states() == ["delivered"]


def test_a_retried_request_that_lacks_something_by_now_is_held(dead):
    dead.tell("ADT^A03", "PD1||||||||||||Y")
    assert told(dead, "retry", 1)["done"] == 1
    assert dead.states() == ["held"]
    assert dead.store.views.request(1).summary.reasons[0]["code"] == "protected"
    assert told(dead, "release", 1)["released"] == 1
    assert dead.states() == ["sending"]


def test_a_waiting_request_is_due_now(site):
    site.book("20260410")
    site.reply(AWAY)
    assert site.states() == ["waiting"] and not site.couriers.jobs
    assert told(site, "retry", 1)["done"] == 1
    assert site.states() == ["sending"]


def test_an_appointment_never_has_two_open_requests(dead):
    dead.couriers.free = 0
    dead.book("20260411")
    assert dead.states() == ["dead", "waiting"]
    assert why(dead, "retry", 1) == "request 2 is newer for its appointment (waiting)"
    dead.couriers.free = 4
    dead.turn()
    dead.reply(TAKEN)
    assert why(dead, "retry", 1) == "request 2 is newer for its appointment (delivered)"
    assert dead.states() == ["dead", "delivered"]


def test_what_is_being_sent_waits_until_it_is_back(site):
    site.book("20260410")
    number = site.store.commands.add("discard", {"requests": [1], "who": "anna", "why": "x"})
    site.look()
    assert site.store.commands.get(number).state == "waiting"
    assert site.states() == ["sending"]
    site.reply(AWAY)
    site.look()
    assert site.states() == ["discarded"]


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (lambda site: site.book("20260410", "SIU^S15"), "its appointment is cancelled"),
        (lambda site: site.set(2026, 4, 11, 12), "its appointment's date has passed"),
    ],
)
def test_what_can_no_longer_be_asked_for_is_refused_with_the_reason(dead, before, reason):
    before(dead)
    assert why(dead, "retry", 1) == reason
    assert dead.states() == ["dead"]


def test_states_that_cannot_be_retried_or_given_up(site):
    site.book("20260410")
    site.reply(TAKEN)
    assert why(site, "retry", 1) == why(site, "discard", 1) == "it is delivered"
    assert why(site, "retry", 99) == "there is no request 99"
    site.tell("ADT^A08", "PD1||||||||||||Y", patient="T2")
    site.book("20260411", patient="T2")
    assert why(site, "retry", 2).startswith("it is held")


def test_one_that_cannot_be_done_does_not_keep_the_others_back(dead):
    dead.book("20260412", patient="T2")
    dead.reply(TAKEN)
    assert told(dead, "retry", 1, 2) == {"requests": 2, "done": 1, "refused": [[2, "it is delivered"]]}


@pytest.mark.parametrize("state", ["held", "waiting", "dead"])
def test_a_request_is_given_up_with_who_and_why(site, state):
    if state == "held":
        site.tell("ADT^A08", "PD1||||||||||||Y")
    site.couriers.free = 4 if state == "dead" else 0
    site.book("20260410")
    if state == "dead":
        site.reply(REFUSED)
    assert site.states() == [state]
    assert told(site, "discard", 1, why="Robin called")["done"] == 1
    found = site.store.views.request(1)
    assert (found.summary.state, found.summary.due_at) == ("discarded", None)
    assert found.summary.reasons == [{"code": "discarded", "text": "given up by anna"}]
    assert kept_beside(found.detail)["discarded"] == {"by": "anna", "why": "Robin called"}
    kept = kept_beside(found.detail)
    assert kept["fields"], "where its values came from is kept"
    assert "known" in kept, "and that it shares what was known"


def test_what_was_given_up_is_asked_for_anew_only_when_it_would_say_something_else(dead):
    told(dead, "discard", 1, why="x")
    dead.book("20260410")
    dead.turn()
    (message, *_) = dead.store.views.messages()
    assert (message.decision, message.reasons[0]["code"]) == ("chart", "discarded")
    assert dead.states() == ["discarded"]
    dead.set(2026, 3, 6, 12)
    assert dead.states() == ["discarded"], "a new day asks for nothing either"
    assert dead.ask("rebuild", patients=[1], messages=[2], again=True).result["posted"] == 0
    dead.book("20260411")
    assert dead.states() == ["discarded", "sending"]


def test_a_held_request_that_was_given_up_does_not_come_back_with_each_message(site):
    site.tell("ADT^A08", "PD1||||||||||||Y")
    site.book("20260410")
    told(site, "discard", 1, why="x")
    site.book("20260410")
    site.tell("ADT^A08", "PD1||||||||||||Y")
    assert site.states() == ["discarded"]


def test_what_was_given_up_is_not_asked_for_when_what_held_it_is_over(site):
    site.tell("SIU^S12", "SCH||F1|||||||||^^^202604010930", site.AIP, "PD1||||||||||||Y")
    assert site.states() == ["held"]
    told(site, "discard", 1, why="x")
    site.tell("SIU^S14", "SCH||F1|||||||||^^^202604010930", site.AIP, "PD1||||||||||||N")
    assert site.states() == ["discarded"]
    site.tell("SIU^S13", "SCH||F1|||||||||^^^202604020930", site.AIP)
    assert site.states() == ["discarded", "sending"], "it says something else"


def test_what_was_given_up_is_sent_when_a_person_retries_it(dead):
    told(dead, "discard", 1, why="x")
    assert told(dead, "retry", 1)["done"] == 1
    dead.reply(TAKEN)
    assert dead.states() == ["delivered"]
    assert "discarded" not in kept_beside(dead.store.views.request(1).detail)


def test_what_was_given_up_after_it_was_counted_as_dead_is_not_sent(dead):
    told(dead, "discard", 1, why="the patient asked us not to")
    assert why(dead, "retry", 1, given_up=False) == "it was given up meanwhile"
    assert dead.states() == ["discarded"]
    assert told(dead, "retry", 1, given_up=True)["done"] == 1


def test_a_dead_request_of_a_patient_who_was_merged_is_sent_under_the_surviving_number(dead):
    dead.tell("ADT^A40", "MRG|T1^^^LFC^MR", patient="T9")
    assert told(dead, "retry", 1)["done"] == 1
    assert dead.couriers.sent[-1]["patient"]["mrn"]["extension"] == "T9"


def test_requests_are_found_by_what_is_known_of_them(dead):
    dead.book("20260411", patient="T2")
    dead.reply(TAKEN)
    dead.tell("ADT^A40", "MRG|T1^^^LFC^MR", patient="T9")

    def found(**where):
        return [row.id for row in dead.store.views.requests(RequestFilter(**where))]

    assert found(last_status=400) == [1]
    assert found(message_type="SIU^S12", sender="APP") == found(sender="FAC") == [2, 1]
    assert found(message_type="SIU^S13") == found(sender="OTHER") == []
    assert found(patient_key="|T9") == [1], "with those of before the merge"
    assert found(patient_key="|T2") == [2]
    told(dead, "discard", 1, why="x")
    assert found(code="discarded") == [1]
    assert found(code="dis_arded") == found(code="discard") == []
    assert found(appointment_date=date(2026, 4, 11), state="delivered") == [2]


def test_messages_are_found_by_sender_reason_and_patient(dead):
    dead.tell("ADT^A08", "PD1||||||||||||Y", patient="T2")
    dead.book("20260411", patient="T2")

    def found(**where):
        return [row.id for row in dead.store.views.messages(MessageFilter(**where))]

    assert found(code="protected") == [3]
    assert found(patient_key="|T2") == [3, 2]
    assert found(sender="FAC", message_type="ADT^A08") == [2]
    assert found(sender="fac") == []


def test_on_the_appointments_own_day_it_can_still_be_sent(dead):
    dead.set(2026, 4, 10, 23)
    assert told(dead, "retry", 1)["done"] == 1
    assert dead.states() == ["sending"]


def test_a_chart_that_cannot_be_opened_keeps_only_its_own_requests_back(dead):
    dead.book("20260411", patient="T2")
    dead.reply(REFUSED)
    with dead.store.work._writing() as connection:
        connection.exec_driver_sql("UPDATE charts SET chart = '' WHERE patient_id = 1")
    result = told(dead, "retry", 1, 2)
    assert result["refused"] == [[1, "the stored chart of its patient cannot be opened"]]
    assert dead.states() == ["dead", "sending"]
