"""HTTP connections on a test's clock: who never ends is hung up on, and nobody keeps the others out."""

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.resource import Resource

from interface.services.bounded_http import LINGER_SECONDS, REQUEST_SECONDS, BoundedSite

PEER = IPv4Address("TCP", "127.0.0.1", 4711)
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


class Echo(Resource):
    isLeaf = True  # noqa: N815

    def render_POST(self, request):
        return request.content.read()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def site(clock):
    refused = []
    made = BoundedSite(Echo(), clock, max_body_bytes=10, refused=refused.append, most=3)
    made.told = refused
    return made


@pytest.fixture
def connect(site):
    def run():
        channel = site.buildProtocol(PEER)
        if channel is None:
            return None
        transport = StringTransport(peerAddress=PEER)
        channel.makeConnection(transport)
        return channel

    return run


def test_a_request_is_answered_and_the_connection_goes_on(connect, clock, site):
    channel = connect()
    for _ in range(3):
        channel.dataReceived(POST + b"abcd")
        assert channel.transport.value().endswith(b"\r\n\r\nabcd")
        channel.transport.clear()
        clock.advance(REQUEST_SECONDS - 1)
    assert not channel.transport.disconnecting


@pytest.mark.parametrize("begun", [b"", b"POST / HT", POST + b"ab"])
def test_one_byte_now_and_then_holds_no_connection(connect, clock, site, begun):
    channel = connect()
    channel.dataReceived(begun) if begun else None
    for _ in range(int(REQUEST_SECONDS) - 1):
        clock.advance(1)
        if begun == b"POST / HT":
            channel.dataReceived(b"x")
    assert not channel.transport.disconnecting
    clock.advance(1)
    assert channel.transport.disconnecting
    assert site.told == (["timeout"] if begun.startswith(POST) else [])


def test_who_does_not_read_the_answer_is_hung_up_on(connect, clock):
    channel = connect()
    channel.dataReceived(POST.replace(b"Host: x", b"Host: x\r\nConnection: close") + b"abcd")
    channel.transport.disconnecting = False  # it can't close: the answer is not read
    clock.advance(REQUEST_SECONDS)
    assert channel.transport.disconnecting


def test_a_head_without_end_is_refused(connect):
    channel = connect()
    channel.dataReceived(b"POST / HTTP/1.1\r\n")
    for number in range(2000):
        if channel.transport.value():
            break
        channel.dataReceived(b"X-%d: y\r\n" % number)
    assert channel.transport.value().startswith(b"HTTP/1.1 400 ")


def test_more_connections_than_there_is_room_for_are_hung_up_on(connect, site):
    channels = [connect() for _ in range(4)]
    assert channels[3] is None
    assert site.told == ["connections"]
    channels[0].connectionLost(None)
    assert connect() is not None


def test_a_body_that_is_far_too_large_is_refused_at_once_and_nothing_more_is_looked_at(connect, clock, site):
    channel = connect()
    channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
    assert channel.transport.value().startswith(b"HTTP/1.1 413 ")
    channel.dataReceived(b"x" * 1000 + b"\r\n" + POST + b"abcd")
    assert channel.transport.value().count(b"HTTP/1.1") == 1
    clock.advance(LINGER_SECONDS)
    assert channel.transport.disconnecting
    assert site.told == ["too-large"]


def test_who_asks_before_sending_too_much_is_told_not_to(connect):
    channel = connect()
    channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")
    assert channel.transport.value().startswith(b"HTTP/1.1 413 ")
