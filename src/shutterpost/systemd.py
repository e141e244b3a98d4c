"""Telling systemd that the server is ready and alive (sd_notify); nothing without it."""

import asyncio
import os
import socket


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


async def watchdog() -> None:
    """Say twice per watchdog interval that the event loop still turns."""
    interval = int(os.environ.get("WATCHDOG_USEC") or 0) / 1_000_000
    while interval > 0:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval / 2)
