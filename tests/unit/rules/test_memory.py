"""Lines that come again are not read again: that must never be seen, but in time."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from interface.hl7.batch import messages_in_file
from interface.rules import Policy, Reading, blocks, read_message
from interface.rules import memory as memory_module
from interface.rules.compiling import Rule
from interface.rules.context import Context
from interface.rules.facts import Fact
from interface.rules.paths import Scope
from interface.rules.rulebook import Rulebook, load_rulebook

RECEIVED = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
SITE = ROOT / "deploy" / "overlay-example" / "site-mappings"
FILES = [
    *sorted((ROOT / "sample_messages").glob("*/*.hl7")),
    ROOT / "deploy" / "overlay-example" / "booking.hl7",
]
SAMPLES = [message for file in FILES for message in messages_in_file(file.read_bytes())]
BOOKING = (
    b"MSH|^~\\&|EHR|LFC|||20260302090000||SIU^S12|K1|P|2.5.1\rSCH||A1|||||||||^^^20260401003000-0500\r"
    b"PID|1||T1001^^^LFC^MR||Sample^Robin||19700131|F\rRGS|1|A\rAIS|1|A|1004^Visit|20260401003000-0500\r"
    b"RGS|2|A\rAIP|1|A|1234567893^Quill^Avery\r"
)


def book(site: Path | None = None) -> Rulebook:
    """A mapping that has read nothing yet."""
    return load_rulebook(site).unshared()


def read(book: Rulebook, message: bytes, policy: Policy | None = None, listener: str = "main") -> Reading:
    return read_message(book, policy or Policy(), message, received_at=RECEIVED, listener=listener)


def counting(book: Rulebook, ran: list[str]) -> Rulebook:
    """The book, whose rules note in `ran` that they run."""

    def counted(rule: Rule) -> Rule:
        def reader(context: Context, scope: Scope) -> Fact | None:
            ran.append(rule.name)
            return rule.read(context, scope)

        return replace(rule, read=reader)

    return replace(book, scopes={scope: tuple(map(counted, rules)) for scope, rules in book.scopes.items()})


def rules_run_again(book: Rulebook, message: bytes) -> int:
    """How many rules run for a message that came twice before, under other control ids."""
    ran: list[str] = []
    remembering = counting(book, ran)
    for control_id in (b"|K3|", b"|K4|"):  # what comes for the first time is not kept
        read(remembering, message.replace(b"|K1|", control_id))
        assert ran
        ran.clear()
    read(remembering, message.replace(b"|K1|", b"|K2|"))
    return len(ran)


def changed(message: bytes, others: list[bytes]) -> list[bytes]:
    """The message with each line but MSH left out, doubled, or in the place of another message's."""
    lines = message.replace(b"\r\n", b"\r").replace(b"\n", b"\r").strip(b"\r").split(b"\r")
    found = [[*lines[:n], *lines[n + 1 :]] for n in range(1, len(lines))]
    found += [[*lines[:n], lines[n], *lines[n:]] for n in range(1, len(lines))]
    for other in others:
        for line in other.replace(b"\n", b"\r").split(b"\r"):
            found += [
                [*lines[:n], line, *lines[n + 1 :]]
                for n in range(1, len(lines))
                if lines[n][:3] == line[:3] and lines[n] != line
            ]
    return [b"\r".join(entry) for entry in found]


@pytest.mark.parametrize("site", [None, SITE], ids=["shipped", "site"])
def test_what_came_before_changes_nothing_of_what_a_message_says(site: Path | None) -> None:
    remembering, forgetting = book(site), book(site)
    near = [entry for n, message in enumerate(SAMPLES) for entry in changed(message, SAMPLES[n + 1 : n + 2])]
    for message in (*SAMPLES, *SAMPLES, *near, *SAMPLES):
        forgetting.memories.on("another basis")
        assert read(remembering, message) == read(forgetting, message)


def test_a_message_that_says_the_same_again_runs_no_rule() -> None:
    assert rules_run_again(book(), BOOKING) == 0


