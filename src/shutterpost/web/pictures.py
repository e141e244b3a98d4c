"""Small and large pictures of photos: made once, in a thread, and kept in the data folder."""

import asyncio
import errno
import logging
import os
from collections import OrderedDict
from pathlib import Path

from shutterpost.disk import free_bytes
from shutterpost.images.decode import small
from shutterpost.images.details import camera_model, read_details
from shutterpost.spool.browse import Card

log = logging.getLogger(__name__)

SIZES = {"thumb": 480, "large": 1600}
"""The longest side of each kind, in pixels."""
_KNOWN_LIMIT = 10_000  # photos of which something is remembered


class Pictures:
    """Pictures below one folder."""

    def __init__(self, folder: Path, min_free: int) -> None:
        """No picture is kept when that would leave less than `min_free` bytes for photos."""
        self._folder = folder
        self._min_free = min_free
        self._turn = asyncio.Semaphore(1)
        self._impossible: OrderedDict[int, str] = OrderedDict()
        self._models: OrderedDict[int, str] = OrderedDict()

    async def picture(self, card: Card, kind: str) -> Path | None:
        """A photo's picture; None for what cannot be shown."""
        made = self._folder / f"{card.id}-{kind}.jpg"
        if made.exists():
            return made
        if card.path is None or card.is_video or card.id in self._impossible:
            return None
        async with self._turn:
            if made.exists():
                return made
            try:
                await asyncio.to_thread(_make, card.path, made, SIZES[kind], self._min_free)
            except Exception as error:  # Pillow raises what it likes on broken files
                log.info("no picture of photo %d: %s", card.id, error)
                if not (isinstance(error, OSError) and error.errno):  # a full disk may pass
                    _remember(self._impossible, card.id, str(error))
                return None
        return made

    async def largest(self, card: Card) -> str:
        """The larger kind that there is of a photo, which may have left the spool."""
        for kind in ("large", "thumb"):
            if await self.picture(card, kind):
                return kind
        return ""

    async def camera(self, card: Card) -> str:
        """The camera that a photo is from; an e-mail does not say, but its photos do."""
        if card.camera or card.path is None or card.is_video:
            return card.camera
        if card.id not in self._models:
            model = await asyncio.to_thread(camera_model, card.path)
            _remember(self._models, card.id, model)
        return self._models[card.id]

    async def details(self, card: Card) -> list[tuple[str, str]]:
        """What the photo says of itself (EXIF)."""
        if card.path is None or card.is_video:
            return []
        try:
            found = await asyncio.to_thread(read_details, card.path)
        except OSError as error:
            log.info("no details of photo %d: %s", card.id, error)
            return []
        size = [("Size", f"{found.size[0]} x {found.size[1]} pixels")] if found.size else []
        return [*size, *found.words]


def _remember(known: OrderedDict[int, str], photo: int, what: str) -> None:
    known[photo] = what
    if len(known) > _KNOWN_LIMIT:
        known.popitem(last=False)


def _make(source: Path, made: Path, side: int, min_free: int) -> None:
    made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if free_bytes(made.parent) < min_free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    picture = small(source, side)
    temporary = made.with_suffix(".new")
    try:
        with temporary.open("wb") as file:
            picture.save(file, "JPEG", quality=80)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(made)
    finally:
        temporary.unlink(missing_ok=True)
