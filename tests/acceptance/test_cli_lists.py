"""`messages` and `requests` over a real store: lists, filters, pages, details, and text that does no harm."""

import json
import shlex
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from interface.cli.main import main
from interface.store.keys import load_or_create
from interface.store.records.arrivals import Arrival
from interface.store.records.reasons import reasons_json
from interface.store.records.turn import AttemptDone, MessageDone, NewRequestRow, PatientWrite, Turn
from interface.store.store import open_store

T = 1_772_700_000.0
RAW = b"MSH|^~\\&|EPIC|LFC|C|D|20260305||SIU^S12|%s|P|2.5.1\rPID|1||7^^^LFC^MR||D\x1b[2Je^J\xe9\r"
DETAIL = {
    "fields": [
        {
            "field": "patient.name.family",
            "value": "D\x1b[2Je",
            "source": "PID-5.1",
            "rule": "patient.yaml#name",
        }
    ],
    "left_out": [{"source": "DG1-3.1", "value": "X99", "why": "no known code system"}],
}
BODY = {"patient": {"name": {"family": "D\u202ee", "given": ["Jé"]}}}


def arrival(control_id: str, type: str = "SIU^S12", receipt: str = "stored") -> Arrival:
    raw = RAW % control_id.encode()
    return Arrival("main", "EPIC", "LFC", control_id, type, "P", "127.0.0.1:5000", raw, receipt, T)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of four messages (posted, failed, ignored, new) and one request that was tried once."""
    (tmp_path / "site.toml").write_text('[store]\nurl = "sqlite:///i.db"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("HL7_INTERFACE_SETTINGS", "site.toml")
    keyring = load_or_create(None, tmp_path, lambda _: None)
    with open_store(f"sqlite:///{tmp_path}/i.db", keyring) as store:
        store.journal.append([arrival("M1"), arrival("M2"), arrival("M3", "ORU^R01"), arrival("M4")], T)
        rows = store.work.new_messages()
        patient, request = store.work.next_ids()
        note, why = json.dumps(DETAIL).encode(), reasons_json([("no-npi", "no NPI for the provider")])
        store.work.commit(
            Turn(
                now=T,
                messages=[
                    MessageDone(
                        rows[0].id, "done", "post", note=note, patient_id=patient, request_id=request
                    ),
                    MessageDone(rows[1].id, "failed", None, why),
                    MessageDone(rows[2].id, "done", "ignore", why),
                ],
                patients=[PatientWrite(patient, b"chart", True, ("LFC|7",))],
                requests=[
                    NewRequestRow(
                        request,
                        patient,
                        rows[0].id,
                        "SCH-2:77",
                        "waiting",
                        json.dumps(BODY).encode(),
                        note,
                        date(2026, 3, 12),
                    )
                ],
                claims=1,
            )
        )
        tried = AttemptDone(
            request, patient, T, T + 0.25, 200, "delivered", "taken", "delivered", correlation_id="c-1"
        )
        store.work.commit(Turn(now=T + 1, attempts=[tried]))
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:  # type: ignore[type-arg]
    assert main([*arguments, "--json"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\u202e" not in out
    return json.loads(out)  # type: ignore[no-any-return]


def test_messages_are_listed_newest_first(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["messages"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == [
        "id",
        "received",
        "listener",
        "type",
        "control",
        "id",
        "state",
        "decision",
        "request",
        "reasons",
    ]
    assert [line.split()[5] for line in lines[1:]] == ["M4", "M3", "M2", "M1"]
    assert "no NPI for the provider" in lines[3]
    assert err == ""


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--state", "failed"], ["M2"]),
        (["--decision", "ignore"], ["M3"]),
        (["--type", "SIU^S12"], ["M4", "M2", "M1"]),
        (["--type", "siu^s12"], ["M4", "M2", "M1"]),
        (["--control-id", "M1"], ["M1"]),
        (["--listener", "other"], []),
        (["--since", "2026-03-06"], []),
        (["--until", "2026-03-06"], ["M4", "M3", "M2", "M1"]),
    ],
)
def test_messages_by_filter(
    filters: list[str], found: list[str], site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [row["control_id"] for row in answer(capsys, "messages", *filters)["messages"]] == found


def test_messages_in_pages(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = answer(capsys, "messages", "--limit", "3")
    rest = answer(capsys, "messages", "--limit", "3", "--before", str(first["next_before"]))
    assert [row["control_id"] for row in first["messages"] + rest["messages"]] == ["M4", "M3", "M2", "M1"]
    assert rest["next_before"] is None
    assert main(["messages", "--limit", "3"]) == 0
    going_on = f"hl7-interface messages --limit 3 --before {first['next_before']}"
    assert capsys.readouterr().err == f"there are more: {going_on}\n"


def test_the_line_that_says_how_a_list_goes_on_keeps_what_it_was_asked_for(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["messages", "--type", "SIU^S12", "--since", "9000d", "-c", "site.toml", "--limit", "1"]
    found = []
    while asked:
        assert main(asked) == 0
        out, err = capsys.readouterr()
        found.append(out.splitlines()[1].split()[5])
        asked = shlex.split(err.removeprefix("there are more: "))[1:]
        assert err.count("--before") <= 1
    assert found == ["M4", "M2", "M1"]


def test_the_note_of_a_decided_message_has_its_lists_though_nothing_is_kept(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = {}
    for row in answer(capsys, "messages")["messages"]:
        notes[row["control_id"]] = answer(capsys, "messages", "show", str(row["id"]))["note"]
    empty: dict[str, list[str]] = {"left_out": [], "said": []}
    assert notes == {"M1": DETAIL, "M2": None, "M3": empty, "M4": None}


def test_one_message_whole(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = str(answer(capsys, "messages", "--control-id", "M1")["messages"][0]["id"])
    shown = answer(capsys, "messages", "show", number)
    assert shown["raw"].startswith("MSH|^~\\&|EPIC|LFC|") and "D\x1b[2Je^Jé" in shown["raw"]
    assert (shown["note"], shown["request_state"]) == (DETAIL, "delivered")
    assert main(["messages", "show", number]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "PID|1||7^^^LFC^MR||D\\x1b[2Je^Jé\n" in out
    assert "patient.yaml#name" in out and "no known code system" in out and "(delivered)" in out


def test_requests(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["requests"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "2026-03-12" in lines[1] and "delivered" in lines[1] and "c-1" in lines[1]
    assert len(answer(capsys, "requests", "--date", "2026-03-12", "--state", "delivered")["requests"]) == 1
    assert answer(capsys, "requests", "--state", "held") == {
        "requests": [],
        "next_before": None,
        "destination": None,
    }


def test_one_request_whole(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = str(answer(capsys, "requests")["requests"][0]["id"])
    shown = answer(capsys, "requests", "show", number)
    assert shown["request"] == BODY
    assert (shown["fields"], shown["left_out"]) == (DETAIL["fields"], DETAIL["left_out"])
    assert (shown["appointment"], shown["tries"][0]["status"]) == ("SCH-2:77", 200)
    assert main(["requests", "show", number, "-c", "site.toml"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\u202e" not in out
    assert '"family": "D\\u202ee"' in out and "PID-5.1" in out and "0.250" in out


@pytest.mark.parametrize("command", ["messages", "requests"])
def test_what_is_not_there(command: str, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "show", "999"]) == 1
    assert capsys.readouterr() == ("", f"hl7-interface: there is no {command.removesuffix('s')} 999\n")


def test_an_empty_list_says_so_aside(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["messages", "--listener", "other"]) == 0
    assert capsys.readouterr() == ("", "no messages\n")


def test_no_store_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "site.toml").write_text("")
    assert main(["messages", "-c", str(tmp_path / "site.toml")]) == 1
    assert "there is no store at" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["site.toml"]


@pytest.mark.parametrize("key", ["00" * 32, "no key at all", None], ids=["another", "malformed", "missing"])
@pytest.mark.parametrize(
    "command",
    [
        ["messages"],
        ["patients", "show", "4711"],
        ["requests", "retry", "1", "--yes"],
        ["keys", "rotate"],
        ["backup", "copy.db"],
        ["purge", "--yes"],
        ["run"],
    ],
    ids=" ".join,
)
def test_the_wrong_key_is_wrong_settings_in_one_line(
    command: list[str], key: str | None, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = site / "at-rest.key"
    place.unlink()
    if key is not None:
        place.write_text(f"{key}\n")
        place.chmod(0o600)
    assert main(command) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert place.exists() == (key is not None)
    assert main(["check"]) == 2
    assert "\nFAIL  " in capsys.readouterr().out


def test_check_opens_the_store(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check"])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ok    store: ") and "is writable" in line for line in lines)
    (site / "at-rest.key").unlink()
    assert main(["check"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("FAIL  at-rest key: ") for line in lines)


PAUSED = {"state": "paused", "reason": "not-authorised", "since": T, "next_at": 4e9}


@pytest.fixture
def telling(site: Path) -> Callable[[dict[str, object]], None]:
    """Has a request wait, and the work tell of the destination."""
    keyring = load_or_create(None, site, lambda _: None, create=False)

    def tell(told: dict[str, object]) -> None:
        with open_store(f"sqlite:///{site}/i.db", keyring) as store:
            patient, request = store.work.next_ids()
            waiting = NewRequestRow(request, patient, None, "SCH-2:78", "waiting", b"{}", b"{}", None)
            patients = [PatientWrite(patient, b"chart", True, (f"LFC|{patient}",))]
            store.work.commit(
                Turn(T, patients=patients, requests=[waiting], told={"destination": json.dumps(told)})
            )

    return tell


def test_above_the_list_stands_why_waiting_requests_wait(
    telling: Callable[[dict[str, object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    telling(PAUSED)
    assert main(["requests"]) == 0
    first, heads, *_ = capsys.readouterr().out.splitlines()
    assert first == (
        "sending is paused since 2026-03-05 08:40:00 (not-authorised): the API does not accept the key: correct it "
        "where [api] key points to; a file is read anew before the next try (SIGHUP: at once), a variable of the "
        "environment needs a restart; next try 2096-10-02 07:06:40"
    )
    assert heads.split()[0] == "id"
    assert main(["requests", "show", "2"]) == 0
    assert "waits because" in capsys.readouterr().out
    assert main(["requests", "--state", "delivered"]) == 0
    assert "paused" not in capsys.readouterr().out, "nothing waits there"


def test_as_json_the_destination_is_beside_the_requests(
    telling: Callable[[dict[str, object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["requests", "--json"])
    assert json.loads(capsys.readouterr().out)["destination"] is None
    telling(PAUSED)
    main(["requests", "--json"])
    assert json.loads(capsys.readouterr().out)["destination"] == {
        "state": "paused",
        "reason": "not-authorised",
        "since": "2026-03-05T08:40:00.000Z",
        "next_at": "2096-10-02T07:06:40.000Z",
    }


@pytest.mark.parametrize("told", [{"state": "passing", "reason": ""}, {"state": "x"}, {"reason": 5}])
def test_where_nothing_keeps_requests_from_going_out_nothing_is_said(
    telling: Callable[[dict[str, object]], None], told: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    telling(told)
    assert main(["requests"]) == 0
    assert capsys.readouterr().out.split()[0] == "id"
