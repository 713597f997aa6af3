"""`patients rebuild` and `messages reprocess`: charts made anew from stored messages by today's rules."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from interface.cli.asking import (
    Done,
    Site,
    a_person_is_asked,
    add_asking_arguments,
    confirm,
    grouping,
    open_site,
    progress,
    rebuild,
)
from interface.cli.chosen import add_message_filters_again, any_filter, message_filter, refuse_of_list
from interface.cli.common import UsageError
from interface.cli.output import is_terminal, many, print_json, tell
from interface.cli.screen import open_screen
from interface.cli.stored import PAGE, wants_json, whole
from interface.cli.whose import add_authority, patient_of
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.services.portions import Group, Grouping, Portion
    from interface.store.records.lists import MessageFilter, MessageSummary

NAMED = 10
"""So many charts are named before the question."""


def add_rebuild(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare `patients rebuild`."""
    parser = subparsers.add_parser(
        "rebuild",
        help="make charts anew from their messages",
        description="Make charts anew from the stored messages, in the order in which they came, by today's rules. "
        "A wrong merge is undone by leaving its message out (--without).",
    )
    parser.add_argument("mrns", nargs="*", metavar="MRN", help="numbers of patients")
    add_authority(parser)
    parser.add_argument(
        "--id", metavar="N", type=whole, action="append", default=[], help="a patient by id; may be repeated"
    )
    parser.add_argument("--all", action="store_true", help="every patient")
    for name, text in (
        ("without", "leave a message out of the charts from now on; may be repeated"),
        ("with", "take a message back that was left out; may be repeated"),
    ):
        parser.add_argument(
            f"--{name}",
            dest=f"{name}_messages",
            metavar="MESSAGE",
            type=whole,
            action="append",
            default=[],
            help=text,
        )
    add_asking_arguments(parser)
    parser.set_defaults(action=rebuild_patients)


