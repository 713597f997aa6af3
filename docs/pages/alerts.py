"""docs/alerts.md: every alert, how somebody is called; and deploy/alerts.rules.yml: the same for Prometheus."""

from __future__ import annotations

import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from interface.alerting.kinds import KINDS
from interface.alerting.state import Edge
from interface.alerting.telling import KEPT_SECONDS, MOST_NOTICES, Notice, Sender, body, subject, text
from interface.services.alert_channels import COMMAND_SECONDS, SECONDS
from interface.services.measures import PREFIX
from interface.settings.alert_sections import Alerts
from pages.markdown import MADE, table

_ZONE = ZoneInfo("America/Chicago")
_AT = datetime(2026, 3, 2, 9, 1, 5, tzinfo=_ZONE).timestamp()
_SENDER = Sender("Lakeside Family Clinic", "production", "adapter-1", _ZONE)
_EXAMPLE = Notice(
    "69a5a0f1-7",
    Edge(
        "begins",
        "feed-silent",
        "adt: EPIC/LFC",
        _AT,
        _AT,
        "adt: EPIC/LFC: no message since Mon 2026-03-02 08:01, 1 h 0 min of its hours",
    ),
)
_CHANNELS = (
    (
        "webhook",
        "`[alerts] webhook`, `webhook_header`, `webhook_secret`, `webhook_ca`",
        "a POST of the JSON below; any 2xx is well; redirects are not followed",
    ),
    ("mail", "`[alerts.smtp]`", "a mail to all of `to`"),
    (
        "command",
        "`[alerts] command`: a program and its arguments, no shell",
        f"the JSON on standard input, `$ALERT`, `$ALERT_EVENT`; exit 0 is well; it has {COMMAND_SECONDS:g} s",
    ),
)
_LEVELS = {"bad": "now", "warn": "today"}


