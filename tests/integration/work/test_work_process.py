"""The work as a process on a real store and a real API: order, retries, verdicts, ends and kills."""

import itertools
import re
import signal
import time

import orjson
import pytest


def taken_of(api, patient):
    return [told["n"] for told in api.taken if told["patient"] == patient]


def states(requests):
    return {
        state: sum(request.state == state for request in requests.values()) for state in ("delivered", "dead")
    }


def test_messages_become_posts_with_the_stored_body_and_the_key(api, feed, start, until, requests_by_id):
    (message,) = feed(("K1", 1))
    child = start()
    until(lambda: api.taken)
    code, reports = child.end()
    assert code == 0
    (request,) = requests_by_id().values()
    assert (request.state, request.message_id, request.attempts) == ("delivered", message, 1)
    assert request.correlation_id == "11111111-2222-4333-8444-555555555555"
    assert not request.possible_duplicate
    sent = api.headers[0]
    assert (sent["apiKey"], sent["Content-Type"]) == ("key", "application/json")
    counters = reports[-1]["counters"] if reports else {}
    assert counters.get("messages_post_total", 1) == 1


def test_a_wake_byte_is_answered_before_the_next_poll(api, feed, start, until):
    child = start()
    feed(("K0", 0))
    child.wake()
    until(lambda: api.taken)
    waits = []
    for n in range(5):
        began = time.monotonic()
        feed((f"K{n}", 1))
        child.wake()
        until(lambda n=n: len(api.taken) > n + 1)
        waits.append(time.monotonic() - began)
    assert min(waits) < 0.5
    assert child.end()[0] == 0


def test_one_patients_requests_go_one_by_one_in_order_and_patients_side_by_side(api, feed, start, until):
    # a request is answered only when others are there too: this can end only side by side
    def answer(told, number):
        until(lambda: api.most >= 4)
        return 200

    api.answer = answer
    feed(*((f"K{patient}", n) for n in range(10) for patient in range(4)))
    child = start("--concurrency", "8")
    until(lambda: len(api.taken) == 40)
    assert child.end()[0] == 0
    assert api.most_of_a_patient == 1
    for patient in range(4):
        assert taken_of(api, f"K{patient}") == list(range(10))


def test_after_a_server_error_the_patient_waits_and_others_go_on(api, feed, start, until, requests_by_id):
    fails = itertools.count()
    api.answer = lambda told, number: (
        503 if told["patient"] == "K1" and told["n"] == 0 and next(fails) < 3 else 200
    )
    feed(("K1", 0), ("K1", 1), ("K2", 0))
    child = start()
    until(lambda: len(api.taken) == 3)
    assert child.end()[0] == 0
    assert taken_of(api, "K1") == [0, 1]
    requests = requests_by_id()
    assert sorted(request.attempts for request in requests.values()) == [1, 1, 4]
    assert not any(request.possible_duplicate for request in requests.values())


@pytest.mark.parametrize("fault", ["hang", "drop"])
def test_what_may_have_arrived_is_sent_again_and_marked(api, feed, start, until, requests_by_id, fault):
    api.answer = lambda told, number: fault if number == 1 else 200
    feed(("K1", 0))
    child = start("--timeout", "2" if fault == "hang" else "20")  # the second attempt has to end within it
    until(lambda: api.taken)
    assert child.end()[0] == 0
    (request,) = requests_by_id().values()
    assert (request.state, request.attempts, request.possible_duplicate) == ("delivered", 2, True)


def test_a_refused_request_is_dead_and_the_patients_later_ones_go_on(
    api, feed, start, until, requests_by_id, store, tmp_path
):
    error = orjson.dumps({"message": "patient.name.family of ANNA EXAMPLE is invalid"})
    api.answer = lambda told, number: (400, error, {}) if told["n"] == 0 else 200
    feed(("K1", 0), ("K1", 1))
    child = start()
    until(lambda: api.taken)
    code, _reports = child.end()
    assert code == 0
    dead, delivered = (requests_by_id()[id_] for id_ in sorted(requests_by_id()))
    assert (dead.state, delivered.state) == ("dead", "delivered")
    detail = store.views.request(dead.id)
    assert [attempt.status for attempt in detail.attempts] == [400]
    log = (tmp_path / "work.log").read_text()
    assert "ANNA" not in log + detail.attempts[0].detail
    assert re.search(rf"event=attempt request={dead.id} status=400 verdict=dead", log)


