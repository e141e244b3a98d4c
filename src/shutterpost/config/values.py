"""Readers of single values. Each takes what TOML holds and returns what it means.

Each raises ValueError with a sentence that says what the value must be.
"""

import functools
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from shutterpost.camera.models import find_model

LAST_PORT = 65535
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Reader = Callable[[object], object]
T = TypeVar("T")

_DURATION = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SIZE = {
    **{"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12},
    **{"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40},
}
_QUANTITY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([A-Za-z]+)")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9.])?")
_SERVER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9.])?")
_BRACKETED = re.compile(r"\[(.*)\]")
_PORT = re.compile(r"[0-9]{1,5}")
_URL = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?/?")
_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")

PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16"),
        *("::1/128", "fe80::/10", "fc00::/7"),
    )
)
"""RFC 1918, loopback, link-local and unique local addresses."""
ANY = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


class Secret:
    """A value that is never printed: only `reveal` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret('***')" if self._value else "Secret('')"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def string(value: object) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise ValueError('must be text in quotes, for example "text"')
    return value


def secret(value: object) -> Secret:
    """Text that must not be shown."""
    return Secret(string(value))


def boolean(value: object) -> bool:
    """Either true or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false, without quotes")
    return value


@functools.lru_cache(1024)
def plain_address(address: str) -> str:
    """A peer's address; IPv4 as such even on an IPv6 socket. Raises ValueError."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def strings(value: object) -> tuple[str, ...]:
    """A list of text."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError('must be a list of texts, for example ["one", "two"]')
    return tuple(value)


def command(value: object) -> tuple[str, ...]:
    """A command and its arguments, each one text."""
    words = strings(value)
    if words and not words[0]:
        raise ValueError('must begin with a program, for example ["./log.sh", "{filename}"]')
    return words


def port(value: object) -> int:
    """A TCP or UDP port."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LAST_PORT:
        raise ValueError("must be a port number from 1 to 65535, without quotes")
    return value


def count(value: object) -> int:
    """How many of something; at least none."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("must be a number, without quotes")
    return value


def duration(value: object) -> float:
    """Seconds of "60 s", "5 min", "1 h", "30 d"."""
    seconds = _quantity(
        value, _DURATION, 'must be a time with its unit, for example "60 s" or "5 d"'
    )
    if seconds <= 0:
        raise ValueError("must be longer than nothing")
    return seconds


def retention(value: object) -> float:
    """Seconds of a duration; "forever" is infinite."""
    return float("inf") if value == "forever" else duration(value)


def time_limit(value: object) -> float:
    """Seconds of a duration; "off" is infinite."""
    return float("inf") if value == "off" else duration(value)


def size(value: object) -> int:
    """Bytes of "25 MiB", "4 GiB", "500 MB"."""
    return int(_quantity(value, _SIZE, 'must be a size with its unit, for example "25 MiB"'))


def positive_size(value: object) -> int:
    """Bytes, at least one."""
    number = size(value)
    if number < 1:
        raise ValueError("must be at least one byte")
    return number


def _quantity(value: object, units: dict[str, int], wanted: str) -> float:
    match = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or match[2] not in units:
        raise ValueError(wanted)
    return float(match[1]) * units[match[2]]


def address(value: object) -> Address:
    """A local address and port, "0.0.0.0:8080" or "[::]:8080"."""
    wanted = 'must be an address and a port, for example "0.0.0.0:8080" or "[::]:8080"'
    host, _, number = string(value).rpartition(":")
    if not _PORT.fullmatch(number) or int(number) > LAST_PORT:
        raise ValueError(wanted)
    bracketed = _BRACKETED.fullmatch(host)
    if bracketed:
        host = bracketed[1]
    if (host != "localhost" and not _is_ip(host)) or (bracketed and ":" not in host):
        raise ValueError(wanted)
    return Address(host, int(number))


def address_or_off(value: object) -> Address | None:
    """A local address and port, or "off"."""
    return None if value == "off" else address(value)


def ip_or(word: str) -> Callable[[object], str]:
    """An IP address, or one given word."""

    def read(value: object) -> str:
        text = string(value)
        if text != word and not _is_ip(text):
            raise ValueError(f'must be an IP address or "{word}"')
        return text

    return read


def networks(value: object) -> tuple[Network, ...]:
    """Networks as CIDRs; "private" and "any" stand for several."""
    found: list[Network] = []
    for text in strings(value):
        if text in ("private", "any"):
            found += PRIVATE if text == "private" else ANY
            continue
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError:
            raise ValueError(
                f'"{text}" is no network: write "private", "any", or for example "192.168.1.0/24"'
            ) from None
    return tuple(found)


def cameras(value: object) -> tuple[str, ...]:
    """Camera models."""
    for name in strings(value):
        try:
            find_model(name)
        except KeyError:
            raise ValueError(f'"{name}" is no known camera: see `shutterpost cameras`') from None
    return strings(value)


def host(value: object) -> str:
    """A host name or an IP address; empty for none."""
    text = string(value)
    if text and not (_HOST.fullmatch(text) or _is_ip(text)):
        raise ValueError("must be a host name without http:// and without a port")
    return text


def url(value: object) -> str:
    """An http or https URL without path; empty for none."""
    text = string(value)
    found = _URL.fullmatch(text)
    if text and not (found and _is_server(found[1], found[2] or "0")):
        raise ValueError('must be a server\'s URL, for example "https://photog.social"')
    return text.removesuffix("/")


def _is_server(name: str, number: str) -> bool:
    bracketed = _BRACKETED.fullmatch(name)
    is_named = _is_ip(bracketed[1]) and ":" in name if bracketed else _SERVER.fullmatch(name)
    return bool(is_named) and int(number) <= LAST_PORT


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def endpoint(value: object) -> str:
    """An http or https URL with a path; empty for none."""
    text = string(value)
    if text and not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:_-]+(?:/[!-~]*)?", text):
        raise ValueError('must be a URL, for example "https://login.example.org/oauth2/token"')
    return text


def one_of(*words: str) -> Callable[[object], str]:
    """One of a few words."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError("must be one of " + ", ".join(f'"{word}"' for word in words))
        return value

    return read


def mail_address(value: object) -> str:
    """One e-mail address; empty for none."""
    text = string(value)
    if text and not re.fullmatch(r"[^\s<>@,;]+@[^\s<>@,;]+", text):
        raise ValueError('must be one bare e-mail address, for example "me@example.org"')
    return text


def folder_name(text: str) -> str:
    """The name of a folder below the photos folder."""
    if not _FOLDER.fullmatch(text):
        raise ValueError("may only have letters, digits, '_', '-' and '.', and not begin with '.'")
    return text
