"""What a reload takes of the settings."""

import tomllib
from dataclasses import fields

import pytest

from interface.services.work import RELOADED
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
