"""Replies and webhooks are read leniently: what is a little off must not stop a delivery."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from interface.contract.replies import read_error_body, read_processing_response
from interface.contract.violations import ContractError
from interface.contract.webhooks import WebhookEvent, read_event, read_timestamp

EVENT = {
    "type": "patient.found",
    "correlationId": "0b0f1c1e-0000-4000-8000-000000000001",
    "batchId": "2026-03-05-A",
    "timestamp": "2026-03-05T10:00:00.123456789Z",
}


@pytest.mark.parametrize(
    ("raw", "correlation_id"),
    [
        (b'{"correlationId": "abc"}', "abc"),
        (b'{"correlationId": null}', None),
        (b"{}", None),
        (b'{"correlationId": "abc", "more": {"x": 1}}', "abc"),
    ],
)
def test_a_processing_response_is_any_object(raw, correlation_id):
    assert read_processing_response(raw).correlationId == correlation_id


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'"x"', b"\xff", b'{"correlationId": 7}'])
def test_what_is_no_processing_response_is_none(raw):
    assert read_processing_response(raw) is None


def test_an_error_body_tells_its_problems_once_each():
    body = read_error_body(
        json.dumps(
            {
                "message": "refused",
                "logref": None,
                "_links": {"self": {"href": "/v1"}},
                "_embedded": {
                    "errors": [{"message": "zip is missing"}, {"message": "zip is missing"}, {"other": 1}, 3],
                    "odd": {"message": "not a list"},
                },
                "unknown": 1,
            }
        ).encode()
    )
    assert body.message == "refused"
    assert body.problems() == ("zip is missing",)


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'{"message": {}}'])
def test_what_is_no_error_body_is_none(raw):
    assert read_error_body(raw) is None


def test_a_timestamp_with_nine_digits_is_read():
    event = read_event(json.dumps(EVENT).encode())
    assert event.timestamp == datetime(2026, 3, 5, 10, 0, 0, 123456, UTC)
    assert event.is_known
    assert event.data is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-05T10:00:00Z", datetime(2026, 3, 5, 10, tzinfo=UTC)),
        ("2026-03-05T10:00:00.1Z", datetime(2026, 3, 5, 10, 0, 0, 100000, UTC)),
        ("2026-03-05T10:00:00.1234567-06:00", datetime(2026, 3, 5, 16, 0, 0, 123456, UTC)),
        ("2026-03-05T10:00:00", datetime(2026, 3, 5, 10, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_an_aware_time(text, expected):
    assert read_timestamp(text) == expected
    assert read_timestamp(text).utcoffset() is not None


def test_an_unknown_type_and_unknown_fields_are_taken():
    event = read_event(json.dumps({**EVENT, "type": "new.kind", "extra": 1, "data": {"a": "b"}}).encode())
    assert not event.is_known
    assert event.data == {"a": "b"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": None}, "type is missing"),
        ({"timestamp": "Zzyzx"}, "timestamp is not a time"),
        ({"timestamp": 7}, "timestamp is not a time"),
        ({"correlationId": 7}, "correlationId is not text"),
    ],
)
def test_a_wrong_event_is_refused_without_its_values(change, said):
    with pytest.raises(ContractError) as caught:
        read_event(json.dumps({**EVENT, **change}).encode())
    assert str(caught.value) == said


@pytest.mark.parametrize("raw", [b"", b"{", b"[]"])
def test_what_is_no_event_is_refused(raw):
    with pytest.raises(ContractError):
        read_event(raw)


def test_an_event_can_be_built_from_a_time():
    now = datetime(2026, 3, 5, tzinfo=UTC)
    event = WebhookEvent.model_validate({**EVENT, "timestamp": now})
    assert event.timestamp - now == timedelta(0)
