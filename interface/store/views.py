"""What people look at: lists in pages, details, counts. Reads only, each call one short transaction.

A page is asked for by the id it comes before, never by an offset: page 1,000 costs what page 1 does, and
nothing is shown twice while new rows arrive.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Row,
    Select,
    bindparam,
    func,
    select,
)

from interface.store import replay, work_state
from interface.store.crypto import Keyring
from interface.store.database import Database, Part
from interface.store.errors import Unreadable
from interface.store.filtering import messages_of, requests_of
from interface.store.in_lists import among
from interface.store.records.figures import Backlog, Counts, ServerFacts, StoreStats
from interface.store.records.lists import (
    AttemptView,
    MessageDetail,
    MessageFilter,
    MessageSummary,
    NamedMessage,
    RequestDetail,
    RequestFilter,
    RequestSummary,
    StoredMessage,
)
from interface.store.schema import (
    HELD_UNTIL,
    attempts,
    message_bodies,
    message_notes,
    messages,
    patient_keys,
    patients,
    request_bodies,
    requests,
)
from interface.store.webhook_views import webhooks_of

ALL_MESSAGES = MessageFilter()
ALL_REQUESTS = RequestFilter()
_ABOVE_ALL = 2**62

MESSAGE_COLUMNS = tuple(messages.c[name] for name in MessageSummary.__slots__)
REQUEST_COLUMNS = tuple(requests.c[name] for name in RequestSummary.__slots__)
_REASONS_IN_MESSAGE = MessageSummary.__slots__.index("reasons")
_REASONS_IN_REQUEST = RequestSummary.__slots__.index("reasons")

_MESSAGES = (
    select(*MESSAGE_COLUMNS)
    .where(messages.c.id < bindparam("before"))
    .order_by(messages.c.id.desc())
    .limit(bindparam("count"))
)
_MESSAGE = (
    select(*MESSAGE_COLUMNS, message_bodies.c.body, message_notes.c.note)
    .join(message_bodies, message_bodies.c.message_id == messages.c.id, isouter=True)
    .join(message_notes, message_notes.c.message_id == messages.c.id, isouter=True)
    .where(messages.c.id == bindparam("b_id"))
)
_MOST_NAMED = 1000
_NAMED = (
    select(*(messages.c[name] for name in NamedMessage.__slots__))
    .where(messages.c.control_id.in_(bindparam("ids", expanding=True)))
    .order_by(messages.c.control_id, messages.c.id)
    .limit(_MOST_NAMED)
)
_BODIES = (
    select(*MESSAGE_COLUMNS, message_bodies.c.body)
    .join(message_bodies, message_bodies.c.message_id == messages.c.id, isouter=True)
    .where(messages.c.id.in_(bindparam("b_ids", expanding=True)))
    .order_by(messages.c.id)
)
_REQUESTS = (
    select(*REQUEST_COLUMNS)
    .where(requests.c.id < bindparam("before"))
    .order_by(requests.c.id.desc())
    .limit(bindparam("count"))
)
_REQUEST_SUMMARY = select(*REQUEST_COLUMNS).where(requests.c.id == bindparam("b_id"))
_REQUEST = (
    select(*REQUEST_COLUMNS, request_bodies.c.appointment, request_bodies.c.body, request_bodies.c.detail)
    .join(request_bodies, request_bodies.c.request_id == requests.c.id, isouter=True)
    .where(requests.c.id == bindparam("b_id"))
)
_ATTEMPT_COLUMNS = tuple(attempts.c[name] for name in AttemptView.__slots__)
_ATTEMPTS = (
    select(*_ATTEMPT_COLUMNS).where(attempts.c.request_id == bindparam("b_id")).order_by(attempts.c.id)
)
_OWNER = select(patient_keys.c.patient_id).where(patient_keys.c.key_hash == bindparam("b_hash"))

_COUNT_MESSAGES = select(messages.c.state, messages.c.decision, func.count()).group_by(
    messages.c.state, messages.c.decision
)
_COUNT_REQUESTS = select(requests.c.state, func.count()).group_by(requests.c.state)
_COUNT_PATIENTS = select(func.count()).select_from(patients)

_IS_NEW = (messages.c.state == "new", messages.c.decision.is_(None))
_COUNT_NEW = select(func.count()).select_from(messages).where(*_IS_NEW)
_COUNT_NEW_OF = _COUNT_NEW.where(messages.c.listener == bindparam("listener"))
_NEW_UP_TO = select(func.count()).select_from(
    select(messages.c.id).where(*_IS_NEW).limit(bindparam("most")).subquery()
)
_DECIDED = select(messages.c.state, messages.c.decision, messages.c.reasons).where(
    messages.c.id.in_(bindparam("ids", expanding=True))
)
_OLDEST_NEW = (
    select(messages.c.received_at).where(*_IS_NEW).order_by(messages.c.decision, messages.c.id).limit(1)
)
_COUNT_IN_STATE = select(func.count()).select_from(requests).where(requests.c.state == bindparam("b_state"))
_COUNT_HELD_UNTIL = select(func.count()).select_from(requests).where(*HELD_UNTIL)
_OLDEST_WAITING = (
    select(requests.c.created_at).where(requests.c.state == "waiting").order_by(requests.c.id).limit(1)
)


class Views(Part):
    """Lists, details and counts; used by one thread at a time, beside a running daemon or without one."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring

    # ------------------------------------------------------------------------------------------ messages

    def messages(
        self, where: MessageFilter = ALL_MESSAGES, *, before: int | None = None, limit: int = 50
    ) -> list[MessageSummary]:
        """The newest messages that the filter takes, newest first; the next page is `before=` the last
        one's id.
        """
        statement, parameters = messages_of(_MESSAGES, where)
        if where.decision is not None and where.state is None:
            # only what is done has a decision: said so that the index by state and decision serves
            statement = statement.where(messages.c.state == "done")
        parameters |= {"before": _ABOVE_ALL if before is None else before, "count": limit}
        rows = self._of_patient(statement, parameters, messages.c.patient_id, where)
        return [message_summary(row) for row in rows]

    def message(self, id: int) -> MessageDetail | None:
        """One message with its body and note opened, and the request it led to; None when there is none."""
        with self._reading() as connection:
            row = connection.execute(_MESSAGE, {"b_id": id}).one_or_none()
            if row is None:
                return None
            *columns, body, note = row
            summary = message_summary(columns)
            request = None
            if summary.request_id is not None:
                found = connection.execute(_REQUEST_SUMMARY, {"b_id": summary.request_id}).one_or_none()
                request = None if found is None else request_summary(found)
        opened = _Opened(self._keyring)
        return MessageDetail(
            summary,
            raw=opened.value("message", body),
            note=opened.value("note", note),
            request=request,
            problem=opened.problem if body is not None else "the body is no longer kept",
        )

    def bodies(self, ids: Sequence[int]) -> list[StoredMessage]:
        """These messages with their bodies opened, oldest first; those that are no longer there are left out.

        For whoever reads many: a few hundred ids at a time keep the read transaction short.
        """
        with self._reading() as connection:
            rows = connection.execute(_BODIES, {"b_ids": list(ids)}).all()
        found = []
        for *columns, body in rows:
            opened = _Opened(self._keyring)
            found.append(StoredMessage(message_summary(columns), opened.value("message", body)))
        return found

    def named(self, control_ids: Iterable[str]) -> dict[str, list[NamedMessage]]:
        """The messages that have these control ids, oldest first; of very many the first thousand."""
        found: dict[str, list[NamedMessage]] = {}
        with self._reading() as connection:
            for row in among(connection, _NAMED, control_ids):
                found.setdefault(row.control_id, []).append(NamedMessage(*row))
        return found

    # ------------------------------------------------------------------------------------------ requests

    def requests(
        self, where: RequestFilter = ALL_REQUESTS, *, before: int | None = None, limit: int = 50
    ) -> list[RequestSummary]:
        """The newest requests that the filter takes, newest first; the next page is `before=` the last
        one's id.
        """
        statement, parameters = requests_of(_REQUESTS, where)
        parameters |= {"before": _ABOVE_ALL if before is None else before, "count": limit}
        rows = self._of_patient(statement, parameters, requests.c.patient_id, where)
        return [request_summary(row) for row in rows]

    def _of_patient(
        self,
        statement: Select[Any],
        parameters: dict[str, Any],
        patient: Column[Any],
        where: MessageFilter | RequestFilter,
    ) -> Sequence[Row[Any]]:
        """The rows of a statement, where the filter names a patient those of his alone."""
        with self._reading() as connection:
            if where.patient_key is not None or where.patient_id is not None:
                owners = self._owners(connection, where)
                if not owners:
                    return []
                statement = statement.where(patient.in_(bindparam("owners", expanding=True)))
                parameters = {**parameters, "owners": owners}
            return connection.execute(statement, parameters).all()

    def _owners(self, connection: Connection, where: MessageFilter | RequestFilter) -> list[int]:
        """The patient that the filter names, and all whose charts are part of his; none when there is none."""
        found = set() if where.patient_id is None else {where.patient_id}
        if where.patient_key is not None:
            parameters = {"b_hash": self._keyring.lookup(where.patient_key)}
            by_key = set(connection.execute(_OWNER, parameters).scalars())
            found = by_key if where.patient_id is None else found & by_key
        return sorted(replay.family(connection, found)) if found else []

    def request(self, id: int) -> RequestDetail | None:
        """One request with body, detail and attempts opened; None when there is none."""
        with self._reading() as connection:
            row = connection.execute(_REQUEST, {"b_id": id}).one_or_none()
            if row is None:
                return None
            tries = connection.execute(_ATTEMPTS, {"b_id": id}).all()
            said = webhooks_of(connection, id)
        *columns, appointment, body, detail = row
        opened = _Opened(self._keyring)
        appointment_text = opened.value("appointment", appointment)
        return RequestDetail(
            request_summary(columns),
            appointment=None if appointment_text is None else appointment_text.decode("utf-8", "replace"),
            body=opened.value("request", body),
            detail=opened.value("detail", detail),
            attempts=tuple(_attempt(row, opened) for row in tries),
            webhooks=said,
            problem=opened.problem if body is not None else "the body is no longer kept",
        )

    # ------------------------------------------------------------------------------------------ counts

    def counts(self) -> Counts:
        """How many rows there are by state and decision; reads an index of every message, so not for each
        scrape.
        """
        counts = Counts()
        with self._reading() as connection:
            for state, decision, number in connection.execute(_COUNT_MESSAGES):
                counts.messages[state] = counts.messages.get(state, 0) + number
                if decision is not None:
                    counts.decisions[decision] = counts.decisions.get(decision, 0) + number
            counts.requests.update((state, number) for state, number in connection.execute(_COUNT_REQUESTS))
            return Counts(
                counts.messages,
                counts.decisions,
                counts.requests,
                connection.execute(_COUNT_PATIENTS).scalar_one(),
            )

    def requests_in(self, state: str) -> int:
        """How many requests are in a state; costs what is in it."""
        with self._reading() as connection:
            number: int = connection.execute(_COUNT_IN_STATE, {"b_state": state}).scalar_one()
            return number

    def backlog(self) -> Backlog:
        """What is not done yet; costs what waits, not what is stored."""
        with self._reading() as connection:

            def in_state(state: str) -> int:
                number: int = connection.execute(_COUNT_IN_STATE, {"b_state": state}).scalar_one()
                return number

            return Backlog(
                new_messages=connection.execute(_COUNT_NEW).scalar_one(),
                waiting_requests=in_state("waiting"),
                oldest_request_at=connection.execute(_OLDEST_WAITING).scalar_one_or_none(),
                sending_requests=in_state("sending"),
                held_requests=in_state("held"),
                held_for_time=connection.execute(_COUNT_HELD_UNTIL).scalar_one(),
            )

    def stats(self, schema_version: int) -> StoreStats:
        """What the store is called, and its sizes in bytes."""
        with self._reading() as connection:
            return self._database.stats(connection, schema_version)

    def server(self) -> ServerFacts | None:
        """What there is to know of the database server; None: the store is a file."""
        with self._reading() as connection:
            return self._database.facts(connection)

    def told(self) -> dict[str, str]:
        """What the work tells of itself: JSON texts by name. Of a work that does not run: what it told last."""
        with self._reading() as connection:
            return work_state.told(connection)

    # ------------------------------------------------------------------------------------------ history

    def oldest_new(self) -> float | None:
        """When the oldest message that is not decided yet was received; None: there is none."""
        with self._reading() as connection:
            found: float | None = connection.execute(_OLDEST_NEW).scalar_one_or_none()
            return found

    def waiting_up_to(self, most: int) -> int:
        """How many messages are not decided yet, counted up to `most`."""
        with self._reading() as connection:
            number: int = connection.execute(_NEW_UP_TO, {"most": most}).scalar_one()
            return number

    def waiting(self, listener: str) -> int:
        """How many messages of a listener are not decided yet; costs what waits, not what is stored."""
        with self._reading() as connection:
            number: int = connection.execute(_COUNT_NEW_OF, {"listener": listener}).scalar_one()
            return number

    def decided(self, ids: Sequence[int]) -> list[tuple[str, str | None, list[dict[str, Any]]]]:
        """State, decision and reasons of these messages, in no order; unknown ids are left out."""
        with self._reading() as connection:
            return [
                (state, decision, _reasons(reasons))
                for state, decision, reasons in among(connection, _DECIDED, ids)
            ]


