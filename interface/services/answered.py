"""What a stored message was answered: acknowledgments are not kept, but follow from MSH, the receipt and the listener."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from interface.hl7.ack import Receipt, ack_code, acknowledge
from interface.hl7.header import Header, HeaderError, read_header
from interface.rules.policy import is_history
from interface.settings import Settings
from interface.settings.sections import Listener

NOT_KEPT = ("MSH-7", "MSH-10")
"""Fields of an acknowledgment that can't be told afterwards: its time and its own control id."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known of the answer."""

    code: str = ""
    """MSA-1; '': nothing was sent, or it can't be told."""
    ack: bytes | None = None
    """The acknowledgment, by the listener's settings as they are now; what is in `NOT_KEPT` is made up."""
    why: str = ""
    """Without a code: why, in a sentence."""

    @property
    def said(self) -> str:
        """In a few words, for the time line; '' where it can't be told."""
        if self.code:
            return f"Acknowledged: {self.code}"
        return "No acknowledgment was sent" if self.why.startswith(_SILENCE) else ""


_SILENCE = "Nothing was answered"


def answered(settings: Settings, listener: str, raw: bytes | None, receipt: str) -> Answered:
    """What was answered to a message that came by this listener and was taken with this receipt."""
    if is_history(listener):
        return Answered(why="It was loaded and not received: there was nobody to answer.")
    if raw is None:
        return Answered(why="The message can't be read any more: what was answered can't be told.")
    known = next((one for one in settings.listeners if one.name == listener), None)
    if known is None:
        return Answered(
            why=f"There is no listener {listener} in the settings any more: what it answered can't be told."
        )
    try:
        happened = Receipt(receipt)
    except ValueError:
        return Answered(why="How it was taken is not known here: what was answered can't be told.")
    try:
        header: Header | None = read_header(raw, known.charset)  # as the door does
    except HeaderError:
        header = None
    ack = acknowledge(
        header,
        happened,
        mode=known.ack,
        not_stored=known.not_stored,
        now=datetime.fromtimestamp(0, UTC),
        control_id="0",
    )
    if ack is None:
        return Answered(why=f"{_SILENCE}: {_why_silent(header, known)}.")
    return Answered(ack_code(header, happened, mode=known.ack, not_stored=known.not_stored), ack)


def _why_silent(header: Header | None, listener: Listener) -> str:
    asked = (header.accept_ack, header.application_ack) if header is not None else ("", "")
    said = " and ".join(
        f"{place} is {value or 'empty'}" for place, value in zip(("MSH-15", "MSH-16"), asked, strict=True)
    )
    return f"{said}, which asks for none (the listener's ack is {listener.ack})"
