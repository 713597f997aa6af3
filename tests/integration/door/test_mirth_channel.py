"""deploy/mirth/connective-health.xml, played against the door: nothing is lost, the order is kept, a NACK stops nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from mirth_channel import Channel, Settings, settings_of
from patience import until
from ports import free_port
from running_door import Door, message, stored_rows

ROOT = Path(__file__).parents[3]
FILE = ROOT / "deploy" / "mirth" / "connective-health.xml"
SHIPPED = settings_of(FILE)
QUICK = replace(SHIPPED, retry_seconds=0.05)
"""As it is shipped, but for the pause between two attempts."""

Start = Callable[..., Door]


@pytest.fixture
def play() -> Iterator[Callable[[Settings], Channel]]:
    channels: list[Channel] = []

    def made(settings: Settings) -> Channel:
        channels.append(Channel(settings))
        channels[-1].deploy()
        return channels[-1]

    yield made
    for channel in channels:
        channel.undeploy()


def stored(folder: Path) -> list[str]:
    return [row.control_id for row in stored_rows(folder)]


def test_the_file_says_what_the_docs_say() -> None:
    assert (SHIPPED.address, SHIPPED.port) == ("127.0.0.1", 2575)
    assert SHIPPED.queued_always and SHIPPED.in_order and SHIPPED.keep_open and SHIPPED.check_remote
    assert (
        SHIPPED.validate
        and SHIPPED.check_control_id
        and SHIPPED.queue_on_timeout
        and not SHIPPED.ignore_response
    )
    assert (SHIPPED.response_seconds, SHIPPED.retry_seconds) == (30.0, 10.0)
    assert (SHIPPED.accepted, SHIPPED.refused) == (("AA", "CA"), ("AE", "CE", "AR", "CR"))
    assert (SHIPPED.start, SHIPPED.end) == (b"\x0b", b"\x1c\r")
    page = (ROOT / "docs" / "engines.md").read_text("utf-8")
    root = ElementTree.parse(FILE).getroot()
    told = re.findall(r"`<(\w+)>(\w+)</…>`", page)
    assert len(told) >= 12
    for name, value in told:
        assert {one.text for one in root.iter(name)} == {value}, name


def test_the_file_is_one_channel_whose_parts_are_of_one_version() -> None:
    root = ElementTree.parse(FILE).getroot()
    assert root.tag == "channel"
    assert {part.get("version") for part in root.iter() if part.get("version")} == {"4.1.1"}
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", root.findtext("id") or "")
    ids = [int(part.text or "") for part in root.iter("metaDataId")]
    assert ids == [0, 1]
    assert int(root.findtext("nextMetaDataId") or "") == 2
    assert not [part for part in root.iter("elements") if len(part)], "a step would touch the message"
    assert {part.text for part in root.iter("convertLineBreaks")} == {"false"}


def test_nothing_is_lost_and_the_order_is_kept_over_restarts_kills_and_a_full_disk(
    start: Start, play: Callable[[Settings], Channel], tmp_path: Path
) -> None:
    port = free_port()
    channel = play(replace(QUICK, port=port))
    names = [f"M{number:03}" for number in range(240)]
    messages = [message(name) for name in names]
    channel.take(*messages[:60])  # nobody listens yet
    door = start(port=port)
    until("the first have left the queue", lambda: channel.done == 60)
    channel.take(*messages[60:120])
    assert door.stop() == 0
    door = start(port=port)
    until("those of the restart have left the queue", lambda: channel.done == 120)
    channel.take(*messages[120:180])
    door.process.kill()
    door.process.wait()
    door = start(port=port)
    until("those of the kill have left the queue", lambda: channel.done == 180)
    door.full_disk(True)
    channel.take(*messages[180:])
    tried = channel.again
    until("it is sent again, for nothing can be stored", lambda: channel.again > tried + 2)
    door.full_disk(False)
    until("all have left the queue", lambda: channel.done == 240)
    assert (channel.sent, channel.errors) == (messages, [])
    assert door.stop() == 0
    assert stored(tmp_path) == names


def test_what_is_refused_stays_with_the_engine_and_stops_nothing(
    start: Start, play: Callable[[Settings], Channel], tmp_path: Path
) -> None:
    door = start()
    channel = play(replace(QUICK, port=door.ports["main"]))
    without_id = message("")
    channel.take(message("M1"), without_id, message("M2"))
    until("all have left the queue", lambda: channel.done == 3)
    assert channel.sent == [message("M1"), message("M2")]
    assert channel.errors == [without_id]
    assert stored(tmp_path) == ["M1", "", "M2"]  # what was refused is in the journal, too


@pytest.mark.parametrize(
    ("listener", "slip", "lost"),
    [
        ("", {"validate": False}, "sent"),
        ("", {"ignore_response": True}, "sent"),
        ('not_stored = "AE"', {}, "errors"),
    ],
    ids=["responses not validated", "responses ignored", "the door asked to say AE"],
)
def test_why_the_settings_are_as_they_are(
    start: Start, play: Callable[[Settings], Channel], listener: str, slip: dict[str, bool], lost: str
) -> None:
    """Each slip gives up a message that is stored nowhere: as sent, or as an error that is not sent again."""
    door = start(listener)
    channel = play(replace(QUICK, port=door.ports["main"], **slip))
    door.full_disk(True)
    channel.take(message("M1"))
    until("the engine has given it up", lambda: channel.done == 1)
    assert getattr(channel, lost) == [message("M1")]
    assert door.rows() == []
