"""Programs of ours that another of ours starts."""

import subprocess
from pathlib import Path

from interface.children import program


def test_modules_of_the_working_folder_are_not_run_in_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "interface").mkdir()
    for name in ("interface/__init__.py", "json.py", "difflib.py"):
        (tmp_path / name).write_text("raise SystemExit('not ours')\n")
    done = subprocess.run(
        program("interface", "--version"), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("hl7-interface ")
