"""Whatever is sent: nothing crashes, every request that is posted is valid, and order matters only where it must."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interface.chart.decide import Engine
from interface.chart.model import decode_chart, encode_chart
from interface.chart.packing import unpacked
from interface.chart.registry import Registry
from interface.cli.samples import load_samples
from interface.contract.versions import version
from interface.rules import Policy, load_rulebook

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
TODAY = date(2026, 3, 2)
DECISIONS = {"post", "chart", "hold", "cancel", "ignore", "reject"}
SAMPLES = [sample.message for sample in load_samples()]
ENGINE = Engine(load_rulebook(), Policy())
SECOND = Engine(load_rulebook(), Policy(api_version=2, without_date="post"))
FULL = (
    b"MSH|^~\\&|APP|FAC|R|R|202603020800||SIU^S12|M1|P|2.5.1\rSCH|P1|F1|1|||X||NEW|||^^^20260310093000\r"
    b"PID|1|T0|T1001^^^LFC^MR~9^^^^SS||Sample^Robin^Lee^^^^L||19700131|F|||12 Birch Ln^^Madison^WI^53703^USA^H||"
    b"(608) 555-0142^PRN^PH~^NET^Internet^r@example.org|608.555.0143^WPN^CP\rPV1|1|O|P1^^^Lake|||"
    b"|1234567893^Quill^Avery^^^Dr^^^NPI&2.16.840.1.113883.4.6&ISO||||||||||||V1\rPV2||||||||20260311\r"
    b"DG1|1|I10|E119^Diabetes^I10^44054006^Diabetes^SCT||20240105||||||||||||N|||A\r"
    b"AIS|1||X|20260310\rAIG|1||7^Quill, Avery|MD\rAIL|1||R1^^^Lake\rAIP|1||1234567893^Quill^Avery^^^Dr^^^NPI|ATND\r"
    b"ORC|NW|P1|F1||IP||1^BID^D10^20260301^20260401||20260201|||1234567893^Quill^Avery^^^^^^NPI||||||||"
    b"|Lake|1 Way^^Madison^WI^53703\rTQ1|1||QD|||W2|20260301|20260401\r"
    b"RXE|1^Q12H^D30^20260301|860975^metformin^RXNORM^00093-1048-01^met^NDC|1|2|%|TAB|^1 daily|||30||2|||R7\rRXR|PO\r"
)
WORDS = [
    *(
        b"",
        b'""',
        b"0",
        b"-1",
        b"1e9",
        b"999999999999999999999",
        b"20260230",
        b"2026",
        b"I10",
        b"NPI",
        b"##X##",
    ),
    *(
        b"\\X00\\",
        b"\\X80\\",
        b"\\Xzz\\",
        b"\\",
        b"~~",
        b"^^^^^^^",
        b"&&&",
        b'<>;%@+"',
        b"\xff\xfe",
        b"\x00",
        b".",
    ),
    *(b"E11.9", b"Q0H", b"Q6H", b"A" * 300, "١٢٣٤٥".encode(), "🍎".encode(), b"$"),
]


class Feed:
    """Messages and the charts they make, as intake keeps them."""

    def __init__(self, engine: Engine = ENGINE):
        self.engine = engine
        self.charts = Registry()
        self.ids = itertools.count(1)

    def take(self, raw: bytes):
        reading = self.engine.read(raw, received_at=NOW)
        outcome = self.engine.decide(
            reading, self.charts.find(reading.keys), now=NOW, new_id=self.ids.__next__
        )
        assert outcome.decision in DECISIONS
        assert outcome.reasons
        assert all(reason.code and reason.text for reason in outcome.reasons)
        assert outcome.note is None or orjson.loads(outcome.note)
        if outcome.decision == "post":
            assert self.broken(outcome.request) == ()
        for change in outcome.requests:
            if getattr(change, "body", None) and change.state == "waiting":
                assert self.broken(orjson.loads(change.body)) == ()
        self.charts.keep(reading, outcome)
        for chart in self.charts.all():
            assert encode_chart(decode_chart(encode_chart(chart))) == encode_chart(chart)
        return outcome

    def broken(self, request):
        """The rules of the contract that a request breaks."""
        return version(self.engine.policy.api_version).validated(request, TODAY)[1]

    def known(self):
        """The charts without what is counted: numbers of requests."""
        found = {}
        for chart in self.charts.all():
            document = unpacked(encode_chart(chart))
            for entry in document.get("appointments", {}).values():
                entry.get("asked", {}).pop("id", None)
            found[chart.keys[0]] = document
        return found


@st.composite
def mutated(draw):
    """A sample with fields, components or bytes replaced, segments doubled, dropped or moved."""
    raw = draw(st.sampled_from([FULL, FULL, *SAMPLES]))
    segments = raw.split(b"\r")
    for _ in range(draw(st.integers(1, 6))):
        index = draw(st.integers(0, len(segments) - 1))
        kind = draw(st.sampled_from(["field", "component", "bytes", "drop", "double", "move"]))
        if kind in ("field", "component"):
            mark = b"|" if kind == "field" else b"^"
            parts = segments[index].split(mark)
            place = draw(st.integers(0, len(parts) - 1))
            parts[place] = draw(st.sampled_from(WORDS) | st.binary(max_size=12))
            segments[index] = mark.join(parts)
        elif kind == "bytes":
            at = draw(st.integers(0, len(segments[index])))
            segments[index] = segments[index][:at] + draw(st.binary(max_size=6)) + segments[index][at:]
        elif kind == "drop" and len(segments) > 2:
            del segments[index]
        elif kind == "double":
            segments.insert(index, segments[index])
        elif kind == "move":
            segments.append(segments.pop(index))
    return b"\r".join(segments)


QUICK = settings(max_examples=150, suppress_health_check=list(HealthCheck))


def test_the_full_message_is_posted_so_that_its_mutations_go_deep():
    request = Feed().take(FULL).request
    assert {"activeIcd10Diagnoses", "activeSnomedDiagnoses", "medications", "clinicName"} <= request.keys()


@QUICK
@given(st.binary(max_size=400))
def test_any_bytes_are_decided(raw):
    Feed().take(raw)
    Feed().take(b"MSH|^~\\&|A|B|C|D|20260302||SIU^S12|M1|P|2.5\rPID|" + raw)


@QUICK
@given(st.lists(mutated(), min_size=1, max_size=4))
def test_any_mutated_messages_are_decided_and_what_is_posted_is_valid(messages):
    feed = Feed()
    for raw in messages:
        feed.take(raw)


@QUICK
@given(st.lists(mutated(), min_size=1, max_size=4))
def test_the_same_holds_for_version_2(messages):
    feed = Feed(SECOND)
    for raw in messages:
        feed.take(raw)


@pytest.mark.parametrize("word", WORDS)
def test_any_odd_word_in_any_field_is_decided(word):
    segments = FULL.split(b"\r")[:-1]
    for index, segment in enumerate(segments):
        fields = segment.split(b"|")
        for place in range(1 + (index == 0), len(fields)):
            changed = [*fields[:place], word, *fields[place + 1 :]]
            Feed().take(b"\r".join([*segments[:index], b"|".join(changed), *segments[index + 1 :]]))


@pytest.mark.parametrize("word", [b".", b'""', b"<>", b"\\X00\\", b"A" * 300, b"1234567893"])
def test_an_optional_part_of_no_use_holds_nothing(word):
    """Odd words in orders, diagnoses and contact points leave a part out; they never hold the request."""
    segments = FULL.split(b"\r")[:-1]
    for index, segment in enumerate(segments):
        fields = segment.split(b"|")
        name = fields[0]
        places = range(1, len(fields)) if name in (b"DG1", b"ORC", b"RXE", b"RXR", b"TQ1", b"AIL") else ()
        for place in places or ([13, 14] if name == b"PID" else []):
            for component in range(fields[place].count(b"^") + 1):
                parts = fields[place].split(b"^")
                parts[component] = word
                changed = [*fields[:place], b"^".join(parts), *fields[place + 1 :]]
                raw = b"\r".join([*segments[:index], b"|".join(changed), *segments[index + 1 :]])
                assert Feed().take(raw).decision == "post", (name, place, component)


def told_of(document):
    """What a chart tells of its patient. That a value of an order was deleted is none: an order that stands twice in a
    message, once with `""`, knows of it from the second time on.
    """
    orders = [
        order | {"facts": {field: fact for field, fact in order["facts"].items() if fact[0] is not None}}
        for order in document.get("orders", ())
    ]
    return document.get("patient"), document.get("problems"), orders


@QUICK
@given(st.lists(mutated(), min_size=1, max_size=3))
def test_the_same_messages_again_give_the_same_charts(messages):
    """What a reader of the journal relies on: replaying is sure, and a message taken twice adds nothing."""
    one, other = Feed(), Feed()
    for raw in messages:
        one.take(raw)
        other.take(raw)
        other.take(raw)
    again = Feed()
    for raw in messages:
        again.take(raw)
    assert again.known() == one.known()
    for key, chart in one.known().items():
        assert told_of(chart) == told_of(other.known()[key])


@QUICK
@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 9)), min_size=2, max_size=8), st.randoms())
def test_the_order_of_unrelated_patients_does_not_matter(steps, random):
    def of(who, number):
        kinds = [b"SIU^S12", b"ADT^A08", b"RDE^O11", b"SIU^S15", b"SIU^S14"]
        raw = FULL.replace(b"SIU^S12", kinds[number % 5]).replace(b"T1001", b"T" + who.encode())
        return raw.replace(b"|M1|", b"|" + who.encode() + str(number).encode() + b"|")

    together, apart = Feed(), Feed()
    for step in steps:
        together.take(of(*step))
    for step in sorted(steps, key=lambda step: step[0]):
        apart.take(of(*step))
    assert together.known() == apart.known()
