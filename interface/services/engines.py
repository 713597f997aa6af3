"""The rules as they are at this moment, for whoever decides beside the daemon: commands and the console's previews."""

from __future__ import annotations

from dataclasses import replace

from interface.chart.decide import Engine
from interface.services.guarding import guard_now, sent_by
from interface.services.roster import roster_of
from interface.settings import Settings
from interface.store.store import Store


def engine_now(settings: Settings, store: Store, now: float) -> Engine:
    """The settings' mapping, read anew, with what the environment forbids and what was sent (`now`: POSIX seconds).

    Raises InterfaceError.
    """
    engine = Engine(settings.rulebook().unshared(), settings.policy())
    guard = guard_now(store, settings.site.environment, now)
    return replace(engine, guard=guard, apart=roster_of(store).apart, sent=sent_by(store.work))
