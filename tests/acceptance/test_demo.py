"""`demo` from outside: the whole way with no settings at all, webhooks included."""

import json

from running_program import call_from_nothing as call


def test_each_request_that_the_api_took_shows_what_webhooks_said_of_it() -> None:
    done = call("demo", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["messages"]
    told = {row["correlation_id"]: row["webhook"] for row in rows if row["correlation_id"]}
    assert len(told) > 5
    assert {(text or "nothing").split()[0] for text in told.values()} == {"delivered", "insufficient"}
    assert {row["webhook"] for row in rows if not row["correlation_id"]} == {None}
