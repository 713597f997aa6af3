"""What became of something that a person asked the work to do; looked at again until it has come to an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interface.console.asked import Around, Asked, Page, RefusedError, Shown, local_path
from interface.console.listing import reason_of
from interface.services.deeds import DEEDS, refused_of
from interface.store.records.lists import RequestSummary
from interface.store.records.reading import Command
from interface.store.store import Store

MOST_COMMANDS = 1000
"""That are looked at together."""
MOST_NAMED = 100
"""What could not be done is named one by one up to here."""
NAMES = {
    "retry": "Send again",
    "discard": "Give up",
    "release": "Release",
    "rebuild": "Rebuild",
}
STATES = {"waiting": ("waiting", "calm"), "done": ("done", "good"), "failed": ("failed", "bad")}


@dataclass(frozen=True, slots=True)
class What:
    """The command, and whether anybody is there to carry it out."""

    command: Command | None
    work_alive: bool


def read(store: Store, asked: Asked, around: Around) -> What:
    """The command of the path."""
    return What(store.commands.get(asked.ids[0]), around.state.work_alive and not around.state.trouble)


def values(asked: Asked, what: What) -> Shown:
    """Its state, and what it says of its end."""
    command = what.command
    if command is None:
        raise RefusedError(404, "There is no such command; those that ended are kept as long as requests.")
    state, level = STATES.get(command.state, (command.state, "calm"))
    return Shown(
        f"{command.kind.replace('_', ' ')}: {state}",
        {
            "command": command,
            "state": state,
            "level": level,
            "result": _result(command.result or {}),
            "work_alive": what.work_alive,
            "back": local_path(asked.query.secret("back")),
        },
    )


def _result(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What came of it, name by name; results hold ids and words of ours only."""
    return [(name.replace("_", " "), _said(value)) for name, value in result.items()]


def _said(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value)) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_said(part)}" for name, part in value.items()) or "none"
    return "" if value is None else str(value)


PAGE = Page("/commands/{id}", "command.html", read, values)


# ------------------------------------------------------------------------------------------ one thing in portions


@dataclass(frozen=True, slots=True)
class Batch:
    """Commands that a person asked for together, and the requests that they are about, as those are now."""

    commands: Sequence[Command]
    requests: Mapping[int, RequestSummary]
    work_alive: bool


def read_batch(store: Store, asked: Asked, around: Around) -> Batch:
    """The commands between the ids of the path."""
    first, last = asked.ids
    if not first <= last < first + MOST_COMMANDS:
        raise RefusedError(404, "There are no such commands.")
    commands = store.commands.between(first, last)
    ended = [command for command in commands if command.state != "waiting"]
    wanted = [number for command in ended for number in _requests_of(command)]
    requests = store.patients.requests_by_id(wanted) if wanted else {}
    return Batch(commands, requests, around.state.work_alive and not around.state.trouble)


def _requests_of(command: Command) -> list[int]:
    """The requests that it is about."""
    return [int(number) for number in command.arguments.get("requests", ())] if command.kind in DEEDS else []


def batch_values(asked: Asked, what: Batch) -> Shown:
    """How far it is, what was done, and what could not be, with why."""
    commands = what.commands
    if not commands or len({command.kind for command in commands}) > 1:
        raise RefusedError(404, "There are no such commands; those that ended are kept as long as requests.")
    kind = commands[0].kind
    again = kind == "rebuild" and any(command.arguments.get("again") for command in commands)
    name = "Decide again" if again else NAMES.get(kind, kind)
    ended = [command for command in commands if command.state != "waiting"]
    goes_on = len(ended) < len(commands)
    done, undone = _requests(what, ended) if kind in DEEDS else _rebuilt(ended)
    state, level = ("under way", "calm") if goes_on else ("done", "warn" if undone else "good")
    if undone and not goes_on and not done:
        level = "bad"
    return Shown(
        f"{name}: {state}",
        {
            "name": name,
            "goes_on": goes_on,
            "state": state,
            "level": level,
            "ended": len(ended),
            "portions": len(commands),
            "percent": 100 * len(ended) // len(commands),
            "done": done,
            "undone": [_undone(asked, entry) for entry in undone[:MOST_NAMED]],
            "others": len(undone) - MOST_NAMED if len(undone) > MOST_NAMED else 0,
            "undone_count": len(undone),
            "work_alive": what.work_alive,
            "asked_at": commands[0].created_at,
            "ended_at": None if goes_on else commands[-1].ended_at,
            "back": local_path(asked.query.secret("back")),
        },
    )


def _requests(
    what: Batch, ended: Sequence[Command]
) -> tuple[list[tuple[str, Any]], list[tuple[str, int, str]]]:
    """What became of the requests, and those that it was not done to: (`request`, id, why)."""
    done: Counter[str] = Counter()
    undone: list[tuple[str, int, str]] = []
    for command in ended:
        deed, requests = DEEDS[command.kind], _requests_of(command)
        refused, let_go = refused_of(requests, command), (command.result or {}).get("let_go", ())
        for number in requests:
            row = what.requests.get(number)
            if row is not None and deed.was_done(row, refused):
                done[f"{deed.done}, {'now ' + row.state if row.state != deed.done else 'for good'}"] += 1
            elif row is not None and row.state == "held" and number in let_go:
                done["released, still held for another reason"] += 1
            else:
                undone.append(("request", number, refused.get(number) or _stays(row)))
    return list(done.most_common()), undone


def _stays(row: RequestSummary | None) -> str:
    if row is None:
        return "it is no longer kept"
    why = reason_of(row.reasons)
    return f"it is {row.state}{': ' + why if why else ''}"


def _rebuilt(ended: Sequence[Command]) -> tuple[list[tuple[str, Any]], list[tuple[str, int, str]]]:
    """What rebuildings did together, and the patients whose charts could not be rebuilt."""
    sums: Counter[str] = Counter()
    undone: list[tuple[str, int, str]] = []
    for command in ended:
        told = command.result or {}
        if command.state == "failed":
            whose = command.arguments.get("patients") or (0,)
            undone += [("patient", int(number), str(told.get("problem", "it failed"))) for number in whose]
            continue
        for name in ("patients", "messages", "posted"):
            sums[name] += int(told.get(name, 0))
        sums["split"] += len(told.get("split", []))
        sums["merged"] += len(told.get("merged", []))
        sums.update(f"requests now {state}" for _, state in told.get("changed", []))
    words = {
        "patients": "charts rebuilt",
        "messages": "from messages",
        "posted": "messages that ask for something new",
        "split": "patients who have a chart of their own now",
        "merged": "charts that are part of another now, or of which nothing is left",
    }
    return [(words.get(name, name), count) for name, count in sums.items() if count], undone


def _undone(asked: Asked, entry: tuple[str, int, str]) -> dict[str, Any]:
    record, number, why = entry
    there = number and asked.has(f"/{record}s/{{id}}")
    return {
        "key": f"{record}-{number}",
        "record": {
            "text": f"{record} {number}" if number else f"a new {record}",
            "href": f"/{record}s/{number}" if there else "",
        },
        "why": why,
    }


BATCH = Page("/commands/{id}/{id}", "commands.html", read_batch, batch_values)
