"""What there is to tell of the production test's round: slots, what may be chosen, what the others lack. Reads only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from interface.chart.kept import kept_beside
from interface.evidence.production_test import Held, Seen, named_fields, seen
from interface.store.records.slots import ENOUGH, MOST, Round
from interface.store.rounds import InTest
from interface.store.store import Store

When = Callable[[float | None], Any]


def told(store: Store, version: int, when: When) -> dict[str, Any]:
    """All of it; `version` of the API, `when` writes POSIX seconds as the answer is to have them. Raises StoreError."""
    found = store.rounds.now()
    held = Held()
    for row in store.environments.held():
        held.add(row.id, row.codes)
    tested, refused = store.rounds.tested(found), store.rounds.refused(found)
    wanted = [*(one.id for one in tested), *held.first_complete, *(n for n, _ in held.first_incomplete)]
    looked = _look(store, wanted)
    return {
        **_round(store, found, when),
        "slots": _slots(tested, looked, when),
        "waiting_without_slot": sorted(store.rounds.without_slot(found)),
        "refused": [_refused(one, version, when) for one in refused],
        **_held(held, looked),
    }


def _look(store: Store, ids: Sequence[int]) -> dict[int, Seen]:
    bodies, details = store.work.request_bodies(ids), store.work.request_details(ids)
    return {
        id_: seen(id_, _json(bodies.get(id_)), kept_beside(details.get(id_, ("", None))[1]))
        for id_ in dict.fromkeys(ids)
    }


def _json(document: bytes | None) -> Any:
    """A document of ours; None when there is none, or it can't be read."""
    try:
        return None if document is None else json.loads(document)
    except ValueError:
        return None


def _round(store: Store, found: Round, when: When) -> dict[str, Any]:
    return {
        "round": found.number,
        "began_at": when(found.began_at or None),
        "began_by": found.began_by,
        "why": store.rounds.why(found.number),
        "chosen": "by hand" if found.by_hand else "automatically",
        "copied": found.copied,
        "accepted": found.accepted,
        "enough": ENOUGH,
        "most": MOST,
        "free": len(found.free),
        "over": found.is_over,
    }


def _slots(tested: Iterable[InTest], looked: Mapping[int, Seen], when: When) -> list[dict[str, Any]]:
    return [
        {
            "slot": one.slot.number,
            "request": one.id,
            "state": one.state,
            "accepted": one.slot.accepted,
            "may_have_arrived": one.slot.doubtful,
            "correlation_id": one.correlation_id,
            "status": one.status,
            "taken_at": when(one.slot.taken_at),
            "ended_at": when(one.slot.ended_at),
            **_seen(looked[one.id]),
        }
        for one in tested
        if one.slot is not None
    ]


def _seen(found: Seen) -> dict[str, Any]:
    return {
        "lacks": list(found.lacks),
        "repaired": [{"field": name, "what": what} for name, what in found.repaired],
        "left_out": [{"source": source, "why": why} for source, why in found.left_out],
    }


def _refused(one: InTest, version: int, when: When) -> dict[str, Any]:
    return {
        "request": one.id,
        "status": one.status,
        "at": when(one.changed_at),
        "fields": list(named_fields(one.reply, version)),
        "keeps_slot": one.slot is not None,
    }


def _held(held: Held, looked: Mapping[int, Seen]) -> dict[str, Any]:
    return {
        "complete": held.complete,
        "candidates": [{"request": id_, **_seen(looked[id_])} for id_ in held.first_complete],
        "incomplete": held.incomplete,
        "lacking": dict(held.lacking.most_common()),
        "incomplete_requests": [
            {"request": id_, "missing": list(codes), **_seen(looked[id_])}
            for id_, codes in held.first_incomplete
        ],
        "held_otherwise": held.otherwise,
        "held_for": dict(held.reasons.most_common()),
    }
