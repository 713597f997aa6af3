"""`onboarding`, its completeness, confirmations and report, over a real store; no daemon running."""

from __future__ import annotations

import json
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from interface.chart.decide import Engine
from interface.cli.main import main
from interface.cli.samples import load_samples
from interface.services.clock import Clock
from interface.services.evidence import report_of
from interface.services.offline import work_off
from interface.settings import load_settings
from interface.staging.imported import Imported, encode
from interface.store import roster
from interface.store.keys import load_or_create
from interface.store.onboarding_views import EvidenceFilter
from interface.store.records.arrivals import Arrival
from interface.store.records.roster import RosterWrite
from interface.store.records.turn import AttemptDone, Turn
from interface.store.store import open_store

Capture = pytest.CaptureFixture[str]
REFUSED = "HL7_INTERFACE_TEST_KEY"


class Site:
    """A site whose sample messages are decided, and whose requests were taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "site.toml"
        self.set("sandbox")

    def set(self, environment: str) -> None:
        key = "" if environment == "sandbox" else f'[api]\nkey = "env:{REFUSED}"\n'
        self.settings.write_text(
            f'[site]\nenvironment = "{environment}"\nmrn_root = "2.999.1"\n{key}[store]\nurl = "sqlite:///i.db"\n'
        )

    def fill(self) -> None:
        """Decide all samples, and have the API take what is posted."""
        settings = load_settings(self.settings)
        keyring = load_or_create(None, self.folder, lambda _: None)
        samples = load_samples()
        with open_store(settings.store_url, keyring) as store:
            for number, sample in enumerate(samples):
                at = sample.now.timestamp() + number
                arrival = Arrival(
                    "main", "APP", "FAC", f"M{number}", "SIU^S12", "P", "x", sample.message, "stored", at
                )
                store.journal.append([arrival], at)
            clock = Clock(samples[0].now, UTC)
            work_off(store, Engine(settings.rulebook(), settings.policy()), clock)
            at = samples[0].now.timestamp() + 100
            while claimed := store.work.claim(at, 100):
                done = [
                    AttemptDone(
                        row.request_id,
                        row.patient_id,
                        at,
                        at + 1,
                        200,
                        "delivered",
                        "accepted",
                        "delivered",
                        correlation_id=f"correlation-{row.request_id}",
                    )
                    for row in claimed
                ]
                store.work.commit(Turn(at, attempts=done))

    def say(self, capsys: Capture, *arguments: str, code: int = 0) -> Any:
        """The JSON answer of `onboarding …`."""
        assert main(["onboarding", *arguments, "-c", str(self.settings), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    def steps(self, capsys: Capture) -> dict[str, dict[str, Any]]:
        assert main(["onboarding", "-c", str(self.settings), "--json"]) == 0
        return {step["step"]: step for step in json.loads(capsys.readouterr().out)["steps"]}

    def move(self, environment: str) -> None:
        """As if all requests had been made for another environment."""
        with closing(sqlite3.connect(self.folder / "i.db")) as connection, connection:
            connection.execute("UPDATE requests SET environment = ?", (environment,))

    def hear(self, said: str, *parameters: object) -> None:
        """As if webhooks had said something of requests: an SQL assignment."""
        with closing(sqlite3.connect(self.folder / "i.db")) as connection, connection:
            connection.execute(f"UPDATE requests SET {said}", parameters)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(REFUSED, "a-key")
    made = Site(tmp_path)
    made.fill()
    return made


def values_of(site: Site) -> set[str]:
    """Every text of a patient that the stored requests hold, but names of fields and short words."""
    settings = load_settings(site.settings)
    keyring = load_or_create(None, site.folder, lambda _: None)
    found: set[str] = set()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            for part in value.values():
                look(part)
        elif isinstance(value, list):
            for part in value:
                look(part)
        elif isinstance(value, str) and len(value) > 3:
            found.add(value)

    with open_store(settings.store_url, keyring) as store:
        for row in store.views.requests(limit=500):
            detail = store.views.request(row.id)
            assert detail is not None and detail.body is not None
            body = json.loads(detail.body)
            for common in ("clinicName", "upcomingAppointmentDate"):
                body.pop(common, None)
            body["patient"].get("mrn", {}).pop("root", None)
            body["patient"].pop("gender", None)
            look(body["patient"])
            look(body.get("upcomingAppointmentProvider"))
            for name in ("activeIcd10Diagnoses", "activeIcd9Diagnoses", "activeSnomedDiagnoses"):
                look(body.get(name))
            for medication in body.get("medications", ()):
                look(medication["nameCode"].get("displayName"))
                look(medication["nameCode"].get("code"))
    return found - {"PHONE", "EMAIL", "HOME", "WORK", "MOBILE"}


# ---------------------------------------------------------------- steps


def test_before_there_is_a_store_all_steps_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    found = Site(tmp_path).steps(capsys)
    assert not any(step["done"] for step in found.values())
    assert not (tmp_path / "i.db").exists()


def test_the_steps_follow_what_happened(site: Site, capsys: Capture) -> None:
    found = site.steps(capsys)
    assert found["sandbox"]["done"] and found["settings"]["next"]
    site.set("staging")
    assert site.steps(capsys)["settings"]["done"]
    site.move("staging")
    found = site.steps(capsys)
    assert found["answered"]["done"] and found["sharing"]["done"]
    newest = found["answered"]["data"]["newest"][0]
    assert newest["correlation_id"] == f"correlation-{newest['request']}"
    site.move("production-test")
    found = site.steps(capsys)
    assert not found["answered"]["done"]


def test_a_key_that_is_not_there_is_said(
    site: Site, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.set("staging")
    monkeypatch.delenv(REFUSED)
    assert "[api] key is not set, or what it names is not there" in site.steps(capsys)["settings"]["evidence"]


def test_people_get_a_table_and_what_to_do(site: Site, capsys: Capture) -> None:
    assert main(["onboarding", "-c", str(site.settings)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["step", "state", "what", "evidence"]
    assert any(line.startswith("→  settings") for line in lines)


# ---------------------------------------------------------------- confirm


def test_a_person_confirms_a_step_and_takes_it_back(site: Site, capsys: Capture) -> None:
    answer = site.say(capsys, "confirm", "staging", "--note", "Kim wrote so")
    assert answer == {"step": "staging", "confirmed": True}
    step = site.steps(capsys)["staging"]
    assert step["state"] == "confirmed" and step["data"]["confirmed"]["by"]
    assert "Kim" not in json.dumps(step)
    assert site.say(capsys, "confirm", "staging", "--undo")["confirmed"] is False
    assert site.steps(capsys)["staging"]["state"] == "person"
    assert main(["onboarding", "confirm", "staging", "--undo", "-c", str(site.settings)]) == 1
    assert "nothing to take back" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["confirm", "stagin", "--note", "x"], "no step 'stagin' to confirm"),
        (["confirm", "live", "--note", "x"], "`onboarding go-live` is the switch"),
        (["confirm", "staging"], "give --note TEXT"),
        (["confirm", "staging", "--note", "  "], "give --note TEXT"),
        (["confirm", "staging", "--note", "x", "--undo"], "not both"),
        (["confirm", "staging", "--note", "x" * 2001], "longer than 2000 characters"),
        (["report", "-o", "nowhere/x.html"], "there is no such folder"),
        (["completeness", "--environment", "moon"], "invalid choice"),
        (["completeness", "--since", "tomorow"], "cannot read the time"),
    ],
)
def test_wrong_usage_is_one_line(site: Site, capsys: Capture, arguments: list[str], said: str) -> None:
    assert main(["onboarding", *arguments, "-c", str(site.settings)]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1


# ---------------------------------------------------------------- completeness


def test_completeness_adds_up_what_was_delivered(site: Site, capsys: Capture) -> None:
    found = site.say(capsys, "completeness")
    assert found["requests"] >= 5 and found["unreadable"] == 0 and found["lacking"] == 0
    counts = {each["field"]: each["filled"] for each in found["versions"][0]["fields"]}
    assert counts["patient.mrn.extension"] == found["requests"] > counts["medications.active"] > 0
    assert sum(found["sharing"].values()) == found["requests"]
    assert found["reciprocity"]["problems"]["known"] > found["reciprocity"]["problems"]["sent"] > 5
    assert found["reciprocity"]["problems"]["left_out"] == {"confidential": 1}
    assert found["reciprocity"]["problems"]["missing"] == found["reciprocity"]["unproven"] == 0
    assert site.say(capsys, "completeness", "--all")["requests"] > found["requests"]
    assert site.say(capsys, "completeness", "--environment", "staging")["requests"] == 0
    assert site.say(capsys, "completeness", "--since", "2030-01-01")["requests"] == 0


def test_something_missing_is_shouted(site: Site, capsys: Capture) -> None:
    """As if a request had been composed wrongly: its proof says so."""
    settings = load_settings(site.settings)
    keyring = load_or_create(None, site.folder, lambda _: None)
    with open_store(settings.store_url, keyring) as store:
        number = store.views.requests(limit=1)[0].id
        detail = {"known": {"problems": {"known": 1, "missing": ["ICD10|E11.9"]}, "orders": {}}}
        sealed = store.keyring.seal("detail", json.dumps(detail).encode())
    with closing(sqlite3.connect(site.folder / "i.db")) as connection, connection:
        connection.execute("UPDATE request_bodies SET detail = ? WHERE request_id = ?", (sealed, number))
    found = site.say(capsys, "completeness", code=1)
    assert found["reciprocity"]["missing_in"] == [number]
    assert "E11.9" not in json.dumps(found)
    assert main(["onboarding", "completeness", "-c", str(site.settings)]) == 1
    assert f"left out for no reason of requests {number}:" in capsys.readouterr().err


def test_a_request_says_how_complete_it_is(site: Site, capsys: Capture) -> None:
    assert main(["requests", "-c", str(site.settings), "--json", "--state", "delivered"]) == 0
    number = json.loads(capsys.readouterr().out)["requests"][0]["id"]
    assert main(["requests", "show", str(number), "-c", str(site.settings), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["completeness"]
    assert told["required"] == {"filled": 11, "of": 11} and told["reciprocity"]["problems"]["missing"] == 0
    assert main(["requests", "show", str(number), "-c", str(site.settings)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "completeness 11 of 11 required fields" in out and " shares " in out


# ---------------------------------------------------------------- report


@pytest.mark.parametrize("environment", ["sandbox", "staging", "production-test", "production"])
def test_the_report_has_what_is_asked_for_and_no_value_of_a_patient(
    site: Site, capsys: Capture, environment: str
) -> None:
    secrets = values_of(site)
    assert len(secrets) > 40
    site.move(environment)
    site.set(environment)
    site.say(capsys, "confirm", "staging", "--note", "a note that stays here")
    found = site.say(capsys, "report", "-o", "page.html")
    assert found["environment"] == environment
    assert {entry["correlation_id"] for entry in found["requests"]} == {
        f"correlation-{entry['id']}" for entry in found["requests"]
    }
    assert len(found["requests"]) == found["completeness"]["requests"] >= 5
    assert all(entry["completeness"]["lacking"] == [] for entry in found["requests"])
    page = (site.folder / "page.html").read_text("utf-8")
    told = page + json.dumps(found, ensure_ascii=False)
    assert sorted(value for value in secrets if value in told) == []
    assert "a note that stays here" not in told
    assert f"correlation-{found['requests'][0]['id']}" in page


def test_the_page_is_its_owners_alone_and_named_after_the_environment(site: Site, capsys: Capture) -> None:
    assert main(["onboarding", "report", "-c", str(site.settings)]) == 0
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("wrote onboarding-sandbox.html (")
    file = site.folder / "onboarding-sandbox.html"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in site.folder.glob(".onboarding*")] == []
    assert main(["onboarding", "report", "-o", "-", "-c", str(site.settings)]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")


def test_only_the_newest_requests_are_listed(site: Site) -> None:
    settings = load_settings(site.settings)
    keyring = load_or_create(None, site.folder, lambda _: None)
    with open_store(settings.store_url, keyring) as store:
        made = report_of(settings, store, EvidenceFilter(), datetime(2026, 3, 2, tzinfo=UTC), most=3)
    assert len(made.listed) == 3 and made.more == made.sums.requests - 3
    assert [entry.id for entry in made.listed] == sorted((entry.id for entry in made.listed), reverse=True)


def test_receipts_of_webhooks_are_counted_with_their_times(site: Site, capsys: Capture) -> None:
    site.set("staging")
    site.move("staging")
    count = site.say(capsys, "report")["completeness"]["requests"]
    site.hear("taken_at = 1000, awaited_since = 1000")
    assert site.steps(capsys)["webhooks"]["data"]["unanswered"] == count
    site.hear(
        "awaited_since = NULL, found_at = 1060, delivered_at = 1000 + 10 * id, documents = 1 WHERE id <= "
        "(SELECT min(id) + 1 FROM requests WHERE state = 'delivered')"
    )
    site.hear("insufficient_at = 900 WHERE id = (SELECT min(id) FROM requests WHERE state = 'delivered')")
    step = site.steps(capsys)["webhooks"]
    assert step["done"]
    told = site.say(capsys, "report")["webhooks"]
    heard = told["found"]
    assert heard == told["delivered"] > 0
    assert (told["insufficient"], told["contradicting"], told["unanswered"]) == (1, 1, count - heard)
    assert told["times"]["found"] == {"requests": heard, "median_seconds": 60.0, "longest_seconds": 60.0}
    assert told["times"]["insufficient"]["longest_seconds"] == 0.0, "a webhook before the reply took no time"


def test_only_in_staging_the_report_names_the_vendors_test_patients(site: Site, capsys: Capture) -> None:
    settings = load_settings(site.settings)
    keyring = load_or_create(None, site.folder, lambda _: None)
    with open_store(settings.store_url, keyring) as store, store.views._writing() as connection:
        for mrn, given in (("CH-2", "Berta"), ("CH-1", "Alma")):
            document = encode(Imported(mrn=mrn, family="Testa", birth_date="1970-01-31", given=given))
            roster.write(connection, store.keyring, [RosterWrite(mrn, document)], 1.0)
    for environment in ("staging", "production-test", "production"):
        site.set(environment)
        site.move(environment)
        found = site.say(capsys, "report", "-o", "page.html")
        named = [{"mrn": "CH-1", "name": "Testa, Alma"}, {"mrn": "CH-2", "name": "Testa, Berta"}]
        assert found["test_patients"] == (named if environment == "staging" else [])
        assert ("Testa, Alma" in (site.folder / "page.html").read_text()) == (environment == "staging")
