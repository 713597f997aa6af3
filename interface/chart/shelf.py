"""Many charts in little room: kept as the store keeps them, a few KB each, and not more than so many."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, MutableMapping

from interface.chart.model import Chart, decode_chart, encode_chart


class Shelf(MutableMapping[str, Chart]):
    """Charts by key, for a `Registry`. Beyond `most` charts the one longest not looked at is forgotten, with all its keys.

    A chart that is taken out is a copy; one that stands under several keys is kept once if it is put in for all of them
    one after the other.
    """

    def __init__(self, most: int):
        self.forgotten = 0
        """How many charts have been forgotten."""
        self._most = most
        self._charts: OrderedDict[int, tuple[bytes, set[str]]] = OrderedDict()
        self._owner: dict[str, int] = {}
        self._newest: Chart | None = None
        self._number = 0

    def __getitem__(self, key: str) -> Chart:
        number = self._owner[key]
        self._charts.move_to_end(number)
        return decode_chart(self._charts[number][0])

    def __setitem__(self, key: str, chart: Chart) -> None:
        self.pop(key, None)
        if chart is not self._newest or self._number not in self._charts:
            self._newest = chart
            self._number += 1
            self._charts[self._number] = (encode_chart(chart), set())
        self._owner[key] = self._number
        self._charts[self._number][1].add(key)
        while len(self._charts) > self._most:
            _, (_, keys) = self._charts.popitem(last=False)
            for gone in keys:
                del self._owner[gone]
            self.forgotten += 1

    def __delitem__(self, key: str) -> None:
        number = self._owner.pop(key)
        keys = self._charts[number][1]
        keys.discard(key)
        if not keys:
            del self._charts[number]

    def __contains__(self, key: object) -> bool:
        return key in self._owner

    def __iter__(self) -> Iterator[str]:
        return iter(self._owner)

    def __len__(self) -> int:
        return len(self._owner)
