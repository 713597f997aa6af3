"""Style and script: files of ours, served under names made of their contents, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
FOREVER = "public, max-age=31536000, immutable"
PREFIX = "/static/"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file."""

    kind: str
    body: bytes


@lru_cache(maxsize=1)
def assets() -> tuple[dict[str, Asset], dict[str, str]]:
    """All files by the path that they are served at, and these paths by the files' own names."""
    by_path, paths = {}, {}
    for file in files("interface.console").joinpath("static").iterdir():
        stem, _, suffix = file.name.rpartition(".")
        if suffix in KINDS:
            body = file.read_bytes()
            path = f"{PREFIX}{stem}.{hashlib.sha256(body).hexdigest()[:12]}.{suffix}"
            by_path[path] = Asset(KINDS[suffix], body)
            paths[file.name] = path
    return by_path, paths
