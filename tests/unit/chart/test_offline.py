"""Charts in memory: what `explain` and `feed-report` decide with."""

from datetime import UTC, datetime

from interface.chart.decide import Engine
from interface.chart.offline import Offline
from interface.rules import Policy, load_rulebook

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def booking(mrn: str, *more: str) -> bytes:
    lines = (
        f"MSH|^~\\&|A|B|||20260302080000||SIU^S12|{mrn}{len(more)}|P|2.5.1",
        f"SCH||A{mrn}|||||||||^^^20260320090000",
        *more,
        "AIP|1||1234567893^Quill^Avery^^^^^^NPI|ATND",
    )
    return "\r".join(lines).encode()


def pid(mrn: str, born: str = "19700131") -> str:
    return f"PID|1||{mrn}^^^LFC^MR||Sample^Robin||{born}|F|||12 Birch Ln^^Madison^WI^53703"


def decisions(offline: Offline, *messages: bytes) -> list[str]:
    return [offline.take(one, now=NOW)[1].decision for one in messages]


def test_messages_build_up_charts() -> None:
    offline = Offline(Engine(load_rulebook(), Policy()))
    held, completing = booking("1", pid("1", "1970")), booking("1", pid("1"), "NTE|1")
    assert decisions(offline, held, completing, completing) == ["hold", "post", "chart"]


def test_charts_longest_not_seen_are_forgotten_beyond_the_limit() -> None:
    offline = Offline(Engine(load_rulebook(), Policy()), most_charts=2)
    one, two, three = (booking(mrn, pid(mrn)) for mrn in "123")
    assert decisions(offline, one, two, one, three, one, two) == [
        "post",
        "post",
        "chart",
        "post",
        "chart",
        "post",
    ]
    assert offline.forgotten == 2
