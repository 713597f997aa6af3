"""Acknowledgements: which one, and how it is written (HL7 v2, chapter 2: MSA, ERR, acknowledgement modes).

An engine that gets an error marks the message and does not send it again; one that gets nothing keeps it and
does. So an error answers only what sending again can't cure.
"""

import enum
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Literal, NamedTuple

from . import charsets
from .delimiters import STANDARD, Delimiters
from .errors import HeaderError
from .escapes import escape
from .header import Header

Mode = Literal["auto", "original", "enhanced"]
NotStored = Literal["close", "AE", "AR"]
_VERSION = "2.5.1"  # of an ACK whose message names none
_CONTROL_ID = Header._fields.index("control_id")


class Receipt(enum.Enum):
    """What became of a frame at the door."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    NO_MSH = "no-msh"
    UNDECODABLE = "undecodable"
    MISSING_TYPE = "missing-type"
    MISSING_CONTROL_ID = "missing-control-id"
    TOO_LARGE = "too-large"
    NOT_STORED = "not-stored"


@dataclass(frozen=True, slots=True)
class Fault:
    """What ERR says: code and text of table 0357, where (segment, sequence, field), a sentence."""

    code: str
    text: str
    where: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class AckRow:
    """A row of the ACK table. A code of '' is silence; `then_close`: the connection ends behind it."""

    happened: str
    receipt: Receipt | None  # None: no frame was read
    original: str
    enhanced: str
    stored: str
    sender: str
    fault: Fault | None = None
    then_close: bool = False


_MISSING, _INTERNAL = "Required field missing", "Application internal error"
_GO_ON, _FIX = "go on", "fix the message"

ACK_TABLE: tuple[AckRow, ...] = (
    AckRow("stored", Receipt.STORED, "AA", "CA", "yes", _GO_ON),
    AckRow(
        "the same message again: sender, MSH-10 and content equal",
        Receipt.DUPLICATE,
        "AA",
        "CA",
        "counted",
        _GO_ON,
    ),
    AckRow("the same MSH-10 with other content", Receipt.CONFLICT, "AA", "CA", "yes, flagged", _GO_ON),
    AckRow(
        "a message type that is not used, or an MSH-11 that does not fit the environment",
        Receipt.STORED,
        "AA",
        "CA",
        "yes, `ignore`",
        "go on: a filter slip must not stop the feed",
    ),
    AckRow(
        "stored, but it can't be mapped or is held",
        Receipt.STORED,
        "AA",
        "CA",
        "yes",
        "go on: it is ours now",
    ),
    AckRow(
        "no MSH",
        Receipt.NO_MSH,
        "AR",
        "CR",
        "raw bytes, `reject`",
        _FIX,
        Fault("100", "Segment sequence error", (), "No MSH segment was found: a message starts with MSH"),
    ),
    AckRow(
        "MSH can't be decoded",
        Receipt.UNDECODABLE,
        "AR",
        "CR",
        "raw bytes, `reject`",
        _FIX,
        Fault("207", _INTERNAL, ("MSH", "1"), "MSH can't be read: check MSH-1, MSH-2 and MSH-18"),
    ),
    AckRow(
        "MSH-9 missing",
        Receipt.MISSING_TYPE,
        "AE",
        "CR",
        "raw bytes, `reject`",
        _FIX,
        Fault("101", _MISSING, ("MSH", "1", "9"), "MSH-9 (message type) is missing"),
    ),
    AckRow(
        "MSH-10 missing",
        Receipt.MISSING_CONTROL_ID,
        "AE",
        "CR",
        "raw bytes, `reject`",
        _FIX,
        Fault("101", _MISSING, ("MSH", "1", "10"), "MSH-10 (message control ID) is missing"),
    ),
    AckRow(
        "a frame over the limit",
        Receipt.TOO_LARGE,
        "AR",
        "CR",
        "no",
        _FIX,
        Fault("207", _INTERNAL, (), "The message is larger than this interface takes"),
        then_close=True,
    ),
    AckRow(
        "it could not be stored (disk full, database away, overload); `not_stored` can ask for AE or AR",
        Receipt.NOT_STORED,
        "",
        "",
        "no",
        "send it again",
        Fault("207", _INTERNAL, (), "The message could not be stored: send it again"),
        then_close=True,
    ),
    AckRow("a sender that is not allowed: no bytes are read", None, "", "", "no", "", then_close=True),
)

# of several rows with a receipt the codes are the same; the first is the plain one
_BY_RECEIPT = {row.receipt: row for row in reversed(ACK_TABLE) if row.receipt}
_SUCCESS = ("AA", "CA")
_WHEN_NOT_STORED = {"close": ("", ""), "AE": ("AE", "CE"), "AR": ("AR", "CR")}
# MSH-15 and MSH-16 (table 0155): whether a success and whether an error is to be answered
_ASKED = {"AL": (True, True), "ER": (False, True), "SU": (True, False), "NE": (False, False)}


def acknowledge(
    header: Header | None,
    receipt: Receipt,
    *,
    mode: Mode = "auto",
    not_stored: NotStored = "close",
    now: datetime,
    control_id: str,
) -> bytes | None:
    """The ACK for a frame, without framing; None: nothing is sent.

    `header` is None when MSH could not be read; `now` is aware and becomes MSH-7; `control_id` is the ACK's
    own MSH-10.
    """
    code = ack_code(header, receipt, mode=mode, not_stored=not_stored)
    return write_ack(header, receipt, code, now=now, control_id=control_id) if code else None


def write_ack(header: Header | None, receipt: Receipt, code: str, *, now: datetime, control_id: str) -> bytes:
    """The same with MSA-1 known: `ack_code` gave it."""
    fault = None if code in _SUCCESS else _BY_RECEIPT[receipt].fault
    return _write(header or Header(processing_id="P", processing="P"), code, fault, now, control_id)


def ack_code(header: Header | None, receipt: Receipt, *, mode: Mode, not_stored: NotStored) -> str:
    """MSA-1 of table 0008; '': nothing is sent.

    `auto` is the original mode when MSH-15 and MSH-16 are both empty. Otherwise, and with `enhanced`, one
    frame at most: the accept ACK as MSH-15 asks, or when MSH-15 is NE or empty the application ACK as MSH-16
    asks. `enhanced` takes an empty MSH-15 for AL; a value that table 0155 lacks counts as AL too, as silence
    would stop the feed.
    """
    row = _BY_RECEIPT[receipt]
    original, enhanced = row.original, row.enhanced
    if receipt is Receipt.NOT_STORED:
        original, enhanced = _WHEN_NOT_STORED[not_stored]
    accept = header.accept_ack.upper() if header else ""
    application = header.application_ack.upper() if header else ""
    if mode == "enhanced":
        accept = accept or "AL"
    if mode == "original" or not (accept or application):
        return original
    if accept not in ("", "NE"):
        return enhanced if _asked(accept, enhanced) else ""
    return original if application and _asked(application, original) else ""


def _asked(condition: str, code: str) -> bool:
    success, error = _ASKED.get(condition, (True, True))
    return success if code in _SUCCESS else error


class _Form(NamedTuple):
    """What the ACKs of one feed have in common: its MSH around its time and its own control id."""

    delimiters: Delimiters
    version: tuple[int, int]
    opening: str
    middle: str
    ending: str


def _write(header: Header, code: str, fault: Fault | None, now: datetime, control_id: str) -> bytes:
    kind = header[:_CONTROL_ID] + header[_CONTROL_ID + 1 :]
    form = (_form if len("".join(kind)) <= _LONGEST_KNOWN else _made)(kind)
    delimiters = form.delimiters
    field = delimiters.field
    own = control_id if control_id.isalnum() else escape(control_id, delimiters)
    stamp = _stamp(now, now.tzinfo, now.fold)
    text = f"{form.opening}{stamp}{form.middle}{own}{form.ending}MSA{field}{code}{field}{header.control_id}"
    if fault and form.version < (2, 5):
        text += field + escape(fault.sentence, delimiters)
    text = text.rstrip(field) + "\r"
    if fault:
        text += field.join(_err(fault, form.version, delimiters)).rstrip(field) + "\r"
    return _encode(text, header.codec)


def _made(but_control_id: tuple[str, ...]) -> _Form:
    header = Header._make((*but_control_id[:_CONTROL_ID], "", *but_control_id[_CONTROL_ID:]))
    delimiters, encoding_characters = _delimiters(header)
    field, number = delimiters.field, version_number(header.version)
    kind = "ACK"
    if number >= (2, 4) and header.trigger_event:
        kind = delimiters.component.join(("ACK", header.trigger_event, "ACK"))
    opening = (
        "MSH",
        encoding_characters,
        header.receiving_application,
        header.receiving_facility,
        header.sending_application,
        header.sending_facility,
        "",
    )
    ending = (
        "",
        header.processing or header.processing_id,
        header.version or _VERSION,
        *[""] * 5,
        header.charsets or header.charset,
    )
    return _Form(
        delimiters,
        number,
        field.join(opening),
        field.join(("", "", kind, "")),
        field.join(ending).rstrip(field) + "\r",
    )


_form = lru_cache(maxsize=256)(_made)
"""Made once for messages whose MSH is the same but for MSH-7 and MSH-10: 4 us of an ACK's 7."""
_LONGEST_KNOWN = 1024
"""Characters of an MSH that is remembered."""


