"""How a table's first line is read: names, kinds, delimiters; and what is said of headings that can't be taken."""

import pytest

from interface.history.columns import HeadingError, read_layout


@pytest.mark.parametrize(
    ("line", "kind", "columns"),
    [
        ("mrn,system,code,label,date,status", "problems", "mrn system code label date status"),
        ("MRN;Code System;Diagnosis Code;Description;Onset Date", "problems", "mrn system code label date"),
        ("patient_mrn\tdx_code\tdiagnosis", "problems", "mrn code label"),
        ("mrn|ndc|drug_name|Sig", "medications", "mrn ndc label sig"),
        ('"mrn","rxcui","Last Name","DOB","E-Mail"', "medications", "mrn code family birth_date email"),
        (
            "mrn,code,start,end,prescriber_npi,unit",
            "medications",
            "mrn code start end prescriber_npi unit",
        ),
    ],
)
def test_headings_are_known_by_many_names(line: str, kind: str, columns: str) -> None:
    layout = read_layout(line)
    assert (layout.kind, " ".join(layout.columns)) == (kind, columns)


def test_a_heading_may_name_the_system_of_the_codes() -> None:
    assert read_layout("mrn,icd10_code").system == "ICD10"
    assert read_layout("mrn,rxcui").system == "RXNORM"
    assert read_layout("mrn,icd10_code,system").system == ""
    assert read_layout("mrn,dx_code").system == ""


def test_a_heading_can_be_passed_over() -> None:
    layout = read_layout("mrn,dx_code,Row Number", ignore=["row_number"])
    assert layout.columns == ("mrn", "code", "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("mrn,dx_code,lable", "unknown heading 'lable'; did you mean 'label'?"),
        ("mrn,code,sig,qqqq", "unknown heading 'qqqq'; if it is not needed pass it over: --ignore qqqq"),
        ("mrn,code,label,status", "say --kind problems or medications"),
        ("1001,I10,Hypertension", "names no column"),
        ("dx_code,date", "no heading mrn"),
        ("mrn,sig,start", "no heading code or ndc or label"),
        ("mrn,label,date", "no heading code"),
        ("mrn,dx_code,icd10_code", r"code is there twice \(dx_code, icd10_code\)"),
    ],
)
def test_headings_that_cannot_be_taken(line: str, said: str) -> None:
    with pytest.raises(HeadingError, match=said):
        read_layout(line)


def test_the_kind_that_is_given_counts() -> None:
    assert read_layout("mrn,code,label,status", "medications").kind == "medications"
    with pytest.raises(HeadingError, match="unknown heading 'sig'"):
        read_layout("mrn,code,sig", "problems")
