"""Loads mappings/, checks it and compiles it: after this no YAML is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

from interface.rules.fields import ORDER, PROBLEM, SCOPES, SETTING
from interface.rules.paths import Path
from interface.rules.source import Lines, RuleError, check_keys, nearest, read_yaml
from interface.rules.tables import Table, read_table
from interface.rules.types import TYPES, Reader, Spec

DOES = ("post", "chart", "cancel", "ignore")
ABOUT = ("", "appointment", "visit", "medication", "problem", "person")
IDENTITY = ("", "merge", "renumber", "move-number", "move-account", "move-visit", "link", "remove")
"""What an event does to whose chart things are in (HL7 v2, chapter 3: merge, move, change, link, delete)."""
_EVENT_KEYS = (
    "does",
    "about",
    "say",
    "not_yet",
    "reopens",
    "ends_inpatient_orders",
    "cancels_discharge",
    "adds_to_orders",
    "needs",
    "identity",
    "cancels",
)


@dataclass(frozen=True)
class Event:
    """What a trigger event does (`messages.yaml`)."""

    type: str
    does: str
    about: str = ""
    say: str = ""
    not_yet: bool = False
    """Known, and of no effect until its part of the product is built."""
    reopens: bool = True
    """Whether it opens a cancelled visit again."""
    ends_inpatient_orders: bool = False
    cancels_discharge: bool = False
    """The orders that a discharge ended run on."""
    adds_to_orders: bool = False
    """Dispenses and administrations: they add to orders, but never change or end one."""
    needs: tuple[str, ...] = ()
    """Without one of these segments the message is ignored."""
    identity: str = ""
    """One of `IDENTITY`."""
    cancels_when_empty: bool = False
    """S20 to S22: a cancel when no resource of the appointment is left."""
    rule: str = ""

    @property
    def without(self) -> Event:
        """What it is without any of the segments it needs."""
        return replace(self, does="ignore", say=f"it holds none of {', '.join(self.needs)}")


@dataclass(frozen=True)
class Rule:
    """One compiled rule."""

    name: str
    """`patient.yaml#name`."""
    field: str
    read: Reader
    only: frozenset[str]
    """Message codes (MSH-9.1) it is for; empty: all."""
    segments: frozenset[str]
    """The segments it looks in."""
    paths: tuple[Path, ...] = ()
    """Its sources in order (`from:`)."""
    type: str = ""
    """The kind of value (`type:`)."""
    version: int = 0
    """The version of the API it is for; 0: all."""


@dataclass(frozen=True)
class SettingRule:
    """A field that is filled from the settings."""

    name: str
    field: str
    setting: str


@dataclass(frozen=True)
class Rulebook:
    """The whole mapping, compiled."""

    events: Mapping[str, Event]
    default: Event
    message: tuple[Rule, ...]
    merge: tuple[Rule, ...]
    """Of each MRG."""
    problems: Mapping[str, tuple[Rule, ...]]
    """By the segment that lists them: DG1, PRB."""
    orders: Mapping[str, tuple[Rule, ...]]
    """By what begins one: `order` (ORC groups)."""
    settings: Mapping[str, SettingRule]
    """By field."""
    tables: Mapping[str, Table]

    def event(self, code: str, trigger: str) -> Event:
        """The row for a message type; a type's `*` row, else the default, when its trigger event has none."""
        return self.events.get(f"{code}^{trigger}") or self.events.get(f"{code}^*") or self.default

    @property
    def size(self) -> tuple[int, int]:
        """How many rules and tables there are."""
        lists = (*self.problems.values(), *self.orders.values())
        rules = (self.message, self.merge, *lists)
        return sum(map(len, rules)) + len(self.settings), len(self.tables)


@lru_cache(maxsize=1)
def load_rulebook() -> Rulebook:
    """The mapping that comes with the product. Raises RuleError with file and line."""
    return read_rulebook(resources.files("mappings"))


def read_rulebook(folder: Traversable) -> Rulebook:
    """The mapping in a folder of YAML files with `tables/`. Raises RuleError with file and line."""
    tables = {}
    for entry in _yaml_files(folder / "tables"):
        table = read_table(
            read_yaml(entry.read_text("utf-8"), f"tables/{entry.name}"), f"tables/{entry.name}"
        )
        tables[table.name] = table
    events: dict[str, Event] = {}
    default = Event("*", "ignore")
    rules: dict[str, list[Rule]] = {scope: [] for scope in SCOPES}
    settings: dict[str, SettingRule] = {}
    for entry in _yaml_files(folder):
        found = read_yaml(entry.read_text("utf-8"), entry.name)
        if "events" in found:
            events, default = _events(found, entry.name)
            continue
        _read_rules(found, entry.name, tables, rules, settings)
    return Rulebook(
        events=events,
        default=default,
        message=tuple(rules[""]),
        merge=tuple(rules["MRG"]),
        problems={
            scope: tuple(found) for scope, found in rules.items() if SCOPES[scope] is PROBLEM and found
        },
        orders={scope: tuple(found) for scope, found in rules.items() if SCOPES[scope] is ORDER and found},
        settings=settings,
        tables=tables,
    )


