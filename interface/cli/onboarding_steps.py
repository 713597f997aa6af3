"""`onboarding` by itself: the vendor's process, each step done or not, and what shows it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from interface.cli.common import PROGRAM, settings_of
from interface.cli.output import print_json, table, tell
from interface.cli.stored import is_store, open_store_of, wants_json

if TYPE_CHECKING:
    from interface.evidence.steps import Facts
    from interface.settings import Settings

_SHOWN = {"done": "done", "confirmed": "confirmed", "open": "", "person": "waits for a person"}


def run(args: argparse.Namespace) -> int:
    """Print the steps."""
    from interface.evidence.report import step_as_json
    from interface.evidence.steps import steps

    settings = settings_of(args)
    facts = facts_now(settings)
    found = steps(facts)
    if wants_json(args):
        told = [step_as_json(step) for step in found]
        head = {"environment": facts.environment, "url": facts.url, "rehearsal": facts.loopback}
        print_json({**head, "steps": told})
        return 0
    if facts.loopback and facts.environment != "sandbox":
        print(f"a rehearsal of {facts.environment}: requests go to this machine")
    table(
        ("", "step", "state", "what", "evidence"),
        [
            (
                "→" if step.next else "",
                step.code,
                _SHOWN[step.state],
                step.what,
                "; ".join(step.evidence),
            )
            for step in found
        ],
    )
    following = next((step for step in found if step.next), None)
    if following is None:
        print("all steps are done")
    elif following.state == "person":
        tell(f"when it is so: {PROGRAM} onboarding confirm {following.code} --note TEXT")
    return 0


def facts_now(settings: Settings) -> Facts:
    """What the steps are judged by now; also where there is no store yet."""
    import time

    from interface.services.evidence import facts_of

    path = settings.store_path
    if path is not None and not is_store(path):
        return facts_of(settings, None, time.time())
    with open_store_of(settings) as store:
        return facts_of(settings, store, time.time())
