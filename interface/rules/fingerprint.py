"""What decides under which key a patient's chart stands, as short digests: they tell whether any of it has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from interface.rules.compiling import Rule
from interface.rules.conditions import plain
from interface.rules.policy import Policy
from interface.rules.rulebook import MRN, Rulebook

_FIELDS = (MRN, "merge.prior")
"""What the rules fill that read the numbers of patients."""
_DIGEST_BYTES = 8


def identity_fingerprint(book: Rulebook, policy: Policy) -> dict[str, str]:
    """A digest for each thing that a person may change, by the name under which he knows it.

    Equal where the same messages lead to the same keys, however files and rules are called. No patient data.
    """
    roots = [(authority, row.root) for authority, row in book.site.roots.items()]
    return {
        "site.mrn_authority": _digest([plain(name) for name in policy.mrn_authority]),
        "mrn_roots.csv": _digest([policy.mrn_root, roots] if roots else []),
        "the rules of the MRN": _digest(list(_rules(book))),
    }


def _rules(book: Rulebook) -> Iterable[Any]:
    for scope, rules in book.scopes.items():
        yield from ([scope, _written(book, rule)] for rule in rules if rule.field in _FIELDS)
    for variant in book.variants:
        if variant.field in _FIELDS:
            fits = {name: sorted(words) for name, words in variant.condition.wanted.items()}
            yield [variant.scope, variant.field, fits, variant.rule and _written(book, variant.rule)]


def _written(book: Rulebook, rule: Rule) -> list[Any]:
    """A rule's options, and the rows of the tables that it names."""
    options = {key: value for key, value in rule.body.items() if key != "about"}
    named = sorted({value for value in options.values() if isinstance(value, str) and value in book.tables})
    return [rule.field, options, [_rows(book.tables[name].rows) for name in named]]


def _rows(rows: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(rows.items())


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
