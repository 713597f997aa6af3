"""Rules as files have them, and how a site's change the shipped ones.

A rule of the site changes the shipped rule of its file and name, else that of its field: the keys it gives take the
place of those that are there, the others stay. With another `type:` only field, place and paths stay. A rule with
`for:` changes what goes for all, for these senders alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from interface.rules.conditions import APPOINTMENT, SENDER, Condition
from interface.rules.fields import FORWARD, ORDER, ORDERS, PROBLEM, SCOPES, SETTING
from interface.rules.paths import Path
from interface.rules.source import Lines, RuleError, nearest
from interface.rules.types import TYPES

Z_SEGMENT = re.compile(r"^Z[A-Z0-9]{2}$")
_OWN_KEYS = ("for", "when", "off", "snapshot")
"""Keys that say when a rule counts, not how it reads."""
_KEPT = ("field", "each", "from", "only")
"""What stays of a rule that gets another type."""

_TEXTS = ("text", "clean_text", "named", "code", "entity_identifier", "identifier", "location_npi", "sig")
_DAYS = ("date", "birth_date", "appointment_date")
_NUMBERS = ("number", "integer")
_CODES = ("drug", "product", "coded")
SHAPES = {name: shape for shape in (_TEXTS, _DAYS, _NUMBERS, _CODES) for name in shape}
"""Types that yield values of one form; one may stand in for another. All others stand for themselves."""

Slot = tuple[str, str, bool]
"""Scope, field, and whether it is filled when a request is composed."""


@dataclass(frozen=True)
class Written:
    """One rule as a file has it."""

    name: str
    file: str
    """`patient.yaml`, without a folder."""
    label: str
    """`patient.yaml#name` or `site-mappings/patient.yaml#name`."""
    body: Lines
    place: str

    def error(self, key: str, text: str) -> RuleError:
        """The error to raise for one of its keys."""
        place = self.body.place(key) if key in self.body.lines else self.place
        return RuleError(f"{place}: {self.name}: {text}")


@dataclass(frozen=True)
class Definition:
    """One rule with all it has, whoever wrote it."""

    written: Written
    """The last to change it."""
    body: Lines
    scope: str
    field: str
    base: Definition | None = None
    """The rule it changes."""
    sender: Condition | None = None
    appointments: Condition | None = None
    off: bool = False
    snapshot: bool = False

    @property
    def slot(self) -> Slot:
        """The place it fills, of which there is one rule."""
        return self.scope, self.field, is_composed(self.body)

    def error(self, key: str, text: str) -> RuleError:
        """The error to raise for one of its keys: at the rule itself where it has the key from the one it changes."""
        return self.written.error(key, text)


@dataclass(frozen=True)
class Layers:
    """All rules of a mapping: those for every sender, and those for some."""

    general: tuple[Definition, ...]
    variants: tuple[Definition, ...] = ()
    fixed: tuple[Definition, ...] = ()
    """Values of a site for requests (`type: fixed`)."""


def is_composed(body: Lines) -> bool:
    """Whether a rule fills a field when a request is composed, not when a message is read."""
    return body.get("type") in ("setting", "fixed")


def fields_of(scope: str, field: str) -> tuple[str, ...] | None:
    """The fields a rule with that `each:` may fill; None when there is no such scope."""
    if scope in SCOPES:
        return SCOPES[scope]
    if not Z_SEGMENT.match(scope):
        return None
    return PROBLEM if field.startswith("problem.") else ORDER


def written_rules(found: Lines, label: str) -> Iterator[Written]:
    """The rules of one file; `label` is the file as provenance shows it."""
    for key in found:
        if key != "rules":
            raise RuleError(
                f"{found.place(key)}: mapping file: unknown key '{key}'{nearest(key, ('rules',))}"
            )
    body = found.get("rules")
    if not isinstance(body, Lines):
        raise RuleError(f"{found.file}:1: a mapping file needs 'rules:', a list of 'name: rule'")
    for name, rule in body.items():
        if not isinstance(rule, Lines):
            raise RuleError(f"{body.place(name)}: {name}: a rule is a list of 'key: value'")
        file = label.rpartition("/")[2]
        yield Written(str(name), file, f"{label}#{name}", rule, body.place(name))


def shipped_layer(written: Iterable[Written]) -> Layers:
    """The shipped rules. Raises RuleError where two fill the same field."""
    found: dict[Slot, Definition] = {}
    for rule in written:
        for key in ("field", "type", "from"):
            if key not in rule.body:
                raise rule.error(key, f"'{key}:' is missing")
        made = Definition(rule, rule.body, str(rule.body.get("each", "")), str(rule.body["field"]))
        if made.slot in found:
            raise _filled(made, found[made.slot])
        found[made.slot] = made
    return Layers(tuple(found.values()))


def _filled(made: Definition, other: Definition) -> RuleError:
    return made.written.error(
        "field",
        f"'{made.field}' is filled by another rule already ({other.written.label}); name the sources in one",
    )


def with_site(shipped: Layers, written: Iterable[Written]) -> Layers:
    """The shipped rules as the site's change them. Raises RuleError."""
    by_name = {(entry.written.file, entry.written.name): entry for entry in shipped.general}
    general = {entry.slot: entry for entry in shipped.general}
    own = sorted(written, key=lambda rule: "for" in rule.body)  # a sender's change what goes for all
    changed: dict[Slot, Definition] = {}
    variants: list[Definition] = []
    fixed: list[Definition] = []
    for rule in own:
        made = _site_rule(rule, by_name, general)
        if made.body.get("type") == "fixed":
            _no_twin(made, fixed)
            fixed.append(made)
        elif made.sender is not None:
            _no_twin(made, variants)
            variants.append(made)
        else:
            if made.slot in changed:
                raise _filled(made, changed[made.slot])
            changed[made.slot] = general[made.slot] = made
    return Layers(tuple(general.values()), tuple(variants), tuple(fixed))


