"""What the server says when it starts, and why when it cannot."""

import os
import sys
from typing import TYPE_CHECKING

from shutterpost import __version__
from shutterpost.config import Config
from shutterpost.config.values import PRIVATE, Address
from shutterpost.hosts import own_address
from shutterpost.spool import Opened

if TYPE_CHECKING:
    from shutterpost.web.page import Page


def announce(config: Config, listening: Address, page: "Page | None", opened: Opened) -> None:
    """Print what runs, where, and for whom."""
    source = "no configuration file, built-in defaults"
    if config.source is not None:
        kind = " (a samsung-nx-emailservice configuration)" if config.reference_dialect else ""
        source = f"{config.source}{kind}"
    lines = [f"Shutterpost {__version__}: {source}"]
    lines += [f"warning:   {warning}" for warning in config.warnings]
    if os.geteuid() == 0:
        lines.append("warning:   running as root, which is not needed: see docs/port-80.md")
    lines += [
        f"cameras:   http://{_reachable(listening)}, from {_networks(config)}",
        f"page:      {f'http://{_reachable(page.address)}/' if page else 'off'}",
        *_password(page),
        f"senders:   {', '.join(config.senders) or 'nobody'}",
        f"data:      {config.storage.data}",
        f"photos:    {config.storage.photos}",
        f"mail:      {_mail(config)}",
    ]
    if config.dns.listen:
        lines.append(f"dns:       {config.dns.listen}, {_dns(config)}")
    if opened.removed:
        lines.append(f"cleaned:   {opened.removed} unfinished files of an earlier run")
    if opened.set_aside:
        lines.append(
            f"DAMAGED:   the database could not be read and is now {opened.set_aside}; put a "
            "backup in its place, or go on with the new one"
        )
    if opened.found:
        lines.append(
            f"FOUND:     {opened.found} photos without a delivery, in {config.storage.data}/spool/"
            "found: `shutterpost recover` stores them (--to ADDRESS sends them)"
        )
    print("\n".join(lines), flush=True)


def cannot_listen(address: Address, error: OSError, setting: str) -> str:
    """Why an address cannot be listened on, and what to do."""
    advice = {
        "Address already in use": f"another program uses this port: stop it, or change {setting}",
        "Permission denied": "ports below 1024 need a privilege: see docs/port-80.md",
    }
    what = os.strerror(error.errno) if error.errno else str(error)
    return f"cannot listen on {address}: {what}. {advice.get(what, f'See {setting}')}"


def _reachable(address: Address) -> Address:
    """An address that can be opened: of those that "every address" stands for, ours."""
    if address.host not in ("0.0.0.0", "::"):  # noqa: S104 (this binds nothing)
        return address
    try:
        return Address(own_address(), address.port)
    except OSError:
        return Address("127.0.0.1", address.port)


def _password(page: "Page | None") -> list[str]:
    """The page's password: shown once, and on a terminal only."""
    if page is None:
        return []
    if page.new_password and sys.stdout.isatty():
        return [f"password:  {page.new_password} (`shutterpost password` shows it again)"]
    return ["password:  shown by `shutterpost password`"]


def _networks(config: Config) -> str:
    allow = config.server.allow
    return "private networks" if allow == PRIVATE else ", ".join(map(str, allow))


def _dns(config: Config) -> str:
    upstream = config.dns.upstream
    others = "refused" if upstream == "off" else f"forwarded to {upstream}"
    return f"camera names at {config.dns.address}, others {others}"


def _mail(config: Config) -> str:
    if config.email.host:
        return f"through {config.email.host}:{config.email.port}"
    return "no SMTP server is configured ([email] host): e-mails are stored in photos instead"
