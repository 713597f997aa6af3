"""`requests retry`, `requests discard` and `requests release`: what persons do to requests, counted first and asked."""

from __future__ import annotations

import argparse
import getpass
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from interface.cli.asking import (
    SHOWN,
    Site,
    add_site_arguments,
    add_wait_argument,
    confirm,
    open_site,
    progress,
)
from interface.cli.chosen import (
    add_request_filters_again,
    any_filter,
    held_by,
    refuse_of_list,
    request_filter,
)
from interface.cli.common import UsageError
from interface.cli.output import many, print_json, safe_text, tell
from interface.cli.stored import PAGE, reasons_text, releases_text, wants_json, whole
from interface.errors import InterfaceError
from interface.services.deeds import (
    DISCARD,
    RELEASE,
    RETRY,
    WHY_CHARACTERS,
    Deed,
    given_up,
    portions_of,
    reason_given,
    refused_of,
)

if TYPE_CHECKING:
    from interface.store.records.lists import RequestFilter, RequestSummary
    from interface.store.records.reading import Command


def add_by_hand(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare the subcommands."""
    retry = _add(
        subparsers,
        RETRY,
        "send dead or discarded requests again, waiting ones now",
        "Send requests again. Dead or discarded ones are composed anew from the chart and wait to be sent (or are held, "
        "with the reason); waiting ones are due now. Choose by ID, or by filters: those take dead ones, with --state "
        "discarded or --state waiting others.",
    )
    retry.set_defaults(action=lambda args: carry_out(RETRY, args))
    discard = _add(
        subparsers,
        DISCARD,
        "give requests up",
        "Give up requests that are held, waiting or dead. Such a one is asked for anew only when a message makes it say "
        "something else, or by `requests retry`.",
    )
    discard.add_argument("--reason", metavar="TEXT", required=True, help="why; kept with the request")
    discard.set_defaults(action=lambda args: carry_out(DISCARD, args))
    release = _add(
        subparsers,
        RELEASE,
        "let held requests of protected patients go",
        "Let requests go that are held because the patient is protected (PD1-12, PV2-22, ARV-3). It counts "
        "for the appointment's later requests, too. What is held for another reason stays held.",
    )
    release.set_defaults(action=lambda args: carry_out(RELEASE, args))


def _add(
    subparsers: argparse._SubParsersAction[Any], deed: Deed, text: str, description: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(deed.kind, help=text, description=description)
    parser.add_argument("ids", nargs="*", metavar="ID", type=whole, help="requests; or choose by filters")
    add_request_filters_again(parser)
    add_site_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_wait_argument(parser)
    return parser


def carry_out(deed: Deed, args: argparse.Namespace) -> int:
    """Do it; 1 when it could not be done to one of them, or the person said no."""
    arguments = _arguments(deed, args)
    _check(deed, args)
    with open_site(args) as site:
        before, left = _chosen(deed, args, site)
        if not before and not left:
            if wants_json(args):
                print_json(_answer(deed, [], {}, {}))
            else:
                tell("no requests")
            return 0
        # requests that were named one by one to be released were always let go without a question
        if not (deed is RELEASE and args.ids) and before:
            question = f"{_counted(before)} {deed.question}."
            if not confirm(question, yes=args.yes, otherwise="`requests` lists them first"):
                return 1
        arguments |= given_up(deed, before.values())
        refused = dict(left) | _ask(site, deed, list(before), arguments, args.wait)
        after = _states(site, [*before, *left])
    answer = _answer(deed, [*before, *left], after, refused)
    if wants_json(args):
        print_json(answer)
    else:
        _show(deed, answer)
    return 0 if all(entry[deed.done] for entry in answer["requests"]) else 1


def _arguments(deed: Deed, args: argparse.Namespace) -> dict[str, Any]:
    """Who, and for `discard` why."""
    found = {"who": who()}
    if deed is DISCARD:
        why = reason_given(args.reason)
        if not why:
            raise UsageError(f"requests discard: --reason says why, in 1 to {WHY_CHARACTERS} characters")
        found["why"] = why
    return found


def who() -> str:
    """The person at the command line: the user behind sudo, else our own."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):
        name = f"uid {os.getuid()}"
    return safe_text(name)[:64]


# ---------------------------------------------------------------- which


def _check(deed: Deed, args: argparse.Namespace) -> None:
    """Raise UsageError for what can't be meant."""
    refuse_of_list(args, f"requests {deed.kind}", "--limit", "--before")
    if args.ids and any_filter(args):
        raise UsageError(f"requests {deed.kind}: give IDs or filters, not both")
    if not args.ids and not any_filter(args):
        raise UsageError(
            f"requests {deed.kind}: say which: IDs, or filters as `requests` has them (--state {deed.filtered[0]})"
        )
    state = held_by(args, "state", "held")
    if state is not None and state not in deed.taken:
        raise UsageError(f"requests {deed.kind} is for requests that are {_or(deed.taken)}, not {state}")


def _chosen(deed: Deed, args: argparse.Namespace, site: Site) -> tuple[dict[int, str], dict[int, str]]:
    """The requests by id with their states, and those it can't be done to, with why. Raises InterfaceError, UsageError."""
    if args.ids:
        return _named(deed, site, list(dict.fromkeys(args.ids)))
    where = request_filter(args, site.settings, site.store)
    states = deed.filtered if where.state is None else (where.state,)
    found: dict[int, str] = {}
    for state in states:
        found |= {row.id: row.state for row in _all(site, replace(where, state=state)) if deed.fits(row)}
    return dict(sorted(found.items())), {}


def _named(deed: Deed, site: Site, ids: list[int]) -> tuple[dict[int, str], dict[int, str]]:
    rows = site.store.patients.requests_by_id(ids)
    unknown = [id_ for id_ in ids if id_ not in rows]
    if unknown:
        raise InterfaceError(f"there is no request {unknown[0]}")
    if deed is not RELEASE:
        # one that is being sent may be anything by the time the command is carried out: the work judges
        return {id_: rows[id_].state for id_ in ids}, {}
    fit = {id_: rows[id_].state for id_ in ids if rows[id_].state == "held" and deed.fits(rows[id_])}
    return fit, {id_: "" for id_ in ids if id_ not in fit}


def _all(site: Site, where: RequestFilter) -> Iterable[RequestSummary]:
    """All requests that a filter takes, read in pages."""
    before = None
    while page := site.store.views.requests(where, before=before, limit=PAGE):
        yield from page
        before = page[-1].id


def _counted(states: Mapping[int, str]) -> str:
    """`3 requests (2 dead, 1 waiting)`."""
    counts = Counter(states.values())
    each = ", ".join(f"{number} {state}" for state, number in sorted(counts.items()))
    return f"{many(len(states), 'request')} ({each})"


def _or(words: Sequence[str]) -> str:
    return " or ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]


# ---------------------------------------------------------------- how


def _ask(site: Site, deed: Deed, ids: list[int], arguments: Mapping[str, Any], wait: float) -> dict[int, str]:
    """Have it done in portions; gives those that could not be, with why."""
    from interface.services.asking import Asking

    portions = portions_of(ids, arguments)
    refused: dict[int, str] = {}
    asking = Asking(site.store, site.engine, site.clock, patience=wait)
    with progress(len(ids), "requests", shown=len(portions) > 1) as shown:

        def take(place: int, command: Command) -> None:
            requests = portions[place]["requests"]
            refused.update(refused_of(requests, command))
            shown(len(requests))

        asking.ask(deed.kind, portions, take)
    return refused


def _states(site: Site, ids: Sequence[int]) -> dict[int, RequestSummary]:
    found: dict[int, RequestSummary] = {}
    for start in range(0, len(ids), PAGE):
        found |= site.store.patients.requests_by_id(ids[start : start + PAGE])
    return found


# ---------------------------------------------------------------- what came of it


def _answer(
    deed: Deed, ids: Iterable[int], after: Mapping[int, RequestSummary], refused: Mapping[int, str]
) -> dict[str, Any]:
    entries = []
    for id_ in ids:
        row = after[id_]
        done = deed.was_done(row, refused)
        entry = {"id": id_, deed.done: done, "state": row.state, "reasons": row.reasons}
        entries.append(entry | {"problem": refused.get(id_) or None})
    return {"requests": entries}


def _show(deed: Deed, answer: Mapping[str, Any]) -> None:
    entries = answer["requests"]
    done = [entry for entry in entries if entry[deed.done]]
    if len(entries) > SHOWN:
        print(f"{len(done)} of {len(entries)} requests: done")
        entries = [entry for entry in entries if not entry[deed.done]]
    for entry in entries[:SHOWN]:
        _show_one(deed, entry)
    if len(entries) > SHOWN:
        tell(f"and {len(entries) - SHOWN} more: --json names all")


def _show_one(deed: Deed, entry: Mapping[str, Any]) -> None:
    number, state = entry["id"], entry["state"]
    if entry["problem"]:
        tell(f"request {number} stays {state}: {entry['problem']}")
    elif state == "held":
        still = "still " if deed is RELEASE else ""
        print(safe_text(f"request {number} is {still}held: {reasons_text(entry['reasons'])}"))
        release_by = releases_text(entry["reasons"])
        if release_by:
            print(safe_text(f"  released by: {release_by}"))
    elif entry[deed.done]:
        print(f"request {number} {deed.told} ({state})")
    elif deed is RELEASE:
        tell(f"request {number} is not held: it is {state}")
    else:
        tell(f"request {number}: it is {state} now")
