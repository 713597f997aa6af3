"""Completeness and sharing in words, for people; no values of patients."""

from __future__ import annotations

from collections.abc import Mapping

from interface.chart.reciprocity import REASONS
from interface.evidence.completeness import Completeness, Share, one_as_json

WHAT = {"problems": ("problem", "problems"), "orders": ("order", "orders")}


def number(count: int, kind: str) -> str:
    """`1 problem`, `2 orders`."""
    return f"{count} {WHAT[kind][count != 1]}"


def filled_line(found: Completeness) -> str:
    """How much of the contract one request fills."""
    told = one_as_json(found) or {}
    required, optional = told["required"], told["optional"]
    medications = f"{found.medications} medication{'' if found.medications == 1 else 's'}"
    lacking = f" (not {', '.join(found.lacking)})" if found.lacking else ""
    return (
        f"{required['filled']} of {required['of']} required fields{lacking}, {optional['filled']} of {optional['of']} "
        f"optional ones; {number(found.problems, 'problems')}, {medications}"
    )


def shared_line(found: Completeness) -> str:
    """Whether one request has all that was known when it was composed."""
    if found.shared is None:
        return "not noted: it was composed by an older program"
    return "; ".join(_kind(kind, share) for kind, share in found.shared.items())


def _kind(kind: str, share: Share) -> str:
    if not share.known:
        return f"no {WHAT[kind][1]} known"
    if share.sent == share.known:
        return f"all of {number(share.known, kind)} known"
    why = reasons_text(share.left_out)
    missing = f"; {share.missing} MISSING for no reason" if share.missing else ""
    return f"{share.sent} of {number(share.known, kind)} known{f' ({why})' if why else ''}{missing}"


def reasons_text(left_out: Mapping[str, int]) -> str:
    """`2 the site's withhold list keeps it back`: what was left out and why, in one line."""
    return "; ".join(f"{count}: {REASONS.get(code, code)}" for code, count in sorted(left_out.items()))


def percent(part: int, of: int) -> str:
    """A share as whole percent: never 100 unless all, never 0 unless none."""
    if not of:
        return "–"
    if part in (0, of):
        return f"{100 * part // of} %"
    return f"{min(99, max(1, round(100 * part / of)))} %"


def bar(part: int, of: int, width: int = 20) -> str:
    """A share as a bar of that many characters."""
    full = 0 if not of else width if part == of else min(width - 1, round(width * part / of))
    return "█" * full + "·" * (width - full)
