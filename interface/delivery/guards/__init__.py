"""What each environment forbids, decided from plain values: which guard a store's life asks for."""

from __future__ import annotations

from interface.chart.guarding import Guard, no_guard
from interface.delivery.guards.life import Life
from interface.delivery.guards.live import LiveGuard
from interface.delivery.guards.production_test import ProductionTestGuard, RoundNow
from interface.delivery.guards.staging import ElsewhereGuard, StagingGuard
from interface.staging.imported import Roster

NO_PATIENTS = Roster()


def guard_of(life: Life, patients: Roster = NO_PATIENTS, test: RoundNow | None = None) -> Guard:
    """The guard of the environment that a store lives in. `patients`: the test patients that it knows; `test`: in the
    production test, how its round stands.
    """
    if life.environment == "sandbox":
        return no_guard
    if life.environment == "staging":
        return StagingGuard(patients)
    if life.environment == "production-test":
        return ElsewhereGuard(ProductionTestGuard(test or RoundNow(0)))
    return ElsewhereGuard(LiveGuard(life))
