"""Where a host name leads, before anything is sent there.

A name that someone typed into a page may lead to the owner's router: inside this network
nothing is asked unless the owner said so. The address that was looked at is the one that is
connected to, so that a second answer of the DNS changes nothing.
"""

import asyncio
import ipaddress
import socket
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

from shutterpost.actions import TemporaryError

_RESOLVING = 20.0  # seconds
_CONNECTING = 10.0
_MOST = 8  # addresses of one name that are tried


class InsideError(Exception):
    """A host is inside this network, or on this machine; the message says so."""


async def outside(url: str) -> tuple[str, str]:
    """The URL with an address that answers in its host's place, and the host with its port.

    Raises InsideError if one of the host's addresses is not a public one, TemporaryError if
    it has none or none that answers.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    for address in await _addresses(host, port):
        if not await _answers(address, port):
            continue
        literal = f"[{address}]" if ":" in address else address
        netloc = literal if parts.port is None else f"{literal}:{parts.port}"
        return urlunsplit(parts._replace(netloc=netloc)), parts.netloc.rpartition("@")[2]
    raise TemporaryError(f"{url} cannot be reached: nothing answers on port {port}")


async def _addresses(host: str, port: int) -> list[str]:
    try:
        async with asyncio.timeout(_RESOLVING):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
    except (OSError, UnicodeError, TimeoutError) as error:
        raise TemporaryError(f"{host} cannot be reached: its name is not known") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))[:_MOST]
    for address in addresses:
        if not is_public(address):
            raise InsideError(f"{host} is {address}, inside your own network")
    return addresses


def is_public(address: str) -> bool:
    """Whether an address is one of the Internet, however it is written."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found.sixtofour or _nat64(found) or found
    return found.is_global and not found.is_multicast


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside one that a translator makes (RFC 6052)."""
    if address not in ipaddress.IPv6Network("64:ff9b::/96"):
        return None
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


async def _answers(address: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_CONNECTING):
            _, writer = await asyncio.open_connection(address, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
