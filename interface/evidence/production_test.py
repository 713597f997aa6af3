"""How the production test stands, as plain values: which requests have slots, which might get one, what the others lack.

Nothing of a value is kept: ids of ours, names of fields, places in messages, counts, sentences of ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interface.contract.fields import fields
from interface.delivery.guards.production_test import PREFERRED, preferred

SHOWN = 20
"""Requests of a kind that are named, by id."""
HELD_FOR_IT = "production-test"
_PROBLEMS = ("missing:", "invalid:", "incomplete:")
"""How the reasons begin that say what a request lacks."""

_PATH = re.compile(r"[A-Za-z]\w*(?:\[\d+\])?(?:\.[A-Za-z]\w*(?:\[\d+\])?)*", re.ASCII)
_INDEX = re.compile(r"\[\d+\]")
_PANEL = re.compile(r"patientProcessingRequests(?:\[\d+\])?\.")
"""What stands before each field of a patient in version 2. In the production test a panel is of one."""
_PLAIN_NAMES = frozenset({"zip", "npi", "mrn", "gender"})
"""Names of fields that are no words of a sentence, though they have no capital letter within."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request, looked into."""

    id: int
    repaired: tuple[tuple[str, str], ...] = ()
    """Field, and what was repaired or assumed of its value."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Place in the message, and why it is not in the request."""
    has: tuple[str, ...] = ()
    """What makes it fit for the test."""

    @property
    def lacks(self) -> tuple[str, ...]:
        """What would make it fitter; it need not have it."""
        return tuple(name for name, _ in PREFERRED if name not in self.has)


@dataclass(slots=True)
class Held:
    """Held requests by what becomes of them."""

    complete: int = 0
    first_complete: list[int] = field(default_factory=list)
    incomplete: int = 0
    first_incomplete: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    """With what each lacks."""
    lacking: Counter[str] = field(default_factory=Counter)
    """What is lacking, by reason."""
    otherwise: int = 0
    """Held for something else as well: the patient, say."""
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, number: int, codes: Sequence[str]) -> None:
        """Take in a held request."""
        lacking = tuple(code for code in codes if code.startswith(_PROBLEMS))
        others = [code for code in codes if code not in lacking and code != HELD_FOR_IT]
        if lacking:
            self.incomplete += 1
            self.lacking.update(lacking)
            if len(self.first_incomplete) < SHOWN:
                self.first_incomplete.append((number, lacking))
        elif others:
            self.otherwise += 1
            self.reasons.update(others)
        else:
            self.complete += 1
            if len(self.first_complete) < SHOWN:
                self.first_complete.append(number)


def seen(number: int, request: Any, detail: Any) -> Seen:
    """A request and what is kept beside it, as decoded JSON; anything else has nothing to tell."""
    told = detail if isinstance(detail, dict) else {}
    left_out = (entry for entry in _list(told.get("left_out")) if isinstance(entry, dict))
    return Seen(
        number,
        repaired_in(told),
        tuple((str(entry.get("source", "")), str(entry.get("why", ""))) for entry in left_out),
        preferred(request) if isinstance(request, Mapping) else (),
    )


def repaired_in(detail: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Fields, and what was repaired or assumed of their values, as a request's provenance tells it."""
    pairs = (entry for entry in _list(detail.get("repaired")) if isinstance(entry, list) and len(entry) == 2)
    return tuple(dict.fromkeys((str(name), str(text)) for name, text in pairs))


def _list(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else ()


def named_fields(reply: str, version: int) -> tuple[str, ...]:
    """The fields that a refusal of the API names. Its words are not shown: they may repeat what it objects to.

    A word of a sentence that is a field's name as well (`name`, `code`) is not taken for one.
    """
    known = {part for one in fields(version) for part in one.name.split(".")}
    found = []
    for match in _PATH.finditer(reply):
        path = _PANEL.sub("", match[0], count=1)
        parts = _INDEX.sub("", path).split(".")
        telling = len(parts) > 1 or parts[0] in _PLAIN_NAMES or not parts[0].islower()
        if telling and all(part in known for part in parts):
            found.append(path)
    return tuple(dict.fromkeys(found))
