"""Reads and checks the lists of an overlay folder (`providers.csv` …): every slip is an error with file and line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from interface.contract.texts import CLEAN_TEXT_FORBIDDEN, is_clean
from interface.rules.conditions import plain
from interface.rules.csvfiles import read_csv
from interface.rules.mrn_form import MrnForm
from interface.rules.site import Location, Provider, Root, Row, Site, Withheld, bare_code
from interface.rules.source import Lines, RuleError, check_keys, nearest, read_yaml
from interface.rules.tables import Table, name_of, normal
from interface.rules.types.clinical import LISTS
from interface.rules.types.coding import misfit, no_beginning
from interface.rules.types.ndc import ndc11, ndc_beginnings
from interface.rules.types.person import npi_check

Found = TypeVar("Found")
Codes = dict[tuple[str, str], Withheld]

COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "providers": (("id", "npi"), ("family", "given", "authority", "note")),
    "locations": (("location",), ("name", "npi", "note")),
    "mrn_roots": (("authority", "root"), ("note",)),
    "withhold": ((), ("system", "code", "prefix", "reason", "note")),
    "opt_out": (("mrn",), ("authority", "reason", "note")),
}
"""The lists and their columns: those that must be there, and those that may. `note` is for people."""

_PRIVATE = ("opt_out",)
"""What stands in them is patient data: errors quote nothing of them."""
_DIGITS = re.compile(r"\d+", re.ASCII)
_WILD = re.compile(r"^[A-Z]\d[0-9A-Z]?\.?x+$", re.ASCII | re.IGNORECASE)
"""F10.x, as people write all that begin so: in ICD-10-CM an X only holds a place before others."""
_NDC_LIKE = re.compile(r"\d+(?:-\d*)*", re.ASCII)
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")


@dataclass(frozen=True)
class Source:
    """One list as its file has it."""

    name: str
    """`providers`."""
    label: str
    """`site-mappings/providers.csv`, as provenance shows it."""
    rows: tuple[Lines, ...]

    def row(self, entry: Lines, key: str) -> dict[str, str]:
        """What every entry knows of its place."""
        return {"rule": f"{self.label}#{key}", "place": f"{self.label.rpartition('/')[2]}:{entry.line}"}


def read_list(text: str, file: str, label: str) -> Source:
    """A list from its CSV or YAML text. Raises RuleError."""
    name = name_of(file)
    required, optional = COLUMNS[name]
    if file.endswith(".csv"):
        rows = read_csv(text, file, required, optional, private=name in _PRIVATE)
    else:
        rows = _yaml_rows(read_yaml(text, file, private=name in _PRIVATE), (*required, *optional))
    for row in rows:
        for column in required:
            if not row.get(column):
                raise RuleError(f"{row.place()}: {column} is missing")
    return Source(name, label, tuple(rows))


def _yaml_rows(found: Lines, columns: tuple[str, ...]) -> list[Lines]:
    """`rows:` as a list of rows, or as `key: row`; of a list with two columns also `key: value`."""
    check_keys(found, ("source", "about", "rows"), "list")
    given = found.get("rows")
    entries: list[Any] = given if isinstance(given, list) else []
    if isinstance(given, Lines):
        for key, value in given.items():
            row = Lines(file=found.file, line=given.lines[key])
            row.put(columns[0], key, row.line)
            for name, inner in value.items() if isinstance(value, Lines) else [(columns[1], value)]:
                row.put(name, inner, value.lines[name] if isinstance(value, Lines) else row.line)
            entries.append(row)
    if not entries and given != []:
        raise RuleError(f"{found.place('rows')}: a list needs 'rows:', each with {', '.join(columns)}")
    rows = []
    for entry in entries:
        if not isinstance(entry, Lines):
            raise RuleError(f"{found.place('rows')}: a row is written as {{{columns[0]}: …}}")
        check_keys(entry, columns, "row")
        row = Lines(file=found.file, line=entry.line)
        for name, value in entry.items():
            if isinstance(value, (dict, list, bool)):
                raise RuleError(f"{entry.place(name)}: {name}: is one text; put it in quotes")
            if value is not None and str(value).strip():
                row.put(name, str(value).strip(), entry.lines[name])
        rows.append(row)
    return rows


@dataclass(frozen=True)
class Checks:
    """What the rows are held against."""

    tables: Mapping[str, Table]
    npi_check_digit: bool
    forms: tuple[MrnForm, ...]
    """What becomes of the site's numbers, as its rules of the MRN say for all and for some senders."""


