"""What persons ask of the work: each command becomes a plan, stored by the loop like everything else it decides.

`rebuild`: make charts anew from their messages; `patients` and `messages` (ids) say whose. `again`: decide the messages
anew, too. `set_aside`, `take_back`: messages that are left out from now on, or count again.
`release`: let held requests of protected patients go; `requests` (ids).
`purge`: delete now what the settings keep no longer.
`retry`, `discard`: send requests again, give them up; `requests` (ids), `who`, `why`: see by_hand.py.
`import-test-patients`: see roster.py.
`keyed`: every chart was rebuilt, and stands where today's settings lead; `keys` as each rebuilding told them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from interface.chart.decide import Engine
from interface.chart.model import OPEN, Chart, change
from interface.chart.rebuild import Decided, Rebuilt, Told, rebuild
from interface.chart.settle import digest_of
from interface.delivery.guards.life import PRODUCTION
from interface.rules.policy import Policy
from interface.services import roster
from interface.services.by_hand import ByHand, CannotError, HandStore, Waits
from interface.services.choosing import ChoosingStore, choose, new_round
from interface.services.going_live import LiveStore, go_live
from interface.services.identity_settings import IDENTITY, keys_now, only
from interface.services.mending import MESSAGE, ask_again, chart_of_requests, chart_text, readable_chart
from interface.services.plan import Plan, reasons
from interface.services.production_test import CHOOSE
from interface.services.purging import Purging
from interface.services.training import TRAINING
from interface.store.records.reading import AskedRow, Command, PatientRow, ReplayRow
from interface.store.records.roster import RosterRow
from interface.store.records.turn import CommandDone, MessageAgain, MessageDone

MOST_PATIENTS = 200
"""Charts that one command makes anew, at most: it is one transaction."""


class CommandStore(HandStore, LiveStore, ChoosingStore, Protocol):
    """What commands read from the store."""

    def load_patients(self, keys: Iterable[str]) -> dict[str, PatientRow]:
        """The rows of known keys."""

    def messages_of(self, patient_ids: Iterable[int], message_ids: Iterable[int] = ()) -> list[ReplayRow]:
        """Messages in the order of arrival."""

    def request_bodies(self, ids: Iterable[int]) -> dict[int, bytes]:
        """The requests as they are stored; those that cannot be opened are left out."""

    def request_environments(self, ids: Iterable[int]) -> dict[int, str]:
        """The environments that these requests were composed for."""

    def asked_of(self, patient_ids: Iterable[int]) -> list[AskedRow]:
        """All requests of these patients, oldest first."""

    def roster(self) -> list[RosterRow]:
        """The test patients, those removed too."""

    def newest_message(self) -> int:
        """The id of the newest message that was stored."""


@dataclass(frozen=True)
class Rebuilding:
    """A rebuilding as it would be stored."""

    old: Mapping[int, Chart]
    rows: Mapping[int, ReplayRow]
    rebuilt: Rebuilt


class Commanding:
    """Plans commands. One thread's."""

    def __init__(
        self,
        engine: Engine,
        store: CommandStore,
        *,
        new_patient: Callable[[], int],
        new_request: Callable[[], int],
        purging: Purging | None = None,
    ) -> None:
        self.purging = purging
        self.engine = engine
        self._store = store
        self._new_patient = new_patient
        self._new_request = new_request
        self._by_hand = ByHand(store, new_request)

    def plan(self, command: Command, now: datetime, busy: Collection[int]) -> Plan | Waits:
        """What the command changes; Waits while one of its patients is in `busy`. Raises CannotError."""
        if not command.readable:
            raise CannotError("unreadable: what was asked is damaged in the store; ask again")
        if command.kind == "rebuild":
            return self._rebuild(command, now, busy)
        if command.kind == "release":
            return self._release(command, now, busy)
        if command.kind == "purge":
            return self._purge(command)
        if command.kind in ("retry", "discard"):
            return self._by_hand.plan(self.engine, command, now, busy)
        if command.kind == roster.KIND:
            return roster.plan_import(command, self._store.roster())
        if command.kind == "keyed":
            return self._keyed(command)
        if command.kind == CHOOSE:
            return choose(self.engine, self._store, command, now, busy, self._new_request)
        if command.kind == "new-round":
            return new_round(self.engine, command)
        if command.kind == "go-live":
            return go_live(self.engine, self._store, command, now, busy, self._new_request)
        raise CannotError(f"this program knows no command {command.kind}: was it written by a newer one?")

    def _purge(self, command: Command) -> Plan | Waits:
        """A portion each time it is asked for, in transactions of its own; the plan says what went."""
        if self.purging is None:
            raise CannotError("no daemon runs any more: purge again")
        counts = None
        try:
            counts = self.purging.step()
        finally:
            self.purging.asked_for = counts is None and self.purging.under_way
        if counts is None:
            return Waits(frozenset())
        return Plan(commands=[CommandDone(command.id, "done", dict(counts))])

    # ------------------------------------------------------------------------------------------ rebuild

    def _rebuild(self, command: Command, now: datetime, busy: Collection[int]) -> Plan | Waits:
        found = self.rebuilding(command.arguments, now, self._new_request)
        concerned = frozenset(found.old)
        if not concerned.isdisjoint(busy):
            return Waits(concerned)
        plan = Plan(idle=set(concerned))
        ids = {id(patient): patient.id or self._new_patient() for patient in found.rebuilt.patients}
        asked_by = {d.request: d.told.id for d in found.rebuilt.messages if d.made}
        for old_id, into in found.rebuilt.absorbed.items():
            plan.retire(old_id, found.old[old_id], None if into is None else ids[id(into)])
        for patient in found.rebuilt.patients:
            owner = ids[id(patient)]
            plan.renew(owner, found.old.get(owner), patient.chart)
            for request in patient.requests:
                plan.change((request,), owner, asked_by.get(request.id))
        for owner, close in found.rebuilt.closed:
            plan.change((close,), owner, None)
        aside = _ids(command.arguments, "set_aside")
        for row in found.rows.values():
            if row.id in aside:
                plan.again.append(MessageAgain(row.id, row.patient_id, True))
        for decided in found.rebuilt.messages:
            owner_now = None if decided.patient is None else ids[id(decided.patient)]
            plan.again.append(_again(decided, owner_now))
        result = {
            "patients": len(found.rebuilt.patients),
            "messages": len(found.rebuilt.messages),
            "requests": len(plan.requests),
            "posted": sum(decided.made for decided in found.rebuilt.messages),
            "keys": keys_now(self.engine),
        }
        states = self._store.request_states(row.id for row in plan.changes)
        result |= {name: told for name, told in _told(found, ids, plan, states).items() if told}
        plan.commands.append(CommandDone(command.id, "done", result))
        return plan

    def rebuilding(
        self, arguments: Mapping[str, Any], now: datetime, new_request: Callable[[], int]
    ) -> Rebuilding:
        """Work out a rebuilding; nothing is changed. Raises CannotError."""
        again = _ids(arguments, "messages") if arguments.get("again") else set()
        aside, back = _ids(arguments, "set_aside"), _ids(arguments, "take_back")
        chosen = _ids(arguments, "messages") | aside | back
        rows, readings, known = self._gather(_ids(arguments, "patients"), chosen)
        unknown = chosen - rows.keys()
        if unknown:
            raise CannotError(f"there is no decided message {min(unknown)}")
        for row in rows.values():
            if not (row.readable or row.id in aside or (row.set_aside and row.id not in back)):
                raise CannotError(f"message {row.id} is {MESSAGE}: `--without {row.id}` rebuilds without it")
        told = [
            Told(
                row.id,
                readings[row.id],
                row.received_at,
                row.patient_id,
                # one without a decision was set aside when the chart could not be read
                again=row.id in again or row.decision is None,
                request=row.request_id,
                held=row.decision == "hold",
            )
            for row in rows.values()
            if row.id in readings and row.id not in aside and (not row.set_aside or row.id in back)
        ]
        old = self._charts(rows, known)
        return Rebuilding(old, rows, rebuild(self.engine, told, old, now=now, new_id=new_request))

    def _gather(
        self, patients: set[int], messages: set[int]
    ) -> tuple[dict[int, ReplayRow], dict[int, Any], set[int]]:
        """Every message that has to do with these patients and messages, what it says by today's rules, and all whom they
        concern: somebody may have a chart by others' messages alone.
        """
        known: set[int] = set()
        wanted = set(patients)
        rows: dict[int, ReplayRow] = {}
        readings: dict[int, Any] = {}
        while True:
            known |= self._store.family(wanted) if wanted else set()
            if len(known) > MOST_PATIENTS:
                raise CannotError(f"more than {MOST_PATIENTS} patients hang together: choose fewer")
            rows.update((row.id, row) for row in self._store.messages_of(known, messages))
            keys = self._led_to(known)
            for row in rows.values():
                if row.readable and row.id not in readings:
                    reading = self.engine.read(row.raw, received_at=row.received_at, listener=row.listener)
                    readings[row.id] = reading
                    keys.update(reading.keys)
            led = {
                row.id for row in self._store.load_patients(also_known_as(keys, self.engine.policy)).values()
            }
            led |= {row.patient_id for row in rows.values() if row.patient_id is not None}
            wanted = led - known
            if not wanted:
                self._must_be_there(known)
                return dict(sorted(rows.items())), readings, known

    def _led_to(self, patients: Collection[int]) -> set[str]:
        """Keys of those whose charts a message changed together with theirs: it was decided for one of them."""
        charts = map(readable_chart, self._store.load_patients_by_id(patients).values())
        return {key for chart in charts if chart is not None for key in chart.led_to}

    def _must_be_there(self, patients: Collection[int]) -> None:
        """Raises CannotError when one of those has gone, and the message with him."""
        names = [also_known_as((key,), self.engine.policy) for key in self._led_to(patients)]
        found = self._store.load_patients(name for those in names for name in those)
        if any(those.isdisjoint(found) for those in names):
            raise CannotError(
                "something of them moved from or to a patient of whom nothing is kept any more: without the"
                " message that moved it the charts can't be made anew"
            )

    def _charts(self, rows: Mapping[int, ReplayRow], patients: set[int]) -> dict[int, Chart]:
        ids = self._store.family(
            {row.patient_id for row in rows.values() if row.patient_id is not None} | patients
        )
        found = {id_: readable_chart(row) for id_, row in self._store.load_patients_by_id(ids).items()}
        charts: dict[int, Chart] = {}
        for id_, chart in found.items():
            if chart is None:
                kin = self._store.family([id_])
                if not any(row.patient_id in kin for row in rows.values()):
                    raise CannotError(
                        f"the chart of patient {id_} is damaged, and no message of it is stored"
                    )
                chart = chart_of_requests(self._store.asked_of([id_]))
            charts[id_] = chart
        self._know_what_was_sent(charts)
        self._ask_again_what_cannot_be_read(charts)
        return charts

    def _ask_again_what_cannot_be_read(self, charts: Mapping[int, Chart]) -> None:
        asked = {
            entry.asked.id
            for chart in charts.values()
            for entry in chart.appointments.values()
            if entry.asked is not None and entry.asked.state == "waiting"
        }
        dead = {id_ for id_, state in self._store.request_states(asked).items() if state == "dead"}
        gone = dict.fromkeys(dead - self._store.request_bodies(dead).keys(), "dead")
        for chart in charts.values() if gone else ():
            ask_again(chart, gone)

    def _know_what_was_sent(self, charts: Mapping[int, Chart]) -> None:
        """Of requests that were composed anew after they were made the chart does not know what was sent; the store does.

        So nothing is sent twice: they compare like every other.
        """
        unsure = [
            (chart, entry, entry.asked)
            for chart in charts.values()
            for entry in chart.appointments.values()
            if entry.asked is not None and entry.asked.rewritten
        ]
        bodies = self._store.request_bodies(asked.id for _, _, asked in unsure)
        environments = self._store.request_environments(bodies)
        states = self._store.request_states(bodies)
        for chart, entry, asked in unsure:
            if asked.id in bodies:
                digest = digest_of(bodies[asked.id], environment=environments[asked.id])
                # what was sent before it would have been held is no held request
                sent = asked.state == "held" and states.get(asked.id) not in OPEN
                state = "waiting" if sent else asked.state
                known = change(asked, state=state, digest=digest, rewritten=False, written=b"")
                chart.appointments[entry.key] = change(entry, asked=known)

    def _keyed(self, command: Command) -> Plan:
        """From now on the store knows that all charts stand where this mapping leads, if it is the one that rebuilt them."""
        if command.arguments.get("keys") != [keys_now(self.engine)]:
            raise CannotError(
                "the settings or the mapping changed while charts were rebuilt: do it once more"
            )
        done = CommandDone(command.id, "done", {})
        seen = {IDENTITY: only(self.engine)}
        if self.engine.policy.environment == PRODUCTION:
            seen[TRAINING] = str(self._store.newest_message())
        return Plan(commands=[done], seen=seen)

    # ------------------------------------------------------------------------------------------ release

    def _release(self, command: Command, now: datetime, busy: Collection[int]) -> Plan | Waits:
        wanted = sorted(_ids(command.arguments, "requests"))
        owners = self._store.request_owners(wanted)
        concerned = frozenset(owners.values())
        if not concerned.isdisjoint(busy):
            return Waits(concerned)
        plan = Plan()
        charts: dict[int, Chart] = {}
        for id_, row in self._store.load_patients_by_id(concerned).items():
            found = readable_chart(row)
            if found is None:
                raise CannotError(chart_text(id_))
            charts[id_] = found
        before = dict(charts)
        released, let_go = 0, []
        for request in wanted:
            owner = owners.get(request)
            chart = charts.get(owner) if owner is not None else None
            if owner is None or chart is None:
                continue
            outcome = self.engine.release(chart, request, now=now, new_id=self._new_request)
            if outcome is not None and outcome.chart is not None:
                plan.take(outcome.chart, outcome.requests, owner, before[owner], None)
                charts[owner] = outcome.chart
                let_go += [request] if outcome.requests else []
                released += any(change.state == "waiting" for change in outcome.requests)
        result = {"requests": len(wanted), "released": released, "let_go": let_go}
        plan.commands.append(CommandDone(command.id, "done", result))
        return plan


