"""What is on, and what there is to say: a value that each look turns into the next one, and that outlives the process.

For each alert and scope begin and end take turns, whatever the looks say and wherever a restart comes between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeGuard

from interface.alerting.conditions import Condition
from interface.alerting.facts import Limits
from interface.alerting.kinds import BY_CODE, Level

Key = tuple[str, str]
"""Code and scope."""
What = Literal["begins", "ends", "goes-on"]
EDGES: tuple[What, ...] = ("begins", "ends", "goes-on")
UNWATCHED = "it is no longer watched: the settings have changed"
MOST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Edge:
    """Something to say."""

    what: What
    """`goes-on`: a reminder."""
    code: str
    scope: str
    at: float
    """POSIX seconds."""
    since: float
    """When it began to hold."""
    text: str

    @property
    def level(self) -> Level:
        """How urgent it is."""
        return BY_CODE[self.code].level


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an alert that holds, or did a moment ago."""

    since: float
    """When it began to hold."""
    said: float | None = None
    """When it was said, or said again; None: not yet, it has to hold for a while first."""
    well: float | None = None
    """Since when it is over, which is not said yet."""
    text: str = ""
    covered: bool = False
    """It held while its cause did: it gets time to pass by itself once the cause is over."""


@dataclass(frozen=True, slots=True)
class Alerts:
    """All that holds."""

    standing: Mapping[Key, Standing] = field(default_factory=dict)

    @property
    def on(self) -> dict[Key, Standing]:
        """What was said to have begun, and not to have ended."""
        return {key: standing for key, standing in self.standing.items() if standing.said is not None}

    def after(
        self, found: Iterable[Condition], limits: Limits, now: float, also: Iterable[str] = ()
    ) -> tuple[Alerts, tuple[Edge, ...]]:
        """What holds after one more look, and what there is to say of it.

        `also`: codes that hold and are kept elsewhere: what they cover does not begin.
        """
        cases = {(one.code, one.scope): one for one in found}
        covered = _covered(self.standing, cases, also)
        standing: dict[Key, Standing] = {}
        edges: list[Edge] = []
        for key, case in cases.items():
            kept, edge = _next(self.standing.get(key), case, limits, now, covered=key[0] in covered)
            if kept is not None:
                standing[key] = kept
            if edge is not None:
                edges.append(edge)
        for (code, scope), left in self.standing.items():
            if (code, scope) not in cases and left.said is not None:
                edges.append(Edge("ends", code, scope, now, min(left.since, now), UNWATCHED))
        return Alerts(standing), tuple(edges)

    def kept(self) -> list[dict[str, Any]]:
        """As JSON values."""
        return [
            {"code": code, "scope": scope, **{name: getattr(one, name) for name in Standing.__slots__}}
            for (code, scope), one in self.standing.items()
        ]

    @staticmethod
    def restored(told: object) -> Alerts:
        """What `kept` gave. Whatever is not understood is as if it had never been."""
        standing: dict[Key, Standing] = {}
        for row in told if isinstance(told, list) else ():
            if not isinstance(row, dict) or row.get("code") not in BY_CODE:
                continue
            since, said, well = (row.get(name) for name in ("since", "said", "well"))
            if not is_time(since):
                continue
            standing[row["code"], str(row.get("scope", ""))] = Standing(
                float(since),
                float(said) if is_time(said) else None,
                float(well) if is_time(well) else None,
                str(row.get("text", ""))[:MOST_TEXT],
                row.get("covered") is True,
            )
        return Alerts(standing)


def is_time(value: object) -> TypeGuard[float]:
    """Whether it is a number of seconds."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _covered(
    standing: Mapping[Key, Standing], cases: Mapping[Key, Condition], also: Iterable[str]
) -> set[str]:
    """The codes that do not begin, for what they follow from holds: said or not yet, or not yet said to be over."""
    holding = {code for (code, _), case in cases.items() if case.case == "bad"}
    for key, case in cases.items():
        before = standing.get(key)
        if before is not None and not before.covered and (case.case == "between" or before.said is not None):
            holding.add(key[0])
    return {code for cause in (*holding, *also) for code in BY_CODE[cause].covers}


def _next(
    before: Standing | None, case: Condition, limits: Limits, now: float, *, covered: bool
) -> tuple[Standing | None, Edge | None]:
    """One alert after one more look."""
    if before is None or before.said is None:
        return _not_said(before, case, limits, now, covered=covered)
    if case.case == "good":
        return _getting_well(before, case, limits, now)
    since = min(before.since, now)  # a clock that was set back
    text = case.text[:MOST_TEXT] if case.text and case.case == "bad" else before.text
    said = min(before.said, now)
    kept = replace(before, since=since, said=said, text=text)
    if case.case == "bad":
        kept = replace(kept, well=None)
    if limits.repeat and kept.well is None and now - said >= limits.repeat:
        return replace(kept, said=now), Edge("goes-on", case.code, case.scope, now, since, kept.text)
    return kept, None


def _not_said(
    before: Standing | None, case: Condition, limits: Limits, now: float, *, covered: bool
) -> tuple[Standing | None, Edge | None]:
    if case.case == "good" or (before is None and case.case != "bad"):
        return None, None
    text = case.text[:MOST_TEXT] or (before.text if before else "")
    if covered:
        return Standing(now, text=text, covered=True), None
    since = now if before is None else min(before.since, now)
    was_covered = before is not None and before.covered
    wait = limits.grace if was_covered else limits.hold if BY_CODE[case.code].holds else 0.0
    if now - since < wait:
        return Standing(since, text=text, covered=was_covered), None
    return Standing(since, said=now, text=text), Edge("begins", case.code, case.scope, now, since, text)


def _getting_well(
    before: Standing, case: Condition, limits: Limits, now: float
) -> tuple[Standing | None, Edge | None]:
    well = now if before.well is None else min(before.well, now)
    if BY_CODE[case.code].settles and now - well < limits.settle:
        return replace(before, well=well), None
    return None, Edge("ends", case.code, case.scope, now, min(before.since, now), before.text)