def _no_twin(made: Definition, others: list[Definition]) -> None:
    for other in others:
        if other.slot != made.slot:
            continue
        mine, theirs = made.sender or made.appointments, other.sender or other.appointments
        same = mine.meets(theirs) if mine is not None and theirs is not None else mine is theirs
        if same:
            key = "for" if made.sender is not None else "when"
            text = f"'{made.field}' is filled for the same by {other.written.label}; '{key}:' must tell the two apart"
            raise made.written.error(key, text)


def _site_rule(
    rule: Written, by_name: Mapping[tuple[str, str], Definition], general: Mapping[Slot, Definition]
) -> Definition:
    base = _base(rule, by_name, general)
    if base is not None:
        scope, field = base.scope, base.field
        body = _changed(base.body, rule.body)
    else:
        scope, field = str(rule.body.get("each", "")), str(rule.body.get("field", ""))
        body = _changed(_pattern(scope, field, general), rule.body)
    for key in ("field", "type", *(() if body.get("type") == "fixed" else ("from",))):
        if key not in body:
            raise rule.error(key, f"'{key}:' is missing")
    plain = Lines({key: value for key, value in body.items() if key not in _OWN_KEYS}, body.file, body.line)
    plain.lines, plain.files = body.lines, body.files
    made = Definition(
        rule,
        plain,
        scope,
        field,
        base or _pattern_of(scope, field, general),
        Condition.parse(rule.body, "for", SENDER, rule.name),
        Condition.parse(rule.body, "when", APPOINTMENT, rule.name),
        _flag(rule, "off"),
        _flag(rule, "snapshot"),
    )
    if made.base is not None and not is_composed(plain):
        _check_shape(made, made.base)
    if made.snapshot and field not in ("problem.codings", "medication.nameCode"):
        raise rule.error(
            "snapshot", "'snapshot:' belongs to the rule for problem.codings or medication.nameCode"
        )
    if made.snapshot and not Z_SEGMENT.match(scope):
        raise rule.error("snapshot", "'snapshot:' is for lists in Z-segments (each: Z…)")
    if made.appointments is not None and body.get("type") != "fixed":
        raise rule.error("when", "'when:' is for 'type: fixed'; a message's sender is told by 'for:'")
    if made.sender is not None and is_composed(plain):
        raise rule.error(
            "for", "a request's own values know no sender; say for which appointments with 'when:'"
        )
    return made


