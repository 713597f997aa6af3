"""What is the case, from the facts of one look: for each alert and scope whether it is bad, good or in between.

Begin and end have levels apart from each other, so that a value that sways around one of them is said once: between the
two what was so stays so. What could not be found out is `between`, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from interface.alerting.facts import Facts, FeedLimit, Limits

MIB = 1024 * 1024
WHY_AWAY = "`requests show` of a waiting request says what came; it is tried again and again"
Case = Literal["bad", "between", "good"]


@dataclass(frozen=True, slots=True)
class Condition:
    """How it is with one alert in one scope."""

    code: str
    case: Case
    text: str = ""
    """What is said: what, where, how much. No patient data."""
    scope: str = ""
    """Which listener, sender, certificate, clock; '': there is only one."""


def conditions(facts: Facts, limits: Limits) -> tuple[Condition, ...]:
    """All that is watched, in the order of the table."""
    wanted = (code for code in JUDGES if code not in limits.off)
    return tuple(condition for code in wanted for condition in of(code, facts, limits))


def of(code: str, facts: Facts, limits: Limits) -> Iterator[Condition]:
    """Of one alert, be it wanted or not."""
    return JUDGES[code](code, facts, limits)


def _between(value: float, bad: float, good: float) -> Case:
    """Of a value that is bad when large (`bad` above `good`), or when small."""
    if bad > good:
        return "bad" if value >= bad else "good" if value <= good else "between"
    return "bad" if value <= bad else "good" if value >= good else "between"


def span(seconds: float) -> str:
    """How long, for people: `5 min`, `3 h 10 min`, `2 d 4 h`."""
    minutes = max(0, int(seconds // 60))
    if minutes < 1:
        return f"{max(0, int(seconds))} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


Judged = Iterator[Condition]
_UNKNOWN: Case = "between"


def _said(code: str, problem: str | None) -> Condition:
    """Of something that says by itself whether it is well."""
    case: Case = _UNKNOWN if problem is None else "bad" if problem else "good"
    return Condition(code, case, problem or "")


def _journal(code: str, facts: Facts, _limits: Limits) -> Judged:
    yield _said(code, facts.journal)


def _inbox(code: str, facts: Facts, _limits: Limits) -> Judged:
    yield _said(code, facts.inbox)


def _stuck(code: str, facts: Facts, _limits: Limits) -> Judged:
    yield _said(code, facts.trouble)


def _key(code: str, facts: Facts, _limits: Limits) -> Judged:
    yield _said(code, facts.api_key)


def _disk(code: str, facts: Facts, limits: Limits) -> Judged:
    if facts.free_bytes is None:
        yield Condition(code, _UNKNOWN)
        return
    low, free = limits.disk_low_bytes, facts.free_bytes
    text = f"{free // MIB} MiB are free where the store is: make room, or nothing can be stored soon"
    yield Condition(code, _between(free, low, low + low // 10 + 1), text)


def _wal(code: str, facts: Facts, limits: Limits) -> Judged:
    if facts.wal_bytes is None:
        yield Condition(code, _UNKNOWN)
        return
    text = f"the store's -wal has {facts.wal_bytes // MIB} MiB: a program has been reading the store for long"
    yield Condition(code, _between(facts.wal_bytes, limits.wal_bytes, limits.wal_bytes // 2), text)


def _waiting(code: str, facts: Facts, limits: Limits) -> Judged:
    if facts.waiting is None:
        yield Condition(code, _UNKNOWN)
        return
    most = limits.most_waiting
    text = f"{facts.waiting} messages wait to be decided ([store] most_waiting): nothing more is taken"
    yield Condition(code, _between(facts.waiting, most, most - most // 10 - 1), text)


def _webhooks_waiting(code: str, facts: Facts, limits: Limits) -> Judged:
    if facts.webhooks is None:
        yield Condition(code, _UNKNOWN)
        return
    most = limits.most_webhooks
    text = f"{facts.webhooks} webhooks wait to be joined: no more are taken; does the work get on?"
    yield Condition(code, _between(facts.webhooks, most, most - most // 10), text)


def _late(code: str, facts: Facts, limits: Limits) -> Judged:
    if facts.late is None:
        yield Condition(code, _UNKNOWN)
        return
    text = f"a message has been waiting to be decided for {span(facts.late)}: does the work get on?"
    yield Condition(code, _between(facts.late, limits.late, limits.late / 10), text)


def _oldest(code: str, facts: Facts, limits: Limits) -> Judged:
    if facts.oldest is None:
        yield Condition(code, _UNKNOWN)
        return
    text = f"a request has been waiting to be taken by the API for {span(facts.oldest)}"
    yield Condition(code, _between(facts.oldest, limits.oldest, limits.oldest / 2), text)


def _dying(code: str, facts: Facts, limits: Limits) -> Judged:
    lately = [at for at in facts.deaths if facts.now - at < limits.deaths_within]
    many = len(lately) >= limits.deaths
    text = f"the work ended {len(lately)} times within {span(limits.deaths_within)}: the log says why"
    steady = not lately and facts.now - facts.started >= limits.deaths_within
    yield Condition(code, "bad" if many else "good" if steady else "between", text)


def _destination(code: str, facts: Facts, limits: Limits) -> Judged:
    told = facts.destination
    state, least = {
        "destination-paused": ("paused", limits.paused),
        "destination-away": ("open", limits.away),
    }[code]
    if told is None:
        yield Condition(code, _UNKNOWN)
        return
    by = f" by {told.node}" if told.node else ""
    if told.state != state:
        if state != "open" or told.away_since is None or told.state == "paused":
            yield Condition(code, "good")
            return
        for_long = facts.now - told.away_since >= least
        text = f"every try{by} has failed for {span(facts.now - told.away_since)}, and nothing was taken: {WHY_AWAY}"
        yield Condition(code, "bad" if for_long else "between", text)
        return
    for_long = told.since is not None and facts.now - told.since >= least
    since = "" if told.since is None else f" for {span(facts.now - told.since)}"
    yield Condition(code, "bad" if for_long else "between", f"nothing is sent{by}{since}: {told.why}")


def _dead(code: str, facts: Facts, _limits: Limits) -> Judged:
    if facts.dead is None:
        yield Condition(code, _UNKNOWN)
        return
    count = f"{facts.dead} request{' was' if facts.dead == 1 else 's were'}"
    text = f"{count} given up (dead): `requests show` says what the API answered"
    yield Condition(code, "bad" if facts.dead else "good", text)


def _failed(code: str, facts: Facts, _limits: Limits) -> Judged:
    if facts.failed is None:
        yield Condition(code, _UNKNOWN)
        return
    count = f"{facts.failed} message{'' if facts.failed == 1 else 's'}"
    text = f"{count} could not be decided (failed): `messages --state failed` says why"
    yield Condition(code, "bad" if facts.failed else "good", text)


def _held(code: str, facts: Facts, limits: Limits) -> Judged:
    if facts.held is None:
        yield Condition(code, _UNKNOWN)
        return
    asked, held = facts.held.asked, facts.held.held
    percent = 100 * held / asked if asked else 0.0
    case = _between(percent, limits.held_percent, limits.held_percent * 0.8)
    if case == "bad" and held < limits.held_least:
        case = "between"
    text = f"{held} of the last {asked} requests are held ({percent:.0f} %): what do their messages lack?"
    yield Condition(code, case, text)


def _refused(code: str, facts: Facts, limits: Limits) -> Judged:
    if facts.refused is None:
        yield Condition(code, _UNKNOWN)
        return
    came, refused = facts.refused.came, facts.refused.refused
    percent = 100 * refused / came if came else 0.0
    case = _between(percent, limits.refused_percent, limits.refused_percent / 2)
    if case == "bad" and refused < limits.refused_least:
        case = "between"
    text = f"listener {facts.refused.listener}: {refused} of the last {came} messages were refused (AR or AE): no HL7"
    yield Condition(code, case, text)


def _webhooks_silent(code: str, facts: Facts, limits: Limits) -> Judged:
    if facts.webhook_due is None or facts.webhook_last is None:
        yield Condition(code, _UNKNOWN)
        return
    silence = facts.now - facts.webhook_last
    silent = facts.webhook_due and silence >= limits.webhook_silence
    said = f"for {span(silence)}" if facts.webhook_last else "so far"
    text = f"no webhook has come {said}, and requests await one for more than {span(limits.webhook_silence)}"
    yield Condition(code, "bad" if silent else "good", text)


def _silent(code: str, facts: Facts, limits: Limits) -> Judged:
    """Silence is counted within a feed's windows, from its last message, and never from before this process listened."""
    if facts.heard is None:
        for feed in limits.feeds:
            yield Condition(code, _UNKNOWN, scope=feed.name)
        return
    last = {heard.feed: heard.last for heard in facts.heard}
    found = [(feed, *_silence(feed, last.get(feed.name), facts)) for feed in limits.feeds]
    whole = {feed.listener for feed, case, _ in found if case == "bad" and not feed.of_sender}
    for feed, case, text in found:
        follows = feed.of_sender and feed.listener in whole and case == "bad"  # no sender of it speaks
        yield Condition(code, "between" if follows else case, text, scope=feed.name)


