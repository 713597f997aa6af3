"""What the log says of a message that is decided and of a request that ends."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from interface.services.lives import Lives, correlation_id_told, type_told
from interface.services.plan import Plan
from interface.store.records.reading import JournalRow
from interface.store.records.reasons import reasons_json
from interface.store.records.turn import (
    AttemptDone,
    Claimed,
    CloseRow,
    Committed,
    DiscardRow,
    MessageAgain,
    MessageDone,
    NewRequestRow,
    Turn,
    Unsent,
)

AT = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
NOW = AT.timestamp()
ID = "75f99646-e4ea-4359-aab4-e5f0ac44b590"
WHY = reasons_json([("asks", "SIU^S12 asks for the records of this appointment")])


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("interface"), "propagate", True)
    caplog.set_level(logging.INFO, "interface")
    return caplog


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [line for record in caplog.records for line in record.getMessage().splitlines()]
    caplog.clear()
    return found


def lives(**options: bool) -> Lives:
    return Lives(wall=lambda: NOW + 0.25, **options)


def row(control_id: str = "C1", message_type: str = "SIU^S12") -> JournalRow:
    return JournalRow(7, "main", b"MSH|", AT, control_id, message_type=message_type)


def decided(found: JournalRow | None, **options: object) -> Plan:
    done = MessageDone(7, "done", "post", WHY, None, 3, 45)
    return Plan(messages=[done], rows={} if found is None else {7: found}, **options)  # type: ignore[arg-type]


def attempt(state: str, **options: object) -> AttemptDone:
    return AttemptDone(45, 3, 0.0, 0.5, 200, "delivered", "", state, **options)  # type: ignore[arg-type]


def new(id_: int, state: str = "waiting", supersedes: int | None = None) -> NewRequestRow:
    return NewRequestRow(id_, 3, 7, "A", state, b"", b"", None, "[]", supersedes)


def test_a_decided_message_is_one_line_that_names_its_request(told: pytest.LogCaptureFixture) -> None:
    lives().stored(decided(row()), Turn(NOW), Committed())
    assert lines(told) == [
        "event=message id=7 listener=main type=SIU^S12 control_id=C1 decision=post request=45 reasons=asks waited_ms=250"
    ]


def test_a_message_that_failed_says_so(told: pytest.LogCaptureFixture) -> None:
    done = MessageDone(7, "failed", None, reasons_json([("mapping-error", "KeyError at x.py:1")]))
    lives().stored(Plan(messages=[done], rows={7: row()}), Turn(NOW), Committed())
    (line,) = lines(told)
    assert "decision=failed reasons=mapping-error" in line


def test_a_delivered_request_is_one_line_with_what_the_api_calls_it(told: pytest.LogCaptureFixture) -> None:
    log = lives()
    log.stored(None, Turn(NOW), Committed((Claimed(45, 3, b"", 2, None, created_at=NOW, message_id=7),)))
    assert lines(told) == []
    turn = Turn(NOW + 1.5, attempts=[attempt("delivered", correlation_id=ID)])
    log.stored(None, turn, Committed())
    assert lines(told) == [
        f"event=request id=45 message=7 state=delivered status=200 attempts=3 correlation_id={ID} seconds=1.5"
    ]


def test_a_request_that_waits_again_has_not_ended(told: pytest.LogCaptureFixture) -> None:
    lives().stored(None, Turn(NOW, attempts=[attempt("waiting")]), Committed())
    assert lines(told) == []


def test_an_answer_that_came_after_another_node_took_over_ends_nothing(
    told: pytest.LogCaptureFixture,
) -> None:
    lives().stored(None, Turn(NOW, attempts=[attempt("delivered")]), Committed(late=(45,)))
    assert lines(told) == []


def test_each_other_end_of_a_request_is_a_line(told: pytest.LogCaptureFixture) -> None:
    turn = Turn(
        NOW,
        attempts=[Unsent(1, 3, "expired", reasons_json([("expired", "")]))],
        requests=[
            CloseRow(2, 3, "withdrawn", reasons_json([("cancelled", "")])),
            CloseRow(3, 3, "withdrawn"),
            new(10, supersedes=4),
            new(11, supersedes=5),
            new(12, "superseded"),
        ],
        by_hand=[DiscardRow(6, 3, "dead", b"")],
    )
    lives().stored(Plan(), turn, Committed(missed=(3, 5), overtaken=(9,)))
    assert lines(told) == [
        "event=request id=1 state=expired reasons=expired",
        "event=request id=9 state=superseded",
        "event=request id=2 state=withdrawn reasons=cancelled",
        "event=request id=4 state=superseded",
        "event=request id=12 state=superseded",
        "event=request id=6 state=discarded",
    ]


def test_a_message_that_a_person_has_decided_anew_is_a_line_that_says_again(
    told: pytest.LogCaptureFixture,
) -> None:
    done = MessageDone(7, "done", "chart", WHY)
    plan = Plan(again=[MessageAgain(7, 3, set_aside=False, decided=done), MessageAgain(8, 3, set_aside=True)])
    lives().stored(plan, Turn(NOW), Committed())
    assert lines(told) == ["event=message id=7 decision=chart reasons=asks again=True"]


def test_the_control_id_is_left_out_where_senders_put_patients_numbers_in_it(
    told: pytest.LogCaptureFixture,
) -> None:
    lives(control_ids=False).stored(decided(row("MRN4711")), Turn(NOW), Committed())
    (line,) = lines(told)
    assert "4711" not in line and "control_id" not in line


def test_without_lines_for_messages_nothing_is_said(told: pytest.LogCaptureFixture) -> None:
    lives(messages=False).stored(decided(row()), Turn(NOW, attempts=[attempt("delivered")]), Committed())
    assert lines(told) == []


def test_a_long_control_id_is_cut(told: pytest.LogCaptureFixture) -> None:
    lives().stored(decided(row("C" * 5000)), Turn(NOW), Committed())
    (line,) = lines(told)
    assert line.count("C") == 199


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("SIU^S12", "SIU^S12"),
        ("ADT", "ADT"),
        ("ADT^DOE", "ADT"),
        ("DOE^JANE", "other"),
        ("ADT ^A08", "other"),
        ("adt^A08", "other"),
        ("", "-"),
    ],
)
def test_only_what_the_standard_calls_a_type_is_told_as_one(given: str, told: str) -> None:
    assert type_told(given) == told


@pytest.mark.parametrize("given", ["Doe, Jane", ID + "x", ID.replace("-", ""), "", None, "19700131"])
def test_what_the_api_sends_as_an_id_and_is_none_is_not_told(given: str | None) -> None:
    assert correlation_id_told(given) is None
    assert correlation_id_told(ID) == ID
