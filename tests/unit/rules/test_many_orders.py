"""A message of hundreds of orders costs by its orders, whatever their clinicians are like."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from interface.rules import Policy, Reading, load_rulebook, read_message
from interface.rules.types.person import Person, Readings

RECEIVED = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
HEAD = b"MSH|^~\\&|EHR|LFC|||20260302090000||RDE^O11|K1|P|2.5.1\rPID|1||T1001^^^LFC^MR||Sample^Robin\r"
ORDER = b"ORC|NW|%d^EHR||||||||||D%d^Quill%d^Avery\rRXE||861007^Drug^RXNORM|1||mg\r"


def read(orders: int, more: bytes = b"") -> Reading:
    message = HEAD + b"".join(ORDER % (n, n, n) for n in range(orders)) + more
    return read_message(load_rulebook().unshared(), Policy(), message, received_at=RECEIVED)


def test_each_clinician_is_read_as_often_however_many_orders_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_fields: list[str] = []
    plain = Readings.of_xcn

    def counted(self: Readings, context, repetition, *, bare: bool = True) -> Person | None:  # type: ignore[no-untyped-def]
        read_fields.append(repetition.path)
        return plain(self, context, repetition, bare=bare)

    monkeypatch.setattr(Readings, "of_xcn", counted)
    costs = []
    for orders in (50, 100):
        read_fields.clear()
        read(orders)
        costs.append(len(read_fields) / orders)
    assert costs[0] == costs[1] <= 2


def test_of_hundreds_of_orders_the_last_still_lends_the_first_its_clinician_s_npi() -> None:
    said = read(100, b"ORC|NW|900^EHR||||||||||1234567893^Quill0^Avery\rRXE||1^Drug^RXNORM|1||mg\r")
    prescribers = [order["prescription.prescriber"] for order in said.orders]
    assert prescribers[0].value["npi"] == "1234567893"
    assert prescribers[0].said == ("the NPI of the same person in ORC[101]-12.1",)
    assert [fact.value for fact in prescribers[1:100]] == [None] * 99
