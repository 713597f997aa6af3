"""Two loops on one PostgreSQL, turned by hand: who decides, who sends, and what each knows of the other."""

import threading
from contextlib import contextmanager

import pytest

from interface.delivery.verdict import Reply
from interface.rules import Policy
from interface.services.guarding import EnvironmentTakenError
from interface.store.crypto import Master
from interface.store.errors import OutcomeUnknown, StoreError
from interface.store.records.turn import Turn
from interface.store.store import open_store

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
AWAY = Reply(failure="refused")
DG1 = "DG1|1||E11.9^Diabetes^I10"


@pytest.fixture
def store_url(clean_store, child_module):
    return clean_store(child_module.KEYRING)


@pytest.fixture
def two(site_class, store_url, child_module):
    """Two nodes; each gives its sign of life once, which is enough for a while."""
    stores, sites = [], []
    for _ in range(2):
        stores.append(open_store(store_url, child_module.KEYRING))
        stores[-1].nodes.pulse(stores[-1].work.node, "host", daemon=True)
        with stores[-1].nodes._writing() as connection:
            connection.exec_driver_sql("UPDATE nodes SET alive_until = alive_until + 3600")
        sites.append(site_class(stores[-1]))
    sites[1].numbers = sites[0].numbers
    for site in sites:
        site.turn()
    yield sites
    for store in stores:
        store.close()


def test_both_decide_in_turn_and_each_knows_what_the_other_has_charted(two):
    one, other = two
    one.book("20260401")
    other.tell("ADT^A08", DG1)
    one.book("20260402", kind="SIU^S13")
    other.tell("ADT^A08", "DG1|1||I10^Hypertension^I10")
    assert one.chart("T1").problems == other.chart("T1").problems
    assert len(one.chart("T1").problems) == 2
    assert {row.state for row in one.store.views.messages()} == {"done"}


def test_who_has_not_the_turn_decides_nothing_and_sends_what_is_due(two):
    one, other = two
    one.couriers.free = 0
    one.book("20260401")
    one.keeper.alone = True  # it keeps the turn
    one.book("20260401", patient="T2")
    other.book("20260401", patient="T3")
    assert [row.state for row in one.store.views.messages()] == ["new", "done", "done"]
    assert len(other.couriers.jobs) == 2
    one.turn()
    assert [row.state for row in one.store.views.messages()] == ["done", "done", "done"]


def test_before_all_is_settled_for_a_new_day_nobody_sends(two):
    one, other = two
    one.couriers.free = other.couriers.free = 0
    one.book("20260401")
    one.keeper.alone = True
    one.tell("ADT^A08", DG1, patient="T9")
    other.clock.moment = other.clock.moment.replace(day=6)
    other.couriers.free = 4
    other.turn()
    assert other.couriers.jobs == [], "the other has the turn, and has not settled the day yet"
    one.set(2026, 3, 6, 12)
    other.turn()
    assert len(other.couriers.jobs) == 1


def test_a_node_that_has_not_the_new_key_leaves_the_turn_to_one_that_has(two, child_module):
    one, other = two
    new = Master(bytes(range(1, 33)), source="the new key")
    one.store.rotation.begin(child_module.KEYRING, new)
    one.store.keyring.look()
    one.store.rotation.finish(new)
    one.book("20260401")
    one.store.journal.append([one.arrival._replace(raw=one.arrival.raw + b"\rZZZ|1")], one.clock.now())
    with pytest.raises(StoreError, match="the key of this message is not known"):
        other.turn()
    one.turn()
    assert [row.state for row in one.store.views.messages()] == ["done", "done"]


def test_a_cancel_waits_for_an_attempt_of_the_other_node(two):
    one, other = two
    one.couriers.free = 0
    one.book("20260401")
    other.turn()
    assert len(other.couriers.jobs) == 1
    one.book("20260401", kind="SIU^S15")
    assert one.store.views.messages()[0].state == "new"
    assert one.states() == ["sending"]
    other.reply(AWAY)
    one.turn()
    assert one.states() == ["withdrawn"]
    assert one.store.views.messages()[0].decision == "cancel"


def test_a_merge_waits_until_the_other_node_sends_nothing_of_either(two):
    one, other = two
    one.couriers.free = 0
    one.book("20260401", patient="T1")
    one.book("20260402", patient="T2")
    other.couriers.free = 1
    other.turn()
    one.merge()
    assert one.store.views.messages()[0].state == "new"
    other.couriers.free = 0
    other.reply(TAKEN)
    one.turn()
    assert one.store.views.messages()[0].state == "done"
    assert len(one.store.patients.family([1])) == 2


