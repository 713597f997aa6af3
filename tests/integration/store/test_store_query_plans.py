"""No statement of the way of a message reads a whole table, whatever is stored.

Every statement that a whole round executes is caught and explained by the database itself.
"""

from datetime import date

import pytest
import query_plans

from interface.services.joining import joins_of
from interface.store.crypto import Master
from interface.store.records.console import TROUBLES, AuditEntry, Several
from interface.store.records.lists import MessageFilter, PatientCursor, PatientFilter, RequestFilter
from interface.store.records.roster import RosterWrite
from interface.store.records.turn import (
    CloseRow,
    DiscardRow,
    HurryRow,
    MessageDone,
    NewRequestRow,
    NewRound,
    PatientWrite,
    Picking,
    ReopenRow,
    RewriteRow,
    Turn,
)
from interface.store.records.webhooks import WebhookArrival, WebhookFilter
from interface.store.retention import Limits
from interface.store.unsettled import MESSAGES

DAY = date(2027, 3, 1)


@pytest.fixture
def plans(store, fill, request):
    """Runs a function and gives {statement: lines of its plan} for what it executed."""

    def run(function):
        with query_plans.caught(store) as statements:
            function()
        assert statements
        return query_plans.explained(store, statements, request)

    return run


def searches(plan, index, *columns):
    """How often a plan searches an index, by these columns at least."""
    return sum(index in line and all(column in line.partition("(")[2] for column in columns) for line in plan)


def may_scan(where):
    """Whether there is no index for what a list is filtered by: then it is read from its end, which PostgreSQL does not
    do where it thinks that there is less than a page.
    """
    return any(isinstance(getattr(where, name, None), str) for name in ("sender", "outcome"))


def no_table_is_scanned(plans):
    # `wanted` is the list of a batch's names; it is no table
    bad = {
        statement: plan
        for statement, plan in plans.items()
        if any(line.startswith("SCAN") and "wanted" not in line and "CONSTANT" not in line for line in plan)
    }
    assert bad == {}


def test_the_journal(plans, store, fill):
    def journal():
        one = fill.arrival("X")
        store.journal.append([one, one], fill.now)
        store.journal.append([fill.arrival("X", raw=b"other"), one], fill.now)

    found = plans(journal)
    no_table_is_scanned(found)
    lookups = [plan for statement, plan in found.items() if statement.startswith("WITH")]
    assert len(lookups) == 2  # one for each size of batch
    for plan in lookups:
        assert searches(plan, "messages_by_control_id", "control_id") == 2
        assert searches(plan, "messages_by_control_id", "control_id", "content_digest") == 1


def test_a_turn_of_the_production_test(plans, store, fill):
    def turn():
        for number in range(12):
            fill.request(fill.patient(f"K{number}"))
        test = {"environment": "production-test"}
        claimed = store.work.commit(Turn(fill.now, claims=50, **test)).claimed
        ended = [fill.attempt(one, "delivered" if one.request_id % 2 else "dead") for one in claimed]
        store.work.commit(Turn(fill.now, attempts=ended[1:], claims=50, not_before=DAY, **test))
        store.work.recover(fill.now)
        store.work.commit(Turn(fill.now, claims=50, not_before=DAY, **test))
        store.work.commit(Turn(fill.now, rounds=[Picking(True), NewRound("anna", "again")], **test))
        found = store.rounds.now()
        store.rounds.without_slot(found)
        store.rounds.held_for_the_test(0, 100)
        store.rounds.tested(found)
        store.rounds.refused(found)
        store.rounds.why(found.number)

    no_table_is_scanned(plans(turn))


def test_a_turn_of_the_work(plans, store, fill):
    def turn():
        work = store.work
        message = fill.message()
        work.new_messages()
        work.note_attempts([message])
        work.load_patients(["A", "B"])
        work.load_patients_by_id([1, 2])
        work.next_ids()
        new = [NewRequestRow(n, n, message, "A1", "waiting", b"", b"", DAY) for n in (1, 2, 3)]
        patients = [PatientWrite(n, b"", True, (f"K{n}",)) for n in (1, 2, 3)]
        claimed = work.commit(
            Turn(
                1.0,
                messages=[MessageDone(message, "done", "post", note=b"n")],
                patients=patients,
                requests=new,
                claims=1,
                roster=[RosterWrite("M1", b"{}"), RosterWrite("M2"), RosterWrite("M3", forget=True)],
            )
        ).claimed
        work.commit(
            Turn(
                2.0,
                patients=[PatientWrite(2, b"", False, ("K2", "K3"))],
                requests=[
                    NewRequestRow(4, 2, None, "A1", "held", b"", b"", DAY, supersedes=2),
                    RewriteRow(1, 1, "waiting", b"", b"", DAY),
                    RewriteRow(3, 3, "held", b"", b"", DAY),
                    CloseRow(4, 2, "withdrawn"),
                ],
                attempts=[fill.attempt(one, "waiting") for one in claimed],
            )
        )
        work.request_states([1, 2])
        store.roster.of_numbers(["M1", "M2"])
        for which in ("failed", "all"):
            work.commit(Turn(3.0, wake=which, told={"a": "1"}, claims=1, not_before=DAY, probe=True))

    no_table_is_scanned(plans(turn))


