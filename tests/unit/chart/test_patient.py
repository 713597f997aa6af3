"""Names, gender, birth date, address and contact points of the request."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from telling import codes, patient


@pytest.mark.parametrize(
    ("pid5", "name"),
    [
        ("Sample^Robin^Lee", {"family": "Sample", "given": ["Robin", "Lee"]}),
        ("Sample^Mary Ann^Lou B^Jr^Dr", {
            "family": "Sample", "given": ["Mary Ann", "Lou", "B"], "prefix": "Dr", "suffix": "Jr"
        }),
        ("van Sample&van&Sample^Robin", {"family": "van Sample", "given": ["Robin"]}),
        ("&van&Sample^Robin", {"family": "van Sample", "given": ["Robin"]}),
        ("SAMPLE,ROBIN LEE", {"family": "SAMPLE", "given": ["ROBIN LEE"]}),
        # L, then no type, then the first that is not A, M or N
        ("Alias^Al^^^^^A~Legal^Lee^^^^^L", {"family": "Legal", "given": ["Lee"]}),
        ("Display^Di^^^^^D~Plain^Pat", {"family": "Plain", "given": ["Pat"]}),
        ("Plain^Pat~Legal^Lee^^^^^L", {"family": "Legal", "given": ["Lee"]}),
        ("Nick^Ned^^^^^N~Display^Di^^^^^D", {"family": "Display", "given": ["Di"]}),
        ("Maiden^May^^^^^M~Display^Di^^^^^D", {"family": "Display", "given": ["Di"]}),
        # clean text: forbidden characters become a blank, runs of blanks one; nothing else is touched
        ("O'Sam<ple> \\T\\ Co^Ro;bin", {"family": "O'Sam ple & Co", "given": ["Ro bin"]}),
        ("Müller-Łuk^Zoë", {"family": "Müller-Łuk", "given": ["Zoë"]}),
        ('Sample^Robin^""', {"family": "Sample", "given": ["Robin"]}),
        # what nobody sees goes, and is no given name
        ("\u202aSam\u200bple\u202c^Robin^\ufeff", {"family": "Sample", "given": ["Robin"]}),
        ("Sample^\u200b^^^^^L~Display^Di^^^^^D", {"family": "Display", "given": ["Di"]}),
    ],
)  # fmt: skip
def test_a_name(story, pid5, name):
    answer, found = patient(story, f5=pid5)
    assert (found["name"], answer["decision"]) == (name, "post")


@pytest.mark.parametrize(
    "pid5",
    ["Sample", "", '""', '""^""', "Sample^<>", "Sample^\u200b", "^Robin", "Alias^Al^^^^^A~Maid^May^^^^^M"],
)
def test_without_a_family_and_a_given_name_it_is_held(story, pid5):
    answer, _ = patient(story, f5=pid5)
    assert answer["decision"] == "hold"
    assert {code.split(":")[1].rsplit(".name")[0] for code in codes(answer)} == {"patient"}


@pytest.mark.parametrize(
    ("pid8", "gender"),
    [
        *(("M", "MALE"), ("F", "FEMALE"), ("O", "OTHER"), ("U", "UNKNOWN"), ("A", "OTHER"), ("X", "OTHER")),
        *(("N", "UNKNOWN"), ("Female", "FEMALE"), ("male", "MALE"), ("F^Female", "FEMALE"), ("f", "FEMALE")),
        *(("1^Male^LOCAL", "MALE"), ("", "UNKNOWN"), ('""', "UNKNOWN"), ("Q7", "UNKNOWN")),
    ],
)
def test_a_gender(story, pid8, gender):
    answer, found = patient(story, f8=pid8)
    assert (found["gender"], answer["decision"]) == (gender, "post")
    assert any(entry["value"] == "Q7" for entry in answer["left_out"]) == (pid8 == "Q7")
    assert any("no table knows" in text for text in answer["said"]) == (pid8 == "Q7")


@pytest.mark.parametrize(
    ("later", "gender"), [("", "FEMALE"), ("Q7", "FEMALE"), ('""', "UNKNOWN"), ("M", "MALE")]
)
def test_an_assumed_gender_does_not_take_the_place_of_a_known_one(story, later, gender):
    told = story()
    told.tell("ADT^A28", told.PID)
    assert told.book(pid=told.pid(f8=later))["request"]["patient"]["gender"] == gender


@pytest.mark.parametrize(
    "pid7",
    ["19700131", "19700131235959-1000", "197001310000", "19700131033000+0900", "1970-01-31", "01/31/1970"],
)
def test_a_birth_date_is_cut_never_shifted(story, pid7):
    answer, found = patient(story, f7=pid7)
    assert (found["birthDate"], answer["decision"]) == ("1970-01-31", "post")


@pytest.mark.parametrize(
    "pid7", ["1970", "197001", "", '""', "00000000", "19700231", "20260303", "19010301", "unknown"]
)
def test_a_birth_date_of_no_use_is_held(story, pid7):
    answer, found = patient(story, f7=pid7)
    assert (answer["decision"], codes(answer)) == ("hold", ["missing:patient.birthDate"])
    assert "birthDate" not in found
    assert not any(part in answer["reasons"][0]["text"] for part in ("1970", "2026", "1901"))


@pytest.mark.parametrize(("pid7", "decision"), [("19010302", "post"), ("20260302", "post")])
def test_the_ends_of_the_span_of_birth_dates_are_taken(story, pid7, decision):
    assert patient(story, f7=pid7)[0]["decision"] == decision


def test_a_birth_date_of_no_use_does_not_take_the_place_of_a_known_one(story):
    told = story()
    told.tell("ADT^A28", told.PID)
    assert told.book(pid=told.pid(f7="1970"))["request"]["patient"]["birthDate"] == "1970-01-31"


@pytest.mark.parametrize(
    ("pid11", "address"),
    [
        ("12 Birch Ln^Apt 2^Madison^WI^53703-1234",
         {"lines": ["12 Birch Ln", "Apt 2"], "city": "Madison", "state": "WI", "zip": "53703"}),
        ("12 Birch Ln&Birch Ln&12^^Madison^wisconsin^537031234^usa^H",
         {"lines": ["12 Birch Ln"], "city": "Madison", "state": "WI", "zip": "53703"}),
        ("^^^Puerto Rico^00907-^PR", {"state": "PR", "zip": "00907"}),
        ("^^Madison^WI^53703 - 1234", {"city": "Madison", "state": "WI", "zip": "53703"}),
        ("^^Madison^WI^0000053703", {"city": "Madison", "state": "WI", "zip": "53703"}),
        ("^^Boston^MA^000002134", {"city": "Boston", "state": "MA", "zip": "02134"}),
        ("^^^Guam^96910", {"state": "GU", "zip": "96910"}),
        ("12; Birch <Ln>^^Madison@Home^W1^53703", {"lines": ["12 Birch Ln"], "city": "Madison Home", "zip": "53703"}),
    ],
)  # fmt: skip
def test_an_address(story, pid11, address):
    answer, found = patient(story, f11=pid11)
    assert (found["address"], answer["decision"]) == (address, "post")


@pytest.mark.parametrize("better", ["H", "", "P", "C", "L", "M", "RH"])
def test_addresses_are_taken_in_the_order_of_their_types(story, better):
    order = ["H", "", "P", "C", "L", "M", "RH"]
    rest = order[order.index(better) + 1 :]
    sent = "~".join(f"^^^^{20000 + number}^^{kind}" for number, kind in enumerate([*reversed(rest), better]))
    _, found = patient(story, f11=sent)
    assert found["address"]["zip"] == str(20000 + len(rest))


@pytest.mark.parametrize("kind", ["B", "BA", "BDL", "BI", "BR", "F", "N", "O", "S", "SH"])
def test_an_address_of_another_kind_is_never_sent(story, kind):
    answer, found = patient(story, f11=f"1 Elsewhere^^Madison^WI^53704^^{kind}")
    assert (answer["decision"], "address" in found) == ("hold", False)


def test_the_first_type_with_a_valid_zip_is_taken(story):
    _, found = patient(story, f11="1 Home^^Madison^WI^^^H~2 Mail^^Madison^WI^53704^^M")
    assert found["address"]["lines"] == ["2 Mail"]


@pytest.mark.parametrize(
    ("pid11", "named"),
    [
        ("1 Rue^^Toronto^ON^M4B 1B3^CAN^H", "CAN"),
        ("1 Calle^^Tijuana^BCN^22000^MX^H", "MX"),
        ("1 Rue^^Toronto^ON^M4B 1B3^^H", ""),
        ("1 Way^^Madison^WI^00000^USA^H", ""),
        ("1 Way^^Madison^WI^^USA^H", ""),
    ],
)
def test_no_us_zip_is_held_with_the_country_named(story, pid11, named):
    answer, _ = patient(story, f11=pid11)
    assert (answer["decision"], codes(answer)) == ("hold", ["missing:patient.address.zip"])
    assert named in answer["reasons"][0]["text"]
    assert "Toronto" not in answer["reasons"][0]["text"]


def test_an_address_without_a_zip_does_not_take_the_place_of_one_with(story):
    told = story()
    told.tell("ADT^A28", told.PID)
    answer = told.book(pid=told.pid(f11="1 Rue^^Toronto^ON^M4B 1B3^CAN"))
    assert (answer["decision"], answer["request"]["patient"]["address"]["zip"]) == ("post", "53703")


PHONE, HOME, WORK, MOBILE = "PHONE", "HOME", "WORK", "MOBILE"


@pytest.mark.parametrize(
    ("field", "sent", "points"),
    [
        (13, "(608) 555-0142^PRN^PH", [("6085550142", PHONE, HOME)]),
        (13, "(608)555-0142", [("6085550142", PHONE, HOME)]),
        (14, "(608)555-0142", [("6085550142", PHONE, WORK)]),
        (40, "(608)555-0142", [("6085550142", PHONE, HOME)]),
        (40, "(608)555-0142^WPN^PH", [("6085550142", PHONE, WORK)]),
        (13, "608.555.0142^ORN^PH", [("6085550142", PHONE, HOME)]),
        (13, "608.555.0142^VHN^PH", [("6085550142", PHONE, HOME)]),
        (13, "608.555.0142^WPN^PH", [("6085550142", PHONE, WORK)]),
        (13, "608.555.0142^PRN^CP", [("6085550142", PHONE, MOBILE)]),
        (14, "608.555.0142^WPN^CP", [("6085550142", PHONE, MOBILE)]),
        (13, "608.555.0142^PRS^CP", [("6085550142", PHONE, MOBILE)]),
        # where the number stands: XTN.12, then 6 and 7, then 1
        (13, "^PRN^PH^^1^608^5550142", [("6085550142", PHONE, HOME)]),
        (13, "(414)555-0100^PRN^PH^^^608^5550142", [("6085550142", PHONE, HOME)]),
        (13, "(414)555-0100^PRN^PH^^^414^5550101^^^^^608-555-0142", [("6085550142", PHONE, HOME)]),
        (13, "+1 (608) 555-0142^PRN^PH", [("6085550142", PHONE, HOME)]),
        (13, "1-608-555-0142", [("6085550142", PHONE, HOME)]),
        (13, "608-555-0142 x123", [("6085550142", PHONE, HOME)]),
        (13, "(608)555-0142X123Cfront desk", [("6085550142", PHONE, HOME)]),
        (13, "608-555-0142 ext. 12", [("6085550142", PHONE, HOME)]),
        (13, "^PRN^PH^^1^608^5550142^123", [("6085550142", PHONE, HOME)]),
        # a number alone in the place of the e-mail address
        (13, "^PRN^PH^(608)555-0142", [("6085550142", PHONE, HOME)]),
        (13, "^^CP^6085550142", [("6085550142", PHONE, MOBILE)]),
        (13, "none^PRN^PH^6085550142", []),
        (13, "^NET^Internet^6085550142", []),
        # e-mail
        (13, "^NET^Internet^robin@example.org", [("robin@example.org", "EMAIL", HOME)]),
        (13, "robin@example.org^NET^Internet", [("robin@example.org", "EMAIL", HOME)]),
        (13, "robin@example.org", [("robin@example.org", "EMAIL", HOME)]),
        (14, "^NET^X^robin@example.org", [("robin@example.org", "EMAIL", WORK)]),
        *((13, f"^NET^Internet^{sent}", [("robin@example.org", "EMAIL", HOME)]) for sent in (
            "<robin@example.org>", "robin@example.org;", "mailto:robin@example.org", " robin@example.org, ",
        )),
        (13, "608.555.0142^PRN^PH^robin@example.org",
         [("6085550142", PHONE, HOME), ("robin@example.org", "EMAIL", HOME)]),
        # left out
        *((13, f"608.555.0142^PRN^{kind}", []) for kind in ("FX", "BP", "MD", "TDD", "X.400")),
        *((13, f"608.555.0142^{use}^PH", []) for use in ("ASN", "EMR", "BPN")),
        (13, "none^PRN^PH", []),
        (13, "000-000-0000^PRN^PH", []),
        (13, "^NET^Internet^not an address", []),
        (13, "^NET^Internet^Robin<robin@example.org>", []),
        (13, "^NET^Internet^robin,lee@example.org", []),
        # no duplicates
        (13, "(608)555-0142~608-555-0142^PRN^PH~608-555-0143", [
            ("6085550142", PHONE, HOME), ("6085550143", PHONE, HOME)
        ]),
    ],
)  # fmt: skip
def test_contact_points(story, field, sent, points):
    answer, found = patient(story, **{"f13": "", f"f{field}": sent})
    told = [
        (p["value"], p["contactPointSystem"], p["contactPointUse"]) for p in found.get("contactPoints", [])
    ]
    assert (told, answer["decision"]) == (points, "post")
    assert points or answer["left_out"]


def test_the_same_number_in_two_fields_of_one_use_is_one_contact_point(story):
    _, found = patient(story, f13="608-555-0142^WPN^PH", f14="608-555-0142^WPN^PH")
    assert len(found["contactPoints"]) == 1


def test_each_field_of_numbers_is_news_of_itself(story):
    told = story()
    told.tell("ADT^A28", told.pid(f13="608-555-0142", f14="608-555-0143"))
    found = told.book(pid=told.pid(f13="608-555-0144", f14=""))["request"]["patient"]["contactPoints"]
    assert [point["value"] for point in found] == ["6085550144", "6085550143"]


@pytest.mark.parametrize(
    ("field", "gone"), [("f13", "contactPoints"), ("f11", "address"), ("f5", "name"), ("f7", "birthDate")]
)
def test_hl7_null_deletes_what_was_known(story, field, gone):
    told = story()
    told.tell("ADT^A28", told.PID)
    answer = told.book(pid=told.pid(**{field: '""'}))
    assert gone not in answer["request"]["patient"]
    assert answer["decision"] == ("post" if gone == "contactPoints" else "hold")


def test_what_a_later_message_leaves_empty_stays_known(story):
    told = story()
    told.tell("ADT^A28", told.PID)
    answer = told.book(pid="PID|1||T1001^^^LFC^MR")
    assert answer["decision"] == "post"
    assert answer["request"]["patient"]["name"]["given"] == ["Robin", "Lee"]


@pytest.mark.parametrize(
    "lacking",
    [{"f8": ""}, {"f8": "Q7"}, {"f11": "12 Birch Ln^^Madison^WI"}, {"f7": "1970"}, {"f5": "Sample"}],
)
def test_what_a_newer_message_lacks_an_older_one_says_in_whichever_order_they_come(story, lacking):
    asked = []
    for older_first in (True, False):
        told = story()
        news = [("ADT^A28", told.PID, "20250301080000"), ("ADT^A31", told.pid(**lacking), "20260301080000")]
        for kind, pid, at in news if older_first else reversed(news):
            told.tell(kind, pid, at=at)
        asked.append(told.book(pid="PID|1||T1001^^^LFC^MR")["request"]["patient"])
    assert asked[0] == asked[1]
    assert (asked[1]["gender"], asked[1]["address"]["zip"], asked[1]["birthDate"]) == (
        "FEMALE",
        "53703",
        "1970-01-31",
    )


@pytest.mark.parametrize("pid7", ["1970", "31"])
def test_what_was_deleted_does_not_come_back_with_an_older_message(story, pid7):
    told = story()
    told.tell("ADT^A31", told.pid(f7='""'), at="20260201080000")
    told.tell("ADT^A31", told.pid(f7=pid7), at="20260301080000")
    told.tell("ADT^A28", told.PID, at="20250301080000")
    assert told.book(pid="PID|1||T1001^^^LFC^MR")["decision"] == "hold"


def test_a_birth_date_is_held_against_the_day_of_the_message(story):
    told = story()
    told.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert told.book(pid=told.pid(f7="20260302"), at="20260301")["decision"] == "hold"
