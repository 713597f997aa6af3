"""The sentences that the code says to people, read off its source: what `explain` prints is what the page quotes.

A sentence is a text of several words in a function; where the code puts a value, the page has a word in italics.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from types import ModuleType
from typing import Any

_OURS = "interface.rules"
_FOR_AUTHORS = frozenset(f"{_OURS}.{name}" for name in ("paths", "source", "tables", "rulebook"))
"""Modules whose sentences are for those who write mappings."""
_NOT_SAID = frozenset(("error", "fail", "RuleError", "compile", "check_keys"))
"""Calls whose texts go to whoever writes a mapping, or are no texts."""

_PLACES = (
    (re.compile(r"\bat\(|source|path|repetition|^(?:part|family)\[1\]$"), "field"),
    (re.compile(r"(?:table|systems|units)\.name$"), "table"),
    (re.compile(r"^len\("), "n"),
)
"""What stands in a sentence, by the expression that the code has there; else the expression's last name."""
_LOWER = re.compile(r"(?<![\w-])[a-z]{2,}(?![\w-])")


@dataclass
class Said:
    """What a function, and what it calls, may say."""

    notes: list[str] = field(default_factory=list)
    """Of values that are taken: repaired or assumed."""
    reasons: list[str] = field(default_factory=list)
    """Of values that are not: left out, or none."""

    def add(self, sentence: str, *, note: bool) -> None:
        """Take a sentence once."""
        kept = self.notes if note else self.reasons
        if sentence not in kept:
            kept.append(sentence)


def said_by(function: Callable[..., Any]) -> Said:
    """The sentences of a rule type."""
    said = Said()
    module = sys.modules[function.__module__]
    _visit(module, function.__name__, said, set())
    return said


def reasons_in(modules: list[ModuleType]) -> dict[str, list[str]]:
    """Every `Reason(code, sentence)` in modules: its sentences by code."""
    found: dict[str, list[str]] = {}
    for call, texts in _calls(modules, "Reason", 2):
        if isinstance(call.args[0], ast.Constant):
            sentences = found.setdefault(str(call.args[0].value), [])
            sentences += [text for text in texts if text not in sentences]
    return found


def left_out_in(modules: list[ModuleType]) -> list[str]:
    """The reason of every `LeftOut(source, value, reason)` in modules, and of calls that make one of their last argument."""
    calls = (("LeftOut", 3), ("leave_out", 3), ("_leave_out", 1), ("_leave_out", 2), ("Standing", 5))
    found = (text for name, count in calls for _, texts in _calls(modules, name, count) for text in texts)
    return list(dict.fromkeys(found))


def _calls(modules: list[ModuleType], name: str, arguments: int) -> Iterator[tuple[ast.Call, list[str]]]:
    """Calls of that name, and the sentences that their last argument may be: written there, or in a variable."""
    for module in modules:
        for function in ast.walk(ast.parse(inspect.getsource(module))):
            if not isinstance(function, ast.FunctionDef | ast.Module):
                continue
            variables: dict[str, list[ast.expr]] = {}
            for node in ast.walk(function):
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    variables.setdefault(node.targets[0].id, []).append(node.value)
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and _called(node) == name and len(node.args) == arguments:
                    last = node.args[-1]
                    before = [last]
                    if isinstance(last, ast.Name):
                        earlier = [v for v in variables.get(last.id, ()) if v.lineno <= node.lineno]
                        before = [max(earlier, key=lambda value: value.lineno)] if earlier else []
                    yield node, [text for value in before if (text := _sentence(value))]


