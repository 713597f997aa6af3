"""The loop on a real store with the real core, a clock that is set and couriers that answer when told to."""

import orjson
from made_up import AIP

from interface.delivery.verdict import Reply

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
RXE = "RXE|1^^^^20260306|860975^metformin 500 MG^RXNORM"


def test_a_new_day_composes_every_open_request_anew(site):
    site.tell("RDE^O11", "ORC|NW|P1", RXE)
    site.book("20260410")
    assert site.couriers.sent[-1]["medications"][0]["active"] is True
    site.reply(Reply(503))
    site.set(2026, 3, 7, 12)
    assert site.states() == ["sending"]
    assert site.couriers.sent[-1]["medications"][0]["active"] is False, "the order ended on the sixth"
    site.reply(TAKEN)
    (attempt, _) = site.store.views.request(1).attempts
    assert orjson.loads(attempt.body)["medications"][0]["active"] is True, "what was sent on the fifth"


def test_what_is_being_sent_at_midnight_is_composed_anew_before_it_is_sent_again(site):
    site.tell("RDE^O11", "ORC|NW|P1", RXE)
    site.book("20260410")
    site.set(2026, 3, 7, 12)
    site.reply(Reply(503))
    site.set(2026, 3, 7, 13)
    first, second = site.couriers.sent
    assert (first["medications"][0]["active"], second["medications"][0]["active"]) == (True, False)


def test_a_new_day_expires_what_is_past_and_leaves_the_rest(site):
    site.couriers.free = 0
    site.book("20260306")
    site.book("20260410", patient="T2")
    site.couriers.free = 4
    site.set(2026, 3, 7, 12)
    assert site.states() == ["expired", "sending"]
    assert [request.attempts for request in site.store.views.requests()] == [0, 0]


def test_a_cancellation_reaches_what_was_superseded_while_it_was_being_sent(site):
    site.book("20260410")
    site.book("20260411", "SIU^S13")
    site.tell("SIU^S15", "SCH||FT1|||||||||^^^202604110930", AIP)
    site.reply(Reply(503))
    site.set(2026, 3, 5, 13)
    assert site.states() == ["superseded", "withdrawn"]
    assert len(site.couriers.sent) == 1


def test_a_new_request_does_not_wait_for_the_one_it_supersedes(site):
    site.book("20260410")
    site.reply(Reply(503))
    assert not site.couriers.jobs
    site.book("20260411", "SIU^S13")
    assert site.states() == ["superseded", "sending"]
    assert site.couriers.sent[-1]["upcomingAppointmentDate"] == "2026-04-11"


def test_what_a_message_changes_of_a_request_does_not_send_it_before_retry_after(site):
    site.book("20260410")
    site.reply(Reply(429, retry_after="3600"))
    site.tell("ADT^A08", "PD1||")
    site.tell("RDE^O11", "ORC|NW|P1", RXE)
    assert site.states() == ["waiting"]
    site.set(2026, 3, 5, 13, 10)
    assert site.couriers.sent[-1]["medications"]
