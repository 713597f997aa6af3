"""The commands that README.md and docs/ show can be given as they stand: those that end by themselves are run."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interface.chart.decide import Engine
from interface.cli.common import Parser
from interface.cli.main import BY_NAME
from interface.services.clock import Clock
from interface.services.offline import work_off
from interface.settings import load_settings
from interface.store.database import open_store
from interface.store.keys import load_or_create
from interface.store.records.arrivals import Arrival

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAM = "hl7-interface"
EXIT_CODES = {"init": {0}, "explain": {0}, "check": {0, 1}, "demo": {0}, "--help": {0}, "--version": {0}}
"""What may come of those that need no daemon; `check` says 1 where nobody answers for the API."""


def commands(page: Path) -> list[str]:
    """The lines of the page that a reader types to call the program."""
    lines = [line for block in BLOCK.findall(page.read_text("utf-8")) for line in block.splitlines()]
    return [line[2:] for line in lines if line.startswith(f"$ {PROGRAM} ")]


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL = [(page.name, command) for page in PAGES for command in commands(page)]


def test_the_readme_has_commands_to_run() -> None:
    called = {shlex.split(command)[1] for command in commands(ROOT / "README.md")}
    assert called >= {"init", "explain", "check", "run", "send", "messages", "requests", "sandbox"}


@pytest.mark.parametrize(("page", "command"), ALL)
def test_command_is_understood(page: str, command: str) -> None:
    name, *rest = shlex.split(command)[1:]
    if name.startswith("--"):
        return
    parser = Parser(prog=f"{PROGRAM} {name}")
    importlib.import_module(BY_NAME[name].module).add_arguments(parser)
    parser.parse_args(rest)


@pytest.mark.parametrize("name", ["overlay.md", "lead-time.md"])
def test_commands_of_the_pages_with_an_example_site_do_what_they_say(name: str) -> None:
    page = ROOT / "docs" / name
    shown = page.read_text("utf-8")
    for command in commands(page):
        if "deploy/" not in command:
            continue  # needs a store
        done = subprocess.run(
            [sys.executable, "-m", "interface", *shlex.split(command)[1:]],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode in EXIT_CODES[shlex.split(command)[1]], f"{command}: {done.stderr}"
        block = next(block for block in BLOCK.findall(shown) if f"$ {command}\n" in block)
        told = done.stdout.replace(str(ROOT), "/opt/hl7-interface")
        lines = [line for line in block.splitlines() if line and not line.startswith(("$", "…"))]
        missing = [line for line in lines if line.split() not in [one.split() for one in told.splitlines()]]
        assert missing == []


def test_commands_of_the_readme_do_what_it_says(tmp_path: Path) -> None:
    (tmp_path / PROGRAM).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m interface "$@"\n')
    (tmp_path / PROGRAM).chmod(0o755)
    folder = tmp_path / "site"
    folder.mkdir()
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SAMPLES": str(ROOT / "sample_messages"),
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
    }
    ran = set()
    for command in commands(ROOT / "README.md"):
        name = shlex.split(command)[1]
        if name not in EXIT_CODES:
            continue
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode in EXIT_CODES[name], f"{command}: {done.stderr}"
        ran.add(name)
    assert ran >= {"init", "explain", "check"}
    assert (folder / "hl7-interface.toml").is_file()


REHEARSED = datetime(2026, 3, 2, 15, tzinfo=UTC)
STORY = (
    ("ADT^A28", "T1001", "Sample^Robin", "DG1|1||E11.9^Type 2 diabetes^I10"),
    (
        "SIU^S12",
        "T2002",
        "Other^Kim",
        "SCH||F2|||||||||^^^202604100930\rAIP|1||1234567893^Quill^Avery^^^^^^NPI",
    ),
    ("ADT^A40", "T1001", "Sample^Robin", "MRG|T2002^^^LFC^MR"),
    ("SIU^S12", "T3003", "Third^Ada", "SCH||F3|||||||||^^^202604110930\rAIP|1||Q17^Quill^Avery^^^^^^LFC"),
)
"""What came in before the examples of docs/rebuilding.md begin."""


def tell_the_story(folder: Path) -> None:
    """A store in which the messages of the examples are decided, and nothing is sent."""
    (folder / "hl7-interface.toml").write_text('[site]\nmrn_authority = ["LFC"]\n')
    settings = load_settings(folder / "hl7-interface.toml")
    keyring = load_or_create(None, folder, lambda _: None)
    at = REHEARSED.timestamp()
    with open_store(settings.store_url, keyring) as store:
        for number, (kind, patient, name, rest) in enumerate(STORY, 1):
            head = f"MSH|^~\\&|APP|FAC|R|R|2026030208{number:02d}||{kind}|M{number}|P|2.5.1"
            person = f"PID|1||{patient}^^^LFC^MR||{name}||19700131|F|||12 Birch Ln^^Madison^WI^53703"
            raw = "\r".join((head, person, rest)).encode()
            arrival = Arrival("main", "APP", "FAC", f"M{number}", kind, "P", "x", raw, "stored", at)
            store.journal.append([arrival], at)
        work_off(store, Engine(settings.rulebook(), settings.policy()), Clock(REHEARSED, UTC))


def examples(page: Path) -> list[tuple[str, list[str]]]:
    """The commands of the page, and the lines that it shows of their answers."""
    found: list[tuple[str, list[str]]] = []
    for block in BLOCK.findall(page.read_text("utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line != "…":
                found[-1][1].append(line)
    return found


def test_the_examples_of_rebuilding_answer_what_the_page_shows(tmp_path: Path) -> None:
    tell_the_story(tmp_path)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "TZ": "UTC"}
    for command, shown in examples(ROOT / "docs" / "rebuilding.md"):
        if "reprocess" in command and not (tmp_path / "site-mappings").exists():
            (tmp_path / "site-mappings").mkdir()
            rows = "id,npi,family,given\nQ17,1234567893,Quill,Avery\n"
            (tmp_path / "site-mappings" / "providers.csv").write_text(rows)
            with (tmp_path / "hl7-interface.toml").open("a") as settings:
                settings.write('[mappings]\noverlay = "site-mappings"\n')
        done = subprocess.run(
            [sys.executable, "-m", "interface", *shlex.split(command)[1:]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        answered = done.stdout.splitlines()
        assert [line for line in shown if line not in answered] == [], f"{command}: {done.stdout}"
