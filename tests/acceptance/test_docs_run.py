"""The commands of README.md and docs/ are given word by word, in an empty folder with a fresh home; what is shown comes."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from docs_pages import PAGES, ROOT, Command, Doing, Page, differs, out_of_bounds, read
from docs_shell import PROGRAM, Network, Shell, stays
from docs_states import begin, change_settings
from patience import until
from running_program import states

READ = [read(path) for path in PAGES]
LISTS = "messages|requests|webhooks|patients|appointments|alerts"
LOOKS = re.compile(
    rf"curl |{PROGRAM} (?:(?:{LISTS})( show \S+)?(?: --.*)?|check|onboarding(?: production-test)?)$"
)
"""Commands that only look: what they are to show may take a moment to come about."""
MOMENT = 10.0
FROM_NOTHING = ("README.md", "first-day.md")
"""Pages whose commands are started as users do it; those of the others are prepared, at a fourth of the cost."""


@pytest.fixture(scope="session")
def network():
    made = Network()
    if made.holder is None:
        pytest.skip("this machine lets nobody make a network of its own (unshare --net)")
    yield made
    made.close()


@pytest.fixture
def shell(tmp_path, network, page):
    made = Shell(tmp_path / "home", network, from_nothing=page.path.name in FROM_NOTHING)
    yield made
    made.close()


@pytest.fixture
def kept(tmp_path_factory) -> Path:
    """Where states are kept: one folder for all processes that test side by side."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if base.name.startswith("popen") else base) / "docs-states"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", [page for page in READ if page.runs], ids=lambda page: page.path.name)
def test_the_commands_of_the_page_do_what_it_shows(page: Page, shell: Shell, kept: Path) -> None:
    forbidden = [
        f"{step.text}: {why}; say `<!-- not run: WHY -->` before the block"
        for step in page.commands
        if not step.not_run and (why := out_of_bounds(step.text))
    ]
    assert not forbidden, "\n".join(forbidden)  # before anything is run
    if page.start:
        begin(page.start, shell, kept)
    wrong = []
    for step in page.steps:
        where = f"{page.path.relative_to(ROOT)}:{step.line}"
        if isinstance(step, Doing):
            do(step, shell)
        elif not step.not_run and (trouble := given(step, shell)):
            wrong.append(f"{where}: $ {step.text}\n  {trouble}")
    assert not wrong, "\n" + "\n".join(wrong)


def do(step: Doing, shell: Shell) -> None:
    """What the reader has done beside the commands."""
    if step.kind == "file":
        (shell.folder / step.name).parent.mkdir(parents=True, exist_ok=True)
        (shell.folder / step.name).write_text(step.what, "utf-8")
    elif step.kind == "settings":
        change_settings(shell.folder, step.what)
    elif step.kind == "stop":
        shell.stop(step.what)
    elif stays(step.what):
        shell.start(step.what)
    else:
        done = shell.run(step.what)
        assert done.code == 0, f"{step.what}: {done.text}"
        decided(shell)


def decided(shell: Shell) -> None:
    """Wait until what was sent is decided, where a daemon runs."""
    if any(entry.name == "run" for entry in shell.staying):
        store = shell.home / PROGRAM / "var" / "interface.db"
        until("messages are decided", lambda: "new" not in states(store, "messages"))


def given(command: Command, shell: Shell) -> str:
    """Give the command; how what comes of it differs from the page, empty: it does not."""

    def as_shown(text: str) -> str:
        return text.replace(str(shell.home / "project"), "/opt/hl7-interface").replace(
            str(shell.home), "/home/you"
        )

    end = time.monotonic() + MOMENT
    if stays(command.text):
        started = shell.start(command.text)
        while (trouble := differs(command.shown, as_shown(started.text))) and time.monotonic() < end:
            if started.process.poll() is not None:
                return f"it has ended as {started.process.returncode}: {started.text}"
            time.sleep(0.05)
        return trouble
    while True:
        done = shell.run(command.text, command.typed)
        trouble = differs(command.shown, as_shown(done.text))
        decided(shell)
        if done.code != command.ends:
            trouble = f"ends as {done.code}, not {command.ends}:\n{done.text}"
        if not trouble or not LOOKS.match(command.text) or not shell.staying or time.monotonic() > end:
            return trouble
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("command", "well"),
    [
        ("hl7-interface messages", True),
        ("mkdir -p ~/backups", True),
        ("BACKUP=$(ls ~/backups/interface-*.db | tail -n 1)", True),
        ("systemctl restart hl7-interface.service", False),
        ("hl7-interface install-service", False),
        ("mkdir /var/lib/hl7-interface && cd /var/lib/hl7-interface", False),
        ("sudo -u postgres createdb interface", False),
        ("ln -s /opt/hl7-interface/bin/hl7-interface /usr/local/bin/", False),
    ],
)
def test_nothing_is_run_that_is_not_for_this_machine(command: str, well: bool) -> None:
    assert (out_of_bounds(command) == "") is well


def test_what_is_run_is_counted_and_what_is_not_says_why() -> None:
    commands = [command for page in READ for command in page.commands]
    left = [command for command in commands if command.not_run]
    print(
        f"{len(commands) - len(left)} commands of {sum(page.runs for page in READ)} pages are run, {len(left)} are not"
    )
    for command in left:
        print(f"  {command.text}: {command.not_run}")
    assert len(commands) - len(left) >= 100
    assert all(len(command.not_run) > 10 for command in left)
