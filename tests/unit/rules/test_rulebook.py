"""The mapping is data: it is checked when loaded, and an error says file, line, what, and the nearest valid name."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import pytest

from interface.rules import RuleError, load_rulebook
from interface.rules.fields import MERGE, MESSAGE, ORDER, PROBLEM, SETTING
from interface.rules.paths import Path as FieldPath
from interface.rules.rulebook import read_rulebook
from interface.rules.source import read_yaml

SITES = {"appointment.replaces"}
"""Fields that only a site's rule fills."""
S12 = "SIU^S12: {does: post, about: appointment}"


@pytest.fixture
def folder(tmp_path):
    """A copy of the mapping to be spoilt."""
    shutil.copytree(Path(str(resources.files("mappings"))), tmp_path / "mappings")
    return tmp_path / "mappings"


def test_every_field_of_the_mapping_is_filled_by_one_rule():
    book = load_rulebook()
    assert {rule.field for rule in book.message} == set(MESSAGE) - SITES
    assert {rule.field for rule in book.merge} == set(MERGE)
    lists = [rule.field for rules in book.problems.values() for rule in rules]
    assert set(book.problems) == {"DG1", "PRB"}
    assert set(lists) == set(PROBLEM)
    assert {rule.field for rule in book.orders["order"]} == set(ORDER)
    assert set(book.settings) == set(SETTING)
    fields = (set(MESSAGE) - SITES, MERGE, lists, ORDER, SETTING)
    assert book.size == (sum(map(len, fields)), len(book.tables))


@pytest.mark.parametrize(
    ("code", "trigger", "does"),
    [
        ("SIU", "S12", "post"),
        ("ADT", "A60", "chart"),
        ("ADT", "", "chart"),
        ("SIU", "S99", "ignore"),
        ("ZZZ", "Z01", "ignore"),
    ],
)
def test_an_event_takes_its_row_then_its_types_then_the_default(code, trigger, does):
    assert load_rulebook().event(code, trigger).does == does


