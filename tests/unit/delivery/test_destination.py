"""What the attempts so far say of the destination."""

from interface.delivery.destination import OUTAGE_SECONDS, Destination
from interface.delivery.verdict import Reply, judge

PASSED = judge(Reply(200, is_json_object=True, correlation_id="c"))
REFUSED = judge(Reply(400))
FAILED = judge(Reply(500))


def after(*events, start=None):
    """Destination after (verdict, patient, time) events."""
    destination = start or Destination()
    for verdict, patient, now in events:
        destination = destination.after(verdict, patient, now)
    return destination


def test_nothing_has_passed_before_the_first_delivery():
    assert not after((FAILED, 1, 10.0)).others_passed(20.0)


def test_requests_pass_once_one_was_delivered():
    destination = after((FAILED, 1, 10.0), (PASSED, 2, 20.0))
    assert destination.others_passed(21.0)
    assert destination.failing_since(10.0) == 20.0
    assert destination.failing_since(25.0) == 25.0


def test_one_patient_failing_through_a_quiet_night_is_no_outage():
    night = 8 * 3600.0
    destination = after((PASSED, 1, 0.0), *((FAILED, 2, at * 300.0) for at in range(1, 96)))
    assert destination.others_passed(night)
    assert after((PASSED, 3, night), start=destination).failing_since(1.0) == 1.0


def test_after_an_outage_a_failing_request_gets_its_day_anew():
    outage = after((PASSED, 1, 0.0), (FAILED, 2, 10.0), (FAILED, 3, 11.0), (FAILED, 4, 12.0))
    back = OUTAGE_SECONDS + 1
    assert outage.others_passed(100.0)
    assert not outage.others_passed(back)
    assert after((PASSED, 1, back), start=outage).failing_since(10.0) == back


def test_failures_between_deliveries_are_no_outage():
    busy = after((PASSED, 1, 0.0), (FAILED, 2, 10.0), (FAILED, 3, 11.0), (FAILED, 4, 12.0), (PASSED, 5, 60.0))
    assert busy.failing_since(0.0) == 0.0


def test_a_refused_content_says_nothing_about_the_destination():
    assert after((REFUSED, 1, 1.0), (REFUSED, 2, 2.0)) == Destination()


def test_it_stays_small_however_many_fail():
    assert len(after(*((FAILED, patient, 1.0) for patient in range(1000))).failed) == 3


def test_a_delivery_since_a_moment_is_known():
    destination = after((FAILED, 1, 10.0), (PASSED, 2, 20.0))
    assert destination.delivered_since(10.0)
    assert not destination.delivered_since(20.0)
    assert not after((FAILED, 1, 10.0)).delivered_since(0.0)


def test_a_panel_taken_apart_is_the_answer_of_an_api_at_work():
    apart = judge(Reply(400, together=2))
    destination = after((PASSED, 1, 0.0), *((apart, patient, OUTAGE_SECONDS) for patient in range(5)))
    assert destination.others_passed(OUTAGE_SECONDS + 1)
