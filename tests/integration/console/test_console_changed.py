"""What one message changed, shown on demand: replayed from the store, masked, noted, bounded, and nothing is written."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chart_stories import NUMBERS_MOVE, of_changes, of_chart, told_of
from console_browser import NOW, arrival
from console_told import BOOKED, PERSON, plain, rows_of, shown
from hypothesis import HealthCheck, Phase, given, settings
from made_up import AIP

from interface.chart.decide import Engine
from interface.chart.model import Chart
from interface.console.pages import changed
from interface.rules import Policy, load_rulebook
from interface.services import what_changed as service
from interface.services.charts_shown import chart_of
from interface.services.clock import Clock
from interface.services.engines import engine_now
from interface.services.offline import work_off
from interface.services.what_changed import what_changed
from interface.settings import Settings, load_settings
from interface.store.crypto import Master
from interface.store.store import open_store

SETTINGS = '[site]\nmrn_root = "2.999.1"\nmrn_authority = ["LFC"]\n[[listener]]\nport = 0\n'


@pytest.fixture(name="settings")
def settings_of_the_site(tmp_path) -> Settings:
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS)
    return load_settings(path)


@pytest.fixture
def story(tell) -> None:
    """A patient is booked, moves house, and the visit is put off and called off."""
    tell(*BOOKED)
    tell(PERSON.format("T1").replace("12 Birch Ln", "9 Oak St"), "DG1|1||E11.9^Diabetes^I10", kind="ADT^A08")
    tell(BOOKED[0], BOOKED[1].replace("20270210", "20270217"), AIP, kind="SIU^S13")
    tell(*BOOKED, kind="SIU^S15")


@pytest.fixture
def analyst(browser):
    browser.sign_in("mary")
    return browser


def dump(folder) -> list[str]:
    with contextlib.closing(sqlite3.connect(folder / "interface.db")) as connection:
        return list(connection.iterdump())


def change(folder, statement: str) -> None:
    """Past every check, on the disk."""
    with contextlib.closing(sqlite3.connect(folder / "interface.db")) as connection, connection:
        connection.execute(statement)


def told(store, settings, number: int, **more):
    engine = engine_now(settings, store, NOW)
    return what_changed(engine, store.patients, number, datetime.fromtimestamp(NOW, UTC), **more)


def test_each_message_tells_what_it_changed(analyst, story) -> None:
    analyst.post("/show", why="a call")
    said = plain(shown(analyst, "/messages/2/changed"))
    assert "2 messages were replayed, up to and with this one. By the rules as they are now" in said
    assert "Patient changed" in said and "Problem added ICD10 E11.9 Diabetes" in said
    page = shown(analyst, "/messages/2/changed")
    assert ("address: street", "12 Birch Ln", "9 Oak St") in rows_of(page)
    assert '<a href="/messages/2#PID-11">PID-11.1</a>' in page
    assert "Appointment made 2027-02-10" in plain(shown(analyst, "/messages/1/changed"))
    moved = shown(analyst, "/messages/3/changed")
    assert "Appointment moved to another day" in plain(moved)
    assert ("day of the appointment", "2027-02-10", "2027-02-17") in rows_of(moved)
    called_off = plain(shown(analyst, "/messages/4/changed"))
    assert "Appointment cancelled" in called_off and "MSH-9 (SIU^S15)" in called_off


def test_it_is_a_link_away_from_the_message(analyst, story) -> None:
    assert 'href="/messages/2/changed">What it changed' in shown(analyst, "/messages/2")


def test_nothing_at_all_is_written(analyst, store, settings, story, tmp_path) -> None:
    before = dump(tmp_path)
    for number in range(1, 5):
        assert told(store, settings, number).told == "changed"
        shown(analyst, f"/messages/{number}/changed")
    assert dump(tmp_path) == before


def test_patient_data_is_masked_until_it_is_shown_and_then_noted(analyst, story) -> None:
    page = shown(analyst, "/messages/2/changed")
    assert [
        word for word in ("T1", "Birch", "Oak", "Diabetes", "E11.9", "Robin") if word in plain(page)
    ] == []
    assert ("address: street", "99 Xxxxx Xx (masked)", "9 Xxx Xx (masked)") in rows_of(page)
    assert "active" in plain(page)
    assert not any(action == "saw" for _, action, _, _ in analyst.audit())
    analyst.post("/show", why="a call")
    shown(analyst, "/messages/2/changed")
    noted = {subject for _, action, subject, _ in analyst.audit() if action == "saw"}
    assert noted == {"message 2", "patient 1"}


def test_a_viewer_sees_it_masked(browser, story) -> None:
    browser.sign_in("vera")
    assert "Patient changed" in plain(shown(browser, "/messages/2/changed"))


def test_a_merge_tells_what_it_brought_and_later_merges_change_nothing_of_before(
    analyst, store, tell
) -> None:
    tell(*BOOKED)
    tell(PERSON.format("T2"), "DG1|1||I10^Hypertension^I10", kind="ADT^A08")
    before = rows_of(shown(analyst, "/messages/2/changed"))
    tell(PERSON.format("T1"), "MRG|T2^^^LFC^MR", kind="ADT^A40")
    merge = plain(shown(analyst, "/messages/3/changed"))
    assert "became part of it" in merge and "Problem added" in merge and "Retired number added" in merge
    assert rows_of(shown(analyst, "/messages/2/changed")) == before
    assert "Chart of patient 1" in plain(shown(analyst, "/messages/2/changed")), "where it is now"


def test_what_moves_between_charts_is_told_of_both(analyst, store, tell) -> None:
    visit = "PV1|1|O" + "|" * 17 + "V1"
    tell(PERSON.format("T1"), visit, "DG1|1||I10^Hypertension^I10", kind="ADT^A08")
    tell(PERSON.format("T2"), "MRG|T1^^^LFC^MR||||V1", visit, kind="ADT^A45")
    said = plain(shown(analyst, "/messages/2/changed"))
    assert re.search(
        r"Chart of patient 2 .*Problem added.*Chart of patient 1 .*Problem no longer in the chart", said
    )
    analyst.post("/show", why="a call")
    shown(analyst, "/messages/2/changed")
    noted = {subject for _, action, subject, _ in analyst.audit() if action == "saw"}
    assert noted == {"message 2", "patient 1", "patient 2"}


def test_who_something_was_taken_from_is_led_to_the_message_that_took_it(browser, tell) -> None:
    visit = "PV1|1|O" + "|" * 17 + "V1"
    tell(PERSON.format("T1"), visit, "DG1|1||I10^Hypertension^I10", kind="ADT^A08")
    tell(PERSON.format("T2"), "MRG|T1^^^LFC^MR||||V1", visit, kind="ADT^A45")
    browser.sign_in("vera")
    assert '<a href="/patients/2#merges">patient 2</a>' in shown(browser, "/patients/1")
    assert re.search(r'id="merges".*href="/messages/2"', shown(browser, "/patients/2"))


def test_a_source_leads_to_no_message_where_two_of_the_patient_have_its_control_id(browser, tell) -> None:
    tell(PERSON.format("T1"), "DG1|1||I10^Hypertension^I10", kind="ADT^A08", control_id="X")
    tell(PERSON.format("T1"), "DG1|1||E11.9^Diabetes^I10", kind="ADT^A08", control_id="X")
    tell(PERSON.format("T1").replace("12 Birch Ln", '""'), kind="ADT^A08", control_id="Y")
    browser.sign_in("vera")
    page = shown(browser, "/patients/1")
    assert 'href="/messages?control_id=X">DG1-3' in page
    assert '#DG1-3"' not in page
    assert 'href="/messages/3#PID-8"' in page
    assert 'href="/messages/2#DG1-3"' in shown(browser, "/messages/2/changed"), "what came is its own"
    gone = shown(browser, "/messages/3/changed")
    assert 'href="/messages?control_id=X"' in gone and "#PID-11" not in gone.replace("/messages/3#PID-11", "")


def test_what_was_moved_away_is_no_longer_there_for_later_messages_of_the_patient(analyst, tell) -> None:
    visit = "PV1|1|O" + "|" * 17 + "V1"
    seen = PERSON.format("T1"), visit, "DG1|1||I10^Hypertension^I10"
    tell(*seen, kind="ADT^A08")
    tell(PERSON.format("T2"), "MRG|T1^^^LFC^MR||||V1", visit, kind="ADT^A45")
    tell(*seen, kind="ADT^A08")
    said = plain(shown(analyst, "/messages/3/changed"))
    assert "Chart of patient 1" in said and "Problem added" in said
    assert "3 messages were replayed" in said


def test_a_number_that_moved_leaves_what_was_charted_under_it_with_its_patient(analyst, tell) -> None:
    tell(PERSON.format("T1"), "DG1|1||I10^Hypertension^I10", kind="ADT^A08")
    tell(PERSON.format("T2"), "MRG|T1^^^LFC^MR", kind="ADT^A43")
    first = plain(shown(analyst, "/messages/1/changed"))
    assert "Chart of patient 1" in first and "patient 2" not in first
    said = plain(shown(analyst, "/messages/2/changed"))
    assert re.search(r"Chart of patient 2 .*Retired number added", said)
    assert re.search(r"Chart of patient 1 ?, that no number leads to any more .*Patient changed", said)
    tell(PERSON.format("T3"), "MRG|T1^^^LFC^MR", kind="ADT^A43")
    assert "Chart of patient 2" in plain(shown(analyst, "/messages/2/changed"))
    assert re.search("Chart of patient 1 ?, that", plain(shown(analyst, "/messages/2/changed")))


def test_who_has_another_number_left_is_found_from_the_one_who_has_it_now(analyst, tell) -> None:
    tell(PERSON.format("T1"), kind="ADT^A08")
    tell(PERSON.format("T1"), "MRG|T4^^^LFC^MR", kind="ADT^A40")
    tell(PERSON.format("T2"), "MRG|T4^^^LFC^MR", kind="ADT^A43")
    assert "Retired number no longer in the chart" in plain(shown(analyst, "/messages/3/changed"))


def test_where_what_moved_can_not_be_followed_it_can_not_be_told(analyst, tell, tmp_path) -> None:
    visit = "PV1|1|O" + "|" * 17 + "V1"
    tell(PERSON.format("T1"), visit, "DG1|1||I10^Hypertension^I10", kind="ADT^A08")
    tell(PERSON.format("T2"), "MRG|T1^^^LFC^MR||||V1", visit, kind="ADT^A45")
    change(tmp_path, "DELETE FROM patient_keys WHERE patient_id = 2")
    assert "and one of whom nothing is kept any more" in plain(shown(analyst, "/messages/1/changed"))
    change(tmp_path, "UPDATE charts SET chart = x'00' WHERE patient_id = 1")
    assert "The chart of patient 1 can&#39;t be read" in plain(shown(analyst, "/messages/1/changed"))


@pytest.mark.parametrize(
    ("segments", "kind", "said"),
    [
        (BOOKED, "SIU^S12", "no chart says anything else because of it"),
        (BOOKED, "ORU^R01", "nothing of it is taken into a chart"),
        ((PERSON.format(""),), "ADT^A08", "whose it is can"),
        ((*BOOKED, PERSON.format("T2")), "ADT^A24", "that patients are linked or unlinked is noted"),
    ],
)
def test_what_changed_nothing_says_so(analyst, tell, segments, kind: str, said: str) -> None:
    tell(*BOOKED)
    tell(*segments, kind=kind)
    page = shown(analyst, "/messages/2/changed")
    assert said in plain(page)
    assert rows_of(page) == []


def test_what_can_not_be_told_says_why(analyst, store, story, tmp_path, monkeypatch) -> None:
    assert analyst.get("/messages/99/changed").status == 404
    monkeypatch.setattr(changed, "MOST", 2)
    assert "More than 2 messages came before it" in plain(shown(analyst, "/messages/3/changed"))
    assert rows_of(shown(analyst, "/messages/2/changed"))
    monkeypatch.setattr(changed, "SECONDS", -1.0)
    assert "takes too long" in plain(shown(analyst, "/messages/2/changed"))
    monkeypatch.undo()
    change(tmp_path, "UPDATE message_bodies SET body = x'00' WHERE message_id = 1")
    assert "Message 1, which came before it, is unreadable" in plain(shown(analyst, "/messages/2/changed"))
    change(tmp_path, "DELETE FROM message_bodies WHERE message_id = 1")
    assert "Message 1, which came before it, is no longer kept" in plain(
        shown(analyst, "/messages/2/changed")
    )
    assert "It is no longer kept" in plain(shown(analyst, "/messages/1/changed"))
    change(tmp_path, "UPDATE messages SET state = 'new', decision = NULL WHERE id = 4")
    assert "not decided yet" in plain(shown(analyst, "/messages/4/changed"))
    change(tmp_path, "UPDATE messages SET state = 'failed' WHERE id = 4")
    assert "could not be decided" in plain(shown(analyst, "/messages/4/changed"))


def test_what_a_person_left_out_is_left_out_and_said(analyst, store, story, tmp_path) -> None:
    change(tmp_path, "UPDATE messages SET set_aside = 1 WHERE id = 2")
    assert "a person left it out of the charts" in plain(shown(analyst, "/messages/2/changed"))
    third = plain(shown(analyst, "/messages/3/changed"))
    assert "Left out, as a person left them out of the charts: message 2." in third
    assert "2 messages were replayed" in third


def test_a_fault_of_the_rules_is_told_by_its_place_alone(analyst, story, monkeypatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise KeyError("Sample, Robin")

    monkeypatch.setattr(service.Replay, "take", breaks)
    said = plain(shown(analyst, "/messages/2/changed"))
    assert "The rules as they are now break on message 1: KeyError" in said
    assert "Robin" not in said


def test_it_is_read_in_pages(store, settings, story, monkeypatch) -> None:
    whole = told(store, settings, 3)
    monkeypatch.setattr(service, "PAGE", 1)
    assert told(store, settings, 3) == whole


@settings(max_examples=6, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(NUMBERS_MOVE)
def test_what_each_message_of_a_story_changed_is_what_differs_in_the_stored_charts_of_those_it_names(
    tmp_path_factory, story
) -> None:
    folder = tmp_path_factory.mktemp("story")
    engine = Engine(load_rulebook(), Policy(mrn_authority=("LFC",)))
    at = datetime(2026, 3, 2, 15, tzinfo=UTC)
    now = at + timedelta(minutes=1)
    with open_store(f"sqlite:///{folder}/i.db", Master(bytes(range(32)), source="env:K")) as store:
        before: dict[int, Counter[Any]] = {}
        differs = []
        for number, step in enumerate(story):
            row = arrival(
                number,
                raw=told_of(number, step),
                control_id=f"M{number}",
                message_type="ADT^A08",
                received_at=at.timestamp() + number,
            )
            store.journal.append([row], at.timestamp())
            work_off(store, engine, Clock(now, UTC))
            after = {
                row.id: of_chart(engine, chart_of(row) or Chart([]), now.date())
                for row in store.patients.patients()
                if row.merged_into is None
            }
            differs.append({id_: _minus(after[id_], before.get(id_, Counter())) for id_ in after})
            before = after
        survivors = store.patients.survivors({id_ for those in differs for id_ in those})
        for row, those in zip(reversed(store.views.messages()), differs, strict=True):
            found = what_changed(engine, store.patients, row.id, now)
            assert found.told in ("changed", "nothing")
            told = [
                (patient, of_changes(chart))
                for patient, chart in zip(found.patients, found.charts, strict=True)
                if chart.changes
            ]
            stored = [(survivors[id_], content) for id_, content in those.items() if content]
            assert len(told) == len(stored)
            assert [entry for entry in told if entry not in stored] == []


def _minus(after: Counter[Any], before: Counter[Any]) -> Counter[Any]:
    """What came, and as less than nothing what went."""
    found = Counter(after)
    found.subtract(before)
    return Counter({value: count for value, count in found.items() if count})
