"""Evidence of the steps: requests by environment, opened in windows; and what persons have confirmed."""

import pytest
import query_plans
from sqlalchemy import text

from interface.store import onboarding_views
from interface.store.onboarding_views import EvidenceFilter
from interface.store.records.turn import NewRequestRow, Turn


@pytest.fixture
def made(store, fill):
    """Makes requests of an environment; gives their ids."""
    patient = fill.patient("LFC|1")

    def make(environment, count=1, **changes):
        ids = []
        for _ in range(count):
            _, id_ = store.work.next_ids()
            values = {
                "id": id_,
                "patient_id": patient,
                "message_id": None,
                "appointment": f"A{id_}",
                "state": "waiting",
                "body": b'{"patient":{"gender":"FEMALE"}}',
                "detail": b'{"known":{}}',
                "appointment_date": None,
            }
            row = NewRequestRow(**(values | changes))
            at = fill.now + id_
            store.work.commit(Turn(at, environment=environment, requests=[row]))
            ids.append(id_)
        return ids

    return make


def ids(store, where, most=None):
    return [row.id for rows in store.onboarding.rows(where, most) for row in rows]


def test_the_requests_of_an_environment_come_newest_first(store, made, monkeypatch):
    monkeypatch.setattr(onboarding_views, "WINDOW", 3)
    sandbox = made("sandbox", 4)
    staging = made("staging", 5)
    production = made("production", 4)
    staging += made("staging", 3)
    assert ids(store, EvidenceFilter()) == sorted([*sandbox, *staging, *production], reverse=True)
    assert ids(store, EvidenceFilter("staging")) == sorted(staging, reverse=True)
    assert ids(store, EvidenceFilter("production")) == sorted(production, reverse=True)
    assert ids(store, EvidenceFilter("production-test")) == []
    assert [store.onboarding.count(name) for name in ("staging", "production-test")] == [8, 0]


def test_they_are_filtered_by_state_and_time(store, fill, made):
    one, two, three = made("staging", 3)
    held = made("staging", state="held")
    assert ids(store, EvidenceFilter(state="held")) == held
    middle = EvidenceFilter("staging", since=fill.now + two, until=fill.now + three)
    assert ids(store, middle) == [two]
    assert ids(store, EvidenceFilter(since=fill.now + three)) == [*held, three]
    assert one


def test_who_wants_a_sample_reads_no_more(store, made, monkeypatch):
    monkeypatch.setattr(onboarding_views, "WINDOW", 2)
    numbers = made("production", 9)
    assert ids(store, EvidenceFilter("production"), most=4) == sorted(numbers, reverse=True)[:4]
    assert ids(store, EvidenceFilter("sandbox"), most=4) == []
    assert [row.id for row in store.onboarding.first_rows(EvidenceFilter("production"), 3)] == numbers[:3]


def test_bodies_are_opened_and_what_cannot_be_is_none(store, made):
    one, two = made("staging", 2)
    with store.views._writing() as connection:
        connection.execute(
            text("UPDATE request_bodies SET body = :body WHERE request_id = :id"), {"body": b"x", "id": two}
        )
    opened = store.onboarding.opened([one, two, 999])
    assert opened[one] == (b'{"patient":{"gender":"FEMALE"}}', b'{"known":{}}')
    assert opened[two] == (None, b'{"known":{}}')
    assert 999 not in opened


def test_of_whom_a_request_was_delivered(store, fill, made):
    one, other = fill.patient("LFC|7"), fill.patient("LFC|8")
    made("staging", patient_id=one)
    made("sandbox", patient_id=other)
    assert store.onboarding.patients_delivered("staging", [one, other]) == set()
    for claimed in store.work.claim(fill.now + 99, 9):
        store.work.commit(Turn(fill.now, attempts=[fill.attempt(claimed)]))
    assert store.onboarding.patients_delivered("staging", [one, other, 999]) == {one}
    assert store.onboarding.patients_delivered("sandbox", [one, other]) == {other}
    assert store.onboarding.patients_delivered("staging", []) == set()


def test_no_table_is_read_whole(store, made, request):
    made("staging", 3)
    with query_plans.caught(store) as statements:
        ids(store, EvidenceFilter("staging"))
        ids(store, EvidenceFilter("production"), most=100)
        store.onboarding.first_rows(EvidenceFilter("sandbox"))
        store.onboarding.count("staging")
        store.onboarding.opened([1, 2])
        store.onboarding.patients_delivered("staging", [1, 2])
    plans = query_plans.explained(store, statements, request)
    assert len(plans) == 6
    bad = {
        statement: plan
        for statement, plan in plans.items()
        if any(line.startswith("SCAN") and "CONSTANT" not in line and "anon_" not in line for line in plan)
    }
    assert bad == {}
    indexed = [
        plan
        for statement, plan in plans.items()
        if "DISTINCT" not in statement and any("requests_before_production" in line for line in plan)
    ]
    assert len(indexed) == 2
    assert not any("TEMP B-TREE" in line for plan in indexed for line in plan)


# ---------------------------------------------------------------- confirmations


def test_a_confirmation_is_kept_sealed_and_can_be_taken_back(store):
    confirmed = store.confirmations
    assert confirmed.all() == {}
    confirmed.add("staging", "kim", "SECRET said so", 5.0)
    confirmed.add("production", "kim", "by mail", 6.0)
    found = confirmed.all()
    assert (found["staging"].at, found["staging"].who, found["staging"].note) == (
        5.0,
        "kim",
        "SECRET said so",
    )
    assert confirmed.undo("staging", "lee", 7.0)
    assert list(confirmed.all()) == ["production"]
    assert not confirmed.undo("staging", "lee", 8.0)
    with store.views._reading() as connection:
        rows = connection.execute(text("SELECT step, note, undone_by FROM confirmations ORDER BY id")).all()
    assert [(step, undone) for step, _, undone in rows] == [("staging", "lee"), ("production", None)]
    assert all(b"SECRET" not in bytes(note) for _, note, _ in rows)


def test_the_last_confirmation_of_a_step_counts(store):
    store.confirmations.add("staging", "kim", "first", 5.0)
    store.confirmations.add("staging", "lee", "second", 6.0)
    assert store.confirmations.all()["staging"].note == "second"
    store.confirmations.undo("staging", "lee", 7.0)
    assert store.confirmations.all() == {}


def test_a_note_that_cannot_be_opened_leaves_the_confirmation(store):
    store.confirmations.add("staging", "kim", "note", 5.0)
    with store.views._writing() as connection:
        connection.execute(text("UPDATE confirmations SET note = :note"), {"note": b"x"})
    assert store.confirmations.all()["staging"].note == ""
