"""The calls that the simulated API has seen, in memory, for tests to look at: the newest ones, up to a limit."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Call:
    """One POST to a path of the API. It is filled in as the call goes on."""

    number: int
    """In the order received, from 1."""
    path: str
    status: int | None = None
    """The status answered; None when the call was not answered."""
    correlation_id: str | None = None
    """What a request that was taken in got, also when the client never read it; of a panel, the panel's own.
    None on a test path that gives none."""
    patient_ids: tuple[str, ...] = ()
    """The correlation id of each patient of a panel that was taken in, in its order."""
    accepted: bool = False
    """Whether the request was taken in (valid, with a good key, before any fault)."""
    processed: bool = False
    """Whether it would be processed: accepted, and not on a path that only checks."""
    answered: bool = False
    """Whether an answer went out."""
    fault: str = "none"
    test_patient: bool | None = None
    """Whether all that it was about were test patients; None: which those are is not known, or no patient was in it."""
    body: Any = None
    """The JSON document; None when it was not read or is no JSON."""

    def as_json(self) -> dict[str, Any]:
        """The call for `GET /_sandbox/requests`."""
        return {
            "number": self.number,
            "path": self.path,
            "status": self.status,
            "correlationId": self.correlation_id,
            "patientIds": list(self.patient_ids),
            "accepted": self.accepted,
            "processed": self.processed,
            "answered": self.answered,
            "fault": self.fault,
            "test_patient": self.test_patient,
            "body": self.body,
        }


class CallLog:
    """The newest calls and how many there were of each outcome since the start."""

    def __init__(self, limit: int) -> None:
        """`limit` calls are kept, the oldest go first."""
        self._calls: deque[Call] = deque(maxlen=limit)
        self._outcomes: Counter[str] = Counter()
        self.seen = 0
        self.accepted = 0
        self.patients = 0
        """How many patients the accepted requests were about."""

    def open(self, path: str, fault: str) -> Call:
        """A new call, the next in order."""
        self.seen += 1
        call = Call(self.seen, path, fault=fault)
        self._calls.append(call)
        return call

    def accept(
        self, call: Call, correlation_id: str | None, *, processed: bool, patient_ids: tuple[str, ...] = ()
    ) -> None:
        """The request is taken in; `patient_ids`: of a panel, an id for each patient."""
        call.accepted, call.processed, call.correlation_id = True, processed, correlation_id
        call.patient_ids = patient_ids
        self.accepted += 1
        self.patients += len(patient_ids) or 1

    def close(self, call: Call, status: int | None) -> None:
        """The call is over as far as the API is concerned; None: without an answer."""
        call.status, call.answered = status, status is not None
        self._outcomes[str(status) if status is not None else call.fault] += 1

    def after(self, number: int, *, accepted_only: bool = False) -> Iterator[Call]:
        """The kept calls with a higher number, in order."""
        return (call for call in self._calls if call.number > number and (call.accepted or not accepted_only))

    def summary(self) -> str:
        """How many calls there were, by outcome: plain text for a person."""
        lines = [f"calls seen      {self.seen}", f"taken in        {self.accepted}"]
        lines.append(f"  of patients   {self.patients}")
        lines += [f"  {outcome.ljust(14)}{count}" for outcome, count in sorted(self._outcomes.items())]
        return "\n".join(lines) + "\n"
