"""`shutterpost check`: tries for real what the configuration promises.

Each check yields results; a FAIL says the one thing to do next.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shutterpost.actions import DeliveryError
from shutterpost.config import Config
from shutterpost.photos_folder import PhotosFolder

OK, WARN, FAIL = "ok", "warn", "FAIL"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report."""

    verdict: str
    what: str
    said: str

    def __str__(self) -> str:
        return f"{self.verdict:4}  {self.what}: {self.said}"


def checks(config: Config, offline: bool) -> Iterator[Result]:
    """Everything that can be tried; without the network if `offline`."""
    yield _configuration(config)
    for warning in config.warnings:
        yield Result(WARN, "configuration", warning)
    yield from _folder("data", config.storage.data, config.storage.min_free)
    yield from _photos(config)
    yield from _mail(config, offline)
    yield from _accounts(config, offline)


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
    if folder.is_known and (trouble := folder.trouble(0)):
        yield Result(FAIL, "photos", f"{trouble}: mount it, or free some space")
        return
    yield from _folder("photos", storage.photos, storage.min_free)


def _mail(config: Config, offline: bool) -> Iterator[Result]:
    email = config.email
    if not email.host:
        said = (
            "no SMTP server: e-mails are stored in the photos folder; set [email] host to mail them"
        )
        yield Result(WARN, "mail", said)
        return
    where = f"{email.host}:{email.port}"
    if offline:
        yield Result(OK, "mail", f"{where}, not tried (--offline)")
        return
    from shutterpost.actions.smtp import Session

    try:
        session = Session(email)
    except DeliveryError as error:
        yield Result(FAIL, "mail", f"{error}: correct [email] in the configuration")
        return
    limit = session.size_limit
    session.close()
    login = f"logged in as {email.username}" if email.username else "no login"
    size = f", mails up to {limit / 2**20:.0f} MiB" if limit else ""
    yield Result(OK, "mail", f"{where} answers, {login}{size}")


def _accounts(config: Config, offline: bool) -> Iterator[Result]:
    used = {action.instance for action in config.actions.values() if action.name == "mastodon"}
    for instance in sorted(used):
        settings = config.mastodon[instance]
        what = f"mastodon.{instance}" if instance else "mastodon"
        if offline:
            yield Result(OK, what, f"{settings.url}, not tried (--offline)")
            continue
        from shutterpost.actions.mastodon import verify

        try:
            app = asyncio.run(verify(settings))
        except DeliveryError as error:
            advice = f"make a new token with `shutterpost login mastodon {settings.url}`"
            yield Result(FAIL, what, f"{error}: {advice}")
        else:
            yield Result(OK, what, f"{settings.url} takes the token of the app {app}")


def _user() -> str:
    return os.environ.get("USER") or str(os.getuid())
