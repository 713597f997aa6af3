"""What the simulated API answers: paths, keys and bodies as the contract has them. No sockets, no clock."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Any

import orjson

from interface.contract.files import Version
from interface.sandbox.calls import Call, CallLog
from interface.sandbox.faults import Dice, Fault
from interface.sandbox.judge import Judge, Problem
from interface.sandbox.test_patients import TestPatients, patients_of

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

MAX_BODY_BYTES = 64 * 1024 * 1024
KEY_HEADER = b"apikey"
_REPORTED = 100
"""So many problems of a body are named; the message says how many there are."""


@dataclass(frozen=True)
class Endpoint:
    """A path of the API."""

    path: str
    version: Version
    processes: bool
    """False: the request is checked only."""
    needs_permission: bool = True
    """False: the contract lists no 403 for it."""
    in_staging: bool = True
    """False: it is published for production only."""


ENDPOINTS = {
    endpoint.path.encode(): endpoint
    for endpoint in (
        Endpoint("/v1/scheduled-appointment", 1, processes=True),
        Endpoint("/v1/scheduled-appointment/test", 1, processes=False, in_staging=False),
        Endpoint("/v2/patient-data/process", 2, processes=True),
        Endpoint("/v2/patient-data/validate", 2, processes=False, needs_permission=False),
    )
}


class Environment(Enum):
    """Whose paths there are."""

    STAGING = "staging"
    PRODUCTION = "production"
    ALL = "all"


class TestPath(Enum):
    """What the path that only checks a request of version 1 answers when it is valid. The vendor has not published it."""

    __test__ = False  # pytest takes it for tests otherwise

    ID = "id"
    """200 with a correlation id."""
    NO_ID = "no-id"
    """200 with `{}`."""
    EMPTY = "empty"
    """200 without a body."""
    NO_CONTENT = "no-content"
    """204."""


@dataclass(frozen=True)
class Incoming:
    """A call as it came off the wire."""

    method: bytes
    path: bytes
    key: bytes | None
    content_type: bytes | None
    body: bytes
    too_large: bool = False


@dataclass(frozen=True)
class Answer:
    """A status and a JSON body."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"
    after: "Deferred[Any] | None" = None
    """It goes out when this has fired."""


@dataclass(frozen=True)
class Silence:
    """No answer: the connection is closed (`closes`) or left open until the client leaves."""

    closes: bool


