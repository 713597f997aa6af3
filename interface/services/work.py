"""The work: a process that takes messages from the journal, decides them, and has requests sent.

`python -m interface.services.work SETTINGS [--now ISO]`: started by the door, which wakes it by a byte on its
standard input and ends it by closing that.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path

from interface.chart.decide import Engine
from interface.contract.versions import version
from interface.delivery.panel import alone, of_each
from interface.delivery.schedule import DEFAULT
from interface.errors import InterfaceError
from interface.rules import Policy, Rulebook, RuleError
from interface.services import logs
from interface.services.attempts import Ledger
from interface.services.chores import Chores
from interface.services.clock import Clock
from interface.services.courier import ONE, Couriers, Envelope
from interface.services.deciding import Deciding
from interface.services.garbage import all_is_set_up
from interface.services.guarding import EnvironmentTakenError, enter, enter_version
from interface.services.identity_settings import note_and_say
from interface.services.limits import Limits, limits_of, say_limits
from interface.services.lives import Lives
from interface.services.logs import event, where
from interface.services.loop import WorkLoop
from interface.services.outgoing import Outgoing
from interface.services.passage import Passage
from interface.services.posting import Posting, posting_to
from interface.services.pulse import Pulse
from interface.services.purging import Purging
from interface.services.roster import last_look
from interface.services.running import STORE_RETRY_SECONDS, StoreTrouble, run
from interface.services.target import Target
from interface.services.wakes import Wakes
from interface.services.webhook_chores import WebhookChores
from interface.services.work_stats import WorkStats, trouble_line, write_if_read
from interface.settings import Settings, SettingsError, load_settings
from interface.settings.reload import moved
from interface.store.errors import StoreError
from interface.store.keys import key_file, load_or_create, mark_in_use
from interface.store.lock import StoreLock
from interface.store.store import Store, database_at, open_store

log = logging.getLogger("interface.services.work")

CONNECT_SECONDS = 10.0
GIVES_WAY = 5
"""By so much the work is nicer than the door: with both busy, it gets a third of the door's share of a processor."""
LOCK_SECONDS = 40.0
"""How long a work waits for one whose door was killed: that one drains first."""
_MANY_ROWS = 10
"""A list that had so many rows and lost more than half of them is said: a person takes out a few."""


def work(
    store: Store,
    engine: Engine,
    posting: Posting,
    *,
    clock: Clock,
    limits: Limits,
    stdin: int | None = 0,
    envelope: Envelope = ONE,
    reload: Callable[[], Engine | None] = lambda: None,
    renew_key: Callable[[], None] = lambda: None,
    lives: Lives | None = None,
) -> None:
    """Do the work on an open store until standard input ends or SIGTERM comes. Raises what is not the store's fault.

    `reload` gives the engine of a changed mapping, None to keep the old one. `renew_key` takes the API key anew: before
    each try of an API that did not accept it. `lives` tells the log of messages and requests.
    """
    # panels wait for no courier: those that wait for a turn get fuller
    ahead = limits.concurrency if limits.batch == 1 else 0
    couriers = Couriers(posting, limits.concurrency, clock.now, envelope, ahead)
    purging = Purging(store.retention, limits.keep, clock)
    deciding = Deciding.on(store, engine, clock.now, purging)
    keeper = deciding.keeper
    if store.work.shared:
        store.retention.hold = lambda: keeper.hold
    pulse = Pulse(lambda: store.nodes, store.work.node, keeper, daemon=True, send_until=posting.send_until)
    wakes = Wakes(couriers, stdin)
    wakes.listen_to_signals()
    try:
        taken_up = take_up(store, clock, wakes, pulse)
        if taken_up is not None:
            stats = WorkStats(store.views.backlog, write_if_read, dead=taken_up.dead)
            passage = Passage(
                random.random,
                limits.schedule,
                limit=limits.requests_per_second,
                steady=clock.steady,
                renew_key=renew_key,
            )
            ledger = Ledger(random.random, limits.schedule, passage, awaited=limits.awaited)
            look = last_look(store, engine.policy.environment)
            outgoing = Outgoing(couriers, ledger, clock, limits.batch, look)
            posting.wait_until_up()
            loop = WorkLoop(store.work, deciding, outgoing, clock, stats, pulse.may_judge, lives)
            loop.begin(taken_up.told, taken_up.witness)
            chores = Chores(
                store,
                purging,
                lambda: keeper.obtain(wanted=True, waiting=0),
                webhooks=WebhookChores(store, clock.now, stats.unanswered, limits.expected_hours),
            )

            def reloaded_now() -> Engine | None:
                chores.hurry()
                return reload()

            def tidy() -> bool:
                test = deciding.test
                more = test is not None and test.pick(lambda: keeper.obtain(wanted=True, waiting=0))
                return chores.step() or more

            run(loop, wakes, limits.drain_seconds, reload=reloaded_now, chores=tidy)
            with suppress(StoreError):
                keeper.give_back()  # else it lapses
    finally:
        pulse.stop()
        wakes.close()
    event(log, logging.INFO, "work-ended")


