"""HL7 data types as small frozen values, each read by `X.of(repetition)`; parts are without outer blanks."""

from .coded import CWE
from .dtm import DTM, parse_dtm
from .identifiers import CX, EI, HD
from .locations import PL
from .names import XCN, XPN
from .places import XAD, XTN
from .timing import TQ

__all__ = ["CWE", "CX", "DTM", "EI", "HD", "PL", "TQ", "XAD", "XCN", "XPN", "XTN", "parse_dtm"]
