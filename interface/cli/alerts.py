"""`alerts`: what is on now and what was said lately; `seen` for what somebody has looked at, `test` for the channels."""

from __future__ import annotations

import argparse
import socket
import time
from typing import TYPE_CHECKING, Any

from interface.alerting.book import Book
from interface.alerting.on import on_of
from interface.alerting.state import Edge
from interface.alerting.telling import TEST, VERBS, Notice, words
from interface.cli.by_hand import who
from interface.cli.common import UsageError, add_settings_option, local_text, settings_of, span_text, utc_text
from interface.cli.output import heading, print_json, table, tell
from interface.cli.stored import add_json_argument, add_settings_again, open_store_of, wants_json
from interface.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interface.store.alerts import StoredBook
    from interface.store.store import Store

SEEN = ("dead-letters", "messages-failed")
"""Alerts that count what somebody may have looked at."""
LATEST = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_option(parser)
    add_json_argument(parser)
    parser.set_defaults(what=show)
    commands = parser.add_subparsers(title="subcommands", metavar="")
    seen = commands.add_parser("seen", help="say that what an alert counts was looked at: it counts no more")
    seen.add_argument("codes", metavar="ALERT", nargs="*", help=f"{' or '.join(SEEN)}; none: both")
    seen.set_defaults(what=have_seen)
    test = commands.add_parser("test", help="tell a test by every channel, and say what came of each")
    test.set_defaults(what=tell_test)
    for command in (seen, test):
        add_settings_again(command)
        add_json_argument(command)


def run(args: argparse.Namespace) -> int:
    """Do what is asked."""
    return int(args.what(args))


# ------------------------------------------------------------------------------------------ what is on


def show(args: argparse.Namespace) -> int:
    """Print what is on and the latest that was said.

    Returns:
        0 when nothing is on, 1 when something is, or may be: a store that takes no write does not hold what has begun.

    """
    settings = settings_of(args)
    with open_store_of(settings) as store:
        books, runs, unwritable = store.alert_books.all(), _runs(store), _unwritable(store)
    told = [(book.name, Book.of_text(book.book)) for book in books]
    now = [(node, one) for node, book in told for one in on_of([book])]
    latest = sorted(
        ((node, notice.edge) for node, book in told for notice in book.said), key=lambda item: item[1].at
    )[-LATEST:]
    if wants_json(args):
        print_json(
            {
                "running": runs,
                "unwritable": unwritable,
                "on": [
                    {
                        "alert": one.code,
                        "scope": one.scope,
                        "level": one.level,
                        "node": node,
                        "since": utc_text(one.since),
                        "title": one.title,
                        "text": one.text,
                        "what_to_do": one.todo,
                    }
                    for node, one in now
                ],
                "latest": [_edge_json(node, edge) for node, edge in reversed(latest)],
            }
        )
    else:
        _print(now, latest[::-1], whole=unwritable is None)
    if unwritable is not None:
        tell(f"{unwritable}: alerts that began since then are not shown here, the log and /metrics have them")
    if not runs:
        tell(f"no daemon runs on this store: this is how it was {_when(books)}")
    return 1 if now or unwritable is not None else 0


def _unwritable(store: Store) -> str | None:
    """Why the store takes no write, or None: what is on is kept there, and would be missing from it."""
    try:
        store.check_writable()
    except StoreError as error:
        return str(error)
    return None


def _runs(store: Store) -> bool:
    return store.presence("door").is_held()


def _when(books: Sequence[StoredBook]) -> str:
    last = max((book.changed_at for book in books), default=0.0)
    return f"at {local_text(last)}" if last else "before it ran for the first time"


def _print(now: Sequence[tuple[str, Any]], latest: Sequence[tuple[str, Edge]], *, whole: bool) -> None:
    if now:
        rows = [(one.level, local_text(one.since), one.code, one.scope, node, one.text) for node, one in now]
        table(*_columns(("level", "since", "alert", "scope", "node", "text"), rows))
        heading("what to do:")
        table(("alert", "do"), [(one.code, one.todo) for one in {one.code: one for _, one in now}.values()])
    elif whole:
        tell("nothing is on")
    if latest:
        heading("the latest:")
        said = [
            (local_text(edge.at), edge.code, edge.scope, node, _verb(edge), edge.text)
            for node, edge in latest
        ]
        table(*_columns(("at", "alert", "scope", "node", "event", "text"), said))


def _columns(names: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> tuple[tuple[str, ...], list[Any]]:
    """Without columns that say nothing."""
    kept = [
        place
        for place, name in enumerate(names)
        if name not in ("scope", "node") or any(r[place] for r in rows)
    ]
    return tuple(names[place] for place in kept), [tuple(row[place] for place in kept) for row in rows]


def _verb(edge: Edge) -> str:
    return (
        f"{VERBS[edge.what]}, after {span_text(edge.at - edge.since)}"
        if edge.what == "ends"
        else VERBS[edge.what]
    )


def _edge_json(node: str, edge: Edge) -> dict[str, Any]:
    return {
        "at": utc_text(edge.at),
        "event": edge.what,
        "alert": edge.code,
        "scope": edge.scope,
        "node": node,
        "since": utc_text(edge.since),
        "text": words(edge),
    }


# ------------------------------------------------------------------------------------------ seen


def have_seen(args: argparse.Namespace) -> int:
    """Say that somebody has looked at what is dead or failed: only what comes later counts."""
    settings = settings_of(args)
    codes = args.codes or list(SEEN)
    for code in codes:
        if code not in SEEN:
            raise UsageError(
                f"alerts seen: {code!r} counts nothing that can be looked at; there are {', '.join(SEEN)}"
            )
    done: list[dict[str, Any]] = []
    with open_store_of(settings) as store:
        newest = {
            "dead-letters": store.alert_facts.newest_dead,
            "messages-failed": store.alert_facts.newest_failed,
        }
        for code in dict.fromkeys(codes):
            last = newest[code]()
            if last is not None:
                store.alert_books.see(code, last, who(), time.time())
            done.append({"alert": code, "up_to": utc_text(last)})
    if wants_json(args):
        print_json({"seen": done})
        return 0
    for one in done:
        said = f"{one['alert']}: seen, counted no more" if one["up_to"] else f"{one['alert']}: there is none"
        print(said)
    return 0


# ------------------------------------------------------------------------------------------ test


def tell_test(args: argparse.Namespace) -> int:
    """Tell a test by every channel of the settings.

    Returns:
        0 when each took it, 1 when one did not.

    """
    from interface.services.alert_channels import channels_of, sender_of
    from interface.services.alert_tellers import told

    settings = settings_of(args)
    now = time.time()
    text = "This is a test of how alerts are told; nothing is wrong, and nothing has to be done."
    notice = Notice(f"test-{int(now)}", Edge("begins", TEST, "", now, now, text))
    sender = sender_of(settings, socket.gethostname())
    found = [(name, told(channel, notice, sender)) for name, channel in channels_of(settings).items()]
    if wants_json(args):
        print_json({"channels": [{"channel": name, "told": not why, "problem": why} for name, why in found]})
    else:
        for name, why in found:
            print(f"{name.ljust(8)} {f'failed: {why}' if why else 'told'}")
    if not found:
        tell("[alerts] names no channel: alerts stand in the log alone (docs/alerts.md)")
    return 1 if any(why for _, why in found) else 0