def test_nobody_listening_is_waited_out(api, feed, start, until, requests_by_id, dead_url):
    feed(("K1", 0))
    child = start(url=dead_url)
    until(lambda: any(request.attempts >= 2 for request in requests_by_id().values()))
    assert child.end()[0] == 0
    (request,) = requests_by_id().values()
    assert (request.state, request.possible_duplicate) == ("waiting", False)
    child = start()
    until(lambda: api.taken)
    assert child.end()[0] == 0


def test_a_message_that_breaks_the_mapping_stays_and_the_next_goes_on(
    api, feed, start, until, store, tmp_path
):
    broken, _ = feed({"patient": "K1", "n": 0, "do": "broken"}, ("K1", 1))
    child = start()
    until(lambda: api.taken)
    assert child.end()[0] == 0
    message = store.views.message(broken)
    assert message.summary.state == "failed"
    assert message.summary.reasons[0]["code"] == "mapping-error"
    assert "ANNA" not in str(message.summary.reasons) + (tmp_path / "work.log").read_text()
    assert message.raw is not None


def test_a_message_that_kills_the_process_is_set_aside_after_some_starts(api, feed, start, until, store):
    killer, _ = feed({"patient": "K1", "n": 0, "do": "die"}, ("K2", 1))
    for _ in range(10):
        child = start()
        until(lambda child=child: api.taken or child.process.poll() is not None)
        if api.taken:
            break
    assert child.end()[0] == 0
    assert store.views.message(killer).summary.reasons[0]["code"] == "intake-crashed"


def test_a_cancellation_that_comes_during_an_attempt_is_honoured_when_the_attempt_fails(
    api, feed, start, until, requests_by_id, store
):
    def answer(told, number):
        if number == 1:
            api.resume.wait(10)
        return 500 if number == 1 else 200

    api.answer = answer
    feed(("K1", 0))
    child = start()
    until(lambda: api.seen)
    (cancel,) = feed({"patient": "K1", "n": 1, "do": "cancel"})
    feed(("K2", 0))
    child.wake()
    until(lambda: api.taken)  # the other patient is not held up
    assert store.views.message(cancel).summary.state == "new"
    api.resume.set()
    until(lambda: store.views.message(cancel).summary.state == "done")
    assert child.end()[0] == 0
    first = min(requests_by_id())
    assert requests_by_id()[first].state == "withdrawn"
    assert [told["patient"] for told in api.seen] == ["K1", "K2"]


def test_a_day_that_has_passed_expires_requests_unsent(api, feed, start, until, requests_by_id, dead_url):
    feed({"patient": "K1", "n": 0, "day": "2026-03-05"}, {"patient": "K2", "n": 0, "day": "2026-03-06"})
    child = start("--now", "2026-03-05T12:00:00Z", url=dead_url)
    until(lambda: len(requests_by_id()) == 2)
    assert child.end()[0] == 0
    child = start("--now", "2026-03-06T12:00:00Z")
    until(lambda: api.taken)
    assert child.end()[0] == 0
    assert [told["patient"] for told in api.seen] == ["K2"]
    assert sorted(request.state for request in requests_by_id().values()) == ["delivered", "expired"]


def test_the_day_is_looked_at_again_before_each_attempt(api, feed, start, until, requests_by_id):
    """The day changes while the request waits for its next attempt."""
    api.answer = lambda told, number: 503
    feed({"patient": "K1", "n": 0, "day": "2026-03-05"})
    child = start("--now", "2026-03-05T23:59:57Z")
    until(
        lambda: all(request.state == "expired" for request in requests_by_id().values()) and requests_by_id()
    )
    assert child.end()[0] == 0


@pytest.mark.parametrize("how", ["end of input", "SIGTERM"])
def test_asked_to_end_it_waits_for_what_is_being_sent(api, feed, start, until, requests_by_id, how):
    def answer(told, number):
        api.resume.wait(10)
        return 200

    api.answer = answer
    feed(("K1", 0), ("K1", 1))
    child = start()
    until(lambda: api.seen and len(requests_by_id()) == 2)
    if how == "SIGTERM":
        child.process.send_signal(signal.SIGTERM)
    else:
        child.process.stdin.close()
    log = child.log
    until(lambda: "work-draining" in log.read_text())
    api.resume.set()
    assert child.process.wait(20) == 0
    assert [request.state for _, request in sorted(requests_by_id().items())] == ["delivered", "waiting"]


def test_it_reports_numbers_on_its_output(api, feed, start, until):
    api.answer = lambda told, number: 503
    feed(("K1", 0))
    child = start()
    line = orjson.loads(child.process.stdout.readline())
    assert set(line) == {"gauges", "counters", "histograms", "destination"}
    assert all(re.fullmatch("[a-z][a-z0-9_]+", name) for part in line.values() for name in part)
    assert line["destination"]["state"] == "passing"
    until(lambda: len(api.seen) > 2)
    while "attempts_retry_total" not in line["counters"]:
        line = orjson.loads(child.process.stdout.readline())
    assert line["gauges"]["requests_dead"] == 0
    child.end()


