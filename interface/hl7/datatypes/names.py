"""Names of persons: XPN, XCN (HL7 v2, chapter 2A). The family name is an FN: whole, own prefix, own name."""

from dataclasses import dataclass
from typing import Self

from ..message import Repetition
from .identifiers import HD, NO_AUTHORITY
from .parts import part, subpart


@dataclass(frozen=True, slots=True)
class XPN:
    """A person's name; its type is of table 0200 (L legal, A alias, M maiden …)."""

    family: str = ""
    own_family_prefix: str = ""
    own_family: str = ""
    given: str = ""
    further: str = ""
    suffix: str = ""
    prefix: str = ""
    degree: str = ""
    name_type: str = ""

    @classmethod
    def of(cls, repetition: Repetition) -> Self:
        """FN.1 to FN.3 of XPN.1, XPN.2 to .7; PN of older versions reads the same."""
        return cls(
            family=subpart(repetition, 1, 1),
            own_family_prefix=subpart(repetition, 1, 2),
            own_family=subpart(repetition, 1, 3),
            given=part(repetition, 2),
            further=part(repetition, 3),
            suffix=part(repetition, 4),
            prefix=part(repetition, 5),
            degree=part(repetition, 6),
            name_type=part(repetition, 7),
        )


@dataclass(frozen=True, slots=True)
class XCN:
    """A person with an identifier: a clinician, mostly."""

    id: str = ""
    family: str = ""
    own_family_prefix: str = ""
    own_family: str = ""
    given: str = ""
    further: str = ""
    suffix: str = ""
    prefix: str = ""
    degree: str = ""
    source_table: str = ""
    authority: HD = NO_AUTHORITY
    name_type: str = ""
    check_digit: str = ""
    check_scheme: str = ""
    id_type: str = ""

    @classmethod
    def of(cls, repetition: Repetition) -> Self:
        """XCN.1 to .13; CN of older versions reads the same."""
        return cls(
            id=part(repetition, 1),
            family=subpart(repetition, 2, 1),
            own_family_prefix=subpart(repetition, 2, 2),
            own_family=subpart(repetition, 2, 3),
            given=part(repetition, 3),
            further=part(repetition, 4),
            suffix=part(repetition, 5),
            prefix=part(repetition, 6),
            degree=part(repetition, 7),
            source_table=part(repetition, 8),
            authority=HD.within(repetition, 9),
            name_type=part(repetition, 10),
            check_digit=part(repetition, 11),
            check_scheme=part(repetition, 12),
            id_type=part(repetition, 13),
        )
