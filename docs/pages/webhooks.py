# ruff: noqa: E501 - rows of tables are one line
"""docs/webhooks.md: what the vendor reports back, how it is taken, and what comes of it."""

from __future__ import annotations

from interface.contract.webhooks import EVENT_TYPES
from interface.delivery.outcomes import DELIVERED, FOUND, INSUFFICIENT, Event, Outcome, after
from interface.services.receiving import ANSWERS
from interface.services.webhook_chores import MOST_UNMATCHED, MOST_UNMATCHED_BYTES
from pages.markdown import MADE, table

SAID = (
    ("nothing that is published", ()),
    ("found", (FOUND,)),
    ("insufficient data", (INSUFFICIENT,)),
    ("found, then insufficient data", (FOUND, INSUFFICIENT)),
    ("found, then two documents", (FOUND, DELIVERED, DELIVERED)),
    ("insufficient data, then a document; or the other way round", (INSUFFICIENT, DELIVERED)),
)


def page() -> str:
    """The page on webhooks."""
    answers = [
        (
            answer.what,
            str(answer.status)
            + (", Retry-After" if answer.retry_after or answer.reason == "too-many" else ""),
            answer.stored,
            answer.then,
            f"`{answer.reason}`",
        )
        for answer in ANSWERS.values()
    ]
    outcomes = []
    for what, kinds in SAID:
        outcome = after(Outcome(), [Event(kind, 1.0) for kind in kinds])
        also = ", `contradicting`" if outcome.contradicting else ""
        outcomes.append((what, f"`{outcome.name}`{also}", outcome.text or "none yet"))
    return f"""{MADE}
<!-- from: a site with webhooks -->

# Webhooks

Connective Health answers a request later, by webhooks: POSTs to an address of yours, about the request's correlation id. Published are
{", ".join(f"`{kind}`" for kind in EVENT_TYPES)}; others may follow. The daemon stores each before it answers 2xx; what is not stored is
answered so that it is sent again. Bodies are stored encrypted; the log never shows any of them.

## Where they come in

```toml
[webhooks]
path = "/webhooks/connective-health"
secret = "file:webhook.secret"          # one more part of the path: https://HOST/webhooks/connective-health/SECRET
```

| way | settings | what is to be told to Connective Health |
| --- | --- | --- |
| TLS of the daemon's own (1.2 or newer) | `host = "0.0.0.0"`, `port = 8443`, `tls_certificate`, `tls_key` | `https://HOST:8443/webhooks/connective-health/SECRET` |
| behind a proxy on this machine | none: the port of `[web]`, or `port` for one of its own; `proxies = ["127.0.0.1"]` | the proxy's address |
| behind a proxy elsewhere | `host`, `port`, `proxies = ["10.20.0.5"]`: nobody else is taken there | the proxy's address |

Plain http that other machines can reach is refused when the settings are read, unless `proxies` says who ends TLS. Where `[webhooks]` is not
in the settings and `[web]` is open to others, none are taken.

Make a secret, readable for the daemon alone:

<!-- do -->
```sh
(umask 077; openssl rand -hex 24 > webhook.secret)
```

`hl7-interface check` says where they are taken, whom the certificate is for and when it ends. SIGHUP reads certificate, key, secret, `allow`,
`proxies` and `per_minute` anew; another host, port or `max_body_bytes` needs a restart.

### Behind nginx

```nginx
server {{
    listen 443 ssl;
    server_name interface.example.org;
    ssl_certificate     /etc/ssl/interface.pem;
    ssl_certificate_key /etc/ssl/interface.key;
    ssl_protocols       TLSv1.2 TLSv1.3;
    access_log off;                       # the path holds the secret
    location /webhooks/connective-health/ {{
        proxy_pass http://127.0.0.1:8025;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        client_max_body_size 256k;
    }}
}}
```

With `proxies = ["127.0.0.1"]`. Of `X-Forwarded-For` the last address that is no proxy of ours counts, for `allow` and `per_minute`: what stands
further left was written by whoever is sending.

## What is answered

{table(("what came", "answer", "stored", "the sender should", "counted as"), answers)}

A request that has not come whole within 30 seconds ends with its connection; there are 256 connections at most. A sender that is not in
`allow` (or, by `proxies`, no proxy) is hung up on without an answer where webhooks have a port of their own.

## What comes of a request

Webhooks are joined to requests by the correlation id of the reply. A webhook that comes before the reply waits for it as `unmatched`, and is joined when the
reply is stored. All ids count that the API gave for a request: of a reply that came back late, of a refusal, and of a panel of version 2, which
is about all its requests.

{table(("webhooks said", "`--outcome`", "shown as"), outcomes)}

The order in which they come does not matter. Of each kind the first one's receipt counts; how long it took is told from the API's reply to the
POST. Each webhook counts once, however often it is sent.

```console
$ hl7-interface requests --outcome contradicting
$ hl7-interface requests --unanswered
$ hl7-interface requests show 2
$ hl7-interface webhooks --unmatched
$ hl7-interface webhooks show 1
```

`webhooks show` masks what could be a patient's; `--body` shows it as it came.

**Unanswered** is a request that the API took in more than `expected_hours` (72) ago, on a path that processes, of which no webhook came: the daemon
counts them each minute, says `event=webhooks-overdue` when there begin to be some, and `hl7_interface_work_requests_unanswered` has their number.

**Unmatched** ones are kept up to {MOST_UNMATCHED:,}, and {MOST_UNMATCHED_BYTES // 1024 // 1024} MiB of them: then the oldest go, which is said. All are deleted
after `webhook_days` ([retention.md](retention.md)), and with their requests.

## What is assumed

The vendor's documentation leaves these open; either answer is survived.

| open | assumed |
| --- | --- |
| what `data` holds | nothing is read from it |
| whether a secret or header can be set | the secret is in the URL, which can be |
| from which addresses they come | from any, unless `allow` says |
| how often, for how long and in what order they are sent | any; a repeat is what has the same type, correlationId, batchId, timestamp and data |
| whether one `{DELIVERED}` is sent for each document | yes: `documents` counts them |
| whether version 2 names the panel or the patient | either; a panel's is about all its patients |
| whether the path that only validates sends any | no: nothing is awaited there; what comes is joined |
| the time it bears | shown, not gone by: our clock says when it came |
"""