class Api:
    """Decides what each call gets, and notes it in `log`."""

    def __init__(
        self,
        key: str,
        dice: Dice,
        log: CallLog,
        today: Callable[[], date],
        *,
        key_without_permission: str | None = None,
        judge: Judge | None = None,
        retry_after_seconds: int = 1,
        taken_in: "Callable[[Call], Deferred[Any] | None]" = lambda _: None,
        environment: Environment = Environment.ALL,
        test_path: TestPath = TestPath.ID,
        test_patients: TestPatients | None = None,
    ) -> None:
        """Make it ready.

        Args:
            key: the good one.
            dice: draws faults and ids.
            log: where calls are noted.
            today: the day that birth dates are held against.
            key_without_permission: one that gets 403.
            judge: None: every JSON object passes.
            retry_after_seconds: what a 429 asks for.
            taken_in: is told of each accepted request (for webhooks); gives what the answer has to wait for.
            environment: whose paths there are; others are noted, and answered 404.
            test_path: what version 1's path that only checks answers.
            test_patients: each call is marked whether it was about them alone.

        """
        self._key = key.encode()
        self._weak_key = key_without_permission.encode() if key_without_permission else None
        self._dice = dice
        self._log = log
        self._today = today
        self._judge = judge
        self._retry_after = str(retry_after_seconds).encode()
        self._taken_in = taken_in
        self._staging = environment is Environment.STAGING
        self._test_path = test_path
        self._test_patients = test_patients

    def answer(self, incoming: Incoming) -> Answer | Silence:
        """The answer to a call on any path outside `/_sandbox/`."""
        endpoint = ENDPOINTS.get(incoming.path)
        if endpoint is None:
            return Answer(404, error_body("there is nothing here", None))
        if incoming.method != b"POST":
            return Answer(405, error_body("only POST is allowed", endpoint.path), ((b"allow", b"POST"),))
        exists = endpoint.in_staging or not self._staging
        fault = self._dice.fault() if exists else Fault.NONE
        call = self._log.open(endpoint.path, fault.value)
        if self._test_patients is not None:
            # of what is refused, too: it has left the house
            call.test_patient = _all_are(self._test_patients, incoming.body)
        if not exists:
            outcome: Answer | Silence = Answer(404, error_body("there is nothing here", None))
        else:
            outcome = self._before(endpoint, fault) or self._on_merits(endpoint, call, incoming)
        if call.accepted:
            after = self._taken_in(call)
            if fault.after_taking_in:
                outcome = Silence(closes=fault is Fault.DROP_AFTER)
            elif after is not None and isinstance(outcome, Answer):
                outcome = replace(outcome, after=after)
        self._log.close(call, outcome.status if isinstance(outcome, Answer) else None)
        return outcome

    def _before(self, endpoint: Endpoint, fault: Fault) -> Answer | Silence | None:
        """The faults that come before the request is looked at."""
        if fault is Fault.DROP_BEFORE:
            return Silence(closes=True)
        if fault is Fault.THROTTLE:
            headers = ((b"retry-after", self._retry_after),)
            return Answer(429, error_body("too many requests", endpoint.path), headers)
        if fault is Fault.FAIL:
            return Answer(self._dice.fail_status(), error_body("a made-up failure", endpoint.path))
        return None

    def _on_merits(self, endpoint: Endpoint, call: Call, incoming: Incoming) -> Answer:
        refusal = self._refusal(endpoint, incoming)
        if refusal is not None:
            return refusal
        try:
            document = call.body = orjson.loads(incoming.body)
        except orjson.JSONDecodeError:
            return Answer(400, error_body("the body is not JSON", endpoint.path))
        problems = self._problems(endpoint, document)
        if problems:
            return Answer(400, validation_body(problems, endpoint.path))
        correlation_id = self._dice.correlation_id()
        of_each = tuple(self._dice.correlation_id() for _ in range(_patients(document)))
        reply = TestPath.ID if endpoint.processes or endpoint.version != 1 else self._test_path
        shown_id = correlation_id if reply is TestPath.ID else None
        self._log.accept(call, shown_id, processed=endpoint.processes, patient_ids=of_each)
        return _WITHOUT_ID[reply] if shown_id is None else Answer(200, _accepted(endpoint, shown_id, of_each))

    def _problems(self, endpoint: Endpoint, document: Any) -> tuple[Problem, ...]:
        if self._judge is not None:
            return self._judge.judge(endpoint.version, document, self._today())
        return () if isinstance(document, dict) else (Problem("", "must be of type object"),)

    def _refusal(self, endpoint: Endpoint, incoming: Incoming) -> Answer | None:
        """What is refused before the body is read. 401 and 403 have the body of a success (contract)."""
        key = incoming.key or b""
        weak = self._weak_key is not None and hmac.compare_digest(key, self._weak_key)
        if not weak and not hmac.compare_digest(key, self._key):
            return Answer(401, self._processing_response())
        if weak and endpoint.needs_permission:
            return Answer(403, self._processing_response())
        if incoming.too_large:
            return Answer(413, error_body(f"more than {MAX_BODY_BYTES} bytes", endpoint.path))
        kind = (incoming.content_type or b"").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            return Answer(415, error_body("the content type must be application/json", endpoint.path))
        return None

    def _processing_response(self) -> bytes:
        return orjson.dumps({"correlationId": self._dice.correlation_id()})


_WITHOUT_ID = {
    TestPath.NO_ID: Answer(200, b"{}"),
    TestPath.EMPTY: Answer(200, b"", content_type=b""),
    TestPath.NO_CONTENT: Answer(204, b"", content_type=b""),
}


def _all_are(test_patients: TestPatients, body: bytes) -> bool | None:
    """Whether all patients of a body are test patients; None: there is none in it that one could tell."""
    try:
        patients = patients_of(orjson.loads(body))
    except orjson.JSONDecodeError:
        return None
    return all(test_patients.knows(patient) for patient in patients) if patients else None


def _patients(document: dict[str, Any]) -> int:
    """How many patients a panel is about; 0 for a request of version 1."""
    panel = document.get("patientProcessingRequests")
    return len(panel) if isinstance(panel, list) else 0


def _accepted(endpoint: Endpoint, correlation_id: str, of_each: tuple[str, ...]) -> bytes:
    """ProcessingResponse, or PanelResponse with an id for each patient."""
    if endpoint.version == 1:
        return b'{"correlationId":"' + correlation_id.encode() + b'"}'
    responses = [{"sequenceNumber": number, "correlationId": own} for number, own in enumerate(of_each)]
    return orjson.dumps({"correlationId": correlation_id, "responses": responses})


def error_body(message: str, path: str | None, errors: tuple[Problem, ...] = ()) -> bytes:
    """ErrorBody. The inside of `_links` and `_embedded` is not published; this is how such bodies often look."""
    return orjson.dumps(
        {
            "message": message,
            "logref": None,
            "path": path,
            "_links": {"self": {"href": path or "/", "templated": False}},
            "_embedded": {
                "errors": [
                    {"message": f"{error.field} {error.text}".strip(), "path": error.field}
                    for error in errors
                ]
            },
        }
    )


def validation_body(problems: tuple[Problem, ...], path: str) -> bytes:
    """The ErrorBody of a 400: which fields are refused and why, never their values."""
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return error_body(f"the request is not valid: {count}", path, problems[:_REPORTED])
