"""What a reload takes of the settings."""

import tomllib
from dataclasses import fields

import pytest

from interface.rules import load_rulebook
from interface.services.work import RELOADED, say_emptied
from interface.settings import Settings


@pytest.mark.parametrize(
    "text",
    [
        '[mappings]\ndefault_problem_system = "ICD10"',
        "[mappings]\nvisit_diagnosis_days = 1",
        '[mappings]\ndiagnosis_types = ["F"]',
        "[mappings]\nnpi_check_digit = false",
        '[request]\nclinic_name = "C"',
        '[filters]\nleave_providers = ["9"]',
        "[forward]\nsend_days_before = 3",
    ],
)
def test_all_of_the_mapping_is_taken(text):
    before, now = Settings().policy(), Settings.model_validate(tomllib.loads(text)).policy()
    changed = {field.name for field in fields(now) if getattr(before, field.name) != getattr(now, field.name)}
    assert changed
    assert changed <= set(RELOADED)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (20, 20, ""),
        (20, 10, ""),
        (20, 9, "event=table-shrunk table=opt_out was=20 rows=9"),
        (9, 1, ""),
        (20, 0, "event=table-empty table=opt_out was=20"),
        (None, 3, ""),
        (None, 0, "event=table-empty table=opt_out problem"),
    ],
)
def test_a_list_that_has_lost_most_of_its_rows_is_said(tmp_path, caplog, was, now, said):
    (tmp_path / "opt_out.csv").write_text("mrn\n" + "".join(f"T{number}\n" for number in range(now)))
    say_emptied({} if was is None else {"opt_out": was}, load_rulebook(tmp_path))
    assert [said in record.getMessage() for record in caplog.records] == [True] * bool(said)
