"""How much at once and how fast, how long to wait, how long to keep: the numbers of the work's process."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from interface.delivery.schedule import DEFAULT, Schedule
from interface.services.logs import event
from interface.services.purging import FOR_EVER, Keep
from interface.settings import Settings

log = logging.getLogger("interface.services.work")

DRAIN_MARGIN_SECONDS = 5.0
"""Beyond the API's time limit, to get the last verdicts stored."""
STAGING_PER_MINUTE = 60
STAGING_CONCURRENCY = 2
"""What staging gets at most, whatever the settings say: the vendor wants functional tests there, no load tests."""
TEST_PER_MINUTE = 30
"""What the production test gets at most, one patient after the other: people look at each."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers of the process that tests set smaller."""

    concurrency: int = 32
    requests_per_second: float | None = None
    """None: no limit."""
    drain_seconds: float = 40.0
    schedule: Schedule = DEFAULT
    batch: int = 1
    """How many patients' requests one POST takes."""
    keep: Keep = FOR_EVER
    """For how long things are kept."""
    awaited: bool = True
    """Whether webhooks are to come: the path processes what it takes in, and we take them."""
    expected_hours: float = 72.0
    """How long requests may go without a webhook until it is said."""


def limits_of(settings: Settings) -> Limits:
    """How much at once and how fast: what the settings say. What an environment allows at most belongs here too."""
    api = settings.api
    concurrency, rate = api.concurrency, api.requests_per_second
    batch = api.batch
    if settings.site.environment == "production-test":
        concurrency, batch = 1, 1
        rate = min(TEST_PER_MINUTE / 60, rate or TEST_PER_MINUTE)
    if settings.site.environment == "staging":
        concurrency = min(concurrency, STAGING_CONCURRENCY)
        rate = min(STAGING_PER_MINUTE / 60, rate or STAGING_PER_MINUTE)
    return Limits(
        concurrency=concurrency,
        requests_per_second=rate,
        drain_seconds=api.timeout_seconds + DRAIN_MARGIN_SECONDS,
        batch=batch,
        keep=Keep.of(settings.store),
        awaited=settings.processes and settings.takes_webhooks,
        expected_hours=settings.webhooks.expected_hours,
    )


def say_limits(settings: Settings) -> None:
    """A line in the log where the environment allows less than the settings may ask for."""
    if settings.site.environment == "staging":
        limits = limits_of(settings)
        rate = round((limits.requests_per_second or 0.0) * 60, 1)
        event(log, logging.INFO, "staging-limits", requests_per_minute=rate, at_once=limits.concurrency)