def make_site(sources: Mapping[str, Source], checks: Checks) -> Site:
    """The site's lists from their sources, by name. Raises RuleError."""

    def rows(name: str, make: Callable[[Source, Checks], Found], empty: Found) -> Found:
        return make(sources[name], checks) if name in sources else empty

    none: Codes = {}
    exact, prefixes = rows("withhold", _withheld, (none, none))
    return Site(
        providers=rows("providers", _providers, {}),
        locations=rows("locations", _locations, {}),
        roots=rows("mrn_roots", _roots, {}),
        withheld=exact,
        withheld_prefixes=prefixes,
        opted_out=rows("opt_out", _opted_out, {}),
    )


class _Once:
    """Keys that may stand once each."""

    def __init__(self, what: str):
        self._what = what
        self._lines: dict[Any, int] = {}

    def take(self, key: Any, entry: Lines, column: str) -> None:
        if key in self._lines:
            raise RuleError(
                f"{entry.place(column)}: {self._what} stands twice (first on line {self._lines[key]}); keep one"
            )
        self._lines[key] = entry.line


def _npi(entry: Lines, checks: Checks) -> str:
    npi = str(entry.get("npi", ""))
    if not npi or npi_check(npi):
        return npi
    if len(npi) == 10 and npi.isascii() and npi.isdigit():
        if not checks.npi_check_digit:
            return npi
        raise RuleError(f"{entry.place('npi')}: npi: fails the check digit; it is no NPI")
    raise RuleError(f"{entry.place('npi')}: npi: must be ten digits")


def _clean(entry: Lines, column: str) -> str:
    text = str(entry.get(column, ""))
    if not is_clean(text) or not text.isprintable():
        said = f"holds one of {' '.join(CLEAN_TEXT_FORBIDDEN)} or a control character, which the API refuses"
        raise RuleError(f"{entry.place(column)}: {column}: {said}")
    return " ".join(text.split())


def _providers(source: Source, checks: Checks) -> dict[str, tuple[Provider, ...]]:
    once = _Once("this id")
    found: dict[str, tuple[Provider, ...]] = {}
    for entry in source.rows:
        key, authority = normal(entry["id"]), plain(entry.get("authority", ""))
        once.take((key, authority), entry, "id")
        named = f"{entry['id']} of {entry['authority']}" if authority else entry["id"]
        provider = Provider(
            **source.row(entry, named),
            npi=_npi(entry, checks),
            family=_clean(entry, "family"),
            given=tuple(_clean(entry, "given").split()),
            authority=authority,
        )
        found[key] = (*found.get(key, ()), provider)
    return found


def _locations(source: Source, checks: Checks) -> dict[str, Location]:
    once = _Once("this location")
    found = {}
    for entry in source.rows:
        key = plain(entry["location"])
        once.take(key, entry, "location")
        if not entry.get("name") and not entry.get("npi"):
            raise RuleError(f"{entry.place()}: a location needs a name, an npi or both")
        found[key] = Location(
            **source.row(entry, entry["location"]), name=_clean(entry, "name"), npi=_npi(entry, checks)
        )
    return found


def _roots(source: Source, _: Checks) -> dict[str, Root]:
    once = _Once("this authority")
    found = {}
    for entry in source.rows:
        key, root = plain(entry["authority"]), str(entry["root"])
        once.take(key, entry, "authority")
        digits = set(root) <= set("0123456789.")
        if any(mark.isspace() for mark in root) or (digits and not _OID.fullmatch(root)):
            raise RuleError(
                f"{entry.place('root')}: root: is no well-formed OID (numbers with single dots between, such as 2.999.1.1)"
            )
        found[key] = Root(**source.row(entry, entry["authority"]), root=root)
    return found


