"""Trying whatever hypothesis thinks of: for `FUZZ_SECONDS`, with other dice each time; else for some, with the same."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

GIVEN = os.environ.get("FUZZ_SECONDS")
SECONDS = float(GIVEN or "10")
EACH = 50
"""Cases of one round."""
LIMIT = 3 * SECONDS + 200
"""Seconds that such a test may take on a busy machine."""


def try_for_a_while(check: Callable[..., None], *strategies: Any) -> int:
    """Call `check` with what the strategies give until the time is over; how many rounds it took. A case that fails is not
    made smaller, which would take minutes.
    """
    over = time.monotonic() + SECONDS
    begins = secrets.randbelow(1 << 32) if GIVEN else 0
    for number in count():
        if time.monotonic() >= over:
            return number
        chosen = settings(
            max_examples=EACH,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),
            report_multiple_bugs=False,
        )
        chosen(seed(begins + number)(given(*strategies)(check)))()
    return 0
