"""`check`: where requests go, and whether the store goes along."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from interface.cli.common import local_text
from interface.cli.findings import Found
from interface.settings import Settings

if TYPE_CHECKING:
    from interface.store.store import Store

_ALLOWS = {
    "sandbox": "made-up and real messages alike, for nothing leaves this machine",
    "staging": "imported test patients only; everything else is held",
    "production-test": "ten complete requests, checked and not processed; everything else is held",
    "production": "real requests, once it is switched on",
}
"""By environment, what goes out."""


def check_environment(settings: Settings) -> Found:
    """Where requests go, and which."""
    environment = settings.site.environment
    where = f"a rehearsal of {environment}: requests go to" if settings.is_rehearsal else "requests go to"
    yield "ok", f"{where} {settings.post_url}"
    yield "ok", f"{environment}: {_ALLOWS[environment]}"


def check_life(settings: Settings, store: Store) -> Found:
    """Whether the store lives in the environment of the settings, and is live there."""
    from interface.delivery.guards.life import Life
    from interface.services.guarding import life_of

    environment = settings.site.environment
    text = store.environments.remembered()
    was = Life.of_text(text).environment if text else environment
    life = life_of(store, environment, time.time())
    if was != environment:
        then = "; nothing is sent before `onboarding go-live`" if environment == "production" else ""
        yield "warn", f"lives in {was}: the next start takes it to {environment}{then}"
    elif environment == "production" and not life.live:
        yield "warn", "production is not switched on: nothing is sent before `onboarding go-live`"
    elif environment == "production":
        by = f" by {life.going.who}" if life.going is not None else ""
        yield "ok", f"live since {local_text(life.going.at if life.going is not None else life.since)}{by}"
