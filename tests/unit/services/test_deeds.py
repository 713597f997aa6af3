"""What was done to one request, of all that persons asked for."""

from __future__ import annotations

from typing import Any

from interface.services.deeds import done_to
from interface.store.records.reading import Command


def command(kind: str, requests: list[int], result: dict[str, Any], **more: str) -> Command:
    return Command(1, kind, {"requests": requests, **more}, "done", result, 5.0, 6.0)


def test_what_was_done_to_a_request_is_told_with_who_and_when() -> None:
    commands = (
        command("discard", [1, 2], {"refused": []}, who="anna"),
        command("retry", [2], {"refused": []}, who="anna"),
        command("retry", [1], {"refused": [[1, "it is delivered"]]}, who="anna"),
        command("release", [1, 2], {"let_go": [1]}, who="mary"),
        command("release", [1], {"requests": 1, "released": 1}),
    )
    told = [(done.deed.kind, done.at, done.who) for done in done_to(1, commands)]
    assert told == [("discard", 5.0, "anna"), ("release", 5.0, "mary"), ("release", 5.0, "a person")]
    assert [done.deed.kind for done in done_to(2, commands)] == ["discard", "retry"]
