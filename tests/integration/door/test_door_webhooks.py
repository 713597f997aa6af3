"""Webhooks at a real door: stored before they are answered, over real sockets and real TLS."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import ssl
import threading

import pytest
import trustme
from patience import PATIENCE

from interface.settings import load_settings
from interface.store.keys import load_or_create
from interface.store.store import open_store

PATH = "/webhooks/connective-health"
OWN = "[webhooks]\nport = 0\n"


def event(number=1, kind="patient.found", **more):
    return json.dumps(
        {"type": kind, "correlationId": f"c-{number}", "batchId": "b", "timestamp": "2026-03-05T12:00:00Z"}
        | more
    ).encode()


def place(door):
    """Host and port of the receiver."""
    if "listening-for-webhooks" in door.log:
        found = re.search(r"listening-for-webhooks host=(\S+) port=(\d+)", door.log)
        return "127.0.0.1", int(found[2])
    host, port = door.web.split(":")
    return host, int(port)


class Vendor:
    """Sends webhooks over one connection."""

    def __init__(self, door, context=None):
        host, port = place(door)
        if context is None:
            self.connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
        else:
            self.connection = http.client.HTTPSConnection(
                "localhost", port, timeout=PATIENCE, context=context
            )

    def post(self, body=None, path=PATH, method="POST", **headers):
        """Status and headers of the answer."""
        self.connection.request(
            method, path, event() if body is None else body, {"Content-Type": "application/json", **headers}
        )
        answer = self.connection.getresponse()
        answer.read()
        return answer.status, dict(answer.getheaders())

    def status(self, *args, **more):
        return self.post(*args, **more)[0]


@pytest.fixture
def vendor():
    made = []

    def connect(door, context=None):
        made.append(Vendor(door, context))
        return made[-1]

    yield connect
    for one in made:
        one.connection.close()


def stored(door):
    """All webhooks in the door's store, oldest first, with their bodies."""
    settings = load_settings(door.folder / "settings.toml")
    keyring = load_or_create(settings.store.key, settings.directory, print, create=False)
    with open_store(settings.store_url, keyring, create=False) as store:
        rows = store.webhooks.webhooks(limit=100_000)[::-1]
        return [(row, store.webhooks.one(row.id).body) for row in rows]


def test_a_webhook_is_on_disk_when_it_is_answered(start, vendor):
    door = start()
    assert vendor(door).status(event(1)) == 204
    door.process.kill()
    ((row, body),) = stored(door)
    assert (row.event, row.correlation_id, row.state) == ("patient.found", "c-1", "new")
    assert body == event(1)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"body": b"<html>"}, 400),
        ({"body": b"[1]"}, 400),
        ({"body": b"{}"}, 400),
        ({"body": b""}, 400),
        ({"body": event(kind="patient.merged")}, 204),
        ({"body": event(timestamp="soon", batchId=None)}, 204),
        ({"body": event(), "Content-Type": "text/plain"}, 204),
        ({"body": event(), "Content-Type": "application/x-www-form-urlencoded"}, 204),
        ({"body": event(), "Content-Type": "multipart/form-data; boundary=x"}, 204),
        ({"method": "GET", "body": b""}, 405),
        ({"method": "PUT"}, 405),
        ({"path": PATH + "/more"}, 404),
        ({"path": "/webhooks"}, 404),
        ({"body": b"x" * 300_000}, 413),
    ],
)
@pytest.mark.parametrize("settings", ["", OWN])
def test_what_is_answered(start, vendor, settings, sent, status):
    door = start(settings)
    one = vendor(door)
    assert one.status(**sent) == status
    assert len(stored(door)) == (status == 204)
    if status != 413:
        assert one.status(event(7)) == 204  # the connection goes on
    assert "Traceback" not in door.log


def test_a_body_that_is_far_too_large_is_refused_before_it_is_read(start, vendor):
    door = start()
    host, port = place(door)
    with socket.create_connection((host, port), timeout=PATIENCE) as sock:
        sock.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n".encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection((host, port), timeout=PATIENCE) as sock:
        sock.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        answer = b""
        try:
            for _ in range(100):
                sock.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        except OSError:
            pass
        try:
            answer = sock.recv(100)
        except ConnectionResetError:
            pytest.fail("reset before the answer could be read")
        assert answer.startswith(b"HTTP/1.1 413 ")
    assert door.metric('hl7_interface_webhooks_refused_total{reason="too-large"}') == 2


def test_repeats_are_counted_and_said_in_the_metrics(start, vendor):
    door = start()
    one = vendor(door)
    assert [one.status(event(n)) for n in (1, 1, 2, 1)] == [204] * 4
    rows = [row for row, _ in stored(door)]
    assert [(row.correlation_id, row.duplicates) for row in rows] == [("c-1", 2), ("c-2", 0)]
    assert door.metric('hl7_interface_webhooks_total{receipt="received"}') == 2
    assert door.metric('hl7_interface_webhooks_total{receipt="repeated"}') == 2


def test_without_the_secret_there_is_nothing_and_no_log_tells_it(start, vendor, tmp_path):
    (tmp_path / "secret").write_text("open-sesame-1234567\n")
    door = start('[webhooks]\nsecret = "file:secret"\n')
    one = vendor(door)
    assert one.status() == 404
    assert one.status(path=f"{PATH}/open-sesame-1234568") == 404
    assert one.status(path=f"{PATH}/open-sesame-1234567") == 204
    door.stop()
    door.log += door.process.stderr.read().decode()
    assert "sesame" not in door.log


