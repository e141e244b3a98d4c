"""`shell`: stores a file, then runs the owner's command for it, without a shell.

"At least once": a command that was interrupted runs again, because nobody can know how
far it came. What a camera sent never becomes another argument, an option or a format
directive: each argument of the template stays one argument, and placeholders are
replaced once, as they are.
"""

import asyncio
import errno
import os
import re
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from shutterpost.actions import (
    DeliveryError,
    MisconfiguredError,
    Note,
    Outcome,
    PermanentError,
    TemporaryError,
)
from shutterpost.config.fitting import PLACEHOLDERS
from shutterpost.config.settings import Shell as Settings
from shutterpost.model import Delivery, Photo

_PLACEHOLDER = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")
_SAID_LIMIT = 500
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
        self, settings: Settings, folder: Path, store: Callable[[Photo, str], Awaitable[Path]]
    ) -> None:
        """`folder` is where the command runs; `store` keeps a photo and returns its path."""
        self._settings = settings
        self._folder = folder
        self._store = store

    async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
        """Store each photo and run the command for it."""
        said = []
        for photo in delivery.photos:
            path = await self._store(photo, delivery.shipment.sender)
            values = _values(delivery, path)
            said.append(await self._run(arguments(self._settings.cmd, values), values))
        return Outcome("\n".join(said))

    async def _run(self, command: Sequence[str], values: Mapping[str, str]) -> str:
        # Files, not pipes: a child that the command leaves behind may keep them open.
        with TemporaryFile() as given, TemporaryFile() as said:
            given.write(filled(self._settings.stdin, values).encode())
            given.seek(0)
            status = await self._status(command, given, said)
            last_words = _last_words(said)
        if status != 0:
            raise TemporaryError(f"{command[0]} ended with status {status}: {last_words}")
        return f"{command[0]} ran for {values['filename']}"

    async def _status(self, command: Sequence[str], given: IO[bytes], said: IO[bytes]) -> int:
        """Run a command; returns its exit status. Leaves nothing running if it is late."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=given,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=said,
                cwd=self._folder,
                env={k: v for k, v in os.environ.items() if not k.startswith("SHUTTERPOST_")},
                start_new_session=True,
            )
        except OSError as error:
            kind = _CANNOT_RUN.get(error.errno or 0, MisconfiguredError)
            raise kind(f"{command[0]} cannot be run: {error.strerror}") from None
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await process.wait()
        except TimeoutError:
            timeout = self._settings.timeout
            raise TemporaryError(f"{command[0]} took over {timeout:g} seconds") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


def arguments(template: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """The command line: one argument for each of the template's.

    A value that would make its argument an option (`-x`) gets a space before it, unless
    `--` came earlier in the template. (A file name is a whole path and begins with `/`.)
    """
    found: list[str] = []
    for argument in template:
        text = filled(argument, values)
        is_option = text.startswith("-") and not argument.startswith("-")
        found.append(" " + text if is_option and "--" not in template[: len(found)] else text)
    return found


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with its placeholders replaced, once; other braces stay as they are."""
    return _PLACEHOLDER.sub(lambda placeholder: values[placeholder[1]], template)


def _values(delivery: Delivery, path: Path) -> dict[str, str]:
    shipment = delivery.shipment
    values = {
        "sender": shipment.sender,
        "recipient": ", ".join(delivery.recipients),
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
