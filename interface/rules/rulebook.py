"""Loads mappings/ and a site's overlay, checks them and compiles them: after this no file is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from interface.hl7.message import Message
from interface.rules.blocks import Block, Blocks, Marks
from interface.rules.compiling import Fixed, Rule, SettingRule, Variant, compile_layers
from interface.rules.conditions import plain
from interface.rules.events import Event, changed_events, is_known, read_alike, read_events
from interface.rules.facts import Fact
from interface.rules.fields import ORDER, ORDERS, PROBLEM, SCOPES
from interface.rules.groups import ORDER_SEGMENTS
from interface.rules.layers import Layers, shipped_layer, with_site, written_rules
from interface.rules.memory import Memories
from interface.rules.mrn_form import AS_SENT, MrnForm
from interface.rules.overlay import Overlay, read_overlay
from interface.rules.site import NOTHING, Site
from interface.rules.site_files import Checks, make_site
from interface.rules.site_rules import (
    changes,
    check_listeners,
    check_lists,
    check_messages,
    check_tables,
    own_sources,
)
from interface.rules.source import Lines, read_text, read_yaml
from interface.rules.tables import Table, read_table, with_values

MRN = "patient.mrn.extension"
"""The field that the rule of the medical record number fills."""
TABLES = "tables.yaml"
"""What the rows of each table may say."""
_PID = frozenset(("PID",))
_MOST_KINDS = 256
"""Kinds of messages, by the segments they have, whose rules are kept ready."""
_MOST_SENDERS = 512
"""Combinations of listener, sender and message type whose rules are kept ready."""


@dataclass(frozen=True)
class Rulebook:
    """The whole mapping, compiled."""

    events: Mapping[str, Event]
    default: Event
    scopes: Mapping[str, tuple[Rule, ...]]
    """Rules by what they look in: the whole message (empty), each DG1, each order, each Z-segment of a site."""
    settings: Mapping[str, SettingRule]
    """By field."""
    tables: Mapping[str, Table]
    fixed: tuple[Fixed, ...] = ()
    """A site's own values for requests, the most specific first."""
    variants: tuple[Variant, ...] = ()
    """A site's rules for some senders, the least specific first."""
    site: Site = NOTHING
    folder: str = ""
    """The overlay folder's name; empty: there is none."""
    changes: tuple[str, ...] = ()
    """What the overlay changes, a line for each, for people."""
    own_rows: Mapping[str, int] = field(default_factory=dict)
    """How many rows each of the site's own lists and tables has: `opt_out`, `routes`."""
    own_sources: Mapping[str, str] = field(default_factory=dict)
    """Of fields that the site has looked for elsewhere: where (`ZPI-2 (site-mappings/patient.yaml#name)`)."""
    _ready: dict[tuple[str, ...], Rulebook] = field(default_factory=dict, compare=False, repr=False)

    def unknown(self, types: Iterable[str]) -> list[str]:
        """Of the types that `[forward]` names those that no message is expected to have: a slip, mostly."""
        return [key for key in types if not is_known(key, self.events)]

    def event(self, code: str, trigger: str) -> Event:
        """The row for a message type; a type's `*` row, else the default, when its trigger event has none."""
        return self.events.get(f"{code}^{trigger}") or self.events.get(f"{code}^*") or self.default

    def of_sender(self, listener: str, message: Message) -> Rulebook:
        """The mapping as it is for this message's sender: the most specific rule of each field, else what goes for all.

        Made once for each combination of listener, MSH-3, MSH-4 and message type; without rules for some senders, nothing.
        """
        if not self.variants:
            return self
        msh = message.segments[0]
        key = (listener, msh.raw(3), msh.raw(4), message.message_code, message.trigger_event)
        found = self._ready.get(key)
        if found is None:
            if len(self._ready) >= _MOST_SENDERS:
                self._ready.clear()
            found = self._ready[key] = self._for(
                {
                    "listener": {plain(listener)},
                    "application": {plain(msh.text(3, 1)), plain(msh.text(3, 2))},
                    "facility": {plain(msh.text(4, 1)), plain(msh.text(4, 2))},
                    "message": {plain(message.message_code), plain(message.type)},
                }
            )
        return found

    def _for(self, sender: Mapping[str, set[str]]) -> Rulebook:
        scopes = {scope: list(rules) for scope, rules in self.scopes.items()}
        fitting = [variant for variant in self.variants if variant.condition.fits(sender)]
        for variant in fitting:
            rules = scopes.setdefault(variant.scope, [])
            places = [index for index, rule in enumerate(rules) if rule.field == variant.field]
            if variant.rule is None:
                scopes[variant.scope] = [rule for rule in rules if rule.field != variant.field]
            elif places:
                rules[places[0]] = variant.rule
            else:
                rules.append(variant.rule)
        if not fitting:
            return self
        return replace(self, scopes={scope: tuple(rules) for scope, rules in scopes.items()}, variants=())

    @cached_property
    def message(self) -> tuple[Rule, ...]:
        """Of the whole message."""
        return self.scopes[""]

    def blocks(self, message: Message, version: int) -> Blocks:
        """The rules for such messages and a version of the API, by what they look in. Found once for each kind."""
        kind: tuple[str | int, ...] = (message.message_code, *message.names, version)
        found = self._kinds.get(kind)
        if found is None:
            if len(self._kinds) >= _MOST_KINDS:
                self._kinds.clear()
                self._marks.clear()
            whole = self._blocks.get(message.message_code) or self._blocks[""]
            found = self._kinds[kind] = whole.of_kind(
                message.message_code, message.names, version, self._marks
            )
        return found

    @cached_property
    def _kinds(self) -> dict[tuple[str | int, ...], Blocks]:
        return {}

    @cached_property
    def _marks(self) -> Marks:
        return {}

    @cached_property
    def _blocks(self) -> Mapping[str, Blocks]:
        """By message code; empty: codes that no rule names."""
        codes = {code for rules in self.scopes.values() for rule in rules for code in rule.only}
        return {code: self._blocks_of(code) for code in ("", *codes)}

    def _blocks_of(self, code: str) -> Blocks:
        rules = {
            scope: [rule for rule in rules if not rule.only or code in rule.only]
            for scope, rules in self.scopes.items()
        }
        of_person = [rule for rule in rules[""] if rule.reads == _PID and not rule.everywhere]
        return Blocks(
            Block.of("", (rule for rule in rules[""] if rule not in of_person)),
            Block.of("PID", of_person),
            tuple(Block.of(name, rules[name], frozenset((name,))) for name in self.problems),
            Block.of(ORDERS, rules.get(ORDERS, ()), ORDER_SEGMENTS),
            tuple(Block.of(name, rules[name], frozenset((name,))) for name in self.lists),
        )

    @cached_property
    def of_mrn(self) -> tuple[Rule, ...]:
        """What reads the medical record number."""
        return tuple(rule for rule in self.message if rule.field == MRN)

    def unshared(self) -> Rulebook:
        """The same mapping with a memory of its own: for who reads at the same time as others, or as of another day."""
        return replace(self, _ready={})

    @cached_property
    def memories(self) -> Memories:
        """What lines and fields were read as by these rules."""
        return Memories()

    @cached_property
    def merge(self) -> tuple[Rule, ...]:
        """Of each MRG."""
        return self.scopes.get("MRG", ())

    @cached_property
    def problems(self) -> Mapping[str, tuple[Rule, ...]]:
        """By the standard's segment that lists them: DG1, PRB."""
        return {name: rules for name, rules in self.scopes.items() if SCOPES.get(name) is PROBLEM and rules}

    @cached_property
    def orders(self) -> Mapping[str, tuple[Rule, ...]]:
        """By what begins one: `order` (ORC groups)."""
        return {name: rules for name, rules in self.scopes.items() if SCOPES.get(name) is ORDER and rules}

    @cached_property
    def lists(self) -> Mapping[str, tuple[Rule, ...]]:
        """A site's own lists of problems or medications, by Z-segment."""
        return {name: rules for name, rules in self.scopes.items() if name not in SCOPES and rules}

    @cached_property
    def drug_keys(self) -> Mapping[str, str]:
        """The key of a drug coding system by its OID and by its name, as requests have them."""
        rows = self.tables["drug_systems"].rows.values()
        return {row[part]: row["key"] for row in rows for part in ("oid", "name") if part in row}

    @cached_property
    def mrn_form(self) -> MrnForm:
        """How numbers become the site's, as the rule of the MRN says."""
        rule = next(iter(self.of_mrn), None)
        return MrnForm.of(rule.body, rule.name) if rule is not None else AS_SENT

    @cached_property
    def mrn_forms(self) -> tuple[MrnForm, ...]:
        """What becomes of the numbers of all senders, and of those with a rule of their own."""
        of_some = (each.rule for each in self.variants if each.rule is not None and each.field == MRN)
        return (self.mrn_form, *(MrnForm.of(rule.body, rule.name) for rule in of_some))

    @cached_property
    def has_overlay(self) -> bool:
        """Whether a site's folder says anything that counts when a request is composed."""
        return bool(self.fixed) or self.site != NOTHING

    def why_of(self, number: Fact) -> str:
        """Why a fact gives no number, with the rule where the site has it looked for elsewhere."""
        return (
            f"{number.why} ({number.rule})" if MRN in self.own_sources and "/" in number.rule else number.why
        )

    @property
    def size(self) -> tuple[int, int]:
        """How many rules and tables there are."""
        return sum(map(len, self.scopes.values())) + len(self.settings), len(self.tables)


