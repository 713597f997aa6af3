"""Who may connect: a listener's allow-list of networks (CIDR), judged on the address alone."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
"""Taken for an empty allow-list: a listener without a list must not be open to the network."""


def permits(networks: Sequence[Network], host: str) -> bool:
    """True when `host` (an IPv4 or IPv6 address in text) is in one of `networks`; none given: loopback only.

    An IPv4 sender that reaches an IPv6 socket (::ffff:10.20.0.7) is judged by its IPv4 address.
    """
    address = _address(host)
    return address is not None and any(address in network for network in networks or LOOPBACK)


def is_address(host: str) -> bool:
    """Whether `host` is an IPv4 or IPv6 address in text."""
    return _address(host) is not None


@lru_cache(maxsize=1024)
def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
