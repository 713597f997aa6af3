"""Sends the webhooks of requests that were taken in: when they are due, again when they fail, and noted in a log."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

import orjson
from twisted.internet.defer import Deferred, DeferredList, DeferredLock, DeferredSemaphore, succeed
from twisted.python.failure import Failure

from interface.sandbox.calls import Call
from interface.sandbox.playing import Kind, Patient, Play, Sending, Taken, as_json, play
from interface.sandbox.test_patients import TestPatients, patients_of

Post = Callable[[str, bytes], "Deferred[int]"]
"""POSTs a body to a URL; gives the reply's status, or fails with `NoReplyError`."""

_AT_A_TIME = 32
"""So many POSTs are under way at most, whatever is due."""
_LONGEST_HOLD = 10.0
"""So many seconds a reply waits for events that come before it."""


class NoReplyError(Exception):
    """There was no reply; the text says why, in a few words."""


@dataclass(frozen=True)
class Retries:
    """What happens to a webhook that was not answered 2xx."""

    attempts: int = 8
    """At most, the first among them."""
    pause: float = 1.0
    """Seconds before the second attempt; twice as long before each further one."""


class State(Enum):
    """What became of a webhook."""

    WAITING = "waiting"
    """Until it is due, or until its next attempt."""
    DELIVERED = "delivered"
    """Answered 2xx."""
    GIVEN_UP = "given up"
    LOST = "lost"
    """Never sent, on purpose."""


@dataclass(slots=True, eq=False)
class Webhook:
    """One event to one receiver. It is filled in as attempts are made."""

    number: int
    """In the order in which they were planned, from 1."""
    url: str
    call: int
    """Number of the call that it is about."""
    kind: Kind
    body: bytes
    type: str
    state: State = State.WAITING
    attempts: int = 0
    status: int | None = None
    """What the last attempt was answered."""
    error: str | None = None
    """Why the last attempt had no answer."""

    def as_json(self) -> dict[str, Any]:
        """The webhook for `GET /_sandbox/webhooks`. A URL's path may be a secret: it is not shown."""
        return {
            "number": self.number,
            "to": origin(self.url),
            "request": self.call,
            "kind": self.kind.value,
            "event": orjson.loads(self.body),
            "state": self.state.value,
            "attempts": self.attempts,
            "status": self.status,
            "error": self.error,
        }


class WebhookLog:
    """The newest webhooks, and how many there were of each state since the start."""

    def __init__(self, limit: int) -> None:
        """`limit` webhooks are kept, the oldest go first."""
        self._kept: deque[Webhook] = deque(maxlen=limit)
        self.planned = 0
        self.ended: Counter[State] = Counter()

    def open(self, url: str, call: int, kind: Kind, body: bytes, type_: str) -> Webhook:
        """A new webhook, the next in order."""
        self.planned += 1
        webhook = Webhook(self.planned, url, call, kind, body, type_)
        self._kept.append(webhook)
        return webhook

    def end(self, webhook: Webhook, state: State) -> None:
        """Nothing more is done about it."""
        webhook.state = state
        self.ended[state] += 1

    @property
    def waiting(self) -> int:
        """How many are still to be sent or tried again."""
        return self.planned - self.ended.total()

    def after(self, number: int) -> Iterator[Webhook]:
        """The kept webhooks with a higher number, in order."""
        return (webhook for webhook in self._kept if webhook.number > number)

    def summary(self) -> str:
        """How many there were, by state: plain text for a person."""
        lines = [f"webhooks        {self.planned}", f"  {State.WAITING.value.ljust(14)}{self.waiting}"]
        lines += [f"  {state.value.ljust(14)}{self.ended[state]}" for state in State if self.ended[state]]
        return "\n".join(lines) + "\n"


