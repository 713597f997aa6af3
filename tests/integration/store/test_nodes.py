"""Several nodes on one database: turns, claims, attempts that come late, doors that store the same message."""

import threading
import time
from contextlib import contextmanager, suppress
from datetime import date

import pytest
from sqlalchemy import text

from interface.store import intake_turn, journal
from interface.store.errors import Overtaken, StoreError, TurnLost
from interface.store.records.turn import CloseRow, MessageDone, NewRequestRow, PatientWrite, RewriteRow, Turn
from interface.store.store import open_store

DAY = date(2027, 3, 1)


@pytest.fixture
def url(clean_store, keyring):
    return clean_store(keyring)


@pytest.fixture
def node(url, keyring):
    """Opens the same store as another node."""
    opened = []

    def other():
        opened.append(open_store(url, keyring, create=False))
        opened[-1].nodes.pulse(opened[-1].work.node, "host", daemon=True)
        return opened[-1]

    yield other
    for one in opened:
        one.close()


@pytest.fixture
def two(node):
    return node(), node()


@pytest.fixture
def dead(sql):
    """Makes a node one that has given no sign of life."""

    def make(store):
        sql("UPDATE nodes SET alive_until = 0 WHERE id = :id", id=store.work.node)

    return make


def close(request, patient):
    return CloseRow(request, patient, "withdrawn")


# ---------------------------------------------------------------------------------------------- signs of life


def test_a_sign_of_life_tells_whether_the_node_has_counted_as_alive_since_the_one_before(two, dead):
    one, other = two

    def sign(store):
        return store.nodes.pulse(store.work.node, "host", daemon=True)

    assert (sign(one), sign(other)) == (True, True)
    dead(one)
    assert (sign(one), sign(other)) == (False, True)
    assert sign(one)
    one.nodes.leave(one.work.node)
    assert not sign(one)


# ---------------------------------------------------------------------------------------------- the turn


def test_one_node_has_the_turn_until_it_gives_it_back(two):
    one, other = two
    hold = one.work.take_turn()
    assert other.work.take_turn() is None
    assert one.work.take_turn().follows(hold)
    one.work.give_turn_back(one.work.take_turn())
    assert not other.work.take_turn().follows(hold)


def test_a_turn_that_lapsed_is_taken_over_and_its_first_holder_stores_nothing(two, fill, sql, store):
    one, other = two
    message = fill.message()
    lost = one.work.take_turn()
    sql("UPDATE intake_turn SET until = 0")
    assert other.work.take_turn() is not None
    with pytest.raises(TurnLost):
        one.work.commit(Turn(fill.now, [MessageDone(message, "done", "chart")], hold=lost))
    assert [row.id for row in store.work.new_messages()] == [message]
    assert not one.nodes.renew(lost)
    with pytest.raises(TurnLost):
        one.work.settled(lost, DAY)


def test_what_was_planned_before_another_node_had_the_turn_is_not_stored_in_a_later_turn_of_ones_own(
    two, fill, sql
):
    one, other = two
    before = one.work.take_turn()
    sql("UPDATE intake_turn SET until = 0")
    other.work.give_turn_back(other.work.take_turn())
    assert one.work.take_turn() is not None
    with pytest.raises(TurnLost):
        one.work.commit(Turn(fill.now, [MessageDone(fill.message(), "done", "chart")], hold=before))


def test_a_commit_renews_the_turn_or_gives_it_back(two, fill, sql):
    one, other = two
    hold = one.work.take_turn()
    sql("UPDATE intake_turn SET until = 0")
    one.work.commit(Turn(fill.now, [MessageDone(fill.message(), "done", "chart")], hold=hold))
    assert other.work.take_turn() is None
    done = [MessageDone(fill.message(), "done", "chart")]
    one.work.commit(Turn(fill.now, done, hold=hold, give_back=True))
    assert other.work.take_turn() is not None


