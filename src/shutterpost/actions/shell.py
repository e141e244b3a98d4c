"""`shell`: stores a file, then runs the owner's command for it, without a shell.

One run for each file and recipient, one after the other. "At least once": a command that
was interrupted runs again, because nobody can know how far it came. What a camera sent never
becomes another argument, an option or a format directive: each argument of the template stays
one argument, and placeholders are replaced once, as they are.
"""

import asyncio
import errno
import logging
import math
import os
import signal
import subprocess
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from shutterpost.actions import (
    DeliveryError,
    MisconfiguredError,
    Note,
    Outcome,
    PermanentError,
    TemporaryError,
)
from shutterpost.config.placeholders import filled
from shutterpost.config.settings import Shell as Settings
from shutterpost.folder_threads import LIMIT, Alive, FolderHangs, FolderThreads
from shutterpost.model import Delivery, Photo

log = logging.getLogger(__name__)

_SAID_LIMIT = 500
_AFTER_KILL = 5.0  # seconds; a process that hangs in the kernel cannot be ended, only left
_CANNOT_RUN: Mapping[int, type[DeliveryError]] = {
    errno.E2BIG: PermanentError,  # a text of the delivery's own is too long
    **dict.fromkeys(
        (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY, errno.EIO),
        TemporaryError,
    ),
}
"""What it means that a command cannot be started; else its settings are wrong."""


class Shell:
    """Runs one configured command."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        store: Callable[[Photo, str], Awaitable[Path]],
        start_limit: float = LIMIT,
    ) -> None:
        """`folder` is where the command runs; `store` keeps a photo and returns its path.

        A command that is not started within `start_limit` seconds is on a disk that hangs.
        """
        self._settings = settings
        self._folder = folder
        self._store = store
        self._starting = FolderThreads(folder, start_limit)
        self._waiting = FolderThreads(folder, math.inf)

    async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
        """Store each photo and run the command for it, for each recipient.

        Progress is `ran`: [photo's id, recipient] of what need not run again.
        """
        progress: dict[str, Any] = {"ran": [], **delivery.progress}
        said: list[str] = []
        failed: list[TemporaryError] = []
        todo = [
            (photo, recipient) for photo in delivery.photos for recipient in delivery.recipients
        ]
        for photo, recipient in todo:
            if [photo.id, recipient] in progress["ran"]:
                continue
            path = await self._store(photo, delivery.shipment.sender)
            try:
                said.append(await self._run(_values(delivery, recipient, path)))
            except TemporaryError as error:
                failed.append(error)
                continue
            progress["ran"].append([photo.id, recipient])
            if len(todo) > 1:
                await note(progress)
        if failed:
            raise failed[0]
        return Outcome("\n".join(said))

    async def _run(self, values: Mapping[str, str]) -> str:
        """Run the command once. Raises TemporaryError if it fails and is to run again."""
        settings = self._settings
        command = arguments(settings.cmd, values, settings.format)
        # Files, not pipes: a child that the command leaves behind may keep them open.
        with TemporaryFile() as given, TemporaryFile() as said:
            given.write(filled(settings.stdin, values, settings.format).encode())
            given.seek(0)
            status = await self._status(command, given, said)
            last_words = _last_words(said)
        if status == 0:
            return f"{command[0]} ran for {values['filename']}"
        why = f"{command[0]} took over {settings.timeout:g} seconds"
        if status is not None:
            why = f"{command[0]} ended with status {status}: {last_words}"
        if settings.retry:
            raise TemporaryError(why)
        log.warning("%s; it is not run again", why)
        return f"{why} (for {values['filename']})"

    async def _status(
        self, command: Sequence[str], given: IO[bytes], said: IO[bytes]
    ) -> int | None:
        """Run a command; returns its exit status, or None if it was late and was ended.

        Its process group is ended with it. A child that left the group is nobody's any more:
        it is neither waited for nor ended.
        """
        process = await self._start(command, given, said)
        ended = asyncio.ensure_future(self._waiting.run(lambda _: process.wait()))
        limit = self._settings.timeout
        try:
            await asyncio.wait([ended], timeout=None if math.isinf(limit) else limit)
            return ended.result() if ended.done() else None
        finally:
            if not ended.done():
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await asyncio.wait([ended], timeout=_AFTER_KILL)

    async def _start(
        self, command: Sequence[str], given: IO[bytes], said: IO[bytes]
    ) -> "subprocess.Popen[bytes]":
        """Start it in a thread: the program or its folder may be on a disk that hangs."""
        abandoned = threading.Event()

        def start(_: Alive) -> "subprocess.Popen[bytes]":
            process = subprocess.Popen(  # noqa: S603 (the owner's command, without a shell)
                command,
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=said,
                cwd=self._folder,
                env={k: v for k, v in os.environ.items() if not k.startswith("SHUTTERPOST_")},
                start_new_session=True,
            )
            if abandoned.is_set():  # another attempt runs it
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            return process

        try:
            return await self._starting.run(start)
        except FolderHangs:
            abandoned.set()
            raise TemporaryError(f"{command[0]} does not answer: is its disk there?") from None
        except OSError as error:
            kind = _CANNOT_RUN.get(error.errno or 0, MisconfiguredError)
            raise kind(f"{command[0]} cannot be run: {error.strerror}") from None
        except asyncio.CancelledError:
            abandoned.set()
            raise


def arguments(
    template: Sequence[str], values: Mapping[str, str], notation: str = "plain"
) -> list[str]:
    """The command line: one argument for each of the template's.

    A value that would make its argument an option (`-x`) gets a space before it, unless
    `--` came earlier in the template. (A file name is a whole path and begins with `/`.)
    """
    found: list[str] = []
    for argument in template:
        text = filled(argument, values, notation)
        is_option = text.startswith("-") and not argument.startswith("-")
        found.append(" " + text if is_option and "--" not in template[: len(found)] else text)
    return found


def _values(delivery: Delivery, recipient: str, path: Path) -> dict[str, str]:
    shipment = delivery.shipment
    values = {
        "sender": shipment.sender,
        "recipient": recipient,
        "filename": str(path),
        "subject": shipment.subject,
        "body": shipment.text,
    }
    return {name: value.replace("\x00", "") for name, value in values.items()}


def _last_words(said: IO[bytes]) -> str:
    """The end of what a command said to stderr, on one line."""
    end = said.seek(0, os.SEEK_END)
    said.seek(max(0, end - _SAID_LIMIT))
    lines = said.read(_SAID_LIMIT).decode("utf-8", "replace").split("\n")
    return " / ".join(line.strip() for line in lines if line.strip())
