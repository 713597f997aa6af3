"""What the simulated API answers to each call, without a socket."""

import json
from collections import Counter
from datetime import date

import pytest
from twisted.internet.defer import Deferred

from interface.contract.files import contract_file
from interface.contract.replies import read_error_body
from interface.sandbox.api import ENDPOINTS, Answer, Api, Environment, Incoming, Silence, TestPath
from interface.sandbox.calls import CallLog
from interface.sandbox.faults import FAIL_STATUSES, Dice, Fault, Faults
from interface.sandbox.judge import Judge
from interface.sandbox.test_patients import TestPatients

JUDGE = Judge()
V1 = b"/v1/scheduled-appointment"
V1_TEST = b"/v1/scheduled-appointment/test"
V2 = b"/v2/patient-data/process"
V2_VALIDATE = b"/v2/patient-data/validate"


def example(version, body):
    bodies = contract_file(version)["components"]["requestBodies"]
    return json.dumps(bodies[body]["content"]["application/json"]["examples"]["minimal"]["value"]).encode()


BODIES = {1: example(1, "ScheduledAppointment"), 2: example(2, "Panel")}


def an_api(faults=None, *, seed=7, judge=JUDGE, log=None, **more):
    return Api(
        "good",
        Dice(faults or Faults(), seed),
        log if log is not None else CallLog(100),
        lambda: date(2026, 3, 5),
        key_without_permission="weak",
        judge=judge,
        **more,
    )


def a_call(path=V1, **change):
    endpoint = ENDPOINTS.get(path)
    call = {
        "method": b"POST",
        "path": path,
        "key": b"good",
        "content_type": b"application/json",
        "body": BODIES[endpoint.version] if endpoint else b"{}",
    }
    return Incoming(**{**call, **change})


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_valid_request_gets_200_and_a_correlation_id(path):
    answer = an_api().answer(a_call(path))
    assert answer.status == 200
    assert len(json.loads(answer.body)["correlationId"]) == 36


def test_a_panel_gets_an_id_for_each_patient():
    panel = json.loads(BODIES[2])
    panel["patientProcessingRequests"] *= 3
    reply = json.loads(an_api().answer(a_call(V2, body=json.dumps(panel).encode())).body)
    assert [each["sequenceNumber"] for each in reply["responses"]] == [0, 1, 2]
    assert len({reply["correlationId"], *(each["correlationId"] for each in reply["responses"])}) == 4


ANSWERS = [
    # what is wrong, path, change to the call, status
    ("no key", V1, {"key": None}, 401),
    ("wrong key", V1, {"key": b"bad"}, 401),
    ("empty key", V1, {"key": b""}, 401),
    ("key without permission", V1, {"key": b"weak"}, 403),
    ("key without permission", V1_TEST, {"key": b"weak"}, 403),
    ("key without permission", V2, {"key": b"weak"}, 403),
    ("checking needs no permission in version 2", V2_VALIDATE, {"key": b"weak"}, 200),
    ("wrong method", V1, {"method": b"GET"}, 405),
    ("unknown path", b"/v1/other", {}, 404),
    ("path with a slash more", b"/v1/scheduled-appointment/", {}, 404),
    ("too large", V1, {"too_large": True}, 413),
    ("no content type", V1, {"content_type": None}, 415),
    ("wrong content type", V1, {"content_type": b"text/plain"}, 415),
    ("content type with a charset", V1, {"content_type": b"Application/JSON; charset=utf-8"}, 200),
    ("no JSON", V1, {"body": b"{"}, 400),
    ("no body", V1, {"body": b""}, 400),
    ("not UTF-8", V1, {"body": b'{"a": "\xff"}'}, 400),
    ("NaN", V1, {"body": b'{"a": NaN}'}, 400),
    ("not valid", V1, {"body": b"{}"}, 400),
    ("the other version's body", V1, {"body": BODIES[2]}, 400),
    ("the other version's body", V2, {"body": BODIES[1]}, 400),
]