def test_a_person_is_read_once_in_messages_of_whatever_kind() -> None:
    ran: list[str] = []
    remembering = counting(book(), ran)
    assert read(remembering, BOOKING).facts["patient.name"].message == "K1"
    assert "patient.yaml#name" in ran
    ran.clear()
    order = BOOKING[: BOOKING.index(b"RGS")].replace(b"|K1|", b"|K2|").replace(b"SIU^S12", b"RDE^O11")
    order += b"ORC|NW|1^EHR\rRXE||1^Drug^RXNORM|1\r"
    assert read(remembering, order).facts["patient.name"].message == "K2"
    assert [name for name in ran if name.startswith("patient.")] == []


def test_a_rule_for_some_kinds_of_messages_reads_in_those_alone() -> None:
    rules = tuple(
        replace(rule, only=frozenset(("SIU",))) if rule.field == "patient.gender" else rule
        for rule in book().message
    )
    whole = book()
    remembering = replace(whole, scopes={**whole.scopes, "": rules})
    order = BOOKING.replace(b"SIU^S12", b"RDE^O11") + b"ORC|NW|1^EHR\rRXE||1^Drug^RXNORM|1\r"
    said = ["patient.gender" in read(remembering, message).facts for message in (BOOKING, order) * 3]
    assert said == [True, False] * 3


def test_a_group_that_is_taken_out_counts_though_no_line_of_its_resources_changes() -> None:
    remembering = book()
    assert read(remembering, BOOKING).facts["appointment.resources"].value["gone"] == []
    gone = read(remembering, BOOKING.replace(b"RGS|2|A", b"RGS|2|D"))
    assert gone.facts["appointment.resources"].value["gone"] == ["AIP:1234567893"]
    moved = BOOKING.replace(b"RGS|1|A\rAIS", b"RGS|1|D\rAIS")
    assert read(remembering, moved).facts["appointment.resources"].value["gone"] == ["AIS:1004"]


def test_an_order_s_clinician_is_looked_for_in_the_other_orders_too() -> None:
    remembering = book()
    head = b"MSH|^~\\&|EHR|LFC|||20260302090000||RDE^O11|K1|P|2.5.1\rPID|1||T1001^^^LFC^MR||Sample^Robin\r"
    first = b"ORC|NW|1^EHR||||||||||D42^Quill^Avery\rRXE||1^Drug^RXNORM|1\r"
    other = b"ORC|NW|2^EHR||||||||||%s\rRXE||2^Other^RXNORM|1\r"
    lent = read(remembering, head + first + other % b"1234567893^Quill^Avery").orders[0]
    assert lent["prescription.prescriber"].value["npi"] == "1234567893"
    alone = read(remembering, head + first + other % b"1245319599^Farrow^Ingrid").orders[0]
    assert alone["prescription.prescriber"].value is None


def test_another_zone_day_or_setting_is_another_reading() -> None:
    remembering = book()
    east, west = ZoneInfo("America/New_York"), ZoneInfo("America/Los_Angeles")
    message = BOOKING.replace(b"20260401003000-0500", b"20260401003000")
    policy = Policy(timezone=west, listener_timezones={"east": east})
    days = [
        read(remembering, message, policy, listener).facts["upcomingAppointmentDate"].value
        for listener in ("main", "east", "main")
    ]
    assert days == ["2026-04-01", "2026-03-31", "2026-04-01"]
    assert "patient.otherAddresses" not in read(remembering, message, policy).facts


def test_nobody_can_change_what_is_kept() -> None:
    remembering = book()
    first = read(remembering, BOOKING)
    expected = dict(first.facts)
    first.facts.clear()
    for _ in range(3):  # made and not kept, made and kept, kept
        again = read(remembering, BOOKING)
        assert again.facts == expected
        again.facts.clear()


