"""Where requests go."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Target:
    """The whole URL, the API key, and the limits in seconds.

    `verify`: True for the usual certificate authorities, or the path of a bundle. TLS is always verified.
    """

    url: str
    key: str = field(repr=False)
    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    verify: bool | str = True