def _silence(feed: FeedLimit, at: float | None, facts: Facts) -> tuple[Case, str]:
    silent = feed.week.expected(facts.started if at is None else at, facts.now)
    listened = feed.week.expected(facts.started, facts.now)
    case: Case = "bad" if min(silent, listened) >= feed.seconds else "between"
    if silent < feed.seconds and at is not None:
        case = "good"
    if at is None:
        since = "since it is watched"
    else:
        local = datetime.fromtimestamp(at, UTC).astimezone(feed.week.zone)
        since = f"since {local:%a %Y-%m-%d %H:%M}"
    return case, f"{feed.name}: no message {since}, {span(silent)} of its hours"


def _closed(code: str, facts: Facts, limits: Limits) -> Judged:
    for where in limits.certificates:
        why = None if facts.closed is None else facts.closed.get(where, "")
        case: Case = _UNKNOWN if why is None else "bad" if why else "good"
        yield Condition(code, case, f"{where} takes nobody: {why}", scope=where)


def _certificates(code: str, facts: Facts, limits: Limits) -> Judged:
    found = {certificate.where: certificate for certificate in facts.certificates}
    for where in limits.certificates:
        certificate = found.get(where)
        if certificate is None:
            yield Condition(code, _UNKNOWN, scope=where)
            continue
        left = certificate.ends - facts.now
        day = f"{datetime.fromtimestamp(certificate.ends, UTC):%Y-%m-%d}"
        text = (
            f"{certificate.where}: the certificate ends on {day}, in {span(left)}"
            if left > 0
            else f"{certificate.where}: the certificate has ended on {day}"
        )
        days = limits.certificate_days * 86400.0
        yield Condition(code, _between(left, days, days + 86400), text, scope=certificate.where)


