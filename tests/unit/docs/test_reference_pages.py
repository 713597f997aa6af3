"""docs/settings.md and docs/commands.md leave no key and no option without its meaning."""

from __future__ import annotations

import argparse
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from interface.cli.main import BY_NAME, COMMANDS, NOT_WELL

ROOT = Path(__file__).parents[3]
runpy.run_path(str(ROOT / "docs" / "generate.py"))

from pages import commands, settings  # noqa: E402  docs/generate.py has made the modules of the pages importable

SECTIONS = {written: (section, model) for section, written, model in settings.sections()}


@pytest.mark.parametrize("written", SECTIONS)
def test_every_key_has_its_own_comment_in_the_file_that_init_writes(written: str) -> None:
    section, model = SECTIONS[written]
    rows = settings.rows(section, model)
    assert len(rows) == sum(not settings.sections_in(field) for field in model.model_fields.values())
    assert [row.key for row in rows if not row.meaning] == [], (
        "write it over the key in interface/cli/template.py"
    )
    assert [row.key for row in rows if not row.takes] == []


def test_defaults_and_limits_are_those_of_the_models() -> None:
    page = settings.page()
    assert "| `port` | `2575` | a whole number from 0 to 65,535 |" in page
    assert '| `ack` | `"auto"` | `"auto"`, `"original"`, `"enhanced"` |' in page
    assert "| `supersede` | `true` | true or false |" in page
    assert "| `key` |  | `env:NAME`, `file:PATH` or `credential:NAME` |" in page


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for command in COMMANDS:
        parser = commands.parser_of(command.name, command.module)
        yield command.name, parser
        yield from ((f"{command.name} {name}", inner) for name, _, inner in commands.subcommands(parser))


def test_every_argument_says_what_it_is() -> None:
    silent = []
    for name, parser in parsers():
        known = [action for action in parser._actions if not isinstance(action, argparse._SubParsersAction)]
        silent += [f"{name}: {action.dest}" for action in known if not action.help]
    assert silent == []


def test_the_page_has_every_command_subcommand_and_option() -> None:
    page = commands.page()
    for name, parser in parsers():
        heading = f"\n{'###' if ' ' in name else '##'} {name}\n"
        assert heading in page
        part = page.partition(heading)[2].partition("\n#")[0]
        for action in parser._actions:
            if action.dest != "help" and action.help != argparse.SUPPRESS:
                assert all(option in part for option in action.option_strings), (name, action.dest)


def test_what_exit_code_1_says_is_said_of_commands_that_there_are() -> None:
    assert set(NOT_WELL) <= set(BY_NAME)
