"""Pieces of made-up messages, and of an API's answers, that many tests use."""

from __future__ import annotations

AIP = "AIP|1||1234567893^Quill^Avery^^^^^^NPI"
DG1 = "DG1|1||E11.9^Diabetes^I10"
