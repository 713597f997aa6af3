"""What the page of a message makes of what was read."""

from __future__ import annotations

from dataclasses import replace

from interface.console.pages.message import worth_showing
from interface.console.whence import Whence

ROW = {"source": "PID-13", "why": "a fax is not sent"}
OTHER = {"source": "DG1-3", "why": "no such coding system"}
EMPTY = Whence([], 0, [], [], [], None, 0)


def test_what_a_message_says_alone_is_said_once() -> None:
    request = replace(EMPTY, left_out=[ROW])
    own = replace(EMPTY, left_out=[ROW, OTHER], said=["repaired"])
    found = worth_showing(own, request)
    assert found is not None and (found.left_out, found.said) == ([OTHER], ["repaired"])
    assert worth_showing(replace(EMPTY, left_out=[ROW]), request) is None
    assert worth_showing(replace(EMPTY, left_out=[ROW]), None) is not None
    assert worth_showing(None, request) is None
