"""What all tests share: the modules in `helpers/` are found by their names; the program starts from compiled files."""

import compileall
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "helpers"))

PROGRAM = ("interface", "mappings", "sample_messages")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the program once, as its installation does: many tests start it, and each would compile it anew."""
    if not hasattr(session.config, "workerinput"):  # side by side: not once more in each process
        for name in PROGRAM:
            compileall.compile_dir(HERE.parent / name, quiet=2)
