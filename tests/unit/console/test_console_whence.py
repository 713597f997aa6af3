"""Messages and provenance as pages show them: values in, values out."""

from __future__ import annotations

import json

import pytest

from interface.console.asked import Viewer
from interface.console.segments import anchor, lay_out, nearest, whole
from interface.console.whence import Beside, Whence, control_ids_in, excerpt, whence_of
from interface.hl7.message import Message
from interface.shown.sources import source_of
from interface.store.records.lists import NamedMessage

RAW = (
    b"MSH|^~\\&|EPIC|LFC|||2026||ADT^A08|C9|P|2.5\r"
    b'PID|1||7788^^^LFC^MR~99||Lovelace^Ada^""||""\rDG1|1||E11.9\rDG1|2||I10^High\r'
)
MASKED, OPEN = Viewer("v", "viewer"), Viewer("m", "analyst", shows=True)
LAID = lay_out(Message(RAW), OPEN)


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("PID-5.1", "PID-5.1"),
        ("PID-5.1.2", "PID-5.1"),
        ("PID-3[2].1", "PID-3_2"),
        ("PID-3.4", "PID-3.4"),
        ("DG1-3.1", "DG1-3"),
        ("DG1[2]-3.1", "DG1_2-3.1"),
        ("DG1[2]-19", "DG1_2"),
        ("DG1[7]-3", "DG1"),
        ("ZPD-1", ""),
        ("", ""),
    ],
)
def test_a_place_leads_to_the_smallest_part_that_is_shown(place: str, found: str) -> None:
    assert nearest(place, LAID.anchors) == found


def test_places_have_anchors_of_their_own() -> None:
    places = ["DG1[2]-3.1", "DG1-2.3.1", "DG1-2[3].1", "DG1[2]-3", "DG1-23.1"]
    assert len({anchor(place) for place in places}) == len(places)


def test_null_is_shown_as_null_to_whoever_looks() -> None:
    (_, pid, *_) = lay_out(Message(RAW), MASKED).segments
    parts = [
        part for field in pid["fields"] for repetition in field["repetitions"] for part in repetition["parts"]
    ]
    assert [part["value"].text for part in parts][-2:] == ['""', '""']
    assert "Lovelace" not in str(pid)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("PID-3", "7788^^^LFC^MR~99"),
        ("DG1[2]-3", "I10^High"),
        ("DG1[9]-3", None),
        ("PID", None),
        ("PID-0", None),
    ],
)
def test_a_field_is_given_whole(place: str, text: str | None) -> None:
    assert whole(Message(RAW), place) == text


@pytest.mark.parametrize(
    ("text", "control_id", "place"),
    [
        ("PID-5.1", "", "PID-5.1"),
        ("DG1[2]-3[2].1.2", "", "DG1[2]-3[2].1.2"),
        ("C1:PID-5", "C1", "PID-5"),
        ("A:B:PID-5", "A:B", "PID-5"),
        ("settings:site.mrn_root", "", ""),
        ("PID-5 and more", "", ""),
        ("C1:PV1", "C1", "PV1"),
    ],
)
def test_a_source_is_taken_apart(text: str, control_id: str, place: str) -> None:
    assert source_of(text) == (control_id, place)


DETAIL = {
    "fields": [
        {"field": "patient.name.family", "value": "Lovelace", "source": "PID-5.1", "rule": "r.yaml#n"},
        {"field": "patient.gender", "value": "female", "source": "C1:PID-8", "rule": "r.yaml#g"},
        {"field": "patient.mrn.root", "value": "2.999", "source": "settings:site.mrn_root", "rule": "s"},
        {"field": "x", "value": 1, "source": "C2:PID-8", "rule": "r"},
        {"field": "y", "value": 1, "source": "C3:PID-8.1", "rule": "r"},
    ],
    "left_out": [{"source": "PID-13", "value": "(802) 555-0134", "why": "a fax of Lovelace is not sent"}],
    "repaired": [["patient.name", "put apart"]],
}
C1 = NamedMessage(4, "C1", 1, "ADT^A08", 1.0)
C2 = [NamedMessage(5, "C2", 1, "ADT^A08", 1.0), NamedMessage(6, "C2", 1, "ADT^A08", 1.0)]
BESIDE = Beside(9, "C9", own=True, anchors=LAID.anchors, decided=9, named={"C1": [C1], "C2": C2})


def made(viewer: Viewer, detail: object = DETAIL, beside: Beside = BESIDE) -> Whence:
    patient = {"name": {"family": "Lovelace"}, "gender": "female", "mrn": {"root": "2.999"}}
    return whence_of(viewer, {"patient": patient}, detail, beside, [RAW])


def test_each_value_leads_to_its_source_or_nowhere() -> None:
    rows = [(row["href"], row["lights"]) for row in made(OPEN).rows]
    assert rows == [
        ("#PID-5.1", "PID-5.1"),
        ("/messages/4#PID-8", ""),
        ("", ""),
        ("/messages?control_id=C2", ""),
        ("", ""),
    ]


def test_places_of_the_message_that_composed_it_lead_there_from_another() -> None:
    beside = Beside(3, "C1", own=False, anchors=LAID.anchors, decided=9)
    rows = made(OPEN, beside=beside).rows
    assert rows[0]["href"] == "/messages/9#PID-5"
    assert rows[1]["lights"] == nearest("PID-8", LAID.anchors)


def test_masked_values_keep_their_shape_and_the_rest_its_names() -> None:
    found = made(MASKED)
    assert "Lovelace" not in str(found)
    assert [row["value"].text for row in found.rows][:3] == ["Xxxxxxxx", "female", "2.999"]
    assert found.left_out[0]["value"].text == "(999) 999-9999"
    assert [row["name"] for row in found.rows][:2] == ["family name", "sex"]
    assert found.rows[0]["source"] == "PID-5.1" and found.repaired == [("patient.name", "put apart")]
    assert "Lovelace" in str(made(OPEN))


@pytest.mark.parametrize("detail", [None, [], "text", {"fields": 3}, {"fields": [1, {}], "left_out": [None]}])
def test_provenance_that_is_damaged_shows_what_there_is(detail: object) -> None:
    for viewer in (MASKED, OPEN):
        assert len(made(viewer, detail).rows) <= 1
    assert control_ids_in(detail) == set()


def test_earlier_messages_are_found_by_what_sources_name() -> None:
    assert control_ids_in(DETAIL) == {"C1", "C2", "C3"}


@pytest.mark.parametrize(
    "reply", [{"error": {"patient": "Lovelace"}, "n": 123}, ["Lovelace"], "Lovelace, Ada"]
)
def test_a_reply_is_masked_but_for_its_names(reply: object) -> None:
    shown, hidden = excerpt(OPEN, reply), excerpt(MASKED, reply)
    assert shown is not None and "Lovelace" in shown.text
    assert hidden is not None and "Lovelace" not in hidden.text and "123" not in hidden.text
    assert excerpt(OPEN, None) is None


def test_names_of_a_reply_that_are_none_are_masked_too() -> None:
    hidden = excerpt(MASKED, json.loads('{"Ada Lovelace": true}'))
    assert hidden is not None and "Lovelace" not in hidden.text
