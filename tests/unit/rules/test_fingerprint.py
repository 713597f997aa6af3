"""The fingerprint of what decides a patient's key: it changes when keys may, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from interface.rules import Policy, load_rulebook
from interface.rules.fingerprint import identity_fingerprint

AUTHORITY, ROOTS, RULES = "site.mrn_authority", "mrn_roots.csv", "the rules of the MRN"
TWO_ROOTS = "authority,root\nLFC,2.999.1.1\nNORTH,2.999.7\n"


@pytest.fixture
def fingerprint(tmp_path: Path):
    """Of a site with these files in its folder."""
    count = iter(range(100))

    def make(files: dict[str, str] | None = None, **policy) -> dict[str, str]:
        folder = tmp_path / f"site-{next(count)}"
        for name, text in (files or {"README": ""}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return identity_fingerprint(load_rulebook(folder), Policy(**policy))

    return make


def differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    assert one.keys() == other.keys()
    return [name for name in one if one[name] != other[name]]


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ({}, {"mrn_authority": ("LFC",)}, [AUTHORITY]),
        ({"mrn_authority": ("LFC", "EPI")}, {"mrn_authority": ("EPI", "LFC")}, [AUTHORITY]),
        ({"mrn_authority": ("LFC",)}, {"mrn_authority": (" lfc",)}, []),
        ({}, {"mrn_root": "2.999.5"}, []),
        ({"files": {"mrn_roots.csv": TWO_ROOTS}}, {}, [ROOTS]),
        (
            {"files": {"mrn_roots.csv": TWO_ROOTS}},
            {"files": {"mrn_roots.csv": TWO_ROOTS.replace("2.999.7", "2.999.8")}},
            [ROOTS],
        ),
        (
            {"files": {"mrn_roots.csv": TWO_ROOTS}},
            {"files": {"mrn_roots.csv": TWO_ROOTS}, "mrn_root": "2.999.7"},
            [ROOTS],
        ),
        ({}, {"files": {"patient.yaml": "rules:\n  mrn: {strip_leading_zeros: true}\n"}}, [RULES]),
        ({}, {"files": {"patient.yaml": "rules:\n  mrn: {from: [PID-4, PID-3]}\n"}}, [RULES]),
        ({}, {"files": {"patient.yaml": "rules:\n  prior_mrn: {from: [MRG-1]}\n"}}, [RULES]),
        ({}, {"files": {"tables/identifier_types.csv": "code,value\nZZ,other\n"}}, [RULES]),
        (
            {},
            {"files": {"patient.yaml": "rules:\n  mrn: {pad_to: 8, for: {listener: main}}\n"}},
            [RULES],
        ),
        (
            {"files": {"patient.yaml": "rules:\n  mrn: {pad_to: 8, for: {listener: main}}\n"}},
            {"files": {"patient.yaml": "rules:\n  mrn: {pad_to: 8, for: {listener: adt}}\n"}},
            [RULES],
        ),
        (  # where a rule stands and what it is called is nobody's number
            {"files": {"patient.yaml": "rules:\n  mrn: {pad_to: 8}\n"}},
            {"files": {"ours.yaml": "rules:\n  number: {field: patient.mrn.extension, pad_to: 8}\n"}},
            [],
        ),
        ({}, {"files": {"patient.yaml": "rules:\n  gender: {from: [ZPI-2, PID-8]}\n"}}, []),
        ({}, {"files": {"tables/sex.csv": "code,value\n1,MALE\n"}}, []),
        ({}, {"api_version": 2, "unchanged": "send", "environment": "production"}, []),
    ],
)
def test_it_changes_with_what_decides_keys_and_says_which(fingerprint, before, after, parts):
    assert differing(fingerprint(**before), fingerprint(**after)) == parts


def test_it_holds_nothing_of_the_settings_own_text(fingerprint):
    found = fingerprint({"mrn_roots.csv": TWO_ROOTS}, mrn_authority=("LAKESIDE",))
    assert "LAKESIDE" not in str(found) and "NORTH" not in str(found)
