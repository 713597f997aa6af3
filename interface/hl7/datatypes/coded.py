"""Coded values: CWE, and CE of older versions (HL7 v2, chapter 2A)."""

from dataclasses import dataclass
from typing import Self

from ..message import Repetition
from .parts import part


@dataclass(frozen=True, slots=True)
class CWE:
    """A code with its text and system, the same in an alternate system, and the sender's original text."""

    code: str = ""
    text: str = ""
    system: str = ""
    alt_code: str = ""
    alt_text: str = ""
    alt_system: str = ""
    original_text: str = ""

    @classmethod
    def of(cls, repetition: Repetition) -> Self:
        """CWE.1 to .6 and .9."""
        return cls(
            part(repetition, 1),
            part(repetition, 2),
            part(repetition, 3),
            part(repetition, 4),
            part(repetition, 5),
            part(repetition, 6),
            part(repetition, 9),
        )
