"""`onboarding production-test`: how the round stands, which requests have its slots, and what the others lack."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from interface.cli.common import local_text, settings_of, utc_text
from interface.cli.output import facts, heading, many, print_json, safe_text, table, tell
from interface.cli.stored import add_json_argument, add_settings_again, open_store_of, wants_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    add_settings_again(parser)
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Print it; nothing is changed."""
    from interface.services.round_told import told

    settings = settings_of(args)
    with open_store_of(settings) as store:
        answer = {"environment": settings.site.environment, **told(store, settings.api.version, utc_text)}
    if wants_json(args):
        print_json(answer)
    else:
        _show(answer)
    return 0


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
