"""The process that POSTs, as the work has it: a real child, a real API on loopback."""

import os
import select
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from patience import PATIENCE

from interface.services.posting import PostingEndedError, posting_to
from interface.services.posting_line import ToPost
from interface.services.posting_process import LONGEST_WAIT_SECONDS
from interface.services.target import Target

BODY = b'{"patient": "K"}'


@contextmanager
def posting(url, count=4, key="the-key"):
    with posting_to(Target(url, key, connect_seconds=PATIENCE, read_seconds=PATIENCE), count) as line:
        yield line


def collect(line, count):
    """Wait for `count` replies, as the loop does."""
    came = []
    while len(came) < count:
        ready, _, _ = select.select([line], [], [], PATIENCE)
        assert ready, "nothing came back"
        came += line.collect()
    return came


def test_bodies_are_posted_side_by_side_and_their_replies_come_back(api):
    together = threading.Barrier(4)
    api.answer = lambda told, number: (together.wait(PATIENCE) and None) or 200
    with posting(api.url) as line:
        began = time.monotonic()
        line.put([ToPost(n, b'{"patient": "K%d"}' % n) for n in range(4)])
        came = collect(line, 4)
        assert line.collect() == []
    assert sorted(posted.number for posted in came) == [0, 1, 2, 3]
    assert {(posted.reply.status, posted.error) for posted in came} == {(200, "")}
    assert all(began < posted.started <= posted.ended <= time.monotonic() for posted in came)


def test_a_body_of_megabytes_goes_and_the_next_one_too(api):
    with posting(api.url) as line:
        line.put([ToPost(1, b'{"patient": "%s"}' % (b"x" * 6_000_000)), ToPost(2, BODY)])
        assert {posted.reply.status for posted in collect(line, 2)} == {200}
    assert sorted(len(told["patient"]) for told in api.taken) == [1, 6_000_000]


def test_nothing_leaves_after_the_time_until_which_it_may(api):
    with posting(api.url) as line:
        line.send_until(time.monotonic() - 0.001, 0.0)
        line.put([ToPost(1, BODY)])
        (lapsed,) = collect(line, 1)
        line.send_until(time.monotonic() + PATIENCE, 0.0)
        line.put([ToPost(2, BODY)])
        (fine,) = collect(line, 1)
    assert lapsed.reply.failure == "lapsed"
    assert fine.reply.status == 200
    assert len(api.seen) == 1


def test_nothing_leaves_that_was_claimed_before_others_may_have_taken_it(api):
    """A node that stood still between a claim and its POST, and gives signs of life again."""
    now = time.monotonic()
    with posting(api.url) as line:
        line.send_until(now + PATIENCE, since=now)
        line.put([ToPost(1, BODY, now - 0.001), ToPost(2, BODY, now)])
        ended = {posted.number: posted.reply for posted in collect(line, 2)}
    assert ended[1].failure == "lapsed"
    assert ended[2].status == 200
    assert len(api.seen) == 1


def test_a_work_that_is_slow_to_collect_can_put_more(api):
    """Long replies fill the line while a commit takes its time: neither side may wait for the other."""
    api.answer = lambda told, number: (400, b'{"message": "%s"}' % (b"x" * 8000), {})
    many = [[ToPost(100 * n + one, BODY.replace(b"K", b"K" * 20_000)) for one in range(96)] for n in (1, 2)]
    with posting(api.url, count=16) as line:
        line.put(many[0])
        time.sleep(2 * LONGEST_WAIT_SECONDS)  # in which nothing is collected
        more = threading.Thread(target=line.put, args=(many[1],), daemon=True)
        more.start()
        more.join(PATIENCE / 3)
        assert not more.is_alive(), "what ended cannot be told, and what is put is not taken"
        came = collect(line, 192)
    assert sorted(posted.number for posted in came) == sorted(body.number for put in many for body in put)


def test_what_waits_for_an_api_that_hangs_comes_back_unsent(api):
    go_on = threading.Event()
    api.answer = lambda told, number: (go_on.wait(PATIENCE) and None) or 200
    with posting(api.url, count=1) as line:
        line.put([ToPost(1, BODY), ToPost(2, BODY), ToPost(3, BODY)])
        assert [(posted.number, posted.reply) for posted in collect(line, 2)] == [(2, None), (3, None)]
        go_on.set()
        (sent,) = collect(line, 1)
    assert (sent.number, sent.reply.status, len(api.seen)) == (1, 200, 1)


def test_a_new_key_is_used_from_the_next_post_on(api):
    with posting(api.url, count=1) as line:
        line.put([ToPost(1, BODY)])
        collect(line, 1)
        line.use(Target(api.url, "another", connect_seconds=PATIENCE, read_seconds=PATIENCE))
        line.put([ToPost(2, BODY)])
        collect(line, 1)
        assert line.target.key == "another"
    assert [headers["apiKey"] for headers in api.headers] == ["the-key", "another"]


def test_the_key_is_in_no_list_of_processes(api):
    with posting(api.url) as line:
        line.wait_until_up()
        assert b"the-key" not in Path(f"/proc/{line._process.pid}/cmdline").read_bytes()


def test_signals_that_end_the_work_are_left_to_the_work(api):
    with posting(api.url) as line:
        line.put([ToPost(1, BODY)])
        collect(line, 1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(line._process.pid, number)
        line.put([ToPost(2, BODY)])
        assert collect(line, 1)[0].reply.status == 200


def test_one_that_was_killed_is_told_after_what_had_come_back(api):
    with posting(api.url) as line:
        line.wait_until_up()
        assert line.collect() == []
        line.put([ToPost(1, BODY)])
        select.select([line], [], [], PATIENCE)
        os.kill(line._process.pid, signal.SIGKILL)
        line._process.wait(PATIENCE)
        assert [posted.number for posted in line.collect()] == [1]
        with pytest.raises(PostingEndedError, match="SIGKILL"):
            line.collect()
        with pytest.raises(PostingEndedError):
            line.put([ToPost(2, BODY)])
        line.send_until(1.0, 0.0)  # from another thread: the loop finds out


def test_one_that_is_killed_before_it_is_up_is_said_to_have_ended(api):
    with posting(api.url) as line:
        os.kill(line._process.pid, signal.SIGKILL)
        line._process.wait(PATIENCE)
        with pytest.raises(PostingEndedError, match="SIGKILL"):
            line.wait_until_up()


def test_it_ends_with_the_work_and_sends_nothing_more(api):
    api.answer = lambda told, number: "hang"
    with posting(api.url, count=1) as line:
        line.put([ToPost(n, BODY) for n in range(3)])
        while not api.seen:
            time.sleep(0.01)
        began = time.monotonic()
    assert time.monotonic() - began < PATIENCE / 2
    assert line._process.returncode == 0
    api.resume.set()
    assert len(api.seen) == 1
