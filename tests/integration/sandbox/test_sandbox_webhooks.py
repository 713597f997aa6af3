"""The simulated API as a process of its own, and receivers of its webhooks on real sockets."""

import re
import sys
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import requests
from ports import free_port
from prepared import run_prepared
from simulated_api import simulated_api
from webhook_receiver import an_authority, receiver

from interface.contract.files import contract_file
from interface.contract.webhooks import read_timestamp


def example(version, body, name):
    bodies = contract_file(version)["components"]["requestBodies"]
    return bodies[body]["content"]["application/json"]["examples"][name]["value"]


BODY = example(1, "ScheduledAppointment", "populated")
(ENTRY,) = example(2, "Panel", "minimal")["patientProcessingRequests"]
KEY = {"apiKey": "sandbox"}
V1 = "/v1/scheduled-appointment"
V2 = "/v2/patient-data/process"
AT_ONCE = ("--webhook-delay", "0", "--today", "2026-03-05", "--quiet")


class Running:
    def __init__(self, address):
        self.address = address

    def post(self, path=V1, body=BODY):
        return requests.post(self.address + path, json=body, headers=KEY, timeout=20)

    def webhooks(self, wait=20, after=0):
        """What was sent, when nothing waits any more."""
        return requests.get(f"{self.address}/_sandbox/webhooks?wait={wait}&after={after}", timeout=60).json()

    def put(self, document):
        return requests.put(f"{self.address}/_sandbox/webhooks", json=document, timeout=20)


@contextmanager
def running(*options):
    with simulated_api(*AT_ONCE, *options) as (_, address):
        yield Running(address)


def test_a_request_is_told_of_step_by_step_as_the_contract_has_it():
    before = datetime.now(UTC)
    with receiver() as there, running("--webhooks", there.url) as one:
        correlation_id = one.post().json()["correlationId"]
        sent = one.webhooks()
        assert [hook["event"] for hook in sent] == there.got
    assert there.types[:2] == ["patient.found", "document.deliveryComplete"]
    assert {event["correlationId"] for event in there.got} == {correlation_id}
    assert {event["batchId"] for event in there.got} == {BODY["batchId"]}
    for event, headers in zip(there.got, there.headers, strict=True):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", event["timestamp"])
        assert before - timedelta(seconds=1) < read_timestamp(event["timestamp"]) <= datetime.now(UTC)
        assert headers["content-type"] == "application/json"
    assert set(there.paths) == {"/hooks/secret"}
    assert {(hook["state"], hook["attempts"], hook["status"]) for hook in sent} == {("delivered", 1, 204)}


@pytest.mark.parametrize("path", [V1 + "/test", "/v2/patient-data/validate"])
def test_nothing_is_told_of_what_was_only_checked(path):
    with receiver() as there, running("--webhooks", there.url) as one:
        body = BODY if path.startswith("/v1") else {"patientProcessingRequests": [ENTRY]}
        assert one.post(path, body).status_code == 200
        assert one.webhooks() == there.got == []


def test_a_receiver_that_fails_gets_the_same_event_again_until_it_takes_it():
    options = ("--insufficient", "1", "--webhook-pause", "0.01")
    with receiver(500, 302, 404) as there, running("--webhooks", there.url, *options) as one:
        one.post()
        (hook,) = one.webhooks()
    assert (hook["state"], hook["attempts"], hook["status"]) == ("delivered", 4, 204)
    assert there.got == [hook["event"]] * 4


def test_a_receiver_that_never_takes_it_is_given_up():
    options = ("--insufficient", "1", "--webhook-pause", "0.01", "--webhook-attempts", "3")
    with receiver(*[503] * 10) as there, running("--webhooks", there.url, *options) as one:
        one.post()
        (hook,) = one.webhooks()
        assert (hook["state"], hook["attempts"], hook["status"]) == ("given up", 3, 503)
    assert len(there.got) == 3


def test_a_receiver_that_comes_back_gets_what_it_missed():
    port = free_port()
    options = ("--insufficient", "1", "--webhook-pause", "0.05", "--webhook-attempts", "100")
    with running("--webhooks", f"http://127.0.0.1:{port}/hooks", *options) as one:
        one.post()
        (hook,) = one.webhooks(wait=1)
        assert (hook["state"], hook["status"], hook["error"]) == ("waiting", None, "connection refused")
        with receiver(port=port) as there:
            (hook,) = one.webhooks()
    assert there.got == [hook["event"]]
    assert hook["attempts"] > 1


