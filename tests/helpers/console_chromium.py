"""The console in a real browser."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from console_browser import PASSWORD

CHROMIUM = Path(shutil.which("chromium") or "/usr/bin/chromium")
WITHOUT = "no chromium: apt-get install chromium has it on Debian"
SIZES = {"wide": (1280, 900), "phone": (400, 800)}
SCHEMES = ("light", "dark")


def sign_in(page: Any, name: str = "analyst", password: str = PASSWORD) -> None:
    page.goto("/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def faults(page: Any) -> list[tuple[str, str]]:
    """What axe finds serious."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        (fault["id"], fault["nodes"][0]["html"])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


def fits(page: Any) -> bool:
    """Whether nothing is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