def test_a_command_waits_for_an_attempt_of_the_other_node(two):
    one, other = two
    one.couriers.free = 0
    one.book("20260401")
    other.turn()
    number = one.store.commands.add("discard", {"requests": [1], "who": "anna", "why": "x"})
    one.look()
    assert one.store.commands.get(number).state == "waiting"
    other.reply(AWAY)
    one.look()
    assert one.states() == ["discarded"]


def test_what_waited_behind_a_command_that_another_node_carried_out_is_in_nobodys_way(two):
    one, other = two
    one.couriers.free = 1
    one.book("20260401")
    one.book("20260402", patient="T2")
    one.store.commands.add("discard", {"requests": [1, 2], "who": "anna", "why": "x"})
    one.look()
    one.book("20260403", kind="SIU^S13", patient="T2")
    assert one.store.views.messages()[0].state == "new"
    other.keeper.obtain(wanted=True, waiting=0)
    one.couriers.free = other.couriers.free = 0
    one.reply(AWAY)
    other.look()
    assert [row.state for row in one.store.views.messages()] == ["done"] * 3
    one.tell("ADT^A08", DG1, patient="T9")
    one.turn()  # a while later
    assert [row.state for row in one.store.views.messages()] == ["done"] * 4
    one.couriers.free = 4
    one.turn()
    assert one.states() == ["discarded", "discarded", "sending"]


def taken_for_dead(one, other):
    """While `other` sends a request; `one` judges so in its next turn, and has no courier to send it itself."""
    one.couriers.free = 0
    one.book("20260401")
    other.turn()
    with one.store.nodes._writing() as connection:
        connection.exec_driver_sql(f"UPDATE nodes SET alive_until = 0 WHERE id = '{other.store.work.node}'")
    one.loop._may_judge = lambda: True


def test_a_verdict_that_comes_after_the_node_was_taken_for_dead_changes_nothing(two):
    one, other = two
    taken_for_dead(one, other)
    one.couriers.free = 4
    one.turn()
    assert len(one.couriers.jobs) == 1, "it is sent again by who lives"
    other.reply(TAKEN)
    assert one.states() == ["sending"]
    one.reply(TAKEN)
    (request,) = one.store.views.requests()
    assert (request.state, request.possible_duplicate) == ("delivered", True)
    assert [a.verdict for a in one.store.views.request(1).attempts] == [
        "interrupted",
        "delivered",
        "delivered",
    ]


def test_what_a_node_claims_anew_while_it_still_sends_it_is_sent_again_after_its_late_verdict(two):
    """It was taken for dead, and is the first to claim what was taken back: its verdict is of the claim before."""
    one, other = two
    taken_for_dead(one, other)
    one.turn()
    with one.store.nodes._writing() as connection:
        connection.exec_driver_sql("UPDATE nodes SET alive_until = 1e12")
    other.turn()
    assert (one.states(), len(other.couriers.jobs)) == (["sending"], 1)
    other.reply(AWAY)
    other.go_on(1)
    assert (one.states(), len(other.couriers.jobs)) == (["sending"], 1)
    other.reply(TAKEN)
    (request,) = one.store.views.requests()
    assert (request.state, request.possible_duplicate) == ("delivered", True)


@contextmanager
def unknown(site, *, stored):
    """Nobody hears what becomes of the next commits."""
    commit = site.store.work.commit

    def unheard(turn):
        if stored:
            commit(turn)
        else:
            site.store.work._commits += 1
        raise OutcomeUnknown("the connection to the server was lost")

    site.store.work.commit = unheard
    yield
    site.store.work.commit = commit


@pytest.mark.parametrize("stored", [True, False])
def test_a_turn_of_which_nobody_knows_is_found_out_and_counts_once(two, stored):
    one, _ = two
    one.couriers.free = 1
    with unknown(one, stored=stored), pytest.raises(StoreError):
        one.book("20260401")
    assert one.couriers.jobs == []
    one.turn()
    assert len(one.couriers.jobs) == 1
    assert [row.state for row in one.store.views.messages()] == ["done"]
    assert one.states() == ["sending"]


@pytest.mark.parametrize("stored", [True, False])
def test_an_attempt_of_which_nobody_knows_whether_it_is_stored_is_stored_once(two, stored):
    one, _ = two
    one.book("20260401")
    with unknown(one, stored=stored), pytest.raises(StoreError):
        one.reply(AWAY)
    one.turn()
    (request,) = one.store.views.requests()
    assert (request.state, request.attempts) == ("waiting", 1)
    assert len(one.store.views.request(1).attempts) == 1


@pytest.mark.parametrize("reply", [TAKEN, AWAY])
def test_what_came_back_before_a_commit_was_found_out_about_is_not_sent_a_second_time(two, reply):
    one, _ = two
    one.book("20260401")
    with unknown(one, stored=True), pytest.raises(StoreError):
        one.book("20260402", patient="T2")
    one.reply(reply)
    assert [sent["patient"]["mrn"]["extension"] for sent in one.couriers.sent] == ["T1", "T2"]


