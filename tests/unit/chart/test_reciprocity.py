"""Every request proves that it shares what is known: a count of it, what was sent, and why anything was not."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telling import DRUG, PID, booked, orc, rxe, segment

from interface.chart.decide import Engine
from interface.chart.guarding import Ruling
from interface.chart.kept import kept_beside
from interface.chart.reciprocity import REASONS, ledger
from interface.chart.registry import Registry
from interface.cli.samples import load_samples
from interface.contract.versions import version
from interface.rules import Policy, load_rulebook

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
BOOK = load_rulebook()
OTHER = "197361^amlodipine^RXNORM"


def known(told):
    """What the last request proves of its problems and its orders."""
    *_, change = (change for change in told.changes if getattr(change, "detail", b""))
    found = kept_beside(change.detail)["known"]
    return found["problems"], found["orders"]


def dg1(code, number=1):
    return f"DG1|{number}||{code}"


def prb(code, action="AD", **fields):
    return segment(f"PRB|{action}|20260301|{code}|I1", **fields)


# ---------------------------------------------------------------- what is counted


def test_what_is_sent_is_known_and_nothing_is_left_out(told):
    told.book(dg1("E11.9^D^I10"), dg1("401.1^H^I9"), dg1("44054006^D^SCT"), orc(), rxe())
    assert known(told) == ({"known": 3, "sent": 3}, {"known": 1, "sent": 1})


def test_a_patient_of_whom_nothing_is_known_has_nothing_to_share(told):
    told.book()
    assert known(told) == ({}, {})


def test_a_code_counts_once_however_many_visits_name_it(told):
    told.tell("ADT^A08", PID, f"PV1|1|O{'|' * 17}V1", dg1("E11.9^D^I10"))
    told.tell("ADT^A08", PID, f"PV1|1|O{'|' * 17}V2", dg1("E11.9^D^I10"), dg1("I10^H^I10"))
    booked(told)
    assert known(told)[0] == {"known": 2, "sent": 2}


def test_what_a_message_has_ended_is_not_to_be_shared(told):
    told.tell("PPR^PC1", PID, prb("E11.9^D^I10", f14="Resolved"))
    told.tell("RDE^O11", PID, orc(), rxe())
    told.tell("RDE^O11", PID, orc("DC"), rxe())
    booked(told)
    assert known(told) == ({}, {})


def test_a_problem_that_the_sender_calls_confidential_is_known_and_left_out(told):
    told.tell("PPR^PC1", PID, prb("E11.9^D^I10", f25="R"))
    booked(told)
    assert known(told)[0] == {"known": 1, "left_out": {"confidential": 1}}


def test_an_order_that_the_sender_calls_confidential_is_known_and_left_out(told):
    told.tell("RDE^O11", PID, orc(f28="R"), rxe())
    booked(told)
    assert known(told)[1] == {"known": 1, "left_out": {"confidential": 1}}


def test_an_order_that_names_no_drug_is_an_exception(told):
    told.tell("RDE^O11", PID, orc(), rxe(""))
    booked(told)
    assert known(told)[1] == {"known": 1, "left_out": {"no-drug": 1}}


def test_a_visits_diagnosis_grows_old(told):
    told.tell("ADT^A08", PID, dg1("E11.9^D^I10"), at="202001010800")
    told.book(dg1("I10^H^I10"))
    assert known(told)[0] == {"known": 2, "sent": 1, "left_out": {"not-seen": 1}}


def test_a_day_of_resolution_that_has_come_since_is_over(told):
    told.tell("PPR^PC1", PID, prb("E11.9^D^I10", f9="20260304"))
    told.now += timedelta(days=5)
    booked(told)
    assert known(told)[0] == {"known": 1, "left_out": {"over": 1}}


@pytest.mark.parametrize(
    "timing",
    [
        "1^BID^^20260201^20260210",  # stopped
        "1^BID^D10^20260201",  # its days have passed
    ],
)
def test_an_order_that_has_run_out_is_over(told, timing):
    told.tell("RDE^O11", PID, orc(), rxe(f1=timing))
    told.tell("RDE^O11", PID, orc(placer="P2"), rxe(OTHER))
    booked(told)
    assert known(told)[1] == {"known": 2, "sent": 1, "left_out": {"over": 1}}


def test_orders_of_one_drug_are_each_in_its_entry(told):
    for number in (1, 2, 3):
        told.tell("RDE^O11", PID, orc(placer=f"P{number}"), rxe(f1=f"{number}^BID"))
    answer = booked(told)
    assert len(answer["request"]["medications"]) == 1
    assert known(told)[1] == {"known": 3, "sent": 3}


def test_what_the_site_withholds_is_an_exception(story, tmp_path):
    folder = tmp_path / "site-mappings"
    folder.mkdir()
    rows = "system,code,reason\nICD10,F10*,42 CFR Part 2\nRXNORM,860975,\n"
    (folder / "withhold.csv").write_text(rows)
    told = story(load_rulebook(folder, shown="site-mappings"))
    told.book(dg1("F10.20^A^I10"), dg1("I10^H^I10"), orc(), rxe(), orc(placer="P2"), rxe(OTHER))
    assert known(told) == (
        {"known": 2, "sent": 1, "left_out": {"withheld": 1}},
        {"known": 2, "sent": 1, "left_out": {"withheld": 1}},
    )


def test_a_system_that_only_version_2_takes_is_an_exception_of_version_1(story):
    told = story(api_version=2)
    told.book(dg1("30422^Essential hypertension^IMO^I10^Hypertension^I10"))
    assert known(told)[0] == {"known": 2, "sent": 2}
    told.engine = Engine(BOOK, Policy())
    booked(told)
    assert known(told)[0] == {"known": 2, "sent": 1, "left_out": {"no-list": 1}}


def test_what_the_staging_guard_keeps_is_an_exception(story):
    """It takes entries out of the finished request, by their places."""
    told = story()
    told.engine = replace(
        told.engine, guard=lambda case: Ruling(withheld=("activeIcd10Diagnoses[0]", "medications[1]"))
    )
    told.book(dg1("E11.9^D^I10"), dg1("I10^H^I10"), orc(), rxe(), orc(placer="P2"), rxe("^aspirin"))
    exception = {"known": 2, "sent": 1, "left_out": {"not-test-data": 1}}
    assert known(told) == (exception, exception)


# ---------------------------------------------------------------- that it would be noticed


def composed(messages, policy=None):
    """The chart after some messages, and the last request with what was noted as left out."""
    engine, charts, ids = Engine(BOOK, policy or Policy()), Registry(), itertools.count(1)
    for raw in messages:
        reading = engine.read(raw, received_at=NOW)
        outcome = engine.decide(reading, charts.find(reading.keys), now=NOW, new_id=ids.__next__)
        charts.keep(reading, outcome)
    return engine, charts.all()[0], outcome


def message(kind, *segments, number=1):
    head = f"MSH|^~\\&|APP|FAC|R|R|2026030208{number:02d}||{kind}|M{number}|P|2.5.1"
    return "\r".join((head, *segments)).encode()


FULL = [
    message("ADT^A08", PID, *(dg1(code) for code in ("E11.9^D^I10", "401.1^H^I9", "44054006^D^SCT"))),
    message("RDE^O11", PID, orc(), rxe(f1="1^BID"), orc(placer="P2"), rxe(f1="2^QD"), number=2),
    message("RDE^O11", PID, orc(placer="P3"), rxe(OTHER), number=3),
    message(
        "SIU^S12",
        "SCH||F1|||||||||^^^20260310093000",
        PID,
        "AIP|1||1234567893^Quill^Avery^^^^^^NPI",
        number=4,
    ),
]


def prove(engine, chart, request, left_out=()):
    return ledger(BOOK, engine.policy, chart, request, left_out, NOW.date())


def spoiled():
    """Ways in which a request of version 1 could lack something; each with what must be missing then."""
    yield "a problem", lambda r: r["activeIcd10Diagnoses"].clear(), ("ICD10|E11.9",), ()
    yield "a list", lambda r: r.pop("activeIcd9Diagnoses"), ("ICD9|401.1",), ()
    yield "another code", lambda r: r["activeSnomedDiagnoses"][0].update(code="1"), ("SNOMED|44054006",), ()
    yield (
        "a list of another system",
        lambda r: r["activeIcd10Diagnoses"].extend(r.pop("activeIcd9Diagnoses")),
        ("ICD9|401.1",),
        (),
    )
    yield (
        "a prescription",
        lambda r: r["medications"][0]["medicationRequests"].pop(),
        (),
        ("metformin 500 MG",),
    )
    yield "a drug", lambda r: r["medications"].pop(), (), ("amlodipine",)
    yield "all drugs", lambda r: r.pop("medications"), (), ("metformin 500 MG",) * 2 + ("amlodipine",)
    yield "that it is taken", lambda r: r["medications"][1].update(active=False), (), ("amlodipine",)


@pytest.mark.parametrize(("spoil", "problems", "orders"), [way[1:] for way in spoiled()])
def test_what_a_request_lacked_would_be_missing(spoil, problems, orders):
    engine, chart, outcome = composed(FULL)
    request = copy.deepcopy(outcome.request)
    assert not prove(engine, chart, request).problems.missing
    spoil(request)
    found = prove(engine, chart, request)
    assert (found.problems.missing, found.orders.missing) == (problems, orders)
    assert found.problems.sent == 3 - len(problems) and found.orders.sent == 3 - len(orders)


@pytest.mark.parametrize("spoil", [lambda d: d.pop(), lambda d: d[-1].update(active=False)])
def test_version_2_must_call_active_what_is(spoil):
    engine, chart, outcome = composed(FULL, Policy(api_version=2))
    request = copy.deepcopy(outcome.request)
    assert prove(engine, chart, request).problems.sent == 3
    spoil(request["diagnoses"])
    assert len(prove(engine, chart, request).problems.missing) == 1


# ---------------------------------------------------------------- whatever is sent

CODES = (
    "30422^H^IMO",
    "E11.9^D^I10",
    "I10^H^I10",
    "401.1^H^I9",
    "44054006^D^SCT",
    "E11.9^D^I10^44054006^D^SCT",
    "K21^x",
)
DRUGS = (
    DRUG,
    OTHER,
    "00093-1048-01^met^NDC",
    "00093104801^met^NDC",
    "^aspirin",
    "^Aspirin",
    "",
    "4711^x^L",
)
VISITS = ("", "V1", "V2")
DG = st.tuples(st.just("ADT^A08"), st.sampled_from(VISITS), st.lists(st.sampled_from(CODES), max_size=4))
PR = st.tuples(
    st.just("PPR^PC1"),
    st.sampled_from(("AD", "UP", "DE", "CO")),
    st.sampled_from(CODES),
    st.fixed_dictionaries(
        {},
        optional={
            "f9": st.sampled_from(("20260101", "20260302", "20260401")),
            "f14": st.sampled_from(("Active", "Resolved", "Inactive")),
            "f25": st.sampled_from(("R", "U", "N")),
        },
    ),
)
RX = st.tuples(
    st.just("RDE^O11"),
    st.sampled_from(("NW", "DC", "RO", "XO", "SC", "")),
    st.sampled_from(("P1", "P2", "P3", "")),
    st.sampled_from(DRUGS),
    st.fixed_dictionaries(
        {},
        optional={
            "f1": st.sampled_from(("1^BID", "1^BID^D10^20260201", "^^^20260101^20260401", "^^^^20260201"))
        },
    ),
    st.sampled_from(("", "R", "N")),
    st.sampled_from(("", "I")),
)
LEFT = st.tuples(st.just("ADT^A03"), st.sampled_from(VISITS))
HISTORY = st.lists(DG | PR | RX | LEFT, min_size=1, max_size=10)


def written(number, step):
    kind = step[0]
    if kind == "ADT^A08":
        return message(
            kind,
            PID,
            f"PV1|1|O{'|' * 17}{step[1]}",
            *(dg1(c, n) for n, c in enumerate(step[2], 1)),
            number=number,
        )
    if kind == "PPR^PC1":
        return message(kind, PID, prb(step[2], step[1], **step[3]), number=number)
    if kind == "ADT^A03":
        return message(
            kind, f"EVN|A03|2026030208{number:02d}", PID, f"PV1|1|I{'|' * 17}{step[1]}", number=number
        )
    _, control, placer, drug, fields, secret, inpatient = step
    segments = [orc(control, placer, f28=secret, f29=inpatient), rxe(drug, **fields)]
    return message(kind, PID, f"PV1|1|I{'|' * 17}V1", *segments, number=number)


@pytest.mark.parametrize("number", [1, 2])
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(history=HISTORY, wait=st.sampled_from((0, 5, 40, 900)))
def test_whatever_was_sent_nothing_is_missing(number, history, wait):
    policy = Policy(api_version=number)
    messages = [written(place, step) for place, step in enumerate(history, 1)]
    now = NOW + timedelta(days=wait)
    engine, charts, ids = Engine(BOOK, policy), Registry(), itertools.count(1)
    start = (now + timedelta(days=5)).strftime("%Y%m%d")
    booking = FULL[3].replace(b"20260310093000", start.encode())
    last = booking.replace(b"202603020804", b"202603020859")  # newer than all
    for raw in (*messages, last):
        reading = engine.read(raw, received_at=now)
        outcome = engine.decide(reading, charts.find(reading.keys), now=now, new_id=ids.__next__)
        charts.keep(reading, outcome)
    assert outcome.decision == "post"
    (chart,) = charts.all()
    assert version(number).validated(outcome.request, now.date())[1] == ()
    for share in kept_beside(outcome.requests[-1].detail)["known"].values():
        left = share.get("left_out", {})
        assert share.keys() <= {"known", "sent", "left_out"}, "something is missing"
        assert share.get("known", 0) == share.get("sent", 0) + sum(left.values())
        assert left.keys() <= REASONS.keys()
    stated = {(p.system, p.code) for p in chart.problems if not p.ended and not p.gone}
    orders = [order for order in chart.orders if not order.ended]
    found = ledger(BOOK, policy, chart, outcome.request, outcome.left_out, now.date())
    assert found.problems.known >= len(stated) and found.orders.known >= len(orders)


def test_the_sample_messages_prove_it_too():
    samples = load_samples()
    engine, charts, ids = Engine(BOOK, Policy()), Registry(), itertools.count(1)
    proofs = []
    for sample in samples:
        reading = engine.read(sample.message, received_at=sample.now)
        outcome = engine.decide(reading, charts.find(reading.keys), now=sample.now, new_id=ids.__next__)
        charts.keep(reading, outcome)
        proofs += [
            kept_beside(change.detail)["known"]
            for change in outcome.requests
            if getattr(change, "detail", b"")
        ]
    assert len(proofs) >= 10
    assert not any("missing" in share for proof in proofs for share in proof.values())
    assert sum(proof["problems"].get("sent", 0) for proof in proofs) > 5
    assert sum(proof["orders"].get("sent", 0) for proof in proofs) > 3
