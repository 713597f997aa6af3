"""Names that a site's tables and filters know: of clinics and kinds of appointment, with all a message says of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec.structs import replace

from interface.hl7.message import Repetition
from interface.rules.context import Context, clean_text, visible
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.site import Site
from interface.rules.types.base import Reader, Spec, TypeMaker, Value, first_valid, one, recurring
from interface.rules.types.values import hd_name

_BLANKED = "forbidden characters became blanks"
_MOST = 32
"""Names kept of one message; more are no names of one appointment."""


def named(spec: Spec) -> Reader:
    """The first text; all of them go along as `ids`, for the site's tables, and those of `also:`.

    `clean: true`: as clean text. An OID is no name, it only goes along. The sender's own name (MSH) stands in only where no
    message has given another.
    """
    spec.options("clean", "also")
    paths, also, rule, clean = spec.paths, spec.path_list("also"), spec.name, spec.flag("clean")

    def convert(_: Context, path: Path, repetition: Repetition) -> Value | None:
        sent = hd_name(path, repetition)
        text = clean_text(sent) if clean else visible(sent)
        if not text:
            return None
        source = path.source(repetition)
        return one(text, source) if text == sent else one(text, source, f"{source}: {_BLANKED}")

    first = first_valid(spec, convert)

    def read(context: Context, scope: Scope) -> Fact | None:
        found = first(context, scope)
        if found is not None and found.leaves and _is_senders(found.leaves[0]):
            found = replace(found, weak=True)
        ids = _names(context, (*paths, *also), scope)
        if found is None and ids:  # an OID alone: the table may know it
            return Fact(None, (), rule, context.at, context.control_id, ids=ids)
        return replace(found, ids=ids) if found is not None and ids else found

    return recurring(read)


Part = Literal["name", "npi"]
"""Of a location in the site's table."""


def located(site: Site, ids: Iterable[Leaf], part: Part) -> Leaf | None:
    """The name or NPI that the site's table of locations has for one of these names, as far as they stand in the first
    field that holds one it knows: what two locations are called and numbered makes no clinic.
    """
    field = ""
    for leaf in ids:
        row = site.location((str(leaf.value),))
        if row is None:
            continue
        field = field or leaf.source.partition(".")[0]
        if leaf.source.partition(".")[0] == field and (value := getattr(row, part)):
            return Leaf("", value, leaf.source, row.rule)
    return None


def location_npi(spec: Spec) -> Reader:
    """The NPI that the site's table of locations has for the first of these that it knows, or for another name in the same
    field; none of another location.
    """
    spec.options()
    paths, rule = spec.paths, spec.name

    def read(context: Context, scope: Scope) -> Fact | None:
        if not context.site.locations:
            return None
        ids = _names(context, paths, scope)
        leaf = located(context.site, ids, "npi")
        if leaf is None:
            return None
        weak = _is_senders(ids[0])
        return Fact(leaf.value, (leaf,), rule, context.at, context.control_id, weak=weak, ids=ids)

    return read


def _is_senders(name: Leaf) -> bool:
    """Whether it only says who sent the message, which stands in all of them, and comes last."""
    return name.source.startswith("MSH-")


def _names(context: Context, paths: tuple[Path, ...], scope: Scope) -> tuple[Leaf, ...]:
    """Every name at these paths with its source. Of an HD (PL.4) the namespace, then the OID."""
    found: dict[str, Leaf] = {}
    separator = context.message.delimiters.subcomponent or "&"
    for path in paths:
        for repetition in path.repetitions(scope):
            text, oid = path.text(repetition), ""
            if separator in text and path.component and not path.subcomponent:
                text, oid = hd_name(path, repetition), repetition.sub(path.component, 2).strip()
            if text and text not in found:
                found[text] = Leaf("", text, path.source(repetition))
            if oid and oid not in found:
                found[oid] = Leaf("", oid, repetition.at(path.component, 2))
    return tuple(found.values())[:_MOST]


TYPES: dict[str, TypeMaker] = {"named": named, "location_npi": location_npi}
