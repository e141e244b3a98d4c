"""The only wiring: makes everything from a configuration, starts it, and stops it in order."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from shutterpost import __version__
from shutterpost.actions import Action, store
from shutterpost.config import Config
from shutterpost.config.values import PRIVATE, Address, Secret
from shutterpost.couriers import Couriers
from shutterpost.doors import CameraDoor
from shutterpost.gateway import Gateway
from shutterpost.quirks import Sightings
from shutterpost.secret import folder_secret
from shutterpost.spool import AlreadyRunning, NewerDatabase, Spool

log = logging.getLogger(__name__)

STOP_CAMERAS = 6.0
"""Seconds that uploads on the wire have left when the server is told to stop."""
STOP_COURIERS = 2.0
"""Seconds that deliveries under way have left after that."""


class CannotStart(Exception):
    """The server cannot start; the message says what to do."""


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. Raises CannotStart."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s", stream=sys.stderr
    )
    asyncio.run(_serve(config))
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread may hang for a minute in a far end's silence, and would be waited for.
    os._exit(0)


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    spool = Spool(config.storage.data)
    secret, leftovers = _prepare(config, spool)
    sightings = Sightings()
    couriers = Couriers(
        spool,
        actions(config, secret),
        config.delivery.first_retry,
        config.delivery.give_up,
        time.time,
    )
    gateway = Gateway(config, spool, time.time, couriers.wake)
    door = CameraDoor(gateway.answer, sightings, config.server.allow, config.server.idle_timeout)
    try:
        listening = door.open(config.server.listen)
    except OSError as error:
        spool.close()
        raise CannotStart(_cannot_listen(config.server.listen, error)) from None
    _announce(config, listening, leftovers)
    delivering = asyncio.create_task(couriers.run())
    delivering.add_done_callback(lambda _: stop.set())
    await stop.wait()
    log.info("stopping")
    await door.close(STOP_CAMERAS)
    await couriers.stop(STOP_COURIERS)
    spool.close()
    await delivering


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


def _store(config: Config, secret: Secret, instance: str) -> Action:
    return store.Store(config.storage.photos, secret, instance)


def _email(config: Config, secret: Secret, instance: str) -> Action:
    from shutterpost.actions.email import Email

    return Email(config.email)


def _mastodon(config: Config, secret: Secret, instance: str) -> Action:
    from shutterpost.actions.mastodon import Mastodon

    return Mastodon(config.mastodon[instance])


def _shell(config: Config, secret: Secret, instance: str) -> Action:
    from shutterpost.actions.shell import Shell

    keeping = store.Store(config.storage.photos, secret)
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
        config.storage.photos.mkdir(parents=True, exist_ok=True)
        leftovers += store.clean(config.storage.photos)
        return folder_secret(config.storage), leftovers
    except OSError as error:
        raise CannotStart(f"{error.filename or config.storage.data}: {error.strerror}") from None
    except (AlreadyRunning, NewerDatabase) as error:
        raise CannotStart(str(error)) from None
    except DBAPIError as error:
        raise CannotStart(f"{spool.database.path}: {error.orig}") from None


def _announce(config: Config, listening: Address, leftovers: int) -> None:
    """The first lines of output: what runs, where, and for whom."""
    source = "no configuration file, built-in defaults"
    if config.source is not None:
        kind = " (a samsung-nx-emailservice configuration)" if config.reference_dialect else ""
        source = f"{config.source}{kind}"
    lines = [f"Shutterpost {__version__}: {source}"]
    lines += [f"warning:   {warning}" for warning in config.warnings]
    lines += [
        f"cameras:   http://{listening}, from {_networks(config)}",
        f"senders:   {', '.join(config.senders)}",
        f"data:      {config.storage.data}",
        f"photos:    {config.storage.photos}",
        f"mail:      {_mail(config)}",
    ]
    if leftovers:
        lines.append(f"cleaned:   {leftovers} unfinished files of an earlier run")
    print("\n".join(lines), flush=True)


def _networks(config: Config) -> str:
    allow = config.server.allow
    return "private networks" if allow == PRIVATE else ", ".join(map(str, allow))


def _mail(config: Config) -> str:
    if config.email.host:
        return f"through {config.email.host}:{config.email.port}"
    return "no SMTP server is configured ([email] host): e-mails are stored in photos instead"


def _cannot_listen(address: Address, error: OSError) -> str:
    advice = {
        "Address already in use": "another program uses this port: stop it, or choose another",
        "Permission denied": "ports below 1024 need a privilege: see docs/port-80.md",
    }
    what = os.strerror(error.errno) if error.errno else str(error)
    return f"cannot listen on {address}: {what}. {advice.get(what, 'see [server] listen')}"
