"""docs/verdicts.md: what a reply of the API leads to."""

from __future__ import annotations

from interface.delivery.breaker import OPENS_AT, RAMP_FIRST, RAMP_STEP, REFUSALS, REFUSALS_IN_A_ROW
from interface.delivery.destination import WHY
from interface.delivery.schedule import DEFAULT
from interface.delivery.verdict import CHECKED, VERDICTS
from pages.markdown import MADE, table

_NOTES = {
    "delivered": "done",
    "retry": "again, later and later",
    "dead": "not sent again; ten patients' in a row pause the destination",
    "apart": "again at once, with half as many",
    "pause": "again when the destination works again: it pauses at once",
    "slow": "again when the API says, and so do all others",
}

_STATES = [
    ("`passing`", "a request was taken", "everything that is due", ""),
    (
        "`open`",
        f"requests of {OPENS_AT} patients failed, none taken in between",
        "one probe at a time",
        "one is taken",
    ),
    (
        "`paused`",
        f"401, 403, 404, 405, 407, 413, 415; or {REFUSALS} patients' contents refused in a row",
        "one probe at a time",
        "one is taken, or (but for refusals in a row) refused for its content",
    ),
    ("`slowed`", "429, 408", "nothing, then ever more", "the pace is free again"),
]


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
    checked = "; ".join(f"{row.says}: {row.verdict.kind}, `{row.verdict.code}`" for row in CHECKED)
    hours = DEFAULT.dead_after / 3600
    backoff = (
        f"{DEFAULT.first:g} s, then doubled each time up to {DEFAULT.cap:g} s; chance cuts it by up to half"
    )
    first, last = DEFAULT.refused / 60, DEFAULT.refused_cap / 60
    refusals = f"{first:g} min, then doubled each time up to {last:g}"
    return f"""{MADE}

# Delivery verdicts

What a reply of the API means for the request. The first row that fits counts. `requests show` and the log say the code.

{table(("reply", "verdict", "code", "the request goes", "possible duplicate"), rows)}

Before these rows, in the production test: {checked}.

| verdict | wait before the next attempt |
| --- | --- |
| retry | {backoff}; there is no last attempt |
| retry, for {hours:g} hours while other requests pass | none: the request is dead, code `failing-alone` |
| apart | none, with half as many patients in the panel; alone the request has a verdict of its own |
| pause | until a probe is taken |
| slow | what `Retry-After` says (seconds or a date, at most an hour), else {DEFAULT.slow:g} s |

Hours in which nothing was taken do not count for those {hours:g}; a restart changes nothing.
While a patient's oldest request waits, that patient's newer ones wait behind it. Other patients' requests go on.
`possible duplicate`: the API may have taken the request although no proof came back; its documentation names no key against
duplicates.

A panel (version 2) has one reply, and each of its requests this verdict for itself. One that failed in a panel while
requests were taken elsewhere also goes with half as many next time: one patient's request must not keep the others from
being taken.

## The destination

What all replies together say of the API. `requests`, `/readyz`, `/healthz` and `/metrics` show it; a restart goes on with
it.

{table(("state", "when", "what goes out", "until"), _STATES)}

The first delivery, probe or not, makes it `passing`. All that failed or waited meanwhile is due at once:
{RAMP_FIRST + RAMP_STEP} POSTs at a time at first, {RAMP_STEP} more with each that is taken.
What a 429 told to wait waits on. Requests that are not sent use up no attempts, and nothing is given up
while only probes go out. A probe is the request that is due first, so mostly another patient's than the one before.

| between probes | wait; none after SIGHUP or a restart |
| --- | --- |
| `open` | {backoff} |
| `paused` | {DEFAULT.pause:g} s |
| `paused`, `{REFUSALS_IN_A_ROW}` | {refusals}. What is refused then stays `waiting` |

{table(("reason", "means"), [(f"`{code}`", text) for code, text in WHY.items()])}

A request that pauses the destination a second time while others were taken in between has its fault in itself (too large,
say): it no longer stops the others, waits as after `retry`, and is dead after {hours:g} hours.

After a 429 or 408 the pace is half of what it was, {DEFAULT.slowest:g} POST a second at least, and doubles every
{DEFAULT.doubling:g} s until it is free again.
With `[api] requests_per_second` it never exceeds that; a quarter of a second's POSTs may go at once. A panel is one POST.
"""
