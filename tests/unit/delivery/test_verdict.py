"""The table of delivery verdicts, row by row, and that no reply falls through it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.delivery.verdict import LONGEST_WAIT, VERDICTS, Reply, judge, retry_after_seconds

JSON = {"is_json_object": True, "content_type": "application/json"}


@pytest.mark.parametrize(
    ("reply", "kind", "code", "possible_duplicate"),
    [
        (Reply(200, correlation_id="c-1", **JSON), "delivered", "delivered", False),
        (Reply(200, **JSON), "delivered", "delivered-no-correlation-id", False),
        (Reply(202, correlation_id="c-1", **JSON), "delivered", "delivered", False),
        (Reply(202, **JSON), "retry", "not-an-api-reply", True),
        (Reply(204), "retry", "not-an-api-reply", True),
        (Reply(200, content_type="text/html"), "retry", "not-an-api-reply", True),
        (Reply(400, **JSON), "dead", "refused-by-api", False),
        (Reply(400, content_type="text/html"), "dead", "refused-by-api", False),
        (Reply(422, **JSON), "dead", "refused-by-api", False),
        (Reply(401, **JSON), "pause", "not-authorised", False),
        (Reply(403, **JSON), "pause", "not-authorised", False),
        (Reply(404), "pause", "wrong-destination", False),
        (Reply(405), "pause", "wrong-destination", False),
        (Reply(407), "pause", "wrong-destination", False),
        (Reply(413), "pause", "wrong-destination", False),
        (Reply(415), "pause", "wrong-destination", False),
        (Reply(408), "slow", "slow-down", False),
        (Reply(429), "slow", "slow-down", False),
        (Reply(500, **JSON), "retry", "server-error", False),
        (Reply(502), "retry", "gateway-error", True),
        (Reply(503), "retry", "server-error", False),
        (Reply(504), "retry", "gateway-error", True),
        (Reply(599), "retry", "server-error", False),
        (Reply(302), "retry", "unexpected-status", False),
        (Reply(409, **JSON), "retry", "unexpected-status", False),
        (Reply(failure="refused"), "retry", "refused", False),
        (Reply(failure="dns"), "retry", "dns", False),
        (Reply(failure="tls"), "retry", "tls", False),
        (Reply(failure="timeout-connect"), "retry", "timeout-connect", False),
        (Reply(failure="timeout-read"), "retry", "timeout-read", True),
        (Reply(failure="reset"), "retry", "reset", True),
        (Reply(failure="other"), "retry", "failed", True),
        (Reply(), "retry", "failed", True),
    ],
    ids=str,
)
def test_each_reply_has_the_verdict_of_the_table(reply, kind, code, possible_duplicate):
    verdict = judge(reply)
    assert (verdict.kind, verdict.code, verdict.possible_duplicate) == (kind, code, possible_duplicate)


def test_a_reply_that_broke_off_is_judged_by_the_failure_whatever_its_status_was():
    assert judge(Reply(status=200, failure="reset", is_json_object=True)).code == "reset"


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (Reply(200, correlation_id="c-1", **JSON), "delivered", "delivered"),
        (Reply(200, **JSON), "delivered", "delivered-no-correlation-id"),
        (Reply(200, is_empty=True), "delivered", "checked-no-body"),
        (Reply(204, is_empty=True), "delivered", "checked-no-body"),
        (Reply(200, content_type="text/html"), "retry", "not-an-api-reply"),
        (Reply(202, is_empty=True), "retry", "not-an-api-reply"),
        (Reply(400, is_empty=True), "dead", "refused-by-api"),
        (Reply(500, is_empty=True), "retry", "server-error"),
        (Reply(failure="timeout-read", is_empty=True), "retry", "timeout-read"),
    ],
    ids=str,
)
def test_what_a_path_that_only_checks_may_answer(reply, kind, code):
    verdict = judge(reply, checks_only=True)
    assert (verdict.kind, verdict.code) == (kind, code)
    if reply.is_empty and reply.status in (200, 204):
        assert judge(reply).code == "not-an-api-reply", "elsewhere it is no proof"


@pytest.mark.parametrize(
    ("reply", "suspect"),
    [
        (Reply(200, content_type="text/html"), True),
        (Reply(401), True),
        (Reply(404), True),
        (Reply(500), True),
        (Reply(failure="refused"), True),
        (Reply(400), False),
        (Reply(429), False),
        (Reply(200, is_json_object=True), False),
    ],
    ids=str,
)
def test_the_destination_is_suspect_when_the_fault_is_not_the_requests(reply, suspect):
    assert judge(reply).suspect is suspect


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("3600", 3600.0),
        ("86400", LONGEST_WAIT),
        ("9" * 5000, LONGEST_WAIT),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_retry_after_is_read_as_seconds_and_capped_at_an_hour(text, seconds):
    assert retry_after_seconds(text) == seconds


HALF_PAST = "Wed, 21 Oct 2026 07:30:00 GMT"
AT_HALF_PAST = 1_792_567_800.0


@pytest.mark.parametrize(
    ("date", "now", "seconds"),
    [
        ("", AT_HALF_PAST - 90, 90),
        ("Wed, 21 Oct 2026 07:28:00 GMT", AT_HALF_PAST - 1e9, 120),
        ("no date", AT_HALF_PAST - 90, 90),
        ("", AT_HALF_PAST + 90, 0),
        ("", AT_HALF_PAST - 86_400, 3600),
    ],
    ids=["by our clock", "by the API's own", "nonsense", "past", "far off"],
)
def test_retry_after_may_be_a_date_which_is_held_against_the_apis_own_clock(date, now, seconds):
    assert judge(Reply(429, retry_after=HALF_PAST, date=date), now).wait == seconds


def test_a_slow_verdict_waits_as_the_api_asks_or_as_the_schedule_says():
    assert judge(Reply(429, retry_after="17")).wait == 17
    assert judge(Reply(429, retry_after="tomorrow"), 1.0).wait is None
    assert judge(Reply(408)).wait is None


@given(
    st.builds(
        Reply,
        status=st.none() | st.integers(-1, 1200),
        failure=st.none()
        | st.sampled_from(["refused", "reset", "dns", "tls", "timeout-connect", "timeout-read", "other"]),
        is_json_object=st.booleans(),
        correlation_id=st.text(max_size=3),
        retry_after=st.text(max_size=5),
        together=st.integers(1, 3),
        panel_id=st.text(max_size=3),
    )
)
def test_no_reply_whatsoever_falls_through_or_is_lost(reply):
    verdict = judge(reply)
    assert verdict.code and verdict.text
    if verdict.kind == "dead":
        assert reply.status in (400, 422) and reply.together == 1
    if verdict.kind == "apart":
        assert reply.together > 1
    if verdict.kind == "delivered":
        assert reply.is_json_object and reply.failure is None


def test_every_row_says_what_it_is_about_and_can_be_reached():
    samples = [
        Reply(status, is_json_object=is_json, correlation_id=id_, panel_id=panel, together=together)
        for status in range(1, 600)
        for is_json in (True, False)
        for id_ in ("", "c")
        for panel, together in (("", 1), ("p", 1), ("p", 2))
    ] + [Reply(failure=failure) for row in VERDICTS for failure in row.failures]
    reached = {next(row.says for row in VERDICTS if row.fits(reply)) for reply in samples}
    assert reached == {row.says for row in VERDICTS}


def test_what_the_api_said_is_not_in_the_representation_of_a_reply():
    assert "SECRET" not in repr(Reply(400, excerpt=b"SECRET"))
