"""From the facts of a look to what is the case: where each alert begins and ends, and what is in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.alerting.conditions import JUDGES, Condition, conditions
from interface.alerting.facts import (
    Certificate,
    Destination,
    Facts,
    FeedLimit,
    Heard,
    Held,
    Limits,
    Refused,
    worst,
)
from interface.alerting.kinds import KINDS
from interface.alerting.week import Week, windows_of

ZONE = ZoneInfo("America/Chicago")
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=ZONE).timestamp()
"""A Monday."""
HOURS = Week(windows_of(["Mon-Fri 07:00-18:00"]), ZONE)
FEED = FeedLimit("main", "main", week=HOURS, seconds=1800)
SENDER = FeedLimit("main: EPIC", "main", "EPIC", "", HOURS, 1800)
LIMITS = Limits(
    disk_low_bytes=1000,
    most_waiting=100,
    certificates=("[web]",),
    clocks=("API", "database"),
    feeds=(FEED, SENDER),
)
FACTS = Facts(now=NOW, started=NOW - 86_400)


def case(code: str, scope: str = "", limits: Limits = LIMITS, **facts: object) -> str:
    return one(code, scope, limits, **facts).case


def one(code: str, scope: str = "", limits: Limits = LIMITS, **facts: object) -> Condition:
    found = conditions(replace(FACTS, **facts), limits)  # type: ignore[arg-type]
    return next(item for item in found if (item.code, item.scope) == (code, scope))


@pytest.mark.parametrize(
    ("code", "name", "bad", "between", "good"),
    [
        ("disk-low", "free_bytes", 1000, 1050, 1101),
        ("wal-large", "wal_bytes", 256 * 2**20, 200 * 2**20, 128 * 2**20),
        ("too-many-waiting", "waiting", 100, 95, 89),
        ("too-many-webhooks-waiting", "webhooks", 100_000, 95_000, 90_000),
        ("decisions-late", "late", 600.0, 300.0, 60.0),
        ("oldest-waiting", "oldest", 3600.0, 2000.0, 1800.0),
    ],
)
def test_levels_of_begin_and_end_lie_apart(
    code: str, name: str, bad: float, between: float, good: float
) -> None:
    assert [case(code, **{name: value}) for value in (bad, between, good)] == ["bad", "between", "good"]


def test_what_could_not_be_found_out_leaves_everything_as_it_was() -> None:
    assert {found.case for found in conditions(FACTS, LIMITS) if found.code != "work-dying"} == {"between"}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("journal-failing", "journal"),
        ("webhooks-failing", "inbox"),
        ("work-stuck", "trouble"),
        ("api-key-missing", "api_key"),
    ],
)
def test_what_says_by_itself_that_it_fails_is_believed(code: str, name: str) -> None:
    assert case(code, **{name: "the disk is full"}) == "bad"
    assert one(code, **{name: "the disk is full"}).text == "the disk is full"
    assert case(code, **{name: ""}) == "good"


def test_a_stopped_destination_counts_once_it_has_been_so_for_long_enough() -> None:
    def told(state: str, ago: float) -> dict[str, object]:
        return {"destination": Destination(state, "the key", NOW - ago)}

    assert case("destination-paused", **told("paused", 59)) == "between"
    assert case("destination-paused", **told("paused", 60)) == "bad"
    assert case("destination-away", **told("open", 299)) == "between"
    assert case("destination-away", **told("open", 300)) == "bad"
    for state in ("passing", "slowed"):
        assert case("destination-paused", **told(state, 9999)) == "good"
        assert case("destination-away", **told(state, 9999)) == "good"
    assert case("destination-away", **told("paused", 9999)) == "good"


def test_an_api_that_takes_nothing_is_told_by_time_though_too_few_try_to_stop_sending() -> None:
    def told(state: str, ago: float) -> dict[str, object]:
        return {"destination": Destination(state, away_since=NOW - ago)}

    assert case("destination-away", **told("passing", 299)) == "between"
    assert case("destination-away", **told("passing", 300)) == "bad"
    assert case("destination-away", **told("slowed", 300)) == "bad"
    assert case("destination-away", **told("paused", 9999)) == "good", "that is said by itself"
    (text,) = [
        one.text
        for one in conditions(replace(FACTS, **told("passing", 600)), LIMITS)  # type: ignore[arg-type]
        if one.code == "destination-away"
    ]
    assert text.startswith("every try has failed for 10 min, and nothing was taken: ")


def test_of_several_nodes_the_one_whose_tries_all_fail_counts_before_one_that_passes() -> None:
    failing, passing = Destination("passing", away_since=NOW), Destination("passing")
    assert worst([passing, failing]) == failing
    assert worst([failing, Destination("paused")]) == Destination("paused")


def test_the_work_dies_again_and_again_only_within_a_while() -> None:
    assert case("work-dying", deaths=(NOW - 500, NOW - 300, NOW - 1)) == "bad"
    assert case("work-dying", deaths=(NOW - 601, NOW - 300, NOW - 1)) == "between"
    assert case("work-dying", deaths=(NOW - 601,)) == "good"
    assert case("work-dying", started=NOW - 5) == "between"


def test_a_share_of_held_requests_needs_some_of_them() -> None:
    assert case("held-share", held=Held(40, 20)) == "bad"
    assert case("held-share", held=Held(20, 19)) == "between"
    assert case("held-share", held=Held(100, 41)) == "between"
    assert case("held-share", held=Held(100, 40)) == "good"
    assert case("held-share", held=Held(0, 0)) == "good"


def test_a_feed_is_refused_when_a_tenth_of_it_is_and_not_for_a_slip() -> None:
    assert case("feed-refused", refused=Refused("siu", 100, 10)) == "bad"
    assert case("feed-refused", refused=Refused("siu", 9, 9)) == "between"
    assert case("feed-refused", refused=Refused("siu", 200, 12)) == "between"
    assert case("feed-refused", refused=Refused("siu", 200, 10)) == "good"
    assert case("feed-refused", refused=Refused("", 0, 0)) == "good"
    assert "listener siu: 10 of the last 100" in one("feed-refused", refused=Refused("siu", 100, 10)).text


def test_webhooks_are_silent_only_while_one_is_due() -> None:
    silence = LIMITS.webhook_silence
    assert case("webhooks-silent", webhook_due=True, webhook_last=NOW - silence) == "bad"
    assert case("webhooks-silent", webhook_due=True, webhook_last=0.0) == "bad"
    assert case("webhooks-silent", webhook_due=True, webhook_last=NOW - silence + 1) == "good"
    assert case("webhooks-silent", webhook_due=False, webhook_last=0.0) == "good"


def test_dead_and_failed_begin_with_the_first_and_end_with_the_last() -> None:
    assert [case("dead-letters", dead=count) for count in (0, 1, 9)] == ["good", "bad", "bad"]
    assert [case("messages-failed", failed=count) for count in (0, 1, 9)] == ["good", "bad", "bad"]
    assert one("dead-letters", dead=1).text.startswith("1 request was given up")
    assert one("dead-letters", dead=2).text.startswith("2 requests were given up")


def test_a_certificate_is_told_in_time_and_once_it_has_ended() -> None:
    def ends(days: float) -> dict[str, object]:
        return {"certificates": (Certificate("[web]", NOW + days * 86_400),)}

    assert [case("certificate-ending", "[web]", **ends(days)) for days in (21, 21.5, 22, -1)] == [
        "bad",
        "between",
        "good",
        "bad",
    ]
    assert "has ended on" in one("certificate-ending", "[web]", **ends(-1)).text


def test_clocks_are_held_against_each_other() -> None:
    skews = {"API": -60.0, "database": 31.0}
    assert case("clock-skew", "API", skews=skews) == "bad"
    assert one("clock-skew", "API", skews=skews).text == "this machine's clock is 60 s behind the API's"
    assert case("clock-skew", "database", skews=skews) == "between"
    assert case("clock-skew", "database", skews={"database": 30.0}) == "good"


def test_a_listener_that_takes_nobody_is_told_with_why_until_it_does() -> None:
    where = "[[listener]] adt"
    limits = replace(LIMITS, certificates=(where, "[web]"))
    found = {
        one.scope: one
        for one in conditions(replace(FACTS, closed={where: "c.pem has expired"}), limits)
        if one.code == "listener-closed"
    }
    assert (found[where].case, found[where].text) == (
        "bad",
        "[[listener]] adt takes nobody: c.pem has expired",
    )
    assert found["[web]"].case == "good"
    assert {
        one.case for one in conditions(replace(FACTS, closed={}), limits) if one.code == "listener-closed"
    } == {"good"}


def silent(minutes: float, **facts: object) -> list[str]:
    heard = (Heard("main", NOW - minutes * 60), Heard("main: EPIC", NOW - 60))
    return [case("feed-silent", scope, heard=heard, **facts) for scope in ("main", "main: EPIC")]


def test_a_feed_is_silent_after_so_many_minutes_of_its_windows() -> None:
    assert silent(29)[0] == "good"
    assert silent(30)[0] == "bad"
    friday = datetime(2026, 2, 27, 17, 50, tzinfo=ZONE).timestamp()
    monday = datetime(2026, 3, 2, 7, 19, tzinfo=ZONE).timestamp()
    heard = (Heard("main", friday),)
    assert case("feed-silent", "main", heard=heard, now=monday) == "good"
    assert case("feed-silent", "main", heard=heard, now=monday + 60, started=friday) == "bad"
    sunday = datetime(2026, 3, 1, 12, 0, tzinfo=ZONE).timestamp()
    assert case("feed-silent", "main", heard=heard, now=sunday) == "good"


def test_silence_of_before_the_daemon_listened_does_not_begin_an_alert_and_does_not_end_one() -> None:
    assert silent(600, started=NOW - 60)[0] == "between"


def test_a_feed_that_was_never_heard_counts_from_when_it_is_watched() -> None:
    never = (Heard("main", None),)
    assert case("feed-silent", "main", heard=never, started=NOW - 1799) == "between"
    assert case("feed-silent", "main", heard=never, started=NOW - 1800) == "bad"


def test_senders_of_a_listener_that_is_silent_as_a_whole_are_not_named_one_by_one() -> None:
    heard = (Heard("main", NOW - 3600), Heard("main: EPIC", NOW - 3600))
    assert case("feed-silent", "main", heard=heard) == "bad"
    assert case("feed-silent", "main: EPIC", heard=heard) == "between"
    heard = (Heard("main", NOW - 60), Heard("main: EPIC", NOW - 3600))
    assert case("feed-silent", "main: EPIC", heard=heard) == "bad"


def test_what_nobody_wants_is_not_judged() -> None:
    found = conditions(FACTS, replace(LIMITS, off=frozenset({"wal-large"})))
    assert "wal-large" not in {item.code for item in found}


@given(st.floats(0, 1e12), st.floats(0, 1e12))
def test_a_larger_value_is_never_better_than_a_smaller_one(left: float, right: float) -> None:
    order = ("good", "between", "bad")
    low, high = sorted((left, right))
    for code, name in (("oldest-waiting", "oldest"), ("decisions-late", "late"), ("wal-large", "wal_bytes")):
        assert order.index(case(code, **{name: int(low)})) <= order.index(case(code, **{name: int(high)}))
    assert order.index(case("disk-low", free_bytes=int(high))) <= order.index(
        case("disk-low", free_bytes=int(low))
    )


def test_every_alert_of_the_table_is_judged_and_in_its_order() -> None:
    assert list(JUDGES) == [kind.code for kind in KINDS]
