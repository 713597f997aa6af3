"""One POST over a real socket, and what comes of it."""

import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from patience import PATIENCE

from interface.delivery.panel import of_each
from interface.services.http_client import EXCERPT_BYTES, MAX_REPLY_BYTES, Poster
from interface.services.target import Target


@contextmanager
def posting(url, **limits):
    poster = Poster(
        Target(url, "the-key", **{"connect_seconds": PATIENCE, "read_seconds": PATIENCE, **limits})
    )
    try:
        yield poster
    finally:
        poster.close()


@contextmanager
def raw_server(serve):
    """A server that gives each connection to `serve(connection)`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        ending = threading.Event()

        def accept():
            while not ending.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    with suppress(OSError):
                        serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1/x"
        finally:
            ending.set()
            thread.join()


def answering(raw):
    def serve(connection):
        connection.recv(65536)
        connection.sendall(raw)

    return serve


def silent(connection):
    while connection.recv(65536):
        pass


def test_a_delivery_gives_the_correlation_id_and_the_headers_are_those_of_the_contract(api):
    with posting(api.url) as poster:
        reply = poster.post(b'{"patient": "K"}')
    assert (reply.status, reply.failure, reply.is_json_object) == (200, None, True)
    assert reply.correlation_id == "11111111-2222-4333-8444-555555555555"
    headers = api.headers[0]
    assert headers["apiKey"] == "the-key"
    assert headers["Content-Type"] == "application/json"
    assert headers["Content-Length"] == "16"
    assert "Cookie" not in headers


def test_one_connection_serves_many_requests_with_bodies_of_any_length(api):
    with posting(api.url) as poster:
        for n in range(5):
            assert poster.post(b'{"patient": "K", "n": ' + b"1" * (n + 1) + b"}").status == 200
    assert api.connections == 1
    assert [told["n"] for told in api.seen] == [1, 11, 111, 1111, 11111]


@pytest.mark.parametrize(
    ("body", "is_json_object", "correlation_id"),
    [
        (b'{"correlationId": "c-1"}', True, "c-1"),
        (b'{"correlationId": null}', True, ""),
        (b'{"correlationId": 7}', True, ""),
        (b'{"correlationId": "a\\nlevel=INFO"}', True, ""),
        (b'{"correlationId": "' + b"c" * 500 + b'"}', True, ""),
        (b'\xef\xbb\xbf{"correlationId": "c-1"}', True, "c-1"),
        (b"{}", True, ""),
        (b"[]", False, ""),
        (b'"text"', False, ""),
        (b"<html>sign in</html>", False, ""),
        (b"", False, ""),
        (b"\xff\xfe", False, ""),
        (b"{" * 100_000, False, ""),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_reply_is_read_for_what_it_is(api, body, is_json_object, correlation_id):
    api.answer = lambda told, number: (200, body, {})
    with posting(api.url) as poster:
        reply = poster.post(b"{}")
    assert (reply.is_json_object, reply.correlation_id) == (is_json_object, correlation_id)
    assert reply.excerpt == body[:EXCERPT_BYTES]


@pytest.mark.parametrize("number", ["1.0", "true", '"p-1"', '"-1"', "[1]"])
def test_a_place_in_a_panel_that_cannot_be_read_is_no_place(number):
    # told by the order, the ids could be another patient's
    body = (
        b'{"responses": [{"sequenceNumber": %s, "correlationId": "b"}, {"correlationId": "a"}]}'
        % number.encode()
    )
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with raw_server(answering(raw)) as url, posting(url) as poster:
        reply = poster.post(b"{}")
    assert reply.responses == ((-1, "b"), (None, "a"))
    assert [each.correlation_id for each in of_each(reply, 2)] == ["", ""]


def test_retry_after_is_handed_on(api):
    api.answer = lambda told, number: (429, b"{}", {"Retry-After": "17"})
    with posting(api.url) as poster:
        assert poster.post(b"{}").retry_after == "17"


def test_a_redirect_is_not_followed_and_a_cookie_is_not_kept(api):
    api.answer = lambda told, number: (307, b"", {"Location": api.url, "Set-Cookie": "a=b"})
    with posting(api.url) as poster:
        assert poster.post(b"{}").status == 307
        assert poster.post(b"{}").status == 307
    assert len(api.seen) == 2
    assert "Cookie" not in api.headers[1]


def test_proxies_and_credentials_of_the_environment_are_not_used(api, dead_url, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login anna password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, dead_url)
    with posting(api.url) as poster:
        assert poster.post(b"{}").status == 200
    assert "Authorization" not in api.headers[0]


@pytest.mark.parametrize("interim", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
def test_what_comes_before_the_reply_is_not_taken_for_it(interim):
    def serve(connection):
        for _ in range(2):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 " + interim + b"\r\nLink: </x>\r\n\r\n")
            connection.sendall(b"HTTP/1.1 " + interim + b"\r\n\r\n")
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"correlationId":"A"}\n')

    with raw_server(serve) as url, posting(url) as poster:
        replies = poster.post(b"{}"), poster.post(b"{}")
    assert [(reply.status, reply.correlation_id) for reply in replies] == [(200, "A")] * 2


def test_an_endless_reply_is_cut_and_is_no_reply_of_the_api():
    def serve(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
        while True:
            connection.sendall(b" " * 65536)

    with raw_server(serve) as url, posting(url) as poster:
        reply = poster.post(b"{}")
    assert (reply.status, reply.is_json_object, len(reply.excerpt)) == (200, False, EXCERPT_BYTES)
    assert MAX_REPLY_BYTES < 2**21


def test_the_endless_body_of_a_redirect_is_not_read():
    def serve(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:9/\r\n\r\n")
        sent = 0
        while sent < 64 * MAX_REPLY_BYTES:
            sent += connection.send(b" " * 65536)
        read_whole.append(True)

    read_whole = []
    with raw_server(serve) as url, posting(url) as poster:
        assert poster.post(b"{}").status == 307
    assert not read_whole


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Head: ",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1",
        b"",
    ],
    ids=["body", "head", "after a 100", "after a 103", "nothing"],
)
def test_a_reply_that_trickles_ends_as_a_timeout(begun):
    def serve(connection):
        connection.recv(65536)
        connection.sendall(begun)
        for _ in range(1000):
            connection.sendall(b" ")
            threading.Event().wait(0.02)

    with raw_server(serve) as url, posting(url, read_seconds=0.3) as poster:
        began = time.monotonic()
        assert poster.post(b"{}").failure == "timeout-read"
        assert time.monotonic() - began < 15, "it would trickle for 20 s"


@pytest.mark.parametrize(
    ("serve", "failure"),
    [
        (lambda connection: connection.recv(65536), "reset"),
        (lambda connection: None, "reset"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), "reset"),
        (answering(b"220 mail.example.com ESMTP\r\n"), "reset"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"), "other"),
        (silent, "timeout-read"),
    ],
    ids=["closed", "closed at once", "broke off", "not HTTP", "not gzip", "silent"],
)
def test_a_broken_exchange_is_a_failure_and_never_an_exception(serve, failure):
    read_seconds = 0.4 if failure == "timeout-read" else PATIENCE
    with raw_server(serve) as url, posting(url, read_seconds=read_seconds) as poster:
        assert poster.post(b"{}").failure == failure


def test_nobody_listening_is_refused(dead_url):
    with posting(dead_url) as poster:
        assert poster.post(b"{}").failure == "refused"


def test_an_unknown_name_is_dns():
    with posting("http://no-such-host.invalid/v1/x") as poster:
        assert poster.post(b"{}").failure == "dns"


def test_plain_text_where_tls_is_wanted_is_a_tls_failure():
    serve = answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    with raw_server(serve) as url, posting(url.replace("http:", "https:")) as poster:
        assert poster.post(b"{}").failure == "tls"


def test_a_connection_that_is_not_accepted_in_time_is_a_timeout_before_sending():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        others = [socket.socket() for _ in range(4)]
        try:
            for other in others:
                other.setblocking(False)
                other.connect_ex(("127.0.0.1", port))
            with posting(f"http://127.0.0.1:{port}/v1/x", connect_seconds=0.2) as poster:
                assert poster.post(b"{}").failure == "timeout-connect"
        finally:
            for other in others:
                other.close()


def test_after_a_failure_the_next_request_gets_a_new_connection(api):
    api.answer = lambda told, number: "drop" if number == 1 else 200
    with posting(api.url) as poster:
        assert poster.post(b"{}").failure == "reset"
        assert poster.post(b"{}").status == 200


def test_the_key_is_not_in_a_targets_representation():
    assert "the-key" not in repr(Target("http://127.0.0.1/", "the-key"))