def test_an_early_event_is_there_before_the_reply():
    with receiver() as there, running("--webhooks", there.url, "--webhook-early", "1") as one:
        for number in range(1, 6):
            correlation_id = one.post().json()["correlationId"]
            assert correlation_id in {event["correlationId"] for event in there.got}, number


def test_a_request_that_the_client_saw_no_reply_to_is_told_of_all_the_same():
    options = ("--drop", "1", "--seed", "4")
    with receiver() as there, running("--webhooks", there.url, *options) as one:
        for _ in range(12):
            with pytest.raises(requests.ConnectionError):
                one.post()
        calls = requests.get(f"{one.address}/_sandbox/requests?accepted=true", timeout=20).json()
        one.webhooks()
    assert {event["correlationId"] for event in there.got} == {call["correlationId"] for call in calls}
    assert calls


def test_the_patients_of_a_panel_are_told_of_each_by_its_own_id_or_by_the_panels():
    panel = {"patientProcessingRequests": [ENTRY] * 3}
    with receiver() as there, running("--webhooks", there.url) as one:
        ids = [each["correlationId"] for each in one.post(V2, panel).json()["responses"]]
        one.webhooks()
        assert {event["correlationId"] for event in there.got} == set(ids)
        assert len({event["batchId"] for event in there.got}) == 1
    with receiver() as there, running("--webhooks", there.url, "--webhook-id", "panel") as one:
        own = one.post(V2, panel).json()["correlationId"]
        one.webhooks()
        assert {event["correlationId"] for event in there.got} == {own}
        assert there.types.count("patient.found") == 3


def test_a_seed_repeats_all_that_is_played_but_the_time():
    play = (
        "--webhook-repeat",
        "--webhook-lose",
        "--webhook-unknown",
        "--webhook-contradict",
        "--webhook-shuffle",
    )
    stories = []
    for _ in range(2):
        with receiver() as there, running("--webhooks", there.url, *play, "--seed", "3") as one:
            for _ in range(30):
                one.post()
            stories.append([
                (hook["kind"], hook["state"], {**hook["event"], "timestamp": None}) for hook in one.webhooks()
            ])  # fmt: skip
    assert stories[0] == stories[1]
    kinds = Counter(kind for kind, _, _ in stories[0])
    assert set(kinds) == {"plain", "repeat", "lost", "unknown", "contradiction"}


def test_only_test_patients_are_found_and_calls_about_others_are_marked(tmp_path):
    patient = BODY["patient"]
    row = f"{patient['mrn']['extension']},{patient['name']['family']},{patient['birthDate']}"
    path = tmp_path / "patients.csv"
    path.write_text(f"mrn,family,birth_date\n{row}\n", "utf-8")
    other = {**BODY, "patient": {**patient, "birthDate": "1970-01-01"}}
    options = ("--environment", "staging", "--test-patients", str(path))
    with receiver() as there, running("--webhooks", there.url, *options) as one:
        known, unknown = one.post().json()["correlationId"], one.post(body=other).json()["correlationId"]
        assert one.post(V1 + "/test").status_code == 404
        one.webhooks()
        calls = requests.get(f"{one.address}/_sandbox/requests", timeout=20).json()
    of_each = {own: {e["type"] for e in there.got if e["correlationId"] == own} for own in (known, unknown)}
    assert of_each == {
        known: {"patient.found", "document.deliveryComplete"},
        unknown: {"patient.insufficientData"},
    }
    assert [(call["test_patient"], call["status"]) for call in calls] == [
        (True, 200),
        (False, 200),
        (True, 404),
    ]


@pytest.mark.parametrize(
    ("reply", "status", "text"), [("no-id", 200, "{}"), ("empty", 200, ""), ("no-content", 204, "")]
)
def test_the_test_path_answers_without_an_id_if_asked_and_the_connection_stays_open(reply, status, text):
    with running("--test-path", reply) as one, requests.Session() as session:
        for _ in range(2):
            answer = session.post(one.address + V1 + "/test", json=BODY, headers=KEY, timeout=20)
            assert (answer.status_code, answer.text) == (status, text)
        assert ("content-type" in answer.headers) == bool(text)
        assert ("content-length" in answer.headers) == (status == 200)
        assert answer.headers.get("connection") != "close"


