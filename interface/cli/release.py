"""`requests release`: a person lets held requests of protected patients go."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from interface.cli.asking import Site, add_site_arguments, add_wait_argument, open_site
from interface.cli.output import print_json, safe_text, tell
from interface.cli.stored import reasons_text, releases_text, wants_json, whole
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.store.records import Command, RequestSummary

PROTECTED = "protected"


def add_release(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare `requests release`."""
    parser = subparsers.add_parser(
        "release",
        help="let held requests of protected patients go",
        description="Let requests go that are held because the patient is protected (PD1-12, PV2-22, ARV-3). It counts "
        "for the appointment's later requests, too. What is held for another reason stays held.",
    )
    parser.add_argument("ids", nargs="+", metavar="ID", type=whole)
    add_site_arguments(parser)
    add_wait_argument(parser)
    parser.set_defaults(action=release)


def release(args: argparse.Namespace) -> int:
    """Release requests; 1 when one of them stays held, or was not held."""
    ids = list(dict.fromkeys(args.ids))
    with open_site(args) as site:
        before = site.store.patients.requests_by_id(ids)
        unknown = [id_ for id_ in ids if id_ not in before]
        if unknown:
            raise InterfaceError(f"there is no request {unknown[0]}")
        protected = [id_ for id_ in ids if _is_protected(before[id_])]
        if protected:
            _ask(site, protected, args.wait)
        after = site.store.patients.requests_by_id(ids)
    answers = [_answer(before[id_], after, asked=id_ in protected) for id_ in ids]
    if wants_json(args):
        print_json({"requests": answers})
    else:
        for answer in answers:
            _show(answer)
    return 0 if all(answer["released"] for answer in answers) else 1


def _is_protected(row: RequestSummary) -> bool:
    return row.state == "held" and any(reason.get("code") == PROTECTED for reason in row.reasons)


def _ask(site: Site, ids: list[int], wait: float) -> None:
    from interface.services.asking import Asking

    asking = Asking(site.store, site.engine, site.clock, url=site.settings.store_url, patience=wait)
    asking.ask("release", [{"requests": ids}], _raise_if_failed)


def _raise_if_failed(_: int, command: Command) -> None:
    if command.state != "done":
        problem = str((command.result or {}).get("problem", "it failed"))
        raise InterfaceError(f"nothing was released: {problem}")


def _answer(before: RequestSummary, after: Mapping[int, RequestSummary], *, asked: bool) -> dict[str, Any]:
    row = after.get(before.id, before)
    released = asked and row.state in ("waiting", "sending", "delivered")
    return {"id": row.id, "released": released, "state": row.state, "reasons": row.reasons}


def _show(answer: Mapping[str, Any]) -> None:
    number, state = answer["id"], answer["state"]
    if answer["released"]:
        print(f"request {number} is released ({state})")
    elif state == "held":
        print(safe_text(f"request {number} is still held: {reasons_text(answer['reasons'])}"))
        release_by = releases_text(answer["reasons"])
        if release_by:
            print(safe_text(f"  released by: {release_by}"))
    else:
        tell(f"request {number} is not held: it is {state}")
