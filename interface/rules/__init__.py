"""Loads, checks, compiles and runs mappings/; says where each value came from."""

from typing import TYPE_CHECKING, Any

from interface.rules.facts import Fact, Leaf, LeftOut, Reason
from interface.rules.policy import Policy, RequestDefaults

if TYPE_CHECKING:
    from interface.rules.reading import Reading, read_message
    from interface.rules.rulebook import Rulebook, load_rulebook
    from interface.rules.source import RuleError

__all__ = [
    "Fact",
    "Leaf",
    "LeftOut",
    "Policy",
    "Reading",
    "Reason",
    "RequestDefaults",
    "RuleError",
    "Rulebook",
    "load_rulebook",
    "read_message",
]

_READ_MAPPINGS = {
    "Reading": "reading",
    "RuleError": "source",
    "Rulebook": "rulebook",
    "load_rulebook": "rulebook",
    "read_message": "reading",
}
"""The names whose modules are imported when they are first asked for: the door, and most commands, know facts and policies
and read no mapping (100 ms of a start, 6 MB).
"""


def __getattr__(name: str) -> Any:
    if name not in _READ_MAPPINGS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_READ_MAPPINGS[name]}"), name)