@pytest.mark.parametrize(
    ("file", "old", "new", "error"),
    [
        (
            "patient.yaml",
            "    field: patient.gender",
            "    field: patient.gendre",
            "gender: unknown field 'patient.gendre'; did you mean 'patient.gender'?",
        ),
        (
            "patient.yaml",
            "    from: [PID-8]",
            "    from: [PID8]",
            "gender: 'PID8' is no HL7 path; write it as PID-5 or PID-5.1",
        ),
        (
            "patient.yaml",
            "    table: sex",
            "    table: sexes",
            "gender: no table 'sexes'; did you mean 'sex'?",
        ),
        (
            "patient.yaml",
            "    table: sex",
            "    tabel: sex",
            "gender: unknown key 'tabel'; did you mean 'table'?",
        ),
        ("patient.yaml", "    table: sex\n", "", "gender: 'table:' must name a table"),
        (
            "patient.yaml",
            "    type: birth_date",
            "    type: brith_date",
            "birth_date: unknown type 'brith_date'; did you mean 'birth_date'?",
        ),
        ("patient.yaml", "    type: birth_date\n", "", "birth_date: 'type:' is missing"),
        (
            "patient.yaml",
            "    field: patient.birthDate",
            "    field: patient.gender",
            "birth_date: 'patient.gender' is filled by another rule already",
        ),
        ("patient.yaml", "  birth_date:", "  gender:", "'gender' stands twice (first on line "),
        (
            "patient.yaml",
            "    from: [settings:site.mrn_root]",
            "    from: [settings:site.root]",
            "mrn_root: 'patient.mrn.root' comes from settings:site.mrn_root",
        ),
        ("patient.yaml", "rules:", "rulez:", "mapping file: unknown key 'rulez'; did you mean 'rules'?"),
        (
            "problems.yaml",
            "    each: DG1\n    field: problem.codings",
            "    each: DG2\n    field: problem.codings",
            "diagnosis: each: 'DG2' is unknown; did you mean 'DG1'?",
        ),
        (
            "problems.yaml",
            "    systems: diagnosis_systems",
            "    systems: nothing_like_it",
            "diagnosis: no table 'nothing_like_it'",
        ),
        ("medications.yaml", "    address: ORC-22", "    address: ORC", "'ORC' is no HL7 path"),
        (
            "medications.yaml",
            "    asked: RXO",
            "    asked: RXQ",
            "product: asked: HL7 has no segment RXQ; did you mean '",
        ),
        ("medications.yaml", "    quiet: true", "    quiet: maybe", "'quiet:' is true or false"),
        (
            "medications.yaml",
            "  placer:\n",
            "  placer: 3\n  more:\n",
            "placer: a rule is a list of 'key: value'",
        ),
        (
            "request.yaml",
            "field: batchId",
            "field: batchID",
            "no setting fills 'batchID'; did you mean 'batchId'?",
        ),
        (
            "messages.yaml",
            "SIU^S12: {does: post,",
            "SIU^S12: {does: posted,",
            "SIU^S12: does: 'posted' is none of post, chart, cancel, ignore; did you mean 'post'?",
        ),
        (
            "messages.yaml",
            S12,
            "SIU^S12: {does: post, about: visits}",
            "SIU^S12: about: 'visits' is unknown; did you mean 'visit'?",
        ),
        (
            "messages.yaml",
            S12,
            "SIU^S12: {does: post, abuot: visit}",
            "SIU^S12: unknown key 'abuot'; did you mean 'about'?",
        ),
        ("messages.yaml", S12, "SIU^S12: post", "SIU^S12: write it as {does: chart}"),
        ("tables/sex.yaml", "rows:", "rowz:", "table: unknown key 'rowz'; did you mean 'rows'?"),
        ("tables/sex.yaml", "  M: MALE\n", "  M: MALE\n  m: MALE\n", "'m' is the same code as on line 3"),
        ("tables/sex.yaml", "source: HL7", "source:\nabout: HL7", "a table names its source"),
        ("tables/sex.yaml", "rows:", "rows: [", "not YAML"),
        ("tables/sex.yaml", "rows:", "- rows", "not YAML"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(folder, file, old, new, error):
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    with pytest.raises(RuleError) as caught:
        read_rulebook(folder)
    told = str(caught.value)
    place, line, said = told.split(":", 2)
    assert (place, error in said, "\n" in told) == (file, True, False)
    spoilt = text[: text.index(old)].count("\n") + 1  # the line, or the one that begins the rule
    assert spoilt - 4 <= int(line) <= spoilt + 1 or said.startswith((" a table", " not YAML"))


@pytest.mark.parametrize("text", ["", "just text", "[1, 2]", "? [a]\n: b"])
def test_what_is_no_mapping_is_told(text):
    with pytest.raises(RuleError, match=r"x\.yaml:\d+: "):
        read_yaml(text, "x.yaml")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("PID-5", FieldPath("PID", 5)),
        ("PID-5.1", FieldPath("PID", 5, 1)),
        ("RXE-1.2.1", FieldPath("RXE", 1, 2, 1)),
        ("ZP1-3", FieldPath("ZP1", 3)),
        *(
            (bad, None)
            for bad in ("", "PID", "PID-0", "PID-5.0", "pid-5", "PID-5.1.1.1", "PID-5 ", "PID.5", "PIDX-5")
        ),
    ],
)
def test_a_path(text, path):
    assert FieldPath.parse(text) == path
    assert path is None or str(path) == text


def test_types_of_forward_that_no_message_has_are_told(tmp_path):
    (tmp_path / "messages.yaml").write_text("events:\n  ZMD^Z01: {does: chart, about: medication}\n")
    book = load_rulebook(tmp_path)
    known = ["ADT", "ADT^A28", "ADT^A15", "ADT^ZA8", "SIU^S14", "ORU^R01", "MDM", "PPR^PC9", "ZMD^Z01", "ZMD"]
    assert book.unknown(known) == []
    slips = ["ADT^A99", "ADT^S12", "SIU^S42", "ADX", "XYZ^A01", "ZZZ^Z01"]
    assert book.unknown(slips) == slips
