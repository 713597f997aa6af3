"""Listeners over TLS: who is let in, what refusals look like, renewal under a running feed, nothing lost on closing."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from authority import DAY, NOW, Authority
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from patience import PATIENCE, until
from plays_systemd import Systemd
from running_door import Door, Sender, message, stored_rows

Start = Callable[..., Door]

HOST = "interface.hospital.example"
ENGINE = "mirth.hospital.example"
TLS = 'tls_certificate = "server.pem"\ntls_key = "server.key"\n'
MUTUAL = TLS + 'tls_client_ca = "ca.pem"\n'
PINNED = MUTUAL + f'tls_client_names = ["{ENGINE}"]\n'


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    made.file()
    made.issue(HOST, into="server")
    return made


def connect(door: Door, context: ssl.SSLContext, listener: str = "main") -> Sender:
    plain = socket.create_connection(("127.0.0.1", door.ports[listener]), timeout=PATIENCE)
    sender = Sender(context.wrap_socket(plain, server_hostname=HOST))
    door.senders.append(sender)
    return sender


class OneAtATime:
    """A TLS socket that one thread reads and another writes: a connection of OpenSSL's is for one thread at a time, and
    Python 3.11 does not see to it.
    """

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._socket = sock
        self._lock = threading.Lock()
        sock.setblocking(False)

    def recv(self, size: int) -> bytes:
        return self._retried(lambda: self._socket.recv(size))

    def sendall(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._retried(lambda left=left: self._socket.send(left)) :]  # type: ignore[misc]

    def close(self) -> None:
        self._socket.close()

    def _retried(self, call: Callable[[], Any]) -> Any:
        while True:
            try:
                with self._lock:
                    return call()
            except ssl.SSLWantReadError:
                select.select([self._socket], [], [], PATIENCE)
            except ssl.SSLWantWriteError:
                select.select([], [self._socket], [], PATIENCE)


def refusal(door: Door, context: ssl.SSLContext) -> str:
    """The log's line of a connection that is refused; with TLS 1.3 the client hears of it when it reads."""
    already = door.log.count("event=refused")
    with pytest.raises((ssl.SSLError, OSError)):
        sender = connect(door, context)
        sender.send(message("REFUSED"))
        assert sender.socket.recv(1) == b""
        raise OSError("closed")
    return door.read_log(r"event=refused (.*)\n", already + 1)[1]


def refused(door: Door, reason: str) -> float:
    return door.metric(f'hl7_interface_connections_refused_total{{listener="main",reason="{reason}"}}')


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_messages_are_taken_and_answered_over_tls(
    start: Start, authority: Authority, version: ssl.TLSVersion
) -> None:
    door = start(TLS)
    context = authority.trusting()
    context.minimum_version = context.maximum_version = version
    sender = connect(door, context)
    for number in range(20):
        sender.send(message(f"A{number}"), message(f"B{number}", text="x" * 100_000))
        assert sender.answers(2) == [("AA", f"A{number}"), ("AA", f"B{number}")]
    assert isinstance(sender.socket, ssl.SSLSocket)
    cipher = sender.socket.cipher()
    assert cipher is not None
    assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]
    assert sender.socket.compression() is None
    assert len(door.rows()) == 40


def test_old_versions_and_weak_ciphers_are_refused(start: Start, authority: Authority) -> None:
    door = start(TLS)
    old = authority.trusting()
    old.check_hostname = False
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    assert "reason=tls-handshake" in refusal(door, old)
    weak = authority.trusting()
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("AES128-SHA")
    assert "no cipher that both know" in refusal(door, weak)


def test_a_sender_that_looks_what_our_certificate_is_meant_for_is_told_of(
    start: Start, authority: Authority
) -> None:
    clients = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    named = x509.SubjectAlternativeName([x509.DNSName(HOST)])
    authority.issue_plain(HOST, "server", (named, clients))
    assert "it is not meant for servers (extendedKeyUsage)" in refusal(start(TLS), authority.trusting())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_is_taken_up_again(start: Start, authority: Authority, version: ssl.TLSVersion) -> None:
    door = start(TLS)
    context = authority.trusting()
    context.minimum_version = context.maximum_version = version
    first = connect(door, context)
    first.send(message("M1"))
    assert first.answer() == ("AA", "M1")
    assert isinstance(first.socket, ssl.SSLSocket)
    plain = socket.create_connection(("127.0.0.1", door.ports["main"]), timeout=PATIENCE)
    with context.wrap_socket(plain, server_hostname=HOST, session=first.socket.session) as second:
        second.sendall(b"\x0b" + message("M2") + b"\x1c\r")
        assert b"MSA|AA|M2" in second.recv(65536)
        assert not second.session_reused


