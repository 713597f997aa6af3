"""The door as a process: framing as the wire brings it, crashes, stops, health, and the work's life."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE, until
from running_door import RUN, Door, Sender, message, stored_rows

Start = Callable[..., Door]

ONE, TWO = message("M1"), message("M2")
BOTH = b"\x0b" + ONE + b"\x1c\r\x0b" + TWO + b"\x1c\r"
WIRE = {
    "byte by byte": [bytes([byte]) for byte in BOTH],
    "two messages in one write": [BOTH],
    "without the last CR": [BOTH.replace(b"\x1c\r", b"\x1c")],
    "CRLF between frames": [BOTH.replace(b"\x1c\r", b"\x1c\r\n")],
    "junk between frames": [b"junk", BOTH.replace(b"\x1c\r", b"\x1c\rjunk\r")],
    "a new start inside a frame": [b"\x0bMSH|half", BOTH],
}


@pytest.mark.parametrize("how", WIRE)
def test_framing_as_senders_write_it(start: Start, how: str) -> None:
    door = start()
    sender = door.connect()
    sender.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in WIRE[how]:
        sender.socket.sendall(piece)
    assert sender.answers(2) == [("AA", "M1"), ("AA", "M2")]
    assert [row.control_id for row in door.rows()] == ["M1", "M2"]


def test_many_messages_in_flight_are_answered_in_order(start: Start) -> None:
    door = start()
    sender = door.connect()
    names = [f"M{number}" for number in range(1000)]
    threading.Thread(target=sender.send, args=[message(name) for name in names]).start()
    assert sender.answers(1000) == [("AA", name) for name in names]
    assert [row.control_id for row in door.rows()] == names


def test_connections_are_answered_side_by_side(start: Start) -> None:
    door = start()
    left, right = door.connect(), door.connect()
    left.socket.sendall(b"\x0bMSH|^~\\&|unfinished")
    for number in range(50):
        right.send(message(f"R{number}"))
        assert right.answer() == ("AA", f"R{number}")
    left.socket.sendall(b"\x1c\r")
    assert left.answer() is not None
    assert door.health()["listeners"]["main"]["connections"] == 2


def test_connections_over_the_limit_are_refused(start: Start) -> None:
    door = start("max_connections = 1")
    first = door.connect()
    first.send(message("M1"))
    assert first.answer() == ("AA", "M1")
    assert door.connect().answer() is None
    first.close()
    until("a place is free", lambda: door.health()["listeners"]["main"]["connections"] == 0)
    second = door.connect()
    second.send(message("M2"))
    assert second.answer() == ("AA", "M2")


def test_what_was_acknowledged_survives_a_kill_in_mid_stream(start: Start) -> None:
    door = start()
    acknowledged: set[str] = set()
    senders = [door.connect() for _ in range(3)]
    enough = threading.Event()

    def pump(number: int, sender: Sender) -> None:
        try:
            for index in range(0, 100_000, 5):
                sender.send(*(message(f"C{number}-{index + n}") for n in range(5)))
                for _ in range(5):
                    answer = sender.answer()
                    if answer is None:
                        return
                    assert answer[0] == "AA"
                    acknowledged.add(answer[1])
                if len(acknowledged) > 300:
                    enough.set()
        except OSError:
            return

    threads = [threading.Thread(target=pump, args=pair) for pair in enumerate(senders)]
    for thread in threads:
        thread.start()
    assert enough.wait(PATIENCE)
    door.process.kill()
    for thread in threads:
        thread.join(PATIENCE)
    stored = [row.control_id for row in stored_rows(door.folder)]
    assert acknowledged <= set(stored)
    assert len(stored) == len(set(stored))

    again = start()
    sender = again.connect()
    names = sorted(acknowledged)[:50]
    sender.send(*(message(name) for name in names))
    assert sender.answers(50) == [("AA", name) for name in names]
    assert len(again.rows()) == len(stored)


def test_a_graceful_stop_answers_what_it_has_taken_and_takes_nothing_more(start: Start) -> None:
    door = start()
    sender = door.connect()
    idle = door.connect()
    answered: list[tuple[str, str]] = []
    some = threading.Event()

    def read() -> None:
        while (answer := sender.answer()) is not None:
            answered.append(answer)
            if len(answered) == 100:
                some.set()

    def write() -> None:
        try:
            for number in range(100_000):
                sender.send(message(f"M{number}"))
        except OSError:
            return

    threads = [threading.Thread(target=read), threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    assert some.wait(PATIENCE)
    assert door.stop() == 0
    assert idle.answer() is None
    for thread in threads:
        thread.join(PATIENCE)
    stored = [row.control_id for row in stored_rows(door.folder)]
    assert [name for _, name in answered] == stored
    assert {code for code, _ in answered} == {"AA"}


def test_a_second_daemon_on_the_same_store_is_refused_in_one_line(start: Start) -> None:
    door = start()
    second = start(wait=False)
    assert second.process.wait(PATIENCE) == 2
    found = second.read_log(r"already runs on this store")
    assert found.string.count("\n") == 1
    sender = door.connect()
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")


def test_a_port_in_use_is_said_in_one_line(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        door = start(f'[[listener]]\nname = "adt"\nport = {taken.getsockname()[1]}', wait=False)
        assert door.process.wait(PATIENCE) == 2
        found = door.read_log("listener adt: cannot listen on 127.0.0.1:.*in use.*\n")
        assert "Traceback" not in found.string


def test_several_listeners_have_ports_and_counts_of_their_own(start: Start) -> None:
    door = start('[[listener]]\nname = "adt"\nport = 0')
    for listener in ("main", "adt"):
        sender = door.connect(listener)
        sender.send(message("M1"))
        assert sender.answer() == ("AA", "M1")
        name = f'hl7_interface_messages_received_total{{listener="{listener}",receipt="stored"}}'
        assert door.metric(name) == 1
    assert [row.listener for row in door.rows()] == ["main", "adt"]
    health = door.health()
    assert {name: entry["port"] for name, entry in health["listeners"].items()} == door.ports


def test_a_listeners_character_set_counts_for_msh(start: Start) -> None:
    door = start('charset = "GB 18030-2000"\n')
    sender = door.connect()
    named = (
        message("M1").decode().replace("|EHR|", "|億院|").encode("gb18030")
    )  # whose second byte is a vertical bar's
    assert named != message("M1")
    sender.send(named)
    assert sender.answer() == ("AA", "M1")
    assert [(row.sender_application, row.receipt) for row in door.rows()] == [("億院", "stored")]


def test_the_web_doors(start: Start) -> None:
    door = start()
    assert door.health()["alive"] is True
    until("ready", lambda: door.get("/readyz")[0] == 200)
    assert json.loads(door.get("/readyz")[1]) == {"ready": True, "reasons": [], "destination": None}
    status, text = door.get("/metrics")
    assert status == 200
    assert "hl7_interface_work_up 1.0" in text
    for path in ("/", "/nothing", "/healthz/more", "/metrics/../etc"):
        assert door.get(path)[0] == 404


def test_a_work_that_dies_is_started_again_while_messages_are_acknowledged(start: Start) -> None:
    door = start()
    pid = until("the work runs", lambda: door.health()["work"]["pid"])
    os.kill(pid, signal.SIGKILL)
    until("its end is seen", lambda: door.health()["work"]["pid"] != pid)
    sender = door.connect()
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")
    until("it runs again", lambda: door.health()["work"]["alive"])
    assert door.health()["work"]["restarts"] == 1
    assert door.metric("hl7_interface_work_restarts_total") == 1


def test_while_the_work_is_down_the_door_is_not_ready(start: Start) -> None:
    door = start(work="raise SystemExit(3)")
    status, body = until("not ready", lambda: (found := door.get("/readyz"))[0] == 503 and found)
    assert status == 503
    assert json.loads(body)["reasons"] == ["work: not running"]


def test_a_store_that_cannot_be_written_shows_before_anybody_sends(start: Start) -> None:
    door = start()
    door.full_disk(True)
    _, body = until(
        "not ready", lambda: (found := door.get("/readyz"))[0] == 503 and "store" in found[1] and found
    )
    assert json.loads(body)["reasons"][0].startswith("store: ")
    door.full_disk(False)
    until("ready again", lambda: door.get("/readyz")[0] == 200)


WAKE_COUNTER = """
import json, sys
total = 0
while chunk := sys.stdin.buffer.raw.read(65536):
    total += len(chunk)
    print(json.dumps({"counters": {"turns_total": total}}), flush=True)
