"""Who may use the console, and who is signed in. A change of a user that takes rights away ends the sessions with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select, update
from sqlalchemy.sql.functions import count

from interface.store.database import Part
from interface.store.records.console import Role, Session, User
from interface.store.schema import sessions, users

_USER_COLUMNS = tuple(users.c[name] for name in User.__slots__)
_ALL = select(*_USER_COLUMNS).order_by(users.c.name)
_ONE = select(*_USER_COLUMNS).where(users.c.name == bindparam("b_name"))
_COUNT = select(count()).select_from(users)
_ADD = insert(users)
_CHANGE = update(users).where(users.c.name == bindparam("b_name"))
_REMOVE = delete(users).where(users.c.name == bindparam("b_name"))

_BEGIN = insert(sessions)
_SESSION = (
    select(
        users.c.name,
        users.c.role,
        sessions.c.began_at,
        sessions.c.used_at,
        sessions.c.shows_until,
    )
    .join(users, users.c.name == sessions.c.user_name)
    .where(sessions.c.token_hash == bindparam("b_token"), users.c.disabled.is_(False))
)
_SET = update(sessions).where(sessions.c.token_hash == bindparam("b_token"))
_END = delete(sessions).where(sessions.c.token_hash == bindparam("b_token"))
_END_ALL = delete(sessions).where(sessions.c.user_name == bindparam("b_name"))
_END_OLD = delete(sessions).where(sessions.c.used_at < bindparam("b_before"))


class Users(Part):
    """Used by one thread, beside a running daemon or without one."""

    # ---- users ----

    def all(self) -> list[User]:
        """All users by name."""
        with self._reading() as connection:
            return [_user(row) for row in connection.execute(_ALL)]

    def any(self) -> bool:
        """Whether there is a user at all."""
        with self._reading() as connection:
            return bool(connection.execute(_COUNT).scalar_one())

    def get(self, name: str) -> User | None:
        """One user; None: there is none of this name."""
        with self._reading() as connection:
            return _found(connection, name)

    def add(self, name: str, role: Role, password: str, now: float) -> bool:
        """A new user with a hashed password; False: the name is taken."""
        with self._writing() as connection:
            if _found(connection, name) is not None:
                return False
            connection.execute(
                _ADD,
                {
                    "name": name,
                    "role": role,
                    "password": password,
                    "password_at": now,
                    "disabled": False,
                    "created_at": now,
                },
            )
        return True

    def set_password(self, name: str, password: str, now: float) -> bool:
        """Another password; ends the user's sessions. False: there is no such user."""
        return self._change(name, password=password, password_at=now)

    def set_disabled(self, name: str, disabled: bool) -> bool:
        """Let nobody sign in by this name, or let them again. False: there is no such user."""
        return self._change(name, disabled=disabled)

    def set_role(self, name: str, role: Role) -> bool:
        """Another role; ends the user's sessions. False: there is no such user."""
        return self._change(name, role=role)

    def _change(self, name: str, **values: Any) -> bool:
        with self._writing() as connection:
            changed = connection.execute(_CHANGE.values(**values), {"b_name": name}).rowcount
            connection.execute(_END_ALL, {"b_name": name})
        return bool(changed)

    def remove(self, name: str) -> bool:
        """Take a user out, with the sessions; what the audit says of it stays. False: there is no such user."""
        with self._writing() as connection:
            connection.execute(_END_ALL, {"b_name": name})
            return bool(connection.execute(_REMOVE, {"b_name": name}).rowcount)

    # ---- sessions ----

    def begin(self, token_hash: bytes, user: User, now: float) -> bool:
        """A session of a user whose password was found right; False: password, role or state have changed meanwhile."""
        with self._writing() as connection:
            if _found(connection, user.name) != user or user.disabled:
                return False
            connection.execute(
                _BEGIN,
                {
                    "token_hash": token_hash,
                    "user_name": user.name,
                    "began_at": now,
                    "used_at": now,
                    "shows_until": 0.0,
                },
            )
        return True

    def session(self, token_hash: bytes) -> Session | None:
        """Whose session it is; None: there is none (any more), or the user is disabled."""
        with self._reading() as connection:
            row = connection.execute(_SESSION, {"b_token": token_hash}).one_or_none()
        return None if row is None else Session(*row)

    def used(self, token_hash: bytes, now: float) -> None:
        """The session is in use."""
        self._set(token_hash, sessions.c.used_at, now)

    def show(self, token_hash: bytes, until: float) -> None:
        """Show patient data in this session until then; 0: mask it again."""
        self._set(token_hash, sessions.c.shows_until, until)

    def _set(self, token_hash: bytes, column: ColumnElement[float], value: float) -> None:
        with self._writing() as connection:
            connection.execute(_SET.values({column: value}), {"b_token": token_hash})

    def end(self, token_hash: bytes) -> None:
        """Somebody signs out."""
        with self._writing() as connection:
            connection.execute(_END, {"b_token": token_hash})

    def end_old(self, before: float) -> None:
        """Forget the sessions that were not used since then."""
        with self._writing() as connection:
            connection.execute(_END_OLD, {"b_before": before})


def _found(connection: Connection, name: str) -> User | None:
    row = connection.execute(_ONE, {"b_name": name}).one_or_none()
    return None if row is None else _user(row)


def _user(row: Any) -> User:
    return User(*cast(Sequence[Any], row))
