"""Sealed values that are damaged in the store are set aside and shown; the rest goes on, and what can be mended is."""

import pytest
from sqlalchemy import text

from interface.delivery.verdict import Reply
from interface.store.records.lists import MessageFilter

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
DG1 = "DG1|1||E11.9^Diabetes^I10"


def damage(site, column, **where):
    """Flip one byte of a sealed value, on the disk and past every check."""
    table, name = column.split(".")
    ((key, value),) = where.items()
    with site.store.work._writing() as connection:
        row = {"value": value}
        (sealed,) = connection.execute(text(f"SELECT {name} FROM {table} WHERE {key} = :value"), row).one()
        row["flipped"] = bytes([*sealed[:-1], sealed[-1] ^ 1])
        connection.execute(text(f"UPDATE {table} SET {name} = :flipped WHERE {key} = :value"), row)
    site.loop._intake.forget()  # a program that goes on may have it in memory still
    return row["flipped"]


def stored_chart(site, patient):
    with site.store.views._reading() as connection:
        statement = text("SELECT chart FROM charts WHERE patient_id = :patient")
        return connection.execute(statement, {"patient": patient}).scalar_one()


def messages(site):
    return {row.id: row for row in site.store.views.messages()}


def codes(row):
    return [reason["code"] for reason in row.reasons]


@pytest.fixture
def hold_back(site):
    """What is journalled is not decided until `site.turn()`."""

    def journal(kind, *segments, patient):
        turn, site.turn = site.turn, lambda: None
        try:
            site.tell(kind, *segments, patient=patient)
        finally:
            site.turn = turn

    return journal


def test_a_damaged_message_is_set_aside_and_the_others_are_decided(site, hold_back):
    hold_back("ADT^A08", patient="T1")
    hold_back("ADT^A08", patient="T2")
    damage(site, "message_bodies.body", message_id=1)
    site.turn()
    first, second = messages(site)[1], messages(site)[2]
    assert (first.state, codes(first)) == ("failed", ["message-unreadable"])
    assert first.reasons[0]["text"].startswith("unreadable: ")
    assert second.state == "done"
    assert site.store.views.message(1).problem.startswith("unreadable: ")


def test_a_damaged_chart_is_never_overwritten_and_rebuilding_mends_it(site):
    site.book("20260401", patient="T1")
    site.book("20260401", patient="T2")
    damaged = damage(site, "charts.chart", patient_id=1)
    site.tell("ADT^A08", DG1, patient="T1")
    site.book("20260402", kind="SIU^S13", patient="T1")
    site.book("20260402", kind="SIU^S13", patient="T2")
    site.reply(TAKEN)
    site.reply(TAKEN)
    assert stored_chart(site, 1) == damaged
    aside = [row for row in messages(site).values() if row.state == "failed"]
    assert [(row.patient_id, codes(row)) for row in aside] == [(1, ["chart-unreadable"])] * 2
    assert "`patients rebuild --id 1`" in aside[0].reasons[0]["text"]
    days = [
        (sent["patient"]["mrn"]["extension"], sent["upcomingAppointmentDate"]) for sent in site.couriers.sent
    ]
    assert ("T2", "2026-04-02") in days and ("T1", "2026-04-02") not in days

    done = site.ask("rebuild", patients=[1])
    assert (done.state, done.result["posted"]) == ("done", 1)
    site.reply(TAKEN)
    assert {row.state for row in messages(site).values()} == {"done"}
    sent = [body for body in site.couriers.sent if body["patient"]["mrn"]["extension"] == "T1"]
    assert [body["upcomingAppointmentDate"] for body in sent] == ["2026-04-01", "2026-04-02"]
    assert [entry["code"] for entry in sent[1]["activeIcd10Diagnoses"]] == ["E11.9"]
    assert site.chart("T1").keys == ["|T1"]
    site.tell("ADT^A08", DG1, patient="T1")
    assert messages(site)[6].decision == "chart"


def test_what_was_sent_is_not_sent_again_because_the_chart_was_damaged(site):
    site.book("20260401")
    site.reply(TAKEN)
    damage(site, "charts.chart", patient_id=1)
    done = site.ask("rebuild", patients=[1], messages=[1], again=True)
    assert (done.state, done.result["posted"], done.result["requests"]) == ("done", 0, 0)
    assert site.states() == ["delivered"]
    site.book("20260401", kind="SIU^S13")
    assert (messages(site)[2].decision, codes(messages(site)[2])) == ("chart", ["unchanged"])