def _yaml_files(folder: Traversable) -> list[Traversable]:
    return sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)


def _events(found: Lines, file: str) -> tuple[dict[str, Event], Event]:
    check_keys(found, ("events", "default"), "messages", file)
    events = {
        str(kind): _event(str(kind), body, file, found["events"].lines[kind])
        for kind, body in found["events"].items()
    }
    return events, _event("default", found.get("default", Lines(does="ignore")), file, 1)


def _event(kind: str, body: object, file: str, line: int) -> Event:
    if not isinstance(body, Lines):
        raise RuleError(f"{file}:{line}: {kind}: write it as {{does: chart}}")
    check_keys(body, _EVENT_KEYS, kind, file)
    does, about = str(body.get("does", "")), str(body.get("about", ""))
    if does not in DOES:
        raise RuleError(
            f"{file}:{line}: {kind}: does: '{does}' is none of {', '.join(DOES)}{nearest(does, DOES)}"
        )
    if about not in ABOUT:
        raise RuleError(f"{file}:{line}: {kind}: about: '{about}' is unknown{nearest(about, ABOUT)}")
    identity, cancels = str(body.get("identity", "")), str(body.get("cancels", ""))
    if cancels not in ("", "when-empty"):
        raise RuleError(f"{file}:{line}: {kind}: cancels: '{cancels}' is unknown; there is when-empty")
    if identity not in IDENTITY:
        raise RuleError(
            f"{file}:{line}: {kind}: identity: '{identity}' is unknown{nearest(identity, IDENTITY)}"
        )
    return Event(
        type=kind,
        does=does,
        about=about,
        say=str(body.get("say", "")),
        not_yet=bool(body.get("not_yet", False)),
        reopens=bool(body.get("reopens", True)),
        ends_inpatient_orders=bool(body.get("ends_inpatient_orders", False)),
        cancels_discharge=bool(body.get("cancels_discharge", False)),
        adds_to_orders=bool(body.get("adds_to_orders", False)),
        needs=tuple(str(name) for name in body.get("needs", ())),
        identity=identity,
        cancels_when_empty=cancels == "when-empty",
        rule=f"{file}#{kind}",
    )


def _read_rules(
    found: Lines,
    file: str,
    tables: Mapping[str, Table],
    rules: dict[str, list[Rule]],
    settings: dict[str, SettingRule],
) -> None:
    check_keys(found, ("rules",), "mapping file", file)
    body = found.get("rules")
    if not isinstance(body, Lines):
        raise RuleError(f"{file}:1: a mapping file needs 'rules:', a list of 'name: rule'")
    for name, rule in body.items():
        line = body.lines[name]
        if not isinstance(rule, Lines):
            raise RuleError(f"{file}:{line}: {name}: a rule is a list of 'key: value'")
        _read_rule(str(name), rule, file, line, tables, rules, settings)


def _read_rule(
    name: str,
    body: Lines,
    file: str,
    line: int,
    tables: Mapping[str, Table],
    rules: dict[str, list[Rule]],
    settings: dict[str, SettingRule],
) -> None:
    def fail(key: str, text: str) -> RuleError:
        return RuleError(f"{file}:{body.lines.get(key, line)}: {name}: {text}")

    for key in ("field", "type", "from"):
        if key not in body:
            raise fail(key, f"'{key}:' is missing")
    field, kind = str(body["field"]), str(body["type"])
    sources = (
        [str(entry) for entry in body["from"]] if isinstance(body["from"], list) else [str(body["from"])]
    )
    if kind == "setting":
        if field not in SETTING:
            raise fail("field", f"no setting fills '{field}'{nearest(field, SETTING)}")
        if sources != [f"settings:{SETTING[field]}"]:
            raise fail("from", f"'{field}' comes from settings:{SETTING[field]}")
        settings[field] = SettingRule(f"{file}#{name}", field, SETTING[field])
        return
    scope = str(body.get("each", ""))
    if scope not in SCOPES:
        raise fail("each", f"each: '{scope}' is unknown{nearest(scope, SCOPES)}")
    if field not in SCOPES[scope]:
        raise fail("field", f"unknown field '{field}'{nearest(field, SCOPES[scope])}")
    if any(rule.field == field for rule in rules[scope]):
        raise fail("field", f"'{field}' is filled by another rule already; name the sources in one")
    if kind not in TYPES:
        raise fail("type", f"unknown type '{kind}'{nearest(kind, TYPES)}")
    paths = []
    for text in sources:
        path = Path.parse(text)
        if path is None:
            raise fail("from", f"'{text}' is no HL7 path; write it as PID-5 or PID-5.1")
        paths.append(path)
    spec = Spec(f"{file}#{name}", file, line, body, tuple(paths), tables)
    segments = frozenset(path.segment for path in paths)
    version = body.get("version", 0)
    if version not in (0, 1, 2):
        raise fail("version", f"version: '{version}' is none of the API's versions, 1 and 2")
    only = frozenset(spec.strings("only"))
    rules[scope].append(Rule(spec.name, field, TYPES[kind](spec), only, segments, spec.paths, kind, version))
