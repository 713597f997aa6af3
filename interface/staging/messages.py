"""Messages about a test patient, as a feed would send them: his medications, his problems, and last the appointment, so
that one request has it all. Nothing is made up: an order lacks a dose or route where the file does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from interface.history.messages import APPLICATION, order_segments
from interface.hl7.building import components, header, message, segment
from interface.staging.imported import Imported, Provider, system_of

VERSION = "2.5.1"
DAYS = 14
"""The appointment is so many days ahead where the file names none, or one that is past."""
NOBODY = Provider()
_CODES = {"ICD10": "I10", "ICD9": "I9C", "SNOMED": "SCT"}
"""How HL7 table 0396 calls them."""


@dataclass(frozen=True)
class Sending:
    """What the messages need beside the patient."""

    today: date
    """The site's day."""
    at: datetime
    """Aware: when what they say is so (MSH-7). The same patient at the same time makes the same bytes, and the journal
    counts them as repeated.
    """
    authority: str = ""
    """CX.4 of the site's numbers; empty: none."""
    provider: Provider = NOBODY
    """Where the file names none."""
    days: int = DAYS
    run: str = ""
    """Another one makes other control ids and other appointments; empty: always the same."""


@dataclass(frozen=True)
class Made:
    """A message."""

    kind: str
    """`SIU^S12`."""
    control_id: str
    raw: bytes


def messages_of(patient: Imported, sending: Sending) -> tuple[Made, ...]:
    """All messages of a patient, in the order in which they are to be sent."""
    made = []
    if patient.medications:
        made.append(_made("RDE^O11^RDE_O11", patient, sending, _orders(patient)))
    made.append(_made("ADT^A08^ADT_A01", patient, sending, _visit(patient)))
    made.append(_made("SIU^S12^SIU_S12", patient, sending, _appointment(patient, sending), pid_at=1))
    return tuple(made)


def appointment_day(patient: Imported, sending: Sending) -> date:
    """The day asked for: the file's if it is to come, else so many days ahead."""
    if patient.appointment and date.fromisoformat(patient.appointment) >= sending.today:
        return date.fromisoformat(patient.appointment)
    return sending.today + timedelta(days=sending.days)


def provider_of(patient: Imported, sending: Sending) -> Provider:
    """The file's clinician, else the one given."""
    return patient.provider if patient.provider.npi else sending.provider


def _made(kind: str, patient: Imported, sending: Sending, body: Sequence[str], pid_at: int = 0) -> Made:
    segments = [*body[:pid_at], _pid(patient, sending), *body[pid_at:]]
    names = kind.split("^")
    control_id = f"TEST-{_digest(sending.run, kind, *segments)}"
    moment = sending.at.strftime("%Y%m%d%H%M%S%z")
    head = header(
        {
            3: APPLICATION,
            7: moment,
            9: kind,
            10: control_id,
            11: "T",
            12: VERSION,
            18: "UNICODE UTF-8",
        }
    )
    event = [segment("EVN", {1: names[1], 2: moment})] if names[0] == "ADT" else []
    return Made("^".join(names[:2]), control_id, message([head, *event, *segments]))


def _digest(*texts: str) -> str:
    """15 hexadecimal digits: with `TEST-` before it the 20 characters that MSH-10 may have."""
    return hashlib.blake2b("\x1f".join(texts).encode(), digest_size=8).hexdigest()[:15]


def _pid(patient: Imported, sending: Sending) -> str:
    lines = (*patient.lines, "", "")
    address = components(
        lines[0], " ".join(patient.lines[1:]), patient.city, patient.state, patient.zip, "", "H"
    )
    contacts = [components(phone, "PRN", "PH") for phone in patient.phones]
    contacts += [components("", "NET", "Internet", email) for email in patient.emails]
    return segment(
        "PID",
        {
            1: "1",
            3: components(patient.mrn, "", "", sending.authority, "MR"),
            5: components(patient.family, patient.given, patient.middle, patient.suffix, "", "", "L"),
            7: patient.birth_date.replace("-", ""),
            8: patient.gender,
            11: address if address != "^^^^^^H" else "",
            13: "~".join(contacts),
        },
    )


def _orders(patient: Imported) -> list[str]:
    """An order for each medication."""
    whose = {"mrn": patient.mrn}
    return [line for entry in patient.medications for line in _order(whose | _drug(entry.cells))]


def _order(cells: dict[str, str]) -> list[str]:
    """ORC, RXE, TQ1 and RXR in the order of RDE_O11, which wants a TQ1 behind each RXE, if only an empty one."""
    by_name = {line[:3]: line for line in order_segments(cells)}
    by_name.setdefault("TQ1", "TQ1|1")
    return [by_name[name] for name in ("ORC", "RXE", "TQ1", "RXR") if name in by_name]


def _drug(cells: dict[str, str]) -> dict[str, str]:
    """A medication's cells with its system by the name that HL7 has for it."""
    known = system_of(cells.get("system", ""))
    return cells | ({"system": known} if cells.get("code") else {})


def _visit(patient: Imported) -> list[str]:
    """The visit, whose list of diagnoses takes the place of the one that was sent before."""
    visit = segment("PV1", {1: "1", 2: "O", 19: components(f"TEST-{_digest('visit', patient.mrn)}")})
    diagnoses = []
    for number, problem in enumerate(patient.problems, start=1):
        known = system_of(problem.system)
        system = _CODES.get(known, known) if problem.code else ""
        coding = components(problem.code, problem.label, system)
        diagnoses.append(
            segment("DG1", {1: str(number), 3: coding, 5: problem.date.replace("-", ""), 6: "F"})
        )
    return [visit, *diagnoses]


def _appointment(patient: Imported, sending: Sending) -> list[str]:
    day = appointment_day(patient, sending)
    at = f"{day:%Y%m%d}0900"
    number = f"TEST-{_digest('appointment', sending.run, patient.mrn)}"
    provider = provider_of(patient, sending)
    clinician = components(
        provider.npi, provider.family, provider.given, "", "", "", "", "", "NPI", "", "", "", "NPI"
    )
    person = clinician if provider.npi else components("", "TEST")  # SCH-16 and SCH-20 are required
    return [
        segment(
            "SCH",
            {
                2: components(number),
                6: components("ROUTINE"),
                11: components("", "", "", at),
                16: person,
                20: person,
            },
        ),
        segment("RGS", {1: "1"}),
        segment("AIP", {1: "1", 3: clinician if provider.npi else ""}),
    ]
