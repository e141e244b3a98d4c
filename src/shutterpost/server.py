"""The only wiring: makes everything from a configuration, starts it, and stops it in order."""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from shutterpost import logs, systemd
from shutterpost.actions import Action, store
from shutterpost.announce import announce, cannot_listen
from shutterpost.camera.models import hosts_of
from shutterpost.config import Config
from shutterpost.config.values import Secret
from shutterpost.couriers import Couriers, Patience
from shutterpost.doors import CameraDoor
from shutterpost.gateway import Gateway
from shutterpost.metrics import Metrics
from shutterpost.photos_folder import PhotosFolder
from shutterpost.secret import folder_secret
from shutterpost.spool import AlreadyRunning, NewerDatabase, Spool
from shutterpost.upkeep import Upkeep

if TYPE_CHECKING:
    from shutterpost.dns_door import DnsDoor
    from shutterpost.web.page import Page

log = logging.getLogger(__name__)

STOP_CAMERAS = 6.0
"""Seconds that uploads on the wire have left when the server is told to stop."""
STOP_COURIERS = 2.0
"""Seconds that deliveries under way have left after that."""


class CannotStart(Exception):
    """The server cannot start; the message says what to do."""


def serve(config: Config, log_format: str = "text") -> None:
    """Serve until SIGTERM or SIGINT; does not return. Raises CannotStart."""
    logs.start(log_format)
    asyncio.run(_serve(config))


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    spool = Spool(config.storage.data)
    secret, leftovers = _prepare(config, spool)
    metrics = Metrics()
    couriers = Couriers(
        spool,
        actions(config, secret),
        Patience(config.delivery.first_retry, config.delivery.give_up),
        time.time,
        metrics.delivered,
    )
    gateway = Gateway(config, spool, metrics, time.time, couriers.wake)
    door = CameraDoor(
        gateway.answer, metrics.quirks, config.server.allow, config.server.idle_timeout
    )
    sockets = systemd.inherited_sockets()
    try:
        listening = door.open(config.server.listen, *sockets.get("cameras", ())[:1])
        resolver = await _open_dns(config, sockets.get("dns", []))
        page = await _open_page(config, spool, metrics, *sockets.get("page", ())[:1])
    except CannotStart:
        spool.close()
        raise
    except OSError as error:
        spool.close()
        raise CannotStart(cannot_listen(config.server.listen, error, "[server] listen")) from None
    announce(config, listening, page, leftovers)
    background = [
        asyncio.create_task(couriers.run()),
        asyncio.create_task(Upkeep(config, spool, time.time).run()),
        asyncio.create_task(systemd.watchdog()),
    ]
    background[0].add_done_callback(lambda _: stop.set())
    systemd.notify("READY=1")
    await stop.wait()
    log.info("stopping")
    systemd.notify("STOPPING=1")
    await door.close(STOP_CAMERAS)
    await couriers.stop(STOP_COURIERS)
    await background[0]
    for task in background[1:]:
        task.cancel()
    if page is not None:
        await page.close()
    if resolver is not None:
        await resolver.close()
    spool.close()
    logging.shutdown()
    sys.stdout.flush()
    # A thread may hang for a minute in a far end's silence; asyncio.run would wait for it.
    os._exit(0)


async def _open_dns(config: Config, inherited: list[socket.socket]) -> "DnsDoor | None":
    settings = config.dns
    if settings.listen is None and not inherited:
        return None
    from shutterpost.dns_door import DnsDoor
    from shutterpost.wire.dns import Responder

    responder = Responder(hosts_of(settings.cameras), settings.upstream != "off")
    door = DnsDoor(responder, settings.address, config.server.allow, settings.upstream)
    if settings.listen is None or inherited:
        await door.adopt(inherited)
        return door
    try:
        await door.open(settings.listen)
    except OSError as error:
        raise CannotStart(cannot_listen(settings.listen, error, "[dns] listen")) from None
    return door


async def _open_page(
    config: Config, spool: Spool, metrics: Metrics, inherited: socket.socket | None = None
) -> "Page | None":
    if config.web.listen is None:
        return None
    from shutterpost.web.page import Page

    page = Page(config, spool, metrics)
    try:
        await page.open(config.web.listen, inherited)
    except OSError as error:
        raise CannotStart(cannot_listen(config.web.listen, error, "[web] listen")) from None
    return page


def actions(config: Config, secret: Secret) -> dict[str, Action]:
    """The configured actions by name; what none uses is not even imported."""
    used = {"store", *(str(action) for action in config.actions.values())}
    if config.email.host:
        used.add("email")
    else:
        used.discard("email")  # its shipments are stored
    made = {}
    for full_name in used:
        name, _, instance = full_name.partition(".")
        made[full_name] = _MAKERS[name](config, secret, instance)
    return made


def _photos(config: Config) -> PhotosFolder:
    return PhotosFolder(config.storage.photos, config.storage.data, config.storage.min_free)


def _store(config: Config, secret: Secret, instance: str) -> Action:
    return store.Store(_photos(config), secret, instance)


def _email(config: Config, secret: Secret, instance: str) -> Action:
    from shutterpost.actions.email import Email

    return Email(config.email)


def _mastodon(config: Config, secret: Secret, instance: str) -> Action:
    from shutterpost.actions.mastodon import Mastodon

    return Mastodon(config.mastodon[instance])


def _shell(config: Config, secret: Secret, instance: str) -> Action:
    from shutterpost.actions.shell import Shell

    keeping = store.Store(_photos(config), secret)
    return Shell(config.shell[instance], config.folder, keeping.store)


def _drop(config: Config, secret: Secret, instance: str) -> Action:
    from shutterpost.actions.drop import Drop

    return Drop()


_MAKERS: dict[str, Callable[[Config, Secret, str], Action]] = {
    "store": _store,
    "email": _email,
    "mastodon": _mastodon,
    "shell": _shell,
    "drop": _drop,
}


def _prepare(config: Config, spool: Spool) -> tuple[Secret, int]:
    """Make the folders and open the spool. Raises CannotStart."""
    try:
        leftovers = spool.open()
        _photos(config).prepare()
        leftovers += store.clean(config.storage.photos)
        return folder_secret(config.storage), leftovers
    except OSError as error:
        raise CannotStart(f"{error.filename or config.storage.data}: {error.strerror}") from None
    except (AlreadyRunning, NewerDatabase) as error:
        raise CannotStart(str(error)) from None
    except DBAPIError as error:
        raise CannotStart(f"{spool.database.path}: {error.orig}") from None
