"""Deliver photos that a lost or damaged database had."""

import argparse
import sys
from pathlib import Path

from shutterpost.commands.options import USAGE_ERROR, read_config, server_options
from shutterpost.config.settings import DATABASE

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
    from sqlalchemy import exists, select
    from sqlalchemy.exc import DBAPIError

    from shutterpost.camera.files import media_type
    from shutterpost.config.values import mail_address
    from shutterpost.model import Planned
    from shutterpost.routes import Routes
    from shutterpost.spool.database import Database, NewerDatabase
    from shutterpost.spool.files import Files
    from shutterpost.spool.schema import photos
    from shutterpost.spool.spool import Draft, add

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
    sender = next((name for name in config.senders if name != "*"), "Camera@samsungcamera.com")
    routes = Routes(config.actions, bool(config.email.host), config.email.to)
    planned = routes.email([to], 1) if to else [Planned("store", (sender,), 0)]
    files, database = Files(data / "spool"), Database(data / DATABASE)
    recovered = known = 0
    try:
        database.require_version()
        for path in files.without_shipment():
            kept = files.take_back(path)
            if database.read_now(
                lambda c, kept=kept: c.execute(  # type: ignore[misc]
                    select(exists().where(photos.c.sha256 == kept.sha256))
                ).scalar_one()
            ):
                files.remove(kept.file)
                known += 1
            else:
                name = f"found-{kept.file[:8]}.{_suffix(path)}"
                draft = Draft(
                    received=path.stat().st_mtime,
                    sender=sender,
                    sender_name="",
                    recipients=(to or sender,),
                    subject=f"Recovered: {name}",
                    text="",
                    photos=((name, media_type(name, ""), kept),),
                )
                database.write_now(lambda c, draft=draft: add(c, draft, planned))  # type: ignore[misc]
                recovered += 1
            path.unlink()
    except (NewerDatabase, OSError) as error:
        print(f"shutterpost recover: {error}", file=sys.stderr)
        return 1
    except DBAPIError as error:
        print(f"shutterpost recover: {database.path}: {error.orig}", file=sys.stderr)
        return 1
    print(f"recovered: {recovered}; known already, and tidied up: {known}")
    return 0


def _suffix(path: Path) -> str:
    """A suffix for a file whose name is lost, by how it begins."""
    with path.open("rb") as file:
        head = file.read(16)
    return next((name for at, magic, name in _MAGIC if head.startswith(magic, at)), "BIN")
