"""Messages at a fixed rate: their schedule, how long each waited, whether the rate was kept, the highest that is."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf
from pathlib import Path

import pytest

from benchmarks.ages import Offered, highest_kept, post_ages
from benchmarks.messages import LAG, Feed, mrn_of
from benchmarks.sink import Counts

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def run_of(rate: float, ages: list[float]) -> Offered:
    return Offered(rate, [0.01] * len(ages), ages)


def test_a_rate_is_kept_when_nothing_is_old_missing_or_twice() -> None:
    run = run_of(100, [0.095] * 400)
    assert run.kept
    assert (run.missing, run.oldest) == (0, 0.095)
    assert run.behind == 10  # those of the last tenth of a second
    assert not Offered(100, run.acks, run.posts, unasked=1).kept


@pytest.mark.parametrize(
    ("ages", "why"),
    [
        ([0.1] * 399 + [1.5], "one is old"),
        ([0.1] * 399 + [inf], "one is missing"),
        ([0.001 * place for place in range(400)], "each waits longer than the one before"),
    ],
)
def test_a_rate_is_not_kept_when(ages: list[float], why: str) -> None:
    assert not run_of(100, ages).kept, why


def test_falling_behind_is_the_share_of_time_by_which_ages_grow() -> None:
    # offered 100 a second, POSTed 80: what falls due a second later is a quarter of a second older when its POST comes
    ages = [place * (1 / 80 - 1 / 100) for place in range(1000)]
    assert run_of(100, ages).falling_behind == pytest.approx(0.25, rel=0.01)
    assert run_of(100, [0.3] * 1000).falling_behind == 0


def test_rates_that_came_of_it_are_from_the_first_to_the_last() -> None:
    run = Offered(10, acks=[0.0] * 10 + [1.0], posts=[0.0] * 10 + [4.5])
    assert run.answered == pytest.approx(11 / 2.0)
    assert run.posted == pytest.approx(11 / 5.5)


def test_windows_are_pieces_in_order() -> None:
    pieces = run_of(10, [float(n) for n in range(11)]).windows(5)
    assert [list(piece.posts) for piece in pieces] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_each_post_is_that_of_the_patients_next_message() -> None:
    told = [(8, 1.5), (7, 2.0), (7, 5.0), (7, 6.0), (9, 6.0)]
    ages, unasked = post_ages([7, 8, 7, 6], lambda place: float(place), told)
    assert ages == [2.0, 0.5, 3.0, inf]
    assert unasked == 2


@pytest.mark.parametrize("limit", [33.0, 99.0, 100.0, 250.0, 1000.0])
def test_the_highest_rate_is_found_to_a_tenth(limit: float) -> None:
    tried: list[float] = []

    def kept(rate: float) -> bool:
        tried.append(rate)
        return rate <= limit

    found = highest_kept(100, kept)
    assert limit / 1.1 < found <= limit
    assert len(tried) == len(set(tried)) <= 12


def test_no_rate_is_found_when_none_is_kept() -> None:
    assert highest_kept(100, lambda _: False) == 0


def test_who_a_message_is_about_is_known_by_its_index() -> None:
    feed = Feed(NOW)
    for index in (0, 1, 2, 3 * LAG, 3 * LAG + 1, 3 * LAG + 2):
        assert f"PID|1||{mrn_of(index)}^".encode() in feed.message(index)
    assert mrn_of(3 * LAG + 2) == mrn_of(0)


def test_the_sink_notes_whom_each_patient_of_a_post_is() -> None:
    counts = Counts()
    one = b'{"patient":{"mrn":{"root":"1.2","extension":"7"}},"telecom":{"extension":"99"}}'
    counts.take(b"POST /v1/scheduled-appointment HTTP/1.1\r\n\r\n" + one, 3.0)
    answer = counts.take(
        b'POST /v2/patient-data/process HTTP/1.1\r\n\r\n{"patientProcessingRequests":[%s,%s]}' % (one, one),
        4.0,
    )
    assert counts.told(0) == [(7, 3.0), (7, 4.0), (7, 4.0)]
    assert counts.told(2) == [(7, 4.0)]
    assert [each["sequenceNumber"] for each in json.loads(answer)["responses"]] == [0, 1]
    assert counts.as_json() == {"posts": 2, "told": 3, "bytes": counts.bytes, "last": 4.0}


def answering(server: socket.socket, stalls: Callable[[int], float]) -> None:
    """Answers what comes on one connection; `stalls`: seconds before the nth answer."""
    connection, _ = server.accept()
    with connection:
        buffer, number = b"", 0
        while data := connection.recv(65536):
            buffer += data
            while b"\x1c\r" in buffer:
                frame, _, buffer = buffer.partition(b"\x1c\r")
                control_id = frame.split(b"|")[9]
                threading.Event().wait(stalls(number))
                connection.sendall(b"\x0bMSH|^~\\&|\rMSA|AA|" + control_id + b"\r\x1c\r")
                number += 1


def test_what_waits_behind_a_slow_answer_is_late_from_when_it_was_due() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = threading.Thread(target=answering, args=(server, lambda number: 0.5 if number == 0 else 0.0))
        peer.start()
        command = [
            sys.executable, "-m", "benchmarks.open_load", "--port", str(server.getsockname()[1]),
            "--connections", "1", "--rate", "100", "--count", "20", "--first", "5", "--now", NOW.isoformat(),
        ]  # fmt: skip
        root = Path(__file__).resolve().parents[3]
        found = json.loads(subprocess.run(command, capture_output=True, check=True, cwd=root).stdout)
        peer.join()
    assert found["wrong"] == 0
    assert len(found["acks"]) == 20
    # the nth was due n hundredths after the first, and could be answered only after half a second
    assert all(age >= 0.5 - place / 100 for place, age in enumerate(found["acks"]))
