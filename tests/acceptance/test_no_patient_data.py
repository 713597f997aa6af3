"""The hunt: messages of all kinds, and what is meant to break a reader, go through a running daemon from outside, with all
that can go wrong beside them. Then no value of any of them may stand in a log, a number, an answer for machines, the words
of a command that shows no patient, the names of files, a list of processes; nor, sealed as it is, in the store.

The exceptions are in `tests/helpers/patient_values.py` and here: MSH-10, where the settings let the log say it.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from corpus import messages, needs_corpus
from echoing_api import WAYS, EchoingApi, echoing_api
from hunted_site import Hunted
from patience import until
from patient_values import is_telling, leaks, leaks_of_bytes, values_of
from poison import NUMBERS, WORD, WORD_IN_BYTES, poisoned
from running_program import NOW, call
from small_disk import small_disk

SAMPLES = sorted((Path(__file__).parents[2] / "sample_messages").glob("*/*.hl7"))
CONTROL_ID = re.compile(r'control_id=(?:"(?:[^"\\]|\\.)*"|\S+)|"control_id": ?"(?:[^"\\]|\\.)*"')
FAULTY_LISTS = (
    ("opt_out.csv", "mrn,authority,name\nQzmrn1,Qzauthority,Qzname\n"),
    ("opt_out.csv", "mrn\nQzmrn2,Qzmore,Qzname\n"),
    ("opt_out.csv", 'mrn\n"Qzmrn3\n'),
    ("opt_out.csv", "Qzmrn4\nQzmrn5\n"),
    ("opt_out.csv", "mrn\nQzmrn6\nQzmrn6\n"),
    ("lists.yaml", "opt_out:\n  rows:\n    - {mrn: Qzmrn7\n    - Qzmrn8\n"),
    ("lists.yaml", "opt_out:\n  rows:\n    - Qzmrn9: Qzmrn10\n"),
)
"""Lists of patients in the overlay folder, as slips of an editor make them."""
USER = "operator-7"
PASSWORD = "four words of some length"
PASSWORD_HASH = re.compile(rb"\$argon2id\$[A-Za-z0-9+/=,$]+")
"""As the store keeps it: 65 characters of chance in the clear, with a word of poison once in a hundred runs."""
VALUES = {f"poison, {place}": value for place, value in NUMBERS.items()}


def sent() -> tuple[list[bytes], dict[str, str], set[str]]:
    """All messages; their values, by which the place is told; their control ids."""
    raws, values = list(poisoned()), dict(VALUES)
    named = [(str(file.name), file.read_bytes().replace(b"\n", b"\r")) for file in SAMPLES]
    for name, raw in [*named, *messages()]:
        raws.append(raw)
        values |= values_of(raw, name)
    heads = [re.search(rb"MSH(.)[^\r\n]*", raw) for raw in raws]
    ids = [head[0].split(head[1])[9:10] for head in heads if head]
    return raws, values, {found[0].decode("latin-1").strip() for found in ids if found}


@pytest.fixture
def api() -> Iterator[EchoingApi]:
    with echoing_api() as server:
        yield server


def webhooks_and_strangers(site: Hunted) -> None:
    """Bodies and paths with patients in them, at the doors for machines and at the console."""
    path, kind = "/webhooks/connective-health", {"Content-Type": "application/json"}
    for body in (
        {"type": "patient.found", "correlationId": "Qzwebhook", "batchId": "Qzbatch", "timestamp": "Qztime"},
        {"type": "Qzkind", "correlationId": "Qzother", "data": {"patient": "Qzpatient"}},
        {"type": "Qzkind", "patient": "Qzpatient"},
        ["Qzlist"],
    ):
        site.hears("POST", path, json.dumps(body).encode(), **kind)
    site.hears("POST", path, b'{"Qzbroken": "Qz', **kind)
    site.hears("POST", path, b"\xff\xfeQz\x00" * 99, **kind)
    site.hears("POST", path, b"Qzlong" * 100_000, **kind)
    site.hears("POST", path, b"Qz", **{"Content-Type": "text/Qzkind"})
    site.hears("POST", f"{path}/Qzsegment?name=Qzquery", b"{}", **kind)
    for where in (
        "/patients/Qzname",
        "/Qznothing?mrn=Qzmrn",
        "/messages?control_id=Qzid",
        "/%00Qz%ff",
        "/metrics/Qz",
        "/metrics",
        path,
    ):
        for method in ("GET", "POST", "PUT", "QZVERB"):
            site.hears(method, where, b"Qz=Qz" if method != "GET" else None)
    call("users", "add", USER, "--role", "analyst", "--password-stdin", "-c", str(site.path), typed=PASSWORD)
    site.signed_in("nobody-here", "Qzpassword")
    session = site.signed_in(USER, PASSWORD)
    assert session, "the user may sign in"
    for where in (
        "/patients/999999",
        "/messages/Qzid",
        "/requests/Qzid",
        "/patients/Qzname",
        "/messages?since=Qzsince&state=Qzstate",
        "/patients?q=Qzname&after=Qzpage",
        "/Qzpage",
    ):
        site.hears("GET", where, Cookie=session)
        site.hears("POST", where, b"csrf=Qzform", Cookie=session)


def settings_and_lists_go_wrong(site: Hunted) -> None:
    """Reloads of settings that are nonsense, and of lists of patients with faults in them."""
    daemon = site.daemon
    site.path.write_text(site.text + '[stie]\nname = "x"\n')
    daemon.process.send_signal(signal.SIGHUP)
    daemon.says("reload-refused")
    site.path.write_text(site.text)
    for times, (name, text) in enumerate(FAULTY_LISTS, 1):
        for old in site.overlay.iterdir():
            old.unlink()
        (site.overlay / name).write_text(text)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.says("mappings-(?:not-)?reloaded", times)
    assert "mappings-not-reloaded" in daemon.text
    for old in site.overlay.iterdir():
        old.unlink()


def commands_fail(site: Hunted) -> None:
    """Commands about what is not there, and files that are none."""
    (site.folder / "problems.csv").write_text("mrn,code,onset\nQzmrn,Qzcode,Qzdate\n88155431,E11.9,Qzday\n")
    (site.folder / "broken.csv").write_text('Qzmrn;Qzname\n"Qz\n')
    site.commands(
        ["messages", "show", "999999"],
        ["requests", "show", "999999"],
        ["requests", "retry", "999999", "--yes"],
        ["messages", "reprocess", "999999", "--yes"],
        ["load", "problems.csv", "--now", NOW],
        ["load", "broken.csv", "--now", NOW],
        ["backup", "/nowhere/copy.db"],
        ["backup", str(site.folder / "copy.db")],
        ["check"],
        ["onboarding"],
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("log", "ids_may_be_told"),
    [
        ('format = "text"\nlevel = "debug"', True),
        ('format = "json"\nlevel = "debug"\ncontrol_id = false', False),
    ],
    ids=["text", "json without control ids"],
)
def test_no_value_of_any_message_is_said_anywhere(
    tmp_path: Path, api: EchoingApi, log: str, ids_may_be_told: bool
) -> None:
    raws, values, control_ids = sent()
    site = Hunted(tmp_path, api.url, log)
    try:
        site.pour(raws)
        site.shout(b"Qzjunk" * 100, hangs_up=True)
        site.shout(b"\x0bMSH|^~\\&|Qzover|" + b"Qzover" * 300_000)
        site.shout(b"\x0bMSH|^~\\&|Qzunfinished\rPID|1||Qz\x0bMSH|Qzrestarted")
        webhooks_and_strangers(site)
        os.kill(json.loads(site.ask("GET", "/healthz")[1])["work"]["pid"], signal.SIGKILL)
        site.daemon.says(r"\bwork-started\b", 2)
        settings_and_lists_go_wrong(site)
        if ids_may_be_told:
            commands_fail(site)
        site.decided()
        until("each answer of the API was given", lambda: api.count >= 2 * WAYS)
        api.stop_with = 401
        site.pour([raw.replace(b"|Qzid", b"|Qzlast").replace(b"n1|", b"n9001|") for raw in raws[:8]])
        site.daemon.says("destination-paused")
        site.decided()
        for path in ("/healthz", "/readyz", "/metrics"):
            site.hears("GET", path)
        site.processes()
        running = site.files()
    finally:
        site.end()
    site.said["names of files"] = "\n".join(site.files())
    seen = site.said["log"]
    for what in (
        "message",
        "attempt",
        "request",
        "work-died",
        "frame-over-limit",
        "frame-unfinished",
        "webhook-refused",
    ):
        assert re.search(rf'event(=|":"){what}\b', seen), what
    for code in (
        "refused-by-api",
        "server-error",
        "unexpected-status",
        "not-an-api-reply",
        "reset",
        "failed",
    ):
        assert code in seen, code
    if ids_may_be_told:
        assert "Qzid" in seen, "the hunt finds what is there"
        site.said["log"] = CONTROL_ID.sub("control_id=…", seen)
    else:
        values |= {f"MSH-10 {text}": text for text in control_ids if is_telling(text)}
    found = [f"poison in {name}: …{text[max(0, at.start() - 90) : at.end() + 30]}…"
             for name, text in site.said.items() for at in WORD.finditer(text)]  # fmt: skip
    found += leaks(site.said, values)
    assert not found, "\n".join(found)
    stored = running | site.files()
    assert {"var/store.db", "var/store.db-wal"} <= running.keys()
    sealed = sealed_leaks(stored, values, raws)
    assert not sealed, sealed[:50]


@pytest.mark.timeout(300)
def test_a_store_that_cannot_be_written_says_nothing_of_what_was_to_be_stored(
    tmp_path: Path, api: EchoingApi
) -> None:
    raws = list(poisoned())
    with small_disk(tmp_path / "disk") as disk:
        site = Hunted(disk.folder, api.url, 'format = "json"\ncontrol_id = false')
        try:
            site.pour(raws[:20])
            disk.fill()
            for raw in raws[20:24]:
                site.shout(b"\x0b" + raw + b"\x1c\r")
            site.daemon.says("journal-failing")
            site.hears("POST", "/webhooks/connective-health", b'{"type": "x", "correlationId": "Qzhook"}')
            for path in ("/healthz", "/readyz", "/metrics"):
                site.hears("GET", path)
            disk.free()
            site.daemon.says("journal-works-again")
            site.pour(raws[20:24])
        finally:
            site.end()
    found = [f"{name}: {at[0]}" for name, text in site.said.items() for at in WORD.finditer(text)]
    assert not found


@needs_corpus
def test_real_world_messages_are_among_those_that_are_hunted() -> None:
    _, values, _ = sent()
    assert sum("/" in place for place in values) > 1000


def sealed_leaks(files: dict[str, bytes], values: dict[str, str], raws: list[bytes]) -> list[str]:
    """What can be read in the files of the store; its columns in the clear are left out: MSH-3, MSH-4, MSH-9, MSH-10 and
    MSH-11, by which people look for messages, and the ids that the API has for requests. Of a real message its longest
    value is looked for that stands in no MSH: `test_at_rest.py` looks for every field.
    """
    heads = b"\n".join(line for raw in raws for line in re.findall(rb"MSH[^\r\n]*", raw)).decode("latin-1")
    clear = re.compile(
        rb"Qz(?:app|fac|id|last|head(?:3|4|9|10|11)[a-z]|TYPE|TRIGGER|correlation|webhook|other)"
    )
    read = [
        f"{at[0]!r} in {name}"
        for name, data in files.items()
        for at in WORD_IN_BYTES.finditer(PASSWORD_HASH.sub(b"", data))
        if not clear.match(at[0])
    ]
    longest: dict[str, str] = {}
    for place, text in values.items():
        message = place.partition(", ")[0]
        if len(text) > len(longest.get(message, "")) and text not in heads:
            longest[message] = text
    return read + leaks_of_bytes(files, longest.values())
