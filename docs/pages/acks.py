"""docs/acks.md: what a sender is answered."""

from __future__ import annotations

from interface.hl7.ack import ACK_TABLE
from pages.markdown import MADE, table


def page() -> str:
    """The page of the ACK table."""
    rows = []
    for row in ACK_TABLE:
        end = ", then closed" if row.then_close else ""
        error = f" + ERR {row.fault.code}" if row.fault and row.original else ""
        rows.append(
            (
                row.happened,
                f"{row.original or 'none'}{error}{end}",
                f"{row.enhanced or 'none'}{error}{end}",
                row.stored,
                row.sender or "be put on the allow-list",
            )
        )
    return f"""{MADE}

# ACKs

What a sender is answered, and what it should do then. "Original" and "enhanced" are the two acknowledgement modes
of HL7 v2, chapter 2.

{table(("what happened", "original", "enhanced", "stored", "the sender should"), rows)}

## Why so few errors

An engine that gets AE or AR marks the message as failed and does not send it again: a NACK loses the message.
An engine that gets no answer keeps the message in its queue and sends it again: silence loses nothing.
So an error answers only what sending again can't cure. Where a message could not be stored, nothing is answered and the
connection closes. For a sender that handles it the other way round, `not_stored = "AE"` or `"AR"` in `[[listener]]`
answers that error (enhanced mode: CE or CR).

## Which mode

| `ack` in `[[listener]]` | MSH-15 | MSH-16 | answer |
| --- | --- | --- | --- |
| `auto` (default) | empty | empty | original mode |
| `auto` | AL, ER, SU | any | the accept ACK (CA, CE, CR), if MSH-15 asks for it |
| `auto` | NE or empty | AL, ER, SU | the application ACK (AA, AE, AR), if MSH-16 asks for it |
| `auto` | NE | NE or empty | none |
| `auto` | empty | NE | none |
| `original` | any | any | original mode, always answered |
| `enhanced` | empty | any | as if MSH-15 were AL |

AL: always. ER: errors only. SU: successes only. NE: never. A value that is none of these counts as AL.

**A sender whose MSH-15 or MSH-16 is not AL has asked for silence after some messages.** An engine that waits for an
answer all the same sends such a message for ever. Leave both fields empty, or set `ack = "original"`.

## How an ACK is written

| part | content |
| --- | --- |
| delimiters, version | the sender's |
| MSH-3 to MSH-6 | the message's, swapped |
| MSH-9 | `ACK^trigger^ACK`; `ACK` before 2.4 |
| MSH-10 | a control id of its own |
| MSH-11, MSH-18 | the message's |
| MSA-2 | MSH-10 of the message; empty when it is not known |
| ERR | ERR-2 and ERR-3 from 2.5 on, before that ERR-1; codes of table 0357 |
| several MSH in one frame | a row each, stored together; one ACK, for the first |
"""