def test_too_many_are_asked_to_come_later(start, vendor):
    door = start("[webhooks]\nper_minute = 2\n")
    one = vendor(door)
    assert [one.status(event(n)) for n in range(3)] == [204, 204, 429]
    assert 0 < int(one.post(event(3))[1]["Retry-After"]) <= 60
    assert len(stored(door)) == 2


def test_behind_a_proxy_the_sender_is_told_by_it(start, vendor):
    door = start('[webhooks]\nproxies = ["127.0.0.1"]\nallow = ["198.51.100.0/24"]\nper_minute = 2\n')
    one = vendor(door)
    assert one.status() == 403
    assert one.status(**{"X-Forwarded-For": "203.0.113.9"}) == 403
    assert one.status(**{"X-Forwarded-For": "198.51.100.9, 203.0.113.9"}) == 403
    assert [one.status(event(n), **{"X-Forwarded-For": "198.51.100.9"}) for n in range(3)] == [204, 204, 429]
    assert one.status(event(9), **{"X-Forwarded-For": "203.0.113.9, 198.51.100.10"}) == 204
    assert {row.peer for row, _ in stored(door)} == {"198.51.100.9", "198.51.100.10"}
    assert door.get("/healthz")[0] == 200


def test_on_a_port_of_its_own_strangers_are_hung_up_on(start, vendor):
    door = start(OWN + 'allow = ["198.51.100.0/24"]\n')
    host, port = place(door)
    with socket.create_connection((host, port), timeout=PATIENCE) as sock:
        assert sock.recv(1) == b""
    assert door.get(PATH)[0] == 404  # it is not taken on the port of [web]


def test_what_cannot_be_stored_is_said_and_comes_again(start, vendor):
    door = start()
    one = vendor(door)
    assert one.status(event(1)) == 204
    door.full_disk(True)
    status, headers = one.post(event(2))
    assert (status, headers["Retry-After"]) == (503, "30")
    assert door.read_log(r"event=webhooks-failing")
    door.full_disk(False)
    assert one.status(event(2)) == 204
    assert door.read_log(r"event=webhooks-work-again")
    assert [row.correlation_id for row, _ in stored(door)] == ["c-1", "c-2"]


def tls(tmp_path, name="localhost"):
    authority = trustme.CA()
    certificate = authority.issue_cert(name)
    (tmp_path / "tls.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    (tmp_path / "tls.key").write_bytes(certificate.private_key_pem.bytes())
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


TLS = OWN + 'tls_certificate = "tls.pem"\ntls_key = "tls.key"\n'


def test_over_tls(start, vendor, tmp_path):
    context = tls(tmp_path)
    door = start(TLS)
    assert vendor(door, context).status() == 204
    old = ssl.create_default_context()
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(place(door), timeout=PATIENCE) as sock, old.wrap_socket(sock) as wrapped:
        assert wrapped.version() == "TLSv1.2"
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(place(door), timeout=PATIENCE) as sock,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        old.wrap_socket(sock)
    with socket.create_connection(place(door), timeout=PATIENCE) as sock:  # plain text to a TLS port
        sock.sendall(b"POST / HTTP/1.1\r\n\r\n")
        assert not sock.recv(100).startswith(b"HTTP")
    assert len(stored(door)) == 1


@pytest.mark.parametrize("section", ["webhooks", "web"])
def test_a_renewed_certificate_is_taken_by_a_reload(start, vendor, tmp_path, section):
    tls(tmp_path)
    # webhooks come in by the port of [web] where they have none of their own
    own_web = 'tls_certificate = "tls.pem"\ntls_key = "tls.key"\n'
    door = start(TLS) if section == "webhooks" else start(web=own_web)
    renewed = tls(tmp_path)
    with pytest.raises(ssl.SSLError):
        vendor(door, renewed).status()
    door.process.send_signal(signal.SIGHUP)
    door.read_log("event=reloaded")
    assert vendor(door, renewed).status() == 204
    (tmp_path / "tls.key").write_text("no key")
    door.process.send_signal(signal.SIGHUP)
    door.read_log(f"event={section}-not-reloaded")
    assert vendor(door, renewed).status(event(2)) == 204


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda folder: (folder / "tls.pem").unlink(), "tls.pem cannot be read"),
        (lambda folder: (folder / "tls.key").write_text("x"), "tls.key holds no private key"),
        (
            lambda folder: (folder / "tls.key").write_bytes(trustme.CA().private_key_pem.bytes()),
            "is not the key of",
        ),
    ],
)
def test_a_certificate_that_is_none_is_said_at_the_start(start, tmp_path, break_it, said):
    tls(tmp_path)
    break_it(tmp_path)
    door = start(TLS, wait=False)
    assert door.process.wait(PATIENCE) == 2
    lines = door.process.stderr.read().decode().splitlines()
    assert said in lines[-1]
    assert not any("Traceback" in line for line in lines)


def test_a_flood_is_stored_whole(start):
    door = start("[webhooks]\nper_minute = 1000000\n")
    answers = []

    def send(first):
        one = Vendor(door)
        answers.extend(one.status(event(number)) for number in range(first, first + 100))
        one.connection.close()

    threads = [threading.Thread(target=send, args=(100 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [204] * 800
    assert {row.correlation_id for row, _ in stored(door)} == {f"c-{n}" for n in range(800)}
