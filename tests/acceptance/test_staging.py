"""Staging from outside: the installed program against the simulated API. The vendor's test patients arrive as imported, and
nobody else does, whatever is sent, asked or changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_up import AIP
from patience import until
from running_program import NOW, Site, call, calls, simulated_api, states, tell

SETTINGS = """
[site]
environment = "{environment}"
mrn_root = "2.999.7"
mrn_authority = {authority}
timezone = "America/Chicago"
[[listener]]
port = {port}
[api]
base_url = "{api}"
key = "file:api.key"
concurrency = 50
requests_per_second = 500
{more}
[store]
url = "sqlite:///store.db"
[web]
port = {web}
"""
PATIENTS = """\
MRN,Last Name,First Name,Birth Date,Gender,Address,City,State,Zip,Phone,Problems,Medications,Provider NPI,Provider Last Name,Provider First Name
TP-1,Sample,Robin,1970-01-31,F,12 Birch Ln,Madison,WI,53703,608-555-0100,ICD10:E11.9=Type 2 diabetes;SNOMED:38341003=Hypertension,RXNORM:860975=Metformin 500 MG;RXNORM:314076=Lisinopril 10 MG,1234567893,Quill,Avery
TP-1,,,,,,,,,,ICD10:I10=Essential hypertension,,,,
TP-2,Marsh,Lee,1955-03-04,M,9 Elm St,Madison,WI,53703,,,Aspirin 81 MG,1234567893,Quill,Avery
TP-3,Reed,Kim,1988-12-01,F,1 Oak St,Madison,WI,53703,,ICD9:250.00=Diabetes,,1234567893,Quill,Avery
"""  # noqa: E501
REAL = (
    ("R-1", "Birch", "19600101"),
    ("TP-1", "Other", "19700131"),  # a test patient's number
    ("TP-1", "Sample", "19700130"),
    ("TP-2", "Marsh", ""),
)
CLINICAL = (
    "PV1|1|O|||||||||||||||||{visit}",
    "PV2||||||||202604100900",
    "DG1|1||B20^HIV disease^I10||20250101|F",
)
ORDER = ("ORC|NW|{visit}", "RXE||197361^Amlodipine 5 MG^RXNORM|1||TAB")


AS_IMPORTED = {"environment": "staging", "authority": '["LFC"]', "more": ""}


class Staging(Site):
    """A site in staging, with the vendor's file of test patients."""

    def __init__(self, folder: Path, api: str):
        super().__init__(folder, api, SETTINGS, **AS_IMPORTED)
        self.file = folder / "patients.csv"
        self.file.write_text(PATIENTS)
        (folder / "api.key").write_text("sandbox")
        (folder / "api.key").chmod(0o600)

    def changed(self, **values: str) -> None:
        """A restart as imported, but for these settings."""
        self.daemon.end()
        self.set(**AS_IMPORTED | values)
        self.start()

    def tell(self, kind: str, *segments: str, mrn: str, family: str, birth: str, mode: str = "P") -> None:
        person = f"PID|1||{mrn}^^^LFC^MR||{family}^Robin||{birth}|F|||12 Birch Ln^^Madison^WI^53703"
        tell(self.port, "\r".join((self.header(kind, mode), person, *segments, "")).encode())

    def real_traffic(self, *, all_types: bool = False) -> None:
        """Messages of patients who are none of the vendor's: every type that may lead to a request, or one of each kind."""
        visits = ("ADT^A01", "ADT^A04", "ADT^A05", "ADT^A08", "ADT^A14", "ADT^A28", "ADT^A31")
        bookings = ("SIU^S12", "SIU^S13", "SIU^S14")
        for mrn, family, birth in REAL:
            who = {"mrn": mrn, "family": family, "birth": birth}
            visit = f"V{self.count}"
            for kind in visits if all_types else ("ADT^A08",):
                self.tell(kind, *(text.format(visit=visit) for text in CLINICAL), **who)
            for kind in bookings if all_types else ("SIU^S12",):
                self.tell(kind, f"SCH||F{visit}|||||||||^^^202604100930", AIP, **who)
            self.tell("RDE^O11", *(text.format(visit=visit) for text in ORDER), **who)
            self.tell("PPR^PC1", "PRB|AD|20260101|B20^HIV disease^I10", **who)
            self.tell("ADT^A40", "MRG|R-9^^^LFC^MR", **who)
        self.decided()

    def sent(self) -> list[dict[str, Any]]:
        """What reached the API. Each is a test patient's: looked at each time."""
        found = [one["body"] for one in calls(self.api)]
        assert all(one["test_patient"] for one in calls(self.api)), "a stranger got out"
        assert not any(word in json.dumps(found) for word in ("B20", "HIV", "Amlodipine", "R-1", "Other"))
        return found


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Staging]:
    known = tmp_path / "known.json"
    known.write_text(
        json.dumps(
            [
                {"mrn": "TP-1", "family": "Sample", "birth_date": "1970-01-31"},
                {"mrn": "TP-2", "family": "Marsh", "birth_date": "1955-03-04"},
                {"mrn": "TP-3", "family": "Reed", "birth_date": "1988-12-01"},
            ]
        )
    )
    with simulated_api("--test-patients", str(known)) as api:
        site = Staging(tmp_path, api)
        with site.running():
            yield site