def test_receivers_may_be_named_while_it_runs():
    with receiver() as first, receiver() as second, running() as one:
        one.post()
        assert one.webhooks() == []
        assert one.put({"urls": [first.url, second.url]}).json()["to"] == [
            first.url.removesuffix("/hooks/secret"),
            second.url.removesuffix("/hooks/secret"),
        ]
        one.post()
        one.webhooks()
        assert first.got == second.got != []
        assert one.put({"urls": []}).status_code == 200
        count = len(first.got)
        one.post()
        one.webhooks()
        assert len(first.got) == count


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        *(({"json": document}, 400) for document in ([], {}, {"urls": "x"}, {"urls": ["ftp://x/"]}, {"urls": [3]})),
        ({"data": "{", "headers": {"content-type": "application/json"}}, 400),
        ({"data": '{"urls": []}', "headers": {"content-type": "text/plain"}}, 415),
    ],
    ids=str,
)  # fmt: skip
def test_receivers_that_make_no_sense_are_refused(sent, status):
    with running() as one:
        answer = requests.put(f"{one.address}/_sandbox/webhooks", timeout=20, **sent)
        assert answer.status_code == status
        assert answer.json()["message"]


def test_over_tls_the_certificate_is_verified_against_the_named_authority(tmp_path):
    ours = an_authority(tmp_path)
    options = ("--insufficient", "1", "--webhook-attempts", "1")
    with receiver(certificate=ours.server) as there:
        with running("--webhooks", there.url, *options, "--webhook-ca", str(ours.certificate)) as one:
            one.post()
            (hook,) = one.webhooks()
            assert (hook["state"], hook["status"]) == ("delivered", 204)
        with running("--webhooks", there.url, *options) as one:
            one.post()
            (hook,) = one.webhooks()
            assert (hook["state"], hook["error"]) == ("given up", "TLS: certificate verify failed")
        assert len(there.got) == 1


def test_over_tls_a_certificate_for_another_host_is_refused(tmp_path):
    ours = an_authority(tmp_path, "example.org")
    options = (
        "--insufficient",
        "1",
        "--webhook-attempts",
        "1",
        "--webhook-ca",
        str(ours.certificate),
    )
    with receiver(certificate=ours.server) as there, running("--webhooks", there.url, *options) as one:
        one.post()
        (hook,) = one.webhooks()
    assert (hook["state"], hook["error"]) == ("given up", "TLS: the certificate is not for this host")
    assert there.got == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--webhooks", "example.org"], "write https://HOST"),
        (["--webhook-delay", "2-1"], "least seconds first"),
        (["--webhook-delay", "x"], "write seconds"),
        (["--webhook-lose", "2"], "write a number from 0 to 1"),
        (["--webhook-attempts", "0"], "not a whole number from 1 to 100"),
        (["--webhook-ca", "/nowhere/ca.pem"], "--webhook-ca /nowhere/ca.pem: no such file or directory"),
        (["--webhook-ca", __file__], "no certificates in PEM"),
        (["--test-patients", "/nowhere/p.csv"], "--test-patients /nowhere/p.csv: no such file or directory"),
        (["--environment", "moon"], "invalid choice"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_make_no_sense_are_one_line_and_exit_2(options, told):
    done = run_prepared([sys.executable, "-m", "interface.sandbox", *options])
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_the_lines_on_standard_error_hold_no_id_and_no_path_of_the_receiver():
    options = (
        "--webhook-delay",
        "0",
        "--insufficient",
        "1",
        "--webhook-pause",
        "0.01",
        "--today",
        "2026-03-05",
    )
    with (
        receiver(500) as there,
        simulated_api(*options, "--webhooks", there.url) as (process, address),
    ):
        one = Running(address)
        one.post()
        one.webhooks()
        process.terminate()
        said = [line.partition(" ")[2] for line in process.stderr.read().decode().splitlines()]
        assert process.wait(20) == 0
    assert [re.sub(r"[\d.]+ ms$", "ms", line) for line in said] == [
        f"POST {V1} 200 ms",
        "webhook patient.insufficientData 500, again in 0.01 s",
        "webhook patient.insufficientData 204",
    ]


def test_it_stops_though_webhooks_wait():
    with (
        receiver() as there,
        simulated_api("--webhooks", there.url, "--webhook-delay", "60", "--quiet") as (
            process,
            address,
        ),
    ):
        Running(address).post()
        process.terminate()
        assert process.wait(20) == 0
