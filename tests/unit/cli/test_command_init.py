"""`init` writes a file that loads, for this user only, and never over another."""

import argparse
import re
import stat
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from interface.cli.init import gather
from interface.cli.main import main
from interface.cli.template import TEMPLATE, Answers, render
from interface.settings import load_settings, parse_settings
from interface.settings.load import SECTIONS, WITHIN
from interface.settings.sections import MESSAGE_TYPES, Listener

EXAMPLE = Path(__file__).parents[3] / "deploy" / "interface.example.toml"


def test_the_file_that_is_written_loads_and_says_what_was_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.toml"
    flags = [
        "--name",
        'Lake"side \\ Åb',
        "--environment",
        "staging",
        "--mrn-root",
        "2.999.7",
        "--timezone",
        "America/Denver",
    ]
    flags += ["--port", "6661", "--authority", "LFC", "--authority", "2.999.8", "--allow", "10.20.0.0/16"]
    assert main(["init", str(path), *flags]) == 0
    settings = load_settings(path)
    assert settings.site.name == 'Lake"side \\ Åb'
    assert (settings.site.environment, settings.site.mrn_root) == ("staging", "2.999.7")
    assert settings.site.mrn_authority == ("LFC", "2.999.8")
    assert settings.site.timezone == "America/Denver"
    listener = settings.listeners[0]
    assert (listener.host, listener.port, listener.allow) == ("0.0.0.0", 6661, ("10.20.0.0/16",))
    assert settings.api.key == "env:CONNECTIVE_HEALTH_API_KEY"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    out = capsys.readouterr().out
    assert f"hl7-interface check -c {path}\n" in out and f"hl7-interface run -c {path}\n" in out


def test_without_flags_the_file_is_ready_to_run_in_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    settings = load_settings(tmp_path / "hl7-interface.toml")
    assert settings.api_key() == "sandbox"
    assert settings.listeners == (Listener(),)


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.toml"
    path.write_text("mine")
    path.chmod(0o644)
    assert main(["init", str(path)]) == 2
    assert path.read_text() == "mine"
    assert capsys.readouterr().err == f"hl7-interface: init: {path} is already there; --force overwrites it\n"
    assert main(["init", str(path), "--force"]) == 0
    assert load_settings(path).site.environment == "sandbox"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.toml"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ["--timezone", "America/Chicgo"],
            'init: [site] timezone: unknown time zone; did you mean "America/Chicago"?',
        ),
        (["--environment", "prod"], "init: [site] environment: must be one of"),
        (["--environment", "prod", "--mrn-root", "2.999.1"], "init: [site] environment: must be one of"),
        (
            ["--environment", "staging"],
            "init: environment staging needs --mrn-root, the OID from Connective Health",
        ),
        (["--port", "0x1"], "argument --port: invalid int value"),
        (["--port", "99999"], "init: [[listener]] port: must be 65535 or less"),
        (["--port", "-1"], "init: the port must be a number"),
        (["--name", "a\x1bb"], "init: [site] name: must not hold control characters"),
        (["--allow", "lan"], "init: [[listener]] allow: is not an address or network"),
    ],
)
def test_wrong_answers_write_nothing(
    flags: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "s.toml"), *flags]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "no" / "s.toml")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_only_what_the_flags_leave_open_is_asked() -> None:
    asked: list[str] = []

    def ask(question: str, default: str) -> str:
        asked.append(question)
        return {"MLLP port": "7000", "The clinic's name": "Lakeside"}.get(question, default)

    flags = argparse.Namespace(
        name=None,
        environment="staging",
        mrn_root="2.999.3",
        authority=["A"],
        timezone="UTC",
        port=None,
        allow=None,
    )
    assert gather(flags, ask) == Answers(
        "Lakeside", "staging", "2.999.3", ("A",), "UTC", "127.0.0.1", 7000, ()
    )
    assert asked == ["The clinic's name", "MLLP port"]


def uncommented() -> str:
    """The template with every key and section uncommented; `message types` need quotes."""
    return re.sub(r'(?m)^# (?=(?:[a-z_]+|"[A-Z^0-9]+") = |\[)', "", render(Answers()))


def test_every_key_of_the_settings_is_in_the_template_and_the_other_way_round() -> None:
    read = tomllib.loads(uncommented())
    for section, model in SECTIONS.items():
        keys = set(read[section][0] if section == "listener" else read[section])
        assert keys - {"ADT^A28"} == keys_of(model), section
        for name, part in WITHIN.get(section, {}).items():
            there = read[section][name]
            assert set(there[0] if isinstance(there, list) else there) == keys_of(part), name
    assert set(read) == set(SECTIONS)


def keys_of(model: type[BaseModel]) -> set[str]:
    names = {field.alias or name for name, field in model.model_fields.items()}
    return names - {MESSAGE_TYPES}


def test_every_commented_key_is_written_as_the_settings_take_it() -> None:
    settings = parse_settings(uncommented(), Path("s.toml"))
    assert settings.forward.decisions == {"ADT^A28": "chart"}


def test_all_placeholders_are_filled() -> None:
    assert "@" in TEMPLATE
    assert not re.search(r"@[A-Z_]+@", render(Answers()))


def test_the_example_of_deploy_is_the_template() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == render(Answers())