class _Opened:
    """Opens sealed values of one row and keeps the first that cannot be, to be shown instead."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self.problem: str | None = None

    def value(self, purpose: str, sealed: bytes | None) -> bytes | None:
        if sealed is None:
            return None
        try:
            return self._keyring.open(purpose, sealed)
        except Unreadable as error:
            self.problem = self.problem or f"unreadable: {error}"
            return None


def message_summary(row: Any) -> MessageSummary:
    """A row of MESSAGE_COLUMNS."""
    values = list(row)
    values[_REASONS_IN_MESSAGE] = _reasons(values[_REASONS_IN_MESSAGE])
    return MessageSummary(*values)


def request_summary(row: Any) -> RequestSummary:
    """A row of REQUEST_COLUMNS."""
    values = list(row)
    values[_REASONS_IN_REQUEST] = _reasons(values[_REASONS_IN_REQUEST])
    return RequestSummary(*values)


def _attempt(row: Any, opened: _Opened) -> AttemptView:
    values = list(row)
    values[-2] = opened.value("attempt", values[-2])
    values[-1] = opened.value("reply", values[-1])
    return AttemptView(*values)


def _reasons(text: str) -> list[dict[str, Any]]:
    try:
        reasons = json.loads(text)
    except ValueError:
        reasons = None
    return (
        reasons if isinstance(reasons, list) else [{"code": "unreadable", "text": "the reasons are damaged"}]
    )
