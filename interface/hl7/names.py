"""What segments, fields and components are called, for people; nothing that decides anything goes by it.

The table is made of hl7apy's (`python docs/generate.py`), which itself takes a second to load. A segment's own names
are here, hl7apy has none.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

SEGMENTS = {
    "ABS": "Abstract",
    "ACC": "Accident",
    "AIG": "Appointment: general resource",
    "AIL": "Appointment: location",
    "AIP": "Appointment: personnel",
    "AIS": "Appointment: service",
    "AL1": "Allergy",
    "APR": "Appointment preferences",
    "ARQ": "Appointment request",
    "ARV": "Access restriction",
    "BHS": "Batch header",
    "BLG": "Billing",
    "BTS": "Batch trailer",
    "CON": "Consent",
    "CTI": "Clinical trial",
    "DB1": "Disability",
    "DG1": "Diagnosis",
    "DRG": "Diagnosis related group",
    "DSC": "Continuation",
    "ERR": "Error",
    "EVN": "Event",
    "FHS": "File header",
    "FT1": "Financial transaction",
    "FTS": "File trailer",
    "GOL": "Goal",
    "GT1": "Guarantor",
    "IAM": "Adverse reaction",
    "IN1": "Insurance",
    "IN2": "Insurance, additional",
    "IN3": "Insurance, certification",
    "MFI": "Master file",
    "MRG": "Merge",
    "MSA": "Acknowledgment",
    "MSH": "Message header",
    "NK1": "Next of kin",
    "NTE": "Note",
    "OBR": "Observation request",
    "OBX": "Observation",
    "ODS": "Dietary order",
    "ORC": "Common order",
    "PD1": "Patient, additional",
    "PDA": "Death and autopsy",
    "PID": "Patient",
    "PR1": "Procedure",
    "PRB": "Problem",
    "PRT": "Participation",
    "PV1": "Visit",
    "PV2": "Visit, additional",
    "QRD": "Query",
    "RF1": "Referral",
    "RGS": "Resource group",
    "ROL": "Role",
    "RXA": "Pharmacy administration",
    "RXC": "Pharmacy component",
    "RXD": "Pharmacy dispense",
    "RXE": "Pharmacy order, encoded",
    "RXG": "Pharmacy give",
    "RXO": "Pharmacy order",
    "RXR": "Pharmacy route",
    "SCH": "Schedule",
    "SFT": "Software",
    "SPM": "Specimen",
    "TQ1": "Timing",
    "TQ2": "Timing relationship",
    "TXA": "Document",
    "UB1": "Billing, UB-82",
    "UB2": "Billing, UB-92",
}


@lru_cache(maxsize=1)
def _table() -> dict[str, list[tuple[str, str]]]:
    """Segments and data types: type and name of each part."""
    text = (files(__package__) / "data" / "names.txt").read_text("utf-8")
    found = {}
    for line in text.splitlines():
        whole, *parts = line.split("|")
        found[whole] = [(kind, name) for kind, _, name in (part.partition(" ") for part in parts)]
    return found


def _part(whole: str, number: int) -> tuple[str, str]:
    parts = _table().get(whole, ())
    return parts[number - 1] if 0 < number <= len(parts) else ("", "")


def segment_name(segment: str) -> str:
    """`Patient` of PID; '' of one that is not known here."""
    return SEGMENTS.get(segment, "site's own" if segment.startswith("Z") else "")


def field_name(segment: str, field: int) -> str:
    """`Patient name` of PID, 5; '' of one that is not known."""
    return _part(segment, field)[1]


def component_name(segment: str, field: int, component: int) -> str:
    """`Given name` of PID, 5, 2; '' of one that is not known or that has one part only."""
    return _part(_part(segment, field)[0], component)[1]
