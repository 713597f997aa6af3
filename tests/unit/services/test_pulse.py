"""A node's signs of life, and whose turn it is, with a store that is made up."""

import pytest

from interface.services.pulse import Pulse
from interface.services.turn_keeper import TurnKeeper
from interface.store.errors import StoreError
from interface.store.leases import NODE_SECONDS, Hold, Seen
from interface.store.nodes import Node


class FakeNodes:
    def __init__(self):
        self.beats, self.renewed, self.alive, self.failing = 0, [], [], None
        self.counted_alive = False

    def pulse(self, node, name, *, daemon):
        if self.failing is not None:
            raise self.failing
        self.beats += 1
        alive, self.counted_alive = self.counted_alive, True
        return alive

    def renew(self, hold):
        self.renewed.append(hold)
        return True

    def daemons(self):
        return [Node("me", "host"), *self.alive]

    def leave(self, node):
        self.left = node


class FakeTurns:
    node = "me"

    def __init__(self, shared=True):
        self.shared = shared
        self.seen, self.fence, self.back, self.days = Seen(None, False), 0, [], []

    def take_turn(self):
        self.fence += 1
        return Hold("me", self.fence, "2026-03-05")

    def give_turn_back(self, hold):
        self.back.append(hold)

    def settled(self, hold, day):
        self.days.append(day)

    def look(self, most):
        return self.seen


@pytest.fixture
def turns():
    return FakeTurns()


@pytest.fixture
def renewals():
    return []


@pytest.fixture
def keeper(turns, renewals):
    return TurnKeeper(turns, lambda: renewals.append(turns.fence))


@pytest.fixture
def nodes():
    return FakeNodes()


@pytest.fixture
def beating(nodes, keeper):
    now, until = [100.0], []
    pulse = Pulse(
        lambda: nodes,
        "me",
        keeper,
        daemon=True,
        send_until=lambda *told: until.append(told),
        monotonic=lambda: now[0],
    )
    pulse.now, pulse.until = now, until
    yield pulse
    pulse.stop()


def test_a_sign_of_life_keeps_the_turn_and_tells_of_others(beating, nodes, keeper):
    keeper.hold = Hold("me", 3)
    beating.beat()
    assert (nodes.beats, nodes.renewed, keeper.alone) == (1, [Hold("me", 3)], True)
    nodes.alive = [Node("other", "host")]
    beating.beat()
    assert not keeper.alone


@pytest.mark.parametrize("failing", [StoreError("away"), ValueError("a fault of ours")])
def test_what_is_claimed_may_be_sent_as_long_as_others_count_us_alive(beating, nodes, failing):
    beating.beat()
    nodes.failing = failing
    beating.now[0] += NODE_SECONDS - 0.1
    beating.beat()
    assert beating.until == [(100.0 + NODE_SECONDS, 100.0)]
    nodes.failing = None
    beating.beat()
    assert beating.until[1:] == [(beating.now[0] + NODE_SECONDS, 100.0)]


@pytest.mark.parametrize(
    ("silence", "counted_alive", "since"),
    [(1.0, True, 100.0), (1.0, False, 101.0), (NODE_SECONDS + 0.5, True, 103.5)],
    ids=["alive", "the machine stood still, and its clock", "others may have looked just before"],
)
def test_what_was_claimed_before_others_counted_us_dead_is_not_sent(
    beating, nodes, silence, counted_alive, since
):
    beating.beat()
    beating.now[0] += silence
    nodes.counted_alive = counted_alive
    beating.beat()
    assert beating.until[-1] == (beating.now[0] + NODE_SECONDS, since)


def test_nor_what_was_claimed_while_the_first_sign_of_life_was_on_its_way(beating, nodes, monkeypatch):
    def slow(*_given, **_named):
        beating.now[0] += 1.0
        return False

    monkeypatch.setattr(nodes, "pulse", slow)
    beating.beat()
    assert beating.until == [(100.0 + NODE_SECONDS, 101.0)]


def test_others_are_not_judged_after_a_time_in_which_the_database_was_away(beating, nodes):
    beating.beat()
    beating.now[0] += NODE_SECONDS
    assert beating.may_judge()
    nodes.failing = StoreError("away")
    beating.beat()
    nodes.failing = None
    beating.now[0] += 60
    beating.beat()
    assert not beating.may_judge()
    beating.now[0] += NODE_SECONDS
    assert beating.may_judge()


def test_the_turn_is_taken_when_there_is_something_to_do(keeper, turns, renewals):
    assert not keeper.obtain(wanted=False, waiting=0)
    turns.seen = Seen(None, False, new_messages=2)
    assert not keeper.obtain(wanted=False, waiting=2), "they wait already"
    assert keeper.obtain(wanted=False, waiting=1)
    assert renewals == [1], "somebody else may have had it before"
    assert keeper.may_give_back() is True
    keeper.give_back()
    assert keeper.obtain(wanted=True, waiting=0)
    assert renewals == [1], "nobody had it in between"
    keeper.gone()
    turns.fence += 1
    assert keeper.obtain(wanted=True, waiting=0)
    assert renewals == [1, 4]


def test_another_nodes_turn_is_left_to_it(keeper, turns):
    turns.seen = Seen("other", False, new_messages=1)
    assert not keeper.obtain(wanted=True, waiting=0)
    turns.seen = Seen("other", True, new_messages=1)
    assert keeper.obtain(wanted=True, waiting=0)


def test_alone_on_a_file_the_turn_is_kept_and_nothing_is_looked_at(renewals):
    turns = FakeTurns(shared=False)
    turns.look = None
    keeper = TurnKeeper(turns, lambda: renewals.append(1))
    assert keeper.obtain(wanted=False, waiting=0)
    assert not keeper.may_give_back()
    keeper.give_back()
    assert turns.back == []
