"""The camera's model as a photo says it."""

import logging
from pathlib import Path

from PIL import Image

log = logging.getLogger(__name__)

_MODEL = 0x0110
_LENGTH_LIMIT = 60


def camera_model(path: Path) -> str:
    """The EXIF Model of a photo, or an empty string: a post goes out without it as well."""
    try:
        with Image.open(path) as image:
            model = image.getexif().get(_MODEL, "")
    except Exception as error:  # Pillow raises what it likes on broken files
        log.debug("%s: no EXIF: %s", path.name, error)
        return ""
    text = "".join(letter if letter.isprintable() else " " for letter in str(model))
    return " ".join(text.split())[:_LENGTH_LIMIT]
