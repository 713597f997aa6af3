"""The sample messages that come with the product, and whether an answer is what was written beside them by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any

from interface.hl7.batch import messages_in_file


@dataclass(frozen=True)
class Sample:
    """One sample message within its story."""

    story: str
    name: str
    """`01-registered`."""
    raw: bytes
    """As the file has it."""
    expected: Mapping[str, Any]

    @property
    def now(self) -> datetime:
        """The time at which its expectation holds."""
        return datetime.fromisoformat(self.expected["now"])

    @property
    def message(self) -> bytes:
        """The one message in the file; the file itself when it holds none."""
        found = messages_in_file(self.raw)
        return found[0] if found else self.raw


def load_samples() -> list[Sample]:
    """All samples, story by story in their order."""
    found = []
    for story in sorted(
        (f for f in resources.files("sample_messages").iterdir() if f.is_dir()), key=lambda f: f.name
    ):
        files = {entry.name: entry for entry in story.iterdir()}
        for name in sorted(name for name in files if name.endswith(".hl7")):
            stem = name.removesuffix(".hl7")
            expected = json.loads(files[f"{stem}.expected.json"].read_text("utf-8"))
            found.append(Sample(story.name, stem, files[name].read_bytes(), expected))
    return found


def differences(answer: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """In what an answer (as `explain --json` prints a message) differs from what is expected; empty: in nothing.

    Control id, type, decision and request must be equal; each expected reason, field and left-out value must be there.
    """
    return [
        *_heads(answer, expected),
        *_reasons(answer, expected),
        *_unequal(answer["request"], expected["request"], "request"),
        *_fields(answer, expected),
        *_left_out(answer, expected),
    ]


def _heads(answer: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    for key in ("control_id", "type", "decision"):
        if answer[key] != expected[key]:
            yield f"{key} is {answer[key]!r}, expected {expected[key]!r}"


def _reasons(answer: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    said = " ".join(reason["text"] for reason in answer["reasons"]).lower()
    for reason in expected.get("reasons", ()):
        if reason["text_contains"].lower() not in said:
            yield f"no reason holds {reason['text_contains']!r}"


def _unequal(got: Any, wanted: Any, where: str) -> Iterator[str]:
    if isinstance(got, dict) and isinstance(wanted, dict):
        for key in {**got, **wanted}:
            if key not in got or key not in wanted:
                yield f"{where}.{key} is {'missing' if key in wanted else 'not expected'}"
            else:
                yield from _unequal(got[key], wanted[key], f"{where}.{key}")
    elif isinstance(got, list) and isinstance(wanted, list) and len(got) == len(wanted):
        for index, (one, other) in enumerate(zip(got, wanted, strict=True)):
            yield from _unequal(one, other, f"{where}[{index}]")
    elif got != wanted:
        yield f"{where} is not as expected"


def _fields(answer: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    for wanted in expected.get("fields", ()):
        if not any(all(got[key] == wanted[key] for key in wanted) for got in answer["fields"]):
            yield f"{wanted['field']} is not from {wanted['source']}"


def _left_out(answer: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    for wanted in expected.get("left_out", ()):
        why = wanted.get("why_contains", "").lower()
        if not any(
            got["source"] == wanted["source"]
            and got["value"] == wanted["value"]
            and why in got["why"].lower()
            for got in answer["left_out"]
        ):
            yield f"{wanted['source']} is not left out as expected"
