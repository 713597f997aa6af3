"""Patients in pages, newest changed first; whose chart is part of whose; whose messages and requests are whose."""

from dataclasses import replace

import pytest

from interface.store.records.lists import PatientFilter
from interface.store.records.turn import MessageDone, PatientWrite, Turn


def ids(rows):
    return [row.id for row in rows]


def change(store, fill, patient, at, **parts):
    """A chart written at a time."""
    store.work.commit(Turn(at, patients=[PatientWrite(patient, b"{}", False, **parts)]))


def test_pages_go_from_the_newest_changed_to_the_oldest_and_show_nobody_twice(store, fill):
    made = [fill.patient(f"A|{n}") for n in range(7)]  # all at the same time
    for place, patient in enumerate((made[3], made[0])):
        change(store, fill, patient, fill.now + 1 + place)
    seen, before = [], None
    while page := store.patients.patients(before=before, limit=2):
        seen += ids(page)
        before = page[-1].cursor
        change(store, fill, made[6], fill.now + 100 + len(seen))  # goes to the front meanwhile
    assert seen == [1, 4, 6, 5, 3, 2] or seen == [1, 4, 7, 6, 5, 3, 2]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (PatientFilter(), [3, 2, 1]),
        (PatientFilter(key="A|2"), [2]),
        (PatientFilter(key="A|9"), []),
        (PatientFilter(key="A|2", since=4.0), []),
        (PatientFilter(merged=True), [1]),
        (PatientFilter(key="A|2", merged=True), []),
        (PatientFilter(since=2.0), [3, 2]),
        (PatientFilter(since=2.0, until=3.0), [2]),
    ],
)
def test_patients_are_filtered(store, fill, where, expected):
    for number in (1, 2, 3):
        fill.patient(f"A|{number}")
    change(store, fill, 1, 1.0, keys=(), merged_into=3)
    change(store, fill, 2, 2.0)
    change(store, fill, 3, 3.0, keys=("A|3", "A|1"))
    assert ids(store.patients.patients(where)) == expected


def test_who_has_a_chart_but_no_number_is_found(store, fill):
    for number in (1, 2, 3):
        fill.patient(f"A|{number}")
    change(store, fill, 1, 1.0, keys=(), merged_into=3)
    change(store, fill, 2, 1.0, keys=())
    assert store.patients.without_number() == [2]


def test_a_number_of_before_a_merge_leads_to_the_survivor(store, fill):
    fill.patient("A|1")
    fill.patient("A|2")
    change(store, fill, 1, 1.0, keys=(), merged_into=2)
    change(store, fill, 2, 1.0, keys=("A|2", "A|1"))
    assert store.patients.owners(["A|1", "A|2", "A|3"]) == {"A|1": 2, "A|2": 2}
    assert store.patients.survivors([1, 2]) == {1: 2, 2: 2}
    assert store.patients.family([2]) == {1, 2}
    assert store.patients.charted() == [2]


def test_survivors_of_a_chain_of_merges_and_of_a_circle_are_found(store, fill):
    for number in (1, 2, 3, 4):
        fill.patient(f"A|{number}")
    change(store, fill, 1, 1.0, merged_into=2)
    change(store, fill, 2, 1.0, merged_into=3)
    change(store, fill, 4, 1.0, merged_into=4)
    assert store.patients.survivors([1, 4]) == {1: 3, 4: 4}


def test_requests_not_sent_are_counted(store, fill):
    patient, other = fill.patient("A|1"), fill.patient("A|2")
    fill.request(patient)
    fill.request(patient, "held")
    done = fill.request(patient)
    store.work.commit(Turn(fill.now, requests=[_closed(done, patient)]))
    fill.request(other)
    found = store.patients.by_id([patient, other])
    assert {id_: row.open_requests for id_, row in found.items()} == {patient: 2, other: 1}
    assert set(store.patients.requests_by_id([done, 99])) == {done}


def _closed(request, patient):
    from interface.store.records.turn import CloseRow

    return CloseRow(request, patient, "withdrawn")


def test_messages_of_patients_newest_first_in_pages(store, fill):
    one, two = fill.patient("A|1"), fill.patient("A|2")
    for patient in (one, two, one, None, one):
        message = fill.message()
        done = MessageDone(message, "done", "chart", patient_id=patient)
        store.work.commit(Turn(fill.now, messages=[done]))
    assert ids(store.patients.messages_of([one, two], limit=2)) == [5, 3]
    assert ids(store.patients.messages_of([one, two], before=3)) == [2, 1]
    assert store.patients.count_messages([one, two, 99]) == {one: 3, two: 1}
    assert set(store.patients.messages_by_id([4, 99])) == {4}


def test_a_chart_that_cannot_be_opened_is_said(store, fill):
    patient = fill.patient("A|1")
    with store.work._writing() as connection:
        connection.exec_driver_sql("UPDATE charts SET chart = ''")
    (row,) = store.patients.patients()
    assert (row.id, row.chart) == (patient, None)
    assert row == replace(row, chart=None)
