"""Whether charts stand under the keys that today's settings lead to: remembered in the store, and said when it is not so.

A chart is found by its patient's authority and number. When `site.mrn_authority`, the roots or the rules of numbers change,
the charts that are there stay under their old keys until `patients rebuild --all`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping

from interface.chart.decide import Engine
from interface.rules.fingerprint import identity_fingerprint
from interface.services.logs import event
from interface.store.errors import StoreError
from interface.store.store import Store

log = logging.getLogger("interface.services.work")

IDENTITY = "identity"
"""The name under which the store remembers by which settings its charts were keyed."""
REBUILD = "hl7-interface patients rebuild --all"
_MOST = 20

Fingerprint = Mapping[str, str]


def keys_now(engine: Engine) -> str:
    """The engine's fingerprint as one text."""
    return json.dumps(identity_fingerprint(engine.book, engine.policy), sort_keys=True)


def only(engine: Engine) -> str:
    """What the store remembers when every chart stands where the engine's settings lead."""
    return _text([identity_fingerprint(engine.book, engine.policy)])


def changed(remembered: str | None, now: Fingerprint) -> tuple[str, ...]:
    """What has changed since charts were keyed, by the names that a person knows; none: all stand where they should."""
    parts = [
        name for kept in _read(remembered) for name in {**now, **kept} if kept.get(name) != now.get(name)
    ]
    return tuple(dict.fromkeys(parts))


def look(store: Store, engine: Engine) -> tuple[str, ...]:
    """What has changed under the charts that are there; nothing is written."""
    if not store.patients.charted(limit=1):
        return ()
    now = identity_fingerprint(engine.book, engine.policy)
    return changed(store.patients.seen(IDENTITY), now)


def note(store: Store, engine: Engine, at: float) -> tuple[str, ...]:
    """Remember that charts are keyed by these settings from now on; gives what has changed under those that are there.

    In a store without charts, and in one of a program that remembered nothing, these are the first. `at`: POSIX seconds.
    """
    now = identity_fingerprint(engine.book, engine.policy)
    remembered = store.work.seen(IDENTITY) if store.patients.charted(limit=1) else None
    kept = _read(remembered)
    if now not in kept:
        store.work.note_seen({IDENTITY: _text([*kept, now][-_MOST:])}, at)
    return changed(remembered, now)


def note_and_say(store: Store, engine: Engine, at: float) -> None:
    """The same, said in the log."""
    try:
        found = note(store, engine, at)
    except StoreError as failed:
        event(log, logging.WARNING, "identity-settings-not-compared", problem=failed)
        return
    if found:
        event(log, logging.WARNING, "identity-settings-changed", changed=", ".join(found), do=REBUILD)


def _read(remembered: str | None) -> list[dict[str, str]]:
    return json.loads(remembered) if remembered else []


def _text(kept: Iterable[Fingerprint]) -> str:
    return json.dumps(list(kept), sort_keys=True)
