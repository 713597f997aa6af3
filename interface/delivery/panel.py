"""Several patients' requests in one POST: who may share one, and what its reply says of each.

A panel that is refused for one patient's content must not be the end of the others: each of its requests is tried
again with fewer (`Verdict.kind` "apart"), down to one, and what is refused alone is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from interface.delivery.verdict import Reply

Item = TypeVar("Item")


def parcels(items: Iterable[Item], most: Callable[[Item], int]) -> Iterator[tuple[Item, ...]]:
    """Items put together for one POST each, in order; `most`: with how many an item may share one, itself counted.

    Those that may share with fewer go by themselves, so that they make nobody else's panel small.
    """
    open_ones: dict[int, list[Item]] = {}
    for item in items:
        limit = most(item)
        together = open_ones.setdefault(limit, [])
        together.append(item)
        if len(together) >= limit:
            yield tuple(open_ones.pop(limit))
    yield from (tuple(rest) for rest in open_ones.values())


def alone(reply: Reply, count: int) -> tuple[Reply, ...]:
    """Version 1: the reply to a POST that is about one patient."""
    return (reply,) * count


def of_each(reply: Reply, count: int) -> tuple[Reply, ...]:
    """Version 2: what the reply to a panel of `count` patients says of each, in the panel's order.

    The excerpt of a reply to several is not kept: it may repeat what belongs to another patient.
    """
    excerpt = reply.excerpt if count == 1 else b""
    return tuple(
        replace(
            reply,
            correlation_id=own,
            panel_id=reply.correlation_id,
            together=count,
            responses=(),
            excerpt=excerpt,
        )
        for own in _told_apart(correlation_ids(reply.responses, count), reply.correlation_id)
    )


def _told_apart(ids: tuple[str, ...], panel_id: str) -> tuple[str, ...]:
    """Without those that name several patients: each other's, or the panel's. A webhook about one would be taken for
    all of theirs.
    """
    if len(ids) == 1:
        return ids
    times = Counter(ids)
    return tuple("" if own == panel_id or times[own] > 1 else own for own in ids)


def correlation_ids(responses: tuple[tuple[int | None, str], ...], count: int) -> tuple[str, ...]:
    """Each patient's correlation id of a PanelResponse; "" where none is certainly that patient's.

    Contract: `sequenceNumber` is the zero-based position in the panel. Numbers from 1 on are understood where none is
    missing, and no numbers at all where there is an entry for each; anything else could be another patient's id.
    """
    if len(responses) == 1 == count:
        return (responses[0][1],)
    numbers = [number for number, _ in responses]
    if numbers == [None] * count:
        return tuple(own for _, own in responses)
    found = dict(responses)
    if len(found) != len(responses) or None in found:
        return ("",) * count
    first = 0 if 0 in found else 1
    whole = found.keys() == set(range(first, first + count))
    if not whole and (first == 1 or not found.keys() <= set(range(count))):
        return ("",) * count
    return tuple(found.get(first + place, "") for place in range(count))
