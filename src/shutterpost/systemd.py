"""Being a systemd service: ready, alive, and given its sockets; nothing without it."""

import asyncio
import logging
import os
import socket

log = logging.getLogger(__name__)

_FIRST_SOCKET = 3  # SD_LISTEN_FDS_START
_AGAIN = 1.0  # seconds between two tries to say that the server is ready


def notify(state: str) -> None:
    """Send one state, for example `READY=1`. Raises OSError if nobody takes it."""
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


async def report() -> None:
    """Say that the server is ready, and then twice per watchdog interval that it is alive.

    A socket that is away for a moment (systemd is executed anew, a container's runtime
    restarts) is no reason to stop: systemd kills what it has not heard of for an interval.
    """
    interval = int(os.environ.get("WATCHDOG_USEC") or 0) / 1_000_000
    state, was_heard = "READY=1", True
    while True:
        try:
            notify(state)
        except OSError as error:
            if was_heard:
                log.warning("systemd does not hear %s, trying again: %s", state, error)
            was_heard = False
        else:
            state, was_heard = "WATCHDOG=1", True
            if interval <= 0:
                return
        await asyncio.sleep(interval / 2 if interval > 0 else _AGAIN)