def _withheld(source: Source, checks: Checks) -> tuple[Codes, Codes]:
    once = _Once("this code")
    exact: Codes = {}
    prefixes: Codes = {}
    for entry in source.rows:
        code, prefix = str(entry.get("code", "")), str(entry.get("prefix", ""))
        if bool(code) == bool(prefix):
            raise RuleError(f"{entry.place()}: a row has a code, or a prefix such as F10*")
        column = "code" if code else "prefix"
        system = _system(entry, checks.tables)
        text = (code or prefix).rstrip("*").strip()
        is_prefix = bool(prefix) or code.endswith("*")
        wanted = bare_code(text)
        if trouble := _no_code(system, text, is_prefix=is_prefix):
            raise RuleError(f"{entry.place(column)}: {column}: {trouble}")
        if system == "NDC" and not is_prefix:
            wanted = ndc11(text) or ""
            if not wanted:
                raise RuleError(
                    f"{entry.place(column)}: {column}: write an NDC as eleven digits, or with its dashes"
                )
        once.take((system, wanted, is_prefix), entry, column)
        row = Withheld(**source.row(entry, code or prefix), reason=str(entry.get("reason", "")))
        kept = prefixes if is_prefix else exact
        if system in ("NDC", "") and "-" in text:
            # a drug's products are known by their eleven digits
            products = ndc_beginnings(text) if is_prefix else (ndc11(text) or "",)
            kept.update((("NDC", product), row) for product in products if product)
        if system != "NDC" or "-" not in text:
            kept[system, wanted] = row
    return exact, prefixes


def _no_code(system: str, text: str, *, is_prefix: bool) -> str:
    """Why a text is neither a code of the system nor a beginning of some: a range would withhold nothing, unseen."""
    if "*" in text or not bare_code(text):
        return "a * stands at the end, behind a beginning"
    upper = text.upper()
    if is_prefix:
        trouble = no_beginning(system, upper.replace(".", ""))
        if system == "NDC" and not ndc_beginnings(text):
            trouble = "no code of NDC begins so"
    elif system in ("ICD10", "") and _WILD.search(text):
        trouble = "the x stands for nothing"
    else:
        trouble = misfit(system, upper.rstrip("."))
    if not system and "-" in text and not _NDC_LIKE.fullmatch(text):
        trouble = "this is no code"
    if not trouble:
        return ""
    zeros = system == "ICD9" and not is_prefix and _DIGITS.fullmatch(text)
    hint = (
        "a spreadsheet takes zeros off (042, not 42)"
        if zeros
        else "a row has one code, or a beginning such as F10*"
    )
    return f"{trouble}; {hint}"


def _system(entry: Lines, tables: Mapping[str, Table]) -> str:
    """A coding system as the chart has it; empty for any."""
    sent = str(entry.get("system", ""))
    if normal(sent) in ("", "*", "ANY"):
        return ""
    diagnosis, drug = tables["diagnosis_systems"].get(sent), tables["drug_systems"].get(sent)
    if diagnosis in LISTS:
        return str(diagnosis)
    if isinstance(drug, dict):
        return str(drug["key"])
    known = (*LISTS, "RXNORM", "NDC", "GPI", "NDDF", "MULTUM", "MEDCIN", "any")
    raise RuleError(f"{entry.place('system')}: unknown system '{sent}'{nearest(sent.upper(), known)}")


def _opted_out(source: Source, checks: Checks) -> dict[str, tuple[tuple[str, Row], ...]]:
    once = _Once("this number")
    found: dict[str, tuple[tuple[str, Row], ...]] = {}
    for entry in source.rows:
        sent, authority = str(entry["mrn"]), plain(entry.get("authority", ""))
        once.take((normal(sent), authority), entry, "mrn")
        row = Row(f"{source.label}#line {entry.line}", f"{source.label.rpartition('/')[2]}:{entry.line}")
        for number in {normal(sent), *(normal(form.apply(sent)) for form in checks.forms)}:
            found[number] = (*found.get(number, ()), (authority, row))
    return found
