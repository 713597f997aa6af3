"""docs/mapping.md: from the messages to the request, made from mappings/, the rule types and the holds."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

import interface.chart
from interface.chart.holds import CODES, FIELDS, Hold, release_of
from interface.hl7.errors import REJECTS
from interface.rules import asked_for
from interface.rules.rulebook import Event, Rulebook, load_rulebook
from interface.rules.types import TYPES
from pages.contract import fields, within
from pages.markdown import MADE, bullets, code, link, table
from pages.places import IN_VERSION_2
from pages.rules import RuleText, event_notes, how_cell, place_cell, read_rules, source_cell, table_lines
from pages.sentences import left_out_in, reasons_in, said_by

_TITLES = {
    "patient.yaml": "Patient",
    "appointment.yaml": "Appointment, provider, clinic",
    "problems.yaml": "Problems",
    "medications.yaml": "Medications",
    "request.yaml": "From the settings",
}
"""The sections in order; a file that is not named here comes behind them under its own name."""

_MESSAGES = {
    "SIU": "SIU, scheduling",
    "ADT": "ADT, patients and visits",
    "RDE": "RDE, pharmacy orders as encoded",
    "OMP": "OMP, pharmacy orders",
    "ORM": "ORM, orders",
    "RDS": "RDS, dispenses",
    "RAS": "RAS, administrations",
    "PPR": "PPR, problems",
    "PGL": "PGL, goals",
    "PPP": "PPP, pathways of problems",
    "PTR": "PTR, pathways of goals",
    "MDM": "MDM, documents",
    "ORU": "ORU, results",
}
_LONG, _FIRST = 40, 8
"""A table with more meanings than the first shows as many as the second."""

_OPENING = """# The mapping

From HL7 v2 to the request of Connective Health, made from the files that the program reads and from the sentences
that it says: {rules} rules in `mappings/`, {tables} code tables in `mappings/tables/`. To see it work on a message:
`hl7-interface explain FILE` names for each value the rule (`patient.yaml#name`), the place it came from (`PID-5.1`) and
the row of a code table that says it (`tables/sex.yaml#F`).

How to read it:

- Sources stand in order. The first that yields a valid value wins; what is of no use is in `left out`, with the reason.
- Every message adds to the patient's chart, and the request is composed from the chart: a value may come from an
  earlier message.
- A newer message takes the place of an older one, never the other way round. HL7 null `""` deletes; an empty field says
  nothing.
