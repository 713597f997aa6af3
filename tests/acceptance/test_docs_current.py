"""The pages of docs/ that are tables of the code say what the code says."""

from __future__ import annotations

import argparse
import re
import runpy
from collections import Counter
from pathlib import Path

import pytest

from interface.sandbox.arguments import add_arguments as add_sandbox_arguments
from interface.services.measures import BY_NAME

ROOT = Path(__file__).parents[2]
GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("name", GENERATE["PAGES"])
def test_generated_page_is_current(name: str) -> None:
    made = GENERATE["PAGES"][name]()
    assert (ROOT / "docs" / name).read_text("utf-8") == made, "run: python docs/generate.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    named = set(LINK.findall(index.read_text("utf-8")))
    assert {path.name for path in (ROOT / "docs").glob("*.md") if path != index} - named == set()
    assert len(re.findall(r"\? \| \[", index.read_text("utf-8"))) > 20  # by questions


SPEAKING = [path for room in ("services", "console") for path in (ROOT / "interface" / room).glob("*.py")]
"""The rooms that write log lines."""
STEP = re.compile(r"^\| [^|]+ \| `(interface/[a-z0-9_/]+\.py)` \| ([^|]+) \|$", re.MULTILINE)


def test_files_and_functions_that_the_docs_name_are_there() -> None:
    missing = []
    for page in PAGES:
        text = page.read_text("utf-8")
        paths = re.findall(r"`((?:interface|mappings|docs|deploy|tests)/[A-Za-z0-9_/.]*)`", text)
        missing += [f"{page.name}: {path}" for path in paths if not (ROOT / path).exists()]
    steps = STEP.findall((ROOT / "docs" / "architecture.md").read_text("utf-8"))
    assert len(steps) > 30
    for path, names in steps:
        source = (ROOT / path).read_text("utf-8")
        for name in re.findall(r"`([A-Za-z_.]+)`", names):
            for part in name.split("."):
                if not re.search(rf"^ *(?:def|class) {part}\b", source, re.MULTILINE):
                    missing.append(f"{path}: {name}")
    assert missing == []


def test_tests_that_the_docs_name_are_there() -> None:
    named = [
        name
        for page in PAGES
        for name in re.findall(r"`(tests/[a-z0-9_/]+\.py)::(\w+)`", page.read_text("utf-8"))
    ]
    assert len(named) > 15
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).exists() or f"def {name}(" not in (ROOT / path).read_text("utf-8")
    ]
    assert missing == []


def test_events_that_the_guarantees_name_are_in_the_code() -> None:
    rooms = ("services", "alerting")
    services = "".join(
        path.read_text("utf-8") for room in rooms for path in (ROOT / "interface" / room).glob("*.py")
    )
    text = (ROOT / "docs" / "guarantees.md").read_text("utf-8").partition("## What one sees")[2]
    events = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", text))
    assert len(events) > 8
    assert {name for name in events if f'"{name}"' not in services} == set()


def test_names_of_metrics_and_events_in_the_docs_are_in_the_code() -> None:
    services = "".join(path.read_text("utf-8") for path in SPEAKING)
    text = (ROOT / "docs" / "operating.md").read_text("utf-8")
    events = set(re.findall(r"`event=([a-z-]+)", text))
    metrics = {
        name for page in PAGES for name in re.findall(r"hl7_interface_([a-z0-9_]+)", page.read_text("utf-8"))
    }
    assert len(events) > 20
    assert len(metrics) > 20
    assert {name for name in events if f'"{name}"' not in services} == set()
    assert metrics - BY_NAME.keys() - {"work_process_"} == set()


def test_every_event_in_the_code_is_in_the_docs() -> None:
    said: set[str] = set()
    for path in SPEAKING:
        said |= set(re.findall(r'event\(\s*log,\s*logging\.[A-Z]+,\s*"([a-z-]+)"', path.read_text("utf-8")))
    assert len(said) > 20
    text = (ROOT / "docs" / "operating.md").read_text("utf-8")
    assert {name for name in said if f"`event={name}" not in text} == set()


def test_each_event_has_one_row() -> None:
    text = (ROOT / "docs" / "operating.md").read_text("utf-8")
    first_cells = re.findall(r"^\| (`event=[^|]*) \|", text, re.MULTILINE)
    events = Counter(name for cell in first_cells for name in re.findall(r"`event=([a-z-]+)", cell))
    assert len(events) > 20
    assert [name for name, rows in events.items() if rows > 1] == []


def test_the_page_of_the_simulated_api_has_its_options_and_their_shares() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    add_sandbox_arguments(parser)
    table = (ROOT / "docs" / "sandbox.md").read_text("utf-8").partition("## Options")[2].partition("\n## ")[0]
    shown = dict(re.findall(r"`(--[a-z-]+)[^`]*`(?: \((0\.[0-9]+)\))?", table))
    shares = {
        action.option_strings[0]: str(action.const) if action.nargs == "?" else ""
        for action in parser._actions
    }
    assert shown == shares
