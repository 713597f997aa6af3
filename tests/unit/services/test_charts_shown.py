"""Under which key a chart stands whose number a person types."""

from __future__ import annotations

import pytest

from interface.rules import Policy
from interface.rules.site import Root, Site
from interface.services.charts_shown import key_of

ROOTS = {
    name: Root(f"mrn_roots.csv#{name}", "mrn_roots.csv:2", root)
    for name, root in (("EAST", "2.999.1.1"), ("WEST", "2.999.2"), ("2.999.77", "2.999.2"))
}


@pytest.mark.parametrize(
    ("authority", "key"),
    [
        (None, "|7"),
        ("LFC", "|7"),
        ("EAST", "|7"),
        ("west", "2.999.2|7"),
        ("2.999.77", "2.999.2|7"),
        ("2.999.2", "2.999.2|7"),
        ("elsewhere", "ELSEWHERE|7"),
    ],
)
def test_a_number_of_an_authority_with_a_root_of_its_own_stands_under_the_root(authority, key):
    policy = Policy(mrn_root="2.999.1.1", mrn_authority=("LFC",))
    assert key_of(policy, " 7 ", authority, Site(roots=ROOTS)) == key
