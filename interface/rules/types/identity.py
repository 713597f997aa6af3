"""Numbers that say whose chart something is in: those a merge retires, and what is left of an appointment."""

from __future__ import annotations

from collections.abc import Sequence

from interface.rules.context import Context, deleted_fact, no_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.types.base import Reader, Spec, TypeMaker, is_deleted
from interface.rules.types.patient import (
    Number,
    key_authority,
    number_types,
    numbers_of,
    other_kind,
    own_authorities,
)


def prior_mrns(spec: Spec) -> Reader:
    """MRG-1, else MRG-4: the medical record numbers that are retired, as `[{"extension": …, "authority": …, "by": …}, …]`.

    `authority` is as in identity keys, empty for the site's own, `by` what the number names, empty where it names none.
    With `site.mrn_authority` all of that authority; without it those of type MR, else the only one that is not another
    kind of number. Several in question: no value, said (HL7 v2, chapter 3, MRG).
    """
    spec.options("own_types", "first_types", "other_types")
    other, rule, paths = spec.needed_table("other_types"), spec.name, spec.paths
    own, first = number_types(spec, "own_types", other), number_types(spec, "first_types", other)

    def choose(found: list[Number], authorities: Sequence[str]) -> list[Number]:
        if authorities:
            mine = [entry for entry in found if entry.kind in own]
            return [entry for entry in mine if entry.of(authorities)] or [e for e in mine if e.bare]
        return [e for e in found if e.kind in first] or [e for e in found if not other_kind(other, e.kind)]

    def read(context: Context, scope: Scope) -> Fact | None:
        authorities = own_authorities(context)
        why = ""
        for path in paths:
            found = numbers_of(path, scope, context.mrn_form)
            chosen = choose(found, authorities)
            if found and not chosen:
                why = why or f"{path} has no number that could be the MRN"
            if len({(e.number, e.given_by) for e in chosen}) > 1 and not authorities:
                return no_fact(
                    rule,
                    context,
                    f"{path} has several numbers that could be the MRN; set site.mrn_authority to yours",
                )
            if chosen:
                return _fact(rule, context, path, chosen)
        return no_fact(rule, context, why) if why else None

    return read


def _fact(rule: str, context: Context, path: Path, chosen: list[Number]) -> Fact:
    if not all(entry.number.isprintable() for entry in chosen):
        return no_fact(rule, context, f"{path} holds a control character; the sender must mend it")
    value = [
        {"extension": e.number, "authority": key_authority(e, context), "by": e.given_by} for e in chosen
    ]
    leaves = tuple(Leaf(f"[{n}]", e.number, e.repetition.at(1)) for n, e in enumerate(chosen))
    return Fact(value, leaves, rule, context.at, context.control_id)


def resources(spec: Spec) -> Reader:
    """The resources of an appointment (AIS, AIG, AIP, AIL): `{"there": […], "gone": […]}`, each `AIP:1234`.

    Gone is what its segment action code (table 0206), or that of its group (RGS-2), says is deleted.
    """
    spec.options()
    paths, rule = spec.paths, spec.name

    def read(context: Context, scope: Scope) -> Fact | None:
        there: list[str] = []
        gone: list[str] = []
        for path in paths:
            for segment in scope.all(path.segment):
                code, text = segment.text(path.field).strip(), segment.text(path.field, 2).strip()
                name = f"{path.segment}:{code or text}"
                (gone if is_deleted(segment, context) else there).append(name)
        if not there and not gone:
            return None
        value = {"there": there, "gone": [name for name in gone if name not in there]}
        return Fact(value, (), rule, context.at, context.control_id)

    return read


def restrictions(spec: Spec) -> Reader:
    """What protects a person (ARV-3, its code or text): `{"there": […], "gone": […]}`; gone is what ARV-2 (table 0206)
    says is deleted. HL7 null deletes all.
    """
    spec.options()
    paths, rule = spec.paths, spec.name

    def read(context: Context, scope: Scope) -> Fact | None:
        there: list[str] = []
        gone: list[str] = []
        leaves: list[Leaf] = []
        deleted = ""
        for path in paths:
            for segment in scope.all(path.segment):
                for entry in segment.reps(path.field):
                    code = entry.component(1).strip() or entry.component(2).strip()
                    if segment.text(2).strip().upper() == "D":
                        gone += [code] if code else []
                    elif code:
                        there.append(code)
                        leaves.append(Leaf(f"[{len(leaves)}]", code, entry.at(1)))
                    elif entry.null_component(1):
                        deleted = deleted or path.source(entry)
        if there or gone:
            value = {"there": there, "gone": gone}
            return Fact(value, tuple(leaves), rule, context.at, context.control_id)
        return deleted_fact(rule, context, deleted) if deleted else None

    return read


TYPES: dict[str, TypeMaker] = {
    "prior_mrns": prior_mrns,
    "resources": resources,
    "restrictions": restrictions,
}