"""


def test_the_work_is_woken_after_a_commit_and_its_numbers_are_shown(start: Start) -> None:
    door = start(work=WAKE_COUNTER)
    until("the work runs", lambda: door.health()["work"]["alive"])
    sender = door.connect()
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")
    until("woken", lambda: door.metric("hl7_interface_work_turns_total") >= 1)


DRAINING = """
import sys
from pathlib import Path
while sys.stdin.buffer.raw.read(1): pass
Path({!r}).write_text("drained")
"""


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_work_learns_of_the_doors_end_and_drains(start: Start, tmp_path: Path, how: str) -> None:
    mark = tmp_path / "mark"
    door = start(work=DRAINING.format(str(mark)))
    until("the work runs", lambda: door.health()["work"]["alive"])
    if how == "stop":
        assert door.stop() == 0
        assert mark.read_text() == "drained"
        door.read_log(r"event=work-exited status=\S.*(?s:.*)event=stopped")
    else:
        door.process.kill()
        until("drained", lambda: mark.exists() and mark.read_text() == "drained")


def test_a_sender_that_never_reads_its_answers_is_read_no_further(start: Start) -> None:
    door = start()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(PATIENCE)
    sock.connect(("127.0.0.1", door.ports["main"]))
    sock.setblocking(False)
    block = b"".join(b"\x0bMSH|^~\\&|||||||ADT|%d|P|2.3\r\x1c\r" % number for number in range(200))
    sent, offset = 0, 0
    while select.select([], [sock], [], 2.0)[1]:
        count = sock.send(block[offset:])
        offset = (offset + count) % len(block)
        sent += count
        assert sent < 100_000_000, "it reads on and on"
    other = door.connect()
    other.send(message("M1"))
    assert other.answer() == ("AA", "M1")
    sock.close()


def test_allow_lists_are_read_again_on_sighup(start: Start) -> None:
    door = start()
    file = door.folder / "settings.toml"
    file.write_text(file.read_text().replace("port = 0\n", 'port = 0\nallow = ["10.20.0.0/16"]\n', 1))
    door.process.send_signal(signal.SIGHUP)
    door.read_log("event=reloaded")
    assert door.connect().answer() is None
    file.write_text(file.read_text() + "\n[forward]\nsupersede = false\n")
    door.process.send_signal(signal.SIGHUP)
    door.read_log(r'event=restart-needed settings="\[forward\] supersede"')
    file.write_text("this is not TOML")
    door.process.send_signal(signal.SIGHUP)
    door.read_log("event=reload-refused")
    assert door.process.poll() is None


GONE_BEHIND_OPENING = """
import sys, time
from pathlib import Path
from interface.services import daemon

opened = daemon.open_store

def open_store(*arguments):
    store = opened(*arguments)
    daemon.open_store = opened
    folder = Path(sys.argv[1]).parent
    (folder / "opened").touch()
    while not (folder / "gone").exists():
        time.sleep(0.01)
    return store

daemon.open_store = open_store
"""


def test_a_server_that_is_gone_again_behind_the_opening_is_waited_for(
    start: Start, own_server: Any, tmp_path: Path
) -> None:
    store = f'\n[store]\nurl = "{own_server.url("clinic")}"'
    start(web=store).stop()
    door = start(program=GONE_BEHIND_OPENING + RUN, wait=False, web=store)
    until("the store to be opened", (tmp_path / "opened").exists)
    own_server.stop()
    (tmp_path / "gone").touch()
    door.read_log("event=store-failing")
    own_server.start()
    door.read_log("event=store-well-again")
    door.read_log("event=ready")