def test_no_more_is_kept_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "MOST", 10)
    monkeypatch.setattr(memory_module, "MOST_PERSONS", 5)
    monkeypatch.setattr(memory_module, "MOST_FIELDS", 10)
    remembering = book()
    for number in range(100):
        message = BOOKING.replace(b"T1001", b"T%d" % number).replace(b"Quill", b"Quill%d" % number)
        read(remembering, message)
        read(remembering, message)
        assert number < 10 or 10 <= len(remembering.memories.lines) <= 20
        assert number < 10 or 10 <= len(remembering.memories.fields) <= 20
        assert number < 5 or 5 <= len(remembering.memories.persons) <= 10


def test_lines_that_came_once_are_not_kept() -> None:
    remembering = book()
    for number in range(100):
        read(remembering, BOOKING.replace(b"T1001", b"T%d" % number).replace(b"A1", b"A%d" % number))
    assert len(remembering.memories.lines) == 0


def test_who_came_once_is_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "MOST_ONCE", 10)
    remembering = book()
    for number in range(100):
        read(remembering, BOOKING.replace(b"T1001", b"T%d" % number).replace(b"A1", b"A%d" % number))
        assert len(remembering.memories.lines._once) <= 10


def test_very_long_lines_are_not_kept() -> None:
    remembering = book()
    long = BOOKING.replace(b"Quill", b"Q" * memory_module.LONGEST)
    for message in (BOOKING, BOOKING, long):
        read(remembering, message)
    kept = len(remembering.memories.lines), len(remembering.memories.fields)
    read(remembering, long)
    assert (len(remembering.memories.lines), len(remembering.memories.fields)) == kept


@pytest.mark.parametrize("site", [None, SITE], ids=["shipped", "site"])
def test_fields_that_another_patient_had_are_read_the_same(
    monkeypatch: pytest.MonkeyPatch, site: Path | None
) -> None:
    monkeypatch.setattr(blocks, "LONGEST", 500)  # hardly any line is kept, so that fields are looked for
    remembering, forgetting = book(site), book(site)
    near = [entry for n, message in enumerate(SAMPLES) for entry in changed(message, SAMPLES[n + 1 : n + 2])]
    for message in (*SAMPLES, *SAMPLES, *near, *SAMPLES):
        forgetting.memories.on("another basis")
        assert read(remembering, message) == read(forgetting, message)
    assert len(remembering.memories.fields) > 100


def test_another_role_of_the_same_person_is_another_reading() -> None:
    remembering = book()
    second = BOOKING + b"AIP|2||1245319599^Farrow^Ingrid|%s\r"
    names = []
    for role in (b"ATND", b"SCRIBE", b"ATND"):
        provider = read(remembering, second % role).facts["upcomingAppointmentProvider"]
        names.append(provider.value["name"]["family"])
    assert names == ["Farrow", "Quill", "Farrow"]


def test_a_book_for_another_thread_shares_no_memory_not_even_that_for_some_senders() -> None:
    one = book(SITE)
    other = one.unshared()
    for sample in (*SAMPLES, *SAMPLES):
        read(one, sample)
    assert len(one.memories.lines) + sum(len(made.memories.lines) for made in one._ready.values()) > 0
    assert len(other.memories.lines) == len(other.memories.persons) == len(other.memories.fields) == 0
    assert other._ready == {}
    assert one == other


@pytest.mark.parametrize(
    ("place", "put"),
    [
        (b"^~\\&", b"^~\\&%s"),
        (b"2.5.1", b"2.5.1||||||%s"),
        (b"|20260302090000", b"|2026%s"),
        (b"Quill^Avery", b"Quill^Avery|%s"),
    ],
    ids=["MSH-2", "MSH-18", "MSH-7", "AIP-4"],
)
def test_nothing_of_a_long_field_stays_in_memory(place: bytes, put: bytes) -> None:
    rules = book()

    def take(first: int) -> None:
        for number in range(first, first + 20):
            read(rules, BOOKING.replace(place, put % (b"%d" % number * 50_000 + b"#"), 1))

    take(100)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    take(200)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 500_000