def _check_shape(made: Definition, base: Definition) -> None:
    """A field has values of one form; a type that yields another would break what is made of them."""
    usual, kind = str(base.body["type"]), str(made.body["type"])
    fitting = SHAPES.get(usual, (usual,))
    if usual not in ("setting", "fixed") and kind not in fitting and (kind in SHAPES or kind in TYPES):
        said = f"type: '{kind}' yields no value for {made.field}; {', '.join(fitting)} can"
        raise made.error("type", said)


def _flag(rule: Written, key: str) -> bool:
    value = rule.body.get(key, False)
    if not isinstance(value, bool):
        raise rule.error(key, f"'{key}:' is true or false")
    return value


def _base(
    rule: Written, by_name: Mapping[tuple[str, str], Definition], general: Mapping[Slot, Definition]
) -> Definition | None:
    """The rule that one of the site's changes; None: there is none yet for its field."""
    named = by_name.get((rule.file, rule.name))
    if named is not None:
        for key, own in (("field", named.field), ("each", named.scope)):
            if str(rule.body.get(key, own)) != own:
                said = f"the shipped rule '{rule.name}' has {key}: {own or 'none'}; give yours another name"
                raise rule.error(key, said)
        return general[named.slot]
    if "field" not in rule.body:
        hint = nearest(rule.name, [name for file, name in by_name if file == rule.file])
        files = [file for file, name in by_name if name == rule.name]
        if files:
            hint = f"; {' and '.join(files)} has one: write it into a file of that name"
        said = f"no shipped rule of {rule.file} has this name{hint}"
        raise RuleError(
            f"{rule.place}: {rule.name}: {said}" + ("" if hint else "; a new rule needs 'field:'")
        )
    field = str(rule.body["field"])
    scope = str(rule.body["each"]) if "each" in rule.body else _only_scope(rule, field)
    composed = is_composed(rule.body) or (field in SETTING and ("", field, False) not in general)
    fields = fields_of(scope, field)
    if fields is None:
        hint = nearest(scope, SCOPES) or "; a Z-segment's name lists problems or medications"
        raise rule.error("each", f"each: '{scope}' is unknown{hint}")
    if composed:
        if field not in SETTING and field not in FORWARD:
            raise rule.error("field", f"no setting fills '{field}'{nearest(field, (*SETTING, *FORWARD))}")
    elif field not in fields:
        raise rule.error("field", f"unknown field '{field}'{nearest(field, (*fields, *SETTING, *FORWARD))}")
    found = general.get((scope, field, composed))
    if found is None and "each" not in rule.body and scope:
        raise rule.error("each", f"'{field}' needs 'each:'")
    return found


def _only_scope(rule: Written, field: str) -> str:
    """The scope of a field that only one has, for a rule that gives none."""
    if field in PROBLEM:
        raise rule.error("each", f"'{field}' needs 'each:': DG1, PRB or a Z-segment")
    return ORDERS if field in ORDER else ""


def _pattern_of(scope: str, field: str, general: Mapping[Slot, Definition]) -> Definition | None:
    """The shipped rule of a field of the standard's lists, for the same field of a Z-segment."""
    if not Z_SEGMENT.match(scope):
        return None
    for other in ("DG1", "PRB", ORDERS):
        if found := general.get((other, field, False)):
            return found
    return None


def _pattern(scope: str, field: str, general: Mapping[Slot, Definition]) -> Lines:
    """What a Z-segment's rule takes over: type and tables, none of the paths."""
    found = _pattern_of(scope, field, general)
    if found is None:
        return Lines()
    kept = Lines(file=found.body.file, line=found.body.line)
    for key, value in found.body.items():
        entries = value if isinstance(value, list) else [value]
        if key not in ("each", "only") and not any(Path.parse(str(entry)) for entry in entries):
            kept.put(key, value, found.body.lines.get(key, kept.line))
    return kept


def _changed(base: Lines, own: Lines) -> Lines:
    """The keys of a rule with those of the site's in their place."""
    kind = own.get("type", base.get("type"))
    other = kind != base.get("type")
    dropped = [key for key in base if other and key not in _KEPT]
    if kind == "fixed":
        dropped.append("from")
    return base.changed_by(own, dropped)
