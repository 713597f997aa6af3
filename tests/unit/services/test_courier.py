"""Couriers: parcels out, attempts back, of each job its own reply."""

import time

from interface.contract.v2 import panel
from interface.delivery.panel import of_each
from interface.delivery.verdict import Reply
from interface.services.courier import ONE, Couriers, Envelope, GivenBack, Job
from interface.services.posting_line import Posted, ToPost

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
PANEL = Envelope(panel, of_each)


class FakePosting:
    """Keeps bodies until it is told the reply."""

    def __init__(self):
        self.bodies, self.back = [], []

    def put(self, bodies):
        self.bodies += bodies

    def answer(self, *numbers, reply=TAKEN, error="", now=None):
        now = time.monotonic() if now is None else now
        self.back += [Posted(self.bodies[at].number, now, now, reply, error) for at in numbers]

    def collect(self):
        back, self.back = self.back, []
        return back


def couriers(most=4, envelope=ONE, now=time.monotonic):
    made = Couriers(FakePosting(), most, now, envelope)
    return made, made._posting


def job(n):
    return Job(request_id=n, patient_id=n, body=b"%d" % n)


def test_a_job_comes_back_with_its_reply_and_with_times_of_the_works_clock():
    four, posting = couriers(now=lambda: time.monotonic() + 1000.0)
    four.put([[job(7)]], 5.0)
    assert posting.bodies == [ToPost(1, b"7", claimed_at=5.0)]
    began = time.monotonic()
    posting.answer(0, now=began)
    (attempt,) = four.collect()
    assert (attempt.job.request_id, attempt.reply, attempt.error) == (7, TAKEN, "")
    assert 999.9 < attempt.started - began < 1000.1
    assert attempt.ended == attempt.started


def test_as_many_are_out_as_there_are_couriers_and_they_come_back_in_the_order_they_ended():
    four, posting = couriers()
    assert four.free == 4
    four.put([[job(n)] for n in range(3)], 5.0)
    assert (four.in_flight, four.free) == (3, 1)
    posting.answer(2, 0)
    assert [attempt.job.request_id for attempt in four.collect()] == [2, 0]
    assert (four.in_flight, four.free) == (1, 3)
    assert four.collect() == []


def test_besides_those_that_go_at_once_some_may_wait_until_one_comes_back_unsent():
    four = Couriers(posting := FakePosting(), 4, time.monotonic, ahead=2)
    assert (four.free, four.ahead) == (4, 2)
    four.put([[job(n)] for n in range(5)], 5.0)
    assert (four.in_flight, four.free, four.ahead, four.wants_more) == (5, 0, 1, False)
    posting.answer(0)
    four.collect()
    assert (four.free, four.ahead, four.wants_more) == (0, 2, True)
    posting.answer(4, reply=None)
    assert four.collect() == [GivenBack(job(4))]
    assert (four.free, four.ahead, four.wants_more) == (1, 0, True)


def test_a_panel_that_comes_back_unsent_is_all_of_its_jobs():
    four, posting = couriers(envelope=PANEL)
    four.put([[job(1), job(2)]], 5.0)
    posting.answer(0, reply=None)
    assert four.collect() == [GivenBack(job(1)), GivenBack(job(2))]
    assert four.free == 4


def test_a_fault_of_our_own_is_told_with_the_attempt():
    four, posting = couriers(envelope=PANEL)
    four.put([[job(1), job(2)]], 5.0)
    posting.answer(0, reply=Reply(failure="other"), error="KeyError at x.py:1")
    attempts = four.collect()
    assert [done.job.request_id for done in attempts] == [1, 2]
    assert {(done.reply.failure, done.reply.together, done.error) for done in attempts} == {
        ("other", 2, "KeyError at x.py:1")
    }


def test_a_body_is_not_in_a_jobs_representation():
    assert "SECRET" not in repr(Job(1, 1, b"SECRET"))


def test_a_parcel_is_one_post_and_an_attempt_for_each_of_its_jobs():
    four, posting = couriers(envelope=PANEL)
    four.put([[job(1), job(2)]], 5.0)
    assert (four.in_flight, four.free) == (1, 3)
    assert [sent.body for sent in posting.bodies] == [b'{"patientProcessingRequests":[1,2]}']
    posting.answer(
        0, reply=Reply(200, is_json_object=True, correlation_id="p", responses=((1, "b"), (0, "a")))
    )
    attempts = four.collect()
    assert (four.in_flight, four.free) == (0, 4)
    assert [(done.job.request_id, done.reply.correlation_id) for done in attempts] == [(1, "a"), (2, "b")]
    assert attempts[0].started == attempts[1].started
