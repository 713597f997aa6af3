"""A clinician whom the site's table (`providers.csv`) knows: local id to NPI, and the name where a field has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interface.rules.facts import Leaf
from interface.rules.site import Provider, Site


def _first_row(site: Site, ids: Sequence[Leaf]) -> tuple[Provider, Leaf] | None:
    """The row for the first of these ids that the table knows, and the id."""
    if not site.providers:
        return None
    alike: dict[str, list[Leaf]] = {}
    for leaf in ids:
        alike.setdefault(str(leaf.value), []).append(leaf)
    for number, same in alike.items():
        row = site.provider(number, [leaf.path for leaf in same])
        if row is not None:
            return row, same[0]
    return None


def by_table(site: Site, name: Mapping[str, Any], ids: Sequence[Leaf]) -> tuple[Provider, Leaf] | None:
    """The row for the first of these ids that the table knows, and the id.

    None also where the message names another family: an id that was given away twice makes nobody somebody else.
    """
    found = _first_row(site, ids)
    return found if found is not None and _agrees(found[0], name) else None


def passed_over(site: Site, name: Mapping[str, Any], ids: Sequence[Leaf]) -> str:
    """Which row with one of these ids is not taken, and why; empty: there is none."""
    found = _first_row(site, ids)
    if found is not None:
        return "" if _agrees(found[0], name) else f"{found[0].place} has another family name for this id"
    row = next((rows[0] for leaf in ids if (rows := site.providers_of(str(leaf.value)))), None)
    return (
        f"{row.place} has this id of an authority that the message does not name" if row is not None else ""
    )


def _agrees(row: Provider, name: Mapping[str, Any]) -> bool:
    sent = str(name.get("family", ""))
    if not sent or not row.family:
        return True
    return not _words(row.family).isdisjoint(_words(sent)) or _letters(row.family) == _letters(sent)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()


def _words(name: str) -> set[str]:
    return {_letters(word) for word in name.replace("-", " ").split()} - {""}


def completed(
    name: Mapping[str, Any], leaves: Sequence[Leaf], row: Provider, source: str
) -> tuple[dict[str, Any], tuple[Leaf, ...]]:
    """The contract's Provider of a name and a row: the row's NPI, its names where the field has none."""
    whole = dict(name)
    found = [Leaf(".npi", row.npi, source, row.rule)]
    found += [Leaf(f".name{leaf.path}", leaf.value, leaf.source, leaf.rule) for leaf in leaves]
    if row.family and not whole.get("family"):
        whole["family"] = row.family
        found.append(Leaf(".name.family", row.family, source, row.rule))
    if row.given and not whole.get("given"):
        whole["given"] = list(row.given)
        found += [Leaf(f".name.given[{n}]", text, source, row.rule) for n, text in enumerate(row.given)]
    value: dict[str, Any] = {"npi": row.npi}
    return (value | {"name": whole} if whole else value), tuple(found)