@pytest.mark.parametrize(
    ("path", "change", "status"), [row[1:] for row in ANSWERS], ids=[f"{row[0]} {row[1]}" for row in ANSWERS]
)
def test_each_wrong_call_gets_its_status(path, change, status):
    answer = an_api().answer(a_call(path, **change))
    assert answer.status == status
    body = json.loads(answer.body)
    if status in (200, 401, 403):
        assert "correlationId" in body
    else:
        assert read_error_body(answer.body).message


def test_a_405_names_the_allowed_method():
    assert an_api().answer(a_call(method=b"PUT")).headers == ((b"allow", b"POST"),)


def test_a_400_names_the_failing_fields_and_no_values():
    request = json.loads(BODIES[1])
    request["patient"]["name"]["family"] = "Zzyzx;"
    del request["patient"]["address"]["zip"]
    answer = an_api().answer(a_call(body=json.dumps(request).encode()))
    body = json.loads(answer.body)
    assert body["message"] == "the request is not valid: 2 problems"
    assert body["path"] == V1.decode()
    assert [error["path"] for error in body["_embedded"]["errors"]] == [
        "patient.name.family",
        "patient.address.zip",
    ]
    assert b"Zzyzx" not in answer.body


def test_without_the_judge_any_object_passes():
    assert an_api(judge=None).answer(a_call(body=b"{}")).status == 200
    assert an_api(judge=None).answer(a_call(V2, body=b"{}")).status == 200
    assert an_api(judge=None).answer(a_call(body=b"[]")).status == 400


def outcome_of(faults, count=1):
    log = CallLog(1000)
    told = []
    api = an_api(faults, log=log, taken_in=told.append)
    outcomes = [api.answer(a_call()) for _ in range(count)]
    return outcomes, list(log.after(0)), told


def test_a_throttled_call_is_told_when_to_come_back_and_not_taken_in():
    (answer,), (call,), told = outcome_of(Faults(throttle=1))
    assert (answer.status, answer.headers) == (429, ((b"retry-after", b"1"),))
    assert (call.accepted, call.answered, call.status, told) == (False, True, 429, [])


def test_a_failed_call_is_a_500_502_or_503_and_not_taken_in():
    outcomes, calls, told = outcome_of(Faults(fail=1), 60)
    assert {answer.status for answer in outcomes} == set(FAIL_STATUSES)
    assert not told
    assert not any(call.accepted for call in calls)


def test_a_hanging_call_is_taken_in_and_not_answered():
    (silence,), (call,), told = outcome_of(Faults(hang=1))
    assert silence == Silence(closes=False)
    assert (call.accepted, call.answered, call.status, call.fault) == (True, False, None, "hang")
    assert call.correlation_id and told == [call]


def test_half_of_the_dropped_calls_are_taken_in():
    outcomes, calls, told = outcome_of(Faults(drop=1), 400)
    assert set(outcomes) == {Silence(closes=True)}
    assert 150 < len(told) < 250
    assert told == [call for call in calls if call.accepted]
    assert Counter(call.fault for call in told) == {"drop after": len(told)}
    assert not any(call.answered for call in calls)


def test_an_invalid_call_that_would_hang_or_drop_is_refused():
    api = an_api(Faults(hang=1))
    assert api.answer(a_call(body=b"{}")).status == 400
    assert api.answer(a_call(key=None)).status == 401


def test_shares_of_faults_come_out_as_asked():
    dice = Dice(Faults(throttle=0.1, fail=0.3, drop=0.2, hang=0.1), 3)
    drawn = Counter(dice.fault() for _ in range(10_000))
    for fault, share in {
        Fault.THROTTLE: 0.1,
        Fault.FAIL: 0.3,
        Fault.DROP_BEFORE: 0.1,
        Fault.DROP_AFTER: 0.1,
        Fault.HANG: 0.1,
        Fault.NONE: 0.3,
    }.items():
        assert abs(drawn[fault] / 10_000 - share) < 0.02


