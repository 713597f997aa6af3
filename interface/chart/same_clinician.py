"""Whether two messages name the same clinician, and one of them with less than the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interface.rules.facts import Fact


def names_with_less(new: Fact, known: Fact) -> bool:
    """Whether `new` names the clinician of `known`, without the NPI or without the whole name that is known.

    The site's table may know the NPI by an id of the sender.

    He is the same by his NPI, by his name, or by an id of the same authority; never where a name or an id tells two apart.
    """
    if known.value is None or new.value is None or not ("npi" in known.value or known.ids):
        return False
    whole, part = _whole_name(known.value), _whole_name(new.value)
    if whole is None:
        return False
    if "npi" in new.value:
        return part is None and new.value["npi"] == known.value.get("npi") and _family_fits(new.value, whole)
    ours, theirs = _ids(known), _ids(new)
    common = ours.keys() & theirs.keys()
    if any(ours[authority] != theirs[authority] for authority in common if authority):
        return False
    if part is not None:
        return part == whole and ("npi" in known.value or not theirs)
    return (
        bool(common) and all(ours[name] == theirs[name] for name in common) and _family_fits(new.value, whole)
    )


_Name = tuple[str, tuple[str, ...], str]


def _whole_name(value: Mapping[str, Any]) -> _Name | None:
    """Family, given and suffix, ready to compare; None when the family or the given name is missing."""
    name = value.get("name") or {}
    family, given = name.get("family"), name.get("given")
    if not family or not given:
        return None
    return family.casefold(), tuple(entry.casefold() for entry in given), name.get("suffix", "").casefold()


def _family_fits(value: Mapping[str, Any], whole: _Name) -> bool:
    """Whether the part of a name that is there is of the whole one."""
    name = value.get("name") or {}
    family, given = name.get("family"), name.get("given")
    return (not family or family.casefold() == whole[0]) and (not given or given[0].casefold() == whole[1][0])


def _ids(fact: Fact) -> dict[str, str]:
    """His ids by the authority that gave them, upper and lower case alike; '' where the field does not say whose."""
    return {leaf.path.casefold(): str(leaf.value).casefold() for leaf in fact.ids or ()}
