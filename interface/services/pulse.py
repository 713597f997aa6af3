"""A node's signs of life: a thread that says so to the database and keeps the turn of intake while it is worked on."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from interface.services.logs import event, where
from interface.services.turn_keeper import TurnKeeper
from interface.store.errors import StoreError
from interface.store.leases import PULSE_SECONDS, Hold, Lease, Steadiness
from interface.store.nodes import Node

log = logging.getLogger(__name__)


class NodeStore(Protocol):
    """What is needed of the store: `interface.store.nodes.Nodes`."""

    def pulse(self, node: str, name: str, *, daemon: bool) -> bool:
        """A sign of life; whether we have counted as alive since the one before."""

    def renew(self, hold: Hold) -> bool:
        """Keep the turn; False: it is lost."""

    def daemons(self) -> Sequence[Node]:
        """Who is alive."""

    def leave(self, node: str) -> None:
        """We end."""


class Pulse:
    """The thread. It outlives a database that is away for a while."""

    def __init__(
        self,
        nodes: Callable[[], NodeStore],
        node: str,
        keeper: TurnKeeper,
        *,
        daemon: bool,
        send_until: Callable[[float, float], None] = lambda *_: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`nodes` gives the store's part when it is used first; `daemon` False: a command that ends soon. `send_until` is
        told until when (`monotonic`) what we have claimed is ours, and what was claimed since when: others take it when we
        have given no sign for so long.
        """
        self._nodes = nodes
        self._node = node
        self._name = socket.gethostname()
        self._keeper = keeper
        self._daemon = daemon
        self._monotonic = monotonic
        self._steadiness = Steadiness()
        self._others: frozenset[str] = frozenset()
        self._send_until = send_until
        self._lease = Lease()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Give the first sign of life, then go on in a thread. Raises StoreError."""
        began = self._monotonic()
        self._give_sign(self._nodes(), began)
        self._steadiness = self._steadiness.after(True, began)
        self._thread.start()

    def stop(self) -> None:
        """End, and let the others know."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()
            try:
                self._nodes().leave(self._node)
            except StoreError as failed:
                event(log, logging.WARNING, "node-not-left", problem=failed)

    def may_judge(self) -> bool:
        """Whether nodes that gave no sign of life are dead."""
        return self._steadiness.may_judge(self._monotonic())

    def _give_sign(self, nodes: NodeStore, began: float) -> None:
        unbroken = nodes.pulse(self._node, self._name, daemon=self._daemon)
        self._lease = self._lease.renewed(began, self._monotonic(), unbroken=unbroken)
        self._send_until(self._lease.until, self._lease.since)

    def _run(self) -> None:
        while not self._end.wait(PULSE_SECONDS):
            self.beat()

    def beat(self) -> None:
        """One sign of life."""
        began = self._monotonic()
        try:
            nodes = self._nodes()
            self._give_sign(nodes, began)
            hold = self._keeper.hold
            if hold is not None:
                nodes.renew(hold)  # lost: the next commit finds out
            others = frozenset(node.id for node in nodes.daemons()) - {self._node}
        except StoreError:
            self._steadiness = self._steadiness.after(False, began)
            return
        except Exception as broken:  # without signs of life nothing is sent any more: it must go on
            event(log, logging.ERROR, "pulse-failed", error=where(broken))
            self._steadiness = self._steadiness.after(False, began)
            return
        # a sign that came late is none: this process, or the database, stood still
        in_time = self._monotonic() - began < PULSE_SECONDS
        self._steadiness = self._steadiness.after(in_time, began)
        self._keeper.alone = not others
        if others != self._others:
            self._others = others
            event(log, logging.INFO, "nodes", others=len(others))
