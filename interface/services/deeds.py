"""What persons have done to requests, as the command line and the console offer it: which, in portions, what came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interface.store.records.lists import RequestSummary
    from interface.store.records.reading import Command
    from interface.store.store import Store

PORTION = 100
"""Requests that one command is about, at most: it is one transaction."""
PROTECTED = "protected"
WHY_CHARACTERS = 500


@dataclass(frozen=True)
class Deed:
    """What is done to requests."""

    kind: str
    """The command's, and what the audit calls it."""
    taken: tuple[str, ...]
    """States in which it can be done; filters that name no state take these."""
    filtered: tuple[str, ...]
    """States that filters take when they name none."""
    results: tuple[str, ...]
    """States afterwards of one it was done to: the API may have had it meanwhile."""
    done: str
    """Its past participle."""
    question: str
    told: str
    code: str | None = None
    """Only what has this reason."""
    needs_why: bool = False
    """Whoever does it says why."""

    def fits(self, row: RequestSummary) -> bool:
        """Whether a request has the reason that it is for."""
        return self.code is None or any(reason.get("code") == self.code for reason in row.reasons)

    def takes(self, row: RequestSummary) -> bool:
        """Whether it can be done to a request as it is now."""
        return row.state in self.taken and self.fits(row)

    def was_done(self, row: RequestSummary | None, refused: Mapping[int, str]) -> bool:
        """Whether it was done to a request that is like this now; `refused` as `refused_of` has them."""
        return row is not None and row.id not in refused and row.state in self.results


RETRY = Deed(
    "retry",
    ("dead", "discarded", "waiting"),
    ("dead",),
    ("waiting", "sending", "delivered", "held", "dead", "expired"),
    "retried",
    "to be sent again",
    "is sent again",
)
DISCARD = Deed(
    "discard",
    ("held", "waiting", "dead"),
    ("held", "waiting", "dead"),
    ("discarded",),
    "discarded",
    "to be given up",
    "is given up",
    needs_why=True,
)
RELEASE = Deed(
    "release",
    ("held",),
    ("held",),
    ("waiting", "sending", "delivered"),
    "released",
    "of protected patients to be let go",
    "is released",
    PROTECTED,
)
DEEDS: Mapping[str, Deed] = {deed.kind: deed for deed in (RETRY, DISCARD, RELEASE)}


MOST_LOOKED_AT = 2000
"""Commands that are looked through for those about one request, the newest."""


@dataclass(frozen=True)
class Done:
    """What a person did to a request."""

    deed: Deed
    at: float
    who: str


def done_to(request: int, commands: Iterable[Command]) -> list[Done]:
    """What was done to a request, by commands of `DEEDS` that were carried out, in their order."""
    found = []
    for command in commands:
        deed, told = DEEDS[command.kind], command.result or {}
        asked = command.arguments.get("requests", ())
        # a release says whom it let go; one of an older program does not
        if (
            request in told.get("let_go", asked)
            and request in asked
            and not refused_of((request,), command).get(request)
        ):
            found.append(Done(deed, command.created_at, str(command.arguments.get("who") or "a person")))
    return found


def done_by_hand(store: Store, request: int) -> list[Done]:
    """What was done to a request, as far as the store has the commands."""
    return done_to(request, store.commands.done(tuple(DEEDS), MOST_LOOKED_AT))


def reason_given(text: str) -> str:
    """Why, in one line; '' where it is none or too long."""
    why = " ".join(text.split())
    return why if len(why) <= WHY_CHARACTERS else ""


def given_up(deed: Deed, states: Iterable[str]) -> dict[str, bool]:
    """The argument that says whether requests were given up already when they were counted: else a person who gave
    one up in between has the last word.
    """
    return {"given_up": "discarded" in states} if deed is RETRY else {}


def portions_of(ids: Sequence[int], more: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The arguments of the commands that do it to these requests; `more` goes with each (`who`, `why`)."""
    return [{"requests": list(ids[start : start + PORTION]), **more} for start in range(0, len(ids), PORTION)]


def refused_of(requests: Iterable[int], command: Command) -> dict[int, str]:
    """Those of a portion's requests that it could not be done to, with why, by a command that has ended."""
    told = command.result or {}
    if command.state == "failed":
        return dict.fromkeys(requests, str(told.get("problem", "it failed")))
    return {int(number): str(why) for number, why in told.get("refused", [])}
