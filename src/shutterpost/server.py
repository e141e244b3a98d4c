"""The only wiring: makes everything from a configuration, starts it, and stops it in order."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from shutterpost import logs, running, systemd
from shutterpost.actions import store
from shutterpost.announce import announce, cannot_listen
from shutterpost.camera.models import hosts_of
from shutterpost.clock import Clock
from shutterpost.config import Config
from shutterpost.config.values import Secret
from shutterpost.couriers import Couriers, Patience
from shutterpost.devices import Devices
from shutterpost.doors import CameraDoor
from shutterpost.folder_threads import FolderHangs
from shutterpost.gateway import Gateway
from shutterpost.hosts import has_network
from shutterpost.live import Live
from shutterpost.makers import actions, photos_folder, unmailable
from shutterpost.metrics import Metrics
from shutterpost.model import Delivery
from shutterpost.photos_folder import PhotosFolder
from shutterpost.secret import folder_secret
from shutterpost.spool import AlreadyRunning, NewerDatabase, Opened, Spool
from shutterpost.spool.claims import LONGEST_RETRY
from shutterpost.spool.relocate import relocate
from shutterpost.spool.seen import seen
from shutterpost.timekeeper import Timekeeper
from shutterpost.upkeep import Upkeep

if TYPE_CHECKING:
    from shutterpost.dns_door import DnsDoor
    from shutterpost.web.page import Page

log = logging.getLogger(__name__)

STOP_CAMERAS = 6.0
"""Seconds that uploads on the wire have left when the server is told to stop."""
_THREADS = 16
START_FOLDER = 5.0
"""Seconds that a photos folder has to answer when the server starts."""
STOP_COURIERS = 2.0
"""Seconds that deliveries under way have left after that."""


class CannotStart(Exception):
    """The server cannot start; the message says what to do."""


def serve(config: Config, log_format: str = "text") -> None:
    """Serve until SIGTERM or SIGINT; does not return. Raises CannotStart."""
    logs.start(log_format)
    asyncio.run(_serve(config))


def take_over(config: Config) -> bool:
    """Move data from where an earlier version kept it; whether there was any.

    Raises CannotStart: a server without them would not know what is still to be delivered.
    """
    old, new = config.earlier_data, config.storage.data
    if old is None:
        return False
    try:
        moved = relocate(old, new)
    except OSError as error:
        why = f"{error.filename or new}: {error.strerror}"
        raise CannotStart(
            f"the data of an earlier version cannot be moved from {old} to {new}: {why}"
        ) from None
    except AlreadyRunning as error:
        raise CannotStart(str(error)) from None
    if moved:
        print(f"moved:     the data of an earlier version, from {old} to {new}", flush=True)
    return moved


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # Couriers, pictures and logins, each bounded by itself; cameras have threads of their own.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
    server = Server(config)
    await server.open()
    server.delivering.add_done_callback(lambda _: stop.set())
    await stop.wait()
    log.info("stopping")
    with suppress(OSError):  # nobody listens: the server stops all the same
        systemd.notify("STOPPING=1")
    await server.close()
    logging.shutdown()
    sys.stdout.flush()
    # A thread may hang for a minute in a far end's silence; asyncio.run would wait for it.
    os._exit(0)


class Server:
    """Everything, made and connected."""

    def __init__(self, config: Config) -> None:
        """Make the folders and open the spool. Raises CannotStart."""
        self._config = config
        self._spool = Spool(config.storage.data)
        photos = photos_folder(config)
        self._secret, self._opened = _prepare(config, self._spool, photos)
        self._metrics = Metrics()
        self._live = Live()
        known = self._spool.database.read_now(seen)
        self._clock = Clock()
        self._devices = Devices(known, self._clock, self._device_did)
        made = actions(config, self._secret, photos)
        self._couriers = Couriers(
            self._spool,
            made,
            Patience(config.delivery.first_retry, config.delivery.give_up),
            self._clock,
            self._tried,
            has_network,
        )
        self._upkeep = Upkeep(config, self._spool, self._devices, self._clock)
        self._timekeeper = Timekeeper(
            self._clock,
            self._spool.database,
            config.delivery.give_up + 2 * LONGEST_RETRY + config.server.quiet,
            (self._couriers.on_clock_set, self._devices.on_clock_set, self._upkeep.on_clock_set),
        )
        self._timekeeper.start()
        gateway = Gateway(
            config,
            self._spool,
            self._metrics,
            self._live,
            self._devices,
            self._clock,
            self._couriers.wake,
            unmailable(made),
        )
        self._door = CameraDoor(
            gateway.answer,
            self._noted,
            config.server.allow,
            config.server.idle_timeout,
            on_unreadable=gateway.keep_unreadable,
        )
        self._dns: DnsDoor | None = None
        self._page: Page | None = None
        self.delivering: asyncio.Task[None]
        """Ends only if something is very wrong."""

    async def open(self) -> None:
        """Open the doors and begin to deliver. Raises CannotStart."""
        config, sockets = self._config, systemd.inherited_sockets()
        setting, address = "[server] listen", config.server.listen
        try:
            listening = self._door.open(config.server.listen, *sockets.get("cameras", ())[:1])
            setting, address = "[dns] listen", config.dns.listen or address
            await self._open_dns(sockets.get("dns", []))
            setting, address = "[web] listen", config.web.listen or address
            await self._open_page(listening.port, *sockets.get("page", ())[:1])
        except OSError as error:
            self._spool.close()
            raise CannotStart(cannot_listen(address, error, setting)) from None
        except CannotStart:
            self._spool.close()
            raise
        running.enter(
            running.Running(config.storage.data, config.source, bool(config.web.password))
        )
        announce(config, listening, self._page, self._opened)
        self.delivering = asyncio.create_task(self._couriers.run())
        self._background = [
            asyncio.create_task(self._timekeeper.run()),
            asyncio.create_task(self._upkeep.run()),
            asyncio.create_task(systemd.report()),
        ]

    async def close(self) -> None:
        """Finish what is on the wire, then what is being delivered, then the rest."""
        await self._door.close(STOP_CAMERAS)
        await self._couriers.stop(STOP_COURIERS)
        await self.delivering
        for task in self._background:
            task.cancel()
        if self._page is not None:
            await self._page.close()
        if self._dns is not None:
            await self._dns.close()
        try:
            await self._upkeep.write_devices()
        except Exception as error:  # a full disk, say; photos do not depend on it
            log.error("which cameras were seen could not be written down: %s", error)
        self._spool.close()
        running.leave()

    async def _open_dns(self, inherited: list[socket.socket]) -> None:
        settings = self._config.dns
        if settings.listen is None and not inherited:
            return
        from shutterpost.dns_door import DnsDoor
        from shutterpost.wire.dns import Responder

        responder = Responder(hosts_of(settings.cameras), settings.upstream != "off")
        allow = self._config.server.allow
        door = DnsDoor(responder, settings.address, allow, settings.upstream, self._devices.asked)
        if inherited or settings.listen is None:
            await door.adopt(inherited)
        else:
            await door.open(settings.listen)
        self._dns = door

    async def _open_page(self, camera_port: int, inherited: socket.socket | None = None) -> None:
        if self._config.web.listen is None:
            return
        from shutterpost.page_password import PasswordFileError
        from shutterpost.web.house import House
        from shutterpost.web.page import Page

        house = House(
            config=self._config,
            spool=self._spool,
            metrics=self._metrics,
            live=self._live,
            devices=self._devices,
            couriers=self._couriers,
            camera_port=camera_port,
            clock=self._clock,
        )
        try:
            page = Page(house)
        except PasswordFileError as error:
            raise CannotStart(str(error)) from None
        await page.open(self._config.web.listen, inherited)
        self._page = page

    def _tried(self, delivery: Delivery, result: str) -> None:
        self._metrics.delivered(delivery.action, result)
        self._live.shipment(delivery.shipment.id)

    def _noted(self, client: str, quirks: Iterable[str]) -> None:
        found = list(quirks)
        self._metrics.quirks.count(found)
        self._devices.behaved(client, found)

    def _device_did(self, client: str, what: str) -> None:
        self._live.tell("device", client=client, what=what)


def _prepare(config: Config, spool: Spool, photos: PhotosFolder) -> tuple[Secret, Opened]:
    """Make the folders and open the spool. Raises CannotStart.

    A photos folder that hangs is left for later: cameras are taken all the same.
    """

    def clean() -> int:
        photos.prepare()
        return store.clean(photos.path)

    try:
        opened = spool.open()
        with suppress(FolderHangs):  # it is in the log
            cleaned = photos.threads.run_now(lambda _: clean(), START_FOLDER)
            opened = replace(opened, removed=opened.removed + cleaned)
        return folder_secret(config.storage), opened
    except OSError as error:
        raise CannotStart(f"{error.filename or config.storage.data}: {error.strerror}") from None
    except (AlreadyRunning, NewerDatabase) as error:
        raise CannotStart(str(error)) from None
    except DBAPIError as error:
        raise CannotStart(f"{spool.database.path}: {error.orig}") from None
