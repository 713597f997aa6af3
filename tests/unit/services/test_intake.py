"""One turn of intake, with an engine that does what each message says."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import count
from types import MappingProxyType, SimpleNamespace

import orjson
import pytest

from interface.chart.model import Chart, decode_chart
from interface.chart.outcome import Close, NewRequest, Outcome, Rewrite
from interface.rules.facts import Reason
from interface.services.intake import MOST_BEGINNINGS, Intake
from interface.store.records.reading import JournalRow, PatientRow
from interface.store.records.turn import CloseRow, NewRequestRow, RewriteRow

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
DAY = date(2026, 3, 9)


def seen(chart):
    """The messages a chart has taken in; the fake engine notes them where it finds room."""
    return tuple(chart.snapshots.get("seen", "").split())


def seen_of(write):
    return seen(decode_chart(write.chart))


class FakeEngine:
    """Messages are `KEYS ACTION NAME`; KEYS separated by commas, `-` for none."""

    def read(self, raw, *, received_at, listener):
        keys, action, name = raw.decode().split()
        if action == "unreadable":
            raise ValueError("PATIENT NAME in an exception")
        return SimpleNamespace(keys=() if keys == "-" else tuple(keys.split(",")), action=action, name=name)

    def decide(self, reading, charts, *, now, new_id):
        chart = charts.get(reading.keys[0]) if reading.keys else None
        if reading.action == "merge":
            return self._merge(reading, charts, new_id)
        if reading.action == "ignore":
            return Outcome("ignore", (Reason("x", "y"),))
        after = Chart(list(reading.keys)) if chart is None else chart.copy()
        after.keys = [reading.name] if reading.action == "rekey" else list({*after.keys, *reading.keys})
        after.keys.sort()
        after.snapshots["seen"] = " ".join((*seen(after), reading.name))
        opened = int(after.snapshots.get("open", 0)) or None
        requests = self._requests(reading, opened, new_id)
        for change in requests:
            after.snapshots["open"] = str(change.id)
        if reading.action == "broken":
            raise KeyError("PATIENT NAME in an exception")
        if reading.action == "unwritable":
            after.snapshots["seen"] = object()
        return Outcome("post" if requests else "chart", (), after, requests)

    def _merge(self, reading, charts, new_id):
        """All keys become the first one's; its own waiting request and those of the others are written anew."""
        known = [key for key in reading.keys if key in charts]
        opened = [int(charts[key].snapshots["open"]) for key in known if "open" in charts[key].snapshots]
        after = Chart(list(reading.keys))
        after.snapshots["seen"] = " ".join(
            [*(name for key in known for name in seen(charts[key])), reading.name]
        )
        changes = tuple(Rewrite(id_, "waiting", (), reading.name.encode(), b"", DAY) for id_ in opened)
        return Outcome("chart", (), after, changes, key=known[0], absorbed=tuple(known[1:]))

    def _requests(self, reading, opened, new_id):
        body = reading.name.encode()
        if reading.action in ("post", "unwritable"):
            return (NewRequest(new_id(), "A1", "waiting", (), body, b"", DAY, opened),)
        if reading.action == "rewrite":
            return (Rewrite(opened, "waiting", (), body, b"", DAY),)
        if reading.action == "cancel":
            return (Close(opened, "withdrawn", ()),)
        return ()

    def resettle(self, chart, *, now, new_id):
        if seen(chart) == ("broken",):
            raise KeyError("PATIENT NAME in an exception")
        return Outcome("chart", (), chart.copy(), (Close(int(chart.snapshots["open"]), "expired", ()),))


@dataclass
class FakeStore:
    rows: dict[int, PatientRow] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    queries: list[list[str]] = field(default_factory=list)

    def load_patients(self, keys):
        keys = list(keys)
        self.queries.append(keys)
        return {key: self.rows[self.keys[key]] for key in keys if key in self.keys}

    def take(self, plan):
        for id_, write in plan.patients.items():
            self.rows[id_] = PatientRow(id_, write.chart)
            if write.keys is not None:
                self.keys = {key: owner for key, owner in self.keys.items() if owner != id_}
                self.keys.update(dict.fromkeys(write.keys, id_))


