"""Which rows a filter of a list takes, as SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    and_,
    bindparam,
    exists,
    func,
    not_,
    or_,
    select,
)

from interface.store.records.lists import MessageFilter, RequestFilter
from interface.store.schema import messages, request_ids, requests

_ESCAPE = "\\"
_FROM_SENDER = or_(
    messages.c.sender_application == bindparam("sender"), messages.c.sender_facility == bindparam("sender")
)
# a filter's field → the condition it stands for
_MESSAGE_CONDITIONS = {
    "state": messages.c.state == bindparam("state"),
    "decision": messages.c.decision == bindparam("decision"),
    "message_type": messages.c.message_type == bindparam("message_type"),
    "control_id": messages.c.control_id == bindparam("control_id"),
    "listener": messages.c.listener == bindparam("listener"),
    "sender": _FROM_SENDER,
    "code": messages.c.reasons.like(bindparam("code"), escape=_ESCAPE),
    "since": messages.c.received_at >= bindparam("since"),
    "until": messages.c.received_at < bindparam("until"),
}
_REQUEST_CONDITIONS = {
    "id": requests.c.id == bindparam("id"),
    "state": requests.c.state == bindparam("state"),
    "code": requests.c.reasons.like(bindparam("code"), escape=_ESCAPE),
    "last_status": requests.c.last_status == bindparam("last_status"),
    "last_verdict": requests.c.last_verdict == bindparam("last_verdict"),
    "correlation_id": requests.c.id.in_(
        select(request_ids.c.request_id).where(request_ids.c.correlation_id == bindparam("correlation_id"))
    ),
    "environment": requests.c.environment == bindparam("environment"),
    "message_type": exists().where(
        messages.c.id == requests.c.message_id, messages.c.message_type == bindparam("message_type")
    ),
    "sender": exists().where(messages.c.id == requests.c.message_id, _FROM_SENDER),
    "appointment_date": requests.c.appointment_date == bindparam("appointment_date"),
    "since": requests.c.created_at >= bindparam("since"),
    "until": requests.c.created_at < bindparam("until"),
    "unanswered_before": requests.c.awaited_since < bindparam("unanswered_before"),
}
_FOUND, _INSUFFICIENT, _DELIVERED = (
    requests.c[name].is_not(None) for name in ("found_at", "insufficient_at", "delivered_at")
)
_OUTCOMES = {
    "found": and_(_FOUND, not_(_INSUFFICIENT), not_(_DELIVERED)),
    "insufficient": and_(_INSUFFICIENT, not_(_DELIVERED)),
    "delivered": _DELIVERED,
    "contradicting": and_(_INSUFFICIENT, _DELIVERED),
    "none": and_(requests.c.state == "delivered", not_(_FOUND), not_(_INSUFFICIENT), not_(_DELIVERED)),
}


def messages_of(statement: Select[Any], where: MessageFilter) -> tuple[Select[Any], dict[str, Any]]:
    """A statement of messages with the filter's conditions, and the values that these ask for."""
    return _filtered(statement, _MESSAGE_CONDITIONS, messages.c.reasons, where)


def requests_of(statement: Select[Any], where: RequestFilter) -> tuple[Select[Any], dict[str, Any]]:
    """A statement of requests with the filter's conditions, and the values that these ask for."""
    statement, parameters = _filtered(statement, _REQUEST_CONDITIONS, requests.c.reasons, where)
    if where.outcome is not None:
        statement = statement.where(_OUTCOMES[where.outcome])
    return statement, parameters


def _filtered(
    statement: Select[Any],
    conditions: dict[str, ColumnElement[bool]],
    reasons: Column[str],
    where: MessageFilter | RequestFilter,
) -> tuple[Select[Any], dict[str, Any]]:
    parameters = {name: getattr(where, name) for name in conditions if getattr(where, name) is not None}
    statement = statement.where(*(conditions[name] for name in parameters))
    if "code" in parameters:
        parameters["code"] = _having(parameters["code"])
    if where.only_codes is not None:
        statement = statement.where(_without(reasons, where.only_codes).not_like(_ANY_CODE))
    if where.other_codes is not None:
        statement = statement.where(_without(reasons, where.other_codes).like(_ANY_CODE))
    return statement, parameters


_ANY_CODE = '%"code": %'


def _having(code: str) -> str:
    """The pattern of `reasons` that hold this code."""
    told = json.dumps(code)
    for character in (_ESCAPE, "%", "_"):
        told = told.replace(character, _ESCAPE + character)
    return f'%"code": {told},%'


def _without(reasons: ColumnElement[str], codes: Sequence[str]) -> ColumnElement[str]:
    """The text of `reasons` with these codes taken out."""
    for code in codes:
        reasons = func.replace(reasons, f'"code": {json.dumps(code)},', "")
    return reasons


def code_pattern(reasons: ColumnElement[str], code: str) -> ColumnElement[bool]:
    """Rows whose reasons have this code."""
    return reasons.like(_having(code), escape=_ESCAPE)


def without_codes(reasons: ColumnElement[str], codes: Sequence[str]) -> ColumnElement[bool]:
    """Rows that have no other reasons than these."""
    return _without(reasons, codes).not_like(_ANY_CODE)