class Webhooks:
    """Plans, sends and repeats; `taken_in` is called for each accepted request."""

    def __init__(
        self,
        how: Play,
        retries: Retries,
        post: Post,
        reactor: Any,
        log: WebhookLog,
        *,
        now_ns: Callable[[], int],
        test_patients: TestPatients | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """Send nothing before `send_to` names a receiver.

        Args:
            how: what is played.
            retries: how often a failed webhook is sent again.
            post: makes one attempt.
            reactor: has `callLater` and `seconds`.
            log: where they are noted.
            now_ns: the time in nanoseconds of POSIX time, for the events' timestamps.
            test_patients: the networks know these alone; None: they know everybody.
            say: gets one line for each attempt, without ids and addresses.

        """
        self._how, self._retries, self._post, self._reactor, self.log = how, retries, post, reactor, log
        self._now_ns, self._test_patients, self._say = now_ns, test_patients, say
        self._urls: tuple[str, ...] = ()
        self._slots = DeferredSemaphore(_AT_A_TIME)
        self._timers: set[Any] = set()
        self._idle: list[Deferred[None]] = []
        self._under_way: set[Deferred[Any]] = set()
        self._stopped = False

    def send_to(self, urls: Iterable[str]) -> None:
        """The receivers from now on, in place of those before."""
        self._urls = tuple(urls)

    def taken_in(self, call: Call) -> "Deferred[Any] | None":
        """Plan what is sent of a call; gives what its reply has to wait for, if anything.

        The reply waits for the first attempts at events that come before it, whatever becomes of them.
        """
        if not self._urls or not call.processed:
            return None
        taken_in_ns = self._now_ns()
        before_reply = []
        for of_patient in play(self._taken(call), self._how):
            for url in self._urls:
                in_turn = DeferredLock()
                for sending in of_patient:
                    body = as_json(sending.event, taken_in_ns)
                    webhook = self.log.open(url, call.number, sending.kind, body, sending.event.type)
                    first = self._send(webhook, sending, in_turn)
                    if first is not None:
                        before_reply.append(first)
        return self._hold(before_reply) if before_reply else None

    def idle(self) -> "Deferred[None]":
        """Fires when nothing waits to be sent, at once if that is so; it may be cancelled."""
        waiter: Deferred[None] = Deferred(self._idle.remove)
        self._idle.append(waiter)
        self._tell_idle()
        return waiter

    def stop(self) -> None:
        """Send nothing more; what waits is dropped."""
        self._stopped = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for attempt in tuple(self._under_way):
            attempt.cancel()

    def _taken(self, call: Call) -> Taken:
        assert call.correlation_id is not None  # noqa: S101 - it was taken in
        body = call.body
        knows = self._test_patients.knows if self._test_patients is not None else lambda _: True
        ids = call.patient_ids or (call.correlation_id,)
        patients = (
            Patient(own, knows(patient)) for own, patient in zip(ids, patients_of(body), strict=False)
        )
        batch = body.get("batchId") if isinstance(body, dict) else None
        return Taken(call.correlation_id, tuple(patients), batch if isinstance(batch, str) else None)

    def _send(self, webhook: Webhook, sending: Sending, in_turn: DeferredLock) -> "Deferred[None] | None":
        """Send it when it is due, not before the one planned earlier; gives the attempt if it is made at once."""
        if sending.kind is Kind.LOST:
            self.log.end(webhook, State.LOST)
        elif sending.kind is Kind.EARLY:
            return in_turn.run(self._attempt, webhook)
        else:
            self._later(sending.delay, lambda: in_turn.run(self._attempt, webhook))
        return None

    def _hold(self, before_reply: "list[Deferred[None]]") -> "Deferred[None]":
        """Fires when all of them are over, or when a client has waited long enough."""
        hold: Deferred[None] = Deferred()

        timer = self._later(_LONGEST_HOLD, lambda: hold.callback(None))

        def over(_: Any) -> None:
            if timer in self._timers:
                self._timers.discard(timer)
                timer.cancel()
                hold.callback(None)

        DeferredList(before_reply).addCallback(over)
        return hold

    def _later(self, seconds: float, do: Callable[[], Any]) -> Any:
        def due() -> None:
            self._timers.discard(timer)
            do()

        timer = self._reactor.callLater(seconds, due)
        self._timers.add(timer)
        return timer

    def _attempt(self, webhook: Webhook) -> "Deferred[None]":
        """One POST. It never fails: what goes wrong is noted, and tried again later."""
        if self._stopped:
            return succeed(None)
        attempt: Deferred[int] = self._slots.run(self._once, webhook)
        self._under_way.add(attempt)
        ended: Deferred[None] = attempt.addCallbacks(
            self._answered, self._unanswered, callbackArgs=(webhook,), errbackArgs=(webhook,)
        )

        def over(_: None) -> None:
            self._under_way.discard(attempt)
            self._tell_idle()

        return ended.addCallback(over)

    def _once(self, webhook: Webhook) -> "Deferred[int]":
        webhook.attempts += 1
        return self._post(webhook.url, webhook.body)

    def _answered(self, status: int, webhook: Webhook) -> None:
        webhook.status, webhook.error = status, None
        if 200 <= status < 300:
            self._end(webhook, State.DELIVERED, str(status))
        else:
            self._again(webhook, str(status))

    def _unanswered(self, failure: Failure, webhook: Webhook) -> None:
        reason = failure.value
        webhook.status = None
        webhook.error = str(reason) if isinstance(reason, NoReplyError) else type(reason).__name__
        if not self._stopped:
            self._again(webhook, webhook.error)

    def _again(self, webhook: Webhook, why: str) -> None:
        if webhook.attempts >= self._retries.attempts:
            self._end(webhook, State.GIVEN_UP, f"{why}, given up")
            return
        pause = self._retries.pause * 2 ** (webhook.attempts - 1)
        self._tell(webhook, f"{why}, again in {pause:g} s")
        self._later(pause, lambda: self._attempt(webhook))

    def _end(self, webhook: Webhook, state: State, why: str) -> None:
        self.log.end(webhook, state)
        self._tell(webhook, why)

    def _tell(self, webhook: Webhook, what: str) -> None:
        if self._say is not None:
            self._say(f"webhook {webhook.type} {what}")

    def _tell_idle(self) -> None:
        if self.log.waiting == 0:
            waiters, self._idle = self._idle, []
            for waiter in waiters:
                waiter.callback(None)


def origin(url: str) -> str:
    """A URL without its path: `https://host:port`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def checked_url(text: str) -> str:
    """A receiver's URL.

    Raises:
        ValueError: it is none; the text says what to write.

    """
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not text.isascii() or any(character <= " " for character in text):
        raise ValueError("not a URL: write https://HOST[:PORT]/PATH (or http://)")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("a receiver's URL has no user and no #")
    return text
