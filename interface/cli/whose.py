"""Patients by the number a person types."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from interface.cli.common import UsageError
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.cli.asking import Site
    from interface.rules import Policy
    from interface.settings import Settings


def add_authority(parser: argparse.ArgumentParser, *, default: str = argparse.SUPPRESS) -> None:
    """Declare `--authority`."""
    parser.add_argument(
        "--authority",
        metavar="NAME",
        default=default or None,
        help="whose number it is (PID-3.4), where it is not the site's own",
    )


def key_asked_for(args: argparse.Namespace, settings: Settings) -> str | None:
    """The identity key of `--mrn` and `--authority`; None: no number was given. Raises UsageError."""
    if args.mrn is None:
        if args.authority:  # alone it would narrow nothing
            raise UsageError("--authority says whose number --mrn is: give --mrn, too")
        return None
    from interface.services.charts_shown import key_of

    if not args.authority:
        return key_of(settings.policy(), args.mrn, None)
    return key_of(settings.policy(), args.mrn, args.authority, settings.rulebook().site)


def patient_of(site: Site, mrn: str, authority: str | None) -> int:
    """The patient with this number. Raises InterfaceError when nobody has it."""
    from interface.services.charts_shown import key_of

    key = key_of(site.engine.policy, mrn, authority, site.engine.book.site)
    found = site.store.patients.owners((key,))
    if key not in found:
        raise InterfaceError(nobody(site.engine.policy, authority))
    return found[key]


def nobody(policy: Policy, authority: str | None) -> str:
    """What is said of a number that nobody has; the number itself is patient data."""
    if authority:
        return f"no patient has this number of authority {authority}"
    if policy.mrn_authority:
        return "no patient has this number of the site's own authority; --authority names another"
    return (
        "no patient has this number without an authority; site.mrn_authority is not set: "
        "give --authority as PID-3.4 has it"
    )
