"""Every alert there is: a table that the code, the docs and the rules for Prometheus share.

An alert has one cause. What follows from a cause is not said beside it: `covers` names, for each alert, those that are not
begun while it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["bad", "warn"]
"""bad: somebody should come now; warn: today."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row."""

    code: str
    """Stable: in the log, in metrics, in what channels get."""
    level: Level
    title: str
    means: str
    begins: str
    """When, with the setting that moves it."""
    ends: str
    todo: str
    covers: tuple[str, ...] = ()
    """Those that do not begin while this one holds: they would say the same cause again."""
    holds: bool = False
    """It has to hold for `[alerts] hold_minutes` before it is said."""
    settles: bool = True
    """It has to be over for `[alerts] settle_minutes` before that is said."""
    of_node: bool = False
    """It is about one machine: where several share a database, that one says it."""


DOWNSTREAM = ("oldest-waiting", "decisions-late")
"""What waits while the work does not get on."""

KINDS = (
    Kind(
        "journal-failing",
        "bad",
        "Messages cannot be stored",
        "nothing is acknowledged; senders keep what they have",
        "the journal can't be written for `hold_minutes`",
        "it can again",
        "the text says why: make room, bring the file or the server back, end what locks it",
        covers=("feed-silent", "webhooks-failing", "work-stuck", *DOWNSTREAM),
        holds=True,
        of_node=True,
    ),
    Kind(
        "listener-closed",
        "bad",
        "A listener takes nobody",
        "its certificate or key can't be used; its senders keep what they have, the other listeners go on",
        "at a start, when what its TLS is made of can't be read, has ended or does not fit",
        "SIGHUP finds what can be used",
        "renew the certificate, or put back what the text names, then SIGHUP; `hl7-interface check` looks at it before",
        settles=False,
        of_node=True,
    ),
    Kind(
        "disk-low",
        "bad",
        "Room on the disk runs out",
        "when it is full nothing can be stored any more",
        "less free room than `[store] disk_low_mib` where the store is",
        "a tenth more than that",
        "make room, or a larger disk; `purge` and shorter times in [store] help later, not now",
        settles=False,
        of_node=True,
    ),
    Kind(
        "too-many-waiting",
        "bad",
        "Too many messages wait",
        "nothing more is stored or acknowledged until fewer wait",
        "`[store] most_waiting` messages wait to be decided",
        "a tenth fewer",
        "why does the work not get on? Look for `work-died`, `store-failing` in the log",
        covers=("journal-failing", "feed-silent", *DOWNSTREAM),
        settles=False,
    ),
    Kind(
        "too-many-webhooks-waiting",
        "bad",
        "Too many webhooks wait",
        "no more are taken until fewer wait; Connective Health sends them again",
        "100,000 webhooks wait to be joined",
        "a tenth fewer",
        "why does the work not get on? Look for `work-died`, `store-failing` in the log",
        covers=("webhooks-failing", "webhooks-silent"),
        settles=False,
    ),
    Kind(
        "work-dying",
        "bad",
        "The work dies again and again",
        "messages are taken and acknowledged, nothing or little is decided and sent",
        "it ended three times within ten minutes",
        "it has run for ten minutes",
        "the log line before each `work-died` says why: a setting, a key, the store, a lock",
        covers=("work-stuck", *DOWNSTREAM, "webhooks-silent"),
        settles=False,
        of_node=True,
    ),
    Kind(
        "work-stuck",
        "bad",
        "The work cannot go on",
        "messages are taken and acknowledged, nothing is decided and sent",
        "it says so for `hold_minutes`",
        "it goes on",
        "the text says why, mostly the store",
        covers=DOWNSTREAM,
        holds=True,
        of_node=True,
    ),
    Kind(
        "decisions-late",
        "bad",
        "Messages wait to be decided",
        "the work hangs, or has more than it can do",
        "the oldest undecided message has waited for `late_minutes` (10)",
        "a tenth of it",
        "does the work use the processor? Restart it if it hangs; the log has its last line",
        settles=False,
    ),
    Kind(
        "destination-paused",
        "bad",
        "Sending is paused",
        "the API does not take what is sent, and only a person can put that right; nothing is lost",
        "nothing but probes goes out for `paused_minutes` (1)",
        "a request is delivered",
        "the text says what: the key, the address, or what the API refused",
        covers=("destination-away", "oldest-waiting", "webhooks-silent"),
    ),
    Kind(
        "destination-away",
        "bad",
        "The API is away",
        "it can't be reached, or fails; it is tried again and again, nothing is lost",
        "nothing but probes goes out for `away_minutes` (5), or for as long every try fails: those of two patients at "
        "least, or of one where the API is not even reached",
        "a request is delivered",
        "network, DNS, proxy, TLS: `hl7-interface check`, and the code in `requests show`; else Connective Health. "
        "It goes on by itself",
        covers=("oldest-waiting", "webhooks-silent"),
    ),
    Kind(
        "api-key-missing",
        "bad",
        "The API key is not there",
        "the next start, or the next reading of the key, finds none",
        "it can't be read from where `[api] key` points to, for `hold_minutes`",
        "it can again",
        "put it back; the text names the place",
        holds=True,
        of_node=True,
    ),
    Kind(
        "oldest-waiting",
        "warn",
        "A request waits for long",
        "it is due, and was not taken yet; held ones do not count",
        "the oldest waiting request was made `oldest_minutes` (60) ago",
        "half of it",
        "`hl7-interface requests --state waiting` and `requests show`: its attempts say why",
    ),
    Kind(
        "dead-letters",
        "bad",
        "Requests were given up",
        "the API refused their content, or they failed for a day while others passed",
        "one is dead that nobody has looked at",
        "none is left: all sent again or discarded, or `hl7-interface alerts seen`",
        "`hl7-interface requests --state dead` and `requests show`: what did the API say? Mend it, then `requests retry`",
        settles=False,
    ),
    Kind(
        "messages-failed",
        "bad",
        "Messages could not be decided",
        "a rule or the program broke on them; the others go on",
        "one failed that nobody has looked at",
        "none is left: all reprocessed, or `hl7-interface alerts seen`",
        "`hl7-interface messages --state failed`; when the cause is gone, `messages reprocess`",
        settles=False,
    ),
    Kind(
        "held-share",
        "warn",
        "Many requests are held",
        "the feed lacks what the API requires, more often than usual",
        "`held_percent` (50) of the requests made in the last `held_hours` (24) are held, and 20 at least",
        "four fifths of it",
        "`hl7-interface requests --state held --needs somebody`, or the console's page of holds: what does the sender lack?",
        settles=False,
    ),
    Kind(
        "feed-refused",
        "warn",
        "A feed sends what is no HL7",
        "it is answered AR or AE, the engine marks it as failed and does not send it again",
        "a tenth of a listener's messages of the last hour, and 10 at least",
        "less than a twentieth",
        "`hl7-interface messages --decision reject` and `messages show`: what was sent? The sender mends it and sends anew",
        settles=False,
    ),
    Kind(
        "webhooks-silent",
        "warn",
        "No webhook comes",
        "requests were taken in, and nothing is heard of any of them",
        "no webhook at all for `[webhooks] expected_hours`, while one is due for as long",
        "one comes, or none is due",
        "docs/webhooks.md: does the API know our address, does a firewall or the certificate keep them out?",
        settles=False,
    ),
    Kind(
        "webhooks-failing",
        "bad",
        "Webhooks cannot be stored",
        "they are answered 503, and sent again by Connective Health",
        "the store takes none for `hold_minutes`",
        "it does again",
        "the text says why: as for messages that cannot be stored",
        covers=("webhooks-silent",),
        holds=True,
        of_node=True,
    ),
    Kind(
        "feed-silent",
        "bad",
        "A feed is silent",
        "no message came although one is expected at this time of the week",
        "no message for `minutes` of its `windows`, see `[[alerts.feed]]`",
        "a message comes",
        "does the engine run, is its channel stopped, does its queue grow? `connections` in /metrics, `refused` in the log",
        settles=False,
    ),
    Kind(
        "certificate-ending",
        "warn",
        "A certificate ends soon",
        "when it has ended, who connects by TLS is refused, or refuses",
        "`certificate_days` (21) before its end",
        "a newer one is served",
        "renew it, put it in place of the old files, SIGHUP",
        settles=False,
        of_node=True,
    ),
    Kind(
        "wal-large",
        "warn",
        "The store's -wal grows",
        "a program has been reading the store for long, so that the file can't shrink",
        "256 MiB",
        "half of it",
        "end that reading: a backup tool, a shell, a report",
        settles=False,
        of_node=True,
    ),
    Kind(
        "clock-skew",
        "warn",
        "Clocks disagree",
        "days begin at the wrong time, and nodes of one database disagree on what came when",
        "this machine's clock is `skew_seconds` (60) off the API's or the database's, for `hold_minutes`",
        "half of it",
        "NTP: `timedatectl`, `chronyc tracking`; which of the two is wrong?",
        holds=True,
        of_node=True,
    ),
)
"""In the order of the docs: what needs somebody at once first."""

BY_CODE = {kind.code: kind for kind in KINDS}
