"""What became of something that a person asked the work to do; looked at again until it has come to an end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interface.console.asked import Around, Asked, Page, RefusedError, Shown, local_path
from interface.store.database import Store
from interface.store.records.reading import Command

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
