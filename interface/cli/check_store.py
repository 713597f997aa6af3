"""What `check` says of the store, its key and the disk it stands on."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from interface.cli.check_environment import check_life
from interface.cli.findings import Found, Level
from interface.errors import InterfaceError
from interface.settings import Settings, SettingsError

if TYPE_CHECKING:
    from interface.store.records.figures import ServerFacts
    from interface.store.store import Store

FULL_BYTES = 1024**3 // 8
"""Free room below which nothing can be promised. `[store] disk_low_mib` is when it is time to act."""
SERVER_CLOCK_SECONDS = 5
"""How far the database server's clock may be off ours: the nodes of one database should agree on what came when."""


def check_key(settings: Settings) -> Found:
    """The at-rest key is there, or may still be made."""
    from interface.store.keys import DEFAULT_KEY_FILE, load_or_create

    default = settings.directory / DEFAULT_KEY_FILE
    encrypted = not settings.store.clear
    if encrypted and settings.store.key is None and not default.exists() and _may_make_key(settings):
        yield _can_make(default), f"{default} will be made by the first start"
        return
    said: list[str] = []
    master = load_or_create(
        settings.store.key, settings.directory, said.append, create=False, off=settings.store.clear
    )
    yield from (("warn", line) for line in said)
    if master.off:
        yield (
            "warn",
            '[store] encryption = "off": what is stored from now on can be read by whoever has the file',
        )
    if master.secret is not None:
        yield "ok", f"read from {master.source}"


def _may_make_key(settings: Settings) -> bool:
    """Whether there is no store that a new key would not open."""
    from interface.store.errors import StoreError
    from interface.store.store import may_make_key

    try:
        return may_make_key(settings.store_url)
    except StoreError:
        return False  # said with the store


def check_store(settings: Settings) -> Found:
    """The store opens with the key and takes a write, or may still be made."""
    from interface.store.keys import load_or_create
    from interface.store.sqlite import check_place, sqlite_path
    from interface.store.store import no_store, open_store, presence_at, store_exists

    path = None if settings.store_path is None else sqlite_path(settings.store_url)
    if not store_exists(settings.store_url):
        if path is not None and presence_at(settings.store_url, "door").is_held():
            yield "FAIL", no_store(settings.store_url)
        elif path is not None:
            check_place(path)
            yield _can_make(path), f"{path} will be made by the first start"
        else:
            yield "ok", "the database answers; the first start makes the tables"
        return
    master = load_or_create(
        settings.store.key, settings.directory, lambda _: None, create=False, off=settings.store.clear
    )
    with open_store(settings.store_url, master, create=False) as store:
        store.check_writable()
        stats, server = store.stats(), store.views.server()
        changed = _changed_under_charts(settings, store)
        trained = _trained(settings, store)
        lived = list(check_life(settings, store))
        if store.keyring.opens_clear and not master.off:
            yield "warn", "values of before are still in the clear: `keys reseal` seals them"
    yield "ok", f"{stats.path} is writable, version {stats.schema_version}, {_size(stats.size_bytes)}"
    yield from lived
    if server is not None:
        yield from _server(server)
    if changed:
        yield (
            "warn",
            f"charts may stand under other numbers than messages lead to now ({', '.join(changed)} changed since they "
            "were made): let the daemon take it (SIGHUP for the overlay folder, else a restart), then run: "
            "hl7-interface patients rebuild --all",
        )
    if trained:
        yield (
            "warn",
            f"charts that took in messages of training (MSH-11 T or D) before production: {trained}. To take them out, "
            "run: hl7-interface patients rebuild --all",
        )


def _trained(settings: Settings, store: Store) -> int:
    from interface.services.training import trained

    return trained(store) if settings.site.environment == "production" else 0


def _changed_under_charts(settings: Settings, store: Store) -> tuple[str, ...]:
    """What decides the keys of charts, and has changed since; nothing where the mapping does not load: that is said."""
    from interface.chart.decide import Engine
    from interface.rules import RuleError
    from interface.services.identity_settings import look

    try:
        engine = Engine(settings.rulebook(), settings.policy())
    except (RuleError, SettingsError):
        return ()
    return look(store, engine)


def _server(facts: ServerFacts) -> Found:
    """Whether what the server calls committed is safe, and whether its clock is ours."""
    waits = f", waits for {facts.standbys}" if facts.standbys else ""
    yield "ok", f"PostgreSQL {facts.version}, synchronous_commit {facts.synchronous_commit}{waits}"
    for name, is_on in (("fsync", facts.fsync), ("full_page_writes", facts.full_page_writes)):
        if not is_on:
            yield "FAIL", f"{name} is off: what is acknowledged is lost when the server's machine stops"
    from interface.store.records.figures import SUITED

    if facts.encoding != SUITED:
        yield (
            "FAIL",
            f"the database has the encoding {facts.encoding}: a message with another character in MSH is never stored. Move "
            f"the store to one of {SUITED} (pg_dump, createdb --template=template0 --encoding={SUITED})",
        )
    off = round(time.time() - facts.clock)
    if abs(off) > SERVER_CLOCK_SECONDS:
        yield (
            "warn",
            f"this machine's clock is {abs(off)} s {'ahead of' if off > 0 else 'behind'} the server's",
        )


def check_disk(settings: Settings) -> Found:
    """There is room where the store is."""
    from interface.store.sqlite import sqlite_path

    if settings.store_path is None:
        return
    folder = _existing(sqlite_path(settings.store_url).parent)
    free = shutil.disk_usage(folder).free
    level: Level = "FAIL" if free < FULL_BYTES else "warn" if free < settings.store.disk_low_bytes else "ok"
    yield level, f"{_size(free)} free at {folder}"


def _existing(folder: Path) -> Path:
    """`folder`, or the nearest one above it that exists."""
    return next(candidate for candidate in (folder, *folder.parents) if candidate.is_dir())


def _can_make(path: Path) -> Level:
    """Whether a file may be made at `path`.

    Raises:
        InterfaceError: it may not.

    """
    if path.is_symlink() and not path.exists():
        raise InterfaceError(f"{path} is a link to {path.readlink()}, and that is not there")
    folder = _existing(path.parent)
    if (between := next((above for above in path.parents if above.is_file()), None)) is not None:
        raise InterfaceError(f"{path} cannot be made: {between} is a file")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InterfaceError(f"{path} cannot be made: no right to write in {folder}")
    return "ok"


def _size(number: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"
