"""`check --running`: whether the daemon of these settings lives, by its /healthz; for a container's health check."""

from __future__ import annotations

import http.client
import json
import ssl

from interface.cli.checks import Finding
from interface.settings import Settings

SECONDS = 5.0


def is_running(settings: Settings) -> list[Finding]:
    """One finding: alive, or why not. TLS is not verified: the certificate bears the machine's name, we ask by loopback."""
    web = settings.web
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(web.host, web.host)  # noqa: S104 - asked by loopback
    try:
        told = _ask(host, web.port, tls=web.has_tls)
        work = "up" if told["work"]["alive"] else "down"
        text = f"alive, process {told['pid']}, work {work}"
    except OSError as error:
        return [Finding("FAIL", "daemon", f"no answer at {host}:{web.port}: {error.strerror or 'timed out'}")]
    except (ValueError, KeyError, TypeError, http.client.HTTPException):
        return [Finding("FAIL", "daemon", f"another program answers at {host}:{web.port}")]
    return [Finding("ok", "daemon", text)]


def _ask(host: str, port: int, *, tls: bool) -> dict[str, dict[str, object]]:
    connection: http.client.HTTPConnection
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        connection.request("GET", "/healthz")
        told: dict[str, dict[str, object]] = json.loads(connection.getresponse().read())
        return told
    finally:
        connection.close()
