"""`explain -c` in staging: by the test patients that the site's store knows."""

from __future__ import annotations

from dataclasses import replace

from interface.chart.decide import Engine
from interface.cli.output import many, tell
from interface.cli.stored import open_store_of
from interface.delivery.guards.staging import StagingGuard
from interface.errors import InterfaceError
from interface.services.roster import roster_of
from interface.settings import Settings
from interface.staging.imported import Roster


def guarded(engine: Engine, settings: Settings) -> Engine:
    """The engine as it decides in staging, which is said on standard error; elsewhere as it is."""
    if settings.site.environment != "staging":
        return engine
    try:
        with open_store_of(settings) as store:
            roster = roster_of(store)
    except InterfaceError as why:
        roster = Roster()
        tell(f"explained as if no test patient were imported: {why}")
    else:
        tell(f"explained by the store's list: {many(len(roster), 'test patient')} imported")
    return replace(engine, guard=StagingGuard(roster), apart=roster.apart)