@pytest.mark.timeout(110)
def test_killed_in_the_middle_of_a_stream_nothing_is_lost_and_each_patient_stays_in_order(
    api, feed, start, until, requests_by_id
):
    patients, each = 12, 25
    api.answer = lambda told, number: (200, 500, 200, 200, "drop", 200)[number % 6]
    child = start()
    n = 0
    for killed_after in (40, 60, 100):
        while n < each and (n * patients) < killed_after * 3:
            feed(*((f"K{patient}", n) for patient in range(patients)))
            child.wake()
            n += 1
        until(lambda wanted=killed_after: len(api.taken) >= wanted, what=f"{killed_after} POSTs")
        assert child.kill()[0] == -signal.SIGKILL
        child = start()
    while n < each:
        feed(*((f"K{patient}", n) for patient in range(patients)))
        n += 1
    child.wake()
    until(
        lambda: sum(request.state == "delivered" for request in requests_by_id().values()) == patients * each,
        what="every delivery",
    )
    assert child.end()[0] == 0
    requests = requests_by_id()
    marked = sum(request.possible_duplicate for request in requests.values())
    for patient in range(patients):
        arrived = taken_of(api, f"K{patient}")
        assert [told for told, _ in itertools.groupby(arrived)] == list(range(each)), "in order, none missing"
    assert len(api.taken) - patients * each <= marked
    assert api.most_of_a_patient <= 2  # one more than one: the killed process's last POST and its repetition


def test_a_request_made_for_a_day_that_has_passed_is_never_sent(api, feed, start, until, requests_by_id):
    feed({"patient": "K1", "n": 0, "day": "2026-03-05"}, ("K2", 0))
    child = start("--now", "2026-03-06T12:00:00Z")
    until(lambda: api.taken and any(request.state == "expired" for request in requests_by_id().values()))
    assert child.end()[0] == 0
    assert [told["patient"] for told in api.seen] == ["K2"]


@pytest.fixture
def refuse(store):
    """Makes the store refuse rows as a constraint would; gives what takes that back."""

    def run(*statements):
        with store._database.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def refusing(what, when):
        if store.path:
            run(f"CREATE TRIGGER refuse BEFORE {what} WHEN {when} BEGIN SELECT RAISE(ABORT, 'ANNA'); END")
            return lambda: run("DROP TRIGGER refuse")
        run(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RAISE check_violation USING MESSAGE = ''ANNA''; END'",
            f"CREATE TRIGGER refuse BEFORE {what} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuse()",
        )
        return drop

    def drop():
        if not store.path:
            run("DROP FUNCTION IF EXISTS refuse CASCADE")

    yield refusing
    drop()


def test_a_message_whose_row_the_store_refuses_is_set_aside_and_all_others_go_on(
    api, feed, start, until, store, refuse, tmp_path
):
    ids = feed(*((f"K{patient}", n) for n in range(20) for patient in range(5)))
    refused = ids[52]
    refuse("INSERT ON requests", f"NEW.message_id = {refused}")
    child = start()
    until(lambda: len(api.taken) == 99)
    assert child.end()[0] == 0
    shown = store.views.message(refused)
    assert (shown.summary.state, shown.summary.reasons[0]["code"]) == ("failed", "store-refused")
    assert shown.raw is not None
    assert "ANNA" not in str(shown.summary.reasons) + (tmp_path / "work.log").read_text()
    for patient in range(5):
        expected = [n for n in range(20) if (patient, n) != (2, 10)]
        assert taken_of(api, f"K{patient}") == expected


def test_an_attempt_that_the_store_refuses_is_stored_as_soon_as_it_can_be(
    api, feed, start, until, requests_by_id, refuse
):
    take_back = refuse("INSERT ON attempts", "NEW.request_id = 1")
    feed(("K1", 0), ("K1", 1), ("K2", 0), ("K3", 0))
    child = start()
    until(lambda: len(api.taken) == 3)
    feed(("K4", 0))
    until(lambda: len(api.taken) == 4)
    assert requests_by_id()[1].state == "sending"
    assert taken_of(api, "K1") == [0], "nothing overtakes it"
    take_back()
    until(lambda: len(api.taken) == 5)
    assert child.end()[0] == 0
    assert taken_of(api, "K1") == [0, 1]
    assert {request.attempts for request in requests_by_id().values()} == {1}
