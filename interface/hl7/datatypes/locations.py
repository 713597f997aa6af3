"""A person's location: PL (HL7 v2, chapter 2A)."""

from dataclasses import dataclass
from typing import Self

from ..message import Repetition
from .identifiers import HD, NO_AUTHORITY
from .parts import part, subpart


@dataclass(frozen=True, slots=True)
class PL:
    """Where a patient is or an appointment takes place."""

    point_of_care: str = ""
    room: str = ""
    bed: str = ""
    facility: HD = NO_AUTHORITY
    location_status: str = ""
    location_type: str = ""
    building: str = ""
    floor: str = ""
    description: str = ""

    @classmethod
    def of(cls, repetition: Repetition) -> Self:
        """PL.1 to .9. From version 2.7 on PL.1 to .3, .7 and .8 may be HDs: then their namespace."""
        return cls(
            point_of_care=subpart(repetition, 1, 1),
            room=subpart(repetition, 2, 1),
            bed=subpart(repetition, 3, 1),
            facility=HD.within(repetition, 4),
            location_status=part(repetition, 5),
            location_type=part(repetition, 6),
            building=subpart(repetition, 7, 1),
            floor=subpart(repetition, 8, 1),
            description=part(repetition, 9),
        )
