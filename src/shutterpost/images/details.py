"""What a photo says of itself: a bounded part of the file is read, and nothing is decoded."""

import logging
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from shutterpost.images import jpeg, png
from shutterpost.images.exif import Tag, Value, read_exif

log = logging.getLogger(__name__)

_MODEL_LIMIT = 60
_ORIENTATIONS = range(1, 9)


@dataclass(frozen=True, slots=True)
class Details:
    """A photo's size in pixels where it is known, its model, and its other values in words."""

    size: tuple[int, int] | None = None
    model: str = ""
    orientation: int = 1
    words: tuple[tuple[str, str], ...] = ()


def read_details(path: Path) -> Details:
    """Read the details of a file. A file that is no photo has none.

    Raises OSError.
    """
    with path.open("rb") as file:
        return details(file.read(jpeg.HEAD_LIMIT))


def camera_model(path: Path) -> str:
    """The EXIF Model of a photo, or an empty string: a post goes out without it as well."""
    try:
        return read_details(path).model
    except OSError as error:
        log.info("no model of %s: %s", path.name, error)
        return ""


def details(data: bytes) -> Details:
    """The details of a file that begins with `data`."""
    if png.is_png(data):
        return Details(png.size(data))
    if not jpeg.is_jpeg(data):
        return Details()
    head = jpeg.read_head(data)
    values = read_exif(head.exif)
    return Details(
        (head.frame.width, head.frame.height) if head.frame else None,
        _text(values.get(Tag.MODEL))[:_MODEL_LIMIT],
        _orientation(values.get(Tag.ORIENTATION)),
        _words(values),
    )


def _orientation(value: Value | None) -> int:
    return int(value) if isinstance(value, Fraction) and value in _ORIENTATIONS else 1


def _words(values: dict[Tag, Value]) -> tuple[tuple[str, str], ...]:
    found = (
        ("Taken", _date(values.get(Tag.TAKEN)) or _date(values.get(Tag.CHANGED))),
        ("Exposure", _exposure(values.get(Tag.EXPOSURE))),
        ("Aperture", _number(values.get(Tag.APERTURE), "f/{:g}")),
        ("ISO", _number(values.get(Tag.ISO), "{:.0f}")),
        ("Focal length", _number(values.get(Tag.FOCAL_LENGTH), "{:g} mm")),
    )
    return tuple((name, words) for name, words in found if words)


def _text(value: Value | None) -> str:
    return value if isinstance(value, str) else ""


def _date(value: Value | None) -> str:
    """A date as EXIF writes it; a camera whose clock was never set writes zeros or blanks."""
    try:
        return f"{datetime.strptime(_text(value), '%Y:%m:%d %H:%M:%S')}"
    except ValueError:
        return ""


def _exposure(value: Value | None) -> str:
    if not isinstance(value, Fraction) or value <= 0:
        return ""
    return f"1/{round(1 / value)} s" if value < 1 else f"{float(value):g} s"


def _number(value: Value | None, form: str) -> str:
    if not isinstance(value, Fraction) or value <= 0:
        return ""
    return form.format(round(float(value), 1))
