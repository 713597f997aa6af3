"""What is kept beside a request, and charts, as they are stored now and as older versions stored them."""

import itertools

import msgspec
import orjson
import pytest

from interface.chart.decide import Engine
from interface.chart.draft import Draft
from interface.chart.kept import detail, fields_json, kept_beside, left_out_json, with_note
from interface.chart.model import Appointment, Asked, Chart, Order, Problem, decode_chart, encode_chart
from interface.chart.packing import is_json, packed, unpacked
from interface.chart.reciprocity import Ledger, Share
from interface.chart.registry import Registry
from interface.cli.samples import load_samples
from interface.rules import Policy, load_rulebook
from interface.rules.facts import Fact, Leaf, LeftOut

PROOF = Ledger(Share(4, 4), Share(2, 1, {"over": 1}))

OLDER_DETAIL = (
    b'{"fields":[{"field":"patient.name.given[0]","value":"Piet","source":"B1:PID-5.2","rule":"patient.yaml#name"},'
    b'{"field":"medications[0].active","value":true,"source":"ORC-1","rule":"medications.yaml#control"}],'
    b'"left_out":[{"source":"DG1-3.1","value":"X1","why":"no such code"}],'
    b'"known":{"problems":{"known":4,"sent":4},"orders":{}},"repaired":[["patient.name","a title"]]}'
)
OLDER_CHART = (
    b'{"keys":["MRN|7"],"patient":{"patient.name":[{"family":"Doe"},[[".family","Doe","PID-5.1",""]],'
    b'"patient.yaml#name","2026-03-02T08:01:00","M1",["a title"],"",false,true,[]]},'
    b'"problems":[{"system":"ICD10","code":"E11.9","label":"Diabetes","leaves":[[".code","E11.9","DG1-3.1",""]],'
    b'"rule":"problems.yaml#diagnosis","at":"2026-03-02T08:01:00","message":"M1"}],'
    b'"orders":[{"ids":["P:1"],"facts":{},"at":"2026-03-02T08:01:00","ended_leaf":["",true,"ORC-1",""]}],'
    b'"appointments":{"A:1":{"key":"A:1","at":"2026-03-02T08:01:00","facts":{},'
    b'"asked":{"id":3,"state":"waiting","digest":"AAEC"}}},"renumbered":{"V1":["V2","2026-03-02T08:01:00"]}}'
)


def test_what_is_kept_tells_scalar_by_scalar_where_it_came_from():
    draft = Draft(
        "M2", left_out=[LeftOut("DG1-3.1", "X1", "no such code")], repaired=[("patient.name", "a title")]
    )
    leaves = (Leaf(".name", "Lakeside", "PV1-3.4"), Leaf(".npi", "1234567893", "PV1-3.1", "places.csv#D42"))
    draft.leaves("facility", Fact({}, leaves, "appointment.yaml#clinic", "2026", "M1"))
    draft.leaves("own", Fact("x", (Leaf("", "x", "PID-8"),), "patient.yaml#gender", "2026", "M2"))
    draft.add("clinicName", "Lakeside", "settings:request.clinic_name", "settings.yaml#clinic")
    assert kept_beside(detail(draft, PROOF)) == {
        "fields": [
            {
                "field": "facility.name",
                "value": "Lakeside",
                "source": "M1:PV1-3.4",
                "rule": "appointment.yaml#clinic",
            },
            {
                "field": "facility.npi",
                "value": "1234567893",
                "source": "M1:PV1-3.1",
                "rule": "places.csv#D42",
            },
            {"field": "own", "value": "x", "source": "PID-8", "rule": "patient.yaml#gender"},
            {
                "field": "clinicName",
                "value": "Lakeside",
                "source": "settings:request.clinic_name",
                "rule": "settings.yaml#clinic",
            },
        ],
        "left_out": [{"source": "DG1-3.1", "value": "X1", "why": "no such code"}],
        "known": {
            "problems": {"known": 4, "sent": 4},
            "orders": {"known": 2, "sent": 1, "left_out": {"over": 1}},
        },
        "repaired": [["patient.name", "a title"]],
    }