def test_the_test_patients_arrive_as_imported_and_nobody_else_does(site: Staging) -> None:
    site.real_traffic(all_types=True)
    assert set(states(site.store)) <= {"held", "superseded"}
    assert {code["code"] for one in site.list("requests", "--state", "held") for code in one["reasons"]} >= {
        "not-test-patient"
    }

    told = site.json("onboarding", "import-patients", str(site.file), "--now", NOW)
    assert (told["added"], told["patients"], told["warnings"]) == (3, 3, [])
    assert site.sent() == []
    answer = site.json("onboarding", "send-test-patients", "--now", NOW)
    assert [one["state"] for one in answer["patients"]] == ["delivered"] * 3
    arrived = {body["patient"]["mrn"]["extension"]: body for body in site.sent()}
    assert len(site.sent()) == 3
    one, two, three = (arrived[f"TP-{number}"] for number in (1, 2, 3))
    assert [e["code"] for e in one["activeIcd10Diagnoses"]] == ["E11.9", "I10"]
    assert [e["code"] for e in one["activeSnomedDiagnoses"]] == ["38341003"]
    assert [e["nameCode"]["code"] for e in one["medications"]] == ["860975", "314076"]
    assert [e["nameCode"] for e in two["medications"]] == [{"displayName": "Aspirin 81 MG"}]
    assert [e["code"] for e in three["activeIcd9Diagnoses"]] == ["250.00"]
    assert one["patient"]["contactPoints"][0]["value"] == "6085550100"

    # again: the same bytes, which the journal counts; with --again new appointments are asked for
    again = site.json("onboarding", "send-test-patients", "--now", NOW)
    assert {message["repeated"] for one in again["patients"] for message in one["messages"]} == {1}
    assert len(site.sent()) == 3
    site.json("onboarding", "send-test-patients", "--now", NOW, "--again", "--only", "TP-3")
    assert len(site.sent()) == 4

    # who is removed does not leave any more
    site.json("onboarding", "import-patients", "--remove", "--mrn", "TP-3", "--yes", "--now", NOW)
    site.tell("SIU^S12", "SCH||F77|||||||||^^^202604100930", AIP, mrn="TP-3", family="Reed", birth="19881201")
    site.decided()
    assert len(site.sent()) == 4


def test_nobody_else_gets_out_whatever_a_person_asks(site: Staging) -> None:
    site.real_traffic()
    site.json("onboarding", "import-patients", str(site.file), "--now", NOW)
    held = [str(one["id"]) for one in site.list("requests", "--state", "held")]
    assert held
    history = site.folder / "history.csv"
    history.write_text(
        "mrn,mrn_authority,family,given,birth_date,code,label\nR-1,LFC,Birch,Robin,1960-01-01,B20,HIV\n"
    )
    for command in (
        ("load", str(history), "--now", NOW),
        ("requests", "release", *held),
        ("requests", "retry", *held),
        ("messages", "reprocess", "--all", "--yes"),
        ("patients", "rebuild", "--all", "--yes"),
        ("purge", "--yes"),
    ):
        done = call(*command, "-c", str(site.path))
        assert "Traceback" not in done.stderr
        site.decided()
    site.real_traffic()
    assert site.sent() == []
    assert set(states(site.store)) <= {"held", "superseded", "withdrawn"}


