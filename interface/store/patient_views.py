"""Patients as people look at them: lists, charts, whose messages and requests are whose. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select

from interface.store import replay, seen
from interface.store.crypto import Keyring
from interface.store.database import Database, Part
from interface.store.errors import Unreadable
from interface.store.in_lists import among, chunks
from interface.store.records.lists import (
    MessageSummary,
    PatientCursor,
    PatientFilter,
    PatientSummary,
    RequestSummary,
)
from interface.store.records.reading import ReplayRow
from interface.store.schema import charts, messages, patient_keys, patients, requests
from interface.store.views import MESSAGE_COLUMNS, REQUEST_COLUMNS, message_summary, request_summary

ALL_PATIENTS = PatientFilter()
_NEWEST = PatientCursor(float("inf"), 2**62)

_NOT_SENT = ("waiting", "held", "sending")
_OPEN = (
    select(func.count())
    .select_from(requests)
    .where(requests.c.patient_id == patients.c.id, requests.c.state.in_(_NOT_SENT))
    .scalar_subquery()
)
_PATIENTS = select(
    patients.c.id, patients.c.merged_into, patients.c.created_at, patients.c.changed_at, _OPEN, charts.c.chart
).join(charts, charts.c.patient_id == patients.c.id, isouter=True)
_PAGE = (
    _PATIENTS.where(
        patients.c.changed_at <= bindparam("changed"),
        or_(patients.c.changed_at < bindparam("changed"), patients.c.id < bindparam("before")),
    )
    .order_by(patients.c.changed_at.desc(), patients.c.id.desc())
    .limit(bindparam("count"))
)
_BY_ID = _PATIENTS.where(patients.c.id.in_(bindparam("ids", expanding=True)))
_MERGED_INTO = select(patients.c.id, patients.c.merged_into).where(
    patients.c.id.in_(bindparam("ids", expanding=True))
)
_CHARTED = (
    select(patients.c.id)
    .where(patients.c.id > bindparam("after"), patients.c.merged_into.is_(None))
    .order_by(patients.c.id)
    .limit(bindparam("count"))
)
_WITHOUT_NUMBER = select(patients.c.id).where(
    patients.c.merged_into.is_(None), ~exists().where(patient_keys.c.patient_id == patients.c.id)
)
_CONDITIONS = {
    "since": patients.c.changed_at >= bindparam("since"),
    "until": patients.c.changed_at < bindparam("until"),
}
_OWNERS = select(patient_keys.c.key_hash, patient_keys.c.patient_id).where(
    patient_keys.c.key_hash.in_(bindparam("hashes", expanding=True))
)
_MESSAGES_OF = (
    select(*MESSAGE_COLUMNS)
    .where(
        messages.c.patient_id.in_(bindparam("ids", expanding=True)),
        messages.c.id < bindparam("before"),
    )
    .order_by(messages.c.id.desc())
    .limit(bindparam("count"))
)
_COUNT_MESSAGES = (
    select(messages.c.patient_id, func.count())
    .where(and_(messages.c.patient_id.in_(bindparam("ids", expanding=True)), messages.c.state != "new"))
    .group_by(messages.c.patient_id)
)
_MESSAGES_BY_ID = select(*MESSAGE_COLUMNS).where(messages.c.id.in_(bindparam("ids", expanding=True)))
_REQUESTS_BY_ID = select(*REQUEST_COLUMNS).where(requests.c.id.in_(bindparam("ids", expanding=True)))


class PatientViews(Part):
    """Used by one thread at a time, beside a running daemon or without one."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring

    def patients(
        self, where: PatientFilter = ALL_PATIENTS, *, before: PatientCursor | None = None, limit: int = 50
    ) -> list[PatientSummary]:
        """The patients that changed last, newest first; the next page is `before=` the last one's cursor."""
        with self._reading() as connection:
            if where.key is not None:
                found = self._by_id(connection, self._owners(connection, (where.key,)).values())
                return [row for row in found if where.takes(row)]
            statement = _PAGE.where(
                *(condition for name, condition in _CONDITIONS.items() if getattr(where, name) is not None)
            )
            if where.merged:
                statement = statement.where(patients.c.merged_into.is_not(None))
            parameters: dict[str, Any] = {
                name: getattr(where, name) for name in _CONDITIONS if getattr(where, name) is not None
            }
            at = _NEWEST if before is None else before
            parameters |= {"changed": at.changed_at, "before": at.id, "count": limit}
            return [self._summary(row) for row in connection.execute(statement, parameters)]

    def by_id(self, ids: Iterable[int]) -> dict[int, PatientSummary]:
        """These patients; unknown ones are left out."""
        with self._reading() as connection:
            return {row.id: row for row in self._by_id(connection, ids)}

    def owners(self, keys: Iterable[str]) -> dict[str, int]:
        """Whose these identity keys are; those of nobody are left out."""
        with self._reading() as connection:
            return self._owners(connection, tuple(keys))

    def charted(self, *, after: int = 0, limit: int = 500) -> list[int]:
        """Patients with a chart of their own whose id is above `after`, by id."""
        with self._reading() as connection:
            return list(connection.execute(_CHARTED, {"after": after, "count": limit}).scalars())

    def without_number(self) -> list[int]:
        """Patients with a chart of their own to which no number leads any more (A43): few. Looks at every patient's row."""
        with self._reading() as connection:
            return list(connection.execute(_WITHOUT_NUMBER).scalars())

    def seen(self, name: str) -> str | None:
        """What the store remembers of the settings under a name (`Work.seen`)."""
        with self._reading() as connection:
            return seen.read(connection, name)

    def family(self, ids: Iterable[int]) -> set[int]:
        """These patients and all whose charts were merged with theirs."""
        with self._reading() as connection:
            return replay.family(connection, ids)

    def survivors(self, ids: Iterable[int]) -> dict[int, int]:
        """In whose chart each of these patients is: in his own, where nothing was merged."""
        found: dict[int, int] = {}
        into = {id_: id_ for id_ in ids}
        while into:
            known = self._merged_into(set(into.values()))
            further = {}
            for id_, at in into.items():
                following = known.get(at)
                if following is None or following in (id_, at):
                    found[id_] = at
                else:
                    further[id_] = following
            into = further
        return found

    def _merged_into(self, ids: set[int]) -> dict[int, int | None]:
        with self._reading() as connection:
            return dict(among(connection, _MERGED_INTO, ids))

    def messages_of(
        self, ids: Iterable[int], *, before: int | None = None, limit: int = 50
    ) -> list[MessageSummary]:
        """The newest messages that were decided for these patients, newest first."""
        parameters = {"ids": sorted(set(ids)), "before": 2**62 if before is None else before, "count": limit}
        with self._reading() as connection:
            return [message_summary(row) for row in connection.execute(_MESSAGES_OF, parameters)]

    def to_replay(self, ids: Iterable[int], *, after: int, up_to: int, limit: int = 200) -> list[ReplayRow]:
        """A page of the messages that were decided for these patients, with their bodies, in the order of arrival."""
        with self._reading() as connection:
            return replay.page_of(connection, self._keyring, ids, after, up_to, limit)

    def count_messages(self, ids: Iterable[int]) -> dict[int, int]:
        """How many messages were decided for each of these patients; those without any are left out."""
        with self._reading() as connection:
            return dict(among(connection, _COUNT_MESSAGES, ids))

    def messages_by_id(self, ids: Iterable[int]) -> dict[int, MessageSummary]:
        """These messages; unknown ones are left out."""
        with self._reading() as connection:
            rows = [message_summary(row) for row in among(connection, _MESSAGES_BY_ID, ids)]
        return {row.id: row for row in rows}

    def requests_by_id(self, ids: Iterable[int]) -> dict[int, RequestSummary]:
        """These requests; unknown ones are left out."""
        with self._reading() as connection:
            rows = [request_summary(row) for row in among(connection, _REQUESTS_BY_ID, ids)]
        return {row.id: row for row in rows}

    def _by_id(self, connection: Connection, ids: Iterable[int]) -> list[PatientSummary]:
        return [self._summary(row) for row in among(connection, _BY_ID, ids)]

    def _owners(self, connection: Connection, keys: tuple[str, ...]) -> dict[str, int]:
        hashes = {self._keyring.lookup(key): key for key in keys}
        return {
            hashes[found]: owner
            for part in chunks(list(hashes))
            for found, owner in connection.execute(_OWNERS, {"hashes": part})
        }

    def _summary(self, row: Any) -> PatientSummary:
        id_, merged_into, created_at, changed_at, open_requests, sealed = row
        try:
            chart = None if sealed is None else self._keyring.open("chart", sealed)
        except Unreadable:
            chart = None
        return PatientSummary(id_, merged_into, created_at, changed_at, open_requests, chart)
