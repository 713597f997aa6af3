"""What decides messages, put together: intake, its ids, and whose turn it is."""

from __future__ import annotations

from dataclasses import dataclass

from interface.chart.decide import Engine
from interface.services.ids import Ids
from interface.services.intake import Intake
from interface.services.purging import Purging
from interface.services.turn_keeper import TurnKeeper
from interface.store.database import Store


@dataclass(frozen=True, slots=True)
class Deciding:
    """What decides messages, and who says when it may."""

    intake: Intake
    keeper: TurnKeeper

    @classmethod
    def on(cls, store: Store, engine: Engine, purging: Purging | None = None) -> Deciding:
        """Both, on a store."""
        ids = Ids(store.work.next_ids)
        intake = Intake(engine, store.work, new_patient=ids.patient, new_request=ids.request, purging=purging)

        def renew() -> None:
            ids.renew()
            intake.renew()

        return cls(intake, TurnKeeper(store.work, renew))
