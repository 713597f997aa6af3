"""When the store refuses a turn for a row in it, the next turns are taken apart: each attempt, message and patient in
a transaction of its own. What is refused alone is set aside, the rest goes on.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from interface.services.committing import Committing
from interface.services.intake import Intake
from interface.services.logs import event
from interface.services.outgoing import Outgoing
from interface.services.plan import Plan
from interface.services.resettling import PAGE
from interface.store.errors import Refused
from interface.store.records.reading import JournalRow
from interface.store.records.turn import CommandDone

log = logging.getLogger(__name__)

TURNS_APART = PAGE
"""After a refusal, so many turns are taken apart: until what was together in the refused one is through."""
MOST_REFUSED = 20
"""Messages set aside without one in between that could be stored: with the next it is the store's fault after all,
and all messages wait.
"""


class Refusals:
    """Stores piece by piece. Refused: not even what should have been set aside could be. One thread's, the loop's."""

    def __init__(self, committing: Committing, intake: Intake, outgoing: Outgoing) -> None:
        self._committing = committing
        self._intake = intake
        self._outgoing = outgoing
        self._turns = 0
        """How many of the next turns are taken apart."""
        self._set_aside = 0
        """Messages set aside since the last one that was stored."""

    def take_apart(self, why: Refused) -> None:
        """A turn was refused: take the next ones apart."""
        self._turns = TURNS_APART
        event(log, logging.WARNING, "turn-refused", problem=why)

    def begin_turn(self) -> bool:
        """A turn begins: whether it is one to take apart."""
        apart = self._turns > 0
        self._turns -= apart
        return apart

    def through(self) -> None:
        """Nothing is left of what was together."""
        self._turns = 0

    def store_attempts(self) -> bool:
        """What came of requests, each alone; False: there is nothing."""
        ended = self._outgoing.ended
        for one in ended:
            try:
                self._committing.commit_attempt(one)
            except Refused as refused:
                self._outgoing.refused(one)
                event(log, logging.ERROR, "attempt-refused", request=one.request_id, problem=refused)
        return bool(ended)

    def store_settled(self, plan: Plan) -> None:
        """What settling one patient or carrying out a command changes."""
        try:
            self._committing.commit(plan)
        except Refused as refused:
            event(log, logging.ERROR, "settling-refused", patients=list(plan.patients), problem=refused)
            self._intake.forget()
            if plan.commands:
                problem = {"problem": str(refused)}
                failed = [CommandDone(command.id, "failed", problem) for command in plan.commands]
                self._committing.commit(Plan(commands=failed, deferred=plan.deferred))

    def store_message(self, row: JournalRow, plan: Plan) -> None:
        """What one message changes; it is `failed` when that is refused."""
        try:
            self._committing.commit(plan)
        except Refused as refused:
            if self._set_aside >= MOST_REFUSED:
                raise
            self._intake.forget()
            self._committing.commit(self._intake.refused(row, str(refused)))
            self._set_aside += 1
        else:
            self._set_aside = 0

    def offer_again(self) -> None:
        """Offer the store again what it refused of requests: somebody may have put it right."""
        for ended in self._outgoing.stuck:
            with suppress(Refused):
                self._committing.commit_attempt(ended)
                self._outgoing.taken_after_all(ended)
                self._intake.released({ended.patient_id})
