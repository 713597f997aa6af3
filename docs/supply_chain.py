"""Writes deploy/sbom.cdx.json (CycloneDX) and docs/licences.md from the metadata of the packages that requirements.lock
names. Run by `make sbom`, in an environment that holds just those.
"""

from __future__ import annotations

import configparser
import json
import re
import sys
import uuid
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
REQUIRED = re.compile(r"^([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?([^;]*)(;.*)?$")

NAMES = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "Apache License, Version 2.0": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Apache Software License": "Apache-2.0",
}
"""What packages without an SPDX expression call theirs. BSD: looked up in the licence's text of each."""
ASKS = {
    "Apache-2.0": "its notice is kept",
    "BSD-2-Clause": "its notice is kept",
    "BSD-3-Clause": "its notice is kept",
    "MIT": "its notice is kept",
    "MIT-0": "nothing",
    "PSF-2.0": "its notice is kept",
    "ZPL-2.1": "its notice is kept",
    "MPL-2.0": "who changes its files publishes the changed files. They are used unchanged",
    "LGPL-3.0-only": "whoever gets the program may put another version in its place. It is a package of its own, unchanged",
}
"""Each licence that may be used, and what it asks of who passes it on."""


@dataclass(frozen=True)
class Package:
    """One of the packages."""

    name: str
    version: str
    licence: str
    """An SPDX expression."""
    needs: tuple[str, ...]


def key(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> dict[str, str]:
    """Names and versions of the lock file."""
    return {key(name): version for name, version in PINNED.findall((ROOT / "requirements.lock").read_text())}


def licence_of(found: Distribution) -> str:
    """Its licence as an SPDX expression. Raises LookupError: it is not among those that may be used."""
    meta = found.metadata
    classes = [
        text.split(" :: ")[-1] for text in meta.get_all("Classifier") or () if text.startswith("License ::")
    ]
    said = meta.get("License-Expression") or (classes[0] if len(classes) == 1 else meta.get("License") or "")
    expression = NAMES.get(said, said)
    if not set(ids(expression)) <= set(ASKS):
        raise LookupError(f"{found.name}: licence {said[:80]!r} is not in ASKS of docs/supply_chain.py")
    return expression


def ids(expression: str) -> list[str]:
    """The licences that an expression names."""
    return [word for word in re.split(r"[\s()]+", expression) if word not in ("", "AND", "OR")]


def packages() -> list[Package]:
    """What is installed here, as the lock file has it. Raises LookupError when the two differ."""
    locked, made = pinned(), []
    for found in sorted(distributions(), key=lambda one: key(one.name)):
        if (name := key(found.name)) not in locked:
            continue  # pip, setuptools
        if found.version != locked[name]:
            raise LookupError(f"{name} {found.version} is installed, {locked[name]} is pinned: make sbom")
        required = [REQUIRED.match(text) for text in found.requires or () if "extra ==" not in text]
        needs = {key(match[1]) for match in required if match} & set(locked)
        made.append(Package(name, found.version, licence_of(found), tuple(sorted(needs))))
    if missing := set(locked) - {one.name for one in made}:
        raise LookupError(f"not installed: {', '.join(sorted(missing))}")
    return made


def own() -> tuple[str, str, list[str]]:
    """Our name, version and requirements."""
    read = configparser.ConfigParser()
    read.read(ROOT / "setup.cfg")
    lines = [
        line for line in read["options"]["install_requires"].splitlines() if line and not line.startswith("#")
    ]
    names = [key(re.split(r"[\[><=~! ]", line)[0]) for line in lines]
    return read["metadata"]["name"], read["metadata"]["version"], sorted(names)


def sbom(found: list[Package]) -> str:
    """CycloneDX 1.6. The files' hashes are in requirements.lock."""
    name, version, required = own()
    refs = {one.name: f"pkg:pypi/{one.name}@{one.version}" for one in found}
    root = f"pkg:generic/{name}@{version}"
    components = [
        {
            "type": "library",
            "bom-ref": refs[one.name],
            "name": one.name,
            "version": one.version,
            "purl": refs[one.name],
            "licenses": [
                {"license": {"id": one.licence}} if one.licence in ASKS else {"expression": one.licence}
            ],
        }
        for one in found
    ]
    depends = [{"ref": root, "dependsOn": [refs[one] for one in required]}]
    depends += [{"ref": refs[one.name], "dependsOn": [refs[needed] for needed in one.needs]} for one in found]
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(components, sort_keys=True))
    return (
        json.dumps(
            {
                "bomFormat": "CycloneDX",
                "specVersion": "1.6",
                "serialNumber": f"urn:uuid:{serial}",
                "version": 1,
                "metadata": {
                    "component": {"type": "application", "bom-ref": root, "name": name, "version": version}
                },
                "components": components,
                "dependencies": depends,
            },
            indent=2,
        )
        + "\n"
    )


def page(found: list[Package]) -> str:
    """docs/licences.md."""
    used = sorted({one for package in found for one in ids(package.licence)})
    rows = [f"| {one.name} | {one.version} | {one.licence} |" for one in found]
    return "\n".join(
        [
            "# Licences",
            "",
            "Made by `make sbom` from the metadata of the packages in [requirements.lock](../requirements.lock).",
            "All of them may be used and passed on with this program as it is installed: packages of their own, unchanged.",
            "None asks that this program's source be published.",
            "",
            "| licence | asks of who passes it on |",
            "| --- | --- |",
            *(f"| {one} | {ASKS[one]} |" for one in used),
            "",
            "Where an expression says OR, the first is taken.",
            "",
            "| package | version | licence |",
            "| --- | --- | --- |",
            *rows,
            "",
            "psycopg-binary brings libpq (PostgreSQL licence) and OpenSSL (Apache-2.0) in its files, cryptography OpenSSL.",
            "",
        ]
    )


def main() -> int:
    """Write both."""
    try:
        found = packages()
    except LookupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    (ROOT / "deploy" / "sbom.cdx.json").write_text(sbom(found), "utf-8")
    (ROOT / "docs" / "licences.md").write_text(page(found), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