@lru_cache(maxsize=8)
def _stamp(now: datetime, zone: tzinfo | None, fold: int) -> str:  # noqa: ARG001 - they tell times apart that are equal
    return now.strftime("%Y%m%d%H%M%S%z")


def _err(fault: Fault, number: tuple[int, int], delimiters: Delimiters) -> list[str]:
    text = escape(fault.text, delimiters)
    if number < (2, 5):
        # ERR-1 (ELD): segment, sequence, field, and the code with its text and table as subcomponents
        where = (*fault.where, "", "", "")[:3]
        problem = delimiters.subcomponent.join((fault.code, text, "HL70357"))
        return ["ERR", delimiters.component.join((*where, problem))]
    problem = delimiters.component.join((fault.code, text, "HL70357"))
    where_text = delimiters.component.join(fault.where)
    return ["ERR", "", where_text, problem, "E", "", "", "", escape(fault.sentence, delimiters)]


def _delimiters(header: Header) -> tuple[Delimiters, str]:
    """The sender's delimiters, and MSH-2: as sent, or as it was understood when it had to be mended."""
    try:
        delimiters = header.delimiters
    except HeaderError:
        return STANDARD, STANDARD.encoding_characters
    return delimiters, delimiters.encoding_characters


def version_number(version: str) -> tuple[int, int]:
    """MSH-12 as numbers: 2.5.1 is (2, 5), 2.0D (table 0104) is (2, 0); an empty or unreadable one counts as 2.5."""
    parts = version.strip().rstrip("D").split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        return (2, 5)


def _encode(text: str, codec: str) -> bytes:
    raw = charsets.encode(text, codec)
    if b"\x0b" in raw or b"\x1c" in raw:  # inside characters of UTF-16: they would break the frame
        raw = charsets.encode(text.encode("ascii", "replace").decode("ascii"), codec)
    return raw
