"""The work without a daemon: what waits in the journal is decided as the daemon would, and nothing is sent.

For commands that bring something new and can't leave it to a daemon because none runs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from interface.chart.decide import Engine
from interface.services.attempts import Ledger
from interface.services.clock import Clock
from interface.services.courier import Couriers
from interface.services.deciding import Deciding
from interface.services.identity_settings import note
from interface.services.loop import WorkLoop
from interface.services.outgoing import Outgoing
from interface.services.posting_line import Posted, ToPost
from interface.services.pulse import Pulse
from interface.services.work_stats import WorkStats
from interface.store.errors import StoreError
from interface.store.presence import Presence
from interface.store.store import Store


def work_off(
    store: Store,
    engine: Engine,
    clock: Clock,
    *,
    progress: Callable[[], None] = lambda: None,
    until: Callable[[], bool] = lambda: False,
) -> None:
    """Take turns until nothing new is left in the journal; the caller holds the store's lock of the work.

    It is the daemon's own loop with no courier: requests come to wait, and the next daemon sends them. `progress` is
    called after each turn; `until` is asked before each, and ends it early when it says so. Raises StoreError: what
    was stored stays, and the rest is decided the next time.
    """
    store.work.recover(clock.now())
    note(store, engine, clock.now())
    deciding = Deciding.on(store, engine, clock.now)
    keeper = deciding.keeper
    couriers = Couriers(_Nobody(), 0, clock.now)
    stats = WorkStats(store.views.backlog, lambda _: None)
    outgoing = Outgoing(couriers, Ledger(random.random), clock)
    loop = WorkLoop(store.work, deciding, outgoing, clock, stats)
    pulse = Pulse(lambda: store.nodes, store.work.node, keeper, daemon=False)
    loop.begin(store.work.told())
    try:
        if store.work.shared:
            pulse.start()
        while not until():
            more = loop.turn()
            progress()
            if not more:
                break
        keeper.give_back()
    finally:
        pulse.stop()


def work_off_if_free(
    lock: Presence,
    store: Store,
    engine: Engine,
    clock: Clock,
    *,
    progress: Callable[[], None] = lambda: None,
    until: Callable[[], bool] = lambda: False,
) -> bool:
    """`work_off` under `lock`, the store's of the work; False: somebody else holds it, and nothing was done."""
    try:
        lock.acquire()
    except StoreError:
        return False
    try:
        work_off(store, engine, clock, progress=progress, until=until)
    finally:
        lock.release()
    return True


class _Nobody:
    """Posts nothing, for nothing is ever claimed."""

    def fileno(self) -> int:
        """Never asked for."""
        raise AssertionError("nobody waits for it")

    def put(self, bodies: Sequence[ToPost]) -> None:
        """Never asked for."""
        raise AssertionError(f"{len(bodies)} bodies, and no courier")

    def collect(self) -> list[Posted]:
        """Nothing."""
        return []