def test_what_waited_for_an_attempt_that_came_back_before_a_commit_was_found_out_about_goes_on(two):
    one, _ = two
    one.book("20260401")
    with unknown(one, stored=True), pytest.raises(StoreError):
        one.book("20260401", kind="SIU^S15")
    one.reply(AWAY)
    assert [row.state for row in one.store.views.messages()] == ["done", "done"]
    assert one.states() == ["withdrawn"]


def test_a_node_of_another_environment_does_not_begin_while_others_run(two, site_class):
    one, other = two
    other.policy = Policy(mrn_authority=("LFC",), environment="production")
    odd = site_class(other.store, other.policy)
    with pytest.raises(
        EnvironmentTakenError, match='"production", and the daemon on host uses this store in "sandbox"'
    ):
        odd.turn()
    one.book("20260401")
    assert len(one.couriers.jobs) == 1


def test_a_node_of_another_version_of_the_api_does_not_begin_while_others_run(two, site_class):
    one, other = two
    odd = site_class(other.store, Policy(mrn_authority=("LFC",), api_version=2))
    with pytest.raises(EnvironmentTakenError, match="daemon on host uses this store with version 1"):
        odd.turn()
    one.book("20260401")
    assert len(one.couriers.jobs) == 1


def test_after_a_start_with_another_version_nobody_sends_what_was_written_for_the_one_before(two, site_class):
    one, _ = two
    one.couriers.free = 0
    one.book("20260401")
    one.keeper.give_back()
    with one.store.nodes._writing() as connection:  # both were stopped
        connection.exec_driver_sql("UPDATE nodes SET alive_until = 0")
    first, second = (site_class(site.store, Policy(mrn_authority=("LFC",), api_version=2)) for site in two)
    first.store.work.take_turn()  # it is up first, and has written nothing anew yet
    second.turn()
    first.turn()
    second.turn()
    (sent,) = (*first.couriers.sent, *second.couriers.sent)
    assert "requestingProvider" in sent


# ---------------------------------------------------------------- the production test


@pytest.fixture
def two_in_the_test(site_class, store_url, child_module):
    """Two nodes in the production test."""
    stores, sites = [], []
    for _ in range(2):
        stores.append(open_store(store_url, child_module.KEYRING))
        stores[-1].nodes.pulse(stores[-1].work.node, "host", daemon=True)
        with stores[-1].nodes._writing() as connection:
            connection.exec_driver_sql("UPDATE nodes SET alive_until = alive_until + 3600")
        policy = Policy(mrn_authority=("LFC",), environment="production-test")
        sites.append(site_class(stores[-1], policy))
    sites[1].numbers = sites[0].numbers
    for site in sites:
        site.turn()
    yield sites
    for store in stores:
        store.close()


def test_two_nodes_race_for_the_last_slots_of_the_production_test(two_in_the_test):
    one, other = two_in_the_test
    one.couriers.free = other.couriers.free = 0
    for number in range(12):
        one.book("20260401", patient=f"P{number}")
    asked = one.ask("choose", requests=list(range(1, 11)), by_hand=True, who="anna")
    assert asked.result["done"] == 10
    with one.store.work._writing() as connection:  # as if two more had been let through
        connection.exec_driver_sql(
            "UPDATE requests SET state = 'waiting', due_at = 0, reasons = '[]' WHERE state = 'held'"
        )
        connection.exec_driver_sql("UPDATE patients SET due_at = 0")
    now = one.clock.now()
    begin = threading.Barrier(2)
    claimed = []

    def claim(site):
        begin.wait()
        for _ in range(6):
            turn = Turn(now, claims=2, environment="production-test")
            claimed.extend(site.store.work.commit(turn).claimed)

    threads = [threading.Thread(target=claim, args=(site,)) for site in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({row.request_id for row in claimed}) == len(claimed) == 10
    found = one.store.rounds.now()
    assert (sorted(slot.number for slot in found.slots), found.free) == (list(range(1, 11)), ())


def test_what_a_dead_node_was_sending_in_the_production_test_keeps_its_slot(two_in_the_test):
    one, other = two_in_the_test
    one.couriers.free, other.couriers.free = 1, 0
    one.book("20260401")
    one.ask("choose", requests=[1], by_hand=True, who="anna")
    assert one.states() == ["sending"]
    with other.store.nodes._writing() as connection:
        connection.exec_driver_sql(f"UPDATE nodes SET alive_until = 0 WHERE id = '{one.store.work.node}'")
    assert other.store.work.recover(other.clock.now()) == 1
    found = other.store.rounds.now()
    assert [(slot.doubtful, slot.is_held) for slot in found.slots] == [(True, True)]
    one.reply(TAKEN)  # too late: the claim is no longer its own
    assert other.store.rounds.now().slots[0].doubtful
