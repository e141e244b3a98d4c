"""The page's server: Starlette on uvicorn, inside our own event loop and signals."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from shutterpost.config.values import Address
from shutterpost.page_password import PagePassword
from shutterpost.web.app import application
from shutterpost.web.house import House
from shutterpost.web.patience import Protocol

STOP = 1.0
"""Seconds that requests of people have left when the server stops."""


class _Uvicorn(uvicorn.Server):
    """Leaves signals to the server that it is a part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class Page:
    """Serves people until closed."""

    def __init__(self, house: House) -> None:
        """Raises PasswordFileError."""
        password = PagePassword(house.config)
        current = password.current()
        self.new_password = current.shown if current.made_now else ""
        """A password that was made just now, to be shown once."""
        self._stopping = asyncio.Event()
        settings = uvicorn.Config(
            application(house, password, self._stopping),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            http=Protocol,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=int(STOP),
        )
        self._server = _Uvicorn(settings)
        self._serving: asyncio.Task[None] | None = None
        self.address = Address("", 0)

    async def open(self, address: Address, inherited: socket.socket | None = None) -> None:
        """Listen and serve there, or on a socket that was opened for us. Raises OSError."""
        listener = inherited or socket.create_server(
            (address.host, address.port),
            family=socket.AF_INET6 if ":" in address.host else socket.AF_INET,
            dualstack_ipv6=address.host == "::",
        )
        host, port = listener.getsockname()[:2]
        self.address = Address(host, port)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))

    async def close(self) -> None:
        """Finish what is being served, and stop."""
        self._stopping.set()
        self._server.should_exit = True
        if self._serving is not None:
            await asyncio.wait([self._serving], timeout=2 * STOP)
