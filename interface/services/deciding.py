"""What decides messages, put together: intake, its ids, what the environment forbids, and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from interface.chart.apart import NOBODY, Apart
from interface.chart.decide import Engine
from interface.chart.guarding import Guard, no_guard
from interface.services.guarding import Guarding, closed
from interface.services.ids import Ids
from interface.services.intake import Intake
from interface.services.production_test import ProductionTest
from interface.services.purging import Purging
from interface.services.roster import roster_of
from interface.services.turn_keeper import TurnKeeper
from interface.store.records.slots import PRODUCTION_TEST
from interface.store.store import Store


@dataclass(frozen=True, slots=True)
class Deciding:
    """What decides messages, and who says when it may."""

    intake: Intake
    keeper: TurnKeeper
    guard: Callable[[], Guard] = lambda: no_guard
    """What the environment forbids, as the store has it now; the store lives in the engine's environment from then on.
    Raises StoreError.
    """
    apart: Callable[[], Apart] = lambda: NOBODY
    """Test patients, as the store knows them now. Raises StoreError."""
    test: ProductionTest | None = None
    """How the production test stands; None in every other environment."""

    @classmethod
    def on(
        cls, store: Store, engine: Engine, now: Callable[[], float], purging: Purging | None = None
    ) -> Deciding:
        """All of it, on a store. `now`: POSIX seconds. Until `guard` was asked, nothing is let out."""
        environment = engine.policy.environment
        test = ProductionTest(store) if environment == PRODUCTION_TEST else None
        guard = Guarding(store, environment, now, test, version=engine.policy.api_version)

        def apart() -> Apart:
            return roster_of(store).apart

        ids = Ids(store.work.next_ids)
        intake = Intake(
            replace(engine, guard=closed),
            store.work,
            new_patient=ids.patient,
            new_request=ids.request,
            purging=purging,
        )

        def renew() -> None:
            ids.renew()
            intake.renew()
            intake.obey(guard(), apart())

        return cls(intake, TurnKeeper(store.work, renew), guard, apart, test)
