"""Data types that need more than their components: times (DTM).

The others (CX, XPN, XCN, XAD, XTN, CWE, PL, TQ) are read component by component in `interface/rules/types/`, where each
part keeps its source; as values of their own they took two to three times as long and lost it.
"""

from .dtm import DTM, parse_dtm

__all__ = ["DTM", "parse_dtm"]
