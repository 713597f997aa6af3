"""The command by which a list goes on: what was given, from another place on."""

import shlex
import subprocess

import pytest

from interface.cli.going_on import going_on

AT = {"--since": 1_772_700_000.25, "--until": None}


@pytest.mark.parametrize(
    ("given", "then"),
    [
        ("messages", "messages --before 7"),
        ("messages --state failed --type SIU^S12 --limit 3", "messages --state failed --type SIU^S12 --limit 3"),
        ("messages --before 9 --state done", "messages --state done"),
        ("messages --before=9 --state=done", "messages --state=done"),
        ("requests --unanswered -c site.toml", "requests --unanswered -c site.toml"),
        ("webhooks --unmatched list --before 9", "webhooks --unmatched list"),
        ("appointments --date 2026-03-05 --status booked --", "appointments --date 2026-03-05 --status booked"),
        ("messages --since 2026-03-05T10:00", "messages --since 2026-03-05T10:00"),
        ("messages --since 2h", "messages --since 2026-03-05T08:40:00.250000+00:00"),
        ("messages --since=2h", "messages --since 2026-03-05T08:40:00.250000+00:00"),
        ("messages --until 2026-03-05", "messages --until 2026-03-05"),
    ],
)  # fmt: skip
def test_the_list_goes_on_with_what_it_was_asked_for(given: str, then: str) -> None:
    words = shlex.split(going_on(given.split(), 7, AT))
    assert words == ["hl7-interface", *then.removesuffix(" --before 7").split(), "--before", "7"]


@pytest.mark.parametrize("word", ["Main St", "a'b", "$(x)", "A\u202eB'\\n", "A\tB\x9f"])
def test_a_shell_reads_the_words_as_they_were(word: str) -> None:
    line = going_on(["messages", "--sender", word], 7, {})
    assert line.isprintable()
    told = subprocess.run(
        ["bash", "-c", line.replace("hl7-interface", r"printf '%s\n'", 1)],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8"},
    )
    assert told.stdout.decode() == f"messages\n--sender\n{word}\n--before\n7\n"


def test_a_patients_number_is_left_open_where_the_line_may_be_kept_as_a_log() -> None:
    for given in (["messages", "--mrn", "T1001"], ["messages", "--mrn=T1001"]):
        assert going_on(given, 7, {}, kept=True) == "hl7-interface messages --mrn MRN --before 7"
        assert "T1001" in going_on(given, 7, {})
