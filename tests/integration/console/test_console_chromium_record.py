"""A message and a request in a real browser: found, read, their sources lit."""

from __future__ import annotations
