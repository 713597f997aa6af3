"""What pages of docs/ start from, by the name that a page gives it; made once for all pages and copied."""

from __future__ import annotations

import fcntl
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docs_pages import ROOT
from docs_shell import PROGRAM, Network, Shell, install
from patience import until
from running_program import states

SETTINGS = "hl7-interface.toml"
NOW = "2026-03-02T09:00:00-06:00"


def project(shell: Shell) -> None:
    """The project's folder: what is in it for people, with the program in its .venv."""
    for name in ("deploy", "docs", "sample_messages", "README.md"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, shell.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, shell.folder / name)
    programs = shell.folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    install(programs)


def site(shell: Shell) -> None:
    """A site as `init` makes it."""
    did(shell, f'{PROGRAM} init --yes --name "Lakeside Family Clinic"')


FIRST = (
    "athena*/*.hl7 cerner*/*.hl7 eclinical*/0[12]*.hl7 epic*/0[123]*.hl7 meditech*/*.hl7 nextgen*/*.hl7 "
    "own*/01*.hl7 problem*/*.hl7"
)
LATER = ("epic*/04*.hl7", "epic*/05*.hl7 eclinical*/03*.hl7 own*/02*.hl7 not-for-us/*.hl7")
"""Samples that come when the requests of those before are delivered: what comes of them is the same every time."""


def sent(shell: Shell) -> None:
    """A site in the sandbox to which all sample messages were sent, on their day; its daemon is stopped."""
    site(shell)
    shell.start(f"{PROGRAM} sandbox --seed 1")
    shell.start(f"{PROGRAM} run --now {NOW}")
    for files in (FIRST, *LATER):
        shell.run(
            f"cd $SAMPLES && {PROGRAM} send {files} --to 127.0.0.1:2575; cd ~/{PROGRAM}"
        )  # two are rejected
        until(f"{files} settled", lambda: settled(shell))
    shell.stop("run")
    shell.stop("sandbox")


def webhooks(shell: Shell) -> None:
    """A site to which some webhooks came: of two requests, one of them contradicting, and of an id nobody knows."""
    site(shell)
    receiver = "http://127.0.0.1:8025/webhooks/connective-health"
    shell.start(f"{PROGRAM} run --now {NOW}")
    shell.start(
        f"{PROGRAM} sandbox --seed 1 --webhooks {receiver} --webhook-delay 0-0.1 --webhook-contradict 1 --webhook-unknown 1"
    )
    did(shell, f"{PROGRAM} send $SAMPLES/epic*/0[123]*.hl7 $SAMPLES/athena*/01*.hl7 --to 127.0.0.1:2575")
    until("settled", lambda: settled(shell))
    did(shell, 'curl -s "http://127.0.0.1:8026/_sandbox/webhooks?wait=20"')
    until(
        "webhooks came",
        lambda: "contradict" in did(shell, f"{PROGRAM} requests --outcome contradicting --json"),
    )
    shell.stop("run")
    shell.stop("sandbox")


def settled(shell: Shell) -> bool:
    """Whether nothing waits to be decided or sent."""
    store = shell.folder / "var" / "interface.db"
    return "new" not in states(store, "messages") and not {"waiting", "sending"} & set(states(store))


WRONG_MERGE = (
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
"""Two persons who are merged by mistake, and a third with a clinician whose NPI the feed does not have."""


def wrong_merge(shell: Shell) -> None:
    """A store in which these messages are decided, and nothing is sent."""
    (shell.folder / SETTINGS).write_text('[site]\nmrn_authority = ["LFC"]\n')
    for number, (kind, patient, name, rest) in enumerate(WRONG_MERGE, 1):
        head = f"MSH|^~\\&|APP|FAC|R|R|2026030208{number:02d}||{kind}|M{number}|P|2.5.1"
        person = f"PID|1||{patient}^^^LFC^MR||{name}||19700131|F|||12 Birch Ln^^Madison^WI^53703"
        (shell.folder / f"m{number}.hl7").write_bytes("\r".join((head, person, rest)).encode())
    shell.start(f"{PROGRAM} run --now {NOW}")
    did(shell, f"{PROGRAM} send m?.hl7 --to 127.0.0.1:2575")
    until("decided", lambda: "new" not in states(shell.folder / "var" / "interface.db", "messages"))
    shell.stop("run")


PROJECT = "the project's folder"
STATES: dict[str, Callable[[Shell], None]] = {
    PROJECT: project,
    "a site": site,
    "a site with the samples sent": sent,
    "a site with webhooks": webhooks,
    "a wrong merge": wrong_merge,
}


def did(shell: Shell, command: str) -> str:
    """What a command says that has to do what it is asked for."""
    done = shell.run(command)
    assert done.code == 0, f"{command}: {done.text}"
    return done.text


def begin(state: str, shell: Shell, kept: Path) -> None:
    """Bring the shell's folder into a state. `kept`: where states are kept, shared by all who test side by side."""
    made = kept / state.replace(" ", "-").replace("'", "")
    kept.mkdir(exist_ok=True)
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            network = Network()
            maker = Shell(kept / f"{made.name}-home", network)
            try:
                STATES[state](maker)
            finally:
                maker.close()
                network.close()
            maker.folder.rename(made)
    if state == PROJECT:
        shell.folder.rmdir()
        shell.folder = shell.home / "project"
    shutil.copytree(made, shell.folder, dirs_exist_ok=True, symlinks=True)


def change_settings(folder: Path, text: str) -> None:
    """Put keys into the settings file; what else stands there stays, comments do not."""
    path = folder / SETTINGS
    now = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    for section, given in tomllib.loads(text).items():
        if isinstance(given, list):
            now[section] = given
        else:
            now[section] = now.get(section, {}) | given
    path.write_text("".join(_written(section, given) for section, given in now.items()), "utf-8")


def _written(section: str, given: Any) -> str:
    if isinstance(given, list):
        return "".join(f"[[{section}]]\n{_keys(entry)}" for entry in given)
    return f"[{section}]\n{_keys(given)}"


def _keys(given: dict[str, Any]) -> str:
    return "".join(f"{_quoted(name)} = {_value(value)}\n" for name, value in given.items())


def _quoted(name: str) -> str:
    return name if name.replace("_", "").isalnum() else f'"{name}"'


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(name)} = {_value(inner)}" for name, inner in value.items()) + "}"
    return f"'{value}'" if isinstance(value, str) else str(value)
