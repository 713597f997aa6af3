"""Names of fields, for people."""

from __future__ import annotations

import pytest

from interface.hl7.names import SEGMENTS, component_name, field_name, segment_name


@pytest.mark.parametrize(
    ("segment", "field", "name"),
    [
        ("PID", 5, "Patient name"),
        ("PID", 18, "Patient account number"),
        ("SCH", 2, "Filler appointment ID"),
        ("PID", 99, ""),
        ("ZZZ", 1, ""),
        ("PID", 0, ""),
    ],
)
def test_a_field_has_the_standards_name(segment: str, field: int, name: str) -> None:
    assert field_name(segment, field) == name


def test_a_component_has_the_name_of_its_data_type() -> None:
    assert component_name("PID", 5, 2) == "Given name"
    assert component_name("PID", 3, 4) == "Assigning authority"
    assert component_name("PID", 8, 1) == ""
    assert component_name("PID", 5, 99) == ""


def test_every_segment_that_has_a_name_has_fields() -> None:
    assert [name for name in SEGMENTS if not field_name(name, 1)] == []
    assert (segment_name("PV1"), segment_name("ZPD"), segment_name("QQQ")) == ("Visit", "site's own", "")
