"""Charts in little room."""

import pytest

from interface.chart.model import Chart
from interface.chart.shelf import Shelf


def filled(most: int, *charts: Chart) -> Shelf:
    shelf = Shelf(most)
    for chart in charts:
        shelf.update(dict.fromkeys(chart.keys, chart))
    return shelf


def test_a_chart_is_found_under_each_of_its_keys_and_is_a_copy() -> None:
    shelf = filled(5, Chart(["A|1", "A|2"]), Chart(["A|3"]))
    assert shelf["A|2"].keys == ["A|1", "A|2"]
    shelf["A|1"].keys.append("changed")
    assert shelf["A|1"].keys == ["A|1", "A|2"]
    assert len(shelf._charts) == 2
    assert sorted(shelf) == ["A|1", "A|2", "A|3"]


def test_the_chart_longest_not_looked_at_is_forgotten() -> None:
    shelf = filled(2, Chart(["A|1", "A|2"]), Chart(["A|3"]))
    assert shelf["A|1"]
    shelf["A|4"] = Chart(["A|4"])
    assert sorted(shelf) == ["A|1", "A|2", "A|4"]
    assert shelf.forgotten == 1


def test_a_new_chart_takes_the_place_of_the_old_one() -> None:
    shelf = filled(5, Chart(["A|1", "A|2"]))
    shelf["A|1"] = Chart(["A|1"])
    assert (shelf["A|1"].keys, shelf["A|2"].keys) == (["A|1"], ["A|1", "A|2"])
    del shelf["A|2"]
    assert len(shelf._charts) == 1
    with pytest.raises(KeyError):
        shelf["A|2"]
