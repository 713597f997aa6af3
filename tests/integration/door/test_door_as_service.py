"""The door as systemd's service: what it tells and when; ports that are handed over, and stay open over an upgrade."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from authority import Authority
from patience import PATIENCE, until
from plays_systemd import Systemd
from running_door import RUN, Door, Sender, message, stored_rows

Start = Callable[..., Door]
TELLS_ITS_ENVIRONMENT = """
import os, sys
print("inherited:", sorted(name for name in os.environ if name.startswith(("LISTEN", "NOTIFY", "WATCHDOG"))),
      sorted(os.listdir("/proc/self/fd"), key=int)[3:-1], file=sys.stderr, flush=True)
while sys.stdin.buffer.raw.read(1): pass
"""


JOURNAL_HANGS = RUN.replace(
    "try:",
    """
import threading
from interface.services import journal, life_signs
life_signs.STUCK_SECONDS = 0.2
journal.JournalThread._append = lambda self, live: threading.Event().wait()
try:""",
    1,
)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Callable[..., Systemd]]:
    made: list[Systemd] = []

    def make(**options: object) -> Systemd:
        made.append(Systemd(tmp_path, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("abstract", [False, True])
def test_it_is_ready_when_its_ports_listen_and_stopping_when_it_stops(
    start: Start, manager: Callable[..., Systemd], abstract: bool
) -> None:
    systemd = manager(abstract=abstract)
    door = start(systemd=systemd)
    assert systemd.hears("READY", "1")["STATUS"] == "takes messages on 1 port"
    door.connect().send(message("M1"))
    assert door.senders[0].answer() == ("AA", "M1")
    door.process.send_signal(signal.SIGTERM)
    assert systemd.hears("STOPPING", "1")["STATUS"].startswith("stopping")
    assert door.process.wait(PATIENCE) == 0


def test_a_door_that_cannot_listen_is_never_ready(start: Start, manager: Callable[..., Systemd]) -> None:
    systemd = manager()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        door = start(systemd=systemd, wait=False, port=taken.getsockname()[1])
        assert door.process.wait(PATIENCE) == 2
    assert systemd.silent_for(0)


def test_a_reload_is_told_from_its_beginning_to_its_end(
    start: Start, manager: Callable[..., Systemd], tmp_path: Path
) -> None:
    systemd = manager()
    door = start(systemd=systemd)
    systemd.hears("READY")
    good = (tmp_path / "settings.toml").read_text()
    for text, status in ((good, ""), ("nonsense", "reload refused: "), (good, "")):
        (tmp_path / "settings.toml").write_text(text)
        door.process.send_signal(signal.SIGHUP)
        assert int(systemd.hears("RELOADING", "1")["MONOTONIC_USEC"]) > 0
        told = systemd.hears("READY", "1")["STATUS"]
        assert told.startswith("takes messages on 1 port")
        assert status in told
        assert ("refused" in told) == bool(status)


def test_pings_come_and_not_from_a_process_that_hangs(start: Start, manager: Callable[..., Systemd]) -> None:
    systemd = manager(watchdog=1.0)
    door = start(systemd=systemd)
    systemd.hears("READY")
    for _ in range(4):
        systemd.hears("WATCHDOG", "1")
    door.process.send_signal(signal.SIGSTOP)
    until("nothing is heard of it", lambda: systemd.silent_for(1.0))
    door.process.send_signal(signal.SIGCONT)
    systemd.hears("WATCHDOG", "1")


def test_pings_go_on_while_the_disk_is_full(start: Start, manager: Callable[..., Systemd]) -> None:
    systemd = manager(watchdog=1.0)
    door = start(systemd=systemd)
    systemd.hears("READY")
    door.full_disk(True)
    sender = door.connect()
    sender.send(message("M1"))
    assert sender.answer() is None
    assert systemd.hears("STATUS")["STATUS"].startswith("stores no messages: ")
    for _ in range(3):
        systemd.hears("WATCHDOG", "1")
    door.full_disk(False)
    until("it takes messages again", lambda: systemd.hears("STATUS")["STATUS"].startswith("takes messages"))


def test_no_pings_come_while_the_journals_thread_hangs(start: Start, manager: Callable[..., Systemd]) -> None:
    systemd = manager(watchdog=1.0)
    door = start(systemd=systemd, program=JOURNAL_HANGS)
    systemd.hears("WATCHDOG")
    door.connect().send(message("M1"))
    told = systemd.hears("STATUS")
    assert told["STATUS"] == "stuck: journal: has come to no end for 0.2 s"
    assert "WATCHDOG" not in told
    assert systemd.silent_for(1.2)
    door.read_log('event=stuck problem="journal: ')


def test_what_is_meant_for_the_door_reaches_no_child(start: Start, manager: Callable[..., Systemd]) -> None:
    systemd = manager(watchdog=30)
    systemd.open("main")
    door = start(systemd=systemd, work=TELLS_ITS_ENVIRONMENT)
    assert door.read_log(r"inherited: (.*)\n")[1] == "[] []"


def test_ports_handed_over_are_the_listeners(start: Start, manager: Callable[..., Systemd]) -> None:
    systemd = manager()
    main, web = systemd.open("main"), systemd.open("web")
    door = start(systemd=systemd)
    assert (door.ports, door.web) == ({"main": main}, f"127.0.0.1:{web}")
    sender = door.connect()
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")
    assert door.health()["alive"]


def test_a_port_that_is_handed_over_speaks_tls_as_the_settings_say(
    start: Start, manager: Callable[..., Systemd], tmp_path: Path
) -> None:
    authority, systemd = Authority(tmp_path), manager()
    authority.file()
    authority.issue("localhost", into="server")
    systemd.open("main")
    door = start('tls_certificate = "server.pem"\ntls_key = "server.key"', systemd=systemd)
    context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    plain = socket.create_connection(("127.0.0.1", door.ports["main"]), timeout=PATIENCE)
    sender = Sender(context.wrap_socket(plain, server_hostname="localhost"))
    door.senders.append(sender)
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")


def test_without_a_name_the_address_tells_which_it_is(start: Start, manager: Callable[..., Systemd]) -> None:
    systemd = manager()
    port = systemd.open("hl7-interface.socket")
    door = start(systemd=systemd, port=port)
    assert door.ports == {"main": port}
    assert "socket-not-ours" not in door.log


def test_a_port_that_the_settings_do_not_name_is_said_and_left_alone(
    start: Start, manager: Callable[..., Systemd], tmp_path: Path
) -> None:
    systemd = manager()
    systemd.open("old")
    local = socket.socket(socket.AF_UNIX)
    local.bind(str(tmp_path / "no-tcp"))
    local.listen()
    systemd.hand_over("local", local)
    door = start(systemd=systemd)
    found = door.log.count("event=socket-not-ours")
    assert found == 2, door.log
    assert 'name=local where="no TCP port"' in door.log
    sender = door.connect()
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")


def test_a_port_that_is_not_where_the_settings_say_is_refused_in_one_line(
    start: Start, manager: Callable[..., Systemd]
) -> None:
    systemd = manager()
    handed, said = systemd.open("main"), 1
    door = start(systemd=systemd, wait=False, port=said)
    assert door.process.wait(PATIENCE) == 2
    line = door.read_log(r"listener main: .*\n")[0]
    assert f"127.0.0.1:{handed}, the settings say 127.0.0.1:{said}" in line
    assert "Traceback" not in door.log


def test_ports_meant_for_another_process_are_not_taken(
    start: Start, manager: Callable[..., Systemd], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "main"}.items():
        monkeypatch.setenv(name, value)
    door = start()
    sender = door.connect()
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")


def test_it_tells_how_it_is_until_its_end(start: Start, manager: Callable[..., Systemd]) -> None:
    systemd = manager(watchdog=0.5)
    door = start(systemd=systemd)
    slow = door.connect()
    slow.send(message("M1"))
    assert slow.answer() == ("AA", "M1")
    slow.socket.sendall(b"\x0bMSH|unfinished")  # keeps the door from its end
    until("it is read", lambda: door.health()["listeners"]["main"]["connections"] == 1)
    door.process.send_signal(signal.SIGTERM)
    systemd.hears("STOPPING")
    for _ in range(3):
        systemd.hears("WATCHDOG")
    assert door.health()["stopping"] is True
    assert door.health()["listeners"]["main"]["port"] == door.ports["main"]
    slow.close()
    assert door.process.wait(PATIENCE) == 0
    assert (
        "event=fault" not in door.log + (door.process.stderr.read() if door.process.stderr else b"").decode()
    )


class Sending(threading.Thread):
    """A sender as engines are: it sends a message until it has its answer, on a new connection after one that broke."""

    def __init__(self, port: int, prefix: str):
        super().__init__(daemon=True)
        self.port, self.prefix = port, prefix
        self.enough = threading.Event()
        self.refused = 0
        self.acknowledged: list[str] = []

    def run(self) -> None:
        sender: Sender | None = None
        number = 0
        while not self.enough.is_set():
            name = f"{self.prefix}{number}"
            if sender is None:
                try:
                    sender = Sender(socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE))
                except OSError:
                    self.refused += 1
                    continue
            try:
                sender.send(message(name))
                answer = sender.answer()
            except (OSError, AssertionError):
                answer = None
            if answer is None:
                sender.close()
                sender = None
                continue
            assert answer == ("AA", name)
            self.acknowledged.append(name)
            number += 1
        if sender is not None:
            sender.close()


def test_an_upgrade_refuses_no_connection_and_loses_no_message(
    start: Start, manager: Callable[..., Systemd], tmp_path: Path
) -> None:
    systemd = manager()
    port = systemd.open("main")
    door = start(systemd=systemd)
    sending = [Sending(port, name) for name in ("A", "B")]
    for thread in sending:
        thread.start()

    def all_get_on() -> None:
        wanted = [len(thread.acknowledged) + 20 for thread in sending]
        until(
            "all senders get on",
            lambda: all(len(thread.acknowledged) >= at for thread, at in zip(sending, wanted, strict=True)),
        )

    for _ in range(2):
        all_get_on()
        assert door.stop() == 0
        door = start(systemd=systemd)
    all_get_on()
    for thread in sending:
        thread.enough.set()
        thread.join(PATIENCE)
    assert [thread.refused for thread in sending] == [0, 0]
    assert door.stop() == 0
    stored = [row.control_id for row in stored_rows(tmp_path)]
    for thread in sending:
        own = [name for name in stored if name.startswith(thread.prefix)]
        assert own[: len(thread.acknowledged)] == thread.acknowledged
        assert len(set(own)) == len(own)
