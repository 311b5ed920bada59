"""Whether an address is public. Over a public one there is no connection without TLS and a password."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable

from soulsai_core.errors import ConfigError
from soulsai_core.transport.address import Address

Resolve = Callable[[str], Iterable[str]]


def resolved(host: str) -> list[str]:
    """The numeric addresses of a host. None if the name is not known: then there is no server to be reached, either."""
    try:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []


_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
"""This machine (RFC 1122), and private networks (RFC 1918, RFC 4193). Others are shared with strangers: behind the
addresses of carriers (RFC 6598) are the provider's other customers, and link-local ones may be of any network."""


def is_public(host: str, resolve: Resolve = resolved, private: Iterable[str] = ()) -> bool:
    """Whether the host has an address that is neither this machine's own nor of a private network.

    The unspecified address (0.0.0.0, ::) stands for all of a machine's own. It counts as public, since one of them may
    be.

    Args:
        private: further networks that count as private, such as "100.64.0.0/10" for a VPN that uses it.
    """
    networks = (*_PRIVATE, *map(ipaddress.ip_network, private))
    return not all(_is_in(text, networks) for text in resolve(host))


def _is_in(text: str, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])  # without the interface, as in fe80::1%eth0
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def refuse_exposed(
    address: Address, password: str | None, resolve: Resolve = resolved, private: Iterable[str] = ()
) -> None:
    """Raise ConfigError for a public address without TLS or without a password."""
    if address.path or (address.tls and password) or not is_public(address.host, resolve, private):
        return
    missing = "a password is" if address.tls else "TLS is" if password else "TLS and a password are"
    raise ConfigError(
        f"{address} is a public address, and {missing} missing: others on the way could read and change "
        "everything. `soulsai init` makes passwords and certificates, and then the address begins with rediss://; "
        "within a private network or a VPN use the address that the server has there, and name a VPN's network in "
        "redis.private_networks if it is not one of those that are always private (such as 10.0.0.0/8)."
    )
