"""The garbage collector of a daemon: what lives as long as the program is not looked at again and again."""

from __future__ import annotations

import gc


def all_is_set_up() -> None:
    """What there is now (modules, settings, the mapping) stays. It spares the work 4 % of its time, and pauses of 0.1 s."""
    gc.collect()
    gc.freeze()