def page() -> str:
    """The page of the alerts."""
    defaults = {name: field.default for name, field in Alerts.model_fields.items()}
    rows = [
        (
            f"`{kind.code}`",
            _LEVELS[kind.level],
            f"{kind.title}: {kind.means}",
            kind.begins.replace("`hold_minutes`", f"`hold_minutes` ({defaults['hold_minutes']:g})"),
            kind.ends,
            kind.todo,
        )
        for kind in KINDS
    ]
    covers = [
        (f"`{kind.code}`", ", ".join(f"`{code}`" for code in kind.covers)) for kind in KINDS if kind.covers
    ]
    whole = ", ".join(f"`{kind.code}`" for kind in KINDS if kind.of_node)
    sent = json.dumps(body(_EXAMPLE, _SENDER), indent=2, ensure_ascii=False)
    return f"""{MADE}
<!-- from: a site -->

# Alerts

Somebody is called when something begins, and told when it is over: once each, however long it lasts and however many
messages it meets. What goes on is said again after `repeat_hours` ({defaults["repeat_hours"]:g}; 0: never). A restart
says nothing again, loses nothing, and says what has ended meanwhile. No alert holds patient data.

| first look | |
| --- | --- |
| what is on? | `hl7-interface alerts`: exit 1 when something is. The console's first page; `{PREFIX}alert` in `/metrics` |
| does a call reach somebody? | `hl7-interface alerts test`: tells a test by every channel, and says what came of each |
| which feeds are to be heard? | `hl7-interface check` proposes them from what came so far, as lines to paste |
| the dead letters are known, stop saying it | `hl7-interface alerts seen`: counts from now on |

## Every alert

*now*: somebody should come at once. *today*: within the day. What is over has to be so for `settle_minutes`
({defaults["settle_minutes"]:g}) where it has no levels of its own that lie apart.

{table(("alert", "come", "it is", "begins", "ends", "do"), rows)}

`off = ["wal-large"]` leaves alerts out; what they are about happens all the same.

## One alert for one cause

While the left one holds, those on the right do not begin: they would say the same again. What was said before stays. When
the cause is over they get 15 minutes to pass by themselves.

{table(("while this holds", "these do not begin"), covers)}

A sender is not named while nobody speaks at its listener.

## Feeds

A feed's silence is counted within its `windows` only: a clinic's is silent at night and on Sundays. It is a listener (all
that comes there), or a sender of it, by MSH-3 and MSH-4 as they send it.

```toml
[[alerts.feed]]
listener = "adt"
application = "EPIC"
facility = "LFC"
windows = ["Mon-Fri 07:00-18:00", "Sat 08:00-12:00"]
minutes = 60
```

Times are those of `[site] timezone`. `22:00-06:00` reaches into the next morning; without days it is every day. Silence
from before the daemon listened begins no alert, and ends none: while the daemon was down the engine has queued. `check`
looks at the last four weeks, hour by hour, and proposes what it would take: read it before you paste it.

## How somebody is called

The log has every alert (`event=alert-begins`, `event=alert-ends`, `event=alert-goes-on`). Beside it:

{table(("channel", "settings", "gets"), _CHANNELS)}

A command runs as the daemon does: under the [systemd unit](service.md) in its sandbox, and writes only where the
daemon may.

Secrets are references: `env:NAME`, `file:PATH`, `credential:NAME`. The header's value is the whole secret: write `Bearer
…` into it where that is asked for. Certificates are checked; `webhook_ca` and `ca` name a site's own authority.

A channel that fails is said once in the log and tried again after 10 s, 20 s … 10 min, for {KEPT_SECONDS / 3600:g} hours;
at most {MOST_NOTICES} wait. What begins is told before what ends, and what is not told when the daemon stops is told by
the next one. A channel never holds up messages, requests or another channel; each answer has {SECONDS:g} s. One that was
told and did not answer is told again: `id` is the same.

```json
{sent}
```

`event` is `begins`, `ends` or `goes-on`; `level` is `bad` or `warn`. `dedup_key` is the same for begin and end of one
alert: for PagerDuty, Opsgenie and others that open and close incidents. As a mail:

```text
Subject: {subject(_EXAMPLE, _SENDER)}

{text(_EXAMPLE, _SENDER).strip()}
```

## Trying it

A feed that says nothing, and a command that would page somebody:

<!-- settings: [store]
disk_low_mib = 0
[alerts]
command = ["true"]
feed = [{{windows = ["00:00-24:00"], minutes = 0.03}}] -->
<!-- run: hl7-interface run -->
<!-- ends: 1 -->
```console
$ hl7-interface alerts
level  since                alert        scope  text
bad    …  feed-silent  main   main: no message since it is watched, … of its hours

what to do:
alert        do
feed-silent  does the engine run, is its channel stopped, does its queue grow? …

the latest:
at                   alert        scope  event   text
…  feed-silent  main   begins  main: no message since it is watched, … of its hours
```

```console
$ hl7-interface alerts test
command  told
```

## Several nodes

On [PostgreSQL](postgresql.md) the nodes share one state: one of them says what concerns all, and when it is gone another
goes on within half a minute, with all that was known. What is of one machine is said by that machine: {whole}.
Where requests do not go is one alert, and its text names the node that sees it so. `hl7-interface alerts` lists those of
all.

## Prometheus

`deploy/alerts.rules.yml` has the same alerts as rules on `{PREFIX}alert`, and one more: that the daemon does not answer,
which it can't say itself.

## When a setting changes

SIGHUP takes `[alerts]` anew: thresholds, feeds, channels, secrets. What is no longer watched is said to have ended.
"""


def rules() -> str:
    """The rules for Prometheus."""
    lines = [
        "# made by docs/generate.py. Alerting rules for Prometheus: the same alerts that hl7-interface says by itself,",
        "# from /metrics (docs/alerts.md). rule_files: [alerts.rules.yml]",
        "groups:",
        "  - name: hl7-interface",
        "    rules:",
        "      - alert: Hl7InterfaceDown",
        f"        expr: absent({PREFIX}work_up)",
        "        for: 2m",
        "        labels:",
        "          severity: critical",
        "        annotations:",
        "          summary: The daemon does not answer",
        '          description: "nothing is taken; the queues of senders grow"',
        '          action: "does it run? systemctl status hl7-interface, journalctl -u hl7-interface"',
    ]
    for kind in KINDS:
        lines += [
            f"      - alert: Hl7Interface{_camel(kind.code)}",
            f'        expr: max by (job, alert) ({PREFIX}alert{{alert="{kind.code}"}}) == 1',
            "        labels:",
            f"          severity: {'critical' if kind.level == 'bad' else 'warning'}",
            "        annotations:",
            f"          summary: {json.dumps(kind.title, ensure_ascii=False)}",
            f"          description: {json.dumps(kind.means, ensure_ascii=False)}",
            f"          action: {json.dumps(kind.todo, ensure_ascii=False)}",
        ]
    return "\n".join(lines) + "\n"


def _camel(code: str) -> str:
    return re.sub(r"(?:^|-)([a-z])", lambda found: found[1].upper(), code)
