"""What the door gives the journal, and what became of it."""

from __future__ import annotations

from typing import NamedTuple


class Arrival(NamedTuple):
    """One message as the listener took it, to be journalled. A tuple: made for each message in half the time."""

    listener: str
    sender_application: str
    """MSH-3 whole, as sent; '' when it could not be read."""
    sender_facility: str
    """MSH-4 whole, as sent."""
    control_id: str
    """MSH-10; '' when missing: then there is no duplicate check."""
    message_type: str
    """`SIU^S12`, or ''."""
    processing_id: str
    """MSH-11.1."""
    peer: str
    """Address and port of the sender."""
    raw: bytes
    receipt: str
    """`stored`, or the kind of reject (`no-msh`, `undecodable`, `missing-type`, `missing-control-id`)."""
    received_at: float


class Stored(NamedTuple):
    """What became of an arrival."""

    id: int
    """The journal row's id; for a duplicate that of the first row."""
    receipt: str
    """`stored`, `duplicate`, `conflict` (stored, and flagged), or the kind of reject."""
    duplicate_of: int | None = None