def test_a_sender_whose_certificate_is_right_is_let_in(start: Start, authority: Authority) -> None:
    door = start(PINNED)
    sender = connect(door, authority.trusting(authority.issue(ENGINE, into="engine")))
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")


@pytest.mark.parametrize(
    ("pinned", "names"),
    [
        ("MIRTH.hospital.example", ("other.example", ENGINE)),
        ("10.20.0.7", ("10.20.0.7",)),
        ("2001:DB8::0:7", ("2001:db8::7",)),
    ],
)
def test_one_of_its_names_is_enough_however_it_is_written(
    start: Start, authority: Authority, pinned: str, names: tuple[str, ...]
) -> None:
    door = start(MUTUAL + f'tls_client_names = ["x.example", "{pinned}"]\n')
    sender = connect(door, authority.trusting(authority.issue(*names, into="engine")))
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")


def test_a_uri_counts_and_a_common_name_only_where_there_is_no_other(
    start: Start, authority: Authority
) -> None:
    uri = "spiffe://hospital.example/mirth"
    door = start(MUTUAL + f'tls_client_names = ["{uri}", "old-device"]\n')
    named = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    for number, client in enumerate(
        (
            authority.issue_plain("anything", "by-uri", (named,)),
            authority.issue_plain("old-device", "by-common-name"),
        )
    ):
        sender = connect(door, authority.trusting(client))
        sender.send(message(f"M{number}"))
        assert sender.answer() == ("AA", f"M{number}")
    other = x509.SubjectAlternativeName([x509.DNSName("other.example")])
    line = refusal(door, authority.trusting(authority.issue_plain("old-device", "both", (other,))))
    assert "reason=tls-name" in line
    assert "other.example" in line


