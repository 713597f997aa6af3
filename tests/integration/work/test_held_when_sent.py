"""What would hold a request comes when it was sent already: nothing of it is held, and what comes behind is judged by
what was sent.
"""

import pytest

from interface.delivery.verdict import Reply

TAKEN = Reply(200, is_json_object=True, correlation_id="c")
REFUSED = Reply(400, is_json_object=True)
ORDER = ("ORC|NW|O1", "RXE|^^^20260303|860975^Metformin 500 MG^RXNORM|500||MG")


@pytest.fixture
def site(site_class, store):
    return site_class(store)


def told(site, kind, dead, *segments):
    """News of the patient with PID-30."""
    number = next(site.numbers)
    header = f"MSH|^~\\&|APP|FAC|R|R|2026030508{number:02d}||{kind}|M{number}|P|2.5.1"
    pid = f"PID|1||T1^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703{'|' * 19}{dead}"
    site.raw(kind, f"M{number}", "\r".join((header, pid, *segments)))


def decisions(site):
    return [(row.decision, row.reasons[0]["code"]) for row in reversed(site.store.views.messages())]


@pytest.mark.parametrize("reply", [TAKEN, REFUSED], ids=["delivered", "refused"])
def test_a_death_that_is_taken_back_asks_for_nothing_again(site, reply):
    site.book("20260410")
    site.reply(reply)
    before = site.states()
    told(site, "ADT^A08", "Y")
    told(site, "ADT^A08", "N")
    assert decisions(site)[1:] == [("chart", "deceased"), ("chart", "unchanged")]
    assert site.states() == before


def test_what_became_known_when_a_death_was_taken_back_is_asked_for_by_the_next_message(site):
    site.book("20260410")
    site.reply(TAKEN)
    told(site, "ADT^A08", "Y")
    told(site, "RDE^O11", "N", *ORDER)
    assert decisions(site)[-1] == ("chart", "charted"), "nothing was held, so nothing is completed"
    told(site, "ADT^A08", "N")
    assert (decisions(site)[-1], site.states()) == (("post", "request"), ["delivered", "sending"])
    assert site.couriers.sent[-1]["medications"]


def test_what_was_open_still_is_held_and_goes_out_once(site):
    site.couriers.free = 0
    site.book("20260410")
    told(site, "ADT^A08", "Y")
    assert site.states() == ["held"]
    told(site, "RDE^O11", "N", *ORDER)
    assert decisions(site)[-1] == ("post", "completes-held")
    site.couriers.free = 4
    site.turn()
    site.reply(TAKEN)
    told(site, "ADT^A08", "N")
    assert (decisions(site)[-1], site.states()) == (("chart", "unchanged"), ["delivered"])


def test_it_is_judged_when_the_attempt_is_back_if_it_was_being_sent(site):
    site.book("20260410")
    told(site, "ADT^A08", "Y")
    assert site.states() == ["sending"]
    site.reply(TAKEN)
    assert site.states() == ["delivered"]
    told(site, "RDE^O11", "N", *ORDER)
    told(site, "ADT^A08", "N")
    assert (decisions(site)[-1], site.states()) == (("post", "request"), ["delivered", "sending"])
    assert site.couriers.sent[-1]["medications"]


PROTECTED, FREE = "PD1||||||||||||Y", "PD1||||||||||||N"


def test_what_was_sent_is_not_sent_once_more_when_a_protection_comes_and_goes(site):
    site.book("20260410")
    site.reply(TAKEN)
    site.tell("ADT^A08", PROTECTED)
    assert decisions(site)[-1] == ("chart", "unchanged"), "it would not be posted, so it is not held"
    site.tell("ADT^A08", FREE)
    assert (decisions(site)[-1], site.states()) == (("chart", "unchanged"), ["delivered"])


def test_a_protection_holds_what_is_open_still_and_what_says_something_else(site):
    site.couriers.free = 0
    site.book("20260410")
    site.tell("ADT^A08", PROTECTED)
    assert (decisions(site)[-1], site.states()) == (("hold", "protected"), ["superseded", "held"])
    site.couriers.free = 4
    site.book("20260410", patient="T2")
    site.reply(TAKEN)
    site.tell("ADT^A08", PROTECTED, "DG1|1||E11.9^Diabetes^I10", patient="T2")
    assert (decisions(site)[-1], site.states()[2:]) == (("hold", "protected"), ["delivered", "held"])