@pytest.fixture
def store():
    return FakeStore()


@pytest.fixture
def intake(store):
    return new_intake(store)


def new_intake(store, cached=4096, first_patient=1):
    return Intake(
        FakeEngine(),
        store,
        new_patient=count(first_patient).__next__,
        new_request=count(first_patient * 100).__next__,
        cached=cached,
    )


def rows(*texts, start=1):
    return [
        JournalRow(start + n, "main", text.encode(), NOW, f"C{start + n}") for n, text in enumerate(texts)
    ]


def turn(intake, store, *texts, start=1, sending=MappingProxyType({})):
    """Plan and store the messages; gives the plan."""
    plan = intake.plan(rows(*texts, start=start), NOW, sending)
    store.take(plan)
    intake.stored(plan)
    return plan


def states(plan):
    return [(done.id, done.state, done.decision) for done in plan.messages]


def test_a_first_message_makes_a_patient_with_its_keys(intake, store):
    plan = turn(intake, store, "K1,K2 chart a")
    write = plan.patients[1]
    assert write.new
    assert write.keys == ("K1", "K2")
    assert states(plan) == [(1, "done", "chart")]
    assert plan.messages[0].patient_id == 1


def test_messages_of_one_patient_in_one_turn_see_each_others_charts(intake, store):
    plan = turn(intake, store, "K1 chart a", "K2 chart b", "K1 chart c")
    assert seen_of(plan.patients[1]) == ("a", "c")
    assert seen_of(plan.patients[2]) == ("b",)
    assert plan.patients[1].new


def test_a_key_learned_in_a_turn_leads_to_the_patient_in_the_same_turn(intake, store):
    plan = turn(intake, store, "K1 chart a", "K1,K2 chart b", "K2 chart c")
    assert list(plan.patients) == [1]
    assert seen_of(plan.patients[1]) == ("a", "b", "c")
    assert plan.patients[1].keys == ("K1", "K2")


def test_a_key_given_up_in_a_turn_leads_nowhere(intake, store):
    turn(intake, store, "K1 chart a")
    plan = turn(intake, store, "K1 rekey K9", "K1 chart b", start=2)
    assert plan.messages[1].patient_id == 2
    assert seen_of(plan.patients[2]) == ("b",)


def test_charts_are_loaded_by_one_query_and_then_remembered(intake, store):
    turn(intake, store, "K1 chart a", "K2 chart b")
    fresh = new_intake(store, first_patient=3)
    store.queries.clear()
    turn(fresh, store, "K1 chart c", "K2 chart d", start=3)
    turn(fresh, store, "K1 chart e", start=5)
    assert [sorted(keys) for keys in store.queries] == [["K1", "K2"]]
    assert seen_of(store.rows[1]) == ("a", "c", "e")


def test_the_cache_is_bounded_and_forgets_the_longest_unused(store):
    intake = new_intake(store, cached=2)
    turn(intake, store, "K1 chart a", "K2 chart b")
    turn(intake, store, "K1 chart c", start=3)
    turn(intake, store, "K3 chart d", start=4)
    store.queries.clear()
    turn(intake, store, "K1 chart e", "K2 chart f", start=5)
    assert store.queries == [["K2"]]
    assert seen_of(store.rows[2]) == ("b", "f")


def test_keys_are_written_only_when_they_changed(intake, store):
    turn(intake, store, "K1 chart a")
    assert turn(intake, store, "K1 chart b", start=2).patients[1].keys is None
    assert turn(intake, store, "K1,K2 chart c", start=3).patients[1].keys == ("K1", "K2")


