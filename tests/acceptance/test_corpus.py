"""Real-world messages through `explain` and through a running daemon: no crash, the ACK table's answer, valid requests."""

from __future__ import annotations

import collections
import json
import socket
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from corpus import FILES, messages, needs_corpus

from interface.chart.decide import Engine
from interface.contract.v1 import check
from interface.rules import Policy, load_rulebook
from interface.services.explaining import as_json, explain

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
DECISIONS = {"post", "chart", "hold", "cancel", "ignore", "reject"}

pytestmark = needs_corpus


def test_every_message_is_explained_and_every_request_is_valid() -> None:
    engine = Engine(load_rulebook(), Policy())
    told = 0
    for name, message in messages():
        for answer in (as_json(*entry) for entry in explain(engine, [message], NOW)):
            told += 1
            assert answer["decision"] in DECISIONS, name
            assert answer["reasons"], name
            json.dumps(answer)
            if answer["decision"] == "post":
                assert check(answer["request"], date(2026, 3, 2)) == (), name
            if answer["decision"] == "hold":
                assert answer["request"] is not None, name
    assert told >= len(FILES)


def test_all_of_them_build_charts_in_one_run() -> None:
    engine = Engine(load_rulebook(), Policy())
    decisions = collections.Counter(
        outcome.decision for _, outcome in explain(engine, [message for _, message in messages()], NOW)
    )
    assert decisions["chart"] > decisions["reject"]


def test_reasons_hold_no_value_of_the_patient() -> None:
    """Reasons are kept in the clear: no name, number, street or phone of PID may stand in one."""
    engine = Engine(load_rulebook(), Policy())
    for name, message in messages():
        for reading, outcome in explain(engine, [message], NOW):
            values = {
                leaf.value
                for field, fact in reading.facts.items()
                if field.startswith("patient.") and field not in ("patient.gender", "patient.deceased")
                for leaf in fact.leaves
                if isinstance(leaf.value, str) and len(leaf.value) > 3 and leaf.value not in ("HOME", "PHONE")
            }
            said = " ".join(reason.text for reason in outcome.reasons)
            assert not [value for value in values if value in said], name


def test_a_running_daemon_answers_each_as_the_ack_table_says(tmp_path: Path) -> None:
    settings = tmp_path / "site.toml"
    settings.write_text(
        '[[listener]]\nport = 0\n[web]\nport = 0\n[api]\nbase_url = "http://127.0.0.1:9"\n[store]\nurl = "sqlite:///s.db"\n'
    )
    command = [sys.executable, "-m", "interface"]
    daemon = subprocess.Popen([*command, "run", "-c", str(settings)], stderr=subprocess.PIPE)
    assert daemon.stderr is not None
    try:
        port = next(
            int(line.split(b"listeners=main:")[1].split()[0])
            for line in daemon.stderr
            if b"listeners=main:" in line
        )
        sent = 0
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            stream = connection.makefile("rb")
            for name, message in messages():
                connection.sendall(b"\x0b" + message + b"\x1c\r")
                sent += 1
                expected = expected_ack(message)
                if expected is None:
                    continue
                answer = b""
                while not answer.endswith(b"\x1c\r"):
                    answer += stream.read(1)
                code, control_id, *_ = [*answer.split(b"\rMSA|")[1].split(b"\r")[0].split(b"|"), b""]
                assert (code.decode(), control_id) == expected, name
            stream.close()
        text = subprocess.run(
            [*command, "messages", "-c", str(settings), "--json", "--limit", "100000"],
            capture_output=True,
            check=True,
        ).stdout
        assert len(json.loads(text)["messages"]) <= sent
    finally:
        daemon.terminate()
        daemon.stderr.read()
        assert daemon.wait(60) == 0
        daemon.stderr.close()


def expected_ack(message: bytes) -> tuple[str, bytes] | None:
    """The row of the table, read off MSH by the simplest means."""
    head = message[message.index(b"MSH") :].replace(b"\n", b"\r").split(b"\r")[0]
    fields = [b"", *head.split(head[3:4])]  # MSH-n is fields[n]
    fields += [b""] * 20
    accept, application = fields[15].strip(), fields[16].strip()
    well = bool(fields[9].strip() and fields[10].strip())
    original = not accept and not application
    asked_by = application if accept in (b"", b"NE") else accept
    if not original and (asked_by in (b"", b"NE") or asked_by == (b"ER" if well else b"SU")):
        return None
    kind = "A" if original or accept in (b"", b"NE") else "C"
    bad = "E" if kind == "A" else "R"
    return kind + ("A" if well else bad), fields[10].strip()
