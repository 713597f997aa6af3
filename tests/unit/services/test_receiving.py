"""What becomes of a webhook, as values: whose it is, whether it may, what it says."""

import ipaddress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.services.receiving import ANSWERS, KNOWN_CLIENTS, Answer, Rate, Rules, read_webhook

EVENT = {
    "type": "patient.found",
    "correlationId": "11111111-2222-4333-8444-555555555555",
    "batchId": "b-1",
    "timestamp": "2026-03-05T12:00:00.123456789Z",
    "data": {"network": "made up"},
}


def networks(*texts):
    return tuple(map(ipaddress.ip_network, texts))


def read(**changes):
    return read_webhook(orjson.dumps(EVENT | changes), "10.0.0.9", 5.0)


def test_a_webhook_as_published_is_read():
    found = read()
    assert (found.event, found.correlation_id) == ("patient.found", EVENT["correlationId"])
    assert found.event_at == pytest.approx(1772712000.123456)
    assert (found.peer, found.received_at) == ("10.0.0.9", 5.0)


def test_a_byte_order_mark_before_it_is_passed_over():
    raw = b"\xef\xbb\xbf" + orjson.dumps(EVENT)
    found = read_webhook(raw, "p", 1.0)
    assert (found.event, found.raw) == ("patient.found", raw)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"type": "patient.merged"}, {"event": "other"}),
        ({"type": None}, {"event": "other"}),
        ({"type": 7}, {"event": "other"}),
        ({"batchId": None}, {}),
        ({"timestamp": "yesterday"}, {"event_at": None}),
        ({"timestamp": 12}, {"event_at": None}),
        # which no list could show in each time zone
        ({"timestamp": "9999-12-31T23:59:59Z"}, {"event_at": None}),
        ({"timestamp": "9999-12-31T23:59:59-14:00"}, {"event_at": None}),
        ({"timestamp": "0001-01-01T00:00:00Z"}, {"event_at": None}),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, {"event_at": None}),
        ({"timestamp": "x" * 10_000}, {"event_at": None}),
        ({"correlationId": " c-1 "}, {"correlation_id": "c-1"}),
        ({"correlationId": "x" * 1000}, {"correlation_id": None}),
        ({"correlationId": "a\nb"}, {"correlation_id": None}),
        ({"data": ["no", "object"]}, {}),
        ({"more": {"and": "more"}}, {}),
    ],
)
def test_what_is_odd_but_could_be_the_vendors_is_taken(changes, said):
    found = read(**changes)
    assert not isinstance(found, Answer)
    assert {name: getattr(found, name) for name in said} == said


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not-json"),
        (b"<html>", "not-json"),
        (b"[]", "not-json"),
        (b'"text"', "not-json"),
        (b"\xff\xfe", "not-json"),
        (b"[" * 100_000, "not-json"),
        (b'{"a":' * 50_000, "not-json"),
        (b"{}", "no-correlation-id"),
        (b'{"correlationId": 7}', "no-correlation-id"),
        (b'{"correlationId": "  "}', "no-correlation-id"),
    ],
)
def test_what_cannot_be_the_vendors_is_refused(raw, reason):
    assert read_webhook(raw, "p", 1.0) == ANSWERS[reason]
    assert 400 <= ANSWERS[reason].status < 500


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(orjson.dumps))
def test_whatever_is_sent_something_is_answered(raw):
    read_webhook(raw, "p", 1.0)


@given(
    st.dictionaries(st.sampled_from(sorted(EVENT)), st.none() | st.text() | st.integers(0, 9) | st.booleans())
)
def test_repeats_are_told_by_the_five_fields_alone(changes):
    one, other = read(**changes), read(**changes, extra=1)
    if isinstance(one, Answer):
        assert one == other
        return
    assert one.content == other.content
    same = {**EVENT, **changes} == EVENT
    assert (one.content == read().content) == same


def test_the_secret_is_one_more_segment():
    open_to_all, guarded = Rules((b"hooks",)), Rules((b"hooks",), b"sesame")
    assert open_to_all.leads_here([b"hooks"])
    assert not open_to_all.leads_here([b"hooks", b"sesame"])
    assert guarded.leads_here([b"hooks", b"sesame"])
    for path in (
        [b"hooks"],
        [b"hooks", b"sesam"],
        [b"hooks", b"sesame", b""],
        [b"other", b"sesame"],
        [],
        [b"hooks", b"\xff"],
    ):
        assert not guarded.leads_here(path)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),  # nobody whom we trust says so
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),  # what stands further left is anybody's
        ("10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [], None),
        ("10.0.0.1", ["unknown"], None),
        ("10.0.0.1", ["10.0.0.2"], None),
        ("10.0.0.1", ["1.2.3.4," + "10.0.0.2," * 40], None),
    ],
)
def test_who_sends_behind_proxies(peer, forwarded, client):
    assert Rules((), proxies=networks("10.0.0.0/24")).client(peer, forwarded) == client


def test_who_may_send():
    anyone, some = Rules(()), Rules((), allow=networks("198.51.100.0/24"), proxies=networks("10.0.0.1"))
    assert anyone.permits("203.0.113.5", "203.0.113.5") and anyone.may_connect("203.0.113.5")
    assert some.permits("10.0.0.1", "198.51.100.9")
    assert not some.permits("10.0.0.1", None)
    assert not some.permits("203.0.113.5", "203.0.113.5")
    assert [some.may_connect(host) for host in ("198.51.100.9", "10.0.0.1", "203.0.113.5")] == [
        True,
        True,
        False,
    ]


def test_plain_http_that_others_can_reach_is_for_proxies_and_this_machine():
    rules = Rules((), proxies=networks("10.0.0.1"), proxied=True)
    assert rules.permits("10.0.0.1", "203.0.113.5") and rules.permits("127.0.0.1", "127.0.0.1")
    assert not rules.permits("203.0.113.5", "203.0.113.5")
    assert [rules.may_connect(host) for host in ("10.0.0.1", "203.0.113.5")] == [True, False]


def test_a_sender_has_so_many_a_minute_and_they_come_back():
    rate = Rate()
    assert [rate.take("a", 3, 100.0) for _ in range(5)] == [0, 0, 0, 20, 20]
    assert rate.take("b", 3, 100.0) == 0
    assert rate.take("a", 3, 119.0) > 0
    assert rate.take("a", 3, 121.0) == 0
    assert [rate.take("a", 3, 1000.0) for _ in range(4)] == [0, 0, 0, 20]


def test_no_more_senders_are_remembered_than_memory_is_for():
    rate = Rate()
    for number in range(KNOWN_CLIENTS + 50):
        rate.take(str(number), 1, 1.0)
    assert len(rate._left) == KNOWN_CLIENTS
    assert rate.take(str(KNOWN_CLIENTS + 49), 1, 1.0) > 0
