"""Courier threads: side by side, never dying, never telling more than they should."""

import select
import threading
import time
from contextlib import contextmanager

from interface.contract.v2 import panel
from interface.delivery.panel import of_each
from interface.delivery.verdict import Reply
from interface.services.courier import ONE, Couriers, Envelope, Job

TAKEN = Reply(200, is_json_object=True, correlation_id="c")


class FakePost:
    def __init__(self, act):
        self.act = act
        self.closed = False

    def post(self, body):
        return self.act(body) or TAKEN

    def close(self):
        self.closed = True


PANEL = Envelope(panel, of_each)


@contextmanager
def couriers(act, count=4, envelope=ONE):
    posters = []

    def poster():
        posters.append(FakePost(act))
        return posters[-1]

    couriers = Couriers(poster, count, time.monotonic, envelope)
    couriers.posters = posters
    try:
        yield couriers
    finally:
        couriers.stop(5)
        couriers.close()
        assert all(poster.closed for poster in posters)


def collect(couriers, count):
    """Wait for `count` attempts, as the loop does."""
    attempts = []
    while len(attempts) < count:
        ready, _, _ = select.select([couriers], [], [], 10)
        assert ready, "no courier came back"
        attempts += couriers.collect()
    return attempts


def job(n):
    return Job(request_id=n, patient_id=n, body=b"%d" % n)


def test_a_job_comes_back_with_its_reply_and_its_times():
    with couriers(lambda body: None) as four:
        four.put(job(7))
        (attempt,) = collect(four, 1)
    assert (attempt.job.request_id, attempt.reply, attempt.error) == (7, TAKEN, "")
    assert attempt.started <= attempt.ended


def test_as_many_go_side_by_side_as_there_are_couriers():
    together = threading.Barrier(4)
    with couriers(lambda body: together.wait(10) and None) as four:
        assert four.free == 4
        for n in range(4):
            four.put(job(n))
        assert (four.in_flight, four.free) == (4, 0)
        assert len(collect(four, 4)) == 4
        assert (four.in_flight, four.free) == (0, 4)


def test_a_courier_survives_whatever_happens_and_says_where_but_not_what():
    def act(body):
        if body == b"1":
            raise RuntimeError("ANNA EXAMPLE")

    with couriers(act, count=1) as one:
        one.put(job(1))
        one.put(job(2))
        broken, fine = collect(one, 2)
        assert len(one.posters) == 2  # what broke is not used again
    assert broken.reply == Reply(failure="other")
    assert broken.error.startswith("RuntimeError at ")
    assert "ANNA" not in broken.error
    assert fine.reply == TAKEN


def test_a_poster_that_cannot_be_made_is_a_failed_attempt():
    def poster():
        raise OSError("no certificates")

    failing = Couriers(poster, 1, time.monotonic)
    failing.put(job(1))
    (attempt,) = collect(failing, 1)
    failing.stop(5)
    failing.close()
    assert attempt.reply.failure == "other"


def test_threads_are_started_only_as_they_are_needed():
    with couriers(lambda body: None, count=8) as eight:
        for n in range(20):
            eight.put(job(n))
            collect(eight, 1)
        assert len(eight.posters) == 1


def test_a_thousand_attempts_do_not_fill_the_pipe():
    with couriers(lambda body: None) as four:
        for n in range(1000):
            four.put(job(n))
        assert {attempt.job.request_id for attempt in collect(four, 1000)} == set(range(1000))


def test_stopping_does_not_wait_longer_than_told_for_one_that_hangs():
    release = threading.Event()
    hanging = Couriers(lambda: FakePost(lambda body: release.wait(10) and None), 1, time.monotonic)
    hanging.put(job(1))
    began = time.monotonic()
    hanging.stop(0.05)
    assert time.monotonic() - began < 5
    hanging.close()  # leaves the pipe to the thread that still has it
    release.set()
    collect(hanging, 1)
    hanging.stop(5)
    hanging.close()


def test_a_body_is_not_in_a_jobs_representation():
    assert "SECRET" not in repr(Job(1, 1, b"SECRET"))


def test_a_parcel_is_one_post_and_an_attempt_for_each_of_its_jobs():
    seen = []

    def act(body):
        seen.append(body)
        return Reply(200, is_json_object=True, correlation_id="p", responses=((1, "b"), (0, "a")))

    with couriers(act, envelope=PANEL) as four:
        four.put(job(1), job(2))
        assert (four.in_flight, four.free) == (1, 3)
        attempts = collect(four, 2)
        assert (four.in_flight, four.free) == (0, 4)
    assert seen == [b'{"patientProcessingRequests":[1,2]}']
    assert [(done.job.request_id, done.reply.correlation_id) for done in attempts] == [(1, "a"), (2, "b")]
    assert attempts[0].started == attempts[1].started


def test_a_parcel_whose_sending_fails_in_our_own_code_comes_back_whole():
    def act(body):
        raise KeyError("ANNA")

    with couriers(act, envelope=PANEL) as four:
        four.put(job(1), job(2))
        attempts = collect(four, 2)
    assert [done.job.request_id for done in attempts] == [1, 2]
    assert {done.reply.failure for done in attempts} == {"other"}
    assert all(done.error.startswith("KeyError at ") and "ANNA" not in done.error for done in attempts)
