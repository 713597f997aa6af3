"""The buttons of what can be done to one request or message, as pages about it include them."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest

from interface.console.asked import Viewer
from interface.console.rendering import _environment

ANALYST, VIEWER = Viewer("mary", "analyst"), Viewer("vera", "viewer")


def links(text: str, **values: object) -> list[dict[str, list[str]]]:
    template = _environment().from_string('{% import "_deeds.html" as deeds %}' + text)
    html = template.render(**values)
    return [parse_qs(found.replace("&amp;", "&")) for found in re.findall(r'href="/by-hand\?([^"]*)"', html)]


@pytest.mark.parametrize(
    ("state", "codes", "expected"),
    [
        ("held", ["protected"], ["release", "reprocess", "discard"]),
        ("held", ["missing:x"], ["reprocess", "discard"]),
        ("dead", [], ["retry", "reprocess", "discard"]),
        ("waiting", [], ["retry", "reprocess", "discard"]),
        ("discarded", [], ["retry"]),
        ("delivered", [], []),
        ("sending", [], []),
    ],
)
def test_a_request_offers_what_can_be_done_to_it(state: str, codes: list[str], expected: list[str]) -> None:
    asked = {"viewer": ANALYST, "state": state, "codes": codes, "back": "/requests/7?a=b&c=d"}
    found = links("{{ deeds.request(viewer, 7, state, codes, back) }}", **asked)
    assert [link["deed"] for link in found] == [[deed] for deed in expected]
    assert all((link["id"], link["back"]) == (["7"], ["/requests/7?a=b&c=d"]) for link in found)
    assert links("{{ deeds.request(viewer, 7, state, codes, back) }}", **asked | {"viewer": VIEWER}) == []


def test_a_message_can_be_decided_again_once_it_is_decided() -> None:
    text = "{{ deeds.message(viewer, 3, state, '/messages/3') }}"
    (link,) = links(text, viewer=ANALYST, state="done")
    assert link == {"deed": ["reprocess"], "id": ["3"], "back": ["/messages/3"], "of_messages": ["yes"]}
    assert links(text, viewer=ANALYST, state="new") == []
    assert links(text, viewer=VIEWER, state="done") == []


def test_a_chart_can_be_rebuilt_by_those_who_may() -> None:
    text = "{{ deeds.patient(viewer, 3, '/patients/3') }}"
    (link,) = links(text, viewer=ANALYST)
    assert link == {"deed": ["rebuild"], "id": ["3"], "back": ["/patients/3"]}
    assert links(text, viewer=VIEWER) == []
