"""Small and large pictures of photos: made once, in a thread, and kept in the data folder."""

import asyncio
import errno
import logging
import os
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageOps

from shutterpost.actions.exif import camera_model
from shutterpost.disk import free_bytes
from shutterpost.spool.browse import Card

log = logging.getLogger(__name__)

SIZES = {"thumb": 480, "large": 1600}
"""The longest side of each kind, in pixels."""
PIXEL_LIMIT = 25_000_000
"""The most pixels that are taken into memory (some 100 MB); more is a decompression bomb."""
SCALED_LIMIT = 100_000_000
"""The most pixels of a JPEG that its decoder makes small while it reads."""
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
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
            return await asyncio.to_thread(_details, card.path)
        except Exception as error:
            log.info("no details of photo %d: %s", card.id, error)
            return []


def _remember(known: OrderedDict[int, str], photo: int, what: str) -> None:
    known[photo] = what
    if len(known) > _KNOWN_LIMIT:
        known.popitem(last=False)


def _make(source: Path, made: Path, side: int, min_free: int) -> None:
    made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if free_bytes(made.parent) < min_free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    small = _small(source, side)
    temporary = made.with_suffix(".new")
    try:
        with temporary.open("wb") as file:
            small.save(file, "JPEG", quality=80)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(made)
    finally:
        temporary.unlink(missing_ok=True)


def _small(source: Path, side: int) -> Image.Image:
    """A photo made small first and then turned upright, so that little is in memory."""
    with Image.open(source, formats=_FORMATS) as image:
        pixels = image.width * image.height
        image.draft("RGB", (side, side))
        scaled = image.format == "JPEG" and "progressive" not in image.info
        if pixels > (SCALED_LIMIT if scaled else PIXEL_LIMIT):
            raise ValueError(f"{pixels} pixels are too many")
        image.thumbnail((side, side))
        upright = ImageOps.exif_transpose(image)
        return upright.convert("RGB")


def _details(path: Path) -> list[tuple[str, str]]:
    with Image.open(path, formats=_FORMATS) as image:
        exif = image.getexif()
        shot = exif.get_ifd(ExifTags.IFD.Exif)
        size = f"{image.width} x {image.height}"
    found = [("Size", f"{size} pixels")]
    for name, value in (
        ("Taken", shot.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)),
        ("Exposure", _exposure(shot.get(ExifTags.Base.ExposureTime))),
        ("Aperture", _number(shot.get(ExifTags.Base.FNumber), "f/{:g}")),
        ("ISO", shot.get(ExifTags.Base.ISOSpeedRatings)),
        ("Focal length", _number(shot.get(ExifTags.Base.FocalLength), "{:g} mm")),
    ):
        text = "".join(letter for letter in str(value or "") if letter.isprintable())
        if text.strip():
            found.append((name, text.strip()[:80]))
    return found


def _exposure(value: Any) -> str:
    if not value:
        return ""
    seconds = Fraction(float(value)).limit_denominator(8000)
    return f"1/{round(1 / seconds)} s" if seconds < 1 else f"{float(seconds):g} s"


def _number(value: Any, form: str) -> str:
    return form.format(round(float(value), 1)) if value else ""
