"""`explain` names the row of a code table that brought a value; of values that no row brought it names none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interface.cli.main import main
from interface.cli.samples import load_samples

NOW = "2026-03-02T09:00:00-06:00"
MSH = "MSH|^~\\&|APP|FAC|R|R|2026030208{:02d}||{}|M{}|P|2.5.1"
PID = "PID|1||T1^^^LFC^MR||Sample^Robin||19700131|{}|||12 Birch Ln^^Madison^Wisconsin^53703||(608) 555-0142^PRN^CP"
BOOKING = (
    "SCH||F1|||||||||^^^20260310093000\rAIP|1||1234567893^Quill^Avery^^^^^^NPI\rDG1|1||I10^Hypertension^I10"
)
ORDER = "ORC|NW|P1\rRXE|^BID|860975^metformin 500 MG^RXNORM|1||TAB|TAB\rRXR|PO"

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def explained(tmp_path: Path, capsys: Capture):
    """What an order and a booking after it come to."""

    def make(*options: str, sex: str = "F") -> str:
        messages = [(ORDER, "RDE^O11"), (BOOKING, "SIU^S12")]
        files = []
        for number, (rest, kind) in enumerate(messages, 1):
            files.append(tmp_path / f"{number}.hl7")
            text = "\r".join((MSH.format(number, kind, number), PID.format(sex), rest))
            files[-1].write_bytes(text.encode())
        assert main(["explain", "--now", NOW, *options, *map(str, files)]) == 0
        return capsys.readouterr().out

    return make


def tables(answer: str) -> dict[str, str]:
    fields = json.loads(answer)["messages"][-1]["fields"]
    return {entry["field"]: entry["table"] for entry in fields if "table" in entry}


def site(folder: Path, **files: str) -> list[str]:
    for name, text in files.items():
        path = folder / "site-mappings" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".csv" if text.startswith("code") else ".yaml").write_text(text)
    (folder / "site.toml").write_text('[mappings]\noverlay = "site-mappings"\n')
    return ["-c", str(folder / "site.toml")]


def test_every_value_that_a_row_says_names_it(explained) -> None:
    request, drug = "medications[0].medicationRequests[0]", "medications[0].nameCode"
    assert tables(explained("--json")) == {
        "patient.gender": "tables/sex.yaml#F",
        "patient.address.state": "tables/us_states.yaml#WISCONSIN",
        "patient.contactPoints[0].contactPointSystem": "tables/telecommunication_equipment.yaml#CP",
        "patient.contactPoints[0].contactPointUse": "tables/telecommunication_equipment.yaml#CP",
        "medications[0].active": "tables/order_control.yaml#NW",
        f"{drug}.codeSystem": "tables/drug_systems.yaml#RXNORM",
        f"{drug}.codeSystemName": "tables/drug_systems.yaml#RXNORM",
        f"{request}.code.codeSystem": "tables/drug_systems.yaml#RXNORM",
        f"{request}.code.codeSystemName": "tables/drug_systems.yaml#RXNORM",
        f"{request}.form.code": "tables/dose_forms.yaml#TAB",
        f"{request}.form.displayName": "tables/dose_forms.yaml#TAB",
        f"{request}.route.code": "tables/routes.yaml#PO",
        f"{request}.route.displayName": "tables/routes.yaml#PO",
        f"{request}.timingEvent": "tables/timing.yaml#BID",
    }


def test_a_code_that_is_called_as_a_system_is_is_no_row(explained) -> None:
    (code,) = (
        entry
        for entry in json.loads(explained("--json"))["messages"][-1]["fields"]
        if entry["field"] == "activeIcd10Diagnoses[0].code"
    )
    assert code == {
        "field": "activeIcd10Diagnoses[0].code",
        "value": "I10",
        "source": "DG1-3.1",
        "rule": "problems.yaml#diagnosis",
    }


@pytest.mark.parametrize(
    ("sent", "row"), [("f", "F"), ("Female", "FEMALE"), ("FEM-ALE", "FEMALE"), ("??", None), ("", None)]
)
def test_the_row_is_the_one_that_what_was_sent_means(explained, sent: str, row: str | None) -> None:
    found = tables(explained("--json", sex=sent)).get("patient.gender")
    assert found == (row and f"tables/sex.yaml#{row}")


def test_a_sites_row_is_named_with_its_folder(explained, tmp_path: Path) -> None:
    options = site(tmp_path, tables__sex="code,value\n7,FEMALE\n")
    assert (
        tables(explained("--json", *options, sex="7"))["patient.gender"] == "site-mappings/tables/sex.csv#7"
    )
    assert tables(explained("--json", *options, sex="F"))["patient.gender"] == "tables/sex.yaml#F"


def test_a_sites_rule_for_some_senders_and_its_table(explained, tmp_path: Path) -> None:
    files = {
        "patient": "rules:\n  gender: {table: ours, for: {application: APP}}\n",
        "tables__ours": "source: ours\nrows:\n  x: FEMALE\n",
    }
    options = site(tmp_path, **files)
    assert (
        tables(explained("--json", *options, sex="X"))["patient.gender"] == "site-mappings/tables/ours.yaml#X"
    )


def test_people_see_it_where_there_is_room(explained, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = explained().splitlines()
    assert any(line.split() == ["field", "value", "source", "rule", "table"] for line in lines)
    assert any(line.split()[-2:] == ["patient.yaml#gender", "tables/sex.yaml#F"] for line in lines)


def test_a_mask_keeps_the_table_and_hides_the_row(explained) -> None:
    found = tables(explained("--json", "--mask", sex="Female"))
    assert found["patient.gender"] == "tables/sex.yaml#XXXXXX"
    assert found["medications[0].medicationRequests[0].route.code"] == "tables/routes.yaml#XX"


def test_rows_that_are_named_are_there_and_come_from_no_other_place_than_the_source() -> None:
    from interface.chart.decide import Engine
    from interface.cli.run import a_time
    from interface.rules import Policy, load_rulebook
    from interface.services.explaining import as_json, explain, with_table_rows

    book = load_rulebook()
    messages = [sample.message for sample in load_samples()]
    answers = [as_json(*entry) for entry in explain(Engine(book, Policy()), messages, a_time(NOW))]
    with_table_rows(answers, messages, book)
    named = {entry["table"] for answer in answers for entry in answer["fields"] if "table" in entry}
    assert len(named) > 15
    for name in named:
        file, code = name.split("#")
        assert code in book.tables[file.removeprefix("tables/").removesuffix(".yaml")].rows, name
