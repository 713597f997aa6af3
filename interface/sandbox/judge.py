"""Judges request bodies by the contract files, with none of our models, so that the two cannot err together.

Beyond the schema stand the rules that the contract tells in words: a birth date is not in the future and at most
125 years back. Formats are checked, not only noted, and expressions are read strictly: the whole text must match,
`\\d` and `\\s` mean ASCII. Unknown fields pass, since nothing published refuses them.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from interface.contract.files import Version, contract_file
from interface.sandbox.compiled import Compiler

_ROOT_SCHEMA: dict[Version, str] = {1: "ScheduledAppointmentRequest", 2: "PatientProcessingPanel"}
_MAX_AGE_YEARS = 125
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EMAIL = re.compile(r"[^@\x00-\x20\x7f]+@[^@\x00-\x20\x7f]+")
_INT32 = range(-(2**31), 2**31)


@dataclass(frozen=True)
class Problem:
    """A rule that a body breaks: `field` as `patient.address.zip`, `text` without the value."""

    field: str
    text: str


class Judge:
    """Holds both contract files, read once (about 50 ms)."""

    def __init__(self) -> None:
        self._versions = {version: _Version(version) for version in _ROOT_SCHEMA}

    def judge(self, version: Version, document: Any, today: date) -> tuple[Problem, ...]:
        """Every rule that a JSON document breaks on `today`, each place and rule once; () when it is valid."""
        if self._versions[version].accepts(document):
            return tuple(_birth_problems(version, document, today))
        return self.by_jsonschema(version, document, today)

    def by_jsonschema(self, version: Version, document: Any, today: date) -> tuple[Problem, ...]:
        """The same by jsonschema alone, which takes milliseconds for a long body."""
        return (*self._versions[version].problems(document), *_birth_problems(version, document, today))


class _Version:
    """One version of the contract: a fast yes, and the reasons of a no."""

    def __init__(self, version: Version) -> None:
        contract = contract_file(version)
        urn = f"urn:contract:{version}"
        registry: Registry[Any] = Registry().with_resource(urn, DRAFT202012.create_resource(contract))
        self._validator: Validator = _strict_validator()(
            {"$ref": f"{urn}#/components/schemas/{_ROOT_SCHEMA[version]}"},
            registry=registry,
            format_checker=format_checker(),
        )
        schemas = contract["components"]["schemas"]
        self.accepts = Compiler(contract, _FORMATS, whole_text).compile(schemas[_ROOT_SCHEMA[version]])

    def problems(self, document: Any) -> tuple[Problem, ...]:
        """What jsonschema finds, in the order of the document's schema."""
        return tuple(dict.fromkeys(_told(self._validator.iter_errors(document))))


@functools.lru_cache(maxsize=64)
def whole_text(pattern: str) -> Callable[[str], object]:
    """A test of a contract's expression: the whole text matches, with ASCII classes.

    Raises:
        ValueError: the expression is not anchored at both ends, so that it would be another test than meant.

    """
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise ValueError(f"the contract has an expression that is not anchored: {pattern}")
    return re.compile(pattern, re.ASCII).fullmatch


def _is_day(value: Any) -> bool:
    if not isinstance(value, str):
        return True
    return _day(value) is not None


def _day(text: Any) -> date | None:
    if not isinstance(text, str) or not _ISO_DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _is_email(value: Any) -> bool:
    return not isinstance(value, str) or _EMAIL.fullmatch(value) is not None


def _is_int32(value: Any) -> bool:
    return isinstance(value, bool) or not isinstance(value, int | float) or value in _INT32


_FORMATS: dict[str, Callable[[Any], bool]] = {
    "date": _is_day,
    "email": _is_email,
    "int32": _is_int32,
    "double": lambda _: True,  # JSON has no number that is none
}


def format_checker() -> FormatChecker:
    """The formats of the contract files, each checked."""
    checker = FormatChecker(formats=())
    for name, test in _FORMATS.items():
        checker.checks(name)(test)
    return checker


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    # jsonschema's own would search, take any script's digits, and end before a last newline
    if isinstance(instance, str) and not whole_text(pattern)(instance):
        yield ValidationError("does not match")


@functools.cache
def _strict_validator() -> Any:
    extended: Any = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]
    return extended


def _told(errors: Iterable[ValidationError]) -> Iterator[Problem]:
    for error in errors:
        place = _path(error.absolute_path)
        if error.validator == "required":
            for name in error.validator_value:  # type: ignore[union-attr]
                if name not in error.instance:  # type: ignore[operator]
                    yield Problem(f"{place}.{name}" if place else str(name), "is missing")
        else:
            yield Problem(place, _text(error))


def _text(error: ValidationError) -> str:
    """What is wrong, without the value, which jsonschema's own message repeats."""
    if error.validator == "type" and error.instance is None:
        return "must not be null"
    text = _TEXTS.get(str(error.validator), "is not as the contract has it")
    return text.format(limit=error.validator_value)


_TEXTS = {
    "type": "must be of type {limit}",
    "enum": "must be one of {limit}",
    "pattern": "must match {limit}",
    "format": "must be a valid {limit}",
    "minLength": "must have at least {limit} characters",
    "maxLength": "must have at most {limit} characters",
    "minItems": "must have at least {limit} entries",
    "maxItems": "must have at most {limit} entries",
    "minProperties": "must have at least one category set to true",
    "not": "must have at least one category set to true",
}


def _path(steps: Iterable[str | int]) -> str:
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def _birth_problems(version: Version, document: Any, today: date) -> Iterator[Problem]:
    """The rules of birth dates; what is no date at all is the schema's to say."""
    for place, patient in _patients(version, document):
        born = _day(patient.get("birthDate"))
        if born is None:
            continue
        if born > today:
            yield Problem(f"{place}.birthDate", "must not lie in the future")
        elif (born.year, born.month, born.day) < (today.year - _MAX_AGE_YEARS, today.month, today.day):
            yield Problem(f"{place}.birthDate", f"must not lie more than {_MAX_AGE_YEARS} years back")


def _patients(version: Version, document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(document, dict):
        return
    if version == 1:
        entries = [("patient", document.get("patient"))]
    else:
        panel = document.get("patientProcessingRequests")
        entries = [
            (f"patientProcessingRequests[{number}].patient", entry.get("patient"))
            for number, entry in enumerate(panel if isinstance(panel, list) else ())
            if isinstance(entry, dict)
        ]
    for place, patient in entries:
        if isinstance(patient, dict):
            yield place, patient