def test_who_shows_no_certificate_or_a_wrong_one_is_refused_in_one_line(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    door = start(PINNED)
    (tmp_path / "stranger").mkdir()
    stranger = Authority(tmp_path / "stranger")
    wrong = [
        (None, "tls-certificate", "it has shown no certificate"),
        (stranger.issue(ENGINE, into="client"), "tls-certificate", "of an unknown authority"),
        (authority.issue(ENGINE, into="expired", not_after=NOW - DAY), "tls-certificate", "expired"),
        (
            authority.issue(ENGINE, into="early", not_before=NOW + DAY, not_after=NOW + 9 * DAY),
            "tls-certificate",
            "not valid yet",
        ),
        (authority.issue("other.example", into="other"), "tls-name", "its certificate is for other.example"),
    ]
    for client, reason, problem in wrong:
        before = refused(door, reason)
        line = refusal(door, authority.trusting(client))
        assert f"listener=main reason={reason} host=127.0.0.1 " in line
        assert problem in line
        assert refused(door, reason) == before + 1
    sender = connect(door, authority.trusting(authority.issue(ENGINE, into="engine")))
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")
    assert [row.control_id for row in door.rows()] == ["M1"]
    assert "Traceback" not in door.log
    assert "event=fault" not in door.log


def test_a_revoked_certificate_is_refused_and_an_old_list_keeps_nobody_else_out(
    start: Start, authority: Authority
) -> None:
    good, stolen = authority.issue(ENGINE, into="good"), authority.issue(ENGINE, into="stolen")
    authority.revoke(stolen[0], until=NOW - DAY)
    door = start(PINNED + 'tls_crl = "crl.pem"\n')
    assert "event=revocation-list-old" in door.log
    assert "revoked" in refusal(door, authority.trusting(stolen))
    sender = connect(door, authority.trusting(good))
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")


def test_a_sender_that_does_not_trust_us_is_told_apart(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    door = start(TLS)
    (tmp_path / "other").mkdir()
    line = refusal(door, Authority(tmp_path / "other").trusting())
    assert "reason=tls-handshake" in line
    assert "does not trust our certificate" in line


def test_plain_mllp_on_a_tls_port_is_refused_at_its_first_byte(start: Start, authority: Authority) -> None:
    door = start(TLS)
    sender = door.connect()
    sender.send(message("M1"))
    assert sender.answer() is None
    line = door.read_log(r"event=refused .*\n")[0]
    assert "reason=not-tls" in line
    assert refused(door, "not-tls") == 1
    assert door.rows() == []


def test_tls_on_a_plain_port_is_refused_at_once(start: Start, authority: Authority) -> None:
    door = start()
    assert "reason=tls-on-plain-port" in refusal(door, authority.trusting())
    sender = door.connect()
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")


def test_who_may_not_connect_is_closed_before_any_tls(start: Start, authority: Authority) -> None:
    door = start(TLS + 'allow = ["10.20.0.0/16"]\n')
    assert "reason=not-allowed" in refusal(door, authority.trusting())
    assert door.metric('hl7_interface_connections_accepted_total{listener="main"}') == 0
    assert "event=fault" not in door.log


def test_a_handshake_that_does_not_finish_has_a_time_limit_and_holds_a_place(
    start: Start, authority: Authority
) -> None:
    door = start(TLS + "frame_seconds = 0.5\nmax_connections = 2\n")
    silent = [door.connect(), door.connect()]
    silent[0].socket.sendall(b"\x16\x03\x01")
    until("both are there", lambda: door.health()["listeners"]["main"]["connections"] == 2)
    assert "reason=too-many" in refusal(door, authority.trusting())
    assert [sender.answer() for sender in silent] == [None, None]
    until("it is counted", lambda: refused(door, "tls-handshake") == 1)
    sender = connect(door, authority.trusting())
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")


def hang_up(door: Door) -> None:
    door.process.send_signal(signal.SIGHUP)
    count = len(re.findall("event=reloaded|event=reload-refused", door.log))
    door.read_log("event=reloaded|event=reload-refused", count + 1)


def test_a_renewed_certificate_counts_from_the_next_handshake_and_drops_no_connection(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    door = start(PINNED)
    client = authority.issue(ENGINE, into="engine")
    old = connect(door, authority.trusting(client))
    (tmp_path / "new").mkdir()
    new = Authority(tmp_path / "new")
    for made, name in zip(new.issue(HOST, into="server"), ("server.pem", "server.key"), strict=True):
        made.replace(tmp_path / name)
    hang_up(door)
    assert "event=listener-reloaded listener=main" in door.log
    with pytest.raises(ssl.SSLError):
        connect(door, authority.trusting(client))
    fresh = connect(door, new.trusting(client))
    for number, sender in enumerate((old, fresh, old)):
        sender.send(message(f"M{number}"))
        assert sender.answer() == ("AA", f"M{number}")


def test_senders_authority_and_names_are_renewed_too(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    door = start(PINNED)
    client = authority.issue(ENGINE, into="engine")
    first = connect(door, authority.trusting(client))
    settings = tmp_path / "settings.toml"
    settings.write_text(settings.read_text().replace(ENGINE, "rhapsody.hospital.example"))
    hang_up(door)
    assert "reason=tls-name" in refusal(door, authority.trusting(client))
    (tmp_path / "new").mkdir()
    new = Authority(tmp_path / "new")
    new.file().replace(tmp_path / "ca.pem")
    settings.write_text(settings.read_text().replace("rhapsody.hospital.example", ENGINE))
    hang_up(door)
    assert "reason=tls-certificate" in refusal(door, authority.trusting(client))
    second = connect(door, authority.trusting(new.issue(ENGINE, into="engine")))
    for number, sender in enumerate((first, second)):
        sender.send(message(f"M{number}"))
        assert sender.answer() == ("AA", f"M{number}")


def nonsense(folder: Path) -> dict[str, Callable[[], object]]:
    """What can go wrong with a listener's files, each leaving everything else as it was."""
    authority = Authority(folder)
    return {
        "tls_certificate is gone": lambda: (folder / "server.pem").unlink(),
        "it is a folder": lambda: ((folder / "server.pem").unlink(), (folder / "server.pem").mkdir()),
        "no PEM": lambda: (folder / "server.pem").write_bytes(b"\x00\xff" * 1000),
        "a key of another": lambda: authority.issue(HOST, into="x")[1].replace(folder / "server.key"),
        "expired": lambda: authority.issue(HOST, into="server", not_after=NOW - DAY),
        "not yet good": lambda: authority.issue(
            HOST, into="server", not_before=NOW + DAY, not_after=NOW + 2 * DAY
        ),
        "a broken chain": lambda: (folder / "server.pem").write_bytes(
            (folder / "server.pem").read_bytes() + authority.ca.cert_pem.bytes()
        ),
        "tls_client_ca is no authority": lambda: (folder / "ca.pem").write_bytes(
            (folder / "server.pem").read_bytes()
        ),
        "tls_client_ca is empty": lambda: (folder / "ca.pem").write_text(""),
        "TLS is taken out": lambda: (folder / "settings.toml").write_text(
            re.sub("tls_.*\n", "", (folder / "settings.toml").read_text())
        ),
    }


def still_the_old_ones(door: Door, client: ssl.SSLContext, before: Sender, what: str) -> None:
    """The old connection goes on, and a new one is taken by the old certificates."""
    for number, sender in enumerate((before, connect(door, client))):
        sender.send(message(f"{what} {number}"))
        assert sender.answer() == ("AA", f"{what} {number}"), what


def test_files_that_cannot_be_used_are_refused_in_one_line_and_the_old_ones_stay(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    door = start(PINNED)
    client = authority.trusting(authority.issue(ENGINE, into="engine"))
    before = connect(door, client)
    kept = {
        name: (tmp_path / name).read_bytes()
        for name in ("server.pem", "server.key", "ca.pem", "settings.toml")
    }
    for count, (what, spoil) in enumerate(nonsense(tmp_path).items(), 1):
        spoil()
        hang_up(door)
        assert len(re.findall("event=listener-not-reloaded listener=main error=.*\n", door.log)) == count, (
            what
        )
        still_the_old_ones(door, client, before, what)
        for name, content in kept.items():
            if (tmp_path / name).is_dir():
                (tmp_path / name).rmdir()
            (tmp_path / name).write_bytes(content)
    assert "Traceback" not in door.log
    hang_up(door)
    assert door.log.count("event=listener-reloaded") == 1


NONSENSE = {
    "empty": b"",
    "cut off": b"[[listener]]\nname = ",
    "not UTF-8": b"\xff\xfe\x00[site]",
    "wrong types": b'[[listener]]\nname = "main"\nport = "many"\ntls_certificate = 7\n',
    "keys alone": b'[[listener]]\nname = "main"\ntls_client_names = ["x"]\n',
    "one bracket": b'[listener]\nname = "main"\n',
    "huge": b"x" * (5 << 20),
    "two faults": b'[[listener]]\nname = "main"\nallow = ["10.0.0.1/8"]\n[site]\nunknown = 1\n',
}


def test_settings_that_are_nonsense_are_refused_in_one_line_and_the_old_ones_stay(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    door = start(PINNED)
    client = authority.trusting(authority.issue(ENGINE, into="engine"))
    before = connect(door, client)
    file = tmp_path / "settings.toml"
    for count, (what, text) in enumerate({**NONSENSE, "gone": None, "a pipe": None}.items(), 1):
        if text is not None:
            file.write_bytes(text)
        elif what == "gone":
            file.unlink()
        else:
            os.mkfifo(file)
        hang_up(door)
        said = [line for line in door.log.splitlines() if "reload" in line and "level=ERROR" in line]
        assert len(said) == count, what
        still_the_old_ones(door, client, before, what)


def test_one_listeners_fault_does_not_keep_another_from_its_renewal(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    authority.issue(HOST, into="other")
    door = start(
        TLS
        + '[[listener]]\nname = "adt"\nport = 0\ntls_certificate = "other.pem"\ntls_key = "other.key"\n'
        + 'allow = ["127.0.0.1"]\n'
    )
    (tmp_path / "server.key").write_text("nothing")
    (tmp_path / "new").mkdir()
    new = Authority(tmp_path / "new")
    for made, name in zip(new.issue(HOST, into="other"), ("other.pem", "other.key"), strict=True):
        made.replace(tmp_path / name)
    hang_up(door)
    for context, listener in ((authority.trusting(), "main"), (new.trusting(), "adt")):
        sender = connect(door, context, listener)
        sender.send(message(listener))
        assert sender.answer() == ("AA", listener)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "server.pem").unlink(), "server.pem cannot be read"),
        (lambda folder: (folder / "ca.pem").write_text("x"), "ca.pem holds no certificate"),
    ],
)
def test_what_cannot_be_used_at_the_start_ends_it_in_one_line(
    start: Start, authority: Authority, tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(tmp_path)
    door = start(MUTUAL, wait=False)
    assert door.process.wait(PATIENCE) == 2
    line = door.read_log(f"listener main: .*{said}.*\n")
    assert "Traceback" not in line.string


def test_one_listeners_fault_at_the_start_closes_that_one_alone_until_it_is_mended(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    authority.issue(HOST, into="other", not_after=NOW - DAY)
    other = 'tls_certificate = "other.pem"\ntls_key = "other.key"\nallow = ["127.0.0.1"]\n'
    door = start(TLS + '[[listener]]\nname = "adt"\nport = 0\n' + other)
    said = door.read_log(r"event=listener-closed listener=adt problem=(.*)\n")[1]
    assert "other.pem has expired on" in said and "SIGHUP" in said
    healthy = connect(door, authority.trusting())
    healthy.send(message("M1"))
    assert healthy.answer() == ("AA", "M1")
    for context in (None, authority.trusting()):  # in the clear, too, nobody is taken
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", door.ports["adt"])) as plain:
            sock = plain if context is None else context.wrap_socket(plain, server_hostname=HOST)
            sock.sendall(b"\x0b" + message("M2") + b"\x1c\r")
            assert sock.recv(1) == b""
            raise OSError("closed")
    assert "reason=listener-closed" in door.read_log(r"event=refused listener=adt (.*)\n")[1]
    assert door.health()["listeners"]["adt"]["closed"].endswith("renew it")
    assert [reason.partition(":")[0] for reason in json.loads(door.get("/readyz")[1])["reasons"]] == [
        "listener adt"
    ]
    (tmp_path / "other.key").write_text("nothing")
    hang_up(door)
    assert "holds no private key" in door.health()["listeners"]["adt"]["closed"]
    authority.issue(HOST, into="other")
    hang_up(door)
    assert "event=listener-reloaded listener=adt" in door.log
    assert "closed" not in door.health()["listeners"]["adt"]
    assert json.loads(door.get("/readyz")[1])["reasons"] == []
    sender = connect(door, authority.trusting(), "adt")
    sender.send(message("M3"))
    assert sender.answer() == ("AA", "M3")
    assert [row.control_id for row in door.rows()] == ["M1", "M3"]


def test_tls_is_spoken_on_a_port_that_was_handed_over(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    systemd = Systemd(tmp_path)
    try:
        port = systemd.open("main")
        door = start(PINNED, systemd=systemd, port=port)
        assert door.ports["main"] == port
        sender = connect(door, authority.trusting(authority.issue(ENGINE, into="engine")))
        sender.send(message("M1"))
        assert sender.answer() == ("AA", "M1")
        assert "reason=tls-certificate" in refusal(door, authority.trusting())
    finally:
        systemd.close()


def test_a_handshake_that_has_begun_does_not_hold_up_the_stop(start: Start, authority: Authority) -> None:
    door = start(TLS)
    begun = door.connect()
    begun.socket.sendall(b"\x16\x03\x01\x02")
    until("it is there", lambda: door.health()["listeners"]["main"]["connections"] == 1)
    assert door.stop() == 0
    assert begun.answer() is None
    assert door.process.stderr is not None
    assert "refused" not in door.log + door.process.stderr.read().decode()


@pytest.mark.parametrize("how", ["the door stops", "a frame is too large"])
def test_over_tls_too_no_answer_is_lost_on_closing(
    start: Start, authority: Authority, tmp_path: Path, how: str
) -> None:
    door = start(TLS + "max_message_bytes = 65536\n")
    sender = connect(door, authority.trusting())
    sender.socket = OneAtATime(sender.socket)  # type: ignore[assignment, arg-type]
    answered: list[tuple[str, str]] = []
    some = threading.Event()

    def read() -> None:
        while (answer := sender.answer()) is not None:
            answered.append(answer)
            if len(answered) == 100:
                some.set()

    def write() -> None:
        try:
            for number in range(200 if how == "a frame is too large" else 100_000):
                sender.send(message(f"M{number}"))
            sender.send(message("BIG", text="x" * 1_000_000))
        except OSError:
            return

    threads = [threading.Thread(target=read), threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    assert some.wait(PATIENCE)
    if how == "the door stops":
        assert door.stop() == 0
    for thread in threads:
        thread.join(PATIENCE)
    stored = [row.control_id for row in stored_rows(tmp_path)]
    if how == "a frame is too large":
        assert answered.pop() == ("AR", "BIG")
    assert [name for _, name in answered] == stored
    assert {code for code, _ in answered} == {"AA"}


def test_a_sender_says_good_bye_and_is_answered_in_kind(start: Start, authority: Authority) -> None:
    door = start(TLS)
    sender = connect(door, authority.trusting())
    sender.send(*(message(f"M{number}") for number in range(100)))
    assert sender.answers(100) == [("AA", f"M{number}") for number in range(100)]
    assert isinstance(sender.socket, ssl.SSLSocket)
    with sender.socket.unwrap() as plain:  # an error, when no close_notify comes
        assert plain.recv(1) == b""
    until("it is gone", lambda: door.health()["listeners"]["main"]["connections"] == 0)
    assert door.metric('hl7_interface_frames_discarded_total{listener="main",reason="unfinished"}') == 0
