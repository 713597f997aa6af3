"""`type: fixed`: a site's own value for a field of the request, checked as the settings check theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from interface.contract.common import DiagnosticCategories
from interface.contract.texts import CLEAN_TEXT_FORBIDDEN, is_clean
from interface.rules.layers import Definition
from interface.rules.source import RuleError, check_keys, nearest

_EMAIL = re.compile(r"[^\s@<>\"',;:()\[\]\\]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_MOST_MONTHS = 1200
_MOST_DAYS = 365
CATEGORIES = tuple(DiagnosticCategories.model_fields)
"""The diagnostic areas that a request can ask for (contract: DiagnosticCategories)."""

Fail = Callable[[str], RuleError]


def fixed_value(made: Definition) -> Any:
    """The value of a rule of type `fixed`. Raises RuleError for one that the field can't have."""

    def fail(text: str) -> RuleError:
        return made.error("value", f"value: {text}")

    check_keys(made.body, ("field", "type", "value"), made.written.name)
    if "value" not in made.body:
        raise fail("is missing")
    if made.field not in _CHECKS:
        said = f"'{made.field}' takes no fixed value{nearest(made.field, _CHECKS)}"
        if made.field == "patient.mrn.root":
            said = "set site.mrn_root, or give mrn_roots.csv the authority's root"
        raise made.error("field", said)
    return _CHECKS[made.field](made.body["value"], fail)


def _clean(value: object, fail: Fail) -> str:
    text = _text(value, fail)
    if not is_clean(text):
        raise fail(f"must not hold any of {' '.join(CLEAN_TEXT_FORBIDDEN)} (the API refuses them)")
    return text


def _text(value: object, fail: Fail) -> str:
    text = str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if not text or not text.isprintable():
        raise fail("must be text")
    return text


def _ten_digits(value: object, fail: Fail) -> str:
    text = _text(value, fail)
    if not re.fullmatch(r"[0-9]{10}", text):
        raise fail("must be exactly ten digits")
    return text


def _email(value: object, fail: Fail) -> str:
    text = _text(value, fail)
    if not _EMAIL.fullmatch(text):
        raise fail("must be a Direct address such as records@direct.example.org")
    return text


def _months(value: object, fail: Fail) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_MONTHS:
        raise fail(f"must be a number of months, 1 to {_MOST_MONTHS}")
    return value


def _days(value: object, fail: Fail) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_DAYS:
        raise fail(f"must be a number of days, 0 to {_MOST_DAYS}; 0: at once")
    return value


def _flag(value: object, fail: Fail) -> bool:
    if not isinstance(value, bool):
        raise fail("must be true or false")
    return value


def _categories(value: object, fail: Fail) -> tuple[str, ...]:
    given = value if isinstance(value, list) else [value]
    for entry in given:
        if entry not in CATEGORIES:
            raise fail(f"unknown category '{entry}'{nearest(str(entry), CATEGORIES)}")
    return tuple(dict.fromkeys(str(entry) for entry in given))


_CHECKS: Mapping[str, Callable[[object, Fail], Any]] = {
    "clinicName": _clean,
    "clinicNpi": _ten_digits,
    "responseDirectAddress": _email,
    "responseFaxNumber": _ten_digits,
    "responseFriendlyName": _clean,
    "batchId": _clean,
    "medicalSummaryPeriod": _months,
    "directives.newPatient": _flag,
    "directives.diagnosticCategories": _categories,
    "appointment.sendDaysBefore": _days,
}
"""How a value of each field is checked; those of `SETTING` that a site may give for some appointments, and `FORWARD`."""
