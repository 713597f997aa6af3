"""`for:` and `when:` of a site's rule: whose messages, or which appointments, it is for."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from interface.rules.source import Lines, RuleError, check_keys
from interface.rules.tables import normal

SENDER = ("listener", "application", "facility", "message")
"""`for:`: the listener's name, MSH-3 and MSH-4 (namespace or OID), and the message type (`ADT` or `ADT^A08`)."""

APPOINTMENT = ("provider", "clinic", "appointment_type")
"""`when:`: the clinician (NPI, id or family name), the clinic (as sent or as named), SCH-8 or AIS-3 (code or text)."""

_MESSAGE = re.compile(r"[A-Z][A-Z0-9]{2}(?:\^[A-Z0-9]{3})?")


def plain(name: str) -> str:
    """A name or OID, ready to compare."""
    return normal(name).removeprefix("URN:OID:")


@dataclass(frozen=True)
class Condition:
    """What must hold: for each name one of these values. More of them are more specific; so is a later name."""

    wanted: Mapping[str, frozenset[str]]
    names: tuple[str, ...]
    """All names it may have; the later is the more specific one."""

    @classmethod
    def parse(cls, body: Lines, key: str, names: tuple[str, ...], rule: str) -> Condition | None:
        """What `for:` or `when:` of a rule says; None when it has none. Raises RuleError."""
        if key not in body:
            return None
        given = body[key]
        if not isinstance(given, Lines) or not given:
            raise RuleError(f"{body.place(key)}: {rule}: write {key}: as {{{names[1]}: NAME}}")
        check_keys(given, names, f"{rule}: {key}")
        wanted = {}
        for name, value in given.items():
            values = value if isinstance(value, list) else [value]
            texts = frozenset(plain(str(entry)) for entry in values if isinstance(entry, (str, int)))
            if len(texts) < len(values) or not texts or "" in texts:
                raise RuleError(f"{given.place(name)}: {rule}: {key}: {name}: is a name or a list of names")
            for text in sorted(texts) if name == "message" else ():
                if not _MESSAGE.fullmatch(text):
                    raise RuleError(
                        f"{given.place(name)}: {rule}: {key}: '{text}' is no message type; write it as ADT or ADT^A08"
                    )
            wanted[name] = texts
        return cls(wanted, names)

    def fits(self, given: Mapping[str, Collection[str]]) -> bool:
        """Whether one of the values `given` under each name is wanted."""
        return all(not values.isdisjoint(given.get(name, ())) for name, values in self.wanted.items())

    @property
    def rank(self) -> tuple[int, int]:
        """How specific it is: by the number of names, then by which."""
        return len(self.wanted), sum(1 << self.names.index(name) for name in self.wanted)

    def may_join(self, other: Condition) -> bool:
        """Whether something can fit both."""
        shared = self.wanted.keys() & other.wanted.keys()
        return all(not self.wanted[name].isdisjoint(other.wanted[name]) for name in shared)

    def meets(self, other: Condition) -> bool:
        """Whether something can fit both, and neither is the more specific one."""
        return self.wanted.keys() == other.wanted.keys() and self.may_join(other)
