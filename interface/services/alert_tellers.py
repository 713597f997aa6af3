"""Channels at work: each has at most one notice on its way, in a thread of its own, and says once that it fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from interface.alerting.state import Edge
from interface.alerting.telling import Notice, Sender
from interface.errors import InterfaceError
from interface.services.alert_channels import Channel
from interface.services.logs import event, where

log = logging.getLogger(__name__)

OVERDUE_SECONDS = 120.0
"""A channel that takes longer is said to fail; nothing else is told by it until it comes to its end."""


class Teller:
    """One channel. In the reactor's thread but for what the channel itself does."""

    def __init__(self, name: str, channel: Channel) -> None:
        self.name = name
        self.channel = channel
        """May be replaced: the next notice goes by the new one."""
        self.busy = False
        self._failing = False
        self._since = 0.0

    def start(
        self, notice: Notice, sender: Sender, now: float, reactor: Any, ended: Callable[[str], None]
    ) -> None:
        """Tell a notice; `ended` gets '' or why it could not be told. One that hangs costs nobody but itself."""
        self.busy, self._since = True, now
        channel = self.channel

        def through(problem: str) -> None:
            self._ended(problem)
            ended(problem)

        def run() -> None:
            reactor.callFromThread(through, told(channel, notice, sender))

        threading.Thread(target=run, name=f"alert-{self.name}", daemon=True).start()

    def look(self, now: float) -> None:
        """Is it busy for too long?"""
        if self.busy and now - self._since > OVERDUE_SECONDS:
            self._fails("it does not come to its end")

    def _ended(self, problem: str) -> None:
        self.busy = False
        if problem:
            self._fails(problem)
        elif self._failing:
            self._failing = False
            event(log, logging.WARNING, "alert-channel-works-again", channel=self.name)

    def _fails(self, problem: str) -> None:
        if not self._failing:
            self._failing = True
            event(log, logging.ERROR, "alert-channel-failing", channel=self.name, problem=problem)


def told(channel: Channel, notice: Notice, sender: Sender) -> str:
    """Tell a notice by a channel: '' when it was told, else why not."""
    try:
        channel.tell(notice, sender)
    except InterfaceError as error:
        return str(error)
    except Exception as broken:  # a channel's fault is not the daemon's
        return where(broken)
    return ""


def say(edge: Edge) -> None:
    """The log, which has every alert."""
    more = {"scope": edge.scope} if edge.scope else {}
    if edge.what == "begins":
        level = logging.ERROR if edge.level == "bad" else logging.WARNING
        event(log, level, "alert-begins", alert=edge.code, **more, problem=edge.text)
    elif edge.what == "ends":
        lasted = f"{edge.at - edge.since:.0f}s"
        event(log, logging.WARNING, "alert-ends", alert=edge.code, **more, lasted=lasted, was=edge.text)
    else:
        event(log, logging.WARNING, "alert-goes-on", alert=edge.code, **more, problem=edge.text)


def give_up(channel: str, number: int) -> None:
    """Notices became too old for a channel, or too many."""
    event(log, logging.ERROR, "alerts-not-told", channel=channel, n=number)
