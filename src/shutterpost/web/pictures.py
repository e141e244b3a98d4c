"""Small and large pictures of photos: made once, in a thread, and kept in the data folder."""

import asyncio
import logging
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageOps

from shutterpost.actions.exif import camera_model
from shutterpost.spool.browse import Card

log = logging.getLogger(__name__)

SIZES = {"thumb": 480, "large": 1600}
"""The longest side of each kind, in pixels."""
PIXEL_LIMIT = 100_000_000
"""The most pixels of a picture that is opened; more is a decompression bomb."""
_FORMATS = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "TIFF", "BMP")
_SIDE_BY_SIDE = 2
_MODELS_LIMIT = 10_000  # photos whose camera is remembered


class Pictures:
    """Pictures below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._impossible: set[int] = set()
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
                await asyncio.to_thread(_make, card.path, made, SIZES[kind])
            except Exception as error:  # Pillow raises what it likes on broken files
                log.info("no picture of photo %d: %s", card.id, error)
                self._impossible.add(card.id)
                return None
        return made

    async def camera(self, card: Card) -> str:
        """The camera that a photo is from; an e-mail does not say, but its photos do."""
        if card.camera or card.path is None or card.is_video:
            return card.camera
        if card.id not in self._models:
            self._models[card.id] = await asyncio.to_thread(camera_model, card.path)
            if len(self._models) > _MODELS_LIMIT:
                self._models.popitem(last=False)
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


def _make(source: Path, made: Path, side: int) -> None:
    with Image.open(source, formats=_FORMATS) as image:
        if image.width * image.height > PIXEL_LIMIT:
            raise ValueError(f"{image.width} x {image.height} pixels are too many")
        image.draft("RGB", (side, side))
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((side, side))
        made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = made.with_suffix(".new")
        upright.convert("RGB").save(temporary, "JPEG", quality=80)
    temporary.rename(made)


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
