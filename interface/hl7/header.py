"""MSH alone, for the door: what an ACK, the journal and the limits need, without reading the message."""

from functools import lru_cache
from typing import NamedTuple

from .delimiters import Delimiters, read_delimiters
from .errors import HeaderError, HeaderFault
from .message import NULL, is_null
from .opening import is_plain, msh_of, read_opening

__all__ = ["Header", "HeaderError", "HeaderFault", "read_header"]

_TIME, _TYPE, _CONTROL_ID = 6, 8, 9  # MSH-7, MSH-9 and MSH-10 where MSH is split by its separator
_LONGEST_KNOWN = 1024  # characters of an MSH that is remembered


class Header(NamedTuple):
    """Fields of MSH as sent (decoded, still escaped); '' when absent or HL7 null. A tuple: made for each message, a frozen
    dataclass of so many fields costs 2 us more.

    Codes are without outer blanks; MSH-3 to MSH-6 and MSH-10, which an ACK gives back, are exactly as sent.
    """

    field_separator: str = "|"
    encoding_characters: str = "^~\\&"
    sending_application: str = ""  # MSH-3, whole
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""
    message_code: str = ""  # MSH-9.1
    trigger_event: str = ""
    structure: str = ""
    control_id: str = ""  # MSH-10
    processing_id: str = ""  # MSH-11.1
    version: str = ""  # MSH-12.1
    accept_ack: str = ""  # MSH-15
    application_ack: str = ""  # MSH-16
    charset: str = ""  # MSH-18, first repetition
    processing: str = ""  # MSH-11, whole
    charsets: str = ""  # MSH-18, whole
    codec: str = "ascii"  # the Python codec that MSH was read with

    @property
    def type(self) -> str:
        """`SIU^S12`, whatever the delimiters and in capitals; `ADT` alone without a trigger event."""
        kind = f"{self.message_code}^{self.trigger_event}" if self.trigger_event else self.message_code
        return kind.upper()

    @property
    def delimiters(self) -> Delimiters:
        """The sender's delimiters."""
        return read_delimiters(self.field_separator, self.encoding_characters)[0]


_AT = Header._fields.index("control_id")


def read_header(raw: bytes, default_charset: str | None = None) -> Header:
    """Read MSH, behind a byte order mark, blanks, framing debris, FHS and BHS.

    Looks at MSH only: nothing else in the message is decoded. Raises HeaderError: `no-msh`, or `undecodable`
    when MSH-1 or MSH-2 can't be delimiters or the bytes of MSH are not what MSH-18 says they are.
    """
    if raw[:3] == b"MSH" and is_plain(line := msh_of(raw)):
        text = line.decode("ascii")
        fields = text.split(text[3:4] or "|", _TYPE + 2)
        if len(fields) > _TYPE + 2 and len(text) <= _LONGEST_KNOWN:
            return _of_feed(text[3], fields)
    return _read(raw, default_charset)


def _of_feed(separator: str, fields: list[str]) -> Header:
    control_id = fields[_CONTROL_ID]
    fields[_TIME] = fields[_CONTROL_ID] = ""
    known = _known(separator.join(fields))
    if not control_id.strip() or is_null(control_id):
        return known
    return Header._make((*known[:_AT], control_id, *known[_AT + 1 :]))


@lru_cache(maxsize=256)
def _known(msh: str) -> Header:
    """What is the same in all messages of a feed, read once: 2 us a message in place of 5."""
    return _read(msh.encode(), None)


def _read(raw: bytes, default_charset: str | None) -> Header:
    opening = read_opening(raw, default_charset)
    delimiters = opening.delimiters
    fields = opening.msh.split(delimiters.field)
    if NULL in opening.msh:
        fields = ["" if is_null(field) else field for field in fields]
    if len(fields) < 18:
        fields += [""] * (18 - len(fields))
    component, repetition = delimiters.component, delimiters.repetition
    code, trigger, structure = [part.strip() for part in (*_split(fields[8], component), "", "")[:3]]
    return Header(
        delimiters.field,
        fields[1],
        fields[2],
        fields[3],
        fields[4],
        fields[5],
        code,
        trigger,
        structure,
        fields[9] if fields[9].strip() else "",
        _split(fields[10], component)[0].strip(),
        _split(fields[11], component)[0].strip(),
        fields[14].strip(),
        fields[15].strip(),
        _split(opening.declared, repetition)[0].strip(),
        fields[10],
        opening.declared,
        opening.codec,
    )


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator) if separator else [text]
