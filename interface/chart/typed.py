"""A patient's number as a person types it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interface.rules import Policy


def key_of(policy: Policy, mrn: str, authority: str | None) -> str:
    """The identity key that charts hold for a number; the site's own authority is empty."""
    from interface.chart import apart  # brings the rules: only for those who ask
    from interface.rules.tables import normal

    if authority == apart.AUTHORITY:
        return apart.key_of(mrn.strip())
    own = {normal(name) for name in policy.mrn_authority}
    named = normal(authority or "")
    return f"{'' if named in own else named}|{mrn.strip()}"
