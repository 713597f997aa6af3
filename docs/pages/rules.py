"""The rules of mappings/ as they are written, for docs/mapping.md: names, sources in order, options."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from importlib import resources
from typing import Any

from interface.rules.paths import Path
from interface.rules.rulebook import Event
from interface.rules.source import read_yaml
from interface.rules.tables import Table
from pages.contract import fields as contract_fields
from pages.contract import within
from pages.markdown import code, link
from pages.places import PLACES, Place
from pages.standard import name_of, versions_of

_COMMON = ("field", "type", "from", "each", "only", "about")
_OPTIONS = {
    "own_types": "types (CX.5) that may be it:",
    "first_types": "looked for first:",
    "other_types": "never what is *other* in",
    "types": "order by type:",
    "untyped": "without a type as",
    "representations": "of one type by representation (XPN.8)",
    "affixes": "titles and degrees in one text by",
    "words": "codes as words, whatever their punctuation",
    "prefer": "in the order",
    "skip": "only without another:",
    "states": "states by",
    "countries": "countries by",
    "other_countries": "all other countries, to name them, by",
    "use": "where XTN.2 is silent:",
    "use_table": "use by",
    "equipment_table": "equipment by",
    "table": "by",
    "units": "units by",
    "systems": "systems by",
    "npi_names": "what names an NPI by",
    "roles": "the smallest rank first, by",
    "not_persons": "no person where a word is in",
    "lenders": "the same person's NPI may stand in",
    "needs_npi": "left out without an NPI",
    "empty": "empty is",
    "unknown": "a code no table knows is",
    "quiet": "a code no table knows is passed over",
    "say_out": "what is no date is left out, said",
    "happened": "a day to come is left out, too",
    "maybe": "only some senders have a time in",
    "occurrence": "with",
    "system_from": "without CWE.3 the system of",
    "system": "of a code that names none:",
    "label_from": "without CWE.2 the label of",
    "address": "with the address of",
    "asked": "only where the others name no drug, or name it alike:",
    "maximum": "up to",
    "unit": "unit from",
    "value_to": "",
    "unit_to": "",
}
"""What an option says, before its value; an option that is not named here shows its own name, an empty one nothing."""

_ORDER = {field: number for number, (field, _) in enumerate(contract_fields())}
_NEEDED = [field for field, needed in contract_fields() if needed]


@dataclass(frozen=True)
class RuleText:
    """One rule as its file has it."""

    file: str
    name: str
    body: dict[str, Any]

    @property
    def full_name(self) -> str:
        """`patient.yaml#name`, as `explain` shows it."""
        return f"{self.file}#{self.name}"

    @property
    def field(self) -> str:
        """The field it fills."""
        return str(self.body["field"])

    @property
    def type(self) -> str:
        """How it reads."""
        return str(self.body["type"])

    @property
    def place(self) -> Place:
        """What the field is for."""
        return PLACES.get(self.field, Place((), code(self.field)))

    @property
    def order(self) -> int:
        """Where the contract has the first of its places."""
        found = [
            number for field, number in _ORDER.items() if any(within(field, p) for p in self.place.request)
        ]
        return min(found, default=len(_ORDER))

    @property
    def sources(self) -> list[str]:
        """Its sources in order."""
        given = self.body["from"]
        return [str(entry) for entry in (given if isinstance(given, list) else [given])]

    def tables(self, known: dict[str, Table]) -> list[str]:
        """The tables its options name."""
        values = [value for key, value in self.body.items() if key not in _COMMON]
        return [value for value in values if isinstance(value, str) and value in known]


def read_rules() -> list[RuleText]:
    """All rules, file by file."""
    found = []
    folder = resources.files("mappings")
    for entry in sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name):
        document = read_yaml(entry.read_text("utf-8"), entry.name)
        found += [RuleText(entry.name, name, dict(body)) for name, body in document.get("rules", {}).items()]
    return found


def place_cell(rule: RuleText) -> str:
    """The rule's places in the request, with what a request can't be without."""
    shown = []
    for place in rule.place.request:
        needed = [
            field[len(place) :].lstrip(".").removesuffix("[]") for field in _NEEDED if within(field, place)
        ]
        parts = [code(name) for name in needed if name]
        mark = " **needed**" if "" in needed else f" ({', '.join(parts)} **needed**)" if parts else ""
        shown.append(code(place) + mark)
    return "<br>".join(shown)


def source_cell(rule: RuleText) -> str:
    """The sources in order, with the standard's names and the versions that have them."""
    numbered = len(rule.sources) > 1
    return "<br>".join(
        (f"{number}. " if numbered else "") + source_text(source)
        for number, source in enumerate(rule.sources, 1)
    )


