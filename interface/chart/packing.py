"""Documents of a chart and beside a request as bytes: MessagePack, and the JSON that older versions stored.

MessagePack takes a fifth less room than JSON and is written somewhat faster: 10 us of a message's 700. The first byte
tells them apart: these documents are objects, and `{` begins none in MessagePack.
"""

from __future__ import annotations

from typing import Any

import msgspec

_JSON = b"{"

_pack = msgspec.msgpack.Encoder().encode
_write = msgspec.json.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
_read = msgspec.json.Decoder().decode


def packed(document: Any) -> bytes:
    """A struct or dict as bytes. A number beyond 64 bits has a form in JSON alone. Raises UnicodeEncodeError."""
    try:
        return _pack(document)
    except OverflowError:
        return _write(document)


def is_json(document: bytes) -> bool:
    """Whether it is JSON, and not MessagePack."""
    return document.startswith(_JSON)


def unpacked(document: bytes) -> Any:
    """The document as plain values. Raises msgspec.DecodeError, a ValueError."""
    return _read(document) if is_json(document) else _unpack(document)
