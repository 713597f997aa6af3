"""docs/commands.md: every command with its subcommands and options, as its own help has them."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from typing import Any

from interface.cli.common import PROGRAM, Parser
from interface.cli.main import COMMANDS, INTERRUPTED, NOT_WELL, Command
from pages.markdown import MADE, code, link, table


def parser_of(name: str, module_name: str) -> argparse.ArgumentParser:
    """The parser of a command that is there already."""
    module: Any = importlib.import_module(module_name)
    parser = Parser(prog=f"{PROGRAM} {name}")
    module.add_arguments(parser)
    return parser


def subcommands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Name, help and parser of each."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            said = {choice.dest: choice.help or "" for choice in action._choices_actions}
            yield from ((name, said.get(name, ""), inner) for name, inner in action.choices.items())


def page() -> str:
    """The page of the commands."""
    overview = [(link(command.name, command.name), command.help) for command in COMMANDS]
    ones = [(code(name), f"{text[:1].upper()}{text[1:]}.") for name, text in NOT_WELL.items()]
    parts = "\n\n".join(_section(command) for command in COMMANDS)
    return f"""{MADE}

# Commands

`{PROGRAM} COMMAND --help` says the same. Answers go to standard output, everything else to standard error. No command ends
with a traceback: what went wrong is one line that says what, where and what to do.

| exit code | means |
| --- | --- |
| 0 | done |
| 1 | it could not be done, or what was asked about is not well: [below](#exit-code-1) |
| 2 | wrong usage, or wrong settings |
| {INTERRUPTED} | interrupted (Ctrl-C) |

{table(("command", "does"), overview)}

{parts}

## Exit code 1

Any command ends so when it could not be done: no store, no daemon, a full disk. Besides:

{table(("command", "says"), ones)}
"""


def _section(command: Command) -> str:
    about = f"{command.help[:1].upper()}{command.help[1:]}."
    parser = parser_of(command.name, command.module)
    parts = [f"## {command.name}\n\n{about}", _arguments(command.name, parser)]
    for name, said, inner in subcommands(parser):
        full = f"{command.name} {name}"
        text = inner.description or f"{said[:1].upper()}{said[1:]}."
        parts += [f"### {full}\n\n{_cell(text)}", _arguments(full, inner)]
    return "\n\n".join(part for part in parts if part)


def _arguments(name: str, parser: argparse.ArgumentParser) -> str:
    """How it is called, and what its arguments mean."""
    known = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    positional = [_named(action) for action in known if not action.option_strings and not _is_group(action)]
    if any(_is_group(action) for action in known):
        positional.append("[SUBCOMMAND …]")
    options = " [OPTIONS]" if any(action.option_strings and action.dest != "help" for action in known) else ""
    usage = code(" ".join([f"{PROGRAM} {name}{options}", *positional]))
    rows = [
        (code(_spelled(action)), _cell(_help(action)))
        for action in known
        if action.dest != "help" and not _is_group(action)
    ]
    return f"{usage}\n\n{table(('argument', 'is'), rows)}" if rows else usage


def _is_group(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)


def _value(action: argparse.Action) -> str:
    if action.choices is not None and action.metavar is None:
        return "|".join(map(str, action.choices))
    return str(action.metavar or action.dest.upper())


def _named(action: argparse.Action) -> str:
    value = _value(action)
    many = f"{value}…" if action.nargs in ("+", "*") else value
    return f"[{many}]" if action.nargs in ("?", "*") else many


def _spelled(action: argparse.Action) -> str:
    if not action.option_strings:
        return _named(action)
    names = ", ".join(action.option_strings)
    return names if action.nargs == 0 else f"{names} {_named(action)}"


def _help(action: argparse.Action) -> str:
    said = (action.help or "") % {"default": action.default, "prog": PROGRAM}
    return f"{said}; needed" if action.required and action.option_strings else said


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