def test_a_seed_repeats_faults_and_correlation_ids():
    def story(seed):
        api = an_api(Faults(fail=0.3, drop=0.2), seed=seed)
        return [
            outcome.body if isinstance(outcome, Answer) else outcome
            for outcome in (api.answer(a_call()) for _ in range(50))
        ]

    assert story(1) == story(1)
    assert story(1) != story(2)


def test_correlation_ids_do_not_change_with_the_faults():
    plain, failing = Dice(Faults(), 5), Dice(Faults(fail=0.5), 5)
    for _ in range(20):
        failing.fault()
    assert plain.correlation_id() == failing.correlation_id()


@pytest.mark.parametrize("shares", [{"fail": 1.1}, {"fail": -0.1}, {"fail": 0.6, "hang": 0.6}])
def test_shares_that_make_no_sense_are_refused(shares):
    with pytest.raises(ValueError, match="shares"):
        Faults(**shares)


def test_calls_on_the_checking_paths_are_accepted_and_not_processed():
    log = CallLog(10)
    api = an_api(log=log)
    for path in ENDPOINTS:
        api.answer(a_call(path))
    assert [(call.accepted, call.processed) for call in log.after(0)] == [
        (True, ENDPOINTS[path].processes) for path in ENDPOINTS
    ]


def test_the_log_is_bounded_and_keeps_the_newest():
    log = CallLog(3)
    api = an_api(log=log)
    for _ in range(5):
        api.answer(a_call())
    api.answer(a_call(key=None))
    assert [call.number for call in log.after(0)] == [4, 5, 6]
    assert [call.number for call in log.after(4)] == [5, 6]
    assert [call.number for call in log.after(0, accepted_only=True)] == [4, 5]
    assert (log.seen, log.accepted) == (6, 5)


def test_the_bodies_of_refused_keys_are_not_kept():
    log = CallLog(3)
    an_api(log=log).answer(a_call(key=None))
    (call,) = log.after(0)
    assert call.body is None


def panel_of(*extensions):
    (entry,) = json.loads(BODIES[2])["patientProcessingRequests"]
    entries = []
    for extension in extensions:
        mrn = {**entry["patient"]["mrn"], "extension": extension}
        entries.append({**entry, "patient": {**entry["patient"], "mrn": mrn}})
    return json.dumps({"patientProcessingRequests": entries}).encode()


def test_each_patient_of_a_panel_has_an_id_of_its_own_and_the_log_knows_them():
    log = CallLog(10)
    answer = json.loads(an_api(log=log).answer(a_call(V2, body=panel_of("1", "2", "3"))).body)
    ids = [response["correlationId"] for response in answer["responses"]]
    assert [response["sequenceNumber"] for response in answer["responses"]] == [0, 1, 2]
    assert len({answer["correlationId"], *ids}) == 4
    (call,) = (call.as_json() for call in log.after(0))
    assert (call["correlationId"], call["patientIds"]) == (answer["correlationId"], ids)
    assert "of patients   3" in log.summary()


@pytest.mark.parametrize("path", [V2, V2_VALIDATE])
def test_one_bad_patient_refuses_the_whole_panel_and_is_named(path):
    answer = an_api().answer(a_call(path, body=panel_of("1", "2(3)")))
    assert answer.status == 400
    assert "patientProcessingRequests[1].patient.mrn.extension" in answer.body.decode()


@pytest.mark.parametrize(
    ("faults", "taken"),
    [(Faults(fail=1.0), 0), (Faults(throttle=1.0), 0), (Faults(hang=1.0), 2)],
    ids=["fail", "throttle", "hang"],
)
def test_faults_hit_a_panel_whole(faults, taken):
    log = CallLog(10)
    an_api(faults, log=log).answer(a_call(V2, body=panel_of("1", "2")))
    assert log.patients == taken


