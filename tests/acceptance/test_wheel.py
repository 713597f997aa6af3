"""The wheel holds all that the program needs: it runs where nothing else of the project is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE

ROOT = Path(__file__).parents[2]
SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "interface", "mappings", "sample_messages")


def call(*command: str | Path, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel does, and can't be written."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    sources.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, sources / name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input")
    build = ("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, sources)
    call(*pip, *build, folder=folder)
    (wheel,) = folder.glob("*.whl")
    shutil.rmtree(sources)
    there = folder / "installed"
    call(*pip, "install", "--no-index", "--no-deps", "--target", there, wheel, folder=folder)
    for path in [there, *there.rglob("*")]:
        path.chmod(0o555)
    yield there
    for path in [there, *there.rglob("*")]:
        path.chmod(0o755)


def test_the_demo_runs_from_the_wheel_alone(installed: Path, tmp_path: Path) -> None:
    alone = {"PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    where = call(
        sys.executable, "-c", "import interface; print(interface.__file__)", folder=tmp_path, **alone
    )
    assert Path(where.strip()).is_relative_to(installed)
    told = call(sys.executable, "-m", "interface", "demo", folder=tmp_path, **alone)
    assert told.rstrip().endswith("as expected")
    assert list(tmp_path.iterdir()) == []


def test_the_wheel_has_no_tests_and_no_docs(installed: Path) -> None:
    names = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert names == {"interface", "mappings", "sample_messages", "bin"}
