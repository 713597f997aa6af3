"""`onboarding production-test`: how the round stands, which requests have its slots, and what the others lack."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interface.cli.common import local_text, settings_of, utc_text
from interface.cli.output import facts, heading, many, print_json, safe_text, table, tell
from interface.cli.stored import add_json_argument, add_settings_again, decoded, open_store_of, wants_json

if TYPE_CHECKING:
    from interface.evidence.production_test import Held, Seen
    from interface.store.database import Store
    from interface.store.records.slots import Round
    from interface.store.rounds import InTest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    add_settings_again(parser)
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Print it; nothing is changed."""
    from interface.evidence.production_test import Held

    settings = settings_of(args)
    with open_store_of(settings) as store:
        found = store.rounds.now()
        held = Held()
        for row in store.environments.held():
            held.add(row.id, row.codes)
        tested, refused = store.rounds.tested(found), store.rounds.refused(found)
        wanted = [*(one.id for one in tested), *held.first_complete, *(n for n, _ in held.first_incomplete)]
        answer = {
            "environment": settings.site.environment,
            **_round(store, found),
            "slots": _slots(tested, looked := _look(store, wanted)),
            "waiting_without_slot": sorted(store.rounds.without_slot(found)),
            "refused": [_refused(one, settings.api.version) for one in refused],
            **_held(held, looked),
        }
    if wants_json(args):
        print_json(answer)
    else:
        _show(answer)
    return 0


# ---------------------------------------------------------------- what there is to tell


def _look(store: Store, ids: Sequence[int]) -> dict[int, Seen]:
    from interface.evidence.production_test import seen

    bodies, details = store.work.request_bodies(ids), store.work.request_details(ids)
    return {
        id_: seen(id_, decoded(bodies.get(id_)), decoded(details.get(id_, ("", None))[1]))
        for id_ in dict.fromkeys(ids)
    }


def _round(store: Store, found: Round) -> dict[str, Any]:
    from interface.store.records.slots import ENOUGH, MOST

    return {
        "round": found.number,
        "began_at": utc_text(found.began_at or None),
        "began_by": found.began_by,
        "why": store.rounds.why(found.number),
        "chosen": "by hand" if found.by_hand else "automatically",
        "copied": found.copied,
        "accepted": found.accepted,
        "enough": ENOUGH,
        "most": MOST,
        "free": len(found.free),
        "over": found.is_over,
    }


def _slots(tested: Iterable[InTest], looked: Mapping[int, Seen]) -> list[dict[str, Any]]:
    return [
        {
            "slot": one.slot.number,
            "request": one.id,
            "state": one.state,
            "accepted": one.slot.accepted,
            "may_have_arrived": one.slot.doubtful,
            "correlation_id": one.correlation_id,
            "status": one.status,
            "taken_at": utc_text(one.slot.taken_at),
            "ended_at": utc_text(one.slot.ended_at),
            **_seen(looked[one.id]),
        }
        for one in tested
        if one.slot is not None
    ]


def _seen(found: Seen) -> dict[str, Any]:
    return {
        "lacks": list(found.lacks),
        "repaired": [{"field": name, "what": what} for name, what in found.repaired],
        "left_out": [{"source": source, "why": why} for source, why in found.left_out],
    }


def _refused(one: InTest, version: int) -> dict[str, Any]:
    from interface.evidence.production_test import named_fields

    return {
        "request": one.id,
        "status": one.status,
        "at": utc_text(one.changed_at),
        "fields": list(named_fields(one.reply, version)),
        "keeps_slot": one.slot is not None,
    }


def _held(held: Held, looked: Mapping[int, Seen]) -> dict[str, Any]:
    return {
        "complete": held.complete,
        "candidates": [{"request": id_, **_seen(looked[id_])} for id_ in held.first_complete],
        "incomplete": held.incomplete,
        "lacking": dict(held.lacking.most_common()),
        "incomplete_requests": [
            {"request": id_, "missing": list(codes), **_seen(looked[id_])}
            for id_, codes in held.first_incomplete
        ],
        "held_otherwise": held.otherwise,
        "held_for": dict(held.reasons.most_common()),
    }


# ---------------------------------------------------------------- for people


def _show(answer: Mapping[str, Any]) -> None:
    began = f" (begun by {answer['began_by']}: {answer['why']})" if answer["began_by"] else ""
    told = f"{answer['accepted']} accepted; the vendor wants {answer['enough']} to {answer['most']}"
    facts(
        {
            "round": f"{answer['round']}{safe_text(began)}",
            "accepted": told,
            "slots left": answer["free"] if not answer["over"] else "0: nothing more is sent in this round",
            "chosen": answer["chosen"],
        }
    )
    if answer["environment"] != "production-test":
        tell(f'the site runs in environment "{answer["environment"]}": nothing is tested now')
    if answer["copied"]:
        tell(
            "the store was restored from a copy, which does not know what was sent since: "
            "`onboarding new-round` begins anew"
        )
    _show_slots(answer["slots"])
    _show_refused(answer["refused"])
    _show_held(answer)


def _show_slots(slots: Sequence[Mapping[str, Any]]) -> None:
    if not slots:
        return
    heading("slots:")
    names = ("slot", "request", "state", "status", "correlation id", "when", "repaired")
    table(
        names,
        [
            (
                one["slot"],
                one["request"],
                _state(one),
                one["status"] or "",
                one["correlation_id"] or "",
                _local(one["ended_at"] or one["taken_at"]),
                _repaired(one),
            )
            for one in slots
        ],
    )


def _state(one: Mapping[str, Any]) -> str:
    if one["accepted"]:
        return "accepted"
    return f"{one['state'] or 'no longer kept'}{', may have arrived' if one['may_have_arrived'] else ''}"


def _repaired(one: Mapping[str, Any]) -> str:
    return "; ".join(f"{entry['field']} ({entry['what']})" for entry in one["repaired"])


def _local(text: str | None) -> str:
    from datetime import datetime

    return local_text(datetime.fromisoformat(text).timestamp()) if text else ""


def _show_refused(refused: Sequence[Mapping[str, Any]]) -> None:
    if not refused:
        return
    heading("refused by the API:")
    table(
        ("request", "status", "when", "fields it names", "slot"),
        [
            (
                one["request"],
                one["status"] or "",
                _local(one["at"]),
                ", ".join(one["fields"]) or f"none; `requests show {one['request']}` has its words",
                "kept: an attempt may have arrived" if one["keeps_slot"] else "free again",
            )
            for one in refused
        ],
    )


def _show_held(answer: Mapping[str, Any]) -> None:
    print(f"{many(answer['complete'], 'complete request')} held that may be chosen")
    if answer["candidates"]:
        table(
            ("request", "would be better with", "repaired"),
            [(one["request"], ", ".join(one["lacks"]), _repaired(one)) for one in answer["candidates"]],
        )
    print(f"{many(answer['incomplete'], 'request')} held that lack something")
    if answer["incomplete"]:
        table(("lacking", "requests"), list(answer["lacking"].items()), right=("requests",))
        table(
            ("request", "lacks", "repaired"),
            [
                (one["request"], ", ".join(one["missing"]), _repaired(one))
                for one in answer["incomplete_requests"]
            ],
        )
    if answer["held_otherwise"]:
        counts = ", ".join(f"{code} {count}" for code, count in answer["held_for"].items())
        print(f"{many(answer['held_otherwise'], 'request')} held for something else: {counts}")
