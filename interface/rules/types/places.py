"""Names that a site's tables and filters know: of clinics and kinds of appointment, with all a message says of them."""

from __future__ import annotations

from interface.rules.context import Context, clean_text, deleted_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.types.base import Reader, Spec, TypeMaker
from interface.rules.types.values import hd_name

_MOST = 32
"""Names kept of one message; more are no names of one appointment."""


def named(spec: Spec) -> Reader:
    """The first text; all of them go along as `ids`, for the site's tables, and those of `also:`.

    `clean: true`: as clean text. An OID is no name, it only goes along.
    """
    spec.options("clean", "also")
    paths, also, rule, clean = spec.paths, spec.path_list("also"), spec.name, spec.flag("clean")

    def read(context: Context, scope: Scope) -> Fact | None:
        ids, deleted = _names(paths, scope)
        for leaf in ids:
            sent = str(leaf.value)
            value = clean_text(sent) if clean else sent
            if leaf.path or not value:
                continue
            said = () if value == sent else (f"{leaf.source}: forbidden characters became blanks",)
            every = (*ids, *_names(also, scope)[0]) if also else ids
            return Fact(
                value, (Leaf("", value, leaf.source),), rule, context.at, context.control_id, said, ids=every
            )
        every = (*ids, *_names(also, scope)[0])
        if every:  # an OID alone: the table may know it
            return Fact(None, (), rule, context.at, context.control_id, ids=every)
        return deleted_fact(rule, context, deleted) if deleted else None

    return read


def location_npi(spec: Spec) -> Reader:
    """The NPI that the site's table of locations has for the first of these that it knows with one."""
    spec.options()
    paths, rule = spec.paths, spec.name

    def read(context: Context, scope: Scope) -> Fact | None:
        if not context.site.locations:
            return None
        ids, _ = _names(paths, scope)
        for leaf in ids:
            row = context.site.location((str(leaf.value),))
            if row is not None and row.npi:
                leaves = (Leaf("", row.npi, leaf.source, row.rule),)
                return Fact(row.npi, leaves, rule, context.at, context.control_id, ids=ids)
        return None

    return read


def _names(paths: tuple[Path, ...], scope: Scope) -> tuple[tuple[Leaf, ...], str]:
    """Every name at these paths with its source, and where HL7 null stands. Of an HD the namespace, then the OID."""
    found: dict[str, Leaf] = {}
    deleted = ""
    for path in paths:
        for repetition in path.repetitions(scope):
            if repetition.is_null:
                deleted = deleted or path.source(repetition)
                continue
            text = hd_name(path, repetition)
            if text:
                found.setdefault(text, Leaf("", text, path.source(repetition)))
            if (
                path.component
                and not path.subcomponent
                and (oid := repetition.sub(path.component, 2).strip())
            ):
                found.setdefault(oid, Leaf("oid", oid, repetition.at(path.component, 2)))
    return tuple(found.values())[:_MOST], deleted


TYPES: dict[str, TypeMaker] = {"named": named, "location_npi": location_npi}
