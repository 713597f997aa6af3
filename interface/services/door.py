"""The door: listeners, journal thread, health and metrics in one reactor, and the work as a child process."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from interface.errors import InterfaceError
from interface.services import logs
from interface.services.alert_channels import channels_of
from interface.services.alert_looks import Looked
from interface.services.alerting import DoorFacts, alerting_of
from interface.services.bounded_http import BoundedSite
from interface.services.checkpointing import Checkpointing
from interface.services.connection import HANDSHAKE_SECONDS, Limits
from interface.services.descriptors import Places, raise_limit, shares
from interface.services.door_state import Console, DoorState, ListenerState, MakeConsole, Surroundings
from interface.services.garbage import all_is_set_up
from interface.services.gate import Gate
from interface.services.health import against, healthz
from interface.services.held_reasons import HeldReasons
from interface.services.ids import control_ids
from interface.services.journal import JournalThread
from interface.services.life_signs import LifeSigns
from interface.services.listener import MLLPFactory
from interface.services.listener_tls import ListenersTLS
from interface.services.logs import event
from interface.services.metrics import DoorMetrics
from interface.services.ports import Ports
from interface.services.readiness import StoreCheck
from interface.services.receiver import Alone, Received, Receiver, rules_of
from interface.services.supervision import Supervisor
from interface.services.systemd import Given
from interface.services.taken import Answering, Taken
from interface.services.timing import WholeSeconds
from interface.services.watch import Seen, Watch
from interface.services.web import health_site
from interface.services.web_tls import WebTLS
from interface.settings import Listener, Settings, SettingsError, load_settings
from interface.settings.reload import needs_restart
from interface.store.store import Store

log = logging.getLogger(__name__)

BACKLOG = 512
"""Connections that the kernel keeps until we get to them: a burst of a scanner must not keep senders out."""
DRAIN_SECONDS = 15.0
"""How long senders may take to read their last answers and close when the door stops."""
MAX_FORM_BYTES = 1024 * 1024 + 64 * 1024
"""Of what is posted to the console."""
NOT_TAKEN = "[web] is open to other machines over plain http, and [webhooks] says nothing: docs/webhooks.md"
NOT_OURS = (
    "the socket unit opens it, the settings name no such port: hl7-interface install-service writes the unit"
)


Command = Callable[[], Sequence[str]]
NOTHING = Given()


def connect(store: Store) -> None:
    """Connect what a door takes of its store when it is made. Raises StoreError."""
    _ = store.journal, store.inbox, store.unsettled


class Door:
    """The running parts of the door around one reactor."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        reactor: Any,
        command: Command,
        console: MakeConsole | None = None,
        work_ahead: float = 0.0,
        given: Given = NOTHING,
    ) -> None:
        """`command` gives the command that starts the work; `console` makes the console, None: there is none; `given` is
        what systemd has handed over.
        """
        self.settings = settings
        self.reactor = reactor
        self._keyring = store.keyring
        self.metrics = DoorMetrics(lambda: self.supervisor.pid)
        self.supervisor = Supervisor(reactor, command, self.metrics.work, self._work_restarted)
        # not `callLater(0)`: that waits for a clock that somebody may set back
        self.gate = Gate(self._submit, soon=reactor.callFromThread)
        self.journal: JournalThread[Taken] = JournalThread(
            store.journal,
            self.gate.settled,
            reactor.callFromThread,
            on_commit=self._committed,
            probe=store.check_writable,
        )
        self.checkpointing = None if store.path is None else Checkpointing(store.checkpoints.bring_over)
        self.receiver = Receiver(
            rules_of(settings), self.metrics.webhooks, lambda batch: self.inbox.submit(batch)
        )
        self.inbox: JournalThread[Received] = JournalThread(
            store.inbox,
            self.receiver.settled,
            reactor.callFromThread,
            on_commit=lambda _rows, _seconds: self.supervisor.wake(),
            probe=store.check_writable,
            name="webhooks",
            said=("webhooks-failing", "webhooks-work-again"),
        )
        self.store_check = StoreCheck(store.check_writable, reactor)
        self.alerting = alerting_of(settings, store, reactor, self._known, work_ahead)
        self.watch = Watch(self.alerting.look, reactor, self._watched, self._not_watched)
        self._seen = Seen(0, 0, 0)
        self.factories: dict[str, MLLPFactory] = {}
        self.listeners_tls = ListenersTLS()
        self.web_tls = WebTLS()
        wanted = shares(settings, 0).wanted
        self._shares = shares(settings, raise_limit(wanted))
        self._places = Places(self._shares.senders)
        self.ports: dict[str, Any] = {}
        self._where: dict[str, Any] = {}
        """Host and port of each listener: a port that is closed does not know them any more."""
        self.web_port: Any = None
        self.webhooks_port: Any = None
        self.console: Console | None = None
        if console is not None and settings.web.console:
            self.console = console(
                Surroundings(settings, store, reactor, self.state, self.supervisor.wake, work_ahead)
            )
        self.stopping = False
        self._given = given
        self.life = LifeSigns(given, reactor, (self.journal, self.inbox), self.state)
        self._control_ids = control_ids()
        self.metrics.alerts = lambda: {one.code for one in self.alerting.on}
        self.held_reasons = HeldReasons(store.unsettled.held, reactor, self._counted_held)
        self.metrics.live |= self._live(of_file=store.path is not None)

    def _live(self, *, of_file: bool) -> dict[str, Callable[[], float]]:
        """The gauges that are read when they are asked for. `of_file`: of a server's disk it is for others to tell."""
        live: dict[str, Callable[[], float]] = {
            "waiting_messages": lambda: self.gate.waiting_frames,
            "waiting_bytes": lambda: self.gate.waiting_bytes,
            "reading_paused": lambda: self.gate.is_shut,
            "journal_failing": lambda: self.journal.failing is not None,
            "work_up": lambda: self.supervisor.alive,
            "work_failing": lambda: bool(self.metrics.work.trouble),
            "webhooks_failing": lambda: self.inbox.failing is not None,
            "store_bytes": lambda: self._seen.size_bytes,
        }
        if of_file:
            live["disk_free_bytes"] = lambda: self._seen.free_bytes or 0
            live["wal_bytes"] = lambda: self._seen.wal_bytes
        return live

    def _counted_held(self, held: Mapping[str, int]) -> None:
        self.metrics.held = held

    def _submit(self, batch: Sequence[Any]) -> None:
        self.journal.submit(batch)

    def _committed(self, rows: int, seconds: float) -> None:
        self.metrics.committed(rows, seconds)
        self.supervisor.wake()
        if self.checkpointing is not None:
            self.checkpointing.committed(rows)

    def _watched(self, looked: Looked) -> None:
        self._seen = looked.seen
        self.metrics.certificates = self._certificates()
        self.alerting.took(looked)
        self.journal.refuse(self.alerting.full.get("too-many-waiting"))
        self.inbox.refuse(self.alerting.full.get("too-many-webhooks-waiting"))

    def _not_watched(self, stuck: bool) -> None:
        self.alerting.blind(stuck)

    def _known(self) -> DoorFacts:
        """What alerts are judged by beside what is in the store."""
        work = self.metrics.work
        return DoorFacts(
            str(self.journal.failing or ""),
            str(self.inbox.failing or ""),
            work.trouble,
            work.destination,
            work.gauges,
            self._certificates(),
            {f"[[listener]] {name}": why for name, why in self.listeners_tls.closed.items()},
        )

    def _certificates(self) -> dict[str, float]:
        """When those end that are served."""
        listeners = {f"[[listener]] {name}": end for name, end in self.listeners_tls.ends.items()}
        ends = self.web_tls.ends | listeners
        return {where: end.timestamp() for where, end in ends.items()}

    def _work_restarted(self) -> None:
        self.metrics.child_restarts += 1
        self.alerting.died()

    # ---- start ----

    def listen(self) -> None:
        """Bind all ports; DoorError for the first that cannot be had, and then none stays open."""
        self.web_tls.make(self.settings)
        self.listeners_tls.make(self.settings)
        ports = Ports(self.reactor, self._given.ports)
        for section in self.settings.listeners:
            factory = self._factory(section)
            tls = self.listeners_tls.of(section.name)
            what = f"listener {section.name}"
            self.ports[section.name] = ports.bind(
                what, section.host, section.port, factory, BACKLOG, tls, name=section.name
            )
            self._where[section.name] = self.ports[section.name].getHost()
            self.factories[section.name] = factory
        web = self.settings.web
        site = health_site(
            self.alive,
            self.not_ready,
            self.metrics.text,
            lambda: self.metrics.work.destination,
            reactor=self.reactor,
            elsewhere=self._elsewhere,
            max_body_bytes=max(MAX_FORM_BYTES, self.receiver.rules.max_body_bytes),
            refused=self.receiver.refused,
            most=self._shares.web,
        )
        self.web_port = ports.bind(
            "[web]", web.host, web.port, site, backlog=50, tls=self.web_tls.web, name="web"
        )
        if (own := self.settings.webhooks_door) is not None:
            self.webhooks_port = self._listen_for_webhooks(ports, *own)
        for port in ports.close_rest():
            event(log, logging.WARNING, "socket-not-ours", name=port.name, where=port, problem=NOT_OURS)

    def _listen_for_webhooks(self, ports: Ports, host: str, port: int) -> Any:
        rules = self.receiver.rules
        site = BoundedSite(
            Alone(self.receiver),
            self.reactor,
            max_body_bytes=rules.max_body_bytes,
            may_connect=lambda peer: self.receiver.rules.may_connect(peer),
            refused=self.receiver.refused,
            most=self._shares.web,
        )
        return ports.bind(
            "[webhooks]", host, port, site, backlog=50, tls=self.web_tls.webhooks, name="webhooks"
        )

    def _elsewhere(self, segments: Sequence[bytes]) -> Any:
        """The page of a path that is not one of health and metrics: that of webhooks where they share the port, or the
        console's; None: there is none.
        """
        shared = self.settings.takes_webhooks and self.settings.webhooks_door is None
        if shared and (found := self.receiver.page(segments)) is not None:
            return found
        return None if self.console is None else self.console.page(segments)

    def _factory(self, section: Listener) -> MLLPFactory:
        return MLLPFactory(
            section.name,
            self.gate,
            self.metrics.listener(section.name),
            self.reactor,
            allow=section.networks,
            limits=Limits(
                section.max_message_bytes,
                section.max_connections,
                section.frame_seconds,
                section.max_connections_per_address,
                min(section.frame_seconds, HANDSHAKE_SECONDS),
            ),
            answering=Answering(section.ack, section.not_stored),
            secured=section.has_tls,
            places=self._places,
            messages_per_second=section.messages_per_second,
            charset=section.charset,
            control_ids=self._control_ids,
            now=WholeSeconds(self.settings.site.zone),
            closed=lambda: self.listeners_tls.closed.get(section.name, ""),
        )

    def start(self) -> None:
        """Start the journal and the work, and say where the door listens."""
        self.journal.start()
        self.inbox.start()
        if self.checkpointing is not None:
            self.checkpointing.start()
        self.supervisor.start()
        self.watch.start()
        self.held_reasons.start()
        for name, address in self._where.items():
            event(log, logging.INFO, "listening", listener=name, host=address.host, port=address.port)
        for name, why in self.listeners_tls.closed.items():
            event(log, logging.ERROR, "listener-closed", listener=name, problem=f"{why}; then SIGHUP")
        if self.webhooks_port is not None:
            address = self.webhooks_port.getHost()
            event(log, logging.INFO, "listening-for-webhooks", host=address.host, port=address.port)
        elif not self.settings.takes_webhooks:
            event(log, logging.WARNING, "webhooks-not-taken", problem=NOT_TAKEN)
        if not self._shares.enough:
            event(
                log,
                logging.WARNING,
                "few-files",
                limit=self._shares.limit,
                wanted=self._shares.wanted,
                connections=self._shares.senders,
            )
        web = self.web_port.getHost()
        where = ",".join(f"{name}:{at.port}" for name, at in self._where.items())
        environment = self.settings.site.environment + (" rehearsal" if self.settings.is_rehearsal else "")
        event(log, logging.INFO, "environment", now=environment, posts_to=self.settings.post_url)
        event(log, logging.INFO, "ready", pid=os.getpid(), listeners=where, web=f"{web.host}:{web.port}")
        self.life.ready()
        all_is_set_up()

    # ---- health ----

    def state(self) -> DoorState:
        """All of it, as a value."""
        return DoorState(
            listeners=tuple(
                ListenerState(
                    name,
                    at.host,
                    at.port,
                    len(self.factories[name].connections),
                    self.listeners_tls.closed.get(name, ""),
                )
                for name, at in self._where.items()
            ),
            work_alive=self.supervisor.alive,
            work_pid=self.supervisor.pid,
            work_restarts=self.metrics.child_restarts,
            trouble=self.metrics.work.trouble,
            journal_alive=self.journal.alive,
            journal_failing=str(self.journal.failing or ""),
            webhooks_failing=str(self.inbox.failing or ""),
            alerts=self.alerting.on,
            destination=self.metrics.work.destination,
            free_bytes=self._seen.free_bytes,
            size_bytes=self._seen.size_bytes,
            stopping=self.stopping,
        )

    def alive(self) -> dict[str, Any]:
        """The JSON of /healthz."""
        return healthz(self.state(), self.settings.site.environment, self.settings.is_rehearsal)

    def not_ready(self) -> Any:
        """A Deferred of the reasons against sending us messages; none: ready."""
        known = against(self.state())
        return self.store_check.fault().addCallback(
            lambda fault: known + ([f"store: {fault}"] if fault else [])
        )

    # ---- reload ----

    def reload(self) -> None:
        """Take new allow-lists from the settings file and have the work read the mapping anew (SIGHUP).

        The work says in the log what became of the mapping. Other changes need a restart, and are named.
        """
        self._keyring.look()
        file = self.settings.file or Path()
        try:
            if file.exists() and not file.is_file():  # a pipe would keep everybody waiting
                raise SettingsError(f"{file} is no file")
            settings = load_settings(file)
        except SettingsError as error:
            event(log, logging.ERROR, "reload-refused", error=error)
            self.life.refused(error)
            return
        logs.use(settings.log.format, settings.log.level)
        for section in settings.listeners:
            if section.name in self.factories:
                self.factories[section.name].allow = section.networks
                self.listeners_tls.renew(settings, section)
        self._reload_webhooks(settings)
        self._reload_web(settings)
        self._reload_alerts(settings)
        event(log, logging.INFO, "reloaded", taken="allow-lists")
        if left := needs_restart(self.settings, settings):
            event(log, logging.WARNING, "restart-needed", settings=", ".join(left))
        self.supervisor.reload()

    def _reload_webhooks(self, settings: Settings) -> None:
        """Who may send, the secret, and a renewed certificate; the ports stay as they are."""
        try:
            rules = rules_of(settings)
            self.web_tls.renew_webhooks(settings)
        except InterfaceError as error:
            event(log, logging.ERROR, "webhooks-not-reloaded", error=error)
            return
        limit = self.receiver.rules.max_body_bytes
        self.receiver.rules = replace(rules, max_body_bytes=limit)

    def _reload_web(self, settings: Settings) -> None:
        """A renewed certificate of [web]; the port stays as it is."""
        try:
            self.web_tls.renew_web(settings)
        except InterfaceError as error:
            event(log, logging.ERROR, "web-not-reloaded", error=error)

    def _reload_alerts(self, settings: Settings) -> None:
        """Thresholds, feeds and channels."""
        try:
            self.alerting.use(settings, channels_of(settings))
        except InterfaceError as error:
            event(log, logging.ERROR, "alerts-not-reloaded", error=error)

    # ---- stop ----

    def stop(self) -> Any:
        """Accept and read nothing more, answer what was taken, let the work drain. Fires when all is done."""
        from twisted.internet.defer import Deferred

        done: Deferred[None] = Deferred()
        self.stopping = True
        event(log, logging.INFO, "stopping")
        self.life.stopping()
        self.supervisor.start_no_more()
        self.watch.stop()
        self.held_reasons.stop()
        self.receiver.stopping = True
        for port in (*self.ports.values(), self.webhooks_port):
            if port is not None:
                port.stopListening()
        deadline = self.reactor.callLater(DRAIN_SECONDS, self._abort)
        open_listeners = set(self.factories)

        def emptied(name: str) -> None:
            open_listeners.discard(name)
            if not open_listeners:
                if deadline.active():
                    deadline.cancel()
                self.gate.hand_over()
                self.journal.stop(
                    lambda: self.inbox.stop(lambda: self.supervisor.stop(lambda: self._keep_alerts(done)))
                )

        for name, factory in tuple(self.factories.items()):
            factory.finish(lambda name=name: emptied(name))  # type: ignore[misc]
        return done

    def _keep_alerts(self, done: Any) -> None:
        if self.checkpointing is not None:
            self.checkpointing.stop()
        self.alerting.stop().addBoth(lambda _: done.callback(None))

    def _abort(self) -> None:
        for factory in self.factories.values():
            factory.abort()
