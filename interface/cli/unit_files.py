"""systemd's units for a site's settings, as text: the service, and the ports that systemd keeps open for it. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interface.cli.common import UsageError
from interface.settings import Settings

NAME = "hl7-interface"
SERVICE, SOCKET = f"{NAME}.service", f"{NAME}.socket"
CREDENTIALS = Path("/etc/hl7-interface/credentials")
"""Where the secrets lie that settings name as `credential:NAME`; root alone reads them."""
ENVIRONMENT = Path("/etc/hl7-interface/environment")
"""Where variables stand that settings name as `env:NAME`."""
STATE = Path("/var/lib")
RELOAD_BY_NOTIFY = 253
"""The first systemd that knows Type=notify-reload."""
ALWAYS_THERE = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104 - addresses of each machine

_MARK = re.compile(r"^# Made by hl7-interface install-service \(([0-9a-f]{16})\)\..*\n", re.MULTILINE)
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_REFERENCE = re.compile(r"(env|credential|file):(.+)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the service is to run."""

    settings: Path
    """The settings file, absolute, where the service finds it."""
    program: tuple[str, ...]
    """The program and its first words, such as `/opt/hl7-interface/bin/hl7-interface`."""
    user: str = NAME
    systemd: int = 252
    """Its version."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What the service needs of the machine, by its settings."""

    ports: tuple[tuple[str, str, int], ...]
    """What for, address, port."""
    credentials: tuple[str, ...]
    variables: tuple[str, ...]
    """Of the environment."""
    written: tuple[Path, ...] = field(default=())
    """Folders that the service writes in."""


def needs(settings: Settings, place: Place) -> Needs:
    """What the units are made of."""
    ports = [(f"listener {section.name}", section.host, section.port) for section in settings.listeners]
    ports.append(("console, health, metrics", settings.web.host, settings.web.port))
    if (own := settings.webhooks_door) is not None:
        ports.append(("webhooks", *own))
    named = sorted(set(_references(settings.model_dump())))
    store = settings.store_path
    written = () if store is None else (place.settings.parent / _within(store, settings.directory),)
    return Needs(
        tuple(port for port in ports if port[2]),
        tuple(name for kind, name in named if kind == "credential"),
        tuple(name for kind, name in named if kind == "env"),
        tuple(path.parent for path in written),
    )


def _within(path: Path, folder: Path) -> Path:
    """Relative to the folder of the settings, where it lies in it: the file may be read elsewhere than it will stand."""
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _references(value: Any) -> Iterator[tuple[str, str]]:
    """Each `env:NAME`, `credential:NAME` and `file:PATH` of the settings."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _references(inner)
    elif isinstance(value, str) and (found := _REFERENCE.fullmatch(value)):
        yield found[1], found[2]


_SERVICE = """\
# What is to be different at this site: `systemctl edit hl7-interface.service`, which the next version leaves alone.

[Unit]
Description=HL7 v2 interface to Connective Health
Wants=network-online.target
After=network-online.target postgresql.service
# The ports stay open while the service is started anew: no sender is refused.
Requires={socket}
After={socket}
# It is started again for ever: nobody need be awake when what kept it from starting is mended.
StartLimitIntervalSec=0

[Service]
{type}
ExecStart={program} run -c {settings}
Restart=always
RestartSec=5
# A large store may take long to bring up to date; one that waits for room asks for more time by itself.
TimeoutStartSec=15min
# What was taken is answered, requests under way come to their end: 65 s at most.
TimeoutStopSec=90
# One that the watchdog ends has nothing to bring to an end.
TimeoutAbortSec=15
# A reactor or a storing thread that hangs is ended and started anew; a disk that fails is not for a restart to cure.
WatchdogSec=30
# When that happens the log says where each thread was: files and lines, no values. No core: it would hold patient data.
Environment=PYTHONFAULTHANDLER=1
LimitCORE=0
# SIGTERM to the door alone: it ends the work in good order.
KillMode=mixed
# The work that runs out of memory is started again by the door; the door goes on.
OOMPolicy=continue
LimitNOFILE=65536
# One line for each message: none may be left out.
LogRateLimitIntervalSec=0

User={user}
UMask=0077
{files}
# From here on: what it may not. docs/service.md says how each was tried.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateMounts=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
# Not MemoryDenyWriteExecute: TLS asks back through code that is made in memory (cffi's callbacks), and would not start.
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# The work gives way to the door; to take more than others needs a capability that neither has.
SystemCallFilter=setpriority
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""

_SOCKET = """\
# The ports that the settings name. After a change of them: `hl7-interface install-service`, and start both anew.

[Unit]
Description=Ports of the HL7 v2 interface to Connective Health

[Socket]
{ports}
Backlog=128
{bind}# A service that can't start is tried again every few seconds; the ports stay open meanwhile.
TriggerLimitIntervalSec=0

[Install]
WantedBy=sockets.target
"""


def units(needed: Needs, place: Place) -> dict[str, str]:
    """The text of each unit by its file's name. Raises UsageError: a name or path that no unit can hold."""
    if not _USER.fullmatch(place.user):
        raise UsageError(
            f"install-service: {place.user!r} is no name of a user: small letters, digits, _ and -"
        )
    by_notify = place.systemd >= RELOAD_BY_NOTIFY
    service = _SERVICE.format(
        socket=SOCKET,
        type="Type=notify-reload" if by_notify else "Type=notify\nExecReload=/bin/kill -HUP $MAINPID",
        program=" ".join(_word(word) for word in place.program),
        settings=_word(str(place.settings)),
        user=place.user,
        files="\n".join(_files(needed)) + "\n" if _files(needed) else "",
    )
    ports = "\n".join(f"# {what}\nListenStream={_port(host, number)}" for what, host, number in needed.ports)
    specific = any(host not in ALWAYS_THERE for _, host, _ in needed.ports)
    early = (
        "# An address that the machine does not have yet, early in its start, is no fault.\nFreeBind=yes\n"
    )
    socket = _SOCKET.format(ports=ports, bind=early if specific else "")
    return {SERVICE: _marked(service), SOCKET: _marked(socket)}


def _files(needed: Needs) -> list[str]:
    """What it reads and writes."""
    lines = [f"LoadCredential={name}:{CREDENTIALS / name}" for name in needed.credentials]
    if needed.variables:
        lines.append(f"EnvironmentFile=-{ENVIRONMENT}")
    for folder in needed.written:
        if folder.is_relative_to(STATE) and folder != STATE:
            lines += [f"StateDirectory={_path(folder.relative_to(STATE))}", "StateDirectoryMode=0700"]
        else:
            lines.append(f"ReadWritePaths={_path(folder)}")
    return lines


def _port(host: str, number: int) -> str:
    host = "127.0.0.1" if host == "localhost" else host
    return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"


def _word(text: str) -> str:
    """A word of a command line."""
    return _quoted(text.replace("$", "$$"))


def _path(path: Path) -> str:
    return _quoted(str(path))


def _quoted(text: str) -> str:
    if not text.isprintable():
        raise UsageError(f"install-service: a path with control characters stands in no unit: {text!r}")
    text = text.replace("%", "%%")
    if re.search(r"[\s\"'\\;]", text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _marked(text: str) -> str:
    return f"# Made by {NAME} install-service ({_digest(text)}).\n{text}"


def changed_by_hand(text: str) -> bool:
    """Whether a unit that is there is not as some `install-service` has written it."""
    found = _MARK.match(text)
    return found is None or found[1] != _digest(text[found.end() :])
