"""Which guard the settling asks: what the store says of its environment, of test patients and of going live."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from interface.chart.guarding import Case, Guard, Ruling
from interface.chart.holds import hold
from interface.chart.model import OPEN
from interface.chart.settle import Sent
from interface.delivery.guards import guard_of
from interface.delivery.guards.life import PRODUCTION, Life
from interface.errors import InterfaceError
from interface.services import training
from interface.services.logs import event
from interface.services.production_test import ProductionTest, round_now
from interface.services.roster import roster_of
from interface.store.records.slots import PRODUCTION_TEST
from interface.store.store import Store

log = logging.getLogger("interface.services.work")


def closed(_case: Case) -> Ruling:
    """Before anything is known: nothing goes out."""
    return Ruling((hold("not-live"),))


class States(Protocol):
    """What is read from the store."""

    def request_states(self, ids: Iterable[int]) -> dict[int, str]:
        """States by request id."""


def sent_by(store: States) -> Sent:
    """Whether a request is over by what is stored; None: it is being sent, or was made in this turn."""

    def sent(request: int) -> bool | None:
        state = store.request_states((request,)).get(request, "sending")
        return None if state == "sending" else state not in OPEN

    return sent


class EnvironmentTakenError(InterfaceError):
    """Other nodes use the store in another environment, or with another version of the API."""

    exit_code = 2


def life_of(store: Store, environment: str, now: float) -> Life:
    """How the store lives, or would in an environment that it moved to now; nothing is written. Raises StoreError."""
    return _life(store.environments.remembered(), environment, now)


def _life(text: str | None, environment: str, now: float) -> Life:
    return Life.begin(environment, now) if text is None else Life.of_text(text).moved(environment, now)


def enter(store: Store, environment: str, now: float) -> None:
    """The store lives in this environment from now on; said in the log when it lived in another. Raises StoreError, and
    EnvironmentTakenError.
    """
    text = store.environments.remembered()
    was = Life.of_text(text).environment if text is not None else ""
    if was == environment:
        return
    if was and (others := _others(store)):
        raise EnvironmentTakenError(
            f'[site] environment is "{environment}", and the daemon on {others} uses this '
            f'store in "{was}": stop all of them before one goes to another environment'
        )
    life = _life(text, environment, now)
    store.environments.enter(life.as_text(), now)
    if was:
        event(log, logging.WARNING, "environment-changed", was=was, now=environment, live=life.live)
        if environment == PRODUCTION:
            training.say(store)


def enter_version(store: Store, version: int, now: float) -> None:
    """Requests are written in this version of the API from now on. Nodes of two versions would send what the other has
    written to the wrong path. Raises StoreError, and EnvironmentTakenError.
    """
    was = store.environments.version()
    if was == str(version):
        return
    if was is not None and (others := _others(store)):
        raise EnvironmentTakenError(
            f"[api] version is {version}, and the daemon on {others} uses this store with version {was}: "
            "stop all of them before one goes to another version"
        )
    store.environments.use_version(str(version), now)


def _others(store: Store) -> str:
    """The hosts of other daemons that use the store; empty: none does, or none could."""
    if not store.work.shared:
        return ""
    return ", ".join(sorted({node.name for node in store.nodes.daemons() if node.id != store.work.node}))


class Guarding:
    """What an environment forbids, as the store has it whenever it is asked. One thread's, the loop's."""

    def __init__(
        self,
        store: Store,
        environment: str,
        now: Callable[[], float],
        test: ProductionTest | None = None,
        *,
        version: int,
    ) -> None:
        """`now`: POSIX seconds. `test`: in the production test, how it stands. `version`: of the API."""
        self._store = store
        self._version: int | None = version
        self._test = test
        self._environment = environment
        self._now = now
        self._life: Life | None = None

    def __call__(self) -> Guard:
        """The guard; the store lives in this environment from then on. Raises StoreError."""
        enter(self._store, self._environment, self._now())
        if self._version is not None:  # once: while we are alive nobody goes to another
            enter_version(self._store, self._version, self._now())
            self._version = None
        before, self._life = self._life, life_of(self._store, self._environment, self._now())
        going = self._life.going
        if before is not None and not before.live and going is not None:
            event(log, logging.WARNING, "went-live", who=going.who, below=going.below)
        test = None if self._test is None else self._test.now()
        return guard_of(self._life, roster_of(self._store), test)


def guard_now(store: Store, environment: str, now: float) -> Guard:
    """What an environment forbids, as the store has it now; nothing is written. Raises StoreError."""
    test = round_now(store.rounds.now()) if environment == PRODUCTION_TEST else None
    return guard_of(life_of(store, environment, now), roster_of(store), test)
