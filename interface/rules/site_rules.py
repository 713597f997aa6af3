"""A site's overlay as a whole: what its rules and tables are held against together, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from interface.rules.compiling import Rule, Variant
from interface.rules.conditions import Condition, plain
from interface.rules.events import Event
from interface.rules.layers import Z_SEGMENT, Definition, Layers, is_composed
from interface.rules.overlay import Overlay
from interface.rules.source import RuleError, nearest
from interface.rules.tables import Table


def check_tables(
    layers: Layers, own: Overlay, shipped: Mapping[str, Table], tables: Mapping[str, Table]
) -> None:
    """A table that no rule names is a slip of its name; one in the place of a shipped one says what that may say."""
    named: set[str] = set()
    for made in (*layers.general, *layers.variants):
        if made.written.label.startswith(f"{own.label}/"):
            _check_words(made, tables)
        for key, value in made.body.items():
            if not isinstance(value, str) or value not in tables:
                continue
            named.add(value)
            before = made.base.body.get(key) if made.base is not None else None
            usual = shipped.get(before) if isinstance(before, str) else None
            if usual is not None and usual.values is not None and value not in shipped:
                tables[value].checked(usual.values)
    for table in own.tables:
        if table.name not in shipped and table.name not in named:
            row = next(iter(table.places.values()), f"{own.label}/tables/{table.name}.csv:")  # YAML has a row
            hint = nearest(table.name, shipped) or "; name it in a rule (table: …)"
            raise RuleError(f"{row.rpartition(':')[0]}:1: no rule names the table '{table.name}'{hint}")


def _check_words(made: Definition, tables: Mapping[str, Table]) -> None:
    """What stands for no code and for an unknown one must be a word that the table's rows may say."""
    table = tables.get(str(made.body.get("table", "")))
    for key in ("empty", "unknown"):
        if key in made.written.body and table is not None and table.values is not None:
            trouble = table.values.read(made.body[key])[1]
            if trouble:
                raise made.error(key, f"{key}: {trouble}")


def check_lists(lists: Mapping[str, Sequence[Rule]], variants: Iterable[Variant]) -> None:
    """A Z-segment lists problems or medications, and says which; that of some senders may list the others'."""
    found: dict[str, list[tuple[Rule, Condition | None]]] = {
        name: [(rule, None) for rule in rules] for name, rules in lists.items()
    }
    for each in variants:
        if each.rule is not None and Z_SEGMENT.match(each.scope):
            found.setdefault(each.scope, []).append((each.rule, each.condition))
    for name, rules in found.items():
        for (rule, mine), (other, theirs) in combinations(rules, 2):
            if _of_problems(rule) != _of_problems(other) and (
                not mine or not theirs or mine.may_join(theirs)
            ):
                said = f"{name} can't list problems and medications; use two Z-segments"
                raise RuleError(f"{rules[0][0].place}: {said}")
        for rule, _ in rules:
            wanted = "problem.codings" if _of_problems(rule) else "medication.nameCode"
            if not any(other.field == wanted for other, _ in rules):
                raise RuleError(f"{rule.place}: nothing comes of {name} without a rule for {wanted}")


def _of_problems(rule: Rule) -> bool:
    return rule.field.startswith("problem.")


def check_listeners(layers: Layers, listeners: Iterable[str] | None) -> None:
    """`for:` names listeners of the settings."""
    if listeners is None:
        return
    known = {plain(name): name for name in listeners}
    for made in layers.variants:
        wanted = made.sender.wanted.get("listener", frozenset()) if made.sender is not None else frozenset()
        for name in sorted(wanted - known.keys()):
            hint = nearest(name.lower(), known.values()) or f"; there are {', '.join(known.values())}"
            raise made.written.error("for", f"no listener '{name.lower()}'{hint}")


def check_messages(layers: Layers, events: Mapping[str, Event]) -> None:
    """A rule for messages that are not read at all does nothing: its code is a slip."""
    known = {kind.partition("^")[0] for kind in events}
    for made in (*layers.general, *layers.variants):
        only = made.body.get("only", [])
        wanted = made.sender.wanted.get("message", frozenset()) if made.sender is not None else frozenset()
        named = [("only", str(code)) for code in (only if isinstance(only, list) else [only])]
        named += [("for", kind.partition("^")[0]) for kind in sorted(wanted)]
        for key, code in named:
            if code not in known:
                hint = nearest(code, sorted(known)) or "; messages.yaml may say what they do"
                raise made.error(key, f"{key}: no messages of type '{code}' are read{hint}")


def own_sources(layers: Layers) -> dict[str, str]:
    """By field of the message: its rules with their paths, where the site's have others than the shipped one."""
    rules = [
        made for made in (*layers.general, *layers.variants) if not made.scope and not is_composed(made.body)
    ]
    elsewhere = {
        made.field for made in rules if made.base is not None and made.base.body["from"] != made.body["from"]
    }
    found = {}
    for field_name in elsewhere:
        read = [made for made in rules if made.field == field_name and not made.off]
        places = [f"{_listed(made.body['from'])} ({made.written.label})" for made in read]
        found[field_name] = " or ".join(places)
    return found


def _listed(paths: object) -> str:
    return ", ".join(map(str, paths)) if isinstance(paths, list) else str(paths)


def changes(own: Overlay, layers: Layers, shipped: Mapping[str, Table]) -> Iterable[str]:
    """What the folder changes, a line for each thing, for people."""
    for made in (*layers.general, *layers.variants, *layers.fixed):
        if not made.written.label.startswith(f"{own.label}/"):
            continue
        base = made.base.written.label if made.base is not None and made.base.scope == made.scope else ""
        does = "takes the place of" if made.off is False else "leaves out"
        what = f"{does} {base}" if base and made not in layers.fixed else f"fills {made.field}"
        whom = made.sender or made.appointments
        if whom is not None:
            what += f" for {_told(whom)}"
        yield f"{made.written.label}: {what}"
    if own.events is not None:
        yield f"{own.file_label(own.events.file)}: changes {', '.join(own.events['events'])}"
    for table in own.tables:
        kind = "new" if table.name not in shipped else "replaced" if table.name in own.replaced else "changed"
        yield f"table {table.name}: {kind}, {len(table.rows)} rows of {own.label}"
    for name, source in own.lists.items():
        yield f"{source.label}: {name.replace('_', ' ')}, {len(source.rows)} rows"


def _told(condition: Condition) -> str:
    return " and ".join(f"{name} {'/'.join(sorted(values))}" for name, values in condition.wanted.items())
