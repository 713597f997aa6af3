"""Rows of a table: what is taken, and each that is not with its line and what to do."""

import pytest

from interface.history.columns import read_layout
from interface.history.rows import BadRow, Row, hl7_date, read_rows

PROBLEMS = read_layout("mrn,system,code,label,date,status")
MEDICATIONS = read_layout("mrn,code,label,sig,status")


def read(text: str, layout=PROBLEMS):  # type: ignore[no-untyped-def]
    return list(read_rows(text.splitlines(keepends=True), layout))


def test_cells_by_column_empty_ones_left_out() -> None:
    assert read("7,ICD10, I10 ,Hypertension,2020-03-05,Active\n") == [
        Row(
            2,
            {
                "mrn": "7",
                "system": "ICD10",
                "code": "I10",
                "label": "Hypertension",
                "date": "20200305",
                "status": "active",
            },
        )
    ]
    assert read("7,,I10,,,\r\n\r\n8,,I10,,,\r\n") == [
        Row(2, {"mrn": "7", "code": "I10"}),
        Row(4, {"mrn": "8", "code": "I10"}),
    ]


def test_a_line_break_within_quotes_counts_its_lines() -> None:
    found = read('7,,I10,"high\nblood pressure",,\n8,,I10,,,\n')
    assert [(row.line, row.cells.get("label")) for row in found] == [(2, "high\nblood pressure"), (4, None)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("7,,I10,Hypertension,,,x", "7 cells where the headings are 6"),
        ("7,,I10,Hyper", "4 cells where the headings are 6; quote cells"),
        ("7,,I10,,", "let the last column be one that is filled in each row"),
        (",,I10,,,", "mrn is empty"),
        ("1.2E+05,,I10,,,", "in the form that programs give numbers"),
        ("1234.0,,I10,,,", "in the form that programs give numbers"),
        ("NULL,,I10,,,", "mrn is empty"),
        ("7,,,,2020,", "code is empty"),
        ("7,,I10,,2020-13-05,", "date is no date"),
        ("7,,I10,,,perhaps", "status is not known; write one of active, inactive, resolved"),
        ('7,,I10,the "x" sign,,', None),
        ('7,,I10,"x" sign,,', "a quotation mark stands inside a cell"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_goes_on(line: str, said: str | None) -> None:
    first, second = read(f"{line}\n8,,I10,,,\n")
    assert second == Row(3, {"mrn": "8", "code": "I10"})
    if said is None:
        assert isinstance(first, Row)
    else:
        assert isinstance(first, BadRow)
        assert (first.line, first.fault) == (2, True)
        assert said in first.text
        assert "perhaps" not in first.text and "2020-13" not in first.text


def test_empty_cells_and_kept_zeros_as_databases_and_spreadsheets_write_them() -> None:
    """Else somebody is called NULL, and the number of a chart is `="0012"`."""
    assert read('="0012",NULL,I10,#N/A,\\N,NULL\n') == [Row(2, {"mrn": "0012", "code": "I10"})]
    assert read("7,Null,I10,no N/A,,\n")[0] == Row(
        2, {"mrn": "7", "system": "Null", "code": "I10", "label": "no N/A"}
    )


def test_a_quotation_mark_that_is_not_closed_says_how_far_it_goes() -> None:
    (bad,) = read('7,,I10,"Hypertension,,\n8,,I10,,,\n9,,I10,,,\n')
    assert bad == BadRow(2, "a quotation mark is not closed; close it; lines 2 to 4 are passed over")


def test_more_empty_cells_than_headings_are_no_fault() -> None:
    assert read("7,,I10,,,,,\n") == [Row(2, {"mrn": "7", "code": "I10"})]


def test_two_quotation_marks_delete_nothing() -> None:
    assert read('7,,I10,"""""",,\n') == [Row(2, {"mrn": "7", "code": "I10"})]


def test_what_was_entered_in_error_does_not_count() -> None:
    (left,) = read("7,1191,aspirin,,entered in error\n", MEDICATIONS)
    assert isinstance(left, BadRow) and not left.fault


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2020", "2020"),
        ("2020-03", "202003"),
        ("3/5/2020", "20200305"),
        ("2020-03-05T10:30:00Z", "20200305103000+0000"),
        ("2020-03-05 10:30:00-06:00", "20200305103000-0600"),
        ("20200305", "20200305"),
        ("2020-02-30", ""),
        ("soon", ""),
        ("05.03.2020", ""),
    ],
)
def test_dates(text: str, written: str) -> None:
    assert hl7_date(text) == written
