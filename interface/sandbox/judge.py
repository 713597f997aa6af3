"""Judges request bodies by the contract files, with jsonschema and none of our models, so that the two cannot err together.

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
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from interface.contract.files import Version, contract_file
from interface.sandbox.compiled import Check, compile_schema

_ROOT_SCHEMA: dict[Version, str] = {1: "ScheduledAppointmentRequest", 2: "PatientProcessingPanel"}
_MAX_AGE_YEARS = 125
_EMAIL = re.compile(r"[^@\x00-\x20\x7f]+@[^@\x00-\x20\x7f]+")


@dataclass(frozen=True)
class Problem:
    """A rule that a body breaks: `field` as `patient.address.zip`, `text` without the value."""

    field: str
    text: str


@functools.lru_cache(maxsize=256)
def whole_text(pattern: str) -> Callable[[str], object]:
    """A test of a contract's expression, all of them anchored at both ends: ASCII classes, no newline after `$`."""
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise ValueError(f"the contract has an expression that is not anchored: {pattern}")
    return re.compile(pattern, re.ASCII).fullmatch


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    # jsonschema's own searches, and Python's $ also stands before a last newline
    if isinstance(instance, str) and not (whole_text(pattern)(instance) and not instance.endswith("\n")):
        yield ValidationError("pattern")