def test_a_merge_leaves_one_chart_and_an_empty_row_that_says_where_it_went(intake, store):
    turn(intake, store, "K1 post a", "K2 post b")
    plan = turn(intake, store, "K2,K1 merge c", "K1 chart d", start=3)
    assert states(plan) == [(3, "done", "chart"), (4, "done", "chart")]
    assert seen_of(plan.patients[2]) == ("b", "a", "c", "d")
    assert (plan.patients[1].merged_into, plan.patients[1].keys) == (2, ())
    assert decode_chart(plan.patients[1].chart).keys == []
    assert [message.patient_id for message in plan.messages] == [2, 2]
    assert store.keys == {"K1": 2, "K2": 2}


def test_a_merge_in_the_turn_that_made_both_moves_what_was_made(intake, store):
    plan = turn(intake, store, "K1 post a", "K2 post b", "K2,K1 merge c", "K1 chart d")
    assert {row.id: (row.patient_id, row.body) for row in plan.requests} == {100: (2, b"c"), 101: (2, b"c")}
    assert seen_of(plan.patients[2]) == ("b", "a", "c", "d")


def test_a_merge_takes_the_waiting_requests_of_the_retired_number_along(intake, store):
    turn(intake, store, "K1 post a", "K2 post b")
    plan = turn(intake, store, "K2,K1 merge c", start=3)
    assert [(row.id, row.patient_id) for row in plan.requests] == [(101, 2), (100, 2)]


@pytest.mark.parametrize("sending", [{100: 1}, {101: 2}])
def test_a_merge_waits_until_nothing_of_either_is_being_sent(intake, store, sending):
    turn(intake, store, "K1 post a", "K2 post b")
    plan = turn(intake, store, "K2,K1 merge c", "K1 chart d", "K2 chart e", start=3, sending=sending)
    assert states(plan) == []
    assert plan.blocked == {1, 2} == intake.blocked
    intake.released(set(sending.values()))
    plan = turn(intake, store, "K2,K1 merge c", "K1 chart d", "K2 chart e", start=3)
    assert states(plan) == [(3, "done", "chart"), (4, "done", "chart"), (5, "done", "chart")]
    assert not intake.blocked


def test_a_message_without_keys_gets_a_chart_of_its_own_or_none(intake, store):
    plan = turn(intake, store, "- ignore a")
    assert plan.messages[0].patient_id is None
    assert not plan.patients


@pytest.mark.parametrize("action", ["unreadable", "broken", "unwritable"])
def test_a_message_that_breaks_the_mapping_is_failed_without_a_trace_and_the_next_goes_on(
    intake, store, caplog, action
):
    plan = turn(intake, store, "K1 chart a", f"K1 {action} x", "K1 post b")
    assert sorted(states(plan)) == [(1, "done", "chart"), (2, "failed", None), (3, "done", "post")]
    failed = next(done for done in plan.messages if done.state == "failed")
    (reason,) = orjson.loads(failed.reasons)
    assert reason["code"] == "mapping-error"
    assert "Error at " in reason["text"]
    assert "PATIENT" not in failed.reasons + caplog.text
    assert seen_of(plan.patients[1]) == ("a", "b")
    assert [request.body for request in plan.requests] == [b"b"]


def test_a_damaged_message_and_a_damaged_chart_are_failed_and_the_rest_goes_on(intake, store):
    store.keys["K1"] = 7
    store.rows[7] = PatientRow(7, b"", readable=False)
    store.keys["K2"] = 8
    store.rows[8] = PatientRow(8, b"no chart")
    messages = rows("K1 chart a", "K2 chart b", "K3 chart c", "K4 chart d")
    messages[2] = replace(messages[2], raw=b"", readable=False)
    plan = intake.plan(messages, NOW, {})
    reasons = {done.id: orjson.loads(done.reasons) for done in plan.messages}
    assert {id_: found[0]["code"] for id_, found in reasons.items() if found} == {
        1: "chart-unreadable",
        2: "chart-unreadable",
        3: "message-unreadable",
    }
    assert (4, "done", "chart") in states(plan)