def test_staging_has_no_production_test_path_and_notes_who_called_it():
    log = CallLog(10)
    api = an_api(log=log, environment=Environment.STAGING)
    answers = {path: api.answer(a_call(path)).status for path in ENDPOINTS}
    assert answers == {V1: 200, V1_TEST: 404, V2: 200, V2_VALIDATE: 200}
    assert [call.status for call in log.after(0)] == list(answers.values())


@pytest.mark.parametrize("environment", [Environment.PRODUCTION, Environment.ALL])
def test_elsewhere_there_are_all_paths(environment):
    api = an_api(environment=environment)
    assert {api.answer(a_call(path)).status for path in ENDPOINTS} == {200}


@pytest.mark.parametrize(
    ("reply", "status", "body", "content_type"),
    [
        (TestPath.NO_ID, 200, b"{}", b"application/json"),
        (TestPath.EMPTY, 200, b"", b""),
        (TestPath.NO_CONTENT, 204, b"", b""),
    ],
)
def test_the_test_path_may_answer_without_an_id(reply, status, body, content_type):
    log = CallLog(10)
    api = an_api(log=log, test_path=reply)
    answer = api.answer(a_call(V1_TEST))
    assert (answer.status, answer.body, answer.content_type) == (status, body, content_type)
    (call,) = log.after(0)
    assert (call.accepted, call.processed, call.correlation_id) == (True, False, None)
    assert api.answer(a_call(V1_TEST, body=b"{}")).status == 400
    for path in (V1, V2, V2_VALIDATE):
        assert json.loads(api.answer(a_call(path)).body)["correlationId"]


def patient_of(body):
    patient = json.loads(body)["patient"]
    return patient["mrn"]["extension"], patient["name"]["family"].casefold(), patient["birthDate"]


@pytest.mark.parametrize(
    ("faults", "change"),
    [
        ({}, {}),
        ({}, {"key": None}),
        ({"fail": 1}, {}),
        ({"drop": 1}, {}),
        ({}, {"path": V1_TEST}),
        ({}, {"content_type": b"text/plain"}),
    ],
    ids=["good", "no key", "fail", "drop", "no such path", "no JSON type"],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_call_says_whether_it_was_about_a_test_patient_whatever_it_was_answered(faults, change, known):
    log = CallLog(10)
    number, family, birth_date = patient_of(BODIES[1])
    test_patients = TestPatients(frozenset({(number if known else "other", family, birth_date)}))
    api = an_api(Faults(**faults), log=log, test_patients=test_patients, environment=Environment.STAGING)
    api.answer(a_call(**{"body": BODIES[1], **change}))
    (call,) = log.after(0)
    assert call.as_json()["test_patient"] is known


def test_a_panel_is_about_test_patients_only_if_all_are():
    log = CallLog(10)
    (entry,) = json.loads(panel_of("1"))["patientProcessingRequests"]
    family, birth_date = entry["patient"]["name"]["family"].casefold(), entry["patient"]["birthDate"]
    test_patients = TestPatients(frozenset({(number, family, birth_date) for number in "12"}))
    api = an_api(log=log, test_patients=test_patients)
    for panel in (panel_of("1", "2"), panel_of("1", "3"), b"{", b"[]"):
        api.answer(a_call(V2, body=panel))
    assert [call.test_patient for call in log.after(0)] == [True, False, None, None]


def test_without_test_patients_nobody_is_said_to_be_one():
    log = CallLog(10)
    an_api(log=log).answer(a_call())
    (call,) = log.after(0)
    assert call.as_json()["test_patient"] is None


def test_an_answer_waits_for_what_comes_before_it_but_silence_does_not():
    before = Deferred()
    assert an_api(taken_in=lambda _: before).answer(a_call()).after is before
    assert an_api(Faults(hang=1), taken_in=lambda _: before).answer(a_call()) == Silence(closes=False)
