"""Writes what is made from the code, by `python docs/generate.py`; a test says when something of it is stale."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))  # the pages' modules stand beside this file

from pages import (  # noqa: E402
    acks,
    alerts,
    commands,
    deployment,
    mapping,
    metrics,
    names,
    screens,
    settings,
    verdicts,
    webhooks,
)

PAGES = {
    "acks.md": acks.page,
    "alerts.md": alerts.page,
    "../deploy/alerts.rules.yml": alerts.rules,
    "verdicts.md": verdicts.page,
    "mapping.md": mapping.page,
    "settings.md": settings.page,
    "commands.md": commands.page,
    "webhooks.md": webhooks.page,
    "engine-mirth.svg": screens.mirth,
    "engine-rhapsody.svg": screens.rhapsody,
    "metrics.md": metrics.page,
    "../interface/hl7/data/names.txt": names.page,
    "../deploy/hl7-interface.service": deployment.service,
    "../deploy/hl7-interface.socket": deployment.socket,
}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
