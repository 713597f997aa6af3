"""What is installed is pinned, hashed, listed and licensed; no file says where packages come from."""

from __future__ import annotations

import configparser
import json
import re
import runpy
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
SUPPLY = runpy.run_path(str(ROOT / "docs" / "supply_chain.py"), run_name="supply_chain")
BOM = json.loads((ROOT / "deploy" / "sbom.cdx.json").read_text("utf-8"))


def required(option: str, section: str = "options") -> list[Requirement]:
    read = configparser.ConfigParser()
    read.read(ROOT / "setup.cfg")
    lines = [line.strip() for line in read[section][option].splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("wanted", required("install_requires"), ids=lambda wanted: wanted.name)
def test_each_package_that_is_needed_is_pinned_at_a_version_that_will_do(wanted: Requirement) -> None:
    version = SUPPLY["pinned"]().get(canonicalize_name(wanted.name))
    assert version is not None, f"{wanted.name} is not in requirements.lock: make lock sbom"
    assert wanted.specifier.contains(version), "make lock sbom"


def test_nothing_is_pinned_that_nobody_needs() -> None:
    """Each package says in the lock file who needs it (`# via`)."""
    ours = {canonicalize_name(one.name) for one in required("install_requires")}
    for block in re.split(r"\n(?=\S)", LOCK.partition("make lock\n")[2]):
        name = block.split("==")[0]
        via = set(re.findall(r"^    # via (.+)$|^    #   (.+)$", block, re.MULTILINE))
        named = {word for pair in via for word in pair if word}
        assert ("hl7-interface (setup.cfg)" in named) == (name in ours), name
        assert named, name


@pytest.mark.parametrize("file", ["requirements.lock", "deploy/build.lock"])
def test_each_pinned_package_has_hashes(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    blocks = [block for block in re.split(r"\n(?=[a-z])", text) if "==" in block.partition("\n")[0]]
    assert blocks
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.partition("\n")[0]


def test_the_bill_of_materials_is_of_the_lock_file() -> None:
    assert {one["name"]: one["version"] for one in BOM["components"]} == SUPPLY["pinned"](), "make sbom"
    assert (BOM["bomFormat"], BOM["specVersion"]) == ("CycloneDX", "1.6")
    refs = {one["bom-ref"] for one in BOM["components"]} | {BOM["metadata"]["component"]["bom-ref"]}
    assert refs == {one["ref"] for one in BOM["dependencies"]}
    assert {ref for one in BOM["dependencies"] for ref in one["dependsOn"]} <= refs
    ours = {ref for one in BOM["dependencies"] if "generic" in one["ref"] for ref in one["dependsOn"]}
    assert {ref.split("/")[1].split("@")[0] for ref in ours} == {
        canonicalize_name(one.name) for one in required("install_requires")
    }


def test_each_licence_may_be_used_and_is_listed() -> None:
    page = (ROOT / "docs" / "licences.md").read_text("utf-8")
    for one in BOM["components"]:
        (said,) = one["licenses"]
        expression = said["expression"] if "expression" in said else said["license"]["id"]
        assert set(SUPPLY["ids"](expression)) <= set(SUPPLY["ASKS"]), one["name"]
        assert f"| {one['name']} | {one['version']} | {expression} |" in page, "make sbom"


def test_no_file_names_a_registry() -> None:
    """Which registry is asked is for the settings of who installs."""
    hosts = re.compile(
        rb"https?://[^\s\"'>)]*(pypi|pythonhosted|piwheels|docker\.io|quay\.io|ghcr|gcr\.io)|--(extra-)?index-url [a-z/]"
    )
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a checkout: the files can't be listed")
    files = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    found = [
        str(file.relative_to(ROOT))
        for file in files
        if file.is_file() and file != Path(__file__) and hosts.search(file.read_bytes())
    ]
    assert found == []


CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text("utf-8")


def test_the_container_file_takes_what_is_there_and_runs_as_nobody_special() -> None:
    lines = CONTAINERFILE.replace("\\\n", " ").splitlines()
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            *sources, _ = line.split()[1:]
            assert [name for name in sources if not (ROOT / name).exists()] == []
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert all(re.fullmatch(r"python:3\.\d+-slim", base) for base in bases), bases
    last = CONTAINERFILE[CONTAINERFILE.rindex("FROM ") :]
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", last, re.MULTILINE)
    assert not re.search(r"^(ENTRYPOINT|CMD) [^\[]", last, re.MULTILINE), "the shell would take the signals"
    installs = re.findall(r"pip install [^&]*", CONTAINERFILE)
    assert installs
    assert all("--require-hashes" in words or "--no-index" in words for words in installs)
