"""docs/tls.md word by word: its openssl commands make certificates, its settings run, `send --tls` gets through; and what
`send` says where it does not.
"""

from __future__ import annotations

import re
import shlex
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from authority import DAY, NOW, Authority
from ports import free_port
from running_program import Program, call

from interface.hl7.framing import frame

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "tls.md").read_text("utf-8")
MESSAGE = b"MSH|^~\\&|A|B|C|D|20260305||ADT^A08|M1|P|2.5.1\rPID|1||7^^^LFC^MR||DOE^JANE\r"


def block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_page_leads_to_a_listener_that_takes_the_engine_and_nobody_else(tmp_path: Path) -> None:
    made = subprocess.run(
        ["sh", "-ec", block("sh")], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    port, web = free_port(), free_port()
    text = block("toml").replace("2575", str(port)) + f"[web]\nport = {web}\nconsole = false\n"
    (tmp_path / "hl7-interface.toml").write_text(text)
    (tmp_path / "messages.hl7").write_bytes(MESSAGE)
    commands = [
        shlex.split(line.removeprefix("$ ").replace("2575", str(port)))[1:]
        for line in block("console").splitlines()
    ]
    checked = call(*commands[0], folder=tmp_path)
    listener = [line for line in checked.stdout.splitlines() if "listener:" in line]
    assert all(line.startswith("ok") for line in listener), checked.stdout
    assert "interface.hospital.example, 127.0.0.1, good until" in listener[0]
    assert "for mirth.hospital.example" in listener[-1]
    daemon = Program("run", "-c", "hl7-interface.toml", folder=tmp_path)
    try:
        daemon.says("event=ready")
        sent = call(*commands[1], "--json", folder=tmp_path)
        assert (sent.returncode, sent.stderr) == (0, "")
        stranger = call(*commands[1][:7], folder=tmp_path)
        assert stranger.returncode == 1
        assert stranger.stderr.count("\n") == 1
        assert "it wants a client certificate" in stranger.stderr
        own = call(*(word.replace("mirth", "server") for word in commands[1]), folder=tmp_path)
        assert own.returncode == 1
        assert "it does not take our client certificate" in own.stderr
        daemon.says("reason=tls-certificate")
        text = (tmp_path / "hl7-interface.toml").read_text()
        (tmp_path / "hl7-interface.toml").write_text(text.replace("mirth.hospital", "rhapsody.hospital"))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.says("event=listener-reloaded")
        unnamed = call(*commands[1], folder=tmp_path)
        assert unnamed.returncode == 1
        assert "is it for a name that the receiver knows?" in unnamed.stderr
        assert "mirth.hospital.example" in daemon.says("reason=tls-name .*")[0]
    finally:
        daemon.end()


class Receiver:
    """Answers AA to whoever gets through its TLS; None: it speaks plain MLLP and says nothing."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self.server.accept()
            except OSError:
                return
            try:
                with plain:
                    if self._context is None:
                        plain.recv(65536)
                        continue
                    with self._context.wrap_socket(plain, server_side=True) as secure:
                        while secure.recv(65536):
                            secure.sendall(frame(b"MSH|^~\\&|C|D|A|B|1||ACK|1|P|2.5.1\rMSA|AA|M1\r"))
            except OSError:
                pass

    def close(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self._thread.join(10)


@pytest.fixture
def receive() -> Iterator[Callable[[ssl.SSLContext | None], str]]:
    receivers: list[Receiver] = []

    def start(context: ssl.SSLContext | None) -> str:
        receivers.append(Receiver(context))
        return receivers[-1].address

    yield start
    for receiver in receivers:
        receiver.close()


def serving(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


Receive = Callable[[ssl.SSLContext | None], str]


@pytest.fixture
def send(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    (tmp_path / "one.hl7").write_bytes(MESSAGE)

    def run(address: str, *options: str) -> subprocess.CompletedProcess[str]:
        return call("send", "one.hl7", "--to", address, "--timeout", "20", *options, folder=tmp_path)

    return run


Send = Callable[..., "subprocess.CompletedProcess[str]"]


def test_what_is_wrong_with_the_receivers_certificate_is_said_in_one_line(
    receive: Receive, send: Send, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    ca = ("--tls", "--tls-ca", str(authority.file()))
    good = receive(serving(authority.issue("127.0.0.1", "receiver.example", into="good")))
    assert send(good, *ca).returncode == 0
    assert send(good, *ca, "--tls-name", "receiver.example").returncode == 0
    for address, options, said in (
        (good, (*ca, "--tls-name", "other.example"), "is for another name: --tls-name"),
        (good, ("--tls",), "not trusted here: name it by --tls-ca"),
        (
            receive(serving(authority.issue("127.0.0.1", into="old", not_after=NOW - DAY))),
            ca,
            "its certificate has expired",
        ),
        (receive(None), ca, "does it speak TLS on this port?"),
    ):
        ended = send(address, *options)
        assert ended.returncode == 1
        assert said in ended.stderr
        assert ended.stderr.count("\n") == 1
        assert ended.stdout == ""
    unchecked = send(good, "--tls", "--tls-insecure")
    assert unchecked.returncode == 0
    assert "the receiver's certificate is NOT checked" in unchecked.stderr


def test_what_cannot_be_meant_on_the_command_line_is_wrong_usage(send: Send, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("x", into="x")
    other = authority.issue("y", into="y")
    for options, said in (
        (("--tls-ca", "ca.pem"), "--tls-ca needs --tls"),
        (("--tls", "--tls-key", "x.key"), "go together"),
        (("--tls", "--tls-ca", "nowhere.pem"), "cannot read nowhere.pem"),
        (("--tls", "--tls-ca", "one.hl7"), "holds no certificate in PEM form"),
        (
            ("--tls", "--tls-certificate", str(pair[0]), "--tls-key", str(other[1])),
            "are no certificate and its key",
        ),
    ):
        ended = send("127.0.0.1:9", *options)
        assert ended.returncode == 2
        assert said in ended.stderr
        assert ended.stderr.count("\n") == 1


def test_the_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    subprocess.run(["sh", "-ec", block("sh")], cwd=tmp_path, capture_output=True, check=True)
    for path in (tmp_path / "tls").iterdir():
        assert path.stat().st_mode & 0o077 == 0
