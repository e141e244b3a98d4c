"""Deliver photos that a lost or damaged database had."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shutterpost.commands.options import USAGE_ERROR, read_config, server_options
from shutterpost.config.settings import DATABASE
from shutterpost.model import Planned

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from shutterpost.config import Config
    from shutterpost.spool.database import Database
    from shutterpost.spool.files import Kept
    from shutterpost.spool.salvage import Salvaged

_MAGIC = (
    (0, b"\xff\xd8\xff", "JPG"),
    (0, b"\x89PNG", "PNG"),
    (0, b"II*\0", "SRW"),
    (4, b"ftyp", "MP4"),
    (8, b"AVI ", "AVI"),
)
"""How files begin: where, with what, and their suffix."""


def options(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "--to", metavar="ADDR", help="send them as an e-mail to ADDR is sent; default: store them"
    )
    server_options(parser)


def run(options: argparse.Namespace) -> int:
    """Returns the exit status. A photo that the database knows already is only tidied up."""
    from sqlalchemy.exc import DBAPIError

    from shutterpost.config.values import mail_address
    from shutterpost.spool.database import Database, NewerDatabase

    config = read_config(options)
    data = config.storage.data
    try:
        to = mail_address(options.to or "")
    except ValueError as error:
        print(f"--to: {error}", file=sys.stderr)
        return USAGE_ERROR
    if not (data / DATABASE).exists():
        print(f"{data} is no server's data folder: name it with --data", file=sys.stderr)
        return 1
    database = Database(data / DATABASE)
    try:
        database.require_version()
        recovered, known = _recover(config, database, to)
    except (NewerDatabase, OSError) as error:
        print(f"shutterpost recover: {error}", file=sys.stderr)
        return 1
    except DBAPIError as error:
        print(f"shutterpost recover: {database.path}: {error.orig}", file=sys.stderr)
        return 1
    print(f"recovered: {recovered}; known already, and tidied up: {known}")
    return 0


def _recover(config: "Config", database: "Database", to: str) -> tuple[int, int]:
    """Make a shipment of each photo in `found`; how many, and how many are known already.

    With what a damaged database still says about it: texts, and where it has not arrived.
    """
    from sqlalchemy import exists, select

    from shutterpost.routes import Routes
    from shutterpost.spool.files import Files
    from shutterpost.spool.salvage import salvage
    from shutterpost.spool.schema import photos

    files = Files(config.storage.data / "spool")
    routes = Routes(config.actions, bool(config.email.host), config.email.to)
    damaged = sorted(
        path
        for path in database.path.parent.glob(f"{DATABASE}.damaged-*")
        if not path.name.endswith(("-wal", "-shm"))
    )
    recovered = known = 0
    for path in files.without_shipment():
        kept = files.take_back(path)
        same = select(exists().where(photos.c.sha256 == kept.sha256))
        if database.read_now(lambda c, same=same: c.execute(same).scalar_one()):  # type: ignore[misc]
            files.remove(kept.file)
            known += 1
        else:
            photo = salvage(damaged, path.name) or _unknown(config, path)
            if to:
                planned = routes.email([to], 1)
            else:
                planned = list(photo.missing or (Planned("store", (photo.sender,), 0),))
            database.write_now(_adding(photo, kept, planned))
            recovered += 1
        path.unlink()
    return recovered, known


def _unknown(config: "Config", path: Path) -> "Salvaged":
    """A photo of which nothing is known any more."""
    from shutterpost.camera.files import media_type
    from shutterpost.spool.salvage import Salvaged

    name = f"found-{path.name[:8]}.{_suffix(path)}"
    sender = next((name for name in config.senders if name != "*"), "Camera@samsungcamera.com")
    return Salvaged(
        name=name,
        media_type=media_type(name, ""),
        sender=sender,
        sender_name="",
        recipients=(sender,),
        site="",
        subject=f"Recovered: {name}",
        text="",
        camera="",
        received=path.stat().st_mtime,
        number=0,
        missing=None,
    )


def _adding(
    photo: "Salvaged", kept: "Kept", planned: "Sequence[Planned]"
) -> "Callable[[Connection], None]":
    """The transaction that makes a shipment of one photo."""
    from shutterpost.spool import deliveries
    from shutterpost.spool.rows import add_photo, add_shipment

    def add(connection: "Connection") -> None:
        shipment = add_shipment(
            connection,
            received=photo.received,
            sender=photo.sender,
            sender_name=photo.sender_name,
            recipients=list(photo.recipients),
            site=photo.site,
            subject=photo.subject,
            text=photo.text,
            camera=photo.camera,
            client="",
            photos_before=photo.number,
        )
        names = (photo.name, photo.media_type)
        added = add_photo(connection, shipment, 0, *names, kept, photo.received)
        deliveries.plan(connection, shipment, [added], planned, time.time())

    return add


def _suffix(path: Path) -> str:
    """A suffix for a file whose name is lost, by how it begins."""
    with path.open("rb") as file:
        head = file.read(16)
    return next((name for at, magic, name in _MAGIC if head.startswith(magic, at)), "BIN")