@dataclass(frozen=True, slots=True)
class TakenUp:
    """Where the work goes on."""

    dead: int
    """Dead requests."""
    told: dict[str, str]
    """What the work before has told of itself."""
    witness: float | None
    """The time by the server's clock, POSIX seconds; None: the store is a file."""


def take_up(
    store: Store, clock: Clock, wakes: Wakes, pulse: Pulse, tell: Callable[[bytes], None] = write_if_read
) -> TakenUp | None:
    """Take back what was being sent; while the store fails (a full disk), wait for it. None: asked to end before."""
    trouble = StoreTrouble(lambda text: tell(trouble_line(text)))
    while not wakes.ending:
        try:
            recovered = store.work.recover(clock.now(), longest=DEFAULT.longest)
            told = store.work.told()
            dead = store.views.requests_in("dead")
            server = store.views.server()
            if store.work.shared:
                pulse.start()
        except StoreError as failed:
            trouble.failed(failed)
            wakes.wait_for_end(STORE_RETRY_SECONDS)
            continue
        trouble.over()
        event(log, logging.INFO, "work-started", interrupted_requests=recovered)
        return TakenUp(dead, told, None if server is None else server.clock)
    return None


def serve(settings_file: Path, now: str | None, began: str = "") -> None:
    """Do the work that a settings file describes. `now`: ISO 8601, where the clock starts; None: the real
    time. `began`: the door's bearings; the file may have changed since. Raises SettingsError where it leads elsewhere.
    """
    settings = load_settings(settings_file)
    if began and (elsewhere := moved(settings, began)):
        raise SettingsError(
            f"{', '.join(elsewhere)}: changed since the daemon was started: restart the daemon, or put back what was there"
        )
    lives = Lives()
    use_log(settings, lives)
    target = Target(
        settings.post_url,
        settings.api_key(),
        connect_seconds=min(CONNECT_SECONDS, settings.api.timeout_seconds),
        read_seconds=settings.api.timeout_seconds,
    )
    master = load_or_create(
        settings.store.key, settings.directory, lambda _: None, create=False, off=settings.store.clear
    )
    limits = limits_of(settings)
    url = settings.store_url
    lock = None if database_at(url).shared else StoreLock.beside(url, "work")
    if lock is not None:
        lock.acquire(wait=LOCK_SECONDS)
    elif (key := key_file(settings.store.key, settings.directory)) is not None and master.secret is not None:
        mark_in_use(key)  # for `keys rotate`: until we end
    try:
        with (
            posting_to(target, limits.concurrency) as posting,  # comes up while the mapping is read
            open_store(url, master, create=False) as store,  # the door has made it
        ):
            engine = Engine(settings.rulebook(), settings.policy())
            clock = clock_at(now, settings.site.zone)
            with suppress(StoreError):  # the loop does it once more, and waits for the store
                enter(store, engine.policy.environment, clock.now())
                enter_version(store, engine.policy.api_version, clock.now())
            note_and_say(store, engine, clock.now())
            say_emptied({}, engine.book)
            if unknown := engine.book.unknown(engine.policy.decisions):
                event(log, logging.WARNING, "forward-unknown-type", types=", ".join(unknown))
            say_limits(settings)
            running = engine

            def renew_key() -> None:
                posting.use(with_fresh_key(lambda: settings, posting.target))

            def reload() -> Engine | None:
                with suppress(SettingsError):  # said below
                    use_log(load_settings(settings_file), lives)
                posting.use(with_fresh_key(lambda: load_settings(settings_file), posting.target))
                nonlocal running
                fresh = reloaded(settings_file, running.policy)
                if fresh is not None:
                    say_emptied(running.book.own_rows, fresh.book)
                    running = fresh
                    note_and_say(store, fresh, clock.now())
                return fresh

            all_is_set_up()
            work(
                store,
                engine,
                posting,
                clock=clock,
                limits=limits,
                envelope=envelope_of(settings),
                reload=reload,
                renew_key=renew_key,
                lives=lives,
            )
    finally:
        if lock is not None:
            lock.release()


def use_log(settings: Settings, lives: Lives) -> None:
    """Write the log as the settings have it."""
    logs.use(settings.log.format, settings.log.level)
    lives.messages, lives.control_ids = settings.log.messages, settings.log.control_id


