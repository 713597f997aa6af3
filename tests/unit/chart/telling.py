"""What tests of the chart tell an engine, and what they read in its answers (as `explain --json` has them)."""

from __future__ import annotations

from datetime import timedelta

PID = "PID|1||T1001^^^LFC^MR||Sample^Robin^Lee||19700131|F|||12 Birch Ln^^Madison^WI^53703||(608) 555-0142^PRN^PH"
AIP = "AIP|1||1234567893^Quill^Avery^^^Dr^^^NPI&2.16.840.1.113883.4.6&ISO|ATND"
SCH = "SCH||F1|||||||||^^^20260310093000"
DRUG = "860975^metformin 500 MG^RXNORM"
PROBLEM_LISTS = {"activeIcd10Diagnoses": "10", "activeIcd9Diagnoses": "9", "activeSnomedDiagnoses": "S"}


def segment(base, **fields):
    """The segment with fields replaced: `segment(PID, f7="1970")`; none at its end that is empty."""
    parts = base.split("|")
    for name, text in fields.items():
        number = int(name[1:])
        parts += [""] * (number + 1 - len(parts))
        parts[number] = text
    return "|".join(parts).rstrip("|")


def orc(control="NW", placer="P1", filler="", status="", **fields):
    return segment(f"ORC|{control}|{placer}|{filler}", **{"f5": status, **fields})


def rxe(drug=DRUG, **fields):
    return segment("RXE", **{"f2": drug, **fields})


def visit(number):
    return f"PV1|1|O{'|' * 17}{number}"


def booked(told, **given):
    """The booking, asked for anew each time."""
    return told.book(key=f"B{told.number}", start=(told.now + timedelta(days=5)).strftime("%Y%m%d"), **given)


def medications(told, *segments, **given):
    """What the booking says after one order message."""
    told.tell("RDE^O11", PID, *segments, **given)
    return booked(told)["request"].get("medications", [])


def codes(answer):
    """Of its reasons."""
    return [reason["code"] for reason in answer["reasons"]]


def left(answer):
    """What was left out: (source, value, why)."""
    return [(entry["source"], entry["value"], entry["why"]) for entry in answer["left_out"]]


def number(answer):
    """The MRN in the request."""
    return answer["request"]["patient"]["mrn"]["extension"]


def diagnoses(answer):
    """The codes of the request's ICD-10 list."""
    return [entry["code"] for entry in answer["request"].get("activeIcd10Diagnoses", ())]


def problems(answer):
    """`10:E11.9`, `9:401.1`, `S:44054006`: all the request's diagnoses."""
    request = answer["request"]
    return [
        f"{short}:{entry['code']}" for name, short in PROBLEM_LISTS.items() for entry in request.get(name, ())
    ]


def patient(story, **fields):
    """A booking with PID fields replaced: the answer, and the request's patient."""
    answer = story().book(pid=segment(PID, **fields))
    return answer, answer["request"]["patient"]
