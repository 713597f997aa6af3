"""Receivers that store nothing, to hold ours against.

`python -m benchmarks.receivers python-hl7|twisted` prints its port.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, cast

LIMIT = 1024 * 1024
FIXED_ACK = b"\x0bMSH|^~\\&|B|B|A|A|20260101000000||ACK|1|P|2.5.1\rMSA|AA|1\r\x1c\r"


async def python_hl7() -> None:
    """python-hl7's own asyncio server: parses, answers with `create_ack`."""
    from hl7.mllp import start_hl7_server

    async def answer(reader: Any, writer: Any) -> None:
        try:
            while not writer.is_closing():
                message = await reader.readmessage()
                writer.writemessage(message.create_ack())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await start_hl7_server(answer, host="127.0.0.1", port=0, limit=LIMIT, encoding="utf-8")
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def twisted() -> None:
    """Bare Twisted: finds the end of the frame, answers the same bytes each time."""
    from twisted.internet import reactor as installed
    from twisted.internet.protocol import Factory, Protocol

    reactor: Any = installed

    class Fixed(Protocol):
        """One connection."""

        def connectionMade(self) -> None:  # noqa: N802
            """Begin with nothing read."""
            self.buffer = b""
            self.socket = cast(Any, self.transport)
            self.socket.setTcpNoDelay(True)

        def dataReceived(self, data: bytes) -> None:  # noqa: N802
            """Answer each whole frame."""
            *frames, self.buffer = (self.buffer + data).split(b"\x1c\r")
            for _ in frames:
                self.socket.write(FIXED_ACK)

    port = reactor.listenTCP(0, Factory.forProtocol(Fixed), interface="127.0.0.1", backlog=128)
    print(f"port {port.getHost().port}", flush=True)
    reactor.run()


if __name__ == "__main__":
    if sys.argv[1:] == ["twisted"]:
        twisted()
    else:
        asyncio.run(python_hl7())
