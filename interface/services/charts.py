"""Decoded charts of the patients last heard of, so that a busy feed need not read them again and again.

Only right because the work is the only writer of charts: whatever is stored passes through here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from interface.chart.model import Chart

MOST_ENTRIES = 200_000
"""Problems, orders and appointments of all charts held, about 1 KB each: 320 charts of a feed have a tenth of them."""


class ChartCache:
    """At most `size` charts, and of `most_entries`; the longest unused go first; found by patient id or by identity key."""

    def __init__(self, size: int, most_entries: int = MOST_ENTRIES) -> None:
        self._size = size
        self._most_entries = most_entries
        self._charts: OrderedDict[int, Chart] = OrderedDict()
        self._ids: dict[str, int] = {}
        self._entries: dict[int, int] = {}
        self._all_entries = 0

    def __len__(self) -> int:
        return len(self._charts)

    def find(self, key: str) -> int | None:
        """The patient's id; None when not held here."""
        return self._ids.get(key)

    def get(self, patient: int) -> Chart | None:
        """The chart, which counts as used now."""
        if patient in self._charts:
            self._charts.move_to_end(patient)
        return self._charts.get(patient)

    def put(self, charts: Mapping[int, Chart]) -> None:
        """Hold these charts; a key they bring belongs to them from now on."""
        for patient, chart in charts.items():
            self._forget_keys(patient)
            self._charts[patient] = chart
            self._charts.move_to_end(patient)
            self._ids.update(dict.fromkeys(chart.keys, patient))
            entries = len(chart.problems) + len(chart.orders) + len(chart.appointments)
            self._all_entries += entries - self._entries.get(patient, 0)
            self._entries[patient] = entries
        while len(self._charts) > self._size or self._all_entries > self._most_entries:
            patient = next(iter(self._charts))
            self.drop((patient,))

    def drop(self, patients: Iterable[int]) -> None:
        """Forget these patients."""
        for patient in patients:
            self._forget_keys(patient)
            self._charts.pop(patient, None)
            self._all_entries -= self._entries.pop(patient, 0)

    def clear(self) -> None:
        """Forget all."""
        self._charts.clear()
        self._ids.clear()
        self._entries.clear()
        self._all_entries = 0

    def _forget_keys(self, patient: int) -> None:
        chart = self._charts.get(patient)
        for key in () if chart is None else chart.keys:
            if self._ids.get(key) == patient:
                del self._ids[key]
