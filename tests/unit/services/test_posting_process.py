"""Threads that POST: side by side, never dying, never telling more than they should; and what goes over the line."""

import socket
import threading
from queue import Queue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.delivery.verdict import Reply
from interface.services.posting_line import Posted, SendUntil, ToPost, Unpacker, packed
from interface.services.posting_process import Permission, Threads
from interface.services.target import Target

TAKEN = Reply(200, is_json_object=True, correlation_id="c")


class FakePost:
    def __init__(self, act):
        self.act = act
        self.closed = False

    def post(self, body, claimed_at):
        return self.act(body) or TAKEN

    def close(self):
        self.closed = True


class Running:
    """Threads, the posters they made, and what they gave back."""

    def __init__(self, act, count=4):
        self.posters, self.given = [], Queue()
        self.threads = Threads(self.poster(act), count, self.given.put)

    def poster(self, act):
        def make():
            self.posters.append(FakePost(act))
            return self.posters[-1]

        return make

    def put(self, *numbers):
        self.threads.put([ToPost(n, b"%d" % n) for n in numbers])

    def collect(self, count):
        return [self.given.get(timeout=10) for _ in range(count)]


def test_a_body_comes_back_with_its_reply_and_its_times():
    running = Running(lambda body: None)
    running.put(7)
    (posted,) = running.collect(1)
    assert (posted.number, posted.reply, posted.error) == (7, TAKEN, "")
    assert posted.started <= posted.ended


def test_as_many_go_side_by_side_as_there_are_threads():
    together = threading.Barrier(4)
    running = Running(lambda body: together.wait(10) and None)
    running.put(0, 1, 2, 3)
    assert len(running.collect(4)) == 4


def test_what_finds_no_thread_waits_and_goes_when_one_is_back():
    go_on, both = threading.Event(), threading.Barrier(2)

    def act(body):
        go_on.wait(10)
        both.wait(10)

    running = Running(act, count=2)
    running.put(0, 1, 2, 3)
    assert running.threads.waiting
    go_on.set()
    assert [posted.reply for posted in running.collect(4)] == [TAKEN] * 4
    assert not running.threads.waiting
    assert len(running.posters) == 2


def test_what_has_waited_too_long_is_given_back_unsent():
    go_on = threading.Event()
    running = Running(lambda body: go_on.wait(10) and None, count=1)
    running.put(0, 1, 2)
    running.threads.give_back_old(3600.0)
    assert running.threads.waiting
    running.threads.give_back_old(0.0)
    assert [(posted.number, posted.reply) for posted in running.collect(2)] == [(1, None), (2, None)]
    go_on.set()
    (sent,) = running.collect(1)
    assert (sent.number, sent.reply) == (0, TAKEN)


@pytest.mark.parametrize(
    ("reply", "goes_on"),
    [
        (TAKEN, True),
        (Reply(400), True),
        (Reply(429), False),
        (Reply(401), False),
        (Reply(503), False),
        (Reply(failure="reset"), False),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
def test_after_a_reply_that_is_not_about_its_request_alone_nothing_that_waits_goes_out(reply, goes_on):
    both_are_put = threading.Event()

    def act(body):
        both_are_put.wait(10)
        return reply if body == b"0" else TAKEN

    running = Running(act, count=1)
    running.put(0, 1, 2)
    both_are_put.set()
    came = {posted.number: posted.reply for posted in running.collect(3)}
    assert came == {0: reply} | dict.fromkeys((1, 2), TAKEN if goes_on else None)


def test_a_thread_survives_whatever_happens_and_says_where_but_not_what():
    def act(body):
        if body == b"1":
            raise RuntimeError("ANNA EXAMPLE")

    running = Running(act, count=1)
    running.put(1)
    (broken,) = running.collect(1)
    running.put(2)
    (fine,) = running.collect(1)
    assert [poster.closed for poster in running.posters] == [True, False]  # what broke is not used again
    assert broken.reply == Reply(failure="other")
    assert broken.error.startswith("RuntimeError at ")
    assert "ANNA" not in broken.error
    assert fine.reply == TAKEN


def test_a_poster_that_cannot_be_made_is_a_failed_post():
    def poster():
        raise OSError("no certificates")

    given = Queue()
    Threads(poster, 1, given.put).put([ToPost(1, b"")])
    assert given.get(timeout=10).reply.failure == "other"


def test_threads_are_started_only_as_they_are_needed():
    running = Running(lambda body: None, count=8)
    for n in range(20):
        running.put(n)
        running.collect(1)
    assert len(running.posters) == 1


TIMES = st.floats(allow_nan=False)
VALUES = st.one_of(
    st.builds(SendUntil, TIMES, TIMES),
    st.lists(st.builds(ToPost, st.integers(), st.binary(max_size=300), TIMES), max_size=5),
    st.builds(Target, st.text(max_size=20), st.text(max_size=20)),
    st.lists(st.builds(Posted, st.integers(), TIMES, TIMES, st.just(TAKEN))),
)


@given(st.lists(VALUES, max_size=6), st.integers(1, 50))
def test_what_one_side_says_comes_whole_and_in_order_in_any_portions(values, size):
    stream = b"".join(map(packed, values))
    unpacker = Unpacker()
    came = []
    for at in range(0, len(stream), size):
        came += unpacker.feed(stream[at : at + size])
    assert came == values


def test_a_key_is_in_no_representation():
    assert "SECRET" not in repr(Target("https://api.example", "SECRET"))


def test_nothing_leaves_once_the_work_is_gone_though_what_it_said_is_not_read_yet():
    """A process that stood still while its work was killed: the next one has sent it by now, and what came after it."""
    work, line = socket.socketpair()
    permission = Permission(line)
    assert permission(0.0)
    work.sendall(b"what is to be sent")
    assert permission(0.0)
    work.close()
    assert not permission(0.0)
    line.close()
