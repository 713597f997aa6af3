"""Who may do what when several daemons share one database: turns, living nodes, and how long each counts. Pure.

Intake is serial over all nodes: one of them has the turn. It is lent for a while by the database's clock, and each
time it changes hands its number, the fence, grows: what was begun under an older number is stored no more.
"""

from __future__ import annotations

from dataclasses import dataclass

TURN_SECONDS = 2.5
"""How long a turn is lent; who has it renews it, and a dead node's is taken over after so long."""
NODE_SECONDS = 3.0
"""How long a node counts as alive after its last sign of life; what a dead one was sending is taken back."""
PULSE_SECONDS = 0.7
"""How often a node gives a sign of life."""
POLL_SECONDS = 0.2
"""How often a node looks whether there is something to do that nobody woke it for."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A turn that is ours, until it is given back or taken over."""

    owner: str
    """The node's id."""
    fence: int
    settled_on: str = ""
    """The day, as ISO 8601, for which all open requests were settled last."""

    def follows(self, before: Hold | None) -> bool:
        """Whether nobody else had the turn since `before`: then what is known of charts is true still."""
        return before is not None and before.owner == self.owner and self.fence == before.fence + 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What a node that has not the turn finds when it looks, all by the database's clock."""

    owner: str | None
    lapsed: bool
    """The time that the turn was lent for is over."""
    settled_on: str = ""
    new_messages: int = 0
    """How many wait for intake, counted up to what was asked."""
    commands: bool = False
    """Whether a command or a webhook waits."""

    def is_free(self, node: str) -> bool:
        """Whether `node` may take the turn."""
        return self.owner is None or self.owner == node or self.lapsed


@dataclass(frozen=True, slots=True)
class Lease:
    """How long what a node has claimed is its own (monotonic seconds), as it is sure of by its signs of life."""

    until: float = float("-inf")
    since: float = float("inf")
    """Since when it has counted as alive without a break. What it claimed before may be another's by now."""

    def renewed(self, began: float, answered: float, *, unbroken: bool) -> Lease:
        """The same after a sign of life that went through. `unbroken`: the database counted the node as alive when it came;
        our own clock may have stood still with the machine. Others may have looked before it was stored.
        """
        unbroken = unbroken and answered <= self.until
        return Lease(began + NODE_SECONDS, self.since if unbroken else answered)


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Since when a node's signs of life have gone through (monotonic seconds); None: the last one did not."""

    since: float | None = None

    def after(self, went_through: bool, now: float) -> Steadiness:
        """The same after one more sign."""
        if not went_through:
            return Steadiness()
        return self if self.since is not None else Steadiness(now)

    def may_judge(self, now: float) -> bool:
        """Whether others that gave no sign are dead. Not while the database was away from us a moment ago: it was from
        them, too.
        """
        return self.since is not None and now - self.since >= NODE_SECONDS
