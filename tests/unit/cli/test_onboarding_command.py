"""`onboarding` routes to its subcommands."""

import argparse
import sys
from types import ModuleType

import pytest

from interface.cli import onboarding, onboarding_completeness
from interface.cli.main import main
from interface.cli.onboarding import SUBCOMMANDS, Subcommand


def test_help_names_every_subcommand(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["onboarding", "--help"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    for known in SUBCOMMANDS:
        assert any(line.startswith(known.name) and line.endswith(known.help) for line in lines), known.name


@pytest.mark.parametrize(
    "argv", [["-c", "x.toml", "--json", "choose", "7"], ["choose", "7", "-c", "x.toml", "--json"]]
)
def test_a_subcommand_gets_its_arguments_and_the_settings_wherever_they_are_given(
    argv: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[argparse.Namespace] = []

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        from interface.cli.stored import add_json_argument, add_settings_again

        parser.add_argument("number", type=int)
        add_settings_again(parser)
        add_json_argument(parser)

    def run(args: argparse.Namespace) -> int:
        given.append(args)
        return 7

    module = ModuleType("stand_in_for_choose")
    module.add_arguments = add_arguments  # type: ignore[attr-defined]
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stand_in_for_choose", module)
    monkeypatch.setattr(onboarding, "SUBCOMMANDS", (Subcommand("choose", "stand_in_for_choose", "choose"),))
    assert main(["onboarding", *argv]) == 7
    assert [(args.number, args.config, args.json) for args in given] == [(7, "x.toml", True)]


def test_a_long_reading_says_now_and_then_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = iter([0.0, 1.0, 6.0, 6.0, 7.0])
    monkeypatch.setattr(onboarding_completeness.time, "monotonic", lambda: next(times))
    reading = onboarding_completeness.Reading()
    for _ in range(3):
        reading.more(500)
    assert capsys.readouterr() == ("", "1000 requests read\n")