def source_text(source: str) -> str:
    """One path with its name; a setting as it is."""
    path = Path.parse(source)
    if path is None:
        return code(source)
    name, versions = name_of(path), versions_of(path)
    return " ".join(filter(None, (f"**{source}**", name, f"({versions})" if versions else "")))


def how_cell(rule: RuleText, tables: dict[str, Table]) -> str:
    """How it is read: the type, what the rule sets, and its own sentence."""
    parts = [link(rule.type, rule.type) if rule.type != "setting" else "the setting"]
    if rule.body.get("each"):
        parts.append(f"of each {'order' if rule.body['each'] == 'order' else rule.body['each']}")
    if rule.body.get("only"):
        parts.append(f"only in {', '.join(rule.body['only'])} messages")
    for key, value in rule.body.items():
        if key not in _COMMON and (name := _OPTIONS.get(key, key.replace("_", " "))):
            parts.append(_option(name, value, tables))
    shown = ["; ".join(parts)]
    shown += [
        sentence
        for sentence in (rule.place.about if rule.place.request else "", rule.body.get("about"))
        if sentence
    ]
    return "<br>".join(shown)


def _option(name: str, value: Any, tables: dict[str, Table]) -> str:
    if isinstance(value, str) and value in tables:
        return f"{name} {link(value, f'Table {value}')}"
    if value is True:
        return name
    if isinstance(value, list):
        return f"{name} {', '.join(str(entry) if entry not in ('', None) else '*none*' for entry in value)}"
    return f"{name} {value}"


_IDENTITY = {
    "merge": "the persons become one: the number in MRG-1 (MRG-4) is retired",
    "renumber": "an account (MRG-3) or visit (MRG-5) gets another number",
    "move-number": "a number moves from the person in MRG to the one in PID",
    "move-account": "an account moves from the person in MRG to the one in PID",
    "move-visit": "a visit moves from the person in MRG to the one in PID",
    "link": "noted, nothing is merged",
    "remove": "taken out of the chart",
}
"""What becomes of whose chart."""


def event_notes(event: Event) -> str:
    """What an event does beyond its decision."""
    notes = [event.say] if event.say else []
    for part in fields(Event):
        if part.name in ("type", "does", "about", "say", "rule", "default"):
            continue
        value = getattr(event, part.name)
        if value == part.default:
            continue
        name = part.name.replace("_", " ")
        if part.name == "identity":
            notes.append(_IDENTITY.get(value, value))
            continue
        if isinstance(value, tuple):
            value = " or ".join(value)
        notes.append(name if value is True else f"{name}: {'no' if value is False else value}")
    return "; ".join(notes)


def table_lines(table: Table, long: int, first: int) -> Iterator[str]:
    """The rows of a table by what they mean, each with its codes; of a `long` one the `first`."""
    groups: dict[str, list[str]] = {}
    for row_code, value in table.rows.items():
        groups.setdefault(_meaning(value), []).append(row_code)
    for number, (meaning, codes) in enumerate(groups.items()):
        if len(groups) > long and number == first:
            yield f"| … | and {len(groups) - first} more |"
            return
        yield f"| {meaning} | {', '.join(code(one) for one in codes)} |"


def _meaning(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    return str(value).replace("|", "\\|")