def _skew(code: str, facts: Facts, limits: Limits) -> Judged:
    for whose in limits.clocks:
        ahead = facts.skews.get(whose)
        if ahead is None:
            yield Condition(code, _UNKNOWN, scope=whose)
            continue
        case = _between(abs(ahead), limits.skew, limits.skew / 2)
        side = "ahead of" if ahead > 0 else "behind"
        yield Condition(
            code, case, f"this machine's clock is {abs(ahead):.0f} s {side} the {whose}'s", scope=whose
        )


JUDGES: Mapping[str, Callable[[str, Facts, Limits], Judged]] = {
    "journal-failing": _journal,
    "listener-closed": _closed,
    "disk-low": _disk,
    "too-many-waiting": _waiting,
    "too-many-webhooks-waiting": _webhooks_waiting,
    "work-dying": _dying,
    "work-stuck": _stuck,
    "decisions-late": _late,
    "destination-paused": _destination,
    "destination-away": _destination,
    "api-key-missing": _key,
    "oldest-waiting": _oldest,
    "dead-letters": _dead,
    "messages-failed": _failed,
    "held-share": _held,
    "feed-refused": _refused,
    "webhooks-silent": _webhooks_silent,
    "webhooks-failing": _inbox,
    "feed-silent": _silent,
    "certificate-ending": _certificates,
    "wal-large": _wal,
    "clock-skew": _skew,
}
"""By code, in the order of the table."""