def test_an_open_request_of_a_damaged_chart_is_withdrawn_by_a_later_cancel(site):
    site.couriers.free = 0
    site.book("20260401")
    damage(site, "charts.chart", patient_id=1)
    site.book("20260401", kind="SIU^S15")
    assert site.states() == ["waiting"]
    site.ask("rebuild", patients=[1])
    assert site.states() == ["withdrawn"]
    assert messages(site)[2].decision == "cancel"


def test_a_damaged_request_is_dead_and_deciding_its_message_again_makes_it_anew(site):
    site.couriers.free = 0
    site.book("20260401", patient="T1")
    site.book("20260401", patient="T2")
    damage(site, "request_bodies.body", request_id=1)
    site.couriers.free = 4
    site.turn()
    site.reply(TAKEN)
    assert site.states() == ["dead", "delivered"]
    dead = site.store.views.request(1)
    assert dead.summary.reasons[0]["code"] == "request-unreadable"
    assert dead.summary.reasons[0]["text"].startswith("unreadable: ")
    assert dead.problem.startswith("unreadable: ")
    done = site.ask("rebuild", patients=[1], messages=[1], again=True)
    assert done.result["posted"] == 1
    site.reply(TAKEN)
    assert site.states() == ["dead", "delivered", "delivered"]


def test_a_damaged_command_has_failed_and_the_next_one_is_carried_out(site):
    site.tell("ADT^A08")
    first = site.store.commands.add("rebuild", {"patients": [1]})
    damage(site, "commands.arguments", id=first)
    second = site.ask("rebuild", patients=[1])
    ended = site.store.commands.get(first)
    assert ended.state == "failed"
    assert ended.result["problem"].startswith("unreadable: ")
    assert second.state == "done"
    damage(site, "commands.result", id=second.id)
    assert site.store.commands.get(second.id).result["problem"].startswith("unreadable: ")


def test_a_damaged_note_is_shown_as_such_beside_the_message(site):
    site.tell("ADT^A08", "DG1|1||X99^Odd^ZZZ")  # left out: of a message with nothing to say no note is kept
    damage(site, "message_notes.note", message_id=1)
    shown = site.store.views.message(1)
    assert shown.raw is not None and shown.note is None
    assert shown.problem.startswith("unreadable: ")


def test_a_chart_is_not_rebuilt_without_a_damaged_message_unless_a_person_says_so(site):
    site.tell("ADT^A08", DG1)
    site.tell("ADT^A08")
    damage(site, "message_bodies.body", message_id=1)
    before = stored_chart(site, 1)
    failed = site.ask("rebuild", patients=[1])
    assert failed.state == "failed"
    assert "`--without 1`" in failed.result["problem"]
    assert stored_chart(site, 1) == before
    assert site.ask("rebuild", patients=[1], set_aside=[1]).state == "done"
    assert site.chart("T1").problems == []
    assert site.ask("rebuild", patients=[1]).state == "done"


def test_a_damaged_chart_of_which_no_message_is_stored_stays_as_it_is(site):
    site.tell("ADT^A08")
    damaged = damage(site, "charts.chart", patient_id=1)
    with site.store.work._writing() as connection:
        connection.exec_driver_sql("DELETE FROM messages")
    assert "no message of it is stored" in site.ask("rebuild", patients=[1]).result["problem"]
    assert stored_chart(site, 1) == damaged


def test_held_requests_of_a_damaged_chart_are_not_released(site):
    site.tell("SIU^S12", "SCH||F1|||||||||^^^202604010930")
    assert site.states() == ["held"]
    damage(site, "charts.chart", patient_id=1)
    ended = site.ask("release", requests=[1])
    assert ended.state == "failed"
    assert "`patients rebuild --id 1`" in ended.result["problem"]
    assert site.states() == ["held"]


def test_a_damaged_chart_is_looked_at_by_a_new_day_and_stays(site):
    site.couriers.free = 0
    site.book("20260401", patient="T1")
    site.book("20260401", patient="T2")
    damaged = damage(site, "charts.chart", patient_id=1)
    site.set(2026, 3, 6, 12)
    assert stored_chart(site, 1) == damaged
    assert site.store.views.messages(MessageFilter(state="failed")) == []