def test_what_persons_do_to_requests(plans, store, fill):
    patient = fill.patient()
    numbers = [fill.request(patient) for _ in range(3)]

    def turn():
        rows = [
            HurryRow(numbers[0], patient),
            DiscardRow(numbers[1], patient, "waiting", b"{}"),
            ReopenRow(numbers[1], patient, "discarded", "waiting", b"", b"{}", DAY),
        ]
        store.work.commit(Turn(2.0, by_hand=rows))
        assert store.work.request_states([numbers[1]]) == {numbers[1]: "waiting"}

    no_table_is_scanned(plans(turn))


def test_claims_read_the_patients_that_are_due(plans, store, fill):
    patient = fill.patient()
    fill.request(patient)
    found = plans(lambda: store.work.claim(fill.now, 5))
    no_table_is_scanned(found)
    (claim,) = [plan for statement, plan in found.items() if "patients.due_at <=" in statement]
    assert searches(claim, "patients_due", "due_at")
    assert not any("TEMP B-TREE" in line for line in claim)


def test_new_messages_need_no_sorting(plans, store):
    (plan,) = plans(store.work.new_messages).values()
    assert searches(plan, "messages_by_state", "state", "decision")
    assert not any("TEMP B-TREE" in line for line in plan)


def test_a_restart_and_a_change_of_day(plans, store, fill):
    fill.request(fill.patient())
    fill.claim()

    def start():
        store.work.recover(fill.now, longest=60.0)
        store.work.patients_with_open_requests()
        store.work.patients_with_open_requests(day=DAY)
        store.work.patients_held_until()

    found = plans(start)
    no_table_is_scanned(found)


def test_timers_and_going_live(plans, store, fill):
    patient = fill.patient()
    fill.request(patient)

    def go():
        store.work.patients_to_wake(fill.now)
        store.work.commit(Turn(3.0, woken=frozenset([patient])))
        store.work.request_environments([1])
        list(store.environments.held())
        store.environments.first_since(1.0)
        store.environments.only_checked(date(2026, 3, 5), 500)

    found = plans(go)
    no_table_is_scanned(found)
    waking = [
        plan for statement, plan in found.items() if "wake_at <=" in statement and "ORDER BY" in statement
    ]
    assert waking and searches(waking[0], "requests_waking")


def test_whose_time_has_come(plans, store):
    (plan,) = plans(lambda: store.work.patients_to_wake(1.0)).values()
    assert searches(plan, "requests_waking", "wake_at")
    assert not any("TEMP B-TREE" in line for line in plan)


@pytest.mark.parametrize(
    "where",
    [
        MessageFilter(),
        MessageFilter(state="failed"),
        MessageFilter(decision="hold"),
        MessageFilter(control_id="X"),
        MessageFilter(message_type="ADT^A08"),
        MessageFilter(since=1.0, listener="main"),
        MessageFilter(sender="FAC", code="protected"),
        MessageFilter(patient_key="A"),
        MessageFilter(patient_id=1),
    ],
)
def test_lists_of_messages(plans, store, fill, where):
    fill.patient("A")
    found = plans(lambda: store.views.messages(where))
    assert (store.path is None and may_scan(where)) or no_table_is_scanned(found) is None


@pytest.mark.parametrize(
    "where",
    [
        RequestFilter(),
        RequestFilter(state="held"),
        RequestFilter(patient_key="A"),
        RequestFilter(appointment_date=DAY),
        RequestFilter(unanswered_before=1.0),
        RequestFilter(outcome="found"),
        RequestFilter(id=7),
        RequestFilter(correlation_id="c7"),
        RequestFilter(patient_id=1, last_verdict="refused-by-api"),
        RequestFilter(environment="staging"),
        RequestFilter(sender="FAC", message_type="SIU^S12", code="protected", last_status=400),
    ],
)
def test_lists_of_requests(plans, store, fill, where):
    fill.request(fill.patient("A"))
    found = plans(lambda: store.views.requests(where))
    assert (store.path is None and may_scan(where)) or no_table_is_scanned(found) is None


