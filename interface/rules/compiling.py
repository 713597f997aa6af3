"""From checked definitions to rules that read messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as part

from interface.rules.conditions import Condition
from interface.rules.fields import SCOPES, SETTING
from interface.rules.fixed import fixed_value
from interface.rules.layers import Definition, Layers, fields_of
from interface.rules.paths import Path, read_path
from interface.rules.source import Lines, check_keys, nearest
from interface.rules.tables import Table
from interface.rules.types import TYPES, Reader, Spec
from interface.rules.types.base import COMMON_KEYS, Field


@dataclass(frozen=True)
class Rule:
    """One compiled rule."""

    name: str
    """`patient.yaml#name`; a site's: `site-mappings/patient.yaml#name`."""
    field: str
    read: Reader
    only: frozenset[str]
    """Message codes (MSH-9.1) it is for; empty: all."""
    segments: frozenset[str]
    """The segments it looks in."""
    body: Lines = part(default_factory=Lines, compare=False)
    """As written, with what it takes over from the rule it changes."""
    snapshot: bool = False
    """Of a list in Z-segments: each message has the whole of it."""
    place: str = ""
    """`FILE:LINE`."""
    paths: tuple[Path, ...] = ()
    """Its sources in order (`from:`)."""
    type: str = ""
    """The kind of value (`type:`)."""
    version: int = 0
    """The version of the API it is for; 0: all."""
    reads: frozenset[str] = frozenset()
    """All segments that it looks in, those of its options too."""
    everywhere: frozenset[str] = frozenset()
    """Those it looks for in the whole message, though its scope is a part of it."""
    recurring: tuple[Field, ...] = ()
    """The fields that decide what it reads, where it reads what patients have in common; none: it is not remembered so."""
    sources: tuple[Path, ...] = ()
    """`paths` and those of its options."""
    valued: tuple[Field, ...] = ()
    """Fields (segment, number) of which one must hold something, or there is nothing to read; none: it is always read."""


@dataclass(frozen=True)
class SettingRule:
    """A field that is filled when a request is composed: from the settings, or by a value of the site's."""

    name: str
    field: str
    setting: str
    origin: str = ""
    """Where the value comes from instead, when a site's rule or table brings it."""

    @property
    def source(self) -> str:
        """Where the value comes from, for provenance."""
        return self.origin or f"settings:{self.setting}"


@dataclass(frozen=True)
class Fixed:
    """A value of the site's own for a field of the request (`type: fixed`), for all or some appointments."""

    name: str
    field: str
    value: object
    condition: Condition | None
    place: str

    @property
    def source(self) -> str:
        """Where the value comes from, for provenance: `overlay:request.yaml`."""
        return f"overlay:{self.name.rpartition('/')[2].partition('#')[0]}"


@dataclass(frozen=True)
class Variant:
    """A rule for some senders; `rule` None: for them the field is not read."""

    condition: Condition
    scope: str
    field: str
    rule: Rule | None


@dataclass(frozen=True)
class Compiled:
    """What a mapping's rules come to."""

    rules: Mapping[str, list[Rule]]
    settings: Mapping[str, SettingRule]
    fixed: tuple[Fixed, ...]
    variants: tuple[Variant, ...]


def compile_layers(
    layers: Layers, tables: Mapping[str, Table], alike: Mapping[str, frozenset[str]] | None = None
) -> Compiled:
    """Compile every rule. Raises RuleError with file and line. `alike`: codes that are read as another (`only:`)."""
    also = alike or {}
    rules: dict[str, list[Rule]] = {}
    settings: dict[str, SettingRule] = {}
    for made in layers.general:
        if made.body["type"] == "setting":
            found = _setting(made)
            if not made.off:
                settings[made.field] = found
            continue
        rule = _rule(made, tables, also)
        if not made.off:
            rules.setdefault(made.scope, []).append(rule)
    fixed = [
        Fixed(made.written.label, made.field, fixed_value(made), made.appointments, made.written.place)
        for made in layers.fixed
    ]
    variants = [
        Variant(made.sender, made.scope, made.field, None if made.off else _rule(made, tables, also))
        for made in layers.variants
        if made.sender is not None
    ]
    return Compiled(
        rules,
        settings,
        tuple(
            sorted(fixed, key=lambda entry: entry.condition.rank if entry.condition else (0, 0), reverse=True)
        ),
        tuple(sorted(variants, key=lambda entry: entry.condition.rank)),
    )


def _setting(made: Definition) -> SettingRule:
    field_name, body = made.field, made.body
    if field_name not in SETTING:
        raise made.error("field", f"no setting fills '{field_name}'{nearest(field_name, SETTING)}")
    if body["from"] not in ([f"settings:{SETTING[field_name]}"], f"settings:{SETTING[field_name]}"):
        raise made.error("from", f"'{field_name}' comes from settings:{SETTING[field_name]}")
    if "value" in body:
        raise made.error("value", "value: is that of a rule with 'type: fixed'")
    check_keys(body, COMMON_KEYS, made.written.name)
    return SettingRule(made.written.label, field_name, SETTING[field_name])


def _rule(made: Definition, tables: Mapping[str, Table], alike: Mapping[str, frozenset[str]]) -> Rule:
    body, kind = made.body, str(made.body["type"])
    fields = fields_of(made.scope, made.field)
    if fields is None:
        raise made.error("each", f"each: '{made.scope}' is unknown{nearest(made.scope, SCOPES)}")
    if made.field not in fields and made.field in SETTING:
        said = f"'{made.field}' is read of no message: it comes from the settings, or by 'type: fixed'"
        raise made.error("type", said)
    if made.field not in fields:
        raise made.error("field", f"unknown field '{made.field}'{nearest(made.field, fields)}")
    if kind not in TYPES:
        raise made.error("type", f"unknown type '{kind}'{nearest(kind, TYPES)}")
    given = body["from"] if isinstance(body["from"], list) else [body["from"]]
    paths = []
    for text in given:
        path = read_path(str(text))
        if isinstance(path, str):
            raise made.error("from", path)
        paths.append(path)
    if not paths:
        raise made.error("from", "'from:' names no path")
    version = body.get("version", 0)
    if version not in (0, 1, 2):
        raise made.error("version", f"version: '{version}' is none of the API's versions, 1 and 2")
    spec = Spec(made.written.label, made.written.place, body, tuple(paths), tables)
    read = TYPES[kind](spec)
    only = frozenset(spec.strings("only"))
    return Rule(
        spec.name,
        made.field,
        read,
        only.union(*(alike.get(code, ()) for code in only)),
        frozenset(path.segment for path in paths),
        body,
        made.snapshot,
        made.written.place,
        spec.paths,
        kind,
        version,
        frozenset(path.segment for path in (*paths, *spec.read_too)),
        frozenset(spec.everywhere),
        _recurring(spec, read),
        (*paths, *spec.read_too),
        _where_valued(spec, read),
    )


def _recurring(spec: Spec, read: Reader) -> tuple[Field, ...]:
    beside: tuple[Field, ...] | None = getattr(read, "recurring", None)
    if beside is None:
        return ()
    fields = [(path.segment, path.field) for path in (*spec.paths, *spec.read_too)]
    return tuple(dict.fromkeys((*fields, *beside)))


def _where_valued(spec: Spec, read: Reader) -> tuple[Field, ...]:
    beside: tuple[Path, ...] | None = getattr(read, "where_valued", None)
    if beside is None:
        return ()
    return tuple(dict.fromkeys((path.segment, path.field) for path in (*spec.paths, *beside)))
