"""The daemon from its start to its end: settings, the store, the reactor, and the door in it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from interface.services import logs
from interface.services.door import Command, Door, connect
from interface.services.door_state import MakeConsole
from interface.services.logs import event
from interface.services.supervision import work_command
from interface.services.systemd import Given, Teller, take
from interface.settings import Settings, load_settings
from interface.settings.reload import bearings
from interface.store.errors import StoreError
from interface.store.keys import key_file, load_or_create
from interface.store.store import Store, may_make_key, open_store, presence_at, store_exists

log = logging.getLogger(__name__)

OPEN_SECONDS = 1.0
"""How often a store on a full disk is tried at the start."""
MORE_SECONDS = 60
"""What systemd is asked to wait longer for the start, at each try."""


def run_door(
    settings_path: Path,
    now: datetime | None = None,
    *,
    command: Sequence[str] | None = None,
    console: MakeConsole | None = None,
    hangups: Sequence[int] = (),
) -> int:
    """Run the daemon in the foreground until SIGTERM or SIGINT; returns 0. Once in a process: a reactor runs
    once.

    `now` sets the clock of the work (the door's ACKs bear real time); `command` replaces the work's; `console` makes
    the console, which is not of the door's own room; `hangups` is not empty where SIGHUP came while it started: what
    that reads is read once more. Raises InterfaceError in one line when it cannot start: settings,
    key, store, another daemon, a certificate, a port in use.
    """
    logs.configure()
    logs.catch_faults()
    given = take(os.environ, os.getpid())
    settings = load_settings(settings_path)
    logs.use(settings.log.format, settings.log.level)
    url = settings.store_url
    with presence_at(url, "door"):
        clear = settings.store.clear
        key = key_file(settings.store.key, settings.directory)
        # looked at once: of a start that waits for room the first attempt may have made the key, and begun the store
        had_key = clear or key is None or key.exists()
        had_store: bool | None = None
        announced: list[str] = []

        def attempt() -> Store:
            nonlocal had_store
            # a new key opens no store that is there already: then a missing one is said, not made
            fresh = may_make_key(url)
            had_store = store_exists(url) if had_store is None else had_store
            said: list[str] = []
            master = load_or_create(
                settings.store.key, settings.directory, said.append, create=fresh, off=clear
            )
            for line in said:
                if line not in announced:  # of a start that waits each attempt reads the key
                    announced.append(line)
                    _announce(line)
            with contextlib.ExitStack() as undone:
                opened = undone.enter_context(open_store(url, master))
                if not had_store:
                    # A key without its store is no first start: a disk that is not mounted, a file that was taken away.
                    level = logging.WARNING if had_key else logging.INFO
                    event(log, level, "store-made", store=opened.stats().path)
                    had_store = True
                connect(opened)  # a server may be gone again
                undone.pop_all()
            return opened

        with _opened(attempt, Teller(given.address).tell) as store:
            if store.keyring.opens_clear:
                event(log, logging.WARNING, "not-encrypted", values="new" if clear else "old")
            own = work_command(str(settings_path), now, log_format=logs.format_used, began=bearings(settings))
            child = own if command is None else lambda: command
            ahead = 0.0 if now is None else now.timestamp() - time.time()
            return _run(settings, store, child, console, ahead, given, hangups)


def _opened(
    attempt: Callable[[], Store],
    tell: Callable[..., None] = lambda *_: None,
    pause: Callable[[float], None] = time.sleep,
) -> Store:
    """The store; on a full disk as soon as there is room, on a server as soon as that is up. `tell`: systemd, which would
    else take a long wait for a start that failed. Raises StoreError for whatever else keeps it shut.
    """
    waited = False
    while True:
        try:
            store = attempt()
        except StoreError as failed:
            if not (failed.disk_full or failed.away):
                raise
            if not waited:
                event(log, logging.ERROR, "store-failing", problem=failed)
            waited = True
            tell(f"EXTEND_TIMEOUT_USEC={MORE_SECONDS * 1_000_000}", f"STATUS=waits for the store: {failed}")
            pause(OPEN_SECONDS)
            continue
        if waited:
            event(log, logging.WARNING, "store-well-again")
        return store


def _announce(text: str) -> None:
    if logs.format_used() == "json":
        event(log, logging.WARNING, "at-rest-key", problem=text)
        return
    with contextlib.suppress(OSError, ValueError):  # a log that is full keeps nothing from being taken
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - for the operator who starts it the first time


def _run(
    settings: Settings,
    store: Store,
    command: Command,
    console: MakeConsole | None,
    work_ahead: float,
    given: Given,
    hangups: Sequence[int],
) -> int:
    # Imported here: importing it installs the reactor, and nothing but a running door needs one.
    from twisted.internet import reactor as installed
    from twisted.logger import globalLogBeginner

    reactor: Any = installed
    observers: list[Any] = [logs.twisted_failures]
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False)
    door = Door(settings, store, reactor, command, console, work_ahead, given)
    door.listen()
    reactor.callWhenRunning(door.start)
    reactor.addSystemEventTrigger("before", "shutdown", door.stop)

    def reload() -> None:
        door.life.reloading()
        door.reload()
        door.life.reloaded()

    signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(reload))
    if hangups:
        reactor.callWhenRunning(reload)
    reactor.run()
    if door.console is not None:
        door.console.stop()
    event(log, logging.INFO, "stopped")
    return 0
