"""Texts as every database takes them: what one of them refuses must keep nothing else out of its transaction."""

from __future__ import annotations


def clear(text: str) -> str:
    """A text of others for a column in the clear: no NUL, no half of a character."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")
