"""Charts that the work keeps in memory: not more than so many, and not more than fit."""

from __future__ import annotations

from interface.chart.model import Chart, Order
from interface.services.charts import ChartCache


def chart(name: str, orders: int = 0) -> Chart:
    return Chart([name], orders=[Order((f"P:{n}",), {}, "20260301") for n in range(orders)])


def test_the_longest_unused_chart_goes_first() -> None:
    cache = ChartCache(2)
    cache.put({1: chart("|A"), 2: chart("|B")})
    assert cache.get(1) is not None
    cache.put({3: chart("|C")})
    assert [cache.find(key) for key in ("|A", "|B", "|C")] == [1, None, 3]


def test_charts_of_many_entries_make_room_for_each_other() -> None:
    cache = ChartCache(10, most_entries=100)
    cache.put({1: chart("|A", 60)})
    cache.put({2: chart("|B", 30)})
    cache.put({1: chart("|A", 70)})
    assert len(cache) == 2
    cache.put({3: chart("|C", 1)})
    assert [cache.find(key) for key in ("|A", "|B", "|C")] == [1, None, 3]
    cache.put({4: chart("|D", 101)})  # more than there may be at all
    assert len(cache) == 0
    cache.put({5: chart("|E", 100)})
    assert cache.find("|E") == 5