def test_lists_by_state_or_decision_use_their_index(plans, store):
    def search(function, *index):
        (plan,) = plans(function).values()
        return searches(plan, *index)

    held, named = MessageFilter(decision="hold"), MessageFilter(control_id="X")
    assert search(lambda: store.views.messages(held), "messages_by_state", "state", "decision")
    assert search(lambda: store.views.messages(named), "messages_by_control_id", "control_id")
    assert search(lambda: store.views.requests(RequestFilter(state="held")), "requests_by_state", "state")
    day = RequestFilter(appointment_date=DAY)
    assert search(lambda: store.views.requests(day), "requests_by_date", "appointment_date")


def test_details_and_the_backlog(plans, store, fill):
    message, request = fill.message(), fill.request(fill.patient())

    def look():
        store.views.message(message)
        store.views.bodies([message, 1, 2])
        store.views.named(["C1", "C2"])
        store.views.request(request)
        store.views.backlog()

    no_table_is_scanned(plans(look))


def test_what_history_asks_of_the_store(plans, store, fill):
    message = fill.message(listener="load")
    fill.patient("A")

    def look():
        store.views.waiting("load")
        store.views.decided([message])
        store.patients.owners(["A", "B"])

    found = plans(look)
    no_table_is_scanned(found)
    (count,) = [plan for statement, plan in found.items() if "count" in statement]
    assert searches(count, "messages_by_state", "state", "decision")


@pytest.mark.parametrize(
    "where",
    [
        PatientFilter(),
        PatientFilter(key="A"),
        PatientFilter(merged=True),
        PatientFilter(since=1.0),
        PatientFilter(since=1.0, until=2.0),
    ],
)
def test_lists_of_patients(plans, store, fill, where):
    fill.patient("A")
    page = PatientCursor(1.0, 1)
    found = plans(lambda: store.patients.patients(where, before=page))
    no_table_is_scanned(found)
    if where.key is None:
        (plan,) = found.values()
        assert searches(plan, "patients_changed", "changed_at")
        assert not any("TEMP B-TREE" in line for line in plan)


def test_a_patient_and_what_is_his(plans, store, fill):
    patient = fill.patient("A")
    message, request = fill.message(), fill.request(patient)

    def look():
        patients = store.patients
        patients.by_id([patient])
        patients.owners(["A"])
        patients.charted()
        patients.family([patient])
        patients.survivors([patient])
        patients.messages_of([patient])
        patients.count_messages([patient])
        patients.to_replay([patient], after=0, up_to=9)
        patients.messages_by_id([message])
        patients.requests_by_id([request])
        store.work.request_bodies([request])
        store.work.request_details([request])

    no_table_is_scanned(plans(look))


def test_webhooks(plans, store, fill):
    number = fill.request(fill.patient())
    (claimed,) = store.work.claim(fill.now, 1)

    def way():
        arrival = WebhookArrival(b"{}", "patient.found", b"c", "peer", 1.0, "C-1")
        for _ in range(2):
            store.inbox.append([arrival], 1.0)
        store.work.commit(Turn(1.0, attempts=[fill.attempt(claimed, correlation_id="C-1")]))
        found = store.work.new_webhooks(10)
        assert found.outcomes
        store.work.commit(Turn(2.0, joins=joins_of(found), hold=store.work.take_turn()))
        store.webhooks.one(1)
        store.views.request(number)
        store.webhooks.overdue(2.0, (1.0, 1))
        store.retention.unmatched_beyond(0, 0)
        store.work.look_again_for_webhooks()

    found = plans(way)
    no_table_is_scanned(found)
    (overdue,) = [plan for statement, plan in found.items() if "awaited_since <" in statement]
    assert searches(overdue, "requests_awaited", "awaited_since")
    assert not any("TEMP B-TREE" in line for line in overdue)


@pytest.mark.parametrize(
    "where", [WebhookFilter(), WebhookFilter(state="unmatched"), WebhookFilter(correlation_id="c")]
)
def test_lists_of_webhooks(plans, store, where):
    no_table_is_scanned(plans(lambda: store.webhooks.webhooks(where)))


