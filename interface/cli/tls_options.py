"""The options of commands that send by MLLP: how to connect by TLS."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from interface.cli.common import UsageError

if TYPE_CHECKING:
    from interface.cli.mllp_tls import ClientTLS

OPTIONS = ("tls-ca", "tls-name", "tls-certificate", "tls-key", "tls-insecure")
INSECURE = "--tls-insecure: the receiver's certificate is NOT checked; whoever stands in between can read what is sent"


def add_tls_options(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    tls = parser.add_argument_group("TLS")
    tls.add_argument("--tls", action="store_true", help="connect by TLS")
    tls.add_argument(
        "--tls-ca",
        metavar="FILE",
        help="PEM of the receiver's authority; else those that this machine trusts",
    )
    tls.add_argument("--tls-name", metavar="NAME", help="whom its certificate must be for; else HOST")
    tls.add_argument(
        "--tls-certificate", metavar="FILE", help="PEM of our own certificate, where it wants one"
    )
    tls.add_argument("--tls-key", metavar="FILE", help="PEM of its key")
    tls.add_argument(
        "--tls-insecure", action="store_true", help="do not check the receiver's certificate: for trials only"
    )


def tls_of(args: argparse.Namespace, command: str) -> ClientTLS | None:
    """What they say; None: plain MLLP. Raises UsageError, which names the `command`."""
    if not args.tls:
        given = [name for name in OPTIONS if getattr(args, name.replace("-", "_"))]
        if given:
            raise UsageError(f"{command}: --{given[0]} needs --tls")
        return None
    if (args.tls_certificate is None) != (args.tls_key is None):
        raise UsageError(f"{command}: --tls-certificate and --tls-key go together")
    if args.tls_insecure:
        print(INSECURE, file=sys.stderr, flush=True)
    from interface.cli.mllp_tls import client_tls

    return client_tls(
        ca=args.tls_ca,
        certificate=args.tls_certificate,
        key=args.tls_key,
        name=args.tls_name,
        insecure=args.tls_insecure,
    )