def _called(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


@lru_cache(maxsize=64)
def _definitions(module: ModuleType) -> dict[str, ast.stmt]:
    """What a module defines at its top, by name."""
    found: dict[str, ast.stmt] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found.update((target.id, node) for target in node.targets if isinstance(target, ast.Name))
    return found


def _visit(module: ModuleType, name: str, said: Said, seen: set[tuple[str, str]]) -> None:
    """Collect from a definition, then from all that it names of the rules' own."""
    definition = _definitions(module).get(name)
    if definition is None or (module.__name__, name) in seen or name in ("Spec", "TYPES"):
        return
    seen.add((module.__name__, name))
    _Collector(module, said).run(definition)
    for node in ast.walk(definition):
        if not isinstance(node, ast.Name):
            continue
        if node.id in _definitions(module):
            _visit(module, node.id, said, seen)
            continue
        home = getattr(getattr(module, node.id, None), "__module__", "") or ""
        if home.startswith(_OURS) and home in sys.modules and home not in _FOR_AUTHORS:
            _visit(sys.modules[home], node.id, said, seen)


class _Collector:
    """Finds the sentences of one definition and tells notes from reasons by where they stand."""

    def __init__(self, module: ModuleType, said: Said):
        self.module = module
        self.said = said
        self.parameters: dict[str, list[str]] = {}
        self.inserted: set[str] = set()
        """Variables that stand within sentences: what they hold is no sentence of its own."""

    def run(self, definition: ast.stmt) -> None:
        for node in (*_definitions(self.module).values(), *ast.walk(definition)):
            if isinstance(node, ast.FunctionDef):
                arguments = node.args
                names = [argument.arg for argument in arguments.args]
                self.parameters[node.name] = names + ([arguments.vararg.arg] if arguments.vararg else [])
        self.inserted = {
            node.value.id
            for node in ast.walk(definition)
            if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name)
        }
        self._walk(definition, note=False)

    def _walk(self, node: ast.AST, *, note: bool) -> None:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node, ast.Compare):
            return  # a text that is looked for
        if isinstance(node, ast.Constant | ast.JoinedStr):
            sentence = _sentence(node)
            if sentence:
                self.said.add(sentence, note=note)
            return
        if isinstance(node, ast.Call):
            self._call(node, note=note)
            return
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id in self.inserted for target in targets):
                return
            note = note or any("said" in ast.unparse(target) for target in targets)
        if isinstance(node, ast.Tuple) and (
            len(node.elts) == 1 or any(isinstance(entry, ast.Starred) for entry in node.elts)
        ):
            note = True  # notes come in tuples
        for child in ast.iter_child_nodes(node):
            self._walk(child, note=note)

    def _call(self, call: ast.Call, *, note: bool) -> None:
        name = _called(call)
        if name in _NOT_SAID:
            return
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(owner, ast.Name) and owner.id == "said":
            note = True
        self._walk(call.func, note=note)
        parameters = self._parameters(name)
        for place, argument in enumerate(call.args):
            meant = parameters[min(place, len(parameters) - 1)] if parameters else ""
            self._walk(argument, note=note or meant == "said")
        for keyword in call.keywords:
            self._walk(keyword.value, note=note or keyword.arg == "said")

    def _parameters(self, name: str) -> list[str]:
        if name in self.parameters:
            return self.parameters[name]
        found = getattr(self.module, name, None)
        if inspect.isfunction(found):
            return list(inspect.signature(found).parameters)
        return []


def _sentence(node: ast.expr | ast.AST) -> str:
    """The text of a constant or f-string if it is a sentence; else empty."""
    if isinstance(node, ast.Constant):
        text = node.value if isinstance(node.value, str) else ""
        plain = text
    elif isinstance(node, ast.JoinedStr):
        parts = [
            str(part.value) if isinstance(part, ast.Constant) else _placeholder(part) for part in node.values
        ]
        text = "".join(parts)
        plain = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
    else:
        return ""
    text = " ".join(text.split())
    return text if " " in text and _LOWER.search(plain) else ""


def _placeholder(part: ast.expr) -> str:
    written = ast.unparse(part.value) if isinstance(part, ast.FormattedValue) else ""
    names: list[str] = re.findall(r"[a-z_]+", re.sub(r"\[[^a-z]*\]", "", written)) or ["…"]
    word = next((word for pattern, word in _PLACES if pattern.search(written)), names[-1].strip("_"))
    return f"*{word.replace('_', ' ')}*"


def pattern_of(sentence: str) -> re.Pattern[str]:
    """What the sentence looks like once values stand in it."""
    return re.compile(".+?".join(re.escape(part) for part in re.split(r"\*[^*]+\*", sentence)), re.DOTALL)