def test_nobody_else_gets_out_whatever_the_settings_become(site: Staging) -> None:
    site.real_traffic()
    site.json("onboarding", "import-patients", str(site.file), "--now", NOW)
    site.changed(authority="[]", more='[forward]\nunchanged = "send"\nsupersede = false')
    site.real_traffic()
    site.changed(environment="production")
    refused = call("onboarding", "send-test-patients", "-c", str(site.path))
    assert (refused.returncode, "test patients are for staging" in refused.stderr) == (2, True)
    # a test patient elsewhere than in staging
    site.tell("SIU^S12", "SCH||F77|||||||||^^^202604100930", AIP, mrn="TP-3", family="Reed", birth="19881201")
    site.decided()
    assert "test-patient" in {code["code"] for one in site.list("requests") for code in one["reasons"]}
    site.changed()
    site.daemon.says("event=staging-limits requests_per_minute=60 at_once=2")
    assert "Sample" not in site.daemon.text
    until("TP-3 goes out, back in staging", lambda: "delivered" in states(site.store))
    assert len(site.sent()) == 1
    assert set(states(site.store)) <= {"held", "superseded", "delivered"}


def test_a_broken_file_imports_nothing_and_each_bad_line_is_named(site: Staging) -> None:
    site.file.write_text(
        "mrn,family,birth_date\nTP-1,Sample,1970-01-31\nTP-2,,1970-01-31\nTP-3,Reed,1/2/1988\n"
    )
    said = site.command("onboarding", "import-patients", str(site.file), code=2)
    assert re.findall(r"patients.csv:(\d): (\w+)", said) == [("3", "family"), ("4", "birth_date")]
    assert "nothing was imported: 2 faults" in said
    assert "Reed" not in said
    assert site.json("onboarding", "import-patients", "--list") == {"patients": []}


def test_what_would_not_pass_is_warned_of_and_imported_all_the_same(site: Staging) -> None:
    site.file.write_text("mrn,family,given,birth_date,problems\nTP-1,Sample,Robin,1970-01-31,LOCAL:77=Odd\n")
    done = call("onboarding", "import-patients", str(site.file), "-c", str(site.path), "--now", NOW)
    assert done.returncode == 0, done.stderr
    for text in ("missing:patient.address", "no provider_npi", "problem 1 of 1 does not reach the request"):
        assert re.search(rf"patients.csv:2: .*{text}", done.stderr), done.stderr
    answer = site.json("onboarding", "send-test-patients", "--now", NOW, code=1)
    assert [(one["state"], "ZIP" in one["why"]) for one in answer["patients"]] == [("held", True)]


def test_patients_are_imported_before_the_first_start_too(tmp_path: Path) -> None:
    path, file = tmp_path / "site.toml", tmp_path / "patients.csv"
    file.write_text(PATIENTS)
    path.write_text(
        '[site]\nenvironment = "staging"\nmrn_root = "2.999.7"\n[store]\nurl = "sqlite:///store.db"\n'
    )
    assert call("onboarding", "import-patients", str(file), "-c", str(path)).returncode == 0
    listed = json.loads(call("onboarding", "import-patients", "--list", "--json", "-c", str(path)).stdout)
    assert [one["mrn"] for one in listed["patients"]] == ["TP-1", "TP-2", "TP-3"]


def test_explain_goes_by_the_stores_list_and_says_so(tmp_path: Path) -> None:
    path, file, hl7 = tmp_path / "site.toml", tmp_path / "patients.csv", tmp_path / "m.hl7"
    file.write_text(PATIENTS)
    path.write_text(
        '[site]\nenvironment = "staging"\nmrn_root = "2.999.7"\n[store]\nurl = "sqlite:///store.db"\n'
    )
    hl7.write_text(
        "\r".join(
            (
                "MSH|^~\\&|APP|FAC|R|R|20260302080000||SIU^S12|M1|P|2.5.1",
                "SCH||F1|||||||||^^^202604100930",
                "PID|1||TP-3^^^^MR||Reed^Kim||19881201|F|||1 Oak St^^Madison^WI^53703",
                AIP,
            )
        )
    )
    before = call("explain", str(hl7), "-c", str(path), "--json", "--now", NOW)
    (answer,) = json.loads(before.stdout)["messages"]
    assert [reason["code"] for reason in answer["reasons"]] == ["not-test-patient"]
    assert "as if no test patient were imported: there is no store" in before.stderr
    call("onboarding", "import-patients", str(file), "-c", str(path))
    after = call("explain", str(hl7), "-c", str(path), "--json", "--now", NOW)
    assert json.loads(after.stdout)["messages"][0]["decision"] == "post"
    assert "by the store's list: 3 test patients imported" in after.stderr
