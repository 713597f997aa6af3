"""The vendor's process as a table: each step, whether it is done, and what shows it. Facts in, steps out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from interface.evidence.completeness import SHARING
from interface.evidence.words import percent

State = Literal["done", "open", "person", "confirmed"]
"""`person`: only a person can say so; `confirmed`: one has, whatever the evidence."""

NOTE_CHARACTERS = 2000
"""Of the note of a confirmation, at most."""
LEAST_TESTS, MOST_TESTS = 5, 10
"""Requests that the production test takes (contract: how the test path is used)."""


# ---------------------------------------------------------------- facts


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What webhooks said of requests."""

    found: int = 0
    insufficient: int = 0
    delivered: int = 0
    contradicting: int = 0
    """Of the delivered ones those of which insufficient data was said, too."""
    awaited: int = 0
    """Nothing has been heard of them, and it is early yet."""
    unanswered: int = 0
    """Nothing has been heard of them for longer than is expected."""

    @property
    def heard(self) -> bool:
        """Whether any webhook was received."""
        return bool(self.found or self.insufficient or self.delivered)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The requests of one environment."""

    made: int = 0
    looked_at: int = 0
    """Of how many the rest was counted: the newest ones."""
    delivered: int = 0
    """Answered with 2xx."""
    without_id: int = 0
    """Delivered ones whose answer gave no correlation id."""
    waiting: int = 0
    held: int = 0
    last_at: float | None = None
    """When the newest delivered one was made."""
    newest: tuple[tuple[int, str], ...] = ()
    """Ids and correlation ids of some delivered ones."""
    sharing: Mapping[str, int] = field(default_factory=Counter)
    """By `SHARING`: of the newest delivered ones, those whose bodies were looked into; and so the two that follow."""
    lacking: int = 0
    """How many lack a required field."""
    missing: int = 0
    """Known problems and orders that were left out for no reason."""
    outcomes: Outcomes = Outcomes()


@dataclass(frozen=True, slots=True)
class Patients:
    """The vendor's test patients."""

    imported: int
    sent: int
    """For how many a request was delivered in staging."""


NO_PATIENTS = Patients(0, 0)


@dataclass(frozen=True, slots=True)
class Round:
    """The round of the production test."""

    accepted: int
    most: int = MOST_TESTS


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a person has said."""

    at: float
    who: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the steps are judged by."""

    environment: str
    url: str
    """Where requests go."""
    loopback: bool
    """That is this machine: a rehearsal."""
    key: bool
    mrn_root: bool
    live: bool = False
    live_at: float | None = None
    live_by: str = ""
    traffic: Mapping[str, Traffic] = field(default_factory=dict)
    """By environment."""
    test_patients: Patients = NO_PATIENTS
    round: Round = Round(0)
    confirmed: Mapping[str, Confirmed] = field(default_factory=dict)
    """By step."""
    zone: tzinfo = UTC

    def of(self, environment: str) -> Traffic:
        """The requests of an environment."""
        return self.traffic.get(environment, Traffic())

    def day(self, at: float | None) -> str:
        """A time, for people."""
        return "" if at is None else f"{datetime.fromtimestamp(at, self.zone):%Y-%m-%d %H:%M}"


# ---------------------------------------------------------------- steps


@dataclass(frozen=True, slots=True)
class Finding:
    """What the facts say of one step."""

    done: bool
    evidence: Sequence[str] = ()
    """In words."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it stands."""

    code: str
    what: str
    state: State
    evidence: tuple[str, ...]
    data: Mapping[str, Any]
    next: bool = False
    """The first that is not done."""

    @property
    def done(self) -> bool:
        """Whether it is behind us."""
        return self.state in ("done", "confirmed")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    code: str
    what: str
    judge: Callable[[Facts], Finding]
    by_person: bool = False
    """No fact of ours shows it: the vendor says so, and a person notes it."""


def _sandbox(facts: Facts) -> Finding:
    found = facts.of("sandbox")
    return Finding(found.delivered > 0, _requests(facts, found, "taken by the simulated API"))


def _requests(facts: Facts, found: Traffic, what: str) -> list[str]:
    if not found.delivered:
        waiting = f"{found.waiting} wait" if found.waiting else ""
        held = f"{found.held} are held" if found.held else ""
        return [f"none {what}", *(text for text in (waiting, held) if text)]
    more = f" (of the newest {found.looked_at})" if found.made > found.looked_at else ""
    return [f"{_many(found.delivered)} {what}{more}", f"the last of {facts.day(found.last_at)}"]


def _many(count: int) -> str:
    return f"{count} request{'' if count == 1 else 's'}"


def _settings_of(facts: Facts, environments: Sequence[str]) -> Finding:
    """Key, root and address: of the settings while they are of that environment, later by what was delivered there."""
    delivered = sum(facts.of(name).delivered for name in environments)
    if facts.environment not in environments:
        if delivered:
            return Finding(True, [f"{_many(delivered)} delivered with it"])
        return Finding(False, [f'[site] environment is "{facts.environment}"'])
    lacking = [
        text
        for text, there in (
            ("[api] key is not set, or what it names is not there", facts.key),
            ("[site] mrn_root is not set", facts.mrn_root),
        )
        if not there
    ]
    where = f"{facts.url}{' (this machine: a rehearsal)' if facts.loopback else ''}"
    return Finding(not lacking, [*lacking, where], {"url": facts.url, "rehearsal": facts.loopback})


def _imported(facts: Facts) -> Finding:
    number = facts.test_patients.imported
    return Finding(number > 0, [f"{number} imported"], {"imported": number})


