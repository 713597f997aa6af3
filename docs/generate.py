"""Writes the pages of docs/ that are tables of the code: `python docs/generate.py`; a test says when one is stale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from interface.delivery.schedule import DEFAULT
from interface.delivery.verdict import VERDICTS
from interface.hl7.ack import ACK_TABLE

FOLDER = Path(__file__).parent
_MADE = "<!-- made by docs/generate.py: change the code, then run it again -->"
_NOTES = {
    "delivered": "done",
    "retry": "again, later and later",
    "dead": "not sent again",
    "apart": "again at once, with half as many",
    "pause": "again after a minute",
    "slow": "again when the API says",
}


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (columns, ["---"] * len(columns), *rows)]
    return "\n".join(lines)


def acks() -> str:
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
    return f"""{_MADE}

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


def verdicts() -> str:
    """The page of the delivery verdicts."""
    rows = [
        (
            row.says,
            row.verdict.kind,
            f"`{row.verdict.code}`",
            _NOTES[row.verdict.kind],
            "yes" if row.verdict.possible_duplicate else "",
        )
        for row in VERDICTS
    ]
    hours = DEFAULT.dead_after / 3600
    backoff = (
        f"{DEFAULT.first:g} s, then doubled each time up to {DEFAULT.cap:g} s; chance cuts it by up to half"
    )
    return f"""{_MADE}

# Delivery verdicts

What a reply of the API means for the request. The first row that fits counts. `requests show` and the log say the code.

{table(("reply", "verdict", "code", "the request goes", "possible duplicate"), rows)}

| verdict | wait before the next attempt |
| --- | --- |
| retry | {backoff}; there is no last attempt |
| retry, for {hours:g} hours while other requests pass | none: the request is dead, code `failing-alone` |
| apart | none, with half as many patients in the panel; alone the request has a verdict of its own |
| pause | {DEFAULT.pause:g} s |
| slow | what `Retry-After` says (seconds, at most an hour), else {DEFAULT.slow:g} s |

While a patient's oldest request waits, that patient's newer ones wait behind it. Other patients' requests go on.
`possible duplicate`: the API may have taken the request although no proof came back; its documentation names no key against
duplicates.

A panel (version 2) has one reply, and each of its requests this verdict for itself. One that failed in a panel while
requests were taken elsewhere also goes with half as many next time: one patient's request must not keep the others from
being taken.

Not available yet: pausing the whole destination after a 401 or 403, the circuit breaker, a limit of requests per second.
Until then each request waits for itself.
"""


PAGES = {"acks.md": acks, "verdicts.md": verdicts}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
