"""What is told of a reason, and what the sending team is asked for. Tables: a new reason code is a new row.

Reasons' own sentences are not repeated: they may name what a message says. What they add to the code is told where
`DETAILS` knows the sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from interface.chart.holds import hold, release_of


@dataclass(frozen=True, slots=True)
class Ask:
    """A thing that is missing or wrong."""

    where: str
    """HL7 path(s)."""
    what: str
    """Said when there is nothing."""
    ask: str
    """Empty: the sender has nothing to mend."""


_NPI = (
    "Send the NPI beside the clinician's id: XCN.1 with XCN.9 or XCN.13 = NPI, as a repetition of its own if need be. "
    "Or send us the list of your provider ids with their NPIs."
)
_CODE = "Send the code with its coding system, e.g. DG1-3 = E11.9^Type 2 diabetes^I10."

FIELDS: dict[str, Ask] = {
    "patient.mrn": Ask(
        "PID-3",
        "no medical record number",
        "Send the medical record number in PID-3 with its assigning authority (PID-3.4) and type MR (PID-3.5).",
    ),
    "patient.mrn.root": Ask("", "our own assigning authority is not set", ""),
    "patient.name.given": Ask(
        "PID-5.2", "no given name", "Send family and given name in PID-5.1 and PID-5.2."
    ),
    "patient.name": Ask(
        "PID-5", "no name", "Send the legal name in PID-5 (family in PID-5.1, given in PID-5.2)."
    ),
    "patient.birthDate": Ask(
        "PID-7", "no date of birth", "Send the full date of birth in PID-7, as YYYYMMDD."
    ),
    "patient.address": Ask(
        "PID-11",
        "no US address with a ZIP",
        "Send the home address in PID-11 with its five-digit ZIP in PID-11.5.",
    ),
    "patient.gender": Ask("PID-8", "no sex", "Send PID-8 as F, M, O or U."),
    "patient.contactPoints": Ask(
        "PID-13", "a contact that is refused", "Send ten digits in PID-13.1 or PID-13.6/.7."
    ),
    "upcomingAppointmentProvider.npi": Ask("AIP-3, PV1-7", "no NPI for the clinician", _NPI),
    "upcomingAppointmentProvider.name": Ask(
        "AIP-3, PV1-7", "the clinician has no full name", "Send family and given name in AIP-3.2 and AIP-3.3."
    ),
    "upcomingAppointmentProvider": Ask(
        "AIP-3, AIG-3, PV1-7", "no clinician", f"Name the clinician in AIP-3 (or AIG-3, PV1-7). {_NPI}"
    ),
    "upcomingAppointmentDate": Ask(
        "SCH-11.4", "no start of the appointment", "Send the start in SCH-11.4 (or AIS-4), as YYYYMMDDHHMM."
    ),
    "activeIcd": Ask("DG1-3", "a diagnosis that is refused", _CODE),
    "activeSnomed": Ask("DG1-3", "a diagnosis that is refused", _CODE),
    "medications": Ask(
        "RXE-2", "a medication that is refused", "Send drug code, text and coding system in RXE-2."
    ),
    "clinicNpi": Ask("", "no NPI of the clinic", ""),
    "clinicName": Ask("AIL-3, PV1-3, MSH-4", "no name of the clinic", "Send the clinic in AIL-3 or PV1-3."),
}
"""By field of the request; the longest name that a field begins with counts."""

REASONS: dict[str, Ask] = {
    "no-mrn": FIELDS["patient.mrn"],
    "no-prior-mrn": Ask(
        "MRG-1",
        "a merge or move names no number it is about",
        "Send the retired medical record number in MRG-1, with its assigning authority and type.",
    ),
    "several-patients": Ask(
        "PID",
        "one message names several patients: nothing is taken from it",
        "Send one message for each patient.",
    ),
    "no-appointment-id": Ask(
        "SCH-2, SCH-1", "the appointment has no number", "Send the scheduling system's number of it in SCH-2."
    ),
    "identity-unknown": Ask("PID-31", "PID-31 is Y: it is not known who the patient is", ""),
    "protected": Ask("PD1-12, PV2-22, ARV-3", "the patient is protected: a person here must release it", ""),
    "deceased": Ask("PID-30, PID-29", "the patient is deceased", ""),
    "no-msh": Ask("MSH", "no MSH segment: not an HL7 message", "Send messages that begin with MSH|^~\\&|."),
    "undecodable": Ask(
        "MSH", "MSH can't be decoded", "Let MSH-18 name the character set that the bytes are in."
    ),
    "missing-type": Ask("MSH-9", "no message type", "Fill MSH-9, e.g. SIU^S12^SIU_S12."),
    "missing-control-id": Ask("MSH-10", "no control id", "Fill MSH-10, with another id for each message."),
    "no-date": Ask(
        "SCH-11.4", "no date of an appointment to come", "Send the start of the appointment in SCH-11.4."
    ),
    "older": Ask(
        "EVN-2, MSH-7", "older than what was already said", "Send messages in the order of their events."
    ),
    **{
        code: Ask("", hold(code).text, "")
        for code in ("not-test-patient", "test-patient", "production-test", "not-live", "paced", "lead-time")
    },
    **{
        f"incomplete:{what}": Ask("", f"the production test takes requests that share all {what}", "")
        for what in ("problems", "medications")
    },
    "history": Ask("", "complete only since history was loaded, which sends nothing", ""),
    "no-patient": Ask("PID", "no PID: no patient", "Send PID in every message about a patient."),
}
"""By code of a reason."""

_PROBLEMS = {"missing": "", "invalid": ", or it is refused"}


def ask_for(code: str) -> Ask:
    """What a reason code (`no-mrn`, `missing:patient.birthDate`) asks for; for an unknown one the code is told."""
    if code in REASONS:
        return REASONS[code]
    problem, _, field = code.partition(":")
    field = field.replace("requestingProvider", "upcomingAppointmentProvider")  # its name in version 2
    for name in sorted(FIELDS, key=len, reverse=True):
        if field.startswith(name):
            found = FIELDS[name]
            refused = problem == "invalid" and "refused" not in found.what
            return Ask(found.where, found.what + _PROBLEMS["invalid"], found.ask) if refused else found
    return Ask("", f"reason {field or code}", "")


def release_here(code: str) -> str:
    """What is said where the sender has nothing to mend."""
    release = release_of(code)
    return "Nothing to change at the sender." + (f" What releases it: {release}." if release else "")


_PATH = r"([A-Z][A-Z0-9]{2}(?:\[\d+\])?-\d+(?:\[\d+\])?(?:\.\d+){0,2})"
DETAILS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern.replace("PATH", _PATH)), text)
    for pattern, text in (
        (r"PATH has only a (year|month)", "{1} has only a {2}"),
        (r"PATH is not a date", "{1} is not a date"),
        (r"PATH lies in the future", "{1} lies in the future"),
        (r"PATH lies more than 125 years back", "{1} lies more than 125 years back"),
        (r"PATH has no US ZIP: PATH is ", "{2} names another country"),
        (r"PATH is no US ZIP", "{1} is no US ZIP"),
        (r"PATH has no home address", "{1} has no home address"),
        (r"PATH has only other kinds of numbers", "{1} has only other kinds of numbers"),
        (r"PATH has \d+ numbers that could be the MRN", "{1} has several numbers that could be the MRN"),
        (
            r"PATH has no number of the site's assigning authority",
            "{1} has no number of our assigning authority",
        ),
        (r"PATH could be the MRN, but holds a control character", "{1} holds a control character"),
        (r"PATH has only alias, maiden or adopted names", "{1} has only alias, maiden or adopted names"),
        (r"no NPI for the person in PATH", "none in {1}"),
        (r"no family and given name for the person in PATH", "not both names in {1}"),
        (r"PATH says the value is deleted", "{1} deletes it (HL7 null)"),
        (r"no message names the clinician", "no message names one"),
        (r"no message says it in", "no message says it"),
        (r"PATH is empty", "{1} is empty"),
        (r"an NDC of this form", "an NDC of this form can't be told apart"),
        (r"no coding system is declared", "no coding system is declared"),
        (r"no code of .* has this form", "no code of its system has this form"),
        (r"not a telephone number", "not a telephone number"),
        (r"not an e-mail address", "not an e-mail address"),
        (r"not a number", "not a number"),
    )
)
"""Sentences of reasons that add to their code, and how they are told; the first that is found counts."""


def detail_of(text: str) -> str:
    """What a reason's sentence adds to its code; empty when that is not known to be without values."""
    for pattern, told in DETAILS:
        if found := pattern.search(text):
            return told.format("", *found.groups())
    return ""