def test_retention_reads_pages_and_deletes_by_id(plans, store, fill):
    message, patient = fill.message(), fill.patient("A")
    request = fill.request(patient)
    limits = Limits(DAY, *[fill.now * 2] * 4)

    def purge():
        kept = store.retention
        kept.requests(limits, 0)
        kept.webhooks(limits, 0)
        kept.commands(limits, 0)
        kept.charts(limits, 0)
        kept.messages(limits, 0)
        kept.end(kept.begin(1.0), {}, 2.0)
        kept.last()
        for table, id_ in (("requests", request), ("patients", patient), ("messages", message)):
            kept.delete(table, [id_])

    found = plans(purge)
    assert len(found) > 10
    # newest first, a handful of rows in all
    no_table_is_scanned(
        {statement: plan for statement, plan in found.items() if "FROM purges" not in statement}
    )


def test_sealing_anew_reads_pages(plans, store, fill, monkeypatch):
    fill.message()
    fill.request(fill.patient("A"))
    monkeypatch.setattr(store.resealing, "grace", 0.0)
    store.rotation.begin(Master(bytes(range(32))), Master(bytes(range(1, 33))))

    def reseal():
        while store.resealing.step():
            pass

    found = plans(reseal)
    # the table of keys holds a handful of rows
    no_table_is_scanned(
        {statement: plan for statement, plan in found.items() if "store_keys" not in statement}
    )
    assert any("UPDATE message_bodies" in statement for statement in found)


def test_what_the_console_reads_at_a_glance(plans, store, fill):
    fill.message()
    fill.request(fill.patient("A"), state="held")

    def look():
        overview = store.overview
        overview.first_ids("messages", [1.0, 2.0])
        overview.first_ids("requests", [1.0, 2.0])
        overview.requests_between(1, 5)
        overview.requests_in("held")
        overview.failed_messages()
        overview.unassigned_messages(1)
        overview.unanswered(1.0)
        overview.outcomes(19_990, most=1)

    found = plans(look)
    no_table_is_scanned(found)
    if store.path is not None:  # PostgreSQL sorts where it thinks that few are found
        assert not any("TEMP B-TREE" in line for plan in found.values() for line in plan)


def test_what_waits_for_a_person(plans, store, fill):
    fill.message()
    fill.request(fill.patient("A"), state="held")
    groups = (
        *(Several(kind) for kind in TROUBLES),
        Several("held", "protected"),
        Several("held", "lead-time", ("lead-time",)),
        Several("dead", without_reason=True),
        Several("dead", without_reason=True, status=400),
    )

    def look():
        for kind in TROUBLES:
            store.unsettled.looked_at(kind, [1.0, 2.0], most=5)
            store.unsettled.held(5)
        for of in groups:
            store.unsettled.ids(of, 5)
            (store.unsettled.messages if of.kind in MESSAGES else store.unsettled.requests)(of)
        store.commands.add_all("retry", [{"requests": [1]}, {"requests": [2]}])
        store.commands.between(1, 2)

    found = plans(look)
    inner = {text: [line for line in plan if "SCAN anon" not in line] for text, plan in found.items()}
    no_table_is_scanned(inner)


def test_messages_of_an_hour_are_read_by_their_ids(plans, store, fill):
    fill.message()
    (plan,) = plans(lambda: store.overview.feeds_between(1, 5)).values()
    if store.path is None:
        assert searches(plan, "messages_pkey", "id")
    else:
        assert any(line.startswith("SEARCH messages USING INTEGER PRIMARY KEY") for line in plan)


def test_sessions_and_the_audit(plans, store):
    store.users.add("mary", "viewer", "hash", 1.0)

    def look():
        users = store.users
        users.begin(b"t", users.get("mary"), 1.0)
        users.session(b"t")
        users.used(b"t", 2.0)
        users.end(b"t")
        users.end_old(1.0)
        users.set_disabled("mary", True)
        store.audit.add([AuditEntry(1.0, "mary", "127.0.0.1", "saw", "message 1")])
        for where in ({}, {"user_name": "mary"}, {"subject": "message 1"}, {"actions": ("saw",), "first": 1}):
            store.audit.page(**where)
        store.audit.last("mary", "signed in")
        store.overview.first_ids("audit", [1.0])

    no_table_is_scanned(plans(look))


def test_what_alerts_are_judged_by(plans, store, fill):
    fill.request(fill.patient())
    facts = store.alert_facts

    def look():
        facts.dead(0.0)
        facts.failed(0.0)
        facts.held(19_900, ("lead-time",))
        facts.heard(0, 100)
        facts.senders(1, 100)
        store.webhooks.overdue(5.0, limit=1)

    found = plans(look)
    no_table_is_scanned(
        {
            statement: [line for line in plan if line != "SCAN anon_1"]
            for statement, plan in found.items()
            if "max(requests.id)" not in statement
        }
    )
    newest = plans(lambda: (facts.last_webhook(), facts.newest_message()))
    assert len(newest) == 2, "the newest row by its id: the first that the index gives"
