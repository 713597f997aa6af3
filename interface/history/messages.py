"""Rows become messages: PPR^PC1 with a PRB for each problem, RDE^O11 with an ORC and RXE for each medication.

The same rows always make the same bytes under the same control id: so the journal knows what it has already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from interface.history.columns import IDENTITY, Layout
from interface.history.rows import Row
from interface.hl7.building import components, header, message, segment

APPLICATION = "HL7-INTERFACE"
"""MSH-3 of the messages, and the namespace of the numbers that are made here."""
MOST_ROWS = 100
"""Rows in one message, at most."""
TYPES = {"problems": "PPR^PC1^PPR_PC1", "medications": "RDE^O11^RDE_O11"}

# status: ORC-1 (table 0119) and ORC-5 (table 0038)
_ORDER_STATES = {
    "": ("NW", ""),
    "active": ("NW", ""),
    "hold": ("NW", "HD"),
    "completed": ("SC", "CM"),
    "stopped": ("DC", "DC"),
    "cancelled": ("CA", "CA"),
}
_GOES_ON = ("active", "hold")
_LONGEST_CODE = 8


@dataclass(frozen=True)
class Built:
    """A message made of rows that stand together in a table and are of one patient."""

    raw: bytes
    rows: tuple[Row, ...]
    """The n-th PRB or ORC is that of the n-th row."""


def build_messages(rows: Iterable[Row], layout: Layout, as_of: str) -> Iterator[Built]:
    """A message for each run of rows of one patient. `as_of`: an HL7 time, for rows that say none themselves."""
    for run in _runs(rows):
        yield build(run, layout, as_of)


def _runs(rows: Iterable[Row]) -> Iterator[list[Row]]:
    run: list[Row] = []
    for row in rows:
        if run and (len(run) == MOST_ROWS or _identity(row) != _identity(run[0])):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _identity(row: Row) -> list[str | None]:
    return [row.cells.get(column) for column in IDENTITY]


def build(rows: Sequence[Row], layout: Layout, as_of: str) -> Built:
    """The message of rows that agree in their IDENTITY; what has ended stands before what is there again."""
    rows = _ordered(rows, layout.kind)
    if layout.system:
        rows = [replace(row, cells={"system": layout.system, **row.cells}) for row in rows]
    cells = rows[0].cells
    body = [_pid(cells)]
    for row in rows:
        body += _problem(row.cells) if layout.kind == "problems" else order_segments(row.cells)
    at = cells.get("as_of") or as_of
    kind = TYPES[layout.kind]
    control_id = f"LOAD-{_digest(at, kind, *body)}"
    head = header({3: APPLICATION, 7: at, 9: kind, 10: control_id, 11: "P", 12: "2.5.1", 18: "UNICODE UTF-8"})
    return Built(message([head, *body]), tuple(rows))


def _ordered(rows: Sequence[Row], kind: str) -> Sequence[Row]:
    """As they stand, unless several are of one problem, or of one drug without a number of its own: of these, what is
    active has the last word, for lists have the past episode beside the present one.
    """
    if kind == "problems":
        named = {(row.cells.get("system"), row.cells.get("code")) for row in rows}
    else:
        named = {_placer(row.cells) for row in rows}
    return rows if len(named) == len(rows) else sorted(rows, key=_last_word)


def _last_word(row: Row) -> int:
    get = row.cells.get
    if get("order_id"):
        return 2
    if get("status", "active") not in _GOES_ON:
        return 0
    return 1 if get("resolved") or get("end") else 2


def _digest(*texts: str | None) -> str:
    """15 hexadecimal digits: with `LOAD-` before it the 20 characters that MSH-10 may have."""
    data = "\x1f".join(text or "" for text in texts).encode()
    return hashlib.blake2b(data, digest_size=8).hexdigest()[:15]


def _pid(cells: dict[str, str]) -> str:
    get = cells.get
    name = components(get("family", ""), get("given", ""), get("middle", ""), get("suffix", ""))
    places = ("street", "street2", "city", "state", "zip", "country")
    address = components(*(get(place, "") for place in places))
    phone = components(cells["phone"], "PRN", "PH") if get("phone") else ""
    email = components("", "NET", "Internet", cells["email"]) if get("email") else ""
    return segment(
        "PID",
        {
            1: "1",
            3: components(cells["mrn"], "", "", get("mrn_authority", ""), "MR"),
            5: name,
            7: get("birth_date", ""),
            8: components(get("sex", "")),
            11: address,
            13: "~".join(contact for contact in (phone, email) if contact),
        },
    )


def _problem(cells: dict[str, str]) -> list[str]:
    """PRB (chapter 12): a problem as it stands in a list. It has no number (PRB-4), which would keep it apart from the same
    problem under the feed's number: that could never end it.
    """
    get = cells.get
    coding = (get("code", ""), get("label", ""), get("system", ""))
    return [
        segment(
            "PRB",
            {
                1: "DE" if get("status") == "error" else "AD",  # table 0287: delete, add
                3: components(*coding),
                9: get("resolved", ""),
                14: "" if get("status") == "error" else components(get("status", "")),
                16: get("date", ""),
            },
        )
    ]


def order_segments(cells: dict[str, str]) -> list[str]:
    """ORC, TQ1, RXE and RXR (chapter 4A): an order as it stands in a list."""
    get = cells.get
    control, state = _ORDER_STATES[get("status", "")]
    placer = components(*_placer(cells))
    orc = segment("ORC", {1: control, 2: placer, 5: state, 12: _prescriber(cells)})
    timing = {1: "1", 3: components(get("frequency", "")), 7: get("start", ""), 8: get("end", "")}
    tq1 = [segment("TQ1", timing)] if any(timing[number] for number in (3, 7, 8)) else []
    rxe = segment(
        "RXE",
        {
            2: _drug(cells),
            3: components(get("dose", "")),
            5: components(get("unit", "")),
            6: _word(get("form", "")),
            7: components("", get("sig", "")),
            10: components(get("quantity", "")),
            12: components(get("refills", "")),
            15: components(get("prescription_number", "")),
            25: components(get("strength", "")),
            26: components(get("strength_unit", "")),
            32: get("prescribed", ""),
        },
    )
    rxr = [segment("RXR", {1: _word(cells["route"])})] if get("route") else []
    return [orc, *tq1, rxe, *rxr]


def _placer(cells: dict[str, str]) -> tuple[str, str]:
    """ORC-2: the number the table gives, else one of what tells one order from another."""
    if cells.get("order_id"):
        return cells["order_id"], cells.get("order_authority", "")
    told_by = (
        "mrn",
        "mrn_authority",
        "system",
        "code",
        "ndc",
        "label",
        "prescription_number",
        "prescribed",
        "start",
    )
    return f"LOAD-{_digest(*(cells.get(column) for column in told_by))}", APPLICATION


def _drug(cells: dict[str, str]) -> str:
    """RXE-2: the coding the table names, the NDC beside it."""
    code, label, system = (cells.get(name, "") for name in ("code", "label", "system"))
    ndc = cells.get("ndc", "")
    if ndc and not code:
        return components(ndc, label, "NDC")
    return components(code, label, system, *((ndc, label, "NDC") if ndc else ()))


def _word(text: str) -> str:
    """A form or route: what looks like a code (PO, TAB) stands in the code's place, words in the text's."""
    return (
        components(text)
        if text.isupper() and text.isalpha() and len(text) <= _LONGEST_CODE
        else components("", text)
    )


def _prescriber(cells: dict[str, str]) -> str:
    """ORC-12 (XCN)."""
    npi, family, given = (cells.get(f"prescriber_{name}", "") for name in ("npi", "family", "given"))
    if not npi:
        return components("", family, given)
    return components(npi, family, given, "", "", "", "", "", "NPI", "", "", "", "NPI")
