"""Rows in trouble become heaps: one for each reason, what waits only for time apart, the largest and oldest first. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from interface.chart.holds import TIMED
from interface.store.records.console import LookedAt, Several, Stretch, Trouble
from interface.store.records.reasons import in_common


@dataclass(frozen=True, slots=True)
class Heap:
    """Rows with one reason in common."""

    of: Several
    text: str
    """The reason, as far as they say it alike."""
    count: int
    first: int
    last: int
    oldest: float
    newest: float
    since: tuple[int, ...]

    @property
    def by_day(self) -> tuple[int, ...]:
        """How many came on each day."""
        later = (*self.since[1:], 0)
        return tuple(here - then for here, then in zip(self.since, later, strict=True))


def heaps_of(kind: Trouble, looked: LookedAt) -> list[Heap]:
    """The heaps of a kind; a row with two reasons is in two."""
    found: dict[Several, Heap] = {}
    for stretch in looked.stretches:
        for of, text in _heaps(kind, stretch):
            heap = Heap(
                of,
                text,
                stretch.count,
                stretch.first,
                stretch.last,
                stretch.oldest,
                stretch.newest,
                stretch.since,
            )
            found[of] = _together(found[of], heap) if of in found else heap
    return sorted(found.values(), key=lambda heap: (-heap.count, heap.oldest, heap.of.code))


def _heaps(kind: Trouble, stretch: Stretch) -> list[tuple[Several, str]]:
    """Where rows of a stretch belong, with the reason's text. What also needs a person does not wait only for time."""
    if not stretch.reasons:
        status = stretch.status if kind == "dead" else None
        return [(Several(kind, without_reason=True, status=status), "")]
    own = [reason for reason in stretch.reasons if reason.code not in TIMED]
    return [
        (Several(kind, reason.code, TIMED if reason.code in TIMED else ()), reason.text)
        for reason in own or stretch.reasons
    ]


def _together(one: Heap, other: Heap) -> Heap:
    return replace(
        one,
        text=in_common(one.text, other.text),
        count=one.count + other.count,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        oldest=min(one.oldest, other.oldest),
        newest=max(one.newest, other.newest),
        since=tuple(a + b for a, b in zip(one.since, other.since, strict=True)),
    )
