"""Addresses and telecommunication numbers: XAD, XTN (HL7 v2, chapter 2A)."""

from dataclasses import dataclass
from typing import Self

from ..message import Repetition
from .parts import part, subpart


@dataclass(frozen=True, slots=True)
class XAD:
    """An address; its type is of table 0190 (H home, B business, M mailing …)."""

    street: str = ""
    other: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""
    address_type: str = ""

    @classmethod
    def of(cls, repetition: Repetition) -> Self:
        """XAD.1 to .7; of a split street SAD.1, else the dwelling's number and street's name."""
        street = subpart(repetition, 1, 1)
        if not street:
            street = f"{subpart(repetition, 1, 3)} {subpart(repetition, 1, 2)}".strip()
        return cls(
            street=street,
            other=part(repetition, 2),
            city=part(repetition, 3),
            state=part(repetition, 4),
            zip=part(repetition, 5),
            country=part(repetition, 6),
            address_type=part(repetition, 7),
        )


@dataclass(frozen=True, slots=True)
class XTN:
    """A telephone number or electronic address; use is of table 0201, equipment of table 0202."""

    number: str = ""  # XTN.1, as formatted by the sender
    use: str = ""
    equipment: str = ""
    email: str = ""
    country: str = ""
    area: str = ""
    local: str = ""
    extension: str = ""
    any_text: str = ""
    unformatted: str = ""  # XTN.12

    @classmethod
    def of(cls, repetition: Repetition) -> Self:
        """XTN.1 to .9 and .12; TN of older versions is XTN.1 alone."""
        return cls(
            number=part(repetition, 1),
            use=part(repetition, 2),
            equipment=part(repetition, 3),
            email=part(repetition, 4),
            country=part(repetition, 5),
            area=part(repetition, 6),
            local=part(repetition, 7),
            extension=part(repetition, 8),
            any_text=part(repetition, 9),
            unformatted=part(repetition, 12),
        )
