"""The two versions of the API side by side: what each offers, under one name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from interface.contract import v1, v2
from interface.contract.violations import Violation


@dataclass(frozen=True)
class Contract:
    """One version of the API, as far as the rest of the program needs it."""

    number: int
    path: str
    """Where requests are POSTed."""
    check_path: str
    """Where the vendor checks requests without processing them."""
    validated: Callable[[dict[str, Any], date], tuple[bytes | None, tuple[Violation, ...]]]
    """Checks one patient's request and writes it; see `interface.contract.checking.Checking.validated`."""
    wrap: Callable[[Sequence[bytes], str], bytes]
    """The body to POST: written requests of different patients, and the batch id (empty: none)."""
    most_patients: int = 1
    """How many patients one POST may be about."""


def _alone(requests: Sequence[bytes], batch_id: str) -> bytes:  # noqa: ARG001 - stands in the request itself
    """Version 1 knows no panel: the request is the body."""
    (request,) = requests
    return request


CONTRACTS = {
    1: Contract(1, v1.PATH, v1.TEST_PATH, v1.validated, _alone),
    2: Contract(2, v2.PATH, v2.CHECK_PATH, v2.validated, v2.panel, v2.MOST_PATIENTS),
}


def version(number: int) -> Contract:
    """The contract of a version of the API, 1 or 2."""
    return CONTRACTS[number]