def test_a_message_that_ended_the_process_time_and_again_is_failed(intake, store):
    message = replace(rows("K1 post a")[0], attempts=MOST_BEGINNINGS)
    plan = intake.plan([message], NOW, {})
    assert orjson.loads(plan.messages[0].reasons)[0]["code"] == "intake-crashed"
    assert not plan.requests


def test_requests_carry_the_message_the_patient_and_what_they_supersede(intake, store):
    turn(intake, store, "K1 post a")
    plan = turn(intake, store, "K1 post b", start=2)
    (request,) = plan.requests
    assert isinstance(request, NewRequestRow)
    assert (request.patient_id, request.message_id, request.supersedes) == (1, 2, 100)
    assert plan.messages[0].request_id == request.id


def test_what_was_made_in_a_turn_is_superseded_rewritten_or_closed_in_memory(intake, store):
    plan = turn(intake, store, "K1 post a", "K1 post b", "K1 rewrite c", "K2 post d", "K2 cancel e")
    assert [(row.body, row.state) for row in plan.requests] == [
        (b"a", "superseded"),
        (b"c", "waiting"),
        (b"d", "withdrawn"),
    ]


def test_what_is_in_the_store_is_rewritten_and_closed_there(intake, store):
    turn(intake, store, "K1 post a", "K2 post b")
    plan = turn(intake, store, "K1 rewrite c", "K2 cancel d", start=3)
    rewrite, close = plan.requests
    assert isinstance(rewrite, RewriteRow)
    assert (rewrite.id, rewrite.body, rewrite.message_id) == (100, b"c", 3)
    assert close == CloseRow(101, 2, "withdrawn")


def test_a_change_of_a_request_being_sent_waits_with_all_later_messages_of_the_patient(intake, store):
    turn(intake, store, "K1 post a")
    plan = turn(intake, store, "K1 cancel b", "K1 chart c", "K2 chart d", start=2, sending={100: 1})
    assert states(plan) == [(4, "done", "chart")]
    assert intake.deferred == 2
    assert intake.is_deferred(2) and intake.is_deferred(3) and not intake.is_deferred(4)
    assert states(turn(intake, store, "K1 cancel b", "K1 chart c", start=2, sending={100: 1})) == []

    intake.released({1})
    plan = turn(intake, store, "K1 cancel b", "K1 chart c", start=2)
    assert states(plan) == [(2, "done", "post"), (3, "done", "chart")]
    assert plan.requests == [CloseRow(100, 1, "withdrawn")]
    assert intake.deferred == 0


def test_superseding_a_request_being_sent_waits_for_nothing(intake, store):
    turn(intake, store, "K1 post a")
    plan = turn(intake, store, "K1 post b", start=2, sending={100: 1})
    assert states(plan) == [(2, "done", "post")]


def test_a_plan_that_was_not_stored_leaves_nothing_behind(intake, store):
    turn(intake, store, "K1 chart a")
    intake.plan(rows("K1 chart b", "K2 post c", start=2), NOW, {})
    intake.forget()
    plan = turn(intake, store, "K1 chart b", "K2 post c", start=2)
    assert seen_of(plan.patients[1]) == ("a", "b")
    assert [write.new for write in plan.patients.values()] == [False, True]


def test_a_new_day_closes_what_is_past_and_skips_what_is_being_sent(intake, store):
    turn(intake, store, "K1 post a", "K2 post b", "K3 chart broken")
    patients = [store.rows[id_] for id_ in (1, 2, 3)]
    plan = new_intake(store).settle(patients, NOW, {101: 2})
    assert plan.requests == [CloseRow(100, 1, "expired")]
    assert plan.unsettled == {2}
    assert list(plan.patients) == [1]
