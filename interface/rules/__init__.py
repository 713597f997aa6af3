"""Loads, checks, compiles and runs mappings/; says where each value came from."""

from interface.rules.facts import Fact, Leaf, LeftOut, Reason
from interface.rules.policy import Policy, RequestDefaults
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
