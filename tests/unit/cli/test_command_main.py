"""Every command is found, every error is one line with an exit code, and nothing is imported in vain."""

import errno
import subprocess
import sys
from types import ModuleType

import pytest

from interface.cli import main as program
from interface.cli.common import UsageError
from interface.cli.main import COMMANDS, main
from interface.errors import InterfaceError
from interface.settings import Fault, SettingsError


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stand-in for the module of `send`."""
    module = ModuleType("stand_in")
    module.add_arguments = lambda parser: parser.add_argument("--number", type=int)  # type: ignore[attr-defined]
    module.run = lambda args: 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "interface.cli.send", module)
    return module


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for known in COMMANDS:
        line = next(line for line in lines if line.split()[:1] == [known.name])
        assert line.endswith(known.help)


def test_the_pinned_commands_are_all_there() -> None:
    pinned = (
        "demo init check run explain send messages requests webhooks patients appointments load feed-report migrate "
        "sandbox keys purge backup onboarding users alerts install-service"
    )
    assert {known.name for known in COMMANDS} == set(pinned.split())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("hl7-interface ")


def test_no_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "commands:" in err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["sned"], "unknown command 'sned'; did you mean `send`?"),
        (["zzz\x1b[2J"], "unknown command 'zzz\\x1b[2J'; `hl7-interface --help` lists the commands"),
        (["--zzz"], "unknown option '--zzz'; `hl7-interface --help` lists the commands"),
        (
            ["send", "--number", "x"],
            "send: argument --number: invalid int value: 'x'; see `hl7-interface send --help`",
        ),
        (
            ["alerts", "show"],
            "alerts: no such subcommand: 'show' (choose from 'seen', 'test'); see `hl7-interface alerts --help`",
        ),
        (["send", "--nope"], "send: unrecognized arguments: --nope; see `hl7-interface send --help`"),
        (["send", "--num", "1"], "send: unrecognized arguments: --num 1; see `hl7-interface send --help`"),
    ],
)
def test_wrong_usage_is_one_line(
    argv: list[str], said: str, command: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    assert capsys.readouterr() == ("", f"hl7-interface: {said}\n")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InterfaceError("the store is gone"), 1, "hl7-interface: the store is gone\n"),
        (UsageError("no such file"), 2, "hl7-interface: no such file\n"),
        (
            SettingsError([Fault("bad", "[site] x", "s.toml", 3), Fault("worse", file="s.toml")]),
            2,
            "hl7-interface: s.toml:3: [site] x: bad\nhl7-interface: s.toml: worse\n",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "var/interface.db"),
            1,
            "hl7-interface: var/interface.db: Permission denied\n",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            1,
            "hl7-interface: cannot write: No space left on device\n",
        ),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_errors_become_lines_and_exit_codes(
    error: BaseException, code: int, said: str, command: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: object) -> int:
        raise error

    command.run = fail  # type: ignore[attr-defined]
    assert main(["send"]) == code
    assert capsys.readouterr().err == said


def test_an_unforeseen_error_is_one_line_without_its_text(
    command: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(args: object) -> int:
        raise KeyError("DOE^JANE")

    monkeypatch.delenv(program.DEBUG_VARIABLE, raising=False)
    command.run = fail  # type: ignore[attr-defined]
    assert main(["send"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("hl7-interface: unexpected KeyError at cli.main:")
    assert err.count("\n") == 1 and "DOE" not in err and "Traceback" not in err


def test_the_details_of_an_unforeseen_error_are_shown_when_asked_for(
    command: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(args: object) -> int:
        raise KeyError("x")

    monkeypatch.setenv(program.DEBUG_VARIABLE, "1")
    command.run = fail  # type: ignore[attr-defined]
    assert main(["send"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_exit_code_is_the_commands(command: ModuleType) -> None:
    command.run = lambda args: 7  # type: ignore[attr-defined]
    assert main(["send"]) == 7


def test_help_of_a_command(command: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send", "--help"]) == 0
    assert "--number" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["--version"],
        ["onboarding", "--help"],
        ["init", "--help"],
        ["send", "--help"],
        ["messages", "reprocess", "--help"],
        ["patients", "rebuild", "--help"],
        ["appointments", "--help"],
    ],
)
def test_nothing_heavy_is_imported_for_help(argv: list[str]) -> None:
    code = (
        "import sys; from interface.cli.main import main; main(sys.argv[1:]); "
        "heavy = {'pydantic', 'sqlalchemy', 'twisted', 'requests', 'hl7', 'rich'} & set(sys.modules); "
        "sys.exit('imported: ' + ' '.join(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=False)
    assert "imported" not in done.stderr, done.stderr
    assert done.returncode == 0
