"""Rows in trouble by reason, and their small bars."""

from __future__ import annotations

from interface.console.bars import SMALL_HEIGHT, small_bars
from interface.console.by_reason import heaps_of
from interface.store.records.console import LookedAt, Reason, Several, Stretch

ZIP, LATER = Reason("missing:zip", "no ZIP"), Reason("lead-time", "later")


def stretch(count: int, *reasons: Reason, first: int = 1, status: int | None = None) -> Stretch:
    return Stretch(reasons, status, count, first, first + count, float(first), 9.0, (count, 1))


def heaps(kind, *stretches: Stretch):
    return [(heap.of, heap.count) for heap in heaps_of(kind, LookedAt(99, 99, stretches))]


def test_the_largest_is_first_and_of_the_same_size_the_oldest() -> None:
    one, other = Reason("a", ""), Reason("b", "")
    found = heaps("held", stretch(1, one, first=5), stretch(1, other, first=2), stretch(3, ZIP))
    assert [(of.code, count) for of, count in found] == [("missing:zip", 3), ("b", 1), ("a", 1)]


def test_a_row_with_two_reasons_is_in_two_heaps_unless_one_is_only_its_time() -> None:
    found = heaps("held", stretch(2, ZIP, Reason("b", "")), stretch(3, ZIP, LATER), stretch(4, LATER))
    assert [(of.code, count) for of, count in found] == [("missing:zip", 5), ("lead-time", 4), ("b", 2)]
    assert all((of.only == ("lead-time", "paced")) == (of.code == "lead-time") for of, _ in found)


def test_dead_ones_without_a_reason_are_told_by_their_last_status() -> None:
    found = heaps("dead", stretch(2, status=400), stretch(1), stretch(3, ZIP, status=400), stretch(1, ZIP))
    assert found == [
        (Several("dead", "missing:zip"), 4),
        (Several("dead", without_reason=True, status=400), 2),
        (Several("dead", without_reason=True), 1),
    ]


def test_a_heap_knows_its_ends_and_how_many_came_each_day() -> None:
    (heap,) = heaps_of("held", LookedAt(9, 9, (stretch(3, ZIP, first=4), stretch(5, ZIP, LATER, first=2))))
    assert (heap.first, heap.last, heap.oldest) == (2, 7, 2.0)
    assert heap.by_day == (6, 2)


def test_a_heap_says_of_its_rows_only_what_all_of_them_say() -> None:
    abroad, empty = (Reason("missing:zip", f"no ZIP: {why}") for why in ("FRA (France)", "PID-11.5 is empty"))
    (heap,) = heaps_of("held", LookedAt(2, 2, (stretch(1, abroad), stretch(1, empty))))
    assert heap.text == "no ZIP: …"


def test_small_bars_are_as_high_as_their_share_and_none_is_lost() -> None:
    drawn = small_bars((0, 1, 1000))
    assert [bar.height for bar in drawn.bars] == [1.0, 2.0, SMALL_HEIGHT]
    assert small_bars((0, 0)).bars[0].height == 1.0
