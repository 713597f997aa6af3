"""What is kept of what was worked out last."""

from __future__ import annotations

from interface.recent import Recent


def test_what_was_put_is_found_until_it_is_cleared() -> None:
    known: Recent[str, int] = Recent(10)
    known.put("a", 1)
    assert (known.get("a"), known.get("b"), len(known)) == (1, None, 1)
    known.clear()
    assert (known.get("a"), len(known)) == (None, 0)


def test_the_last_ones_are_kept_and_never_more_than_twice_as_many() -> None:
    known: Recent[int, int] = Recent(10)
    for number in range(100):
        known.put(number, number)
        assert len(known) <= 20
        assert all(known.get(last) == last for last in range(max(0, number - 9), number + 1))
    assert known.get(0) is None


def test_what_is_asked_for_again_and_again_stays() -> None:
    known: Recent[int, int] = Recent(10)
    known.put(-1, -1)
    for number in range(100):
        known.put(number, number)
        assert known.get(-1) == -1
        assert len(known) <= 20


def test_a_value_that_is_put_again_takes_the_place_of_the_old_one() -> None:
    known: Recent[str, int] = Recent(1)
    known.put("a", 1)
    known.put("b", 1)
    known.put("a", 2)
    assert known.get("a") == 2
