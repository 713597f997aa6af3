"""The values that go into the store."""

import json

import pytest

from interface.store.records.reasons import in_common, reasons_json


def test_reasons_are_json_of_code_and_text():
    assert json.loads(reasons_json([("no-mrn", "PID-3 has no number"), ("é", "ü")])) == [
        {"code": "no-mrn", "text": "PID-3 has no number"},
        {"code": "é", "text": "ü"},
    ]
    assert reasons_json([]) == "[]"


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("zip is missing: PID-11 is empty", "zip is missing: PID-11.6 is FRA", "zip is missing: …"),
        ("zip is missing: …", "zip is missing: PID-11 is empty", "zip is missing: …"),
        ("zip is missing: PID-11 is empty", "zip is missing: …", "zip is missing: …"),
        ("zip is missing", "zip is missing: PID-11 is empty", "zip is …"),
        ("held", "held for two reasons", "held …"),
        ("the same", "the same", "the same"),
        ("one", "other", "one"),
        ("", "other", ""),
    ],
)
def test_what_texts_of_one_code_say_alike(one, other, alike):
    assert in_common(one, other) == alike
