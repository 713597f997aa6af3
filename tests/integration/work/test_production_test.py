"""The production test as the work does it: chosen ones go, ten at most, all else is held and nothing is lost."""

import pytest

from interface.delivery.verdict import Reply
from interface.rules import Policy
from interface.services import production_test
from interface.services.attempts import Ledger
from interface.services.going_live import Choice, arguments_of, preview
from interface.services.production_test import CHOOSE, fittest

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
EMPTY = Reply(204, is_empty=True)
REFUSED = Reply(400, is_json_object=True)
LOST = Reply(failure="timeout-read")
DG1 = "DG1|1||E11.9^Diabetes^I10"
NO_CITY = "PID|1||{patient}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^^WI^53703"


def policy(environment="production-test", **more):
    return Policy(mrn_authority=("LFC",), environment=environment, **more)


@pytest.fixture
def site(site_class, store):
    made = site_class(store, policy())
    made.turn()
    return made


def reasons(site):
    return [[why["code"] for why in row.reasons] for row in reversed(site.store.views.requests())]


def book(site, *patients, day="20260401"):
    for patient in patients:
        site.book(day, patient=patient)


def pick(site):
    """What the program does in an idle turn."""
    site.loop._test._due = 0.0
    while site.loop._test.pick():
        pass
    site.look()


def test_nothing_goes_by_itself_before_it_is_chosen_and_then_as_many_as_there_are_slots(site):
    site.couriers.free = 50
    book(site, *(f"P{n}" for n in range(13)))
    assert (set(site.states()), reasons(site)[0]) == ({"held"}, ["production-test"])
    pick(site)
    assert (site.states().count("sending"), site.states().count("held")) == (10, 3)
    site.reply(TAKEN)
    pick(site)
    site.go_on(3600)
    assert (site.states().count("delivered"), site.states().count("held")) == (10, 3)
    assert len(site.couriers.sent) == 10


def test_the_fittest_of_those_that_are_there_are_chosen(site):
    assert fittest({1: (), 2: ("problems",), 3: ("problems", "medications"), 4: ("problems",)}, 2) == [2, 3]
    site.couriers.free = 0
    book(site, *(f"P{n}" for n in range(11)))
    site.tell("ADT^A08", DG1, patient="P10")
    assert site.states()[10:] == ["superseded", "held"]
    pick(site)
    assert site.states() == [*["waiting"] * 9, "held", "superseded", "waiting"]


def test_all_that_is_held_is_looked_at_in_portions(site, monkeypatch):
    monkeypatch.setattr(production_test, "PORTION", 3)
    site.couriers.free = 0
    header = "MSH|^~\\&|APP|FAC|R|R|20260305080000||SIU^S12|X{0}|P|2.5.1"
    for number in range(7):
        segments = (
            header.format(number),
            NO_CITY.format(patient=f"X{number}"),
            f"SCH||X{number}|||||||||^^^202604010930",
        )
        site.raw("SIU^S12", f"X{number}", "\r".join((*segments, site.AIP)))
    book(site, "T1", "T2")
    site.loop._test._due = 0.0
    portions = 1
    while site.loop._test.pick():
        portions += 1
    site.look()
    assert (portions, site.states()) == (4, [*["held"] * 7, "waiting", "waiting"])


def test_an_incomplete_one_is_held_and_goes_once_a_message_completes_it_and_it_is_chosen(site):
    header = "MSH|^~\\&|APP|FAC|R|R|20260305080000||SIU^S12|X1|P|2.5.1"
    text = "\r".join((header, NO_CITY.format(patient="T1"), "SCH||F1|||||||||^^^202604010930", site.AIP))
    site.raw("SIU^S12", "X1", text)
    assert reasons(site) == [["incomplete:patient.address.city", "production-test"]]
    told = site.ask(CHOOSE, requests=[1], who="anna").result
    assert told["refused"] == [[1, "it is held for: incomplete:patient.address.city"]]
    pick(site)
    assert site.states() == ["held"]
    site.tell("ADT^A08", patient="T1")
    assert reasons(site)[1] == ["production-test"]
    pick(site)
    assert site.states() == ["superseded", "sending"]


def test_by_hand_nothing_is_chosen_by_the_program(site):
    book(site, "T1", "T2", "T3")
    assert site.ask(CHOOSE, requests=[2], by_hand=True, who="anna").result["done"] == 1
    pick(site)
    assert site.states() == ["held", "sending", "held"]
    site.reply(TAKEN)
    told = site.ask(CHOOSE, requests=[2, 9], who="anna").result
    assert told["refused"] == [[2, "it is delivered"], [9, "there is no request 9"]]
    site.ask(CHOOSE, by_hand=False, who="anna")
    site.turn()
    pick(site)
    assert site.states() == ["sending", "delivered", "sending"]


def test_no_more_are_chosen_than_there_are_slots(site):
    site.couriers.free = 0
    book(site, *(f"P{n}" for n in range(12)))
    told = site.ask(CHOOSE, requests=list(range(1, 13)), by_hand=True, who="anna").result
    assert (told["done"], told["refused"]) == (10, [[11, "no slot is left"], [12, "no slot is left"]])
    assert site.ask(CHOOSE, requests=[11], who="anna").result["done"] == 0
    assert site.states().count("waiting") == 10


