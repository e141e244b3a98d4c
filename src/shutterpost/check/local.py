"""What can be seen on this machine alone: configuration, folders, clock, SQLite, ports."""

import errno
import os
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from shutterpost.check.result import FAIL, OK, WARN, Result
from shutterpost.config import Config
from shutterpost.config.values import Address
from shutterpost.folder_threads import FolderHangs
from shutterpost.photos_folder import PhotosFolder

OLDEST_SQLITE = (3, 35, 0)
"""The first with UPDATE ... RETURNING."""
PHOTOS_LIMIT = 10.0
"""Seconds that a photos folder has to answer."""
_NOT_BEFORE = 1_767_225_600  # 2026: a clock that says less was never set


def local_checks(config: Config) -> Iterator[Result]:
    """Everything that needs no network."""
    yield _configuration(config)
    for warning in config.warnings:
        yield Result(WARN, "configuration", warning)
    yield from _folder("data", config.storage.data, config.storage.min_free)
    yield from _photos(config)
    yield _clock()
    yield _sqlite()
    yield _port("cameras", config.server.listen, socket.SOCK_STREAM, "[server] listen")
    if config.dns.listen is not None:
        yield _port("dns", config.dns.listen, socket.SOCK_DGRAM, "[dns] listen")


def _configuration(config: Config) -> Result:
    source = str(config.source) if config.source else "none, built-in defaults"
    dialect = " (samsung-nx-emailservice)" if config.reference_dialect else ""
    return Result(OK, "configuration", source + dialect)


def _folder(what: str, folder: Path, min_free: int) -> Iterator[Result]:
    """A folder that is, or can be made, writable, and how full its disk is."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        advice = f"give the user {_user()} the right to write there"
        yield Result(FAIL, what, f"{existing} is not writable ({error.strerror}): {advice}")
        return
    usage = shutil.disk_usage(existing)
    room = f"{usage.free / 2**30:.1f} GiB free of {usage.total / 2**30:.1f}"
    if usage.free < min_free:
        advice = "free some space, or lower [storage] min_free"
        yield Result(FAIL, what, f"{folder}: only {room}, cameras are refused: {advice}")
    else:
        yield Result(OK, what, f"{folder}: writable, {room}")


def _photos(config: Config) -> Iterator[Result]:
    storage = config.storage
    folder = PhotosFolder(storage.photos, storage.data, storage.min_free)

    def look() -> list[Result]:
        if folder.is_known and (trouble := folder.trouble(0)):
            return [Result(FAIL, "photos", f"{trouble}: mount it, or free some space")]
        return list(_folder("photos", storage.photos, storage.min_free))

    try:
        yield from folder.threads.run_now(lambda _: look(), PHOTOS_LIMIT)
    except FolderHangs:
        said = f"{storage.photos} does not answer: is its disk or server there?"
        yield Result(FAIL, "photos", f"{said} Cameras are served, and photos wait")


def _clock() -> Result:
    said = time.strftime("%Y-%m-%d %H:%M %Z")
    if time.time() < _NOT_BEFORE:
        return Result(
            FAIL, "clock", f"{said} cannot be: have it set, for example by systemd-timesyncd"
        )
    return Result(OK, "clock", said)


def _sqlite() -> Result:
    said = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        return Result(FAIL, "database", f"{said}: use a Python with SQLite {wanted} or newer")
    return Result(OK, "database", said)


def _port(what: str, address: Address, kind: socket.SocketKind, setting: str) -> Result:
    """Whether the server may listen there, or does already."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, kind) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address.host, address.port))
            if kind == socket.SOCK_STREAM:
                sock.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                said = "is in use, by Shutterpost itself if it runs already"
                return Result(OK, what, f"{address} {said}")
            advice = f"change {setting}"
            if error.errno == errno.EACCES:
                advice = "see docs/port-80.md for how an ordinary user may"
            return Result(FAIL, what, f"{address} cannot be used ({error.strerror}): {advice}")
    return Result(OK, what, f"{address} is free")


def _user() -> str:
    return os.environ.get("USER") or str(os.getuid())
