"""A node killed: when the other's rate is back."""

from math import inf

from benchmarks.nodes import rate_in, recovery


def test_recovery_is_when_posts_come_at_the_wanted_rate_for_a_second() -> None:
    before = [n / 100 for n in range(500)]  # 100 a second, killed at 5.0
    pause_then_slow = [7 + n / 50 for n in range(50)]  # 50 a second from 7.0
    back = [8 + n / 90 for n in range(270)]
    assert recovery([*before, *pause_then_slow, *back], killed=5.0, wanted=85) == 2.9
    assert recovery([*before, *pause_then_slow], killed=5.0, wanted=85) == inf
    assert recovery([], killed=5.0, wanted=85) == inf


def test_a_rate_is_of_the_stretch_asked_for() -> None:
    assert rate_in([0.0, 1.0, 1.5, 2.0], 1.0, 2.0) == 2
