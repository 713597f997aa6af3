"""Messages as feeds send them, not as they should be: each is read, and a request comes of it."""

from __future__ import annotations

import pytest
from made_up import AIP

MSH = "MSH|^~\\&|APP|FAC|R|R|20260302||SIU^S12|M1|P|2.5.1"
SCH = "SCH||F1|||||||||^^^20260310093000"
PID = "PID|1||T1001^^^LFC^MR||Sample^Zoë^Lee||19700131|F|||12 Birch Ln^^Madison^WI^53703"
LINES = (MSH, SCH, PID, AIP)


def message(*lines, msh18="", end="\r"):
    first, *rest = lines or LINES
    return end.join((f"{first}||||||{msh18}" if msh18 else first, *rest))


def own_delimiters():
    return message().replace("|", "*").replace("^", "@").replace("&", "%")


@pytest.mark.parametrize(
    "raw",
    [
        message(end="\n").encode(),
        message(end="\r\n").encode() + b"\r\n",
        "\n".join((MSH, f"{SCH}\r\n{PID}\r{AIP}")).encode(),
        b"\xef\xbb\xbf" + message().encode(),
        b"\x0b" + message().encode() + b"\r\x1c\r",
        b"\r\n\x0b\x0b" + message().encode() + b"\x1c\r\n\x1c",
        message(MSH, "", SCH, "  ", PID, AIP, "", "").encode(),
        message(MSH, "sch" + SCH[3:], " pid" + PID[3:], f"\t{AIP}").encode(),
        message(MSH, PID, SCH, AIP).encode(),
        message(MSH, SCH, PID, "PV1|1|O|||||1234567893^Quill^Avery").encode(),
        message(MSH, "ZSC|x|y", SCH, PID, "ZPI|1|^~|", AIP, "ZZZ").encode(),
        message(*LINES, "NTE|1||one line", "and another").encode(),
        message(*LINES, "OBX|1|ED|X||^^^Base64^" + "A" * 3_000_000).encode(),
        own_delimiters().encode(),
        message(MSH.replace("^~\\&", "^~\\"), SCH, PID, AIP).encode(),
        message(MSH.replace("^~\\&", "^~\\\\&"), SCH, PID, AIP).encode(),
        *(
            message(MSH.replace("2.5.1", version), SCH, PID, AIP).encode()
            for version in ("", "2.1", "2.9", "2.3^USA")
        ),
        message(msh18="UNICODE UTF-8").encode(),
        message(msh18="UNICODE").encode(),
        message(msh18="UNICODE").encode("utf-16"),
        message(msh18="8859/1").encode("latin-1"),
        message(msh18="8859/15").encode("iso8859-15"),
        message(msh18="ASCII").encode(),
        message(msh18="ISO IR 999").encode(),
        message().encode("cp1252"),
    ],
)
def test_a_message_is_read_as_it_is_sent(story, raw):
    answer = story().raw(raw)
    assert answer["decision"] == "post"
    assert answer["request"]["patient"]["name"] == {"family": "Sample", "given": ["Zoë", "Lee"]}
    assert answer["request"]["upcomingAppointmentProvider"]["npi"] == "1234567893"
    assert answer["request"]["upcomingAppointmentDate"] == "2026-03-10"


def test_escapes_are_what_they_stand_for(story):
    told = story()
    pid5 = "O\\X27\\Brien\\.br\\Jr^Ro\\S\\b\\H\\i\\N\\n^L\\T\\e e\\F\\\\R\\\\E\\"
    name = told.book(pid=told.pid(f5=pid5))["request"]["patient"]["name"]
    assert name == {"family": "O'Brien Jr", "given": ["Ro^bin", "L&e", "e|~\\"]}


@pytest.mark.parametrize(
    ("start", "day"),
    [
        *(
            (stamp, "2026-03-10")
            for stamp in ("2026-03-10", "2026-03-10T09:30:00.000-0600", "202603100930+0000")
        ),
        *(
            (stamp, "2026-03-10")
            for stamp in ("20260310093000.1234", "2026/03/10 09:30", "03/10/2026 9:30 AM")
        ),
        *((stamp, None) for stamp in ("2026", "202603", "20260310250000", "next week")),
    ],
)
def test_a_time_is_read_in_the_forms_that_are_sent(story, start, day):
    assert story().book(start=start)["request"].get("upcomingAppointmentDate") == day


def test_kanji_and_kana_in_their_own_character_sets(story):
    pid = PID.replace("Sample^Zoë^Lee", "山田^太郎^^^^^L^I~ヤマダ^タロウ^^^^^L^P~Yamada^Taro^^^^^L^A")
    answer = story().raw(message(MSH, SCH, pid, AIP, msh18="ASCII~ISO IR87").encode("iso2022_jp"))
    assert answer["request"]["patient"]["name"] == {"family": "Yamada", "given": ["Taro"]}
    assert [entry["value"][:2] for entry in answer["left_out"]] == ["山田", "ヤマ"]


@pytest.mark.parametrize("separator", ["&", "@", "#"])
def test_parts_of_parts_are_told_by_the_senders_own_delimiter(story, separator):
    pid = PID.replace("12 Birch Ln", "12 Birch Ln&Birch Ln&12")
    pv1 = "PV1|1|O|ROOM 4^^^EAST&1.2.3.4&ISO"
    answer = story().raw(message(MSH, SCH, pid, pv1, AIP).replace("&", separator).encode())
    assert answer["request"]["patient"]["address"]["lines"] == ["12 Birch Ln"]
    assert answer["request"]["clinicName"] == "EAST"
    number_and_name = PID.replace("12 Birch Ln", "&Birch Ln&12")
    answer = story().raw(message(MSH, SCH, number_and_name, AIP).replace("&", separator).encode())
    assert answer["request"]["patient"]["address"]["lines"] == ["12 Birch Ln"]


@pytest.mark.parametrize("null", ['""', '"" ', ' ""', '  ""  '])
def test_null_with_blanks_around_it_is_no_label(story, null):
    answer = story().raw(message(*LINES, f"DG1|1||I10^{null}^I10|{null}").encode())
    assert answer["request"]["activeIcd10Diagnoses"] == [{"code": "I10", "displayName": "I10"}]
