"""Being a systemd service: ready, alive, and given its sockets; nothing without it."""

import asyncio
import os
import socket

_FIRST_SOCKET = 3  # SD_LISTEN_FDS_START


def notify(state: str) -> None:
    """Send one state, for example `READY=1`."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.connect(address)
        sock.sendall(state.encode())


def inherited_sockets() -> dict[str, list[socket.socket]]:
    """The sockets that systemd opened for us, by their FileDescriptorName.

    They are taken out of the environment, so that no command of ours finds them.
    """
    pid, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "0")
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    found: dict[str, list[socket.socket]] = {}
    if pid == str(os.getpid()):
        for number, name in zip(range(int(count)), names, strict=False):
            inherited = socket.socket(fileno=_FIRST_SOCKET + number)
            inherited.set_inheritable(False)
            found.setdefault(name, []).append(inherited)
    return found


async def watchdog() -> None:
    """Say twice per watchdog interval that the event loop still turns."""
    interval = int(os.environ.get("WATCHDOG_USEC") or 0) / 1_000_000
    while interval > 0:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval / 2)
