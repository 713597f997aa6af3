"""The vendor's process: each step, what shows it done, what to do next; test patients, the production test, reports."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from interface.console.asked import Action, Around, Ask, Asked, File, Page, RefusedError, Shown, Write
from interface.console.sources import cut, request_cell
from interface.evidence.page import as_html
from interface.evidence.report import NamedPatient, Report, as_json
from interface.evidence.steps import CONFIRMABLE, NOTE_CHARACTERS, Facts, Step, steps
from interface.services.evidence import facts_of, named_patients, report_of
from interface.services.production_test import CHOOSE
from interface.services.round_told import told
from interface.store.onboarding_views import EvidenceFilter
from interface.store.records.slots import PRODUCTION_TEST
from interface.store.store import Store

HERE = "/onboarding"
STATES = {
    "done": ("done", "good"),
    "confirmed": ("confirmed", "good"),
    "open": ("open", "calm"),
    "person": ("waits for a person", "warn"),
}
TODO = {
    "sandbox": ("Let the simulated API take a few requests.", "hl7-interface demo"),
    "settings": (
        'Set [site] environment = "staging", mrn_root and [api] key as the vendor gave them, and restart.',
        "hl7-interface check",
    ),
    "test-patients": (
        "Import the vendor's file of test patients.",
        "hl7-interface onboarding import-patients FILE",
    ),
    "test-patients-sent": (
        "Send a message about each test patient through your own listener.",
        "hl7-interface onboarding send-test-patients",
    ),
    "answered": ("Wait for the answers; what is held or dead says why.", "hl7-interface requests"),
    "sharing": (
        "Look at which problems and medications are not sent, and why.",
        "hl7-interface onboarding completeness",
    ),
    "webhooks": ("Give the vendor the address of your webhooks.", "hl7-interface webhooks"),
    "staging": ("Send the report to the vendor. When he confirms, note it here.", ""),
    "production-key": (
        'Set [site] environment = "production-test" and the production key, and restart.',
        "hl7-interface check",
    ),
    "production-test": ("Let the test take five to ten complete requests (below).", ""),
    "production": ("When the vendor has opened production, note it here.", ""),
    "live": ('Set [site] environment = "production", restart, and throw the switch.', ""),
}
"""What to do for a step, and the command for it."""
MOST_CHOSEN = 100
SECONDS = 8.0
"""A report that takes longer is made on the command line."""


@dataclass(frozen=True, slots=True)
class What:
    """What the page is made of; the round only where there is a production test."""

    facts: Facts
    patients: Sequence[NamedPatient]
    round: Mapping[str, Any] | None
    going: bool
    """The store waits for the switch of going live."""


def read(store: Store, asked: Asked, around: Around) -> What:
    """Facts of all steps, and the round."""
    settings = around.settings
    environment = settings.site.environment
    facts = facts_of(settings, store, asked.now + around.work_ahead)
    test = told(store, settings.api.version, lambda at: at) if environment == PRODUCTION_TEST else None
    return What(facts, named_patients(store), test, going=environment == "production" and not facts.live)


def values(asked: Asked, what: What) -> Shown:
    """The steps, and what belongs to the one that is next."""
    found = steps(what.facts)
    following = next((step for step in found if step.next), None)
    names = [asked.viewer.veil(cut(f"{one.name}, {one.mrn}")) for one in what.patients]
    return Shown(
        "Onboarding",
        {
            "steps": [_step(asked, step, number) for number, step in enumerate(found, 1)],
            "done": sum(step.done for step in found),
            "next": following.code if following else "",
            "facts": what.facts,
            "rehearsal": what.facts.loopback and what.facts.environment != "sandbox",
            "patients": names if asked.viewer.shows else [],
            "imported": what.facts.test_patients.imported,
            "sent": what.facts.test_patients.sent,
            "round": None if what.round is None else _round(asked, what.round),
            "going": what.going,
        },
        seen=("test patients",) if names else (),
    )


def _step(asked: Asked, step: Step, number: int) -> dict[str, Any]:
    text, level = STATES[step.state]
    todo, command = TODO[step.code]
    confirmable = step.code in CONFIRMABLE and asked.viewer.may("analyst")
    return {
        "code": step.code,
        "number": number,
        "what": step.what,
        "done": step.done,
        "next": step.next,
        "state": text,
        "level": level,
        "evidence": [cut(line) for line in step.evidence],
        "todo": "" if step.done else todo,
        "command": "" if step.done else command,
        "may_confirm": confirmable and not step.done,
        "may_undo": confirmable and "confirmed" in step.data,
    }


def _round(asked: Asked, found: Mapping[str, Any]) -> dict[str, Any]:
    def repaired(one: Mapping[str, Any]) -> str:
        return cut("; ".join(f"{entry['field']} ({entry['what']})" for entry in one["repaired"]))

    return {
        "facts": [
            ("round", found["round"]),
            ("accepted", f"{found['accepted']}; the vendor wants {found['enough']} to {found['most']}"),
            ("slots left", 0 if found["over"] else found["free"]),
            ("chosen", found["chosen"]),
        ],
        "copied": found["copied"],
        "by_hand": found["chosen"] == "by hand",
        "slots": [
            {
                "slot": {"text": f"slot {one['slot']}"},
                "request": request_cell(asked, one["request"], one["state"]),
                "state": {
                    "badge": "accepted" if one["accepted"] else one["state"] or "no longer kept",
                    "level": "good" if one["accepted"] else "calm",
                    "small": "may have arrived" if one["may_have_arrived"] else "",
                },
                "answer": {"text": f"{one['status'] or ''}", "small": one["correlation_id"] or ""},
                "at": {"at": one["ended_at"] or one["taken_at"]},
                "repaired": repaired(one),
            }
            for one in found["slots"]
        ],
        "refused": [
            {
                "request": request_cell(asked, one["request"], ""),
                "status": str(one["status"] or ""),
                "at": {"at": one["at"]},
                "fields": cut(", ".join(one["fields"])) or "none that it names",
                "slot": "kept: an attempt may have arrived" if one["keeps_slot"] else "free again",
            }
            for one in found["refused"]
        ],
        "complete": found["complete"],
        "candidates": [
            {
                "id": one["request"],
                "request": request_cell(asked, one["request"], "held"),
                "lacks": cut(", ".join(one["lacks"])),
                "repaired": repaired(one),
            }
            for one in found["candidates"][:MOST_CHOSEN]
        ],
        "incomplete": found["incomplete"],
        "lacking": [{"what": code, "count": count} for code, count in found["lacking"].items()],
        "otherwise": found["held_otherwise"],
        "held_for": ", ".join(f"{code} {count}" for code, count in found["held_for"].items()),
        "may": asked.viewer.may("analyst"),
    }


PAGE = Page(HERE, "onboarding.html", read, values, entry="Onboarding")

# ------------------------------------------------------------------------------------------ what persons do


def confirm(store: Store, asked: Asked, around: Around) -> Write:  # noqa: ARG001 - all actions are called alike
    """Note that a step was seen done, or take that back."""
    step, who = asked.form.choice("step", CONFIRMABLE), asked.viewer.name
    note, undo = asked.form.text("note", NOTE_CHARACTERS), asked.form.choice("undo", ("1",))
    if not step:
        raise RefusedError(400, "step: say which")
    if undo:
        return Write(
            lambda store: store.confirmations.undo(step, who, asked.now),
            "took a confirmation back",
            (f"step {step}",),
            HERE,
        )
    if not note:
        raise RefusedError(400, "Say who of the vendor said so, and where: it is noted with your name.")
    return Write(
        lambda store: store.confirmations.add(step, who, note, asked.now),
        "confirmed",
        (f"step {step}",),
        HERE,
    )


def choose(store: Store, asked: Asked, around: Around) -> Ask:  # noqa: ARG001 - all actions are called alike
    """Have the production test take held requests, or say who chooses."""
    environment = around.settings.site.environment
    if environment != PRODUCTION_TEST:
        raise RefusedError(400, f'[site] environment is "{environment}": nothing is tested now.')
    how = asked.form.choice("how", ("by-hand", "automatic"))
    wanted = [] if how else asked.form.numbers("request-")
    if not (how or wanted):
        raise RefusedError(400, "Choose at least one request.")
    if len(wanted) > MOST_CHOSEN:
        raise RefusedError(400, f"Choose {MOST_CHOSEN} requests at most.")
    arguments: dict[str, Any] = {"requests": wanted, "who": asked.viewer.name}
    if how:
        arguments["by_hand"] = how == "by-hand"
    subjects = tuple(f"request {id_}" for id_ in wanted) or (f"production test: {how}",)
    return Ask(CHOOSE, arguments, "chose", subjects, HERE)


CONFIRM = Action("/onboarding/confirm", confirm)
CHOOSING = Action("/onboarding/choose", choose)

# ------------------------------------------------------------------------------------------ the report


def make_report(store: Store, asked: Asked, around: Around) -> Report:
    """What the vendor asks to confirm, of the environment of the settings."""
    zone, until = asked.zone or UTC, time.monotonic() + SECONDS

    def in_time(_: int) -> None:
        if time.monotonic() > until:
            raise RefusedError(
                503, "The report takes longer than a page may: `hl7-interface onboarding report` makes it."
            )

    where = EvidenceFilter(around.settings.site.environment)
    now = datetime.fromtimestamp(asked.now + around.work_ahead, zone)
    found = report_of(around.settings, store, where, now, shown=in_time)
    return found if asked.viewer.shows else replace(found, patients=())


def report_file(asked: Asked, report: Report) -> File:
    """The report as a file, to be kept or mailed."""
    name, subject = f"onboarding-{report.environment}", f"onboarding report ({report.environment})"
    if asked.query.choice("form", ("html", "json"), "html") == "json":
        body = orjson.dumps(as_json(report), option=orjson.OPT_INDENT_2)
        return File(f"{name}.json", "application/json", body, subject)
    page = as_html(report, asked.zone or UTC)
    return File(f"{name}.html", "text/html; charset=utf-8", page.encode(), subject)


REPORT = Page("/onboarding/report", "", make_report, report_file, role="analyst")
