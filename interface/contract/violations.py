"""What a request breaks, told to an interface analyst: the field and the rule, never the value."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from interface.contract.texts import PATTERN_TEXTS
from interface.errors import InterfaceError


@dataclass(frozen=True)
class Violation:
    """One rule of the contract that a request breaks."""

    field: str
    """Where: `patient.address.zip`, `activeIcd10Diagnoses[0].code`; empty for the whole request."""
    problem: Literal["missing", "invalid"]
    """`missing`: nothing is there (absent, null or empty); `invalid`: what is there is refused."""
    text: str
    """A sentence without the value: `patient.address.zip is missing`."""


class ContractError(InterfaceError):
    """A request that the contract refuses. Its text names fields and rules, no values."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        """`violations` is not empty."""
        super().__init__("; ".join(violation.text for violation in violations))
        self.violations = violations


def field_path(location: Iterable[str | int]) -> str:
    """`("patient", "name", "given", 0)` as `patient.name.given[0]`."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else step
    return path


def _length(detail: dict[str, Any]) -> str:
    limits = detail["ctx"]
    if "min_length" in limits and limits["min_length"] == 1:
        return "is empty"
    # every other length of the contract is an exact one
    exact = limits.get("min_length", limits.get("max_length"))
    return f"does not have exactly {exact} characters"


_WORDS: dict[str, str | Callable[[dict[str, Any]], str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of the contract",
    "string_type": "is not text",
    "string_unicode": "holds what is no Unicode character",
    "string_too_short": _length,
    "string_too_long": _length,
    "string_pattern_mismatch": lambda detail: PATTERN_TEXTS[detail["ctx"]["pattern"]],
    "literal_error": lambda detail: f"is not one of {detail['ctx']['expected'].replace(chr(39), '')}",
    "bool_type": "is neither true nor false",
    "int_type": "is not a whole number",
    "greater_than_equal": "is out of range",
    "less_than_equal": "is out of range",
    "tuple_type": "is not a list",
    "too_short": "is empty",
    "too_long": lambda detail: f"has more than {detail['ctx']['max_length']} entries",
    "model_type": "is not an object",
    "day": lambda detail: str(detail["msg"]),
    "birth_future": lambda detail: str(detail["msg"]),
    "birth_age": lambda detail: str(detail["msg"]),
    "number": lambda detail: str(detail["msg"]),
    "category": lambda detail: str(detail["msg"]),
}
"""What to say of each kind of pydantic's errors; another kind is said to be `not as the contract has it`."""


def violations_of(error: ValidationError) -> tuple[Violation, ...]:
    """Every rule that a validation found broken, in the order of the request's fields."""
    details = (dict(detail) for detail in error.errors(include_url=False))
    return tuple(_violation(detail) for detail in details if not _follows(detail))


def _follows(detail: dict[str, Any]) -> bool:
    """Whether an error only follows from another: a list with entries is `too short` when none of them is right."""
    return bool(detail["type"] == "too_short" and detail["input"])


def _violation(detail: dict[str, Any]) -> Violation:
    kind = detail["type"]
    field = field_path(detail["loc"])
    absent = kind == "missing" or (kind != "extra_forbidden" and _is_nothing(detail.get("input")))
    words = _WORDS.get(kind, "is not as the contract has it")
    if absent:
        said = "is empty" if detail.get("input") in ("", [], ()) else "is missing"
    elif callable(words):
        said = words(detail)
    else:
        said = words
    return Violation(field, "missing" if absent else "invalid", f"{field or 'the request'} {said}")


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | tuple) and not value)
