"""The values that go into the store."""

import json

from interface.store.records.reasons import reasons_json


def test_reasons_are_json_of_code_and_text():
    assert json.loads(reasons_json([("no-mrn", "PID-3 has no number"), ("é", "ü")])) == [
        {"code": "no-mrn", "text": "PID-3 has no number"},
        {"code": "é", "text": "ü"},
    ]
    assert reasons_json([]) == "[]"
