"""What a process has no use for it does not import: that is most of its memory, and of a command's time."""

from __future__ import annotations

import subprocess
import sys

import pytest

MAPPING = ("yaml", "interface.rules.reading", "interface.contract.common", "interface.chart.decide")
CONSOLE = ("jinja2", "interface.console.site")
POSTGRESQL = ("sqlalchemy.dialects.postgresql", "psycopg")
PARTS = ("interface.store.views", "interface.store.work", "interface.store.retention")
SEVERAL = ("hl7", "hl7apy", "jsonschema", "rich", "argon2")


@pytest.mark.parametrize(
    ("modules", "not_needed"),
    [
        (
            "interface.services.daemon interface.console.later",
            (*MAPPING, *CONSOLE, *POSTGRESQL, *SEVERAL, "requests"),
        ),
        ("interface.services.work", (*CONSOLE, *POSTGRESQL, *SEVERAL, "twisted", "OpenSSL", "requests")),
        (
            "interface.services.posting_process",
            (*MAPPING, *CONSOLE, *SEVERAL, "sqlalchemy", "pydantic", "twisted"),
        ),
        (
            "interface.settings",
            (*MAPPING, *CONSOLE, *SEVERAL, "sqlalchemy", "twisted", "requests", "cryptography"),
        ),
        (
            "interface.chart.shown interface.evidence.report",
            ("interface.rules.reading", "interface.rules.rulebook"),
        ),
        ("interface.store.store", (*MAPPING, *CONSOLE, *POSTGRESQL, *SEVERAL, "twisted", "requests")),
    ],
)
def test_nothing_is_imported_that_is_not_needed(modules: str, not_needed: tuple[str, ...]) -> None:
    program = f"import sys, {', '.join(modules.split())}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert set(modules.split()) <= imported
    assert not imported & set(not_needed)


BEGINS = "interface.services.work", "interface.services.posting_process", "interface.sandbox.command"
FIRST = f"""
import importlib, os, pkgutil, sys
import cryptography.x509, pydantic, requests, sqlalchemy, twisted.web.server, yaml
import interface.cli
names = [module.name for module in pkgutil.iter_modules(interface.cli.__path__, "interface.cli.")]
for name in [*names, *{BEGINS}]:
    child = os.fork()
    if not child:
        importlib.import_module(name)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(name)
print(len(names))
"""
"""Each by itself, after what is not ours."""


def test_whatever_a_process_begins_with_finds_all_that_it_needs() -> None:
    """Most tests start programs where all is imported already (tests/helpers/prepared.py)."""
    done = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50