def test_a_look_says_what_there_is_to_do(two, fill):
    one, other = two
    assert (other.work.look(5).owner, other.work.look(5).new_messages) == (None, 0)
    hold = one.work.take_turn()
    one.work.settled(hold, DAY)
    for _ in range(3):
        fill.message()
    fill.store.commands.add("rebuild", {})
    seen = other.work.look(2)
    assert (seen.owner, seen.lapsed, seen.new_messages, seen.commands) == (one.work.node, False, 2, True)
    assert seen.settled_on == "2027-03-01"
    assert not seen.is_free(other.work.node)


def test_the_clock_of_turns_is_the_databases(two, store):
    one, _ = two
    assert abs(one.nodes.now() - time.time()) < 60
    with store.work._writing() as connection:
        hold = intake_turn.take(connection, "x", by_force=False)
        until = connection.execute(text("SELECT until FROM intake_turn")).scalar()
    assert hold.fence == 1
    assert until > one.nodes.now()


# ---------------------------------------------------------------------------------------------- claims


def test_two_nodes_never_claim_the_same_patient(two, fill):
    one, other = two
    patients = [fill.patient() for _ in range(20)]
    for patient in patients:
        fill.request(patient), fill.request(patient)
    claimed, failed = [], []

    def claiming(store):
        try:
            for _ in range(10):
                claimed.extend(store.work.claim(fill.now, 3))
        except StoreError as error:
            failed.append(error)

    threads = [threading.Thread(target=claiming, args=(store,)) for store in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(one.patient_id for one in claimed) == patients


@contextmanager
def locked(store, patient):
    with store._database.engine.connect() as connection, connection.begin():
        connection.execute(text(f"SELECT id FROM patients WHERE id = {patient} FOR UPDATE"))
        yield


def test_a_claim_passes_over_whom_another_node_is_changing(two, fill, store):
    one, _ = two
    first, second = fill.patient(), fill.patient()
    fill.request(first), fill.request(second)
    with locked(store, first):
        assert [claim.patient_id for claim in one.work.claim(fill.now, 5)] == [second]
    assert [claim.patient_id for claim in one.work.claim(fill.now, 5)] == [first]


def test_a_plan_that_was_overtaken_by_a_claim_is_not_stored(two, fill, store):
    one, other = two
    patient = fill.patient()
    request, message = fill.request(patient), fill.message()
    hold = one.work.take_turn()
    (claim,) = other.work.claim(fill.now, 1)
    for change in (close(request, patient), RewriteRow(request, patient, "held", b"", b"", None)):
        with pytest.raises(Overtaken) as told:
            done = [MessageDone(message, "done", "cancel")]
            one.work.commit(Turn(fill.now, done, requests=[change], hold=hold))
        assert told.value.sending == {request: patient}
    assert one.work.sent_by_others({request: patient}) == {request: patient} == one.work.sent_elsewhere()
    assert other.work.sent_by_others({request: patient}) == {} == other.work.sent_elsewhere()
    assert [row.id for row in store.work.new_messages()] == [message]
    other.work.commit(Turn(fill.now, attempts=[fill.attempt(claim, "waiting")]))
    assert one.work.sent_by_others({request: patient}) == {}
    one.work.commit(
        Turn(
            fill.now, [MessageDone(message, "done", "cancel")], requests=[close(request, patient)], hold=hold
        )
    )
    assert fill.state(request) == "withdrawn"


def test_what_is_being_sent_elsewhere_may_be_superseded_it_just_goes_first(two, fill):
    one, other = two
    patient = fill.patient()
    request = fill.request(patient)
    other.work.claim(fill.now, 1)
    newer = NewRequestRow(request + 1, patient, None, "A1", "waiting", b"", b"", None, supersedes=request)
    committed = one.work.commit(Turn(fill.now, requests=[newer], hold=one.work.take_turn()))
    assert committed.missed == (request,)


def test_a_merge_waits_until_both_are_idle_on_every_node(two, fill):
    one, other = two
    survivor, retired = fill.patient("A"), fill.patient("B")
    request = fill.request(retired)
    (claim,) = other.work.claim(fill.now, 1)
    merge = Turn(
        fill.now,
        patients=[PatientWrite(retired, b"{}", False, (), survivor)],
        idle=frozenset({survivor, retired}),
        hold=one.work.take_turn(),
    )
    with pytest.raises(Overtaken) as told:
        one.work.commit(merge)
    assert told.value.sending == {request: retired}
    other.work.commit(Turn(fill.now, attempts=[fill.attempt(claim)]))
    one.work.commit(merge)


# ---------------------------------------------------------------------------------------------- the dead


def test_what_a_dead_node_was_sending_is_taken_back_and_what_the_living_send_is_not(two, fill, dead):
    one, other = two
    first, second = fill.patient(), fill.patient()
    theirs, ours = fill.request(first), fill.request(second)
    assert [claim.request_id for claim in other.work.claim(fill.now, 1)] == [theirs]
    assert [claim.request_id for claim in one.work.claim(fill.now, 1)] == [ours]
    assert one.work.recover(fill.now) == 0
    dead(other)
    assert one.work.recover(fill.now) == 1
    assert (fill.state(theirs), fill.state(ours)) == ("waiting", "sending")
    assert one.views.request(theirs).summary.possible_duplicate
    assert [claim.request_id for claim in one.work.claim(fill.now, 1)] == [theirs]


@pytest.mark.parametrize("verdict", ["delivered", "dead", "waiting"])
def test_a_verdict_that_comes_late_is_kept_and_changes_nothing(two, fill, dead, verdict):
    one, other = two
    request = fill.request(fill.patient())
    (old,) = other.work.claim(fill.now, 1)
    dead(other)
    one.work.recover(fill.now)
    (new,) = one.work.claim(fill.now, 1)
    assert new.fence > old.fence
    told = other.work.commit(Turn(fill.now, attempts=[fill.attempt(old, verdict, fence=old.fence)]))
    assert told.late == (request,)
    assert fill.state(request) == "sending"
    assert one.work.commit(Turn(fill.now, attempts=[fill.attempt(new, fence=new.fence)])).late == ()
    shown = one.views.request(request)
    assert shown.summary.state == "delivered"
    assert [(a.verdict, "another node" in a.detail) for a in shown.attempts] == [
        ("interrupted", False),
        ("delivered", True),
        ("delivered", False),
    ]


def test_a_node_that_left_or_was_never_known_counts_as_dead(two, fill, store):
    one, other = two
    for _ in range(2):
        fill.request(fill.patient())
    other.work.claim(fill.now, 1)
    other.nodes.leave(other.work.node)
    store.work.claim(fill.now, 1)  # nobody has heard of this one
    assert one.work.recover(fill.now) == 2
    assert [found.id for found in one.nodes.daemons()] == [one.work.node]


# ---------------------------------------------------------------------------------------------- outcomes


def test_what_became_of_a_commit_can_be_found_out(two, fill):
    one, _ = two
    request = fill.request(fill.patient())
    (claim,) = one.work.commit(Turn(fill.now, claims=1)).claimed
    found = one.work.outcome()
    assert [(c.request_id, c.fence, c.body) for c in found.claimed] == [(request, claim.fence, claim.body)]
    one.work._commits += 1  # one that nobody has heard of
    assert one.work.outcome() is None


# ---------------------------------------------------------------------------------------------- the doors


def test_the_same_message_at_two_doors_at_once_makes_one_row(two, fill, monkeypatch):
    both_have_looked = threading.Barrier(2)
    look = journal.find_namesakes

    def looking(*given):
        found = look(*given)
        with suppress(threading.BrokenBarrierError):  # the other waits until we have stored it
            both_have_looked.wait(0.5)
        return found

    monkeypatch.setattr(journal, "find_namesakes", looking)
    one = fill.arrival("S1")
    outcomes, failed = [], []

    def taking(store):
        try:
            outcomes.extend(store.journal.append([one], fill.now))
        except StoreError as error:
            failed.append(error)

    threads = [threading.Thread(target=taking, args=(store,)) for store in two]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(found.receipt for found in outcomes) == ["duplicate", "stored"]
    assert len(two[0].work.new_messages()) == 1
