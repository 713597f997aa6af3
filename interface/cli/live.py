"""`check --live`: whether the API takes a request, tried with a patient who does not exist."""

from datetime import UTC, datetime
from typing import Any

from interface.cli.checks import CONNECT_SECONDS
from interface.cli.findings import Found, Level
from interface.contract.replies import read_error_body
from interface.contract.versions import version
from interface.delivery.panel import alone, of_each
from interface.delivery.verdict import Reply, judge
from interface.services.http_client import Poster
from interface.services.target import Target
from interface.settings import Settings

MADE_UP_MRN = "HL7-INTERFACE-CHECK"

_SHOWN = 5
"""So many problems that the API names are repeated: they are about nobody."""
_CLINICIAN = {"npi": "1234567893", "name": {"family": "Sampleton", "given": ["Robin"]}}


def made_up_request(number: int, mrn_root: str, today: str) -> dict[str, Any]:
    """A request of a version of the API with what it must have, and nothing of a real person but the site's root."""
    patient: dict[str, Any] = {
        "mrn": {"root": mrn_root, "extension": MADE_UP_MRN},
        "name": {"family": "Testerson", "given": ["Avery"]},
        "gender": "UNKNOWN",
        "birthDate": "1970-01-31",
    }
    address = {"zip": "00501"}
    if number == 1:
        return {
            "patient": {**patient, "address": address},
            "upcomingAppointmentDate": today,
            "upcomingAppointmentProvider": _CLINICIAN,
        }
    return {"patient": {**patient, "addresses": [address]}, "requestingProvider": _CLINICIAN}


def check_live(settings: Settings) -> Found:
    """The API finds a made-up patient's request valid, and takes the key. It processes nothing."""
    offered = version(settings.api.version)
    if offered.number == 1 and settings.site.environment != "sandbox":
        text = "the API checks requests of version 1 in production only, and those of real patients: nothing was sent"
        yield "warn", text
        return
    if settings.site.environment == "production-test":
        yield "warn", "the vendor counts what comes to this path in the production test: nothing was sent"
        return
    today = datetime.now(settings.site.zone or UTC).date()
    body, violations = offered.validated(
        made_up_request(offered.number, settings.site.mrn_root, today.isoformat()), today
    )
    if body is None:
        yield "FAIL", "; ".join(violation.text for violation in violations)
        return
    url = settings.base_url + offered.check_path
    seconds = settings.api.timeout_seconds
    poster = Poster(Target(url, settings.api_key(), min(CONNECT_SECONDS, seconds), seconds))
    try:
        whole = poster.post(offered.wrap([body], ""))
    finally:
        poster.close()
    (reply,) = (of_each if offered.most_patients > 1 else alone)(whole, 1)
    yield _finding(url, reply)


def _finding(url: str, reply: Reply) -> tuple[Level, str]:
    verdict = judge(reply)
    if verdict.kind == "delivered":
        return "ok", f"{url} finds a made-up patient's request valid; nothing is processed"
    status = f"HTTP {reply.status}: " if reply.status is not None else ""
    error = read_error_body(reply.excerpt)
    told = (error.problems() or (error.message,)) if error is not None else ()
    more = "".join(f"; {problem}" for problem in told[:_SHOWN] if problem)
    return "FAIL", f"{url}: {status}{verdict.text}{more}"
