"""A room knows only those its arrows lead to (docs/architecture.md, The house), and no module comes back to itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
ANYBODYS = {"__version__", "children", "errors", "paths", "recent"}
KNOWS = {
    "hl7": set(),
    "contract": set(),
    "rules": {"hl7", "contract"},
    "chart": {"rules", "contract"},
    "history": {"hl7"},
    "staging": {"history", "chart", "rules", "hl7"},
    "delivery": {"chart", "rules", "staging"},
    "report": {"chart", "rules", "hl7"},
    "evidence": {"chart", "contract", "delivery"},
    "alerting": set(),
    "shown": {"chart", "rules", "hl7"},
    "settings": {"rules", "hl7", "alerting"},
    "store": {"delivery", "hl7"},
    "sandbox": {"contract", "staging"},
    "services": {
        *("store", "settings", "delivery", "chart", "contract", "rules", "hl7"),
        *("alerting", "evidence", "report", "staging"),
    },
    "console": {
        *("services", "store", "settings", "delivery", "chart", "rules", "hl7"),
        *("evidence", "report", "shown"),
    },
    "cli": {
        *("console", "services", "store", "settings", "delivery", "chart", "contract", "rules", "hl7"),
        *("alerting", "evidence", "report", "staging", "history", "shown"),
    },
}
"""Which room may import which. The simulated API is started by its name alone."""


def modules() -> dict[str, Path]:
    paths = sorted((ROOT / "interface").rglob("*.py"))
    found = {}
    for path in paths:
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def is_later(node: ast.stmt) -> bool:
    """Whether what it imports is not imported with the module: within a function, or for the type checker alone."""
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.dump(node.test)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def imports(body: list[ast.stmt], package: str, *, at_start: bool) -> Iterator[str]:
    """What these statements import of the product. `at_start`: only what is imported with the module."""
    for node in body:
        if isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            if module.split(".")[0] == "interface":
                yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("interface."))
        elif at_start and is_later(node):
            continue
        else:
            inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
            yield from imports(inner, package, at_start=at_start)


def imported(path: Path, name: str, *, at_start: bool) -> set[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return set(imports(ast.parse(path.read_text("utf-8")).body, package, at_start=at_start))


def test_a_room_knows_only_those_its_arrows_lead_to() -> None:
    rooms = {path.parent.name for path in (ROOT / "interface").glob("*/__init__.py")}
    assert rooms == KNOWS.keys()
    wrong = []
    for name, path in modules().items():
        room = name.split(".")[1] if "." in name else ""
        for other in imported(path, name, at_start=False):
            told = other.split(".")[1]
            if room in KNOWS and told not in KNOWS[room] | ANYBODYS | {room}:
                wrong.append(f"{name} imports {other}")
    assert wrong == []


def test_no_arrow_leads_back() -> None:
    assert len([*TopologicalSorter(KNOWS).static_order()]) == len(KNOWS)


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = modules()
    graph = {}
    for name, path in known.items():
        found = imported(path, name, at_start=True)
        graph[name] = {one if one in known else one.rpartition(".")[0] for one in found} - {name}
    assert sum(map(len, graph.values())) > 500
    TopologicalSorter(graph).prepare()  # CycleError names the circle
