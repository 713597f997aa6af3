"""Identifiers: HD, CX, EI (HL7 v2, chapter 2A)."""

from dataclasses import dataclass
from typing import Self

from ..message import Repetition
from .parts import part, subpart


@dataclass(frozen=True, slots=True)
class HD:
    """Who assigns identifiers: a local name (HD.1) or a universal id (HD.2) of a type (HD.3)."""

    namespace: str = ""
    universal_id: str = ""
    universal_id_type: str = ""

    @classmethod
    def of(cls, repetition: Repetition) -> Self:
        """A field that is an HD itself (MSH-3, MSH-4)."""
        return cls(part(repetition, 1), part(repetition, 2), part(repetition, 3))

    @classmethod
    def within(cls, repetition: Repetition, component: int) -> Self:
        """An HD that is a component of another type (CX.4, XCN.9, PL.4)."""
        return cls(
            subpart(repetition, component, 1),
            subpart(repetition, component, 2),
            subpart(repetition, component, 3),
        )

    def __bool__(self) -> bool:
        return bool(self.namespace or self.universal_id)

    def is_named(self, name: str) -> bool:
        """Whether `name` (a namespace or OID, with or without `urn:oid:`) is this authority, in any case."""
        wanted = _plain(name)
        return bool(wanted) and wanted in (_plain(self.namespace), _plain(self.universal_id))


def _plain(name: str) -> str:
    return name.strip().casefold().removeprefix("urn:oid:")


NO_AUTHORITY = HD()


@dataclass(frozen=True, slots=True)
class CX:
    """An identifier of a person or account, its check digit, assigning authority and type (table 0203)."""

    id: str = ""
    check_digit: str = ""
    authority: HD = NO_AUTHORITY
    type_code: str = ""
    facility: HD = NO_AUTHORITY

    @classmethod
    def of(cls, repetition: Repetition) -> Self:
        """CX.1, .2, .4, .5 and .6."""
        return cls(
            part(repetition, 1),
            part(repetition, 2),
            HD.within(repetition, 4),
            part(repetition, 5),
            HD.within(repetition, 6),
        )


@dataclass(frozen=True, slots=True)
class EI:
    """An entity identifier: of an appointment, an order, a problem."""

    id: str = ""
    namespace: str = ""
    universal_id: str = ""
    universal_id_type: str = ""

    @classmethod
    def of(cls, repetition: Repetition) -> Self:
        """EI.1 to .4."""
        return cls(part(repetition, 1), part(repetition, 2), part(repetition, 3), part(repetition, 4))
