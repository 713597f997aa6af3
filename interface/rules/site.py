"""The lists of a site's overlay folder: its clinicians, locations, roots of numbers, what it withholds, who opted out.

Values and look-ups only; `site_files` reads and checks the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from interface.rules.conditions import plain
from interface.rules.tables import normal


@dataclass(frozen=True)
class Row:
    """Where an entry stands, for provenance."""

    rule: str
    """`site-mappings/providers.csv#D42`."""
    place: str
    """`providers.csv:3`."""


@dataclass(frozen=True)
class Provider(Row):
    """`providers.csv`: a local id of a clinician."""

    npi: str
    family: str = ""
    given: tuple[str, ...] = ()
    authority: str = ""
    """Who gave the id, ready to compare; empty: whoever."""


@dataclass(frozen=True)
class Location(Row):
    """`locations.csv`: a location as sent."""

    name: str = ""
    npi: str = ""


@dataclass(frozen=True)
class Root(Row):
    """`mrn_roots.csv`: the root of an authority's numbers."""

    root: str


@dataclass(frozen=True)
class Withheld(Row):
    """`withhold.csv`: a code, or the beginning of codes."""

    reason: str = ""


def bare_code(code: str) -> str:
    """A code as the withhold list compares it: upper case, without dots, dashes and blanks."""
    return code.upper().replace(".", "").replace("-", "").replace(" ", "")


@dataclass(frozen=True)
class Site:
    """What the overlay's lists say. Without an overlay all are empty."""

    providers: Mapping[str, tuple[Provider, ...]] = field(default_factory=dict)
    """By normalised id."""
    locations: Mapping[str, Location] = field(default_factory=dict)
    roots: Mapping[str, Root] = field(default_factory=dict)
    """By authority, namespace or OID, in the order of the file."""
    withheld: Mapping[tuple[str, str], Withheld] = field(default_factory=dict)
    """By system (empty: any) and code."""
    withheld_prefixes: Mapping[tuple[str, str], Withheld] = field(default_factory=dict)
    opted_out: Mapping[str, tuple[tuple[str, Row], ...]] = field(default_factory=dict)
    """By number: the authorities it counts for (empty: any)."""

    def providers_of(self, number: str) -> tuple[Provider, ...]:
        """The rows with that id, of whichever authority."""
        return self.providers.get(normal(number), ()) if number and self.providers else ()

    def provider(self, number: str, authorities: Iterable[str] = ()) -> Provider | None:
        """The clinician with that id: of one of these authorities, else of the row that names none."""
        rows = self.providers_of(number)
        if not rows:
            return None
        named = {plain(name) for name in authorities if name}
        for row in rows:
            if row.authority and row.authority in named:
                return row
        return next((row for row in rows if not row.authority), None)

    def location(self, names: Iterable[str]) -> Location | None:
        """The first of these that the table knows."""
        if not self.locations:
            return None
        return next((found for name in names if (found := self.locations.get(plain(name)))), None)

    def root(self, authorities: Iterable[str]) -> Root | None:
        """The root of a number given by one of these authorities."""
        if not self.roots:
            return None
        return next((found for name in authorities if (found := self.roots.get(plain(name)))), None)

    def withholds(self, system: str, code: str) -> Withheld | None:
        """The row that keeps a code out of requests. `system`: ICD10, ICD9, SNOMED, or a key of `drug_systems`."""
        if not self.withheld and not self.withheld_prefixes:
            return None
        wanted = bare_code(code)
        for name in (system, ""):
            if found := self.withheld.get((name, wanted)):
                return found
            for length in self.lengths:
                if found := self.withheld_prefixes.get((name, wanted[:length])):
                    return found
        return None

    @property
    def withholds_any(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.withheld or self.withheld_prefixes)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Of the prefixes: one look-up for each length, however many there are."""
        return tuple(sorted({len(prefix) for _, prefix in self.withheld_prefixes}))

    def opted(self, number: str, authorities: Iterable[str] = ()) -> Row | None:
        """The row by which the patient with that number wants nothing requested."""
        rows = self.opted_out.get(normal(number)) if number and self.opted_out else None
        if not rows:
            return None
        named = {plain(name) for name in authorities if name}
        return next((row for authority, row in rows if not authority or authority in named), None)


NOTHING = Site()