def test_a_refused_one_is_corrected_by_a_message_and_sent_again(site):
    book(site, "T1")
    pick(site)
    site.reply(REFUSED)
    assert site.states() == ["dead"]
    assert len(site.store.rounds.now().free) == 10
    book(site, "T1", day="20260402")
    assert site.states() == ["dead", "sending"]
    site.reply(TAKEN)
    assert site.states() == ["dead", "delivered"]
    assert site.store.rounds.now().accepted == 1


def test_a_refused_one_is_sent_again_by_a_person(site):
    book(site, "T1")
    pick(site)
    site.reply(REFUSED)
    assert site.ask("retry", requests=[1], who="anna").result["done"] == 1
    site.turn()
    assert site.states() == ["sending"]


def test_what_was_tested_is_not_asked_for_again_by_the_same_news_and_what_is_new_is_held_for_later(site):
    book(site, "T1")
    pick(site)
    site.reply(TAKEN)
    book(site, "T1")
    assert site.states() == ["delivered"]
    book(site, "T1", day="20260402")
    assert (site.states(), reasons(site)[1]) == (["delivered", "held"], ["production-test"])
    book(site, "T1", day="20260402")
    assert site.states() == ["delivered", "held"]


def test_what_supersedes_a_chosen_one_that_was_not_sent_is_chosen(site):
    site.couriers.free = 0
    book(site, "T1")
    pick(site)
    assert site.states() == ["waiting"]
    book(site, "T1", day="20260402")
    assert site.states() == ["superseded", "waiting"]


def test_the_choice_survives_a_merge_and_a_rebuilding(site):
    site.couriers.free = 0
    book(site, "T2")
    pick(site)
    site.merge("T1", "T2")
    assert site.states() == ["waiting"]
    patient = site.store.work.request_owners([1])[1]
    assert site.ask("rebuild", patients=[patient]).state == "done"
    assert site.states() == ["waiting"]


def test_a_cancelled_one_gives_its_slot_to_the_next(site):
    site.couriers.free = 50
    book(site, *(f"P{n}" for n in range(11)))
    pick(site)
    first, rest = site.couriers.jobs[:1], site.couriers.jobs[1:]
    site.couriers.jobs = []
    site.couriers.back = site.attempts(rest, TAKEN)
    site.turn()
    site.couriers.back = site.attempts(first, Reply(503))
    site.turn()
    site.tell("SIU^S15", "SCH||FP0|||||||||^^^202604010930", site.AIP, patient="P0")
    assert site.states()[0] == "withdrawn"
    site.turn()
    pick(site)
    assert site.states()[10] == "sending"


def test_a_timeout_keeps_the_slot_whatever_comes_after(site):
    site.couriers.free = 50
    book(site, *(f"P{n}" for n in range(11)))
    pick(site)
    site.reply(LOST)
    assert site.states().count("waiting") == 10
    for n in range(10):
        site.tell("SIU^S15", f"SCH||FP{n}|||||||||^^^202604010930", site.AIP, patient=f"P{n}")
    assert site.states().count("withdrawn") == 10
    pick(site)
    site.go_on(3600)
    pick(site)
    assert (site.states()[10], reasons(site)[10]) == ("held", ["production-test"])


def test_news_that_change_nothing_ask_for_nothing_again_in_a_new_round(site):
    book(site, "T1")
    pick(site)
    site.reply(TAKEN)
    assert site.ask("new-round", who="anna", why="once more").state == "done"
    site.book("20260401", "SIU^S14", patient="T1")
    pick(site)
    assert (site.states(), len(site.couriers.sent)) == (["delivered"], 1)
    site.tell("ADT^A08", DG1, patient="T1")
    pick(site)
    assert site.states() == ["delivered", "sending"], "it says something else"


def test_a_new_round_takes_others_and_what_waits_is_held_again(site):
    site.couriers.free = 50
    book(site, *(f"P{n}" for n in range(12)))
    pick(site)
    site.reply(TAKEN)
    assert site.ask("new-round", who="anna", why="once more").state == "done"
    site.turn()
    pick(site)
    assert site.states().count("sending") == 2
    assert site.store.rounds.now().began_by == "anna"


def test_after_it_all_that_was_held_waits_for_the_switch(site, site_class, store):
    book(site, "T1", "T2")
    site.ask(CHOOSE, requests=[1], by_hand=True, who="anna")
    site.reply(TAKEN)
    live = site_class(store, policy("production"))
    live.numbers, live.clock.moment = site.numbers, site.clock.moment
    live.turn()
    assert reasons(live)[1] == ["not-live"]
    assert not live.couriers.sent


