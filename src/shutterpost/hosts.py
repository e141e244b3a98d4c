"""What to paste into a resolver, so that cameras find this machine. Pure, but `own_address`."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shutterpost.camera.models import GLD, HOSTS, MODELS, MSN, YAHOO, Model


@dataclass(frozen=True, slots=True)
class Wanted:
    """Names that shall resolve to an address, in groups with the reason for each."""

    address: str
    groups: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return tuple(name for _, names in self.groups for name in names)


def wanted(address: str, model: Model | None) -> Wanted:
    """The names of one camera, or of all."""
    if model is not None:
        return Wanted(address, ((f"for the {model.name}", model.hosts),))

    def who(host: str) -> str:
        names = [model.name for model in MODELS if host in model.extra_hosts]
        return f"{', '.join(names[:-1])} and {names[-1]} ask for this too"

    groups = (
        ("every camera asks for these", HOSTS),
        (who(YAHOO), (YAHOO,)),
        (who(MSN), (MSN,)),
    )
    return Wanted(address, groups)


def has_network() -> bool:
    """Whether a route leads out of this machine; a hotspot off grid has none."""
    try:
        own_address()
    except OSError:
        return False
    return True


def own_address() -> str:
    """This machine's address in the network that leads out; raises OSError without one.

    Connecting a UDP socket only looks up the route; nothing is sent.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("192.0.2.1", 9))
        return str(sock.getsockname()[0])


def _hosts(wanted: Wanted) -> str:
    """A hosts file: /etc/hosts, or a file that a resolver reads as well."""
    return _lines(wanted, lambda names: [f"{wanted.address} {' '.join(names)}"])


def card_files(wanted: Wanted) -> dict[str, str]:
    """The two files for the top folder of a camera's SD card, by name (docs/protocol.md, 8)."""
    return {
        "autoexec.sh": ("mount / -o remount,rw\ncp /mnt/mmc/hosts /etc\nmount / -o remount,ro\n"),
        "hosts": f"127.0.0.1 localhost\n{wanted.address} {' '.join(wanted.names)}\n",
    }


def _autoexec(wanted: Wanted) -> str:
    """Files for the camera's own SD card."""
    line = f"{wanted.address} {' '.join(wanted.names)}"
    files = "\n".join(f"# ---- file: {name}\n{text}" for name, text in card_files(wanted).items())
    return f"""\
# NX300, NX300M, NX310, NX30, NX2000: two files in the top folder of the SD card
# (--write DIR writes them). The camera copies the names into its own memory at every
# start, and forgets them when the card is not in.

{files}
# NX500 and NX1 keep what is typed in a shell on the camera:
#   mount / -o remount,rw
#   echo '{line}' >> /etc/hosts
#   mount / -o remount,ro
"""


def _dnsmasq(wanted: Wanted) -> str:
    """A file for /etc/dnsmasq.d, for example shutterpost.conf."""

    def records(names: Sequence[str]) -> list[str]:
        found = []
        for name in names:
            found += [f"host-record={name},{wanted.address},60", f"local=/{name}/"]
        return found

    return _lines(wanted, records)


def _unbound(wanted: Wanted) -> str:
    """A file for /etc/unbound/unbound.conf.d, for example shutterpost.conf."""

    def records(names: Sequence[str]) -> list[str]:
        found = []
        for name in names:
            found.append(f'    local-zone: "{name}." static')
            found.append(f'    local-data: "{name}. 60 IN A {wanted.address}"')
        return found

    return "server:\n" + _lines(wanted, records, "    ")


def _pihole(wanted: Wanted) -> str:
    """Commands for the machine that Pi-hole runs on."""
    lines = _hosts(wanted).rstrip("\n")
    return f"""\
# Paste this into a terminal on the Pi-hole. Version 6 reads the file by itself:
sudo tee /etc/pihole/hosts/shutterpost.list <<'END'
{lines}
END
# (Version 5: append the same lines, one name per line, to /etc/pihole/custom.list,
# then run: pihole restartdns)

# Common block lists carry {GLD}, so it has to be allowed:
sudo pihole allow {GLD}
# (Version 5: pihole -w {GLD})
sudo pihole reloaddns
"""


def _adguard(wanted: Wanted) -> str:
    """Rules for Filters, Custom filtering rules."""

    def rules(names: Sequence[str]) -> list[str]:
        found = []
        for name in names:
            found.append(f"|{name}^$dnstype=A,dnsrewrite=NOERROR;A;{wanted.address}")
            found.append(f"|{name}^$dnstype=~A,dnsrewrite=NOERROR;;")
        return found

    allow = f"! block lists carry this name\n@@|{GLD}^$important\n"
    return _lines(wanted, rules, comment="!") + allow


def _coredns(wanted: Wanted) -> str:
    """A block for the Corefile, inside the server block that answers the camera."""
    lines = _lines(wanted, lambda names: [f"    {wanted.address} {' '.join(names)}"], "    ")
    return f"hosts {{\n{lines}    ttl 60\n    fallthrough\n}}\n"


def _openwrt(wanted: Wanted) -> str:
    """Commands for a shell on the router."""

    def commands(names: Sequence[str]) -> list[str]:
        found = []
        for name in names:
            found += [
                "uci add dhcp domain",
                f"uci set dhcp.@domain[-1].name='{name}'",
                f"uci set dhcp.@domain[-1].ip='{wanted.address}'",
            ]
        return found

    return _lines(wanted, commands) + "uci commit dhcp\nservice dnsmasq restart\n"


def _lines(
    wanted: Wanted,
    entries: Callable[[Sequence[str]], list[str]],
    indent: str = "",
    comment: str = "#",
) -> str:
    lines = []
    for why, names in wanted.groups:
        lines += [f"{indent}{comment} {why}", *entries(names)]
    return "\n".join(lines) + "\n"


FORMATS: dict[str, Callable[[Wanted], str]] = {
    "hosts": _hosts,
    "autoexec": _autoexec,
    "dnsmasq": _dnsmasq,
    "unbound": _unbound,
    "pihole": _pihole,
    "adguard": _adguard,
    "coredns": _coredns,
    "openwrt": _openwrt,
}
"""How each format is written."""
