"""The simulated API as a process of its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from prepared import PIPE, Prepared


@contextmanager
def simulated_api(*options: str) -> Iterator[tuple[Prepared, str]]:
    """The process, and the address it listens on; it is killed at the end."""
    process = Prepared([sys.executable, "-m", "interface.sandbox", "--port", "0", *options], stderr=PIPE)
    try:
        assert process.stderr is not None
        line = process.stderr.readline().decode()
        found = re.fullmatch(r"sandbox: listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert found, line
        yield process, found[1]
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
