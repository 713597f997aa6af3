"""The work's side of the store: what it reads (`work_reads.py`), and one short transaction for all that a turn changes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, bindparam, update

from interface.store import (
    attempts,
    by_hand,
    claims,
    commands,
    intake_turn,
    joining,
    nodes,
    replay,
    roster,
    rounds,
    seen,
    turns,
    work_state,
)
from interface.store.crypto import Keyring
from interface.store.database import Database
from interface.store.errors import OutcomeUnknown, Overtaken
from interface.store.key_rows import ask_good
from interface.store.leases import Hold, Seen
from interface.store.prepared import Prepared
from interface.store.records.slots import PRODUCTION_TEST
from interface.store.records.turn import Claimed, Committed, NewRequestRow, Turn
from interface.store.schema import messages
from interface.store.work_reads import WorkReads

_COUNT_ATTEMPT = Prepared(
    update(messages).where(messages.c.id == bindparam("b_id")).values(attempts=messages.c.attempts + 1)
)


def _is_plain(turn: Turn) -> bool:
    """Whether prepared statements alone store it."""
    seldom = turn.again or turn.commands or turn.by_hand or turn.roster or turn.rounds or turn.seen
    return not (seldom or turn.wake or turn.environment == PRODUCTION_TEST)


class Work(WorkReads):
    """Reads and commits for the work's loop; used by one thread."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database, keyring)
        self.node = secrets.token_hex(8)
        """Under this name it claims and has the turn; for each start another."""
        self._commits = 0

    # ------------------------------------------------------------------------------------------ writing

    def commit(self, turn: Turn) -> Committed:
        """Store all that a turn changes in one transaction, and claim `turn.claims` requests within it.

        Raises StoreError: then nothing of the turn is stored, nothing is claimed, and it may be tried again;
        Refused: that would be of no use, for it is a row of this turn that the database does not take. TurnLost and
        Overtaken: another node was faster, it must be planned anew. OutcomeUnknown: ask `outcome` before anything else.
        """
        keyring, now = self._keyring, turn.now
        self._commits += 1
        plain = _is_plain(turn)
        with self._writing(unknown=OutcomeUnknown, pipelined=plain, refusing=True) as connection:
            turn_is_ours = intake_turn.ask_renewal(connection, turn.hold)
            idle = turn.idle.union(change.patient_id for change in turn.by_hand)
            touched = {change.patient_id for change in (*turn.attempts, *turn.requests)}
            touched.update(write.id for write in turn.patients)
            standing = claims.lock(connection, touched | idle)
            turn_is_ours()
            late, overtaken = attempts.end_attempts(
                connection, keyring, turn.attempts, standing, now, turn.environment
            )
            turns.add_patients(connection, turn.patients, now)
            turns.note_woken(connection, turn.woken, now)
            changed, missed = turns.change_requests(connection, keyring, turn.requests, now, turn.environment)
            if missed or idle:
                self._not_overtaken(connection, turn, missed, idle)
            turns.write_charts(connection, keyring, turn.patients)
            each_was_new = turns.end_messages(connection, keyring, turn.messages, now)
            replay.decide_again(connection, keyring, turn.again, now)
            commands.end_commands(connection, keyring, turn.commands, now)
            changed |= by_hand.change_by_hand(connection, keyring, turn.by_hand, now, turn.environment)
            roster.write(connection, keyring, turn.roster, now)
            rounds.change(connection, keyring, turn.rounds, now)
            seen.write(connection, turn.seen, now)
            if turn.joins is not None:
                joining.join(connection, turn.joins)
            turns.set_due(connection, touched | changed, now)
            claims.wake(connection, turn.wake, now)
            work_state.tell(connection, turn.told, now)
            keys_are_good = ask_good(connection, keyring)
            claimed = claims.claim(
                connection,
                keyring,
                now,
                turn.claims,
                self.node,
                turn.blocked,
                probe=turn.probe,
                not_before=turn.not_before,
                environment=turn.environment,
            )
            each_was_new()
            keys_are_good()
            if turn.hold is not None and turn.give_back:
                intake_turn.give_back(connection, turn.hold)
            if self._database.shared:
                nodes.mark_commit(connection, self.node, self._commits)
        return Committed(claimed, missed, late, overtaken)

    def _not_overtaken(
        self, connection: Connection, turn: Turn, missed: Sequence[int], idle: frozenset[int]
    ) -> None:
        """Overtaken when what was to be changed is being sent by now. (Superseding it does not: it just goes first.)"""
        changes = {
            change.id: change.patient_id
            for change in turn.requests
            if not isinstance(change, NewRequestRow) and change.id in missed
        }
        sending = claims.sent_by_others(connection, self.node, changes, idle)
        if sending:
            raise Overtaken(sending)

    def outcome(self) -> Committed | None:
        """Of a commit that ended as OutcomeUnknown: what came of it; None: nothing of it is stored. `claimed` has all
        that this node has claimed by now.
        """
        with self._writing() as connection:
            if nodes.last_commit(connection, self.node) != self._commits:
                return None
            return Committed(claims.claimed_by(connection, self._keyring, self.node))

    def claim(self, now: float, limit: int) -> list[Claimed]:
        """Claim up to `limit` due requests in a transaction of their own."""
        with self._writing() as connection:
            return list(claims.claim(connection, self._keyring, now, limit, self.node))

    def recover(self, now: float | None = None, longest: float | None = None) -> int:
        """What was being sent waits again, marked as a possible duplicate; gives how many there were.

        At the start where one daemon has the store for itself; of nodes that are dead, at any time, where several
        share it. `longest`: what is due later than in so many seconds was so by a clock that was wrong, and is due now.
        """
        at = time.time() if now is None else now
        with self._writing() as connection:
            sending = claims.take_back(connection, at, abandoned=self._database.shared)
            overtaken = attempts.supersede_overtaken(connection, sending, at)
            turns.set_due(connection, set(overtaken.values()), at)
            if longest is not None:
                claims.wake(connection, "all", at, beyond=at + longest)
        return len(sending)

    def look_again_for_webhooks(self) -> None:
        """Have webhooks joined that were nobody's while another node stored the reply that names them."""
        with self._writing() as connection:
            joining.look_again(connection)

    # ------------------------------------------------------------------------------------------ the turn

    @property
    def shared(self) -> bool:
        """Whether other nodes may use the store at the same time."""
        return self._database.shared

    def take_turn(self) -> Hold | None:
        """The turn of intake; None: another node has it. Who has the store for himself takes it from the dead."""
        with self._writing() as connection:
            return intake_turn.take(connection, self.node, by_force=not self._database.shared)

    def give_turn_back(self, hold: Hold) -> None:
        """Let others have the turn."""
        with self._writing() as connection:
            intake_turn.give_back(connection, hold)

    def settled(self, hold: Hold, day: date) -> None:
        """All open requests are settled for a day: other nodes may send, too. TurnLost."""
        with self._writing() as connection:
            intake_turn.settled(connection, hold, day.isoformat())

    def look(self, most: int) -> Seen:
        """Who has the turn, and whether there is something to do; new messages are counted up to `most`."""
        with self._reading() as connection:
            return intake_turn.look(connection, most)

    def sent_elsewhere(self) -> dict[int, int]:
        """All requests, and whose they are, that other nodes are sending now."""
        if not self._database.shared:
            return {}
        with self._reading() as connection:
            return claims.sent_elsewhere(connection, self.node)

    def sent_by_others(self, requests: Mapping[int, int]) -> dict[int, int]:
        """Those of these requests (and whose they are) that other nodes are sending now."""
        with self._reading() as connection:
            return claims.sent_by_others(connection, self.node, requests)

    def note_seen(self, values: Mapping[str, str], now: float) -> None:
        """Remember of the settings, text by name."""
        with self._writing() as connection:
            seen.write(connection, values, now)

    def note_attempts(self, ids: Sequence[int]) -> None:
        """Count that intake begins with these messages, before it does: one that kills the work is found by
        it.
        """
        if ids:
            with self._writing() as connection:
                _COUNT_ATTEMPT.execute_many(connection, [{"b_id": id_} for id_ in ids])