@pytest.mark.parametrize("version", [1, 2])
def test_what_is_kept_of_the_samples_is_what_explain_prints(version):
    engine, charts, ids = Engine(load_rulebook(), Policy(api_version=version)), Registry(), itertools.count(1)
    seen = 0
    for sample in load_samples():
        reading = engine.read(sample.message, received_at=sample.now)
        outcome = engine.decide(reading, charts.find(reading.keys), now=sample.now, new_id=ids.__next__)
        charts.keep(reading, outcome)
        for change in outcome.requests:
            if getattr(change, "body", None) and orjson.loads(change.body) == outcome.request:
                kept = kept_beside(change.detail)
                assert kept["fields"] == fields_json(outcome.fields)
                assert all(entry in left_out_json(outcome.left_out) for entry in kept["left_out"])
                seen += 1
    assert seen > 10


def test_what_older_versions_kept_is_told_as_it_was_stored():
    assert kept_beside(OLDER_DETAIL) == orjson.loads(OLDER_DETAIL)


@pytest.mark.parametrize("document", [OLDER_DETAIL, detail(Draft("M1", repaired=[("a", "b")]), PROOF)])
def test_who_gave_a_request_up_is_kept_with_all_that_was_there(document):
    noted = with_note(document, {"by": "anna", "why": "Robin called"})
    assert kept_beside(noted) == kept_beside(document) | {"discarded": {"by": "anna", "why": "Robin called"}}


@pytest.mark.parametrize("document", [None, b"", b"{", b"[]", b"\xc1", b"\x80\x80", b"MSH|"])
def test_what_cannot_be_read_tells_nothing(document):
    assert kept_beside(document) == {}
    assert kept_beside(with_note(document or b"", {"by": "anna"})) == {"discarded": {"by": "anna"}}


def test_a_chart_that_an_older_version_stored_is_read():
    moment = "2026-03-02T08:01:00"
    name = Fact({"family": "Doe"}, (Leaf(".family", "Doe", "PID-5.1"),), "patient.yaml#name", moment, "M1")
    chart = Chart(
        ["MRN|7"],
        patient={"patient.name": msgspec.structs.replace(name, said=("a title",), weak=True)},
        problems=[
            Problem(
                "ICD10",
                "E11.9",
                "Diabetes",
                (Leaf(".code", "E11.9", "DG1-3.1"),),
                "problems.yaml#diagnosis",
                moment,
                "M1",
            )
        ],
        orders=[Order(("P:1",), {}, moment, ended_leaf=Leaf("", True, "ORC-1"))],
        appointments={"A:1": Appointment("A:1", moment, {}, asked=Asked(3, "waiting", b"\x00\x01\x02"))},
        renumbered={"V1": ("V2", moment)},
    )
    assert decode_chart(OLDER_CHART) == chart
    assert decode_chart(encode_chart(chart)) == chart
    assert not is_json(encode_chart(chart))


def test_a_number_beyond_64_bits_is_kept():
    huge = 10**30
    chart = Chart(["MRN|7"], patient={"x": Fact(huge, (Leaf("", huge, "RXE-10"),), "a#b", "2026", "M1")})
    assert decode_chart(encode_chart(chart)) == chart
    draft = Draft("M1")
    draft.add("quantity", huge, "RXE-10", "a#b")
    assert kept_beside(detail(draft, PROOF))["fields"][0]["value"] == huge
    assert kept_beside(with_note(detail(draft, PROOF), {"by": "anna"}))["fields"][0]["value"] == huge


def test_a_chart_takes_a_quarter_less_room_than_json_and_what_is_beside_a_request_half(told):
    told.book("DG1|1||E11.9^Type 2 diabetes^I10", "DG1|2||I10^Hypertension^I10")
    (change,) = told.changes
    assert len(encode_chart(told.chart)) < 0.8 * len(msgspec.json.encode(told.chart))
    assert len(change.detail) < 0.55 * len(orjson.dumps(kept_beside(change.detail)))


def test_the_two_forms_are_told_apart_by_their_first_byte():
    assert unpacked(packed({"a": [1, "x"]})) == unpacked(b'{"a":[1,"x"]}') == {"a": [1, "x"]}


def test_a_message_of_which_there_is_nothing_to_say_keeps_no_note(told):
    told.book()
    assert told.outcome.note is None
    told.book("DG1|1||X99^Odd^ZZZ", key="F2")
    assert orjson.loads(told.outcome.note).keys() == {"left_out", "said"}
