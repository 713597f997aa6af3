"""What persons ask for, on a real store: portions, dry runs that change nothing, and who carries a command out."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest
from made_up import DG1
from sqlalchemy import select

from interface.delivery.verdict import Reply
from interface.rules import Policy
from interface.services import asking, offline, portions
from interface.services.asking import Asking, NotAnsweredError
from interface.services.clock import Clock
from interface.services.portions import Grouping
from interface.services.trial import Trial
from interface.store.lock import StoreLock
from interface.store.schema import metadata

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
ORDER = ("ORC|NW|P1", "RXE|^Q12H|860975^metformin^RXNORM|500||MG|TAB")
NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)


def engine(site, **policy):
    return replace(site.engine, policy=replace(site.policy, **policy))


def group(site, *, patients=(), messages=(), aside=(), mapping=None):
    found = Grouping(mapping or site.engine, site.store.patients, site.store.work)
    found.patients(patients)
    owners = {
        row.id: row.patient_id for row in site.store.patients.messages_by_id([*messages, *aside]).values()
    }
    found.messages([(id_, owners[id_]) for id_ in messages], "again")
    found.messages([(id_, owners[id_]) for id_ in aside], "aside")
    found.count()
    return list(found.portions())


def look(site, *, mapping=None, **chosen):
    mapping = mapping or site.engine
    (portion,) = group(site, mapping=mapping, **chosen)
    before = content(site.store)
    found = Trial(mapping, site.store, lambda: NOW).look(portion)
    assert content(site.store) == before, "a dry run changes nothing"
    return found


def content(store):
    """Everything that is stored, as it is stored."""
    with store.views._reading() as connection:
        rows = [
            connection.execute(select(table).order_by(*table.primary_key)).all()
            for table in metadata.sorted_tables
            if table.name not in ("nodes", "intake_turn")
        ]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def patient(site, number):
    return site.store.patients.owners([f"|{number}"])[f"|{number}"]


def fields(change):
    return {(entry.field, entry.before, entry.after) for entry in change.fields}


# ---------------------------------------------------------------- portions


def test_patients_of_a_merge_are_one_group(site):
    for number in ("T1", "T2", "T3"):
        site.tell("ADT^A08", patient=number)
    site.merge()
    (portion,) = group(site, patients=[1, 2, 3], messages=[2])
    assert [entry.patient for entry in portion.groups] == [1, 3]
    assert portion.arguments["messages"] == [2]
    assert [entry.size for entry in portion.groups] == [3, 1]


def test_portions_are_no_larger_than_a_short_transaction_takes(site, monkeypatch):
    for number in range(7):
        site.tell("ADT^A08", patient=f"T{number}")
    monkeypatch.setattr(portions, "PATIENTS", 3)
    assert [portion.patients for portion in group(site, patients=range(1, 8))] == [[1, 2, 3], [4, 5, 6], [7]]
    monkeypatch.setattr(portions, "MESSAGES", 2)
    assert [len(portion.groups) for portion in group(site, patients=range(1, 8))] == [2, 2, 2, 1]


def test_messages_in_nobodys_chart_go_with_whom_they_name_by_todays_rules(site):
    blind = type(site)(site.store, policy=Policy())
    two = "PID|1||9^^^OTHER^MR~T1^^^LFC^MR||Sample^Robin||19700131|F"
    blind.raw("ADT^A08", "H1", f"MSH|^~\\&|APP|FAC|R|R|202603050830||ADT^A08|H1|P|2.5.1\r{two}")
    blind.raw("ADT^A08", "H2", f"MSH|^~\\&|APP|FAC|R|R|202603050831||ADT^A08|H2|P|2.5.1\r{two}")
    (portion,) = group(site, messages=[1, 2])
    assert [(entry.patient, entry.marked("again")) for entry in portion.groups] == [(None, {1, 2})]
    site.tell("ADT^A08", patient="T1")
    (portion,) = group(site, messages=[1, 2, 3])
    assert [(entry.patient, entry.marked("again")) for entry in portion.groups] == [(1, {1, 2, 3})]


def test_a_chart_of_before_the_site_named_its_authority_is_found(site):
    """Its key then bore the authority; under the new setting it does not."""
    before = type(site)(site.store, policy=Policy())
    before.tell("ADT^A08", DG1, patient="T1")
    two = "PID|1||9^^^OTHER^MR~T1^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
    head = "MSH|^~\\&|APP|FAC|R|R|202603050830||SIU^S12|H1|P|2.5.1"
    raw = "\r".join((head, "SCH||F2|||||||||^^^202604100930", two, before.AIP))
    before.raw("SIU^S12", "H1", raw)
    assert site.store.patients.owners(["|T1", "LFC|T1"]) == {"LFC|T1": 1}
    (portion,) = group(site, messages=[2])
    site.ask("rebuild", **portion.arguments)
    assert site.store.patients.owners(["|T1", "LFC|T1"]) == {"|T1": 1}
    (sent,) = site.couriers.sent
    assert [entry["code"] for entry in sent["activeIcd10Diagnoses"]] == ["E11.9"]


# ---------------------------------------------------------------- dry runs


def test_a_dry_run_with_the_same_rules_finds_nothing(site):
    site.tell("ADT^A08", DG1)
    site.book("20260410")
    site.reply(TAKEN)
    site.book("20260411", "SIU^S13")
    found = look(site, messages=[1, 2, 3])
    assert [message.changed for message in found.messages] == [False, False, False]
    assert (found.requests, found.charts) == ((), ())
    assert (found.patients, found.replayed) == (1, 3)


def test_a_dry_run_of_an_undone_merge_tells_whose_the_request_will_be_and_what_leaves_it(site):
    site.couriers.free = 0
    site.tell("ADT^A08", DG1, patient="T1")
    site.book("20260410", patient="T2")
    site.merge()
    found = look(site, patients=[1], aside=[3])
    (request,) = found.requests
    assert (request.id, request.patient, request.before, request.after) == (1, 2, "waiting", "waiting")
    assert ("patient.mrn.extension", "T1", "T2") in fields(request)
    gone = next(entry for entry in request.fields if entry.before == "E11.9")
    assert (gone.field, gone.source, gone.rule) == (
        "activeIcd10Diagnoses[0].code",
        "M1:DG1-3.1",
        "problems.yaml#diagnosis",
    )
    assert {(chart.patient, chart.numbers) for chart in found.charts} == {(1, ("T1", "T2")), (2, ("T2",))}


def test_a_dry_run_of_new_rules_tells_the_decision_and_each_field_with_its_rule(site):
    blind = type(site)(site.store, policy=Policy())
    two = "PID|1||9^^^OTHER^MR~T7^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
    head = "MSH|^~\\&|APP|FAC|R|R|202603050830||SIU^S12|H1|P|2.5.1"
    blind.raw("SIU^S12", "H1", "\r".join((head, "SCH||F2|||||||||^^^202604100930", two, site.AIP)))
    found = look(site, messages=[1])
    (message,) = found.messages
    assert (message.before.decision, message.after.decision, message.changed) == ("hold", "post", True)
    assert [reason.code for reason in message.before.reasons] == ["no-mrn"]
    (request,) = found.requests
    assert (request.id, request.patient, request.before, request.after) == (None, None, None, "waiting")
    number = next(entry for entry in request.fields if entry.field == "patient.mrn.extension")
    assert (number.before, number.after, number.source, number.rule) == (
        None,
        "T7",
        "PID-3[2].1",
        "patient.yaml#mrn",
    )


def test_what_was_sent_is_what_a_new_request_is_compared_with(site):
    """The request was composed anew while it waited for its second attempt."""
    site.book("20260410")
    site.reply(Reply(503))
    site.tell("RDE^O11", *ORDER)
    site.set(2026, 3, 5, 13)
    site.reply(TAKEN)
    assert "medications" in site.couriers.sent[-1]
    found = look(site, mapping=engine(site, npi_check_digit=False), messages=[1])
    assert [message.changed for message in found.messages] == [False]
    assert found.requests == (), "what was composed anew was sent: it is not asked for again"
    named = engine(site, request=replace(site.policy.request, clinic_name="Lakeside"))
    (request,) = look(site, mapping=named, messages=[1]).requests
    assert (request.instead_of, request.before, request.after) == (1, "delivered", "waiting")
    assert fields(request) == {("clinicName", "FAC", "Lakeside")}


def test_nothing_is_asked_for_twice_of_what_was_composed_anew_before_it_was_sent(site):
    site.book("20260410")
    site.reply(Reply(503))
    site.tell("RDE^O11", *ORDER)
    site.set(2026, 3, 5, 13)
    site.reply(TAKEN)
    assert "medications" in site.couriers.sent[-1]
    done = site.ask("rebuild", messages=[1], again=True)
    assert done.result["posted"] == 0
    assert len(site.store.views.requests()) == 1


def test_a_request_that_was_sent_and_would_differ_is_told_where_nothing_asks_for_it(site):
    site.book("20260410")
    site.reply(TAKEN)
    named = engine(site, request=replace(site.policy.request, clinic_name="Lakeside"))
    (request,) = look(site, mapping=named, patients=[1]).requests
    assert (request.id, request.before, request.after) == (1, "delivered", "delivered")
    assert fields(request) == {("clinicName", "FAC", "Lakeside")}


def test_new_rules_that_hold_a_waiting_request_say_why(site):
    site.couriers.free = 0
    site.book("20260410")
    strict = engine(site, mrn_root="")
    (request,) = look(site, mapping=strict, messages=[1]).requests
    assert (request.before, request.after) == ("waiting", "held")
    assert [reason.code for reason in request.reasons] == ["missing:patient.mrn.root"]


def test_what_a_dry_run_tells_is_what_happens(site):
    site.couriers.free = 0
    site.tell("ADT^A08", DG1, patient="T1")
    site.book("20260410", patient="T2")
    site.merge()
    (told,) = look(site, patients=[1], aside=[3]).requests
    (portion,) = group(site, patients=[1], aside=[3])
    done = site.ask("rebuild", **portion.arguments)
    assert done.result["changed"] == [[told.id, told.after]]
    assert done.result["split"] == [2]
    body = orjson.loads(site.store.views.request(told.id).body)
    assert body["patient"]["mrn"]["extension"] == "T2"
    assert "activeIcd10Diagnoses" not in body


def test_a_merge_taken_back_into_the_chart_is_told_as_merged(site):
    site.tell("ADT^A08", patient="T1")
    site.tell("ADT^A08", patient="T2")
    site.merge()
    site.ask("rebuild", patients=[1], set_aside=[3])
    done = site.ask("rebuild", patients=[1], take_back=[3])
    assert done.result["merged"] == [[2, 1]]


def test_what_cannot_be_rebuilt_fails_alone(site):
    site.tell("ADT^A08", patient="T1")
    site.tell("ADT^A08", patient="T2")
    with site.store.work._writing() as connection:
        connection.exec_driver_sql("UPDATE message_bodies SET body = '' WHERE message_id = 1")
    (portion,) = group(site, patients=[1, 2])
    trial = Trial(site.engine, site.store, lambda: NOW)
    assert trial.look(portion).startswith("message 1 is unreadable: ")
    one, two = portion.halves()
    assert (one.patients, two.patients, one.halves()) == ([1], [2], ())
    assert trial.look(two).patients == 1


# ---------------------------------------------------------------- messages keep their requests


def test_a_message_decided_again_keeps_the_request_that_it_made(site):
    site.book("20260410")
    site.reply(TAKEN)
    site.set(2026, 5, 1, 12)  # its day has passed
    site.ask("rebuild", messages=[1], again=True)
    row = site.store.views.message(1).summary
    assert (row.decision, row.request_id) == ("post", 1)


def test_a_request_asked_for_anew_names_its_message(site):
    blind = type(site)(site.store, policy=Policy())
    two = "PID|1||9^^^OTHER^MR~T7^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
    head = "MSH|^~\\&|APP|FAC|R|R|202603050830||SIU^S12|H1|P|2.5.1"
    blind.raw("SIU^S12", "H1", "\r".join((head, "SCH||F2|||||||||^^^202604100930", two, site.AIP)))
    site.ask("rebuild", messages=[1], again=True)
    (request,) = site.store.views.requests()
    assert request.message_id == 1


@pytest.mark.parametrize("restarted", [False, True])
def test_a_held_message_whose_request_goes_out_by_new_rules_is_a_post(site, restarted):
    """Whether the rebuilding lets the request go, or the start with the new settings has done so before."""
    blind = type(site)(site.store, policy=replace(site.policy, mrn_root=""))
    blind.couriers.free = site.couriers.free = 0
    blind.book("20260410")
    assert site.states() == ["held"]
    if restarted:
        site.turn()
        assert site.states() == ["waiting"]
    (message,) = look(site, messages=[1]).messages
    assert (message.before.decision, message.after.decision, message.changed) == ("hold", "post", True)
    site.ask("rebuild", messages=[1], again=True)
    row = site.store.views.message(1).summary
    assert (row.decision, row.request_id, site.states()) == ("post", 1, ["waiting"])


# ---------------------------------------------------------------- who carries it out


@pytest.fixture
def ask(site, monkeypatch):
    """An Asking whose clock goes on by a second at each pause; `beside` is called then, as a daemon would work."""
    monkeypatch.setattr(asking, "POLL_SECONDS", 1.0)

    def made(beside=lambda: None, patience=10.0):
        seconds = [0.0]

        def pause(length):
            seconds[0] += length
            beside()

        return Asking(
            site.store,
            site.engine,
            Clock(NOW, UTC),
            patience=patience,
            monotonic=lambda: seconds[0],
            pause=pause,
        )

    return made


def answers(asking, wanted):
    """What came of each command, in order."""
    found = []
    asking.ask("rebuild", wanted, lambda place, command: found.append((place, command)))
    return found


def test_without_a_daemon_the_command_is_carried_out_here_and_the_journal_is_left(site, ask, feed):
    site.tell("ADT^A08", DG1)
    site.store.journal.append([site.arrival._replace(control_id="later")], NOW.timestamp())
    ((place, done),) = answers(ask(), [{"patients": [1]}])
    assert (place, done.state, done.result["patients"]) == (0, "done", 1)
    assert len(site.store.work.new_messages()) == 1


def test_many_commands_are_carried_out_in_one_go_without_a_daemon(site, ask, monkeypatch):
    """Each go settles all open requests anew."""
    site.tell("ADT^A08", DG1)
    goes = []
    work_off = offline.work_off
    monkeypatch.setattr(offline, "work_off", lambda *given, **named: goes.append(work_off(*given, **named)))
    found = answers(ask(), [{"patients": [1]}] * 20)
    assert [done.state for _, done in found] == ["done"] * 20
    assert len(goes) == 1


def test_a_running_daemon_carries_it_out(site, ask, some_daemon):
    site.tell("ADT^A08", DG1)
    with some_daemon:
        found = answers(ask(site.look), [{"patients": [1]}] * 9)
    assert [place for place, _ in found] == list(range(9))
    assert {done.state for _, done in found} == {"done"}


def test_a_daemon_that_does_not_answer_is_said_and_the_command_stays(site, ask, some_daemon):
    site.tell("ADT^A08", DG1)
    with some_daemon, pytest.raises(NotAnsweredError) as told:
        answers(ask(), [{"patients": [1]}])
    assert str(told.value).startswith("command 1 is stored, and the daemon has carried out none in 10 s")
    assert told.value.exit_code == 1
    site.look()
    assert site.store.commands.get(1).state == "done"


def test_a_daemon_that_is_just_ending_is_waited_for(site, ask, store_url, on_sqlite):
    """Its work still holds the lock of the work while it drains."""
    site.tell("ADT^A08", DG1)
    draining = StoreLock.beside(store_url, "work")
    draining.acquire()
    ((_, done),) = answers(ask(draining.release), [{"patients": [1]}])
    assert done.state == "done"


def test_a_command_that_fails_is_given_back_with_its_reason(ask):
    ((_, done),) = answers(ask(), [{"messages": [99]}])
    assert (done.state, done.result) == ("failed", {"problem": "there is no decided message 99"})