def test_what_was_asked_for_anew_once_is_not_said_to_be_so_by_a_second_switch_nor_what_is_past(
    site, site_class, store
):
    site.couriers.free = 50
    book(site, "T1", "T2", "T3", "T4")
    book(site, "T5", day="20260310")
    pick(site)
    site.reply(TAKEN)
    told = []
    for environment in ("production", "staging", "production"):
        moved = site_class(store, policy(environment))
        moved.numbers, moved.clock.moment = site.numbers, site.clock.moment
        moved.couriers.free = 50
        moved.go_on(10 * 86400 if not told else 0)
        moved.turn()
        if environment == "production":
            found = preview(store, Choice(), moved.clock.at())
            asked = moved.ask("go-live", **arguments_of(found, Choice(), "anna")).result["asked_anew"]
            told.append((len(found.tested), asked))
            moved.turn()
            moved.reply(TAKEN)
        site = moved
    assert told == [(4, 4), (0, 0)]


def test_in_another_environment_its_commands_say_so(site_class, store):
    sandbox = site_class(store)
    sandbox.turn()
    for kind in (CHOOSE, "new-round"):
        told = sandbox.ask(kind, requests=[1], who="anna", why="x")
        assert told.state == "failed"
        assert 'set [site] environment = "production-test"' in told.result["problem"]


def test_a_reply_without_a_body_counts_where_requests_are_only_checked():
    class Job:
        request_id, patient_id, attempts, failing_since, paused_at, fence = 1, 1, 0, None, None, None

    from interface.services.courier import Attempt

    for awaited, state in ((False, "delivered"), (True, "waiting")):
        ended = Ledger(lambda: 0.0, awaited=awaited).conclude(Attempt(Job, 0.0, 1.0, EMPTY))
        assert ended.new_state == state
    assert "only checks" in Ledger(lambda: 0.0, awaited=False).conclude(Attempt(Job, 0.0, 1.0, EMPTY)).detail


def test_what_waits_without_a_slot_is_held_once_the_last_one_is_taken(site_class, store):
    """A site that wants a request for each message has several for a chosen appointment."""
    site = site_class(store, policy(supersede=False))
    site.turn()
    site.couriers.free = 0
    book(site, *(f"P{n}" for n in range(9)))
    assert site.ask(CHOOSE, requests=list(range(1, 10)), by_hand=True, who="anna").result["done"] == 9
    for day in ("20260402", "20260403", "20260404"):
        book(site, "P0", day=day)
    assert site.states() == ["waiting"] * 12
    site.couriers.free = 50
    site.go_on(10)
    for _ in range(3):
        site.reply(TAKEN)
        site.turn()
    assert site.states() == [*["delivered"] * 10, "held", "held"]
    assert reasons(site)[10] == ["production-test"]
    assert len(site.couriers.sent) == 10


def test_no_way_leads_to_an_eleventh(site, site_class, store):
    site.couriers.free = 50
    book(site, *(f"P{n}" for n in range(11)))
    pick(site)
    site.reply(TAKEN)
    site.tell("SIU^S12", "PD1||||||||||||Y", "SCH||FP11|||||||||^^^202604010930", site.AIP, patient="P11")
    held = [11, 12]
    assert [site.states()[number - 1] for number in held] == ["held", "held"]

    assert site.ask(CHOOSE, requests=held, by_hand=True, who="anna").result["done"] == 0
    site.ask("release", requests=held, who="anna")
    site.ask("retry", requests=[*range(1, 11), *held], who="anna")
    owners = list(store.work.request_owners([1, 11, 12]).values())
    site.ask("rebuild", patients=owners)
    site.ask("rebuild", messages=[row.id for row in store.views.messages()], again=True)
    assert site.ask("go-live", who="anna").state == "failed"
    site.set(2026, 3, 6, 12)  # a new day
    for patient in ("P0", "P10", "P11"):
        site.tell("ADT^A08", DG1, patient=patient)
        book(site, patient, day="20260405")
    tested = len(site.couriers.sent)

    fresh = site
    for environment in ("production", "production-test", "staging", "production-test"):
        moved = site_class(store, policy(environment))
        moved.numbers, moved.clock.moment = fresh.numbers, fresh.clock.moment
        moved.couriers.free = 50
        moved.turn()
        book(moved, "P10", day=f"202604{10 + tested}")
        moved.turn()
        if environment == "production-test":
            pick(moved)
        tested += len(moved.couriers.sent)
        fresh = moved
    assert tested == 10
    assert store.rounds.now().accepted == 10


def test_version_2_of_the_api_has_other_fields_and_the_same_slots(site_class, store):
    site = site_class(store, policy(api_version=2))
    site.turn()
    header = "MSH|^~\\&|APP|FAC|R|R|20260305080000||SIU^S12|X1|P|2.5.1"
    text = "\r".join((header, NO_CITY.format(patient="T1"), "SCH||F1|||||||||^^^202604010930", site.AIP))
    site.raw("SIU^S12", "X1", text)
    assert reasons(site) == [["incomplete:patient.addresses.city", "production-test"]]
    book(site, "T2")
    pick(site)
    assert site.states() == ["held", "sending"]
    site.reply(EMPTY)
    assert site.states() == ["held", "waiting"], "of a processing path no body is no proof"
