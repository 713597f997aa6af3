"""What is being sent, from the claim until its end is stored: couriers that answer when told to, no store."""

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import chain

import pytest

from interface.delivery.destination import Room
from interface.delivery.verdict import Reply, judge
from interface.services.attempts import Ledger
from interface.services.clock import Clock
from interface.services.courier import Attempt, GivenBack
from interface.services.outgoing import Outgoing
from interface.services.passage import Passage
from interface.store.records.turn import Claimed, Turn, Unsent

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC).timestamp()


class Couriers:
    """One that takes everything, and gives it back with a reply."""

    def __init__(self):
        self.jobs, self.back = [], []

    @property
    def in_flight(self):
        return len(self.jobs)

    @property
    def free(self):
        return 4 - len(self.jobs)

    ahead = 0

    @property
    def wants_more(self):
        return self.free > 0

    def put(self, parcels, claimed_at):
        self.jobs += chain.from_iterable(parcels)

    unsent = False

    def collect(self):
        taken = Reply(200, is_json_object=True)
        back = [GivenBack(job) if self.unsent else Attempt(job, NOON, NOON, taken) for job in self.jobs]
        self.jobs = []
        return back


@pytest.fixture
def outgoing():
    clock = Clock(zone=UTC, wall=lambda: NOON, steady=lambda: 0.0)
    return Outgoing(Couriers(), Ledger(lambda: 0.0), clock)


def claim(request, patient, day=None):
    return Claimed(request, patient, b"{}", 0, day)


def test_a_request_is_here_from_its_claim_until_its_end_is_stored(outgoing):
    outgoing.hand_out(Turn(NOON, claims=1), [claim(1, 7)], 0.0)
    assert outgoing.being_sent == {1: 7}
    assert outgoing.collect() == {7}
    assert outgoing.being_sent == {}
    assert not outgoing.idle
    outgoing.stored(Turn(NOON, attempts=outgoing.ended))
    assert outgoing.idle


def test_what_is_out_already_is_not_handed_out_again(outgoing):
    outgoing.hand_out(Turn(NOON, claims=1), [claim(1, 7)], 0.0)
    outgoing.hand_out(Turn(NOON, claims=2), [claim(1, 7), claim(2, 8)], 0.0)
    assert [job.request_id for job in outgoing._couriers.jobs] == [1, 2]


def test_what_comes_back_unsent_waits_as_before(outgoing):
    outgoing._couriers.unsent = True
    outgoing.hand_out(Turn(NOON, claims=1), [claim(1, 7)], 0.0)
    assert outgoing.collect() == {7}
    assert (outgoing.being_sent, outgoing.idle) == ({}, False)
    assert outgoing.ended == (Unsent(1, 7, "waiting", None),)


def test_a_probe_that_comes_back_unsent_makes_room_for_another(outgoing):
    def stop(breaker):
        return replace(breaker, stop="open", next_probe=0.0)

    outgoing.passage.destination = replace(
        outgoing.passage.destination, breaker=stop(outgoing.passage.destination.breaker)
    )
    assert outgoing.room() == Room(1, probe=True)
    outgoing.hand_out(Turn(NOON, claims=1, probe=True), [claim(1, 7)], 0.0)
    assert outgoing.room() == Room()
    outgoing._couriers.unsent = True
    outgoing.collect()
    assert outgoing.room() == Room(1, probe=True)


def test_more_is_due_only_where_a_claim_took_all_it_might(outgoing):
    outgoing.hand_out(Turn(NOON, claims=2), [claim(1, 7), claim(2, 8)], 0.0)
    assert outgoing.may_go_on
    outgoing.hand_out(Turn(NOON, claims=2), [claim(3, 9)], 0.0)
    assert not outgoing.may_go_on


def test_whose_day_has_passed_is_told_and_nothing_of_theirs_goes_out(outgoing):
    past = claim(1, 7, date(2026, 3, 4))
    assert outgoing.hand_out(Turn(NOON, claims=2), [past, claim(2, 8, date(2026, 3, 5))], 0.0) == {7}
    assert outgoing.being_sent == {2: 8}
    assert [unsent.new_state for unsent in outgoing.ended] == ["expired"]


def test_what_the_store_refuses_counts_as_being_sent_until_it_is_taken(outgoing):
    outgoing.hand_out(Turn(NOON, claims=1), [claim(1, 7)], 0.0)
    outgoing.collect()
    (ended,) = outgoing.ended
    outgoing.refused(ended)
    assert (outgoing.ended, outgoing.being_sent) == ((), {1: 7})
    assert outgoing.idle, "the process can end"
    outgoing.taken_after_all(ended)
    assert (outgoing.stuck, outgoing.being_sent) == ((), {})


def test_what_other_nodes_send_no_more_is_in_nobodys_way(outgoing):
    outgoing.others_send({1: 7, 2: 8})
    assert outgoing.being_sent == {1: 7, 2: 8}
    assert outgoing.others_still_send({2: 8}) == {7}
    assert outgoing.being_sent == {2: 8}


@pytest.mark.parametrize(("status", "times"), [(401, 1), (403, 1), (404, 0), (503, 0)])
def test_a_key_that_was_not_accepted_is_read_anew_before_each_probe(status, times):
    read = []
    passage = Passage(lambda: 0.0, steady=lambda: 0.0, renew_key=lambda: read.append("key"))
    clock = Clock(zone=UTC, wall=lambda: NOON, steady=lambda: 0.0)
    outgoing = Outgoing(Couriers(), Ledger(lambda: 0.0, passage=passage), clock)
    outgoing.hand_out(Turn(NOON, claims=1), [claim(1, 7)], 0.0)
    job = outgoing._couriers.jobs.pop()
    passage.took(Attempt(job, NOON, NOON, Reply(status)), judge(Reply(status)))
    outgoing.hand_out(Turn(NOON, claims=1), [claim(2, 8)], 0.0)
    assert not read, "what is no probe goes with the key that is there"
    outgoing.hand_out(Turn(NOON, claims=1, probe=True), [claim(3, 9)], 0.0)
    assert len(read) == times