def also_known_as(keys: Iterable[str], policy: Policy) -> set[str]:
    """These identity keys, and those under which their charts stand if `site.mrn_authority` was set or changed since."""
    found = set(keys)
    own = ["", *policy.mrn_authority]
    for key in tuple(found):
        authority, _, number = key.partition("|")
        if authority in own:
            found.update(f"{other}|{number}" for other in own)
    return found


def _again(decided: Decided, owner: int | None) -> MessageAgain:
    told = decided.told
    if not told.again or decided.stands:
        return MessageAgain(told.id, owner, False)
    outcome = decided.outcome
    done = MessageDone(
        told.id, "done", outcome.decision, reasons(outcome.reasons), outcome.note, owner, decided.request
    )
    return MessageAgain(told.id, owner, False, done)


def _told(found: Rebuilding, ids: Mapping[int, int], plan: Plan, states: Mapping[int, str]) -> dict[str, Any]:
    """What a rebuilding changed, for who asked: ids of ours only."""
    requests = {row.id: row.state for row in plan.made.values()}
    requests |= {row.id: row.state for row in plan.changes if states.get(row.id) in OPEN}
    requests |= {row.supersedes: "superseded" for row in plan.made.values() if row.supersedes in requests}
    owners = [ids[id(patient)] for patient in found.rebuilt.patients]
    return {
        "split": [owner for owner in owners if owner not in found.old or not found.old[owner].keys],
        "merged": [
            [old, None if into is None else ids[id(into)]]
            for old, into in found.rebuilt.absorbed.items()
            if found.old[old].keys
        ],
        "changed": [list(entry) for entry in sorted(requests.items())],
    }


def _ids(arguments: Mapping[str, Any], name: str) -> set[int]:
    return {int(entry) for entry in arguments.get(name, ())}
