"""What the work reads of the store: what waits to be done, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Select, bindparam, or_, select

from interface.store import (
    commands,
    counters,
    joining,
    replay,
    roster,
    rounds,
    seen,
    work_state,
)
from interface.store.crypto import Keyring
from interface.store.database import Database, Part
from interface.store.errors import Unreadable
from interface.store.in_lists import among
from interface.store.prepared import MOST, Prepared
from interface.store.records.reading import AskedRow, Command, JournalRow, PatientRow, ReplayRow
from interface.store.records.roster import RosterRow
from interface.store.records.slots import Round
from interface.store.records.webhooks import NewWebhooks
from interface.store.schema import (
    HELD_UNTIL,
    charts,
    message_bodies,
    messages,
    patient_keys,
    patients,
    request_bodies,
    requests,
)
from interface.store.turns import OPEN_STATES

_NEW_MESSAGES = Prepared(
    select(
        messages.c.id,
        messages.c.listener,
        message_bodies.c.body,
        messages.c.received_at,
        messages.c.control_id,
        messages.c.attempts,
        messages.c.message_type,
    )
    .join(message_bodies, message_bodies.c.message_id == messages.c.id)
    # a new message has no decision: said so that the index by state gives them in the order of arrival
    .where(messages.c.state == "new", messages.c.decision.is_(None))
    .order_by(messages.c.decision, messages.c.id)
    .limit(bindparam("count"))
)
_PATIENT_COLUMNS = (patients.c.id, charts.c.chart, patients.c.in_flight)
_WITH_CHART = patients.join(charts, charts.c.patient_id == patients.c.id)
_PATIENTS_BY_KEY = Prepared(
    select(patient_keys.c.key_hash, *_PATIENT_COLUMNS)
    .select_from(patient_keys.join(_WITH_CHART, patient_keys.c.patient_id == patients.c.id))
    .where(patient_keys.c.key_hash.in_(bindparam("ids", expanding=True)))
)
_PATIENTS_BY_ID = Prepared(
    select(*_PATIENT_COLUMNS)
    .select_from(_WITH_CHART)
    .where(patients.c.id.in_(bindparam("ids", expanding=True)))
)
_OPEN_PATIENTS = (
    select(requests.c.patient_id)
    .where(requests.c.state.in_(OPEN_STATES), requests.c.patient_id > bindparam("after"))
    .distinct()
    .order_by(requests.c.patient_id)
    .limit(bindparam("count"))
)
_CHANGED_BY_DAY = _OPEN_PATIENTS.where(
    # what is only held until a time is composed when it comes
    or_(
        requests.c.state == "waiting",
        requests.c.wake_at.is_(None),
        requests.c.appointment_date < bindparam("day"),
    )
)
_HELD_UNTIL = _OPEN_PATIENTS.where(*HELD_UNTIL)
_WAKING = (
    select(requests.c.patient_id)
    .where(*HELD_UNTIL, requests.c.wake_at <= bindparam("now"))
    .order_by(requests.c.wake_at)
    .limit(bindparam("count"))
)
_OWNERS = select(requests.c.id, requests.c.patient_id).where(
    requests.c.id.in_(bindparam("ids", expanding=True))
)
_ENVIRONMENTS = select(requests.c.id, requests.c.environment).where(
    requests.c.id.in_(bindparam("ids", expanding=True))
)
_STATES = select(requests.c.id, requests.c.state).where(requests.c.id.in_(bindparam("ids", expanding=True)))

_BODIES = select(request_bodies.c.request_id, request_bodies.c.body).where(
    request_bodies.c.request_id.in_(bindparam("ids", expanding=True))
)
_ABOUT = select(request_bodies.c.request_id, request_bodies.c.appointment, request_bodies.c.detail).where(
    request_bodies.c.request_id.in_(bindparam("ids", expanding=True))
)


class WorkReads(Part):
    """What the work's loop reads; used by one thread."""

    by_index = True

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring

    def new_messages(self, limit: int = 64) -> list[JournalRow]:
        """The messages that intake has not come to an end with, in the order of arrival."""
        with self._reading(alone=True) as connection:
            rows = _NEW_MESSAGES.execute(connection, {"count": limit}).fetchall()
        found = []
        for id_, listener, sealed, received_at, control_id, begun, message_type in rows:
            raw, readable = self._open("message", sealed)
            found.append(
                JournalRow(
                    id_,
                    listener,
                    raw,
                    datetime.fromtimestamp(received_at, UTC),
                    control_id,
                    begun,
                    readable,
                    message_type,
                )
            )
        return found

    def load_patients(self, keys: Iterable[str]) -> dict[str, PatientRow]:
        """The patients that bear these identity keys; keys that nobody bears are left out."""
        hashes = {self._keyring.lookup(key): key for key in keys}
        found: dict[str, PatientRow] = {}
        known: dict[int, PatientRow] = {}
        if not hashes:
            return found
        with self._reading(alone=len(hashes) <= MOST) as connection:
            rows = _PATIENTS_BY_KEY.among(connection, hashes)
        for key_hash, *row in rows:
            if row[0] not in known:
                known[row[0]] = self._patient(*row)
            found[hashes[key_hash]] = known[row[0]]
        return found

    def load_patients_by_id(self, ids: Iterable[int]) -> dict[int, PatientRow]:
        """The patients with these ids; unknown ones are left out."""
        wanted = set(ids)
        if not wanted:
            return {}
        with self._reading() as connection:
            rows = _PATIENTS_BY_ID.among(connection, wanted)
        return {row[0]: self._patient(*row) for row in rows}

    def patients_with_open_requests(
        self, *, after: int = 0, limit: int = 256, day: date | None = None
    ) -> list[PatientRow]:
        """Patients with an id above `after` who have a waiting or held request, by id.

        `day`: only those for whom it may change something, not those who are but held until a time.
        """
        if day is None:
            return self._patients(_OPEN_PATIENTS, {"after": after, "count": limit})
        return self._patients(_CHANGED_BY_DAY, {"after": after, "count": limit, "day": day})

    def patients_held_until(self, *, after: int = 0, limit: int = 32) -> list[PatientRow]:
        """Patients with an id above `after` who have a request that is held until a time, by id."""
        return self._patients(_HELD_UNTIL, {"after": after, "count": limit})

    def _patients(self, statement: Select[Any], wanted: dict[str, Any]) -> list[PatientRow]:
        """Those whose ids a statement gives, in its order."""
        with self._reading() as connection:
            ids = list(connection.execute(statement, wanted).scalars())
        found = self.load_patients_by_id(ids)
        return [found[id_] for id_ in ids if id_ in found]

    def patients_to_wake(self, now: float, limit: int = 32) -> list[int]:
        """Patients of held requests whose holds are over by themselves, one for each of at most so many requests; what
        is longest over first.
        """
        with self._reading() as connection:
            return list(connection.execute(_WAKING, {"now": now, "count": limit}).scalars())

    def request_owners(self, ids: Iterable[int]) -> dict[int, int]:
        """Whose these requests are; unknown ones are left out."""
        return dict(self._among(_OWNERS, ids))

    def request_states(self, ids: Iterable[int]) -> dict[int, str]:
        """The states of these requests; unknown ones are left out."""
        return dict(self._among(_STATES, ids))

    def request_environments(self, ids: Iterable[int]) -> dict[int, str]:
        """The environments that these requests were composed for; unknown ones are left out."""
        return dict(self._among(_ENVIRONMENTS, ids))

    def request_bodies(self, ids: Iterable[int]) -> dict[int, bytes]:
        """The requests as they are stored; those that cannot be opened are left out."""
        opened = {id_: self._open("request", sealed) for id_, sealed in self._among(_BODIES, ids)}
        return {id_: body for id_, (body, readable) in opened.items() if readable}

    def request_details(self, ids: Iterable[int]) -> dict[int, tuple[str, bytes]]:
        """Appointment and provenance of these requests; those that cannot be opened are left out."""
        found = {}
        for id_, appointment, detail in self._among(_ABOUT, ids):
            key, readable = self._open("appointment", appointment)
            document, complete = self._open("detail", detail)
            if readable and complete:
                found[id_] = key.decode("utf-8", "replace"), document
        return found

    def asked_of(self, patient_ids: Iterable[int]) -> list[AskedRow]:
        """All requests of these patients, oldest first."""
        with self._reading() as connection:
            rows = replay.asked_of(connection, patient_ids)
        return replay.opened_asked(self._keyring, rows)

    def next_command(self) -> Command | None:
        """The oldest command that is not carried out; None: there is none."""
        with self._reading(alone=True) as connection:
            return commands.next_command(connection, self._keyring)

    def new_webhooks(self, limit: int) -> NewWebhooks:
        """Webhooks that wait to be joined to requests, oldest first."""
        with self._reading() as connection:
            return joining.new_webhooks(connection, limit)

    def told(self) -> dict[str, str]:
        """What the work told of itself: JSON texts by name."""
        with self._reading() as connection:
            return work_state.told(connection)

    def family(self, ids: Iterable[int]) -> set[int]:
        """These patients and all whose charts were merged with theirs."""
        with self._reading() as connection:
            return replay.family(connection, ids)

    def messages_of(self, patient_ids: Iterable[int], message_ids: Iterable[int] = ()) -> list[ReplayRow]:
        """The decided messages of these patients, and these messages, in the order of arrival."""
        with self._reading() as connection:
            rows = replay.messages_of(connection, patient_ids, message_ids)
        return replay.opened(self._keyring, rows)

    def test_round(self) -> tuple[Round, int]:
        """The round of the production test, and how many requests wait for one of its slots."""
        with self._reading() as connection:
            found = rounds.newest(connection)
            return found, len(rounds.without_slot(connection, found))

    def seen(self, name: str) -> str | None:
        """What is remembered of the settings under a name."""
        with self._reading() as connection:
            return seen.read(connection, name)

    def roster(self) -> list[RosterRow]:
        """The test patients, those removed too."""
        with self._reading() as connection:
            return roster.read_all(connection, self._keyring)

    def next_ids(self) -> tuple[int, int]:
        """The next patient id and the next request id; the loop counts on by itself, commits keep the
        counters.
        """
        with self._reading() as connection:
            return counters.peek(connection, "patient"), counters.peek(connection, "request")

    def newest_message(self) -> int:
        """The id of the newest message that was stored; 0: none was."""
        with self._reading() as connection:
            return counters.peek(connection, "message") - 1

    def _among(self, statement: Select[Any], ids: Iterable[int]) -> list[Any]:
        """The rows of a statement whose IN list is `ids`."""
        wanted = set(ids)
        if not wanted:
            return []
        with self._reading() as connection:
            return list(among(connection, statement, wanted))

    def _open(self, purpose: str, sealed: bytes) -> tuple[bytes, bool]:
        try:
            return self._keyring.open(purpose, sealed), True
        except Unreadable:
            return b"", False

    def _patient(self, id_: int, sealed: bytes, in_flight: int | None) -> PatientRow:
        chart, readable = self._open("chart", sealed)
        return PatientRow(id_, chart, in_flight, readable)
