"""What persons do to requests by hand, as the chart sees it: one that was given up waits again, one is given up."""

from __future__ import annotations

from interface.chart.model import DISCARDED, OPEN, Appointment, Asked, change
from interface.chart.settle import Composed, Settling


def reopen(settling: Settling, appointment: Appointment, number: int) -> Composed | str:
    """A dead or discarded request of the appointment, composed anew; or why it can't be asked for again.

    `number` is the appointment's last request, or one beside it: who calls has seen to that.
    """
    if appointment.status == "cancelled":
        return "its appointment is cancelled"
    left = settling.left(appointment)
    if left is not None:
        return left.text
    if appointment.date and appointment.date < settling.today.isoformat():
        return "its appointment's date has passed"
    composed = settling.compose(appointment)
    if composed.drop is not None:
        return composed.drop.text
    asked = appointment.asked
    if asked is None or asked.id == number:
        known = asked if asked is not None else Asked(number, "", b"")
        again = change(
            known,
            state=composed.state,
            digest=composed.digest,
            rewritten=False,
            written=b"",
            day=settling.let_out(appointment, composed),
        )
        _set(settling, appointment, again)
    return composed


def give_up(settling: Settling, appointment: Appointment, number: int) -> None:
    """Note that a person has given up a request of the appointment: it is asked for anew only with other content."""
    asked = appointment.asked
    if asked is None:
        return
    if asked.id != number:
        _set(settling, appointment, change(asked, beside=tuple(n for n in asked.beside if n != number)))
    elif asked.beside and asked.state in OPEN:
        # the others are still open: the last of them speaks for the appointment
        _set(settling, appointment, change(asked, id=asked.beside[-1], beside=asked.beside[:-1]))
    else:
        said = settling.compose(appointment).said
        given = Asked(number, DISCARDED, said, released=asked.released, chosen=asked.chosen, day=asked.day)
        _set(settling, appointment, given)


def given_up(appointment: Appointment, composed: Composed) -> bool:
    """Whether a person has given up the appointment's last request, and it says the same still."""
    asked = appointment.asked
    # versions before this one kept the digest with what held it
    return asked is not None and asked.state == DISCARDED and asked.digest in (composed.said, composed.digest)


def _set(settling: Settling, appointment: Appointment, asked: Asked) -> None:
    settling.chart.appointments[appointment.key] = change(appointment, asked=asked)
