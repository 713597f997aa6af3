"""Quantity and timing: TQ (HL7 v2, chapter 4 up to version 2.6), of SCH-11, ORC-7 and RXE-1."""

from dataclasses import dataclass
from typing import Self

from ..message import Repetition
from .parts import part, subpart


@dataclass(frozen=True, slots=True)
class TQ:
    """How much, how often and when. Times are as sent: `parse_dtm` reads them."""

    quantity: str = ""
    interval_pattern: str = ""  # RI.1: Q6H, BID …
    explicit_times: str = ""  # RI.2
    duration: str = ""
    start: str = ""
    end: str = ""
    priority: str = ""
    condition: str = ""
    text: str = ""

    @classmethod
    def of(cls, repetition: Repetition) -> Self:
        """TQ.1 to .8; of TQ.1 (CQ) the number, of TQ.4 and TQ.5 (TS) the time."""
        return cls(
            quantity=subpart(repetition, 1, 1),
            interval_pattern=subpart(repetition, 2, 1),
            explicit_times=subpart(repetition, 2, 2),
            duration=part(repetition, 3),
            start=subpart(repetition, 4, 1),
            end=subpart(repetition, 5, 1),
            priority=part(repetition, 6),
            condition=part(repetition, 7),
            text=part(repetition, 8),
        )
