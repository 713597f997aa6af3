"""The door with a work that stands still: what arrives is stored and ACKed, no more.

`python -m benchmarks.door SETTINGS`
"""

from __future__ import annotations

import sys
from pathlib import Path

from interface.services.daemon import run_door

STANDS_STILL = ("/bin/sh", "-c", "exec cat > /dev/null")
"""Reads its wake-ups and ends when its input does, as the work does; decides nothing."""

if __name__ == "__main__":
    sys.exit(run_door(Path(sys.argv[1]), command=STANDS_STILL))