@lru_cache(maxsize=1)
def _shipped() -> Traversable:
    return resources.files("mappings")


@lru_cache(maxsize=1)
def _shipped_book() -> Rulebook:
    return read_rulebook(_shipped())


def load_rulebook(
    overlay: Path | None = None,
    *,
    shown: str = "",
    npi_check_digit: bool = True,
    listeners: Iterable[str] | None = None,
) -> Rulebook:
    """The mapping that comes with the product, as a site's folder changes it. Raises RuleError with file and line.

    Args:
        overlay: the site's folder; None: there is none.
        shown: how errors name the folder; empty: by its path.
        npi_check_digit: whether an NPI of the folder's lists must pass it.
        listeners: the names of the site's listeners, which `for:` may name; None: any.

    """
    if overlay is None:
        return _shipped_book()
    own = read_overlay(overlay, shown or str(overlay))
    return read_rulebook(_shipped(), own, npi_check_digit=npi_check_digit, listeners=listeners)


def read_rulebook(
    folder: Traversable,
    own: Overlay | None = None,
    *,
    npi_check_digit: bool = True,
    listeners: Iterable[str] | None = None,
) -> Rulebook:
    """The mapping in a folder of YAML files with `tables/`, as `own` changes it. Raises RuleError with file and line."""
    shipped_tables = _read_tables(folder)
    files = {entry.name: read_yaml(read_text(entry, entry.name), entry.name) for entry in _yaml(folder)}
    shipped_tables = with_values(shipped_tables, files.pop(TABLES, None))
    layers = shipped_layer(
        rule for name, found in files.items() if "events" not in found for rule in written_rules(found, name)
    )
    events: dict[str, Event] = {}
    default, messages = Event("*", "ignore"), Lines()
    for name, found in files.items():
        if "events" in found:
            (events, default), messages = read_events(found, name), found
    if own is None:
        return _book(layers, shipped_tables, events, default)
    tables = _changed_tables(shipped_tables, own)
    layers = with_site(
        layers, [rule for found in own.rules for rule in written_rules(found, own.file_label(found.file))]
    )
    alike: Mapping[str, frozenset[str]] = {}
    if own.events is not None:
        events = changed_events(events, messages, own.events, own.file_label(own.events.file))
        alike = read_alike(events, own.events["events"])
    check_messages(layers, events)
    book = _book(layers, tables, events, default, alike)
    check_tables(layers, own, shipped_tables, book.tables)
    check_listeners(layers, listeners)
    site = make_site(own.lists, Checks(tables, npi_check_digit, book.mrn_forms))
    return replace(
        book,
        site=site,
        folder=own.label,
        changes=tuple(changes(own, layers, shipped_tables)),
        own_sources=own_sources(layers),
        own_rows={table.name: len(table.rows) for table in own.tables}
        | {name: len(source.rows) for name, source in own.lists.items()},
    )


