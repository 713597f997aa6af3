"""Charts that took in messages of training (MSH-11 is T or D) before production, which takes in none: counted, and said.

What such a message booked is withdrawn by itself when production begins; the problems and orders that it told of stay in
the chart until it is rebuilt.
"""

from __future__ import annotations

import logging

from interface.chart.apart import key_of
from interface.errors import InterfaceError
from interface.services.identity_settings import REBUILD
from interface.services.logs import event
from interface.services.roster import roster_of
from interface.store.store import Store

log = logging.getLogger("interface.services.work")

TRAINING = "training"
"""The name under which the store remembers up to which message charts were last rebuilt for production."""


def trained(store: Store) -> int:
    """How many charts took in such messages and were not rebuilt since; the vendor's test patients, charted apart, do not
    count. Raises StoreError.
    """
    found = store.environments.patients_of_trials(after=int(store.patients.seen(TRAINING) or 0))
    if not found:
        return 0
    apart = store.patients.owners(key_of(number) for number in roster_of(store).apart)
    return len(set(store.patients.survivors(found).values()) - set(apart.values()))


def say(store: Store) -> None:
    """Say so in the log, if there are any."""
    try:
        charts = trained(store)
    except InterfaceError as failed:
        event(log, logging.WARNING, "training-not-counted", problem=failed)
        return
    if charts:
        event(log, logging.WARNING, "training-in-charts", charts=charts, do=REBUILD)
