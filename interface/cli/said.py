"""What the work says, as lines for the person in front of a command that does its part itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Said(logging.Handler):
    """Warnings and errors of the work as lines; they hold no patient data."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Say one."""
        self._say(record.getMessage())


@contextmanager
def work_says(say: Callable[[str], None]) -> Iterator[None]:
    """Meanwhile `say` gets each warning and error."""
    handler, logger = _Said(say), logging.getLogger("interface")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
