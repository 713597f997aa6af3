"""The simulated API as a process of its own, called over real sockets."""

import http.client
import json
import re
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests
from prepared import run_prepared
from simulated_api import simulated_api

from interface.contract.files import contract_file

EXAMPLES = contract_file(1)["components"]["requestBodies"]["ScheduledAppointment"]["content"][
    "application/json"
]["examples"]
BODY = EXAMPLES["populated"]["value"]
KEY = {"apiKey": "sandbox"}
V1 = "/v1/scheduled-appointment"


class Running:
    def __init__(self, process, address):
        self.process = process
        self.address = address
        self.said = []

    def post(self, path=V1, session=requests, **more):
        return session.post(self.address + path, **{"json": BODY, "headers": KEY, "timeout": 20, **more})

    def calls(self, query=""):
        return requests.get(f"{self.address}/_sandbox/requests{query}", timeout=20).json()

    def end(self):
        """Stop by SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.said += self.process.stderr.read().decode().splitlines()
        return self.process.wait(20)


@contextmanager
def running(*options):
    with simulated_api(*options) as (process, address):
        yield Running(process, address)


@pytest.fixture(scope="module")
def sandbox():
    with running("--key-without-permission", "weak", "--today", "2026-03-05") as one:
        yield one


@pytest.mark.parametrize("path", [V1, V1 + "/test"])
def test_a_valid_request_is_taken_in(sandbox, path):
    reply = sandbox.post(path)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    call = sandbox.calls("?accepted=true")[-1]
    assert call["correlationId"] == reply.json()["correlationId"]
    assert (call["path"], call["body"], call["answered"]) == (path, BODY, True)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"headers": {}}, 401),
        ({"headers": {"apiKey": "wrong"}}, 401),
        ({"headers": {"apiKey": "weak"}}, 403),
        ({"headers": {"APIKEY": "sandbox"}}, 200),
        ({"json": {}}, 400),
        ({"json": {**BODY, "patient": {**BODY["patient"], "birthDate": "2026-03-06"}}}, 400),
        ({"json": None, "data": b"{}"}, 415),
        ({"path": "/v1/other"}, 404),
        ({"path": "/v2/patient-data/process"}, 400),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_call_gets_its_status(sandbox, more, status):
    assert sandbox.post(**more).status_code == status


def test_get_is_not_allowed(sandbox):
    reply = requests.get(sandbox.address + V1, headers=KEY, timeout=20)
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


def test_a_connection_stays_open_for_many_calls(sandbox):
    host = sandbox.address.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.connect()
    own = connection.sock.getsockname()
    for _ in range(20):
        headers = {**KEY, "content-type": "application/json"}
        connection.request("POST", V1, json.dumps(BODY), headers)
        reply = connection.getresponse()
        assert (reply.status, bool(reply.read())) == (200, True)
        assert connection.sock.getsockname() == own
    connection.close()


def test_a_chunked_body_is_taken(sandbox):
    data = json.dumps(BODY).encode()
    reply = sandbox.post(
        json=None,
        data=(data[start : start + 100] for start in range(0, len(data), 100)),
        headers={**KEY, "content-type": "application/json"},
    )
    assert reply.status_code == 200


def test_calls_side_by_side_each_get_an_id_of_their_own(sandbox):
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: sandbox.post().json()["correlationId"], range(40)))
    assert len(set(replies)) == 40


def test_the_summary_counts_the_calls(sandbox):
    sandbox.post()
    page = requests.get(f"{sandbox.address}/_sandbox/", timeout=20)
    assert page.headers["content-type"].startswith("text/plain")
    assert re.search(r"taken in +\d+", page.text)


def test_the_calls_can_be_read_from_a_number_on(sandbox):
    sandbox.post()
    last = sandbox.calls()[-1]["number"]
    sandbox.post()
    assert [call["number"] for call in sandbox.calls(f"?after={last}")] == [last + 1]
    assert sandbox.calls("?after=x") == sandbox.calls()


@pytest.mark.parametrize("raw", [b"\x00\xff\r\n\r\n", b"POST\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_no_http_does_not_stop_it(sandbox, raw):
    host, port = sandbox.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    assert sandbox.post().status_code == 200


def test_the_lines_on_standard_error_hold_no_body_no_key_and_no_unknown_path():
    with running() as one:
        one.post()
        one.post(json={"patient": {"name": {"family": "Zzyzx"}}})
        one.post("/Zzyzx?Zzyzx=1")
        requests.request("ZZYZX", one.address + V1, timeout=20)
        assert one.end() == 0
        lines = [line.partition(" ")[2] for line in one.said]
    assert [re.sub(r"[\d.]+ ms$", "ms", line) for line in lines] == [
        f"POST {V1} 200 ms",
        f"POST {V1} 400 ms",
        "POST (unknown path) 404 ms",
        f"(unknown method) {V1} 405 ms",
    ]


def test_a_hanging_call_is_taken_in_and_ends_with_its_client():
    with running("--hang", "1", "--quiet") as one:
        with pytest.raises(requests.Timeout):
            one.post(timeout=0.3)
        (call,) = one.calls()
        assert (call["accepted"], call["answered"], call["status"]) == (True, False, None)
        assert call["body"] == BODY
        assert one.end() == 0


def test_a_hanging_call_does_not_keep_it_from_stopping():
    with running("--hang", "1", "--quiet") as one:
        host, port = one.address.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        connection.request("POST", V1, json.dumps(BODY), {**KEY, "content-type": "application/json"})
        while not one.calls():
            pass
        assert one.end() == 0
        with pytest.raises((http.client.HTTPException, OSError)):
            connection.getresponse()
        connection.close()


def test_dropped_calls_are_closed_and_half_of_them_taken_in():
    with running("--drop", "1", "--seed", "4", "--quiet") as one:
        for _ in range(12):
            with pytest.raises(requests.ConnectionError):
                one.post()
        calls = one.calls()
    assert len(calls) == 12
    assert {call["fault"] for call in calls} == {"drop before", "drop after"}
    assert all(call["accepted"] == (call["fault"] == "drop after") for call in calls)


def test_failing_and_throttled_calls_say_so():
    with running("--fail", "0.5", "--throttle", "0.5", "--retry-after", "3", "--seed", "1", "--quiet") as one:
        replies = [one.post() for _ in range(30)]
    assert {reply.status_code for reply in replies} == {429, 500, 502, 503}
    assert {reply.headers.get("retry-after") for reply in replies if reply.status_code == 429} == {"3"}


def test_a_seed_repeats_the_answers():
    stories = []
    for _ in range(2):
        with running("--fail", "--seed", "9", "--quiet") as one, requests.Session() as session:
            stories.append(
                [(reply.status_code, reply.text) for reply in (one.post(session=session) for _ in range(15))]
            )
    assert stories[0] == stories[1]
    assert len({status for status, _ in stories[0]}) > 1


def test_a_port_in_use_is_one_line_and_exit_1():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_prepared([sys.executable, "-m", "interface.sandbox", "--port", port])
    assert done.returncode == 1
    assert done.stderr == (
        f"cannot listen on 127.0.0.1:{port}: address already in use; choose another --host or --port\n"
    )


@pytest.mark.parametrize(
    "options",
    [
        ["--fail", "2"],
        ["--fail", "x"],
        ["--port", "70000"],
        ["--fail", "0.9", "--hang", "0.9"],
        ["--today", "x"],
    ],
    ids=" ".join,
)
def test_options_that_make_no_sense_are_exit_2(options):
    done = run_prepared([sys.executable, "-m", "interface.sandbox", *options])
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_it_stops_though_nobody_reads_its_lines():
    with running() as one:
        one.process.stderr.close()
        assert one.post().status_code == 200
        assert one.post().status_code == 200
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(20) == 0