def add_reprocess(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare `messages reprocess`."""
    parser = subparsers.add_parser(
        "reprocess",
        help="decide messages again by today's rules",
        description="Rebuild the charts of the patients of these messages by today's rules and decide the messages "
        "again; what they ask for now goes out. --dry-run shows it field by field and changes nothing.",
    )
    parser.add_argument("ids", nargs="*", metavar="ID", type=whole, help="messages; or choose by filters")
    add_message_filters_again(parser)
    parser.add_argument("--all", action="store_true", help="every message")
    add_asking_arguments(parser)
    parser.set_defaults(action=reprocess)


def rebuild_patients(args: argparse.Namespace) -> int:
    """Rebuild charts; 1 when one could not be, or the person said no."""
    of_list = ("--mrn", "--merged", "--since", "--until", "--limit", "--before")
    refuse_of_list(args, "patients rebuild", *of_list)
    aside, back = set(args.without_messages), set(args.with_messages)
    if not (args.mrns or args.id or args.all or aside or back):
        raise UsageError("patients rebuild: say whose charts: MRNs, --id N, --without MESSAGE, or --all")
    if args.all and (args.mrns or args.id):
        raise UsageError("patients rebuild: --all is everybody; leave MRNs and --id out")
    if both := aside & back:
        raise UsageError(f"patients rebuild: message {min(both)} can't be both --without and --with")
    with open_site(args) as site:
        groups = grouping(site)
        groups.patients(_everybody(site) if args.all else _patients(site, args))
        groups.messages(((row.id, row.patient_id) for row in _named(site, aside)), "aside")
        groups.messages(((row.id, row.patient_id) for row in _named(site, back)), "back")
        notes = [f"message {id_} is left out" for id_ in sorted(aside)]
        notes += [f"message {id_} counts again" for id_ in sorted(back)]
        return _carry_out(site, args, groups, "; ".join(notes), everybody=args.all)


def reprocess(args: argparse.Namespace) -> int:
    """Decide messages again; 1 when one could not be, or the person said no."""
    refuse_of_list(args, "messages reprocess", "--limit", "--before")
    if args.ids and (args.all or any_filter(args)):
        raise UsageError("messages reprocess: give IDs, filters, or --all, not both")
    if not (args.ids or args.all or any_filter(args)):
        raise UsageError(
            "messages reprocess: say which: IDs, filters as `messages` has them (--decision hold), or --all"
        )
    with open_site(args) as site:
        where = message_filter(args, site.settings, site.store)
        groups = grouping(site)
        counts: Counter[bool] = Counter()
        rows = _named(site, args.ids) if args.ids else _filtered(site, where)
        groups.messages(_not_left_out(rows, counts), "again")
        if counts[True]:
            said = f"{many(counts[True], 'message')} left out of the charts by a person, and stays so"
            tell(f"{said}: `patients rebuild --with` takes them back")
        if not counts[False]:
            return _nothing(site, args, "no messages")
        note = f"{many(counts[False], 'message')} to be decided again"
        return _carry_out(site, args, groups, note, all_messages=bool(args.ids))


# ---------------------------------------------------------------- which


def _everybody(site: Site) -> Iterable[int]:
    after = 0
    while page := site.store.patients.charted(after=after, limit=PAGE):
        yield from page
        after = page[-1]


def _patients(site: Site, args: argparse.Namespace) -> list[int]:
    found = [patient_of(site, mrn, args.authority) for mrn in args.mrns]
    known = site.store.patients.by_id(args.id)
    unknown = [id_ for id_ in args.id if id_ not in known]
    if unknown:
        raise InterfaceError(f"there is no patient {unknown[0]}")
    return [*found, *args.id]


def _named(site: Site, ids: Iterable[int]) -> list[MessageSummary]:
    """Decided messages by id. Raises InterfaceError for one that is not there, or not decided."""
    wanted = sorted(set(ids))
    found = site.store.patients.messages_by_id(wanted)
    for id_ in wanted:
        if id_ not in found:
            raise InterfaceError(f"there is no message {id_}")
        if found[id_].state == "new":
            raise InterfaceError(f"message {id_} is not decided yet: the daemon will do it")
    return [found[id_] for id_ in wanted]


def _filtered(site: Site, where: MessageFilter) -> Iterable[MessageSummary]:
    """All decided messages that a filter takes, read in pages."""
    before = None
    while page := site.store.views.messages(where, before=before, limit=PAGE):
        yield from (row for row in page if row.state != "new")
        before = page[-1].id


def _not_left_out(rows: Iterable[MessageSummary], counts: Counter[bool]) -> Iterator[tuple[int, int | None]]:
    """The messages that no person has left out; counts those that one has (True) and the others."""
    for row in rows:
        counts[row.set_aside] += 1
        if not row.set_aside:
            yield row.id, row.patient_id


# ---------------------------------------------------------------- how


def _carry_out(
    site: Site,
    args: argparse.Namespace,
    groups: Grouping,
    note: str,
    *,
    all_messages: bool = False,
    everybody: bool = False,
) -> int:
    charts, messages = groups.count()
    portions = list(groups.portions())
    if not portions:
        return _nothing(site, args, "no patients")
    if args.dry_run:
        return _try(site, args, portions, charts, all_messages=all_messages)
    if a_person_is_asked(yes=args.yes):
        for line in _who(site, [group for portion in portions for group in portion.groups]):
            tell(line)
    rest = f"; {note}" if note else ""
    question = f"{many(charts, 'chart')} to be rebuilt from {many(messages, 'message')}{rest}."
    if not confirm(question, yes=args.yes):
        return 1
    done = Done()
    try:
        rebuild(site, portions, charts, args.wait, done, everybody=everybody)
    finally:
        if wants_json(args):
            print_json(done.as_json())
        elif done.commands or done.failed:
            done.show()
    return 1 if done.failed else 0


def _nothing(site: Site, args: argparse.Namespace, said: str) -> int:
    """None was chosen: that is no fault, and JSON has the same form as ever."""
    tell(said)
    if wants_json(args):
        if args.dry_run:
            return _try(site, args, [], 0, all_messages=False)
        print_json(Done().as_json())
    return 0


def _who(site: Site, groups: list[Group]) -> Iterable[str]:
    """The patients, when there are few."""
    from interface.chart.shown import head_of
    from interface.services.charts_shown import chart_of

    if len(groups) > NAMED:
        return
    known = site.store.patients.by_id(group.patient for group in groups if group.patient is not None)
    for row in known.values():
        chart = chart_of(row)
        if chart is not None:
            head = head_of(chart)
            yield f"patient {row.id}  {head.mrn}  {head.name}  {head.birth_date}".rstrip()


def _try(
    site: Site, args: argparse.Namespace, portions: list[Portion], charts: int, *, all_messages: bool
) -> int:
    from interface.cli.trial_text import Totals, as_json, print_found
    from interface.services.trial import Trial

    trial = Trial(site.engine, site.store, site.clock.at)
    totals, screen = Totals(), open_screen()
    answer: dict[str, Any] = {"dry_run": True, "messages": [], "requests": [], "charts": []}
    todo = portions[::-1]
    # what is found is printed as it is found: a bar would stand in its way
    bar = wants_json(args) or not is_terminal(sys.stdout)
    with progress(charts, "charts tried", shown=bar) as shown:
        while todo:
            portion = todo.pop()
            found = trial.look(portion)
            if isinstance(found, str):
                if halves := portion.halves():
                    todo += halves[::-1]
                    continue
                totals.failed.append((portion.patients, found))
            else:
                totals.take(found)
                if wants_json(args):
                    for name, entries in as_json(found).items():
                        answer[name] += entries
                else:
                    print_found(screen, found, all_messages=all_messages)
            shown(len(portion.groups))
    if wants_json(args):
        print_json(answer | {"summary": totals.as_json()})
    else:
        totals.show(screen)
    return 1 if totals.failed else 0
