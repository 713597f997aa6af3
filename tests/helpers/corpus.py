"""Real-world messages. They are in a folder beside the repository that is no part of it; without it tests are skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from interface.hl7.batch import messages_in_file

CORPUS = Path(os.environ.get("HL7_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")
FILES = sorted(CORPUS.glob("*/*.hl7"))

needs_corpus = pytest.mark.skipif(
    not FILES, reason=f"no corpus of real-world messages at {CORPUS.name} (set HL7_CORPUS)"
)


def messages() -> Iterator[tuple[str, bytes]]:
    """Every message, named `FOLDER/FILE#NUMBER`; a file without one is one message, as it is."""
    for file in FILES:
        data = file.read_bytes()
        for number, message in enumerate(messages_in_file(data) or [data]):
            yield f"{file.parent.name}/{file.name}#{number}", message