def envelope_of(settings: Settings) -> Envelope:
    """How requests of the site's version travel."""
    offered, batch_id = version(settings.api.version), settings.request.batch_id or ""
    return Envelope(
        lambda requests: offered.wrap(requests, batch_id), of_each if offered.most_patients > 1 else alone
    )


def with_fresh_key(settings: Callable[[], Settings], target: Target) -> Target:
    """The target with the API key as it is now (a file may hold another one); the same when it can't be read: said."""
    try:
        key = settings().api_key()
    except InterfaceError as failed:
        event(log, logging.ERROR, "api-key-not-reloaded", problem=failed)
        return target
    if key == target.key:
        return target
    event(log, logging.INFO, "api-key-reloaded")
    return replace(target, key=key)


RELOADED = (
    "default_problem_system",
    "visit_diagnosis_days",
    "diagnosis_types",
    "npi_check_digit",
    "request",
    "filters",
    "send_days_before",
)
"""What a reload takes of the settings beside the overlay folder: [mappings], [request], [filters], and when to ask."""


def reloaded(settings_file: Path, policy: Policy) -> Engine | None:
    """The engine of the mapping as it is now; None, said in the log, when something in it can't be: the old one stays."""
    try:
        settings = load_settings(settings_file)
        book, fresh = settings.rulebook(), settings.policy()
    except InterfaceError as failed:
        event(log, logging.ERROR, "mappings-not-reloaded", problem=failed)
        return None
    except Exception as failed:  # its text may hold what a site's lists hold
        event(log, logging.ERROR, "mappings-not-reloaded", error=where(failed))
        return None
    rules, tables = book.size
    event(log, logging.INFO, "mappings-reloaded", rules=rules, tables=tables, changes=len(book.changes))
    return Engine(book, replace(policy, **{name: getattr(fresh, name) for name in RELOADED}))


def say_emptied(before: Mapping[str, int], book: Rulebook) -> None:
    """Say which of the site's lists and tables have no rows, or not half of them any more: an export that failed, or has
    not ended, leaves such a file, and nothing of it is an error. `before`: how many rows they had.
    """
    for name in sorted({*before, *book.own_rows}):
        now, was = book.own_rows.get(name), before.get(name)
        if not now and was != 0:
            had = {} if was is None else {"was": was}
            problem = "the file is gone" if now is None else "the file has no rows"
            event(log, logging.WARNING, "table-empty", table=name, **had, problem=problem)
        elif now and was and was >= _MANY_ROWS and now * 2 < was:
            event(log, logging.WARNING, "table-shrunk", table=name, was=was, rows=now)


def clock_at(now: str | None, zone: tzinfo | None) -> Clock:
    """The clock of a site. `now` without an offset is the site's time; InterfaceError when it is no time."""
    if now is None:
        return Clock(zone=zone)
    try:
        start = datetime.fromisoformat(now)
    except ValueError:
        text = f"--now: {now!r} is not a time; give one such as 2026-03-05T10:00:00-06:00"
        raise InterfaceError(text) from None
    return Clock(start if start.tzinfo else start.replace(tzinfo=zone).astimezone(zone), zone)


def give_way() -> None:
    """Leave a processor that both want to the door, where senders wait for answers; what this starts does so, too."""
    with suppress(OSError):  # forbidden: then both are equal
        os.nice(GIVES_WAY)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as the door's child: 0 when asked to end, 1 when something failed (one line says what), 2 for
    settings.
    """
    parser = argparse.ArgumentParser(
        prog="interface.services.work", description="The work; started by the door."
    )
    parser.add_argument("settings", type=Path)
    parser.add_argument("--now", help="ISO 8601: where the clock starts")
    parser.add_argument(
        "--log", choices=("text", "json"), default="text", help="how lines look until the settings are read"
    )
    parser.add_argument("--began", default="", help="where the door is at work")
    options = parser.parse_args(arguments)
    give_way()
    logs.configure(process="work")
    logs.use(options.log, "info")
    try:
        serve(options.settings, options.now, options.began)
    except (SettingsError, RuleError, EnvironmentTakenError) as failed:
        event(log, logging.ERROR, "work-not-started", problem=failed)
        return 2
    except InterfaceError as failed:
        event(log, logging.ERROR, "work-failed", problem=failed)
        return 1
    except Exception as failed:  # its text may hold patient data
        event(log, logging.ERROR, "work-failed", error=where(failed))
        return 1
    return 0


if __name__ == "__main__":
    logs.catch_faults()
    sys.exit(main())
