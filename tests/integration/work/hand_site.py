"""A site's work on a real store with the real core: the clock is set by hand, couriers answer when told to."""

from datetime import UTC, datetime, timedelta
from itertools import count

import orjson
from made_up import AIP

from interface.chart.decide import Engine
from interface.chart.model import decode_chart
from interface.rules import Policy, load_rulebook
from interface.services.attempts import Ledger
from interface.services.clock import Clock
from interface.services.courier import Attempt
from interface.services.deciding import Deciding
from interface.services.loop import WorkLoop
from interface.services.outgoing import Outgoing
from interface.services.passage import Passage
from interface.services.roster import last_look
from interface.services.work_stats import WorkStats
from interface.store.records.arrivals import Arrival
from interface.store.records.figures import Backlog

PID = "PID|1||{patient}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"


class HandClock(Clock):
    """Stands still until it is set: as time goes on (`moment`), or as a machine's clock is set (`jump`)."""

    def __init__(self, at):
        self.moment, self.jumped = at, 0.0
        super().__init__(
            zone=UTC,
            wall=lambda: self.moment.timestamp() + self.jumped,
            steady=lambda: self.moment.timestamp() - 1e9,
        )

    def jump(self, seconds):
        self.jumped += seconds


class HandCouriers:
    """Keeps what it is given until it is told the reply."""

    def __init__(self):
        self.jobs, self.sent, self.back = [], [], []
        self._count = 4

    @property
    def in_flight(self):
        return len(self.jobs)

    @property
    def free(self):
        return max(0, self._count - self.in_flight)

    @free.setter
    def free(self, count):
        self._count = count

    ahead = 0

    @property
    def wants_more(self):
        return self.free > 0

    def put(self, parcels, claimed_at):
        for jobs in parcels:
            self.jobs += jobs
            self.sent += [orjson.loads(job.body) for job in jobs]

    def collect(self):
        back, self.back = self.back, []
        return back


class Site:
    """The work of a site, turned by hand."""

    AIP = AIP

    def __init__(self, store, policy=None, limit=None):
        self.policy = policy or Policy(mrn_authority=("LFC",))
        self.store, self.numbers = store, count(1)
        self.clock = HandClock(datetime(2026, 3, 5, 12, tzinfo=UTC))
        self.couriers = HandCouriers()
        self.engine = Engine(load_rulebook(), self.policy)
        stats = WorkStats(lambda: Backlog(0, 0, None, 0, 0), lambda line: None)
        passage = Passage(lambda: 0.0, limit=limit, steady=self.clock.steady)
        ledger = Ledger(lambda: 0.0, passage=passage)
        deciding, outgoing = (
            Deciding.on(store, self.engine, self.clock.now),
            Outgoing(self.couriers, ledger, self.clock, last_look=last_look(store, self.policy.environment)),
        )
        self.keeper = deciding.keeper
        self.loop = WorkLoop(store.work, deciding, outgoing, self.clock, stats)

    def tell(self, kind, *segments, patient="T1", msh11="P"):
        number = next(self.numbers)
        header = f"MSH|^~\\&|APP|FAC|R|R|2026030508{number:02d}||{kind}|M{number}|{msh11}|2.5.1"
        self.raw(kind, f"M{number}", "\r".join((header, PID.format(patient=patient), *segments)), msh11)

    def raw(self, kind, control_id, text, msh11="P"):
        now = self.clock.now()
        self.arrival = Arrival(
            "main", "APP", "FAC", control_id, kind, msh11, "peer", text.encode(), "stored", now
        )
        self.store.journal.append([self.arrival], now)
        self.turn()

    def book(self, start, kind="SIU^S12", patient="T1"):
        self.tell(kind, f"SCH||F{patient}|||||||||^^^{start}0930", AIP, patient=patient)

    def merge(self, survivor="T1", retired="T2"):
        self.tell("ADT^A40", f"MRG|{retired}^^^LFC^MR", patient=survivor)

    def reply(self, reply):
        self.couriers.back = self.attempts(self.couriers.jobs, reply)
        self.couriers.jobs = []
        self.turn()

    def attempts(self, jobs, reply):
        """These jobs with their reply."""
        now = self.clock.now()
        return [Attempt(job, now, now, reply) for job in jobs]

    def turn(self):
        while self.loop.turn():
            pass

    def set(self, *at):
        self.set_to(datetime(*at, tzinfo=UTC))

    def set_to(self, moment):
        """Time goes on until then."""
        self.clock.moment = moment
        self.look_at_timer()
        self.turn()

    def go_on(self, seconds):
        """Time goes on, with a turn at the end."""
        self.set_to(self.clock.moment + timedelta(seconds=seconds))

    def jump(self, seconds):
        """The machine's clock is set."""
        self.clock.jump(seconds)
        self.look_at_timer()
        self.turn()

    def look_at_timer(self):
        """Look whose time has come, which the loop does from time to time only."""
        self.loop._resettling._timer_look = 0.0

    def ask(self, kind, **arguments):
        """A command and what came of it, once nothing is being sent."""
        number = self.store.commands.add(kind, arguments)
        self.look()
        return self.store.commands.get(number)

    def look(self):
        """Look for commands, which the loop does from time to time only."""
        self.loop._command_look = 0.0
        self.turn()

    def chart(self, patient):
        """The chart that a number leads to."""
        return decode_chart(self.store.work.load_patients([f"|{patient}"])[f"|{patient}"].chart)

    def states(self):
        return [request.state for request in reversed(self.store.views.requests())]
