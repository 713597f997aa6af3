"""Why a request is held, and with what each reason is released: tables that people, `--json` and docs/mapping.md share.

A reason's code is `missing:FIELD` or `invalid:FIELD` with the request's field, or one of `CODES`. Codes are stable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from interface.contract.violations import Violation
from interface.rules.facts import Reason


@dataclass(frozen=True)
class Hold:
    """One row: what an analyst is told, and what must be sent or set, and where, before the request goes out."""

    key: str
    """A field of the request, without indices; `invalid:` before it where the value is there and refused."""
    text: str
    """Of a field: what is told when no message said anything of it. Of a code: the whole sentence."""
    release: str
    """A noun phrase: what releases it."""


_MRN = Hold(
    "patient.mrn",
    "PID-3 and PID-2 give no medical record number",
    "a message with the number in PID-3 (CX.1), its authority in CX.4 as site.mrn_authority names it, type MR in CX.5",
)
_NPI = (
    "a message with the clinician's NPI in AIP-3 or PV1-7: ten digits in XCN.1, and NPI in XCN.13 or XCN.9 "
    "(AIG-3: in CWE.3); or a row of the site's providers.csv that gives the NPI of the local id"
)
_ADDRESS = Hold(
    "patient.address",
    "PID-11 is empty: no US ZIP",
    "a message of this patient with a home address in the United States: five or nine digits in PID-11.5",
)
_NAMED = "a message with the clinician's family name in XCN.2 and given name in XCN.3 of AIP-3 or PV1-7 (AIG-3: in CWE.2)"


def _clinician(field: str, sources: str) -> tuple[Hold, ...]:
    """The rows of the clinician, who has another name in each version of the request."""
    return (
        Hold(
            field,
            f"no message names the clinician ({sources})",
            f"a message that names the clinician of this appointment, with the NPI: {_NPI}",
        ),
        Hold(f"{field}.npi", "no NPI for the clinician", _NPI),
        Hold(f"{field}.name", "the clinician has no name", _NAMED),
        Hold(f"{field}.name.given", "the clinician has no given name", _NAMED),
    )


def _complete(address: str) -> tuple[Hold, ...]:
    """The rows of what the production test wants beyond the contract; the address has another name in each version."""
    return (
        Hold(
            f"incomplete:patient.{address}.lines",
            "the production test wants the street: PID-11.1 is empty",
            "a message of this patient with the street in PID-11.1",
        ),
        Hold(
            f"incomplete:patient.{address}.city",
            "the production test wants the city: PID-11.3 is empty",
            "a message of this patient with the city in PID-11.3",
        ),
        Hold(
            f"incomplete:patient.{address}.state",
            "the production test wants the state: PID-11.4 gives none of the United States",
            "a message of this patient with the state in PID-11.4, two letters",
        ),
    )


FIELDS = (
    Hold(
        "patient.mrn.root",
        "set site.mrn_root",
        "mrn_root in [site]: the OID that Connective Health has given",
    ),
    _MRN,
    Hold(_MRN.key + ".extension", _MRN.text, _MRN.release),
    Hold(
        "invalid:patient.mrn.extension",
        "",
        "a message with the number as it really is, without the character: an identifier is never altered here",
    ),
    Hold(
        "patient.name",
        "PID-5 is empty",
        "a message of this patient with family and given name in PID-5.1 and PID-5.2",
    ),
    Hold(
        "patient.name.family", "PID-5.1 is empty", "a message of this patient with the family name in PID-5.1"
    ),
    Hold(
        "patient.name.given",
        "PID-5.2 is empty: no given name",
        "a message of this patient with the given name in PID-5.2, or `FAMILY,GIVEN` in PID-5.1",
    ),
    Hold(
        "patient.birthDate",
        "PID-7 is empty",
        "a message of this patient with the full day (YYYYMMDD) in PID-7, not in the future, at most 125 years back",
    ),
    _ADDRESS,
    Hold("patient.address.zip", "PID-11.5 gives no US ZIP", _ADDRESS.release),
    Hold("patient.addresses", _ADDRESS.text, _ADDRESS.release),
    Hold("patient.addresses.zip", "PID-11.5 gives no US ZIP", _ADDRESS.release),
    Hold(
        "upcomingAppointmentDate",
        "no start in SCH-11, TQ1-7, AIS-4, AIP-6, AIG-8 or AIL-6",
        "a message of this appointment with its start in SCH-11.4, TQ1-7, AIS-4, AIP-6, AIG-8 or AIL-6 (YYYYMMDD at least)",
    ),
    *_clinician("upcomingAppointmentProvider", "AIP-3, AIG-3, PV1-7"),
    *_clinician("requestingProvider", "AIP-3, AIG-3, PV1-7; without an appointment also PD1-4"),
    Hold(
        "incomplete:patient.gender",
        "the production test wants the gender: PID-8 gives none, or says unknown",
        "a message of this patient with M, F or O in PID-8",
    ),
    *_complete("address"),
    *_complete("addresses"),
    Hold("clinicNpi", "", "clinic_npi in [request] with ten digits"),
    Hold("responseFaxNumber", "", "response_fax_number in [request] with ten digits"),
    Hold("responseDirectAddress", "", "response_direct_address in [request] with one e-mail address"),
    Hold(
        "directives.diagnosticCategories",
        "",
        "diagnostic_categories in [request] with one category at least, or summary_months without a value",
    ),
)
"""By field, those of both versions of the request. A field without a row has that of the field it belongs to."""

CODES = (
    Hold(
        "no-mrn",
        "whose message it is can't be told",
        _MRN.release
        + "; or site.mrn_authority set to the authority (CX.4) of the right number; then the message again",
    ),
    Hold(
        "no-prior-mrn",
        "which number it is about can't be told",
        "the message again with the number before in MRG-1 (MRG-4), its authority in CX.4 as site.mrn_authority names it",
    ),
    Hold(
        "several-patients",
        "names several patients (PID): nothing is taken from it; send one message for each",
        "a message for each of the patients, with a control id of its own",
    ),
    Hold(
        "no-appointment-id",
        "SCH-2 and SCH-1 are empty: the appointment can't be told",
        "the message again with the appointment's number in SCH-2 (filler) or SCH-1 (placer)",
    ),
    Hold(
        "deceased",
        "the patient is deceased (PID-30, PID-29): nothing is requested",
        "a newer message with PID-30 = N, if it was a mistake; else the request expires with its date",
    ),
    Hold(
        "identity-unknown",
        "PID-31 is Y: the sender does not know who the patient is",
        "a newer message with PID-31 = N, once the sender knows",
    ),
    Hold(
        "history",
        "complete only since history was loaded, which sends nothing",
        "the next message of this patient; the next day or start does it too",
    ),
    Hold(
        "protected",
        "the patient is protected (PD1-12, PV2-22 or ARV-3): held until a person releases it",
        'a person, by `requests release`; or a newer message with PD1-12 = N (after ARV-3: with ARV-3 = "")',
    ),
    Hold(
        "not-test-patient",
        "not a staging test patient",
        "the switch to production, where it goes out by itself; or, if this is one of the vendor's test patients, "
        "`onboarding import-patients` and messages with his number, family name and birth date as imported",
    ),
    Hold(
        "test-patient",
        "a staging test patient elsewhere than in staging: nothing of his is sent",
        "nothing: it expires with its date; if he is a real person who was imported by mistake, "
        "`onboarding import-patients --forget` with the file that names him",
    ),
    Hold(
        "not-live",
        "production is not switched on: nothing is sent before that",
        "the switch, `onboarding go-live`, which shows first what it will do",
    ),
    Hold(
        "production-test",
        "the production test takes ten requests at most, those that are chosen",
        "being chosen: the first complete ones are by themselves, or a person does it by `onboarding choose`; all others "
        "go out in production",
    ),
    Hold(
        "incomplete:problems",
        "the production test wants all known problems, and not all that are active are in the request",
        "what keeps them out: `requests show` tells it in `left out`; another patient's request may be as good",
    ),
    Hold(
        "incomplete:medications",
        "the production test wants all known medications, and not all that are active are in the request",
        "what keeps them out: `requests show` tells it in `left out`; another patient's request may be as good",
    ),
    Hold(
        "paced",
        "held before going live, and sent in its turn",
        "the time, by itself",
    ),
    Hold(
        "lead-time",
        "it is asked for so many days before the visit ([forward] send_days_before)",
        "the time, by itself",
    ),
)
"""By the code of a reason that is about no single field."""

TIMED = ("lead-time", "paced")
"""The codes of holds that are over by themselves: nobody has to do anything."""

EXPECTED = (*TIMED, "not-test-patient", "test-patient", "not-live", "production-test")
"""The codes of holds that are as the time, or the way to production, asks: nobody is called for them."""

_BY_KEY = {hold.key: hold for hold in (*FIELDS, *CODES)}
_INDEX = re.compile(r"\[\d+\]")
_CLINICIAN = "upcomingAppointmentProvider"
"""What version 2 calls requestingProvider."""
_OWN_MRN = (
    "a message with the number there; or site.mrn_authority set to the authority (CX.4) of the right number; "
    "then the message again"
)
_NAMES_OWN_RULE = re.compile(r"\([^()]+/[^()/]+\.yaml#[^()]+\)$")


def hold(code: str) -> Reason:
    """The reason of one of `CODES`."""
    return Reason(code, _BY_KEY[code].text)


def hold_of(violation: Violation, why: Mapping[str, str], own: Mapping[str, str]) -> tuple[str, str]:
    """Code and sentence of a hold: what is missing, and where it would come from.

    `why` has the reasons of the messages, by field; they count before the table's. `own` has where the site's own rules
    look for fields (`Rulebook.own_sources`).
    """
    place = violation.field
    row = _BY_KEY.get(f"invalid:{place}" if violation.problem == "invalid" else _INDEX.sub("", place))
    told = why.get(place) or why.get(place.rsplit(".", 1)[0]) or ""
    known = told or (row.text if row is not None else "")
    if row is not None and own and (places := _of_site(place, own)):
        known = f"no message says it in {places}" if not told else known
        if told and place.startswith("patient."):
            known = f"{told}; it is looked for in {places}"
    text = f"{violation.text}: {known}" if known else violation.text
    return f"{violation.problem}:{place}", text


def _of_site(place: str, own: Mapping[str, str]) -> str:
    """Where the site's rules look for a field of the request, or for the one it belongs to."""
    name = _INDEX.sub("", place).replace("addresses", "address").replace("requestingProvider", _CLINICIAN)
    while name not in own and "." in name:
        name = name.rpartition(".")[0]
    return own.get(name, "")


def release_of(code: str, text: str = "") -> str:
    """What releases a hold with this reason code; empty when no row tells (or the code is no hold's). Where its sentence
    (`text`) names a site's own rule, the places of the shipped one would mislead.
    """
    if _NAMES_OWN_RULE.search(text):
        return _OWN_MRN if code == "no-mrn" else "a message that says it there, as that rule wants it"
    problem, _, place = code.rpartition(":")
    place = _INDEX.sub("", place)
    found = _BY_KEY.get(f"{problem}:{place}") or _BY_KEY.get(place)
    while found is None and problem and "." in place:
        place = place.rpartition(".")[0]
        found = _BY_KEY.get(place)
    return found.release if found is not None else ""
