"""The text and number types of the contract: pydantic types, each with its rule and the schema that says it.

The contract's expressions are read as a whole-text match of ASCII classes: `\\d` is 0 to 9 and `$` the very
end. pydantic checks with Rust expressions, where `\\d` is any script's digit and look-ahead does not exist;
so a type may check by an equivalent expression and show the contract's. Tests prove the two equal.
"""

import contextlib
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    Strict,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

CLEAN_TEXT_FORBIDDEN = '<>"%;+@'
"""The seven characters that a text of the clean kind must not hold (contract: CleanText)."""

MRN_FORBIDDEN = "()" + CLEAN_TEXT_FORBIDDEN
"""The nine characters that a medical record number must not hold (contract: MrnIdentifier.extension)."""

MAX_AGE_YEARS = 125
"""A birth date further back is refused (contract: since API 3.5.1)."""

_CLEAN = r'^[^<>"%;+@]*$'
_MRN = r'^[^()<>"%;+@]*$'
_STATE = r"^(?:[A-Za-z]{2}|[ \t\n\v\f\r]*)$"
_STATE_AS_PUBLISHED = r"^(?:[A-Za-z]{2}|\s*)$"
_ZIP = r"^(?:[1-9][0-9]{4}|0[1-9][0-9]{3}|00[1-9][0-9]{2}|000[1-9][0-9]|0000[1-9])$"
_ZIP_AS_PUBLISHED = r"^(?!00000$)\d{5}$"
_EMAIL = r"^[^@\x00-\x20\x7f]+@[^@\x00-\x20\x7f]+$"

PATTERN_TEXTS = {
    _CLEAN: f"holds one of {' '.join(CLEAN_TEXT_FORBIDDEN)}",
    _MRN: f"holds one of {' '.join(MRN_FORBIDDEN)}",
    _STATE: "is neither two letters nor blank",
    _ZIP: "is not five digits, or is 00000",
    _EMAIL: "is not an e-mail address",
}
"""What is wrong with a text that does not match, by the expression it was checked with."""

INT32 = 2**31
LARGEST_EXACT = 2**53


def is_clean(text: str) -> bool:
    """Whether `text` holds none of the characters that the clean-text fields refuse."""
    return not any(character in text for character in CLEAN_TEXT_FORBIDDEN)


def is_clean_mrn(text: str) -> bool:
    """Whether `text` holds none of the characters that `patient.mrn.extension` refuses."""
    return not any(character in text for character in MRN_FORBIDDEN)


def _day(text: str) -> date:
    # fromisoformat also takes 20260305 and 2026-W10-4
    if len(text) == 10 and text[4] == text[7] == "-":
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise PydanticCustomError("day", "is not a date as yyyy-MM-dd")


def _real_day(text: str) -> str:
    _day(text)
    return text


def _birth_day(text: str, info: ValidationInfo) -> str:
    """Held against `today` of the validation context; without one only the form is checked."""
    born = _day(text)
    today: date | None = (info.context or {}).get("today")
    if today is not None:
        if born > today:
            raise PydanticCustomError("birth_future", "lies in the future")
        if (born.year + MAX_AGE_YEARS, born.month, born.day) < (today.year, today.month, today.day):
            raise PydanticCustomError("birth_age", f"lies more than {MAX_AGE_YEARS} years back")
    return text


def _number(value: Any) -> int | float:
    """A JSON number that a double holds: whole numbers stay whole (10, not 10.0), no NaN, no infinity."""
    if type(value) is float and value - value == 0.0:
        return value
    if type(value) is int:
        with contextlib.suppress(OverflowError):
            return value if -LARGEST_EXACT <= value <= LARGEST_EXACT else float(value)
    raise PydanticCustomError("number", "is not a number")


CleanText = Annotated[str, StringConstraints(pattern=_CLEAN)]
"""Contract: CleanText."""
NonEmptyCleanText = Annotated[str, StringConstraints(pattern=_CLEAN, min_length=1)]
"""Contract: NonEmptyCleanText."""
NonEmptyText = Annotated[str, StringConstraints(min_length=1)]
"""Free text of at least one character (labels, note lines)."""
MrnText = Annotated[str, StringConstraints(pattern=_MRN, min_length=1)]
"""Contract: MrnIdentifier.extension."""
TenCharacters = Annotated[str, StringConstraints(min_length=10, max_length=10)]
"""An NPI or a fax number: only the length is published."""
State = Annotated[
    str,
    StringConstraints(pattern=_STATE),
    WithJsonSchema({"type": "string", "pattern": _STATE_AS_PUBLISHED}),
]
"""Contract: Address.state."""
Zip = Annotated[
    str,
    StringConstraints(pattern=_ZIP),
    WithJsonSchema({"type": "string", "pattern": _ZIP_AS_PUBLISHED}),
]
"""Contract: Address.zip."""
Email = Annotated[
    str, StringConstraints(pattern=_EMAIL), WithJsonSchema({"type": "string", "format": "email"})
]
"""Format `email`, taken loosely: something, one @, something; no blanks or control characters."""
Day = Annotated[str, AfterValidator(_real_day), WithJsonSchema({"type": "string", "format": "date"})]
"""A calendar day that exists, as the text yyyy-MM-dd."""
BirthDay = Annotated[str, AfterValidator(_birth_day), WithJsonSchema({"type": "string", "format": "date"})]
"""A day not in the future and at most 125 years back."""
Number = Annotated[
    int | float, PlainValidator(_number), WithJsonSchema({"type": "number", "format": "double"})
]
"""Format `double`."""
Count = Annotated[
    int,
    Field(ge=-INT32, le=INT32 - 1),
    WithJsonSchema({"type": "integer", "format": "int32"}),
]
"""Format `int32`."""
Items = Strict(False)
"""For `Annotated[tuple[X, ...], Items]`: a strict tuple would refuse the lists that JSON has."""

Gender = Literal["MALE", "FEMALE", "OTHER", "UNKNOWN"]
"""Contract: Gender."""
ContactSystem = Literal["PHONE", "EMAIL"]
"""Contract: ContactPoint.contactPointSystem."""
ContactUse = Literal["HOME", "WORK", "MOBILE"]
"""Contract: ContactPoint.contactPointUse."""
TimingEvent = Literal[
    "BID", "TID", "QID", "AM", "PM", "QD", "QOD", "Q1H", "Q2H", "Q3H", "Q4H", "Q6H", "Q8H", "BED", "WK", "MO"
]  # fmt: skip
"""Contract: TimingEvent."""
