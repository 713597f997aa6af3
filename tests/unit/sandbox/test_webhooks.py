"""When webhooks are sent, tried again and given up: on a clock of the test's own."""

import json

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from interface.sandbox.calls import Call
from interface.sandbox.playing import Play
from interface.sandbox.test_patients import TestPatients
from interface.sandbox.webhooks import NoReplyError, Retries, State, WebhookLog, Webhooks, checked_url

URL = "https://example.org:8443/secret/webhooks"
OWN_ID = "6f1c2b34-0000-4000-8000-000000000001"
BODY = {"patient": {"mrn": {"extension": "T1"}, "name": {"family": "Okafor"}, "birthDate": "1980-02-03"}}


class Receiver:
    """Gives the statuses it is told, then 204; None: no reply; "later": when the test says so."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.got = []
        self.open = []

    def post(self, url, body):
        self.got.append((url, json.loads(body)))
        status = self.statuses.pop(0) if self.statuses else 204
        if status == "later":
            self.open.append(Deferred())
            return self.open[-1]
        return fail(NoReplyError("connection refused")) if status is None else succeed(status)

    @property
    def types(self):
        return [body["type"] for _, body in self.got]


class Rehearsal:
    def __init__(self, receiver, how=None, *, urls=(URL,), retries=None, **more):
        self.clock = Clock()
        self.log = WebhookLog(1000)
        self.said = []
        self.webhooks = Webhooks(
            how or Play(delay=(1, 1), contradict=1),  # two events of each, a second apart
            retries or Retries(attempts=4, pause=10),
            receiver.post,
            self.clock,
            self.log,
            now_ns=lambda: 1_772_463_600_000_000_000,
            say=self.said.append,
            **more,
        )
        self.webhooks.send_to(urls)

    def take(self, **change):
        call = Call(1, "/v1/scheduled-appointment", accepted=True, processed=True)
        call.correlation_id, call.body = OWN_ID, BODY
        for name, value in change.items():
            setattr(call, name, value)
        return self.webhooks.taken_in(call)

    @property
    def seen(self):
        return [webhook.as_json() for webhook in self.log.after(0)]

    def states(self):
        return [one["state"] for one in self.seen]


def test_events_are_sent_when_they_are_due():
    receiver = Receiver()
    rehearsal = Rehearsal(receiver)
    assert rehearsal.take() is None
    assert (receiver.types, rehearsal.states()) == ([], ["waiting", "waiting"])
    rehearsal.clock.advance(1)
    assert (receiver.types, rehearsal.states()) == (["patient.insufficientData"], ["delivered", "waiting"])
    rehearsal.clock.advance(1)
    assert receiver.types == ["patient.insufficientData", "document.deliveryComplete"]
    assert rehearsal.seen[1]["event"]["timestamp"] == "2026-03-02T15:00:02.000000000Z"
    assert not rehearsal.clock.getDelayedCalls()


@pytest.mark.parametrize("change", [{"processed": False}, {"processed": False, "correlation_id": None}])
def test_nothing_is_sent_of_a_request_that_was_only_checked(change):
    rehearsal = Rehearsal(Receiver())
    rehearsal.take(**change)
    assert rehearsal.seen == []


def test_nothing_is_planned_while_nobody_receives():
    rehearsal = Rehearsal(Receiver(), urls=())
    rehearsal.take()
    assert rehearsal.seen == []


def test_all_receivers_get_every_event():
    receiver = Receiver()
    rehearsal = Rehearsal(receiver, urls=("http://a.example/x", "http://b.example/y"))
    rehearsal.take()
    rehearsal.clock.pump([1, 1])
    assert len(receiver.got) == 4
    bodies = {url: [body for to, body in receiver.got if to == url] for url, _ in receiver.got}
    assert bodies["http://a.example/x"] == bodies["http://b.example/y"]


def test_what_is_not_answered_2xx_comes_again_after_growing_pauses_until_it_is():
    receiver = Receiver(503, None, 302)
    rehearsal = Rehearsal(receiver, Play(delay=(0, 0), insufficient=1))
    rehearsal.take()
    times = []
    for _ in range(100):
        before = len(receiver.got)
        rehearsal.clock.advance(1)
        times += [rehearsal.clock.seconds()] * (len(receiver.got) - before)
    assert times == [1, 11, 31, 71]  # 1: the first moment the clock went on
    (webhook,) = rehearsal.seen
    assert (webhook["state"], webhook["attempts"], webhook["status"]) == ("delivered", 4, 204)
    assert len({json.dumps(body) for _, body in receiver.got}) == 1
    assert rehearsal.said == [
        "webhook patient.insufficientData 503, again in 10 s",
        "webhook patient.insufficientData connection refused, again in 20 s",
        "webhook patient.insufficientData 302, again in 40 s",
        "webhook patient.insufficientData 204",
    ]


def test_a_webhook_is_given_up_after_its_attempts_and_says_the_last_reason():
    receiver = Receiver(500, 500, 500, None)
    rehearsal = Rehearsal(receiver, Play(delay=(0, 0), insufficient=1))
    rehearsal.take()
    rehearsal.clock.pump([1] * 1000)
    (webhook,) = rehearsal.seen
    assert len(receiver.got) == 4
    assert (webhook["state"], webhook["status"], webhook["error"]) == ("given up", None, "connection refused")
    assert not rehearsal.clock.getDelayedCalls()


def test_an_event_is_not_sent_before_the_one_before_it_was_tried():
    receiver = Receiver("later")
    rehearsal = Rehearsal(receiver)
    rehearsal.take()
    rehearsal.clock.pump([1] * 5)
    assert receiver.types == ["patient.insufficientData"]
    receiver.open[0].callback(500)
    assert receiver.types == ["patient.insufficientData", "document.deliveryComplete"]
    assert rehearsal.states() == ["waiting", "delivered"]


def test_a_lost_event_is_noted_and_not_sent():
    receiver = Receiver()
    rehearsal = Rehearsal(receiver, Play(insufficient=1, lose=1))
    rehearsal.take()
    rehearsal.clock.pump([1] * 5)
    (webhook,) = rehearsal.seen
    assert (webhook["state"], webhook["kind"], webhook["attempts"], receiver.got) == ("lost", "lost", 0, [])


@pytest.mark.parametrize("outcome", [204, 500])
def test_the_reply_waits_for_an_event_that_is_to_come_before_it(outcome):
    receiver = Receiver("later")
    rehearsal = Rehearsal(receiver, Play(early=1))
    reply = rehearsal.take()
    assert receiver.types == ["patient.found"]
    assert not reply.called
    receiver.open[0].callback(outcome)
    assert reply.called
    rehearsal.clock.pump([1] * 200)  # it is told once only, whatever comes later


def test_the_reply_does_not_wait_for_a_receiver_that_stands_still():
    rehearsal = Rehearsal(Receiver("later", "later"), Play(early=1))
    reply = rehearsal.take()
    rehearsal.clock.advance(9.9)
    assert not reply.called
    rehearsal.clock.advance(0.1)
    assert reply.called


def test_it_is_idle_when_nothing_waits_any_more():
    rehearsal = Rehearsal(Receiver())
    assert rehearsal.webhooks.idle().called
    rehearsal.take()
    waiter, left = rehearsal.webhooks.idle(), rehearsal.webhooks.idle()
    left.addErrback(lambda _: None)
    left.cancel()
    rehearsal.clock.advance(1)
    assert not waiter.called
    rehearsal.clock.advance(1)
    assert waiter.called


def test_it_is_idle_when_all_that_was_planned_is_lost():
    rehearsal = Rehearsal(Receiver(), Play(insufficient=1, lose=1))
    rehearsal.take()
    assert rehearsal.webhooks.idle().called


def test_stopped_it_sends_nothing_more():
    receiver = Receiver("later")
    rehearsal = Rehearsal(receiver)
    rehearsal.take()
    rehearsal.clock.advance(1)
    rehearsal.webhooks.stop()
    rehearsal.clock.pump([1] * 100)
    assert (len(receiver.got), rehearsal.clock.getDelayedCalls()) == (1, [])


def test_stopped_it_does_not_send_what_waited_for_its_turn():
    receiver = Receiver("later", "later")
    rehearsal = Rehearsal(receiver)
    rehearsal.take()
    rehearsal.clock.pump([1] * 5)  # the second is due and waits for the first
    rehearsal.webhooks.stop()
    assert len(receiver.got) == 1


def test_only_so_many_are_under_way_at_a_time():
    receiver = Receiver(*["later"] * 100)
    rehearsal = Rehearsal(receiver, Play(delay=(0, 0), insufficient=1))
    for number in range(100):
        rehearsal.take(number=number)
    rehearsal.clock.advance(0)
    assert len(receiver.got) == 32
    for number in range(100):
        receiver.open[number].callback(204)
    assert rehearsal.log.ended[State.DELIVERED] == 100


def test_only_test_patients_are_found_when_they_are_named():
    test_patients = TestPatients(frozenset({("T1", "okafor", "1980-02-03")}))
    panel = {
        "patientProcessingRequests": [BODY, {"patient": {}}],
        "batchId": "monday",
    }
    ids = ("6f1c2b34-0000-4000-8000-00000000000a", "6f1c2b34-0000-4000-8000-00000000000b")
    receiver = Receiver()
    rehearsal = Rehearsal(receiver, Play(), test_patients=test_patients)
    rehearsal.take(body=panel, patient_ids=ids)
    rehearsal.clock.pump([1] * 10)
    of_each = {own: [body["type"] for _, body in receiver.got if body["correlationId"] == own] for own in ids}
    assert of_each[ids[0]][:2] == ["patient.found", "document.deliveryComplete"]
    assert of_each[ids[1]] == ["patient.insufficientData"]
    assert {body["batchId"] for _, body in receiver.got} == {"monday"}


def test_the_log_shows_where_to_without_the_path_which_may_be_a_secret():
    rehearsal = Rehearsal(Receiver())
    rehearsal.take()
    rehearsal.clock.pump([1] * 5)
    assert {one["to"] for one in rehearsal.seen} == {"https://example.org:8443"}
    assert "secret" not in json.dumps(rehearsal.seen) + " ".join(rehearsal.said)
    assert rehearsal.log.summary().split() == ["webhooks", "2", "waiting", "0", "delivered", "2"]


@pytest.mark.parametrize(
    "text",
    ["", "example.org", "ftp://example.org/", "https://", "https://a b/", "https://x:y@z/", "https://x/#y", "http://x:99999/"],
)  # fmt: skip
def test_what_is_no_receivers_url_is_refused(text):
    with pytest.raises(ValueError, match="URL"):
        checked_url(text)
