"""What is done about sealed values that cannot be opened: what is said of them, and what takes their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from interface.chart.model import OPEN, Appointment, Asked, Chart, change, decode_chart
from interface.chart.settle import digest_of
from interface.store.records.reading import AskedRow, PatientRow

MESSAGE = "unreadable: the stored message is damaged, or its key is missing"
REQUEST = (
    "unreadable: the stored request is damaged, or its key is missing; "
    "`messages reprocess` of the message that made it makes it anew"
)
_SENT = ("sending", "delivered", "dead")


def chart_text(patient: int) -> str:
    """What is said of a patient's chart that cannot be opened."""
    return (
        "unreadable: the stored chart is damaged, or its key is missing; "
        f"`patients rebuild --id {patient}` makes it anew from its messages"
    )


def readable_chart(row: PatientRow) -> Chart | None:
    """The stored chart; None when it cannot be opened, or is none."""
    if not row.readable:
        return None
    try:
        return decode_chart(row.chart)
    except ValueError:  # of msgspec too
        return None


def chart_of_requests(rows: Iterable[AskedRow]) -> Chart:
    """What a patient's requests (oldest first) tell of a chart that cannot be opened: what was asked for each appointment.

    A chart that is rebuilt takes it over: nothing is sent twice, and what is open is composed anew or withdrawn.
    """
    asked: dict[str, Asked] = {}
    for row in rows:
        if row.appointment is None:
            continue
        before = asked.get(row.appointment)
        beside = (*before.beside, before.id) if before is not None and before.state in OPEN else ()
        state = row.state if row.state in OPEN else "waiting" if row.state in _SENT else "closed"
        asked[row.appointment] = Asked(row.id, state, _digest(row), beside=beside)
    return Chart(
        [], appointments={key: Appointment(key, "", {}, asked=entry) for key, entry in asked.items()}
    )


def _digest(row: AskedRow) -> bytes:
    if row.body is None:
        return b""
    codes, until = (row.codes, row.wake_at) if row.state == "held" else ((), None)
    return digest_of(row.body, codes, row.environment, until)


def ask_again(chart: Chart, gone: Mapping[int, str]) -> None:
    """Let what was asked be asked anew where the request that did is dead for being unreadable.

    `gone`: ids and states of the requests whose bodies cannot be opened.
    """
    for entry in list(chart.appointments.values()):
        if entry.asked is not None and gone.get(entry.asked.id) == "dead":
            chart.appointments[entry.key] = change(entry, asked=change(entry.asked, digest=b""))