- **needed**: without it the request is held; see [what releases it](#what-is-held-and-what-releases-it).
- The request's fields are those of version 1 of the API; see [in version 2](#in-version-2).
- Versions stand beside a field that not all of 2.3 to 2.8.2 have. Messages are read by the same rules whatever version
  they declare, so for older and newer ones the fallbacks are the rule. Names of fields are those of 2.5.1.

| you want | read |
| --- | --- |
| what comes of a message | [What each message does](#what-each-message-does) |
| where a value comes from | {sections} |
| why a request waits | [What is held, and what releases it](#what-is-held-and-what-releases-it) |
| what a reason means | [Codes of reasons](#codes-of-reasons), [How values are read](#how-values-are-read) |
| what a code means here | [Code tables](#code-tables) |"""

_ABOUT_SECOND = """\
All problems are sent, active or not, in one list, each with the OID of its system (table
[diagnosis_oids](#table-diagnosis_oids)). There is no fax number, and the batch id stands around the panel. With
`[forward] without_date = "post"` an ADT asks for a person of whom no date to come is known."""

_ABOUT_EVENTS = """\
`post`: a request goes out when it differs from the last one sent for the appointment. `chart`: kept, it adds to what
is known. `cancel`: requests not yet sent are withdrawn. `ignore`: not for us. A site changes this by `[forward]` of
its settings. *others*: trigger events without a row."""

_ABOUT_HOLDS = """\
A held request is looked at again after each message of its patient, at each start and at each new day. It blocks
nobody. `explain` shows with each reason what releases it.

Of the patient or the message as a whole:"""

_ABOUT_FIELDS = """\
Of a field: `missing:` when nothing of use is there, `invalid:` when the contract refuses what is there, `incomplete:` in
the production test alone. A field without a row has that of the field it belongs to. The sentence is the one for a field
that no message told of; where one did,
the reason says what is wrong with it, in the words of [How values are read](#how-values-are-read)."""

_ABOUT_TYPES = """\
The types of rules. Words in italics stand for what is found: *field* for an HL7 path such as `PID-3[2].1`. A note
is said of a value that is taken. A reason is said of one that is not: it is in `left out`, or tells what a hold lacks."""

_ABOUT_TABLES = """\
Codes are compared without regard to case, outer blanks and runs of blanks; words that people write (names, states,
statuses, roles …) without regard to any blanks and punctuation. A row is a meaning and the codes that
have it. Of a long table the first rows."""


def page() -> str:
    """The whole page."""
    book, rules = load_rulebook(), read_rules()
    parts = (
        MADE,
        _opening(book, rules),
        "## What each message does",
        _events(book),
        *_request(book, rules),
        "## In version 2",
        _ABOUT_SECOND,
        table(("version 1", "version 2"), ((code(one), code(two)) for one, two in IN_VERSION_2)),
        "## What nothing fills",
        "Fields of the request (version 1) that no rule and no setting fills:",
        bullets(code(place) for place in _unfilled(rules)),
        "## What is held, and what releases it",
        _holds(),
        "## Codes of reasons",
        _reasons(),
        "## How values are read",
        _ABOUT_TYPES,
        *_types(rules),
        "## Code tables",
        _ABOUT_TABLES,
        *_tables(book, rules),
    )
    return "\n\n".join(parts) + "\n"


def _opening(book: Rulebook, rules: list[RuleText]) -> str:
    count, tables = book.size
    return _OPENING.format(
        rules=count,
        tables=tables,
        sections=", ".join(
            link(title, title) for title in (_TITLES.get(file, file) for file in _by_file(rules))
        ),
    )


# ---------------------------------------------------------------- messages


def _events(book: Rulebook) -> str:
    families: dict[str, list[Event]] = {}
    for kind, event in book.events.items():
        families.setdefault(kind.partition("^")[0], []).append(event)
    rows = [
        (
            _MESSAGES.get(family, family),
            ", ".join(triggers),
            code(event.does),
            event.about,
            event_notes(event),
        )
        for family, events in families.items()
        for event, triggers in _alike(events)
    ]
    rows.append(("*all else*", "", code(book.default.does), "", event_notes(book.default)))
    return f"{_ABOUT_EVENTS}\n\n{table(('message', 'trigger events', 'decision', 'about', ''), rows)}"


def _alike(events: list[Event]) -> Iterator[tuple[Event, list[str]]]:
    """Events that do the same, with their trigger events."""
    groups: dict[tuple[str, str, str], tuple[Event, list[str]]] = {}
    for event in events:
        key = (event.does, event.about, event_notes(event))
        trigger = event.type.partition("^")[2]
        groups.setdefault(key, (event, []))[1].append("*others*" if trigger == "*" else trigger)
    yield from groups.values()


# ---------------------------------------------------------------- the request


def _by_file(rules: list[RuleText]) -> dict[str, list[RuleText]]:
    found: dict[str, list[RuleText]] = {file: [] for file in _TITLES}
    for rule in rules:
        found.setdefault(rule.file, []).append(rule)
    return {file: listed for file, listed in found.items() if listed}


def _request(book: Rulebook, rules: list[RuleText]) -> Iterator[str]:
    tables = dict(book.tables)
    for file, listed in _by_file(rules).items():
        yield f"## {_TITLES.get(file, file)}"
        filling = sorted((rule for rule in listed if rule.place.request), key=lambda rule: rule.order)
        deciding = [rule for rule in listed if not rule.place.request]
        if filling:
            yield table(
                ("request", "from", "how", "rule"),
                [(place_cell(r), source_cell(r), how_cell(r, tables), code(r.full_name)) for r in filling],
            )
        if deciding:
            yield "What decides, and is not in the request itself:"
            yield table(
                ("what for", "from", "how", "rule"),
                [(r.place.about, source_cell(r), how_cell(r, tables), code(r.full_name)) for r in deciding],
            )


def _unfilled(rules: list[RuleText]) -> list[str]:
    """The shortest places of the contract within which nothing is filled."""
    places = [place for rule in rules for place in rule.place.request]

    def is_filled(field: str) -> bool:
        return any(within(field, place) or within(place, field) for place in places)

    found: dict[str, None] = {}
    for field, _ in fields():
        if is_filled(field):
            continue
        parts = field.split(".")
        shortest = next(head for n in range(1, len(parts) + 1) if not is_filled(head := ".".join(parts[:n])))
        found[shortest] = None
    return list(found)


# ---------------------------------------------------------------- reasons


def _holds() -> str:
    columns = ("code", "what is said", "released by")
    whole = [(code(hold.key), hold.text, hold.release) for hold in CODES]
    fields_ = [(code(_hold_code(hold)), hold.text, hold.release) for hold in FIELDS]
    return "\n\n".join((_ABOUT_HOLDS, table(columns, whole), _ABOUT_FIELDS, table(columns, fields_)))


def _hold_code(hold: Hold) -> str:
    return hold.key if ":" in hold.key else f"{'missing' if hold.text else 'invalid'}:{hold.key}"


def _chart_modules() -> list[ModuleType]:
    names = sorted(info.name for info in pkgutil.iter_modules(interface.chart.__path__))
    return [importlib.import_module(f"interface.chart.{name}") for name in names]


def _reasons() -> str:
    modules = _chart_modules()
    found = reasons_in(modules)
    rows = [(code(key), "<br>".join(said)) for key, said in sorted(found.items()) if not release_of(key)]
    rows += [(code(key), said) for key, said in REJECTS.items()]
    return "\n\n".join(
        (
            "Beside those of [holds](#what-is-held-and-what-releases-it). Codes stay; sentences may be mended.",
            table(("code", "what is said"), rows),
            "Left out when a request is composed or the chart takes something in:",
            bullets(left_out_in([*modules, asked_for])),
        )
    )


# ---------------------------------------------------------------- types and tables


def _types(rules: list[RuleText]) -> Iterator[str]:
    used: dict[str, list[RuleText]] = {}
    for rule in rules:
        used.setdefault(rule.type, []).append(rule)
    for name, make in TYPES.items():
        if name not in used:
            continue
        said = said_by(make)
        parts = [f"### {name}", inspect.cleandoc(make.__doc__ or "")]
        if said.notes:
            parts += ["Notes:", bullets(said.notes)]
        if said.reasons:
            parts += ["Reasons:", bullets(said.reasons)]
        parts.append("Used by " + ", ".join(code(rule.full_name) for rule in used[name]) + ".")
        yield "\n\n".join(parts)


def _tables(book: Rulebook, rules: list[RuleText]) -> Iterator[str]:
    known = dict(book.tables)
    for name, found in sorted(known.items()):
        users = [code(rule.full_name) for rule in rules if name in rule.tables(known)]
        lines = list(table_lines(found, _LONG, _FIRST))
        yield "\n\n".join(
            (
                f"### Table {name}",
                f"{_sentence(found.source)} {len(found.rows)} codes. File {code(f'mappings/tables/{name}.yaml')}. "
                f"{'Used by ' + ', '.join(users) if users else 'Used by the chart'}.",
                "\n".join(("| meaning | codes |", "| --- | --- |", *lines)),
            )
        )


def _sentence(text: str) -> str:
    """A source as a sentence; its pipes and stars as they are."""
    return re.sub(r"([|*])", r"\\\1", text.strip()).rstrip(".") + "."
