"""Each `hl7-interface …` of README.md and docs/, in a block or within a sentence, is one that the program understands."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest
from docs_pages import PAGES, ROOT, read

from interface.cli.common import Parser, UsageError
from interface.cli.main import BY_NAME

PROGRAM = "hl7-interface"
STANDS_FOR = {
    "ID": "1",
    "N": "1",
    "M": "1",
    "SECONDS": "1",
    "TIME": "2026-03-05",
    "HOST:PORT": "127.0.0.1:2575",
    "SPEC": "env:NAME",
    "ROLE": "viewer",
    "DATABASE-URL": "postgresql+psycopg://interface@db.example.org/interface",
}
"""What the words in capitals stand for; others may be any text."""
SPAN = re.compile(rf"(?<!`)`({PROGRAM} [^`]+)`(?!`)")
BLOCK = re.compile(r"^```(?:sh|text|ini)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CALL = re.compile(rf"(?:^|[\s;&|=/]){PROGRAM} (?P<rest>[a-z-].*)$")


def within_sentences(page: Path) -> list[str]:
    return [" ".join(span.split()) for span in SPAN.findall(FENCED.sub("", page.read_text("utf-8")))]


def within_blocks(page: Path) -> list[str]:
    """Of blocks that are run: every command. Of others: lines that call the program at their beginning."""
    shown = [command.text for command in read(page).commands if command.text.startswith(f"{PROGRAM} ")]
    for block in BLOCK.findall(page.read_text("utf-8")):
        shown += [line for line in block.splitlines() if line.startswith(f"{PROGRAM} ")]
    return shown


def understood(command: str, *, whole: bool) -> str:
    """Why the program would not understand it; empty: it does. A command that is not `whole` may lack what it needs."""
    text = re.split(r" [|>&;] | [|>&]+$|\$\(", command.replace("\\|", "|"))[0]
    text = re.sub(r"\[[^\]]*\]", "", text)  # what may be left out
    words = [STANDS_FOR.get(bare, bare) for word in shlex.split(text)[1:] if (bare := word.replace("…", ""))]
    if not words or words[0].startswith("--"):
        return "" if words in ([], ["--help"], ["--version"]) else f"no option {words[0]}"
    name, *rest = words
    if name == "COMMAND":
        return ""
    if name not in BY_NAME:
        return f"there is no command {name}"
    parser = Parser(prog=f"{PROGRAM} {name}")
    importlib.import_module(BY_NAME[name].module).add_arguments(parser)
    try:
        parser.parse_args(rest)
    except UsageError as error:
        return "" if not whole and "arguments are required" in str(error) else str(error)
    except SystemExit:  # --help
        pass
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_the_page_are_understood(page: Path) -> None:
    wrong = [f"{text}: {why}" for text in within_blocks(page) if (why := understood(text, whole=True))]
    wrong += [f"{text}: {why}" for text in within_sentences(page) if (why := understood(text, whole=False))]
    assert wrong == []


def test_there_are_many() -> None:
    assert sum(len(within_sentences(page)) for page in PAGES) > 60
    assert sum(len(within_blocks(page)) for page in PAGES) > 80


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("hl7-interface messages --sinze=2d", "unrecognized arguments: --sinze=2d"),
        ("hl7-interface request show 7", "no command request"),
        ("hl7-interface keys rotat", "no such subcommand"),
        ("hl7-interface --verbose", "no option --verbose"),
    ],
)
def test_a_slip_is_found(command: str, why: str) -> None:
    assert why in understood(command, whole=False)


def test_the_readme_shows_the_first_steps() -> None:
    called = {shlex.split(text)[1] for text in within_blocks(ROOT / "README.md")}
    assert called >= {"init", "explain", "check", "run", "send", "messages", "requests", "sandbox"}
