"""deploy/hl7-interface.service and .socket: what `install-service` writes for the example settings."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from interface.cli.unit_files import NAME, SERVICE, SOCKET, Place, needs, units
from interface.settings import load_settings

ROOT = Path(__file__).parents[2]
HOME = Path("/var/lib") / NAME
PROGRAM = f"/opt/{NAME}/bin/{NAME}"


def unit(name: str) -> str:
    """The text of the unit that has this name."""
    place = Place(HOME / f"{NAME}.toml", (PROGRAM,))
    return units(needs(load_settings(ROOT / "deploy" / "interface.example.toml"), place), place)[name]


service = partial(unit, SERVICE)
socket = partial(unit, SOCKET)