def _book(
    layers: Layers,
    tables: Mapping[str, Table],
    events: Mapping[str, Event],
    default: Event,
    alike: Mapping[str, frozenset[str]] | None = None,
) -> Rulebook:
    compiled = compile_layers(layers, tables, alike)
    book = Rulebook(
        events=events,
        default=default,
        scopes={scope: tuple(compiled.rules.get(scope, ())) for scope in {**SCOPES, **compiled.rules}},
        settings=compiled.settings,
        tables=tables,
        fixed=compiled.fixed,
        variants=compiled.variants,
    )
    check_lists(book.lists, book.variants)
    assert book.mrn_forms  # noqa: S101 - reads them, so that a slip is told now, not with the first message
    return book


def _yaml(folder: Traversable) -> list[Traversable]:
    return sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)


def _read_tables(folder: Traversable) -> dict[str, Table]:
    tables = {}
    for entry in _yaml(folder / "tables"):
        file = f"tables/{entry.name}"
        table = read_table(read_yaml(read_text(entry, file), file))
        tables[table.name] = table
    return tables


def _changed_tables(shipped: Mapping[str, Table], own: Overlay) -> dict[str, Table]:
    tables = dict(shipped)
    for table in own.tables:
        known = shipped.get(table.name)
        if known is None:
            tables[table.name] = table
        elif table.name in own.replaced:
            tables[table.name] = table.checked(known.values) if known.values is not None else table
        else:
            tables[table.name] = known.changed_by(table)
    return tables
