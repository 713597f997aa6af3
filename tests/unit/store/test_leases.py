"""Who may do what when several nodes share a database."""

import pytest

from interface.store.leases import NODE_SECONDS, PULSE_SECONDS, TURN_SECONDS, Hold, Seen, Steadiness


def test_what_is_known_stays_true_while_nobody_else_had_the_turn():
    first = Hold("a", 7)
    assert Hold("a", 8).follows(first)
    assert not Hold("a", 9).follows(first), "somebody had it in between"
    assert not Hold("b", 8).follows(first)
    assert not first.follows(None)


@pytest.mark.parametrize(
    ("owner", "lapsed", "free"),
    [(None, False, True), ("a", False, True), ("b", False, False), ("b", True, True)],
)
def test_the_turn_is_to_be_had_when_it_is_nobodys_ours_or_lapsed(owner, lapsed, free):
    assert Seen(owner, lapsed).is_free("a") is free


def test_others_are_judged_only_after_ones_own_signs_have_gone_through_for_as_long_as_they_are_given():
    steady = Steadiness()
    assert not steady.may_judge(100.0)
    steady = steady.after(True, 100.0)
    assert not steady.may_judge(100.0 + NODE_SECONDS - 0.1)
    steady = steady.after(True, 101.0)
    assert steady.may_judge(100.0 + NODE_SECONDS)
    assert not steady.after(False, 102.0).may_judge(200.0), "the database was away: from the others, too"
    assert not steady.after(False, 102.0).after(True, 150.0).may_judge(151.0)


def test_a_sign_that_comes_late_costs_neither_turn_nor_life_and_the_dead_are_followed_within_five_seconds():
    assert 2 * PULSE_SECONDS < TURN_SECONDS < NODE_SECONDS
    assert NODE_SECONDS + 2 * PULSE_SECONDS < 5
