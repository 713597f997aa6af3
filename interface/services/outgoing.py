"""What is being sent: requests that are with the couriers, what came of them, and how many more may go.

A request is here from its claim until its end is stored. Nothing here asks the store: the loop tells it what is stored,
and what it has claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from interface.delivery.destination import Room
from interface.delivery.panel import parcels
from interface.services.attempts import Ledger, expired, given_back, not_sent_yet, stranger, unreadable
from interface.services.clock import Clock
from interface.services.courier import Attempt, Couriers, GivenBack, Job
from interface.services.turn_keeper import LONGEST_POLL_SECONDS
from interface.store.errors import StoreError
from interface.store.records.turn import AttemptDone, Claimed, Turn, Unsent
from interface.store.work_state import DESTINATION

MOST_CLAIMED = 512
"""Requests claimed in one turn where panels would take more, unless one panel alone takes more: the transaction stays
short."""

Ended = AttemptDone | Unsent


class Outgoing:
    """One thread's, the loop's."""

    def __init__(
        self,
        couriers: Couriers,
        ledger: Ledger,
        clock: Clock,
        batch: int = 1,
        last_look: Callable[[Sequence[Claimed]], set[int]] = lambda _: set(),
    ) -> None:
        """`batch`: how many patients' requests go together in one POST. `last_look`: which of these requests must not go
        out in this environment, whatever was decided; it may raise StoreError.
        """
        self._last_look = last_look
        self._couriers = couriers
        self._ledger = ledger
        self._clock = clock
        self.batch = batch
        self.passage = ledger.passage
        self.sending: dict[int, int] = {}
        """Patient id by request id, for every request handed out and not yet back."""
        self.abroad: dict[int, int] = {}
        """Patient id by request id, of what other nodes are sending, as far as it is in our way."""
        self._ended: dict[int, Ended] = {}
        """What came of requests, by their id, and is not stored yet."""
        self._stuck: dict[int, Ended] = {}
        """What of it the store refused. Their requests count as being sent: nothing overtakes them."""
        self._again: dict[int, Unsent] = {}
        """What we have claimed, maybe anew, before what came of our claim of it before was stored."""
        self.more_is_due = False
        """The last claim took as many as it might: there may be more."""
        self._alarms: list[float] = []

    @property
    def idle(self) -> bool:
        """Nothing is being sent and every verdict is stored, or refused by the store."""
        return self.sending.keys() <= self._stuck.keys() and not self._ended and not self._couriers.in_flight

    @property
    def being_sent(self) -> Mapping[int, int]:
        """Patient id by request id, for every request that we or others are sending."""
        return self.abroad | self.sending if self.abroad else self.sending

    @property
    def ended(self) -> tuple[Ended, ...]:
        """What is to be stored of requests."""
        return tuple(self._ended.values())

    @property
    def stuck(self) -> tuple[Ended, ...]:
        """What the store refused of it."""
        return tuple(self._stuck.values())

    @property
    def may_go_on(self) -> bool:
        """More may be due, and couriers want it."""
        return self.more_is_due and self._couriers.wants_more

    # ------------------------------------------------------------------------------------------ when

    def patience(self, now: float) -> float:
        """Seconds until something may go out that may not now; infinite: nothing waits for a time."""
        return max(0.0, min([self.passage.wait(), *(alarm - now for alarm in self._alarms)]))

    def look_again(self, at: float) -> None:
        """Something is due then (POSIX seconds), sooner than the loop looks by itself."""
        self._alarms.append(at)

    def looked(self, at: float) -> None:
        """What was due until then has been looked at."""
        self._alarms = [alarm for alarm in self._alarms if alarm > at]

    # ------------------------------------------------------------------------------------------ out

    def room(self) -> Room:
        """What the destination and the couriers have room for."""
        couriers = self._couriers
        return self.passage.room(couriers.free, couriers.in_flight, couriers.ahead)

    def claims(self, room: Room) -> int:
        """How many requests to claim: what is due now goes now, whether it fills a panel or not. A probe goes alone."""
        return 1 if room.probe else min(room.posts * self.batch, max(self.batch, MOST_CLAIMED))

    def hand_out(self, turn: Turn, claimed: Sequence[Claimed], claimed_at: float) -> set[int]:
        """Send what a turn has claimed, but for what cannot be read, and what was for a day that has passed since it was
        settled: gives whose that is. `claimed_at`: when the claim began, by the monotonic clock.

        The requests are of different patients: a claim takes one of each. Those that are out already, or back and not stored
        yet, are left out: of a commit that was found out about later, all that is claimed by us is told. What was taken back
        from us meanwhile and claimed anew waits again once it is back.
        """
        fresh = []
        for one in claimed:
            if one.request_id in self.sending or one.request_id in self._ended:
                self._again[one.request_id] = given_back(one)
            else:
                fresh.append(one)
        self.more_is_due = turn.claims > 0 and len(fresh) == turn.claims
        if not fresh:
            return set()
        today, past, jobs = self._clock.today(), set(), []
        strangers, trouble = self._look_last(fresh)
        for one in fresh:
            unsent: Ended | None = _not_to_be_sent(one, today)
            if unsent is None and trouble:
                unsent = not_sent_yet(one, self._clock.now())
            elif unsent is None and one.request_id in strangers:
                unsent = stranger(one)
            if unsent is None:
                self.sending[one.request_id] = one.patient_id
                jobs.append(_job(one))
                continue
            self._ended[one.request_id] = unsent
            if unsent.new_state == "expired":
                past.add(one.patient_id)
        if turn.probe and jobs:
            self.passage.about_to_probe()
        handed = list(parcels(jobs, lambda job: self._ledger.most_together(job.request_id, self.batch)))
        if handed:
            self._couriers.put(handed, claimed_at)
        self.passage.sent(len(handed), jobs[0].request_id if turn.probe and jobs else None)
        return past

    def _look_last(self, claimed: Sequence[Claimed]) -> tuple[set[int], bool]:
        """Those that must not go out, and whether that could not be told: then nothing goes out."""
        try:
            return self._last_look([one for one in claimed if one.readable]), False
        except StoreError:
            return set(), True

    # ------------------------------------------------------------------------------------------ back

    def collect(self) -> set[int]:
        """Take attempts that ended: gives whose. From here on their requests count as no longer being sent."""
        back = set()
        try:
            for came in self._couriers.collect():
                ended = self._ledger.conclude(came) if isinstance(came, Attempt) else self._given_back(came)
                self._ended[ended.request_id] = ended
                del self.sending[ended.request_id]
                back.add(ended.patient_id)
        finally:
            self._ledger.tell()
        return back

    def _given_back(self, came: GivenBack) -> Unsent:
        """What was not sent after all waits as before. If it was the probe, another may be."""
        self.passage.not_sent(came.job.request_id)
        return given_back(came.job)

    def stored(self, turn: Turn) -> None:
        """What a turn says of requests and of the destination is stored."""
        if DESTINATION in turn.told:
            self.passage.stored(turn.now)
        if turn.wake:
            self.passage.wakes = False
        for ended in turn.attempts:
            self._ended.pop(ended.request_id, None)
            again = self._again.pop(ended.request_id, None)
            if again is not None and again.fence != ended.fence:
                self._ended[ended.request_id] = again
            due = ended.due_at if isinstance(ended, AttemptDone) else None
            if due is not None and due - turn.now < LONGEST_POLL_SECONDS:
                self.look_again(due)

    def refused(self, ended: Ended) -> None:
        """The store does not take what came of a request."""
        del self._ended[ended.request_id]
        self._stuck[ended.request_id] = ended
        self.sending[ended.request_id] = ended.patient_id

    def taken_after_all(self, ended: Ended) -> None:
        """It has taken it now."""
        del self._stuck[ended.request_id], self.sending[ended.request_id]

    # ------------------------------------------------------------------------------------------ other nodes

    def others_send(self, requests: Mapping[int, int]) -> None:
        """Other nodes are sending these, and whose they are."""
        self.abroad |= requests

    def others_still_send(self, requests: dict[int, int]) -> set[int]:
        """All that they are sending still of what is in our way; gives whose the rest is."""
        back = set(self.abroad.values()) - set(requests.values())
        self.abroad = requests
        return back


def _not_to_be_sent(claimed: Claimed, today: date) -> Unsent | None:
    if not claimed.readable:
        return unreadable(claimed)
    if claimed.appointment_date is not None and claimed.appointment_date < today:
        return expired(claimed)
    return None


def _job(claimed: Claimed) -> Job:
    return Job(
        claimed.request_id,
        claimed.patient_id,
        claimed.body,
        claimed.attempts,
        claimed.failing_since,
        claimed.paused_at,
        claimed.fence,
    )