def _all_sent(facts: Facts) -> Finding:
    sent, imported = facts.test_patients.sent, facts.test_patients.imported
    return Finding(
        imported > 0 and sent >= imported,
        [f"requests of {sent} of {imported} delivered"],
        {"sent": sent, "imported": imported},
    )


def _answered(facts: Facts) -> Finding:
    found = facts.of("staging")
    # the report has them all
    ids = [f"request {number}: {correlation}" for number, correlation in found.newest[:3]]
    without = [f"{found.without_id} answered without a correlation id"] if found.without_id else []
    data = {
        "made": found.made,
        "delivered": found.delivered,
        "without_correlation_id": found.without_id,
        "newest": [
            {"request": number, "correlation_id": correlation} for number, correlation in found.newest
        ],
    }
    return Finding(found.delivered > 0, [*_requests(facts, found, "answered with 200"), *ids, *without], data)


def _shares(facts: Facts) -> Finding:
    found = facts.of("staging")
    counts: dict[str, int] = {kind: found.sharing.get(kind, 0) for kind in SHARING}
    looked_into = sum(counts.values())
    some = looked_into - counts["none"]
    if not looked_into:
        return Finding(False, ["nothing was sent"], counts)
    words = {"both": "problems and medications", "none": "neither"}
    texts = [f"{words.get(kind, kind)} {percent(number, looked_into)}" for kind, number in counts.items()]
    if found.missing:
        texts.append(f"{found.missing} known left out for no reason: `onboarding completeness` tells")
    return Finding(some > 0 and not found.missing, texts, {**counts, "missing": found.missing})


def _webhooks(facts: Facts) -> Finding:
    found = facts.of("staging")
    heard = found.outcomes
    texts = [
        f"{many} {what}"
        for many, what in (
            (heard.found, "found"),
            (heard.insufficient, "with insufficient data"),
            (heard.delivered, "with documents delivered"),
            (heard.contradicting, "with both"),
            (heard.awaited, "awaited"),
            (heard.unanswered, "unanswered for longer than expected"),
        )
        if many
    ]
    return Finding(heard.heard, texts or ["none received"], asdict(heard))


def _said_by_vendor(_: Facts) -> Finding:
    return Finding(False, ["the vendor says so: note it when it does"])


def _tested(facts: Facts) -> Finding:
    found = facts.of("production-test")
    accepted, most = facts.round.accepted, facts.round.most
    texts = [f"{accepted} accepted; the vendor wants {LEAST_TESTS} to {most}"]
    if found.lacking:
        texts.append(f"{found.lacking} lack a required field")
    if found.missing:
        texts.append(f"{found.missing} known left out for no reason: `onboarding completeness` tells")
    complete = not found.lacking and not found.missing
    data = {"accepted": accepted, "least": LEAST_TESTS, "most": most, "complete": complete}
    return Finding(accepted >= LEAST_TESTS and complete, texts, data)


def _live(facts: Facts) -> Finding:
    if not (facts.environment == "production" and facts.live):
        return Finding(False, ["`onboarding go-live` switches"])
    who = f"by {facts.live_by}" if facts.live_by else "from its first day: this store began in production"
    found = facts.of("production")
    return Finding(
        True,
        [f"since {facts.day(facts.live_at)}", who, *_requests(facts, found, "delivered")],
        {"since": facts.live_at, "by": facts.live_by, "delivered": found.delivered},
    )


STEPS = (
    Row("sandbox", "rehearsed with the simulated API", _sandbox),
    Row(
        "settings",
        "key, MRN root and address of staging set",
        lambda facts: _settings_of(facts, ("staging",)),
    ),
    Row("test-patients", "the vendor's test patients imported", _imported),
    Row("test-patients-sent", "messages of all test patients sent", _all_sent),
    Row("answered", "requests answered in staging", _answered),
    Row("sharing", "problems and medications shared", _shares),
    Row("webhooks", "webhooks received", _webhooks),
    Row("staging", "the vendor confirms staging", _said_by_vendor, by_person=True),
    Row(
        "production-key",
        "key, MRN root and address of production set",
        lambda facts: _settings_of(facts, ("production-test", "production")),
    ),
    Row("production-test", "production test accepted", _tested),
    Row("production", "the vendor opens production", _said_by_vendor, by_person=True),
    Row("live", "gone live", _live),
)
"""In the order of the vendor's process."""

_ANSWERED_THERE = ("test-patients-sent", "answered", "webhooks", "production-test", "live")
"""What was not the vendor's doing where requests go to this machine."""

CONFIRMABLE = tuple(row.code for row in STEPS if row.code != "live")
"""What a person may confirm: also what was done elsewhere, and left no trace here. Going live is a switch."""


def steps(facts: Facts) -> list[Step]:
    """All steps as they stand."""
    found: list[Step] = []
    waits = True  # for the first that is not done
    for row in STEPS:
        finding = row.judge(facts)
        said = facts.confirmed.get(row.code) if row.code in CONFIRMABLE else None
        state: State = "done" if finding.done else "person" if row.by_person else "open"
        evidence = list(finding.evidence)
        if said is not None:
            state = "done" if finding.done else "confirmed"
            evidence = [
                f"confirmed by {said.who} on {facts.day(said.at)}",
                *([] if row.by_person else evidence),
            ]
        if finding.done and facts.loopback and facts.environment != "sandbox" and row.code in _ANSWERED_THERE:
            evidence.append("a rehearsal: requests go to this machine")
        is_next = waits and state in ("open", "person")
        waits = waits and not is_next
        data = dict(finding.data)
        if said is not None:
            data["confirmed"] = {"at": said.at, "by": said.who}
        found.append(Step(row.code, row.what, state, tuple(evidence), data, is_next))
    return found
