"""Messages about a made-up patient, and the words and tables of the pages that show what became of them."""

from __future__ import annotations

import re
from typing import Any

from made_up import AIP

PERSON = "PID|1||{0}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
BOOKED = (PERSON.format("T1"), "SCH||F1|||||||||^^^202702100930", AIP)


def shown(browser: Any, address: str) -> str:
    """A page that is there, its white space plain."""
    reply = browser.get(address)
    assert reply.status == 200, reply.body
    return re.sub(r"\s+", " ", reply.body.decode())


def plain(page: str) -> str:
    """A page's words."""
    main = page[page.index("<main") :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", main))


def rows_of(page: str) -> list[tuple[str, str, str]]:
    """Field, before and after of each difference that a page shows, in its order."""
    cells = re.findall(
        r'data-label="field">(.*?)</td>.*?data-label="before">(.*?)</td>.*?data-label="after">(.*?)</td>',
        page,
    )
    return [tuple(re.sub(r"<[^>]*>", "", cell).strip() for cell in row) for row in cells]  # type: ignore[misc]
