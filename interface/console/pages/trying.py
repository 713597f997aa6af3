"""Messages that somebody tries: decided in memory by today's settings and mapping, together one chart; nothing is stored."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from datetime import time as clock_time
from typing import Any

from interface.chart.decide import Engine
from interface.console.asked import Action, Around, Asked, Present, RefusedError, Shown, Veiled
from interface.console.pages.messages import DECISIONS
from interface.console.pages.settings import listeners_of
from interface.console.sources import cut
from interface.delivery.guards.staging import StagingGuard
from interface.errors import InterfaceError
from interface.services.explaining import as_json, explain, messages_in, with_table_rows
from interface.services.roster import roster_of
from interface.shown.mask import Mask
from interface.store.store import Store

MOST_BYTES = 1024 * 1024
MOST_MESSAGES = 100
MOST_ROWS = 300
"""Fields of a request that are shown, and values that were left out."""
NOON = clock_time(12)
SECONDS = 4.0
"""When so much time is gone no further message is begun."""
TOO_LONG = "at most 1 MB of messages can be tried here; `hl7-interface explain` takes more"


def act(store: Store, asked: Asked, around: Around) -> Present:
    """Decide what the form has, and show what came of it."""
    data, typed = _given(asked)
    listener = asked.form.choice("listener", listeners_of(around.settings))
    engine = _engine(store, around)
    messages = messages_in(data)
    at = _time(asked, around)
    until = time.monotonic() + SECONDS
    answers: list[dict[str, Any]] = []
    explained = explain(engine, messages[:MOST_MESSAGES], at, listener)
    for reading, outcome in explained:
        answers.append(as_json(reading, outcome))
        if time.monotonic() > until:
            break
    tried = messages[: len(answers)]
    with_table_rows(answers, tried, engine.book, engine.policy.listener_charsets.get(listener))
    masked = not asked.viewer.shows
    if masked:
        answers = Mask(tried).answers(answers)
    shown = Shown(
        "What would become of it",
        {
            "answers": [_answer(number, answer, masked=masked) for number, answer in enumerate(answers, 1)],
            "left": len(messages) - len(answers),
            "masked": masked,
            "typed": typed,
            "listener": listener,
            "day": asked.form.text("day", 10),
            "listeners": listeners_of(around.settings),
            "columns": FIELDS,
            "left_out_columns": LEFT_OUT,
        },
    )
    return Present(shown, "tried.html", "Settings")


def _given(asked: Asked) -> tuple[bytes, str]:
    """What is to be tried, and as far as it was typed the text again."""
    data, typed = asked.files.get("file", b""), asked.form.secret("messages")
    if data and typed.strip():
        raise RefusedError(
            400, "Type messages or choose a file, not both: which of them is meant can't be told."
        )
    found = data or typed.encode()
    if not found.strip():
        raise RefusedError(400, "Paste a message, or choose a file.")
    if len(found) > MOST_BYTES:
        raise RefusedError(413, f"{len(found):,} bytes: {TOO_LONG}.")
    return found, re.sub("[\x0b\x1c]", "\n", typed)


def _time(asked: Asked, around: Around) -> datetime:
    """When it is decided: now, or at noon of the day that the form has."""
    day = asked.form.text("day", 10)
    try:
        if not day:
            return asked.local(asked.now + around.work_ahead)
        noon = datetime.combine(date.fromisoformat(day), NOON)
        return noon.replace(tzinfo=asked.zone) if asked.zone else noon.astimezone()
    except (ValueError, OverflowError):
        raise RefusedError(400, "day: write a day as 2026-03-05") from None


def _engine(store: Store, around: Around) -> Engine:
    """As `explain -c` has it: in staging by the test patients that are imported, else without a guard."""
    try:
        engine = around.kept.engine()
    except InterfaceError as error:
        raise RefusedError(400, f"The mapping can't be read now: {error}") from None
    if around.settings.site.environment != "staging":
        return engine
    roster = roster_of(store)
    return replace(engine, guard=StagingGuard(roster), apart=roster.apart)


FIELDS = (
    {"key": "field", "label": "field", "tight": True},
    {"key": "value", "label": "value"},
    {"key": "source", "label": "source"},
    {"key": "rule", "label": "rule"},
)
LEFT_OUT = (
    {"key": "source", "label": "source"},
    {"key": "value", "label": "value"},
    {"key": "why", "label": "why"},
)


def _answer(number: int, answer: Mapping[str, Any], *, masked: bool) -> dict[str, Any]:
    decision = str(answer["decision"])
    text, level = DECISIONS.get(decision, (decision, "calm"))
    fields: Sequence[Mapping[str, Any]] = answer["fields"]
    left_out: Sequence[Mapping[str, Any]] = answer["left_out"]
    return {
        "number": number,
        "control_id": cut(answer["control_id"]) or "without a control id",
        "type": cut(answer["type"]) or "not HL7",
        "decision": text,
        "level": level,
        "reasons": [
            {"text": cut(reason["text"]), "release": reason.get("release", "")}
            for reason in answer["reasons"][:MOST_ROWS]
        ],
        "whole": decision == "post",
        "fields": [_field(row, masked=masked) for row in fields[:MOST_ROWS]],
        "more_fields": max(0, len(fields) - MOST_ROWS),
        "said": [cut(said) for said in answer["said"][:MOST_ROWS]],
        "left_out": [
            {
                "source": cut(row["source"]),
                "value": Veiled(cut(row["value"]), masked=masked and bool(row["value"])),
                "why": cut(row["why"]),
            }
            for row in left_out[:MOST_ROWS]
        ],
        "more_left_out": max(0, len(left_out) - MOST_ROWS),
    }


def _field(row: Mapping[str, Any], *, masked: bool) -> dict[str, Any]:
    value = row["value"]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return {
        "field": row["field"],
        "value": Veiled(cut(text), masked=masked and any(character in "Xx9" for character in text)),
        "source": cut(row["source"]),
        "rule": {"text": cut(row["rule"]), "small": cut(row.get("table", ""))},
    }


ACTION = Action("/settings/try", act, most_bytes=MOST_BYTES + 64 * 1024)
