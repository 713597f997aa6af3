"""docs/verdicts.md: what a reply of the API leads to."""

from __future__ import annotations

from interface.delivery.schedule import DEFAULT
from interface.delivery.verdict import VERDICTS
from pages.markdown import MADE, table

_NOTES = {
    "delivered": "done",
    "retry": "again, later and later",
    "dead": "not sent again",
    "apart": "again at once, with half as many",
    "pause": "again after a minute",
    "slow": "again when the API says",
}


def page() -> str:
    """The page of the delivery verdicts."""
    rows = [
        (
            row.says,
            row.verdict.kind,
            f"`{row.verdict.code}`",
            _NOTES[row.verdict.kind],
            "yes" if row.verdict.possible_duplicate else "",
        )
        for row in VERDICTS
    ]
    hours = DEFAULT.dead_after / 3600
    backoff = (
        f"{DEFAULT.first:g} s, then doubled each time up to {DEFAULT.cap:g} s; chance cuts it by up to half"
    )
    return f"""{MADE}

# Delivery verdicts

What a reply of the API means for the request. The first row that fits counts. `requests show` and the log say the code.

{table(("reply", "verdict", "code", "the request goes", "possible duplicate"), rows)}

| verdict | wait before the next attempt |
| --- | --- |
| retry | {backoff}; there is no last attempt |
| retry, for {hours:g} hours while other requests pass | none: the request is dead, code `failing-alone` |
| apart | none, with half as many patients in the panel; alone the request has a verdict of its own |
| pause | {DEFAULT.pause:g} s |
| slow | what `Retry-After` says (seconds, at most an hour), else {DEFAULT.slow:g} s |

While a patient's oldest request waits, that patient's newer ones wait behind it. Other patients' requests go on.
`possible duplicate`: the API may have taken the request although no proof came back; its documentation names no key against
duplicates.

A panel (version 2) has one reply, and each of its requests this verdict for itself. One that failed in a panel while
requests were taken elsewhere also goes with half as many next time: one patient's request must not keep the others from
being taken.

Not available yet: pausing the whole destination after a 401 or 403, the circuit breaker, a limit of requests per second.
Until then each request waits for itself.
"""
