"""Programs of ours that another of ours starts."""

import sys

__all__ = ["program"]


def program(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours with the same Python.

    `-P`: without it Python looks for modules in the working folder first, and a folder `interface` or a file `json.py` there
    would be run in place of ours.
    """
    return [sys.executable, "-P", "-m", module, *arguments]
