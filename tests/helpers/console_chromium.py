"""The console in a real browser."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from console_browser import PASSWORD

CHROMIUM = Path(shutil.which("chromium") or "/usr/bin/chromium")
WITHOUT = "no chromium: apt-get install chromium has it on Debian"
SIZES = {"wide": (1280, 900), "phone": (400, 800)}
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe that a colour scheme can break."""


def sign_in(page: Any, name: str = "analyst", password: str = PASSWORD) -> None:
    page.goto("/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def trouble(page: Any) -> list[tuple[str, str]]:
    """What a person who reads the page would stumble over: that it is wider than the window, and what axe finds serious,
    its colours in the dark, too.
    """
    from axe_playwright_python.base import AXE_SCRIPT

    page.evaluate(AXE_SCRIPT)
    found = [*_serious(page), *_serious(page, rules=COLOURS, scheme="dark")]
    page.emulate_media(color_scheme="light")
    return [*found, *([] if _fits(page) else [("too-wide", page.url)])]


def _serious(page: Any, *, rules: tuple[str, ...] = (), scheme: str = "light") -> list[tuple[str, str]]:
    page.emulate_media(color_scheme=scheme)
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = page.evaluate("options => axe.run(options).then(found => found.violations)", options)
    return [
        (f"{fault['id']}, {scheme}", fault["nodes"][0]["html"])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


def _fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
